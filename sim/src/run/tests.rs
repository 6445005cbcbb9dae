use std::time::Duration;

use expect_test::expect_file;
use rust_decimal::Decimal;
use weir_model::{observation::Column, yaml::Diagnostics};

use super::*;
use crate::{
    demand::Demand,
    outcome::{FaultRecord, Loss, PairTally, Table},
};

const NO_FILES: &dyn Fn(&str) -> Result<String, String> = &|_| Err("there are no files here".to_owned());

/// A scenario on the demo's estate, with these faults and anything else that differs.
fn scenario(duration: &str, more: &str, faults: &str) -> Scenario {
    let text = format!(
        "name: test\nestate: demo\nstarts: 2026-04-01\nduration: {duration}\n{more}\nfaults: [{faults}]
demand: {{generator: {{total: 50Mbps, daily: 0.3}}}}
policy: {{plan_every: 1h, max_shift: 0.35}}\n"
    );
    Scenario::read("test.yaml", &text, NO_FILES).unwrap_or_else(refuse)
}

fn refuse<T>(errors: Diagnostics) -> T {
    panic!("{errors}")
}

fn outcome(scenario: &Scenario, seed: u64) -> Outcome {
    run(scenario, seed, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn csv(scenario: &Scenario, seed: u64) -> String {
    Table::from(&outcome(scenario, seed)).to_csv()
}

/// The lines of these tables.
fn rows_of(outcome: &Outcome, tables: &[&str]) -> String {
    let csv = Table::from(outcome).to_csv();
    let wanted = |line: &&str| tables.iter().any(|table| line.split(',').next() == Some(*table));
    csv.lines().filter(wanted).map(|line| format!("{line}\n")).collect()
}

/// Two edges with a volume contract each, one origin, one group, one domain, always 80 Mbit/s.
const SMALL: &str = "
providers: [{id: own}]
contracts:
  - {id: cheap, currency: EUR, kind: per_gb, direction: out, price: 0.01}
  - {id: dear, currency: EUR, kind: per_gb, direction: out, price: 0.02}
sites:
  - {id: s1, kind: edge, region: eu, provider: own, contract: cheap}
  - {id: s2, kind: edge, region: eu, provider: own, contract: dear}
  - {id: core, kind: idc, region: eu, provider: own}
nodes:
  - {id: edge-1, site: s1, role: edge, addresses: [127.0.1.1], capacity: 100Mbps}
  - {id: edge-2, site: s2, role: edge, addresses: [127.0.1.2], capacity: 100Mbps}
  - {id: origin-1, site: core, role: origin, addresses: [127.0.3.1], capacity: 1Gbps}
links:
  - {id: e1o1, kind: backbone, from: edge-1, to: origin-1, provider: own, capacity: 1Gbps, latency: 5ms}
  - {id: e2o1, kind: backbone, from: edge-2, to: origin-1, provider: own, capacity: 1Gbps, latency: 5ms}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, ttl: 10s, origins: [origin-1], hit_ratio: 0.9}]
client_groups: [{id: near, region: eu, prefixes: [10.0.0.0/16], latency: {s1: 10ms, s2: 12ms}}]
";

/// The small estate for an hour; `faults` happen in it.
fn small(faults: &str) -> Scenario {
    let files = |name: &str| match name {
        "small.yaml" => Ok(SMALL.to_owned()),
        _ => Ok("time,client_group,domain,bps,rps\n0,near,www.acme.test,80e6,100\n".to_owned()),
    };
    let text = format!(
        "name: small\nestate: small.yaml\nstarts: 2026-04-01\nduration: 1h\ndemand: {{csv: flat.csv}}
policy: {{plan_every: 10m}}\nfaults: [{faults}]\n"
    );
    Scenario::read("small-hour.yaml", &text, &files).unwrap_or_else(refuse)
}

fn fault(outcome: &Outcome, number: usize) -> &FaultRecord {
    &outcome.faults[number - 1]
}

fn millis(span: Option<Duration>) -> u128 {
    span.expect("it happened").as_millis()
}

