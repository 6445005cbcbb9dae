use expect_test::{Expect, expect};

use super::*;

const NO_FILES: &dyn Fn(&str) -> Result<String, String> = &|_| Err("there are no files here".to_owned());

fn check(text: &str, expect: Expect) {
    let read = Scenario::read("month.yaml", text, NO_FILES).map(|scenario| format!("{} faults", scenario.faults.len()));
    expect.assert_eq(&read.unwrap_or_else(|errors| errors.to_string()));
}

const REST: &str = "estate: demo\nstarts: 2026-01-01\nduration: 1d\ndemand: {generator: {total: 1Mbps}}\n";

#[test]
fn faults_are_read_in_order_of_time() {
    let text = format!(
        "name: x\n{REST}faults: [restore edge-3 at 2h, kill edge-3 at 60m, 'slow mid-1  80ms at 5h', loss edge-2 30% at 1s,
        price fra-transit x1.5 at 2s, surge www.aurora.test x3 at 3s, restart controller at 4s]"
    );
    let scenario = Scenario::read("month.yaml", &text, NO_FILES).unwrap();
    let texts: Vec<&str> = scenario.faults.iter().map(|fault| fault.text.as_str()).collect();
    let expected = "loss edge-2 30% at 1s, price fra-transit x1.5 at 2s, surge www.aurora.test x3 at 3s, \
                    restart controller at 4s, kill edge-3 at 1h, restore edge-3 at 2h, slow mid-1 80ms at 5h";
    assert_eq!(texts.join(", "), expected);
}

#[test]
fn every_error_is_named_at_once() {
    check(
        "nam: x
estate: demo
starts: 2026-01-01
duration: 7m
vantages: 0
probe_every: 1h
demand: {generator: {total: 1Mbps, daily: 2, domains: {www.aurora.tst: 1}}, csv: history.csv}
policy: {plan_evry: 1h}
faults:
  - kill edge-33 at 1m
  - kil edge-3 at 1m
  - loss edge-3 30 at 1m
  - price fra-transt x2 at 1m
  - kill edge-3 at 8m
  - reboot
",
        expect![[r#"
            month.yaml:1:1: the file has no `name`
            month.yaml:1:1: the file has no key `nam`
                hint: did you mean `name`?
            month.yaml:4:11: `duration` must be whole slots of 5 minutes, which is what bills count
            month.yaml:5:11: `vantages` must be 1 to 64
            month.yaml:6:14: `probe_every` must be from 10ms to 10s
            month.yaml:7:10: `demand` takes one of `generator`, `csv` and `parquet`
            month.yaml:7:43: `daily` is 2, which is not between 0 and 1
            month.yaml:7:56: there is no domain `www.aurora.tst`
                hint: did you mean `www.aurora.test`?
            month.yaml:7:82: `history.csv` cannot be read: there are no files here
            month.yaml:8:10: policy has no key `plan_evry`
                hint: did you mean `plan_every`?
            month.yaml:10:5: there is no node `edge-33`
                hint: did you mean `edge-3`?
            month.yaml:11:5: `kil` is no fault
                hint: did you mean `kill`?
            month.yaml:12:5: `30` is no percentage such as `30%`
                hint: write '<verb> <target> [<argument>] at <time>': 'kill edge-3 at 2d', 'restore edge-3 at 50h', 'slow mid-1 80ms at 5d', 'loss edge-2 30% at 7d', 'price fra-transit x1.5 at 10d', 'surge www.aurora.test x3 at 12d', 'restart controller at 14d'
            month.yaml:13:5: there is no contract `fra-transt`
                hint: did you mean `fra-transit`?
            month.yaml:14:5: `kill edge-3 at 8m` is after the end: nothing would come of it
            month.yaml:15:5: `reboot` is no fault
                hint: write '<verb> <target> [<argument>] at <time>': 'kill edge-3 at 2d', 'restore edge-3 at 50h', 'slow mid-1 80ms at 5d', 'loss edge-2 30% at 7d', 'price fra-transit x1.5 at 10d', 'surge www.aurora.test x3 at 12d', 'restart controller at 14d'"#]],
    );
}

#[test]
fn an_estate_that_cannot_be_read_is_one_error() {
    let text = REST.replace("demo", "estates/ours.yaml");
    check(
        &format!("name: x\n{text}faults: [kill edge-3 at 1m]"),
        expect!["month.yaml:2:9: `estates/ours.yaml` cannot be read: there are no files here"],
    );
}

#[test]
fn errors_in_other_files_are_reported_too() {
    let files = |name: &str| match name {
        "ours.yaml" => Ok("providers: []\n".to_owned()),
        _ => Ok("time,bps\n".to_owned()),
    };
    let text = "name: x\nestate: ours.yaml\nstarts: 2026-01-01\nduration: 1d\nscale: -1\ndemand: {csv: history.csv}\n";
    let errors = Scenario::read("month.yaml", text, &files).unwrap_err().to_string();
    expect![[r#"
        month.yaml:5:8: `scale` is negative (-1)
        ours.yaml:1:1: the file has no `sites`
        ours.yaml:1:1: the file has no `nodes`
        ours.yaml:1:1: the file has no `customers`
        ours.yaml:1:1: the file has no `domains`
        ours.yaml:1:1: the file has no `client_groups`"#]]
    .assert_eq(&errors);
}

#[test]
fn shipped_scenarios_are_read() {
    for (file, text) in [
        ("demo-month.yaml", include_str!("../../scenarios/demo-month.yaml")),
        ("multicloud-month.yaml", include_str!("../../scenarios/multicloud-month.yaml")),
    ] {
        let scenario = Scenario::read(file, text, NO_FILES).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(file.starts_with(&scenario.name) && !scenario.faults.is_empty());
    }
}