/// What was asked for was served or lost, of every pair.
fn check_conservation(outcome: &Outcome) {
    let near = |left: f64, right: f64| (left - right).abs() <= 1e-9 * left.abs().max(1.0);
    for pair in &outcome.pairs {
        let PairTally { asked, served, bits_asked, bits_served, bits_lost, .. } = pair.tally;
        assert!(near(asked, served + pair.tally.lost_in_all()), "{pair:?}");
        assert!(near(bits_asked, bits_served + bits_lost), "{pair:?}");
    }
    let (pairs, sites) = (outcome.total(), outcome.sites.iter());
    assert!(near(pairs.bits_served, sites.map(|site| site.tally.bits).sum()), "what is served is sent from a site");
}

#[test]
fn a_small_hour() {
    let outcome = outcome(&small("kill edge-1 at 20m, restore edge-1 at 40m"), 1);
    check_conservation(&outcome);
    expect_file!["small-hour.csv"].assert_eq(&rows_of(&outcome, &["run", "bill", "total", "domain", "site", "fault"]));
}

#[test]
fn a_seed_is_a_run() {
    let scenario = scenario("1h", "", "kill edge-1 at 10m, loss edge-8 20% at 20m");
    let first = csv(&scenario, 1);
    assert_eq!(first, csv(&scenario, 1));
    assert_ne!(first, csv(&scenario, 2));
}

#[test]
fn a_death_costs_what_is_sent_there_until_caches_have_turned_over() {
    let outcome = outcome(&small("kill edge-1 at 20m"), 1);
    let death = fault(&outcome, 1);
    let (detected, switched) = (millis(death.detected), millis(death.switched));
    // Three probes lost, 200 ms apart, the last known to be after 500 ms; by two of three vantages.
    assert!((900..=1_100).contains(&detected), "{detected}");
    assert_eq!(switched, detected + 100);
    assert_eq!(millis(death.recovered), switched + 10_000);
    // All 100 requests a second until the switch, then half of them on the mean over the TTL.
    let expected = 100.0 * (switched as f64 / 1e3 + 10.0 / 2.0);
    assert!((death.lost - expected).abs() < 1.0, "{} {expected}", death.lost);
    let total = outcome.total();
    assert!((total.lost[Loss::Dead as usize] - death.lost).abs() < 1e-6 && total.lost_in_all() == death.lost);
}

#[test]
fn a_node_that_nobody_replaces_does_not_recover() {
    let outcome = outcome(&small("loss origin-1 30% at 30m"), 1);
    let fading = fault(&outcome, 1);
    // A tenth of the requests misses the caches, and no other origin has it.
    let expected = 100.0 * 1_800.0 * 0.1 * 0.3;
    assert!(fading.detected.is_some() && (fading.lost - expected).abs() < 1e-6, "{fading:?}");
    assert_eq!(fading.recovered, None, "it still loses at the end");
    assert!((outcome.total().lost[Loss::NoRoute as usize] - expected).abs() < 1e-6);
    check_conservation(&outcome);
}

#[test]
fn what_does_not_fit_is_shed() {
    let outcome = outcome(&small("surge www.acme.test x5 at 30m"), 1);
    let total = outcome.total();
    // 400 Mbit/s for two edges of 100: half at best, a quarter until the next plan.
    let part = total.lost[Loss::Full as usize] / (500.0 * 1_800.0);
    assert!((0.5..0.75).contains(&part), "{part}");
    assert_eq!(total.lost_in_all(), total.lost[Loss::Full as usize]);
    check_conservation(&outcome);
}

#[test]
fn bills_are_of_what_was_sent() {
    let outcome = outcome(&small("price cheap x4 at 20m"), 1);
    let billed = |contract: &str| -> f64 {
        let mine = outcome.accounts.iter().filter(|account| account.bill.contract.as_str() == contract);
        mine.map(|account| account.bill.quantity.to_string().parse::<f64>().unwrap()).sum()
    };
    for (contract, site) in [("cheap", 0), ("dear", 1)] {
        let gigabytes = outcome.sites[site].tally.bits / 8e9;
        assert!(gigabytes > 1.0 && (billed(contract) - gigabytes).abs() < 1e-6, "{contract}: {gigabytes}");
    }
    let amended: Vec<usize> = outcome.accounts.iter().map(|account| account.version).collect();
    assert_eq!(amended, [1, 2, 1], "the dearer contract begins when its price does");
}

#[test]
fn a_new_controller_goes_on_where_the_old_one_was() {
    let outcome = outcome(&small("kill edge-1 at 10m, restart controller at 20m, restore edge-1 at 40m"), 1);
    let death = fault(&outcome, 1);
    assert!(millis(death.recovered) < 12_000, "it learns who is dead before it plans: {death:?}");
    assert_eq!(outcome.total().lost_in_all(), death.lost, "the restart costs nothing");
    assert!(millis(fault(&outcome, 3).switched) < 1_300, "and its plans are taken");
}

#[test]
fn only_what_may_change_is_probed() {
    let probes = |faults: &str| outcome(&small(faults), 1).summary.probes;
    assert_eq!(probes(""), 0);
    // Three vantages, one loss window of 300 probes after the verdict, and those before it.
    let death = probes("kill edge-1 at 10m");
    assert!((900..1_000).contains(&death), "{death}");
    // 4 % is between the limits of degraded: it crosses them for as long as it is watched.
    let wavering = probes("loss edge-1 4% at 1m");
    assert!(wavering <= 3 * 20 * 300, "{wavering}");
}

#[test]
fn a_run_can_be_stopped_and_needs_its_demand() {
    let mut scenario = small("");
    let mut seen = Vec::new();
    let stopped = run(&scenario, 1, &mut |done| {
        seen.push(done);
        if done > 0.4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(SimError::Stopped)));
    assert!(seen.is_sorted() && seen.len() >= 5, "{seen:?}");
    scenario.demand = Demand::Unread("history.parquet".to_owned());
    let unread = run(&scenario, 1, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(
        unread.to_string(),
        "the demand in `history.parquet` has not been read: put its rows into the scenario first"
    );
}

#[test]
fn rows_are_the_table() {
    let outcome = outcome(&small("kill edge-1 at 20m"), 1);
    let rows = outcome.rows("r1", UnixNanos(7));
    let names: Vec<(String, usize)> = rows.iter().map(|rows| (rows.table.to_string(), rows.len())).collect();
    let figures = Table::from(&outcome).entries.len();
    assert_eq!(names, [("sim.runs".to_owned(), 1), ("sim.results".to_owned(), figures)]);
    let results = &rows[1];
    assert!(results.fields.iter().all(|(_, column)| column.len() == figures));
    assert_eq!(results.labels[0].get("scenario"), "");
    assert_eq!((results.labels[0].get("run"), results.labels[0].get("table")), ("r1", "run"));
    let (Column::F64(values), Column::Amount(amounts)) = (&results.fields[0].1, &results.fields[1].1) else {
        panic!("{:?}", results.fields)
    };
    for ((entry, value), amount) in Table::from(&outcome).entries.iter().zip(values).zip(amounts) {
        let is_money =
            ["bill", "month_to_date", "forecast", "billed_to_date", "with_forecast"].contains(&&*entry.metric);
        assert_eq!(amount.is_some(), is_money, "{entry:?}");
        assert!(amount.is_none_or(|amount| value.is_none() && Decimal::from(amount) == entry.value.parse().unwrap()));
    }
}

/// The first hours of a shipped scenario, with all of its faults.
fn shortened(text: &str) -> Outcome {
    let mut scenario = Scenario::read("shipped.yaml", text, NO_FILES).unwrap_or_else(refuse);
    scenario.duration = Duration::from_secs(6 * 3_600);
    for (number, fault) in (1..).zip(&mut scenario.faults) {
        fault.at = Duration::from_secs(20 * 60 * number);
    }
    outcome(&scenario, scenario.seed)
}

#[test]
fn shipped_scenarios_run() {
    for text in [include_str!("../../scenarios/demo-month.yaml"), include_str!("../../scenarios/multicloud-month.yaml")]
    {
        let outcome = shortened(text);
        check_conservation(&outcome);
        assert!(outcome.total().availability() > 0.9, "{:?}", outcome.total());
        assert_eq!(outcome.summary.control.solve_errors, 0);
        let kill = fault(&outcome, 1);
        assert!(kill.switched.is_some() && kill.recovered.is_some(), "{kill:?}");
    }
}
