//! Polls in, rows out.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use weir_model::{
    id::{GroupId, GroupOrd},
    observation::{Labels, TableName},
    prefix::PrefixTable,
    unit::Bps,
};

use super::*;
use crate::sink::recorder::render;

const SLOTS: Slots =
    Slots { rate: Duration::from_secs(60), usage: Duration::from_secs(300), gap_max: Duration::from_secs(150) };

fn port(link: &str, billed: Option<Meters>) -> Port {
    let billed = billed.map(|with| Billed { contract: "c1".into(), with });
    Port { link: link.into(), capacity: Bps(1e9), billed }
}

/// `r1 eth0` and `r1 eth1` are a bundle, billed together; `r2 eth0` is another link, not billed.
fn ports() -> Arc<Ports> {
    Arc::new(Ports::new(
        &["instance", "ifName"],
        [
            (vec!["r1", "eth0"], port("l1", Some(Meters::Link))),
            (vec!["r1", "eth1"], port("l1", Some(Meters::Link))),
            (vec!["r2", "eth0"], port("l2", None)),
        ],
    ))
}

fn links() -> CounterMap {
    CounterMap::new(Rule::if_mib(&ports()), SLOTS).unwrap()
}

/// A poll, in seconds.
fn poll(map: &mut CounterMap, metric: &str, labels: &[(&str, &str)], secs: i64, value: f64) -> Vec<Rows> {
    let mut rows = Rows::empty(TableName::metric(metric));
    rows.push_sample(&Labels::new(labels.iter().copied()), secs * 1_000_000_000, value);
    map.observe(&rows, UnixNanos(secs * 1_000_000_000))
}

const R1_ETH0: [(&str, &str); 3] = [("instance", "r1"), ("ifName", "eth0"), ("ifIndex", "1")];
const R1_ETH1: [(&str, &str); 2] = [("instance", "r1"), ("ifName", "eth1")];
const R2_ETH0: [(&str, &str); 2] = [("instance", "r2"), ("ifName", "eth0")];

/// Polls both ways of a port at these seconds, with 1,000 bytes/s in and 500 bytes/s out.
fn steady(map: &mut CounterMap, port: &[(&str, &str)], at: impl IntoIterator<Item = i64>) -> Vec<Rows> {
    let mut rows = Vec::new();
    for secs in at {
        rows.extend(poll(map, "ifHCInOctets", port, secs, secs as f64 * 1_000.0));
        rows.extend(poll(map, "ifHCOutOctets", port, secs, secs as f64 * 500.0));
    }
    rows
}

fn check(rows: Vec<Rows>, expect: Expect) {
    expect.assert_eq(&render(rows));
}

#[test]
fn a_ports_counters_become_rates_and_usage_of_aligned_slots() {
    let mut map = links();
    check(
        steady(&mut map, &R1_ETH0, (10..=640).step_by(45)),
        expect![[r#"
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @60
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @120
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @180
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @240
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @300
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @360
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @420
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @480
            metrics.link_traffic{link="l1"} in_bps=8000 out_bps=4000 @540
            cost.usage_5min{contract="c1",link="l1"} in_bytes=300000 out_bytes=150000 @300
        "#]],
    );
}

#[test]
fn the_ports_of_a_bundle_are_summed_when_the_last_has_passed_the_slot() {
    let mut map = links();
    steady(&mut map, &R1_ETH0, [0]);
    steady(&mut map, &R1_ETH1, [0]);
    assert!(steady(&mut map, &R1_ETH0, [60]).is_empty());
    check(
        steady(&mut map, &R1_ETH1, [60]),
        expect![[r#"
            metrics.link_traffic{link="l1"} in_bps=16000 out_bps=8000 @0
        "#]],
    );
}

#[test]
fn a_gap_is_no_row_and_no_zero() {
    let mut map = links();
    // Nothing from 120 to 300 s, which is more than 150 s.
    check(
        steady(&mut map, &R2_ETH0, [0, 60, 120, 300, 360, 420]),
        expect![[r#"
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @0
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @60
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @300
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @360
        "#]],
    );
    // Two polls missed, 150 s: shared evenly.
    let mut map = links();
    let rows = render(steady(&mut map, &R2_ETH0, [0, 150, 300]));
    assert_eq!(rows.lines().count(), 5, "{rows}");
}

#[test]
fn a_clock_that_steps_back_makes_no_peak_of_what_was_counted_meanwhile() {
    let mut map = links();
    steady(&mut map, &R2_ETH0, (0..=4_200).step_by(60));
    // An hour back, and through that hour again; the port goes on counting.
    let mut rows = Vec::new();
    for secs in (660..=4_440).step_by(60) {
        let counted = (secs + 3_600) as f64;
        rows.extend(poll(&mut map, "ifHCInOctets", &R2_ETH0, secs, counted * 1_000.0));
        rows.extend(poll(&mut map, "ifHCOutOctets", &R2_ETH0, secs, counted * 500.0));
    }
    check(
        rows,
        expect![[r#"
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @4200
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @4260
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @4320
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @4380
        "#]],
    );
}

#[test]
fn a_bundle_with_a_silent_port_is_not_measured() {
    let mut map = links();
    steady(&mut map, &R1_ETH0, [0]);
    steady(&mut map, &R1_ETH1, [0]);
    assert!(steady(&mut map, &R1_ETH0, (60..=900).step_by(60)).is_empty());
    // However long it is silent, it is not taken for one that never was.
    assert!(map.handle_timeout(UnixNanos::from_secs(900)).is_empty());
    assert!(steady(&mut map, &R1_ETH0, [960]).is_empty());
    // Both again from 960 s on.
    steady(&mut map, &R1_ETH1, [960]);
    steady(&mut map, &R1_ETH0, [1_020]);
    check(
        steady(&mut map, &R1_ETH1, [1_020]),
        expect![[r#"
            metrics.link_traffic{link="l1"} in_bps=16000 out_bps=8000 @960
        "#]],
    );
}

#[test]
fn one_way_alone_is_a_row_with_a_null_once_the_other_is_overdue() {
    let mut map = links();
    let mut rows = steady(&mut map, &R2_ETH0, [0]);
    for secs in [60, 120, 180] {
        rows.extend(poll(&mut map, "ifHCInOctets", &R2_ETH0, secs, secs as f64 * 1_000.0));
    }
    assert!(rows.is_empty(), "the other way may still come");
    check(
        map.handle_timeout(UnixNanos::from_secs(270)),
        expect![[r#"
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=null @0
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=null @60
        "#]],
    );
}

#[test]
fn resets_count_from_zero_and_narrow_counters_wrap() {
    let in_bps = |metric: &str, before: f64, after: f64| {
        let mut map = links();
        poll(&mut map, metric, &R2_ETH0, 0, before);
        // 1 Gbit/s goes round 32 bits in 34 s, so within less.
        poll(&mut map, metric, &R2_ETH0, 30, after);
        render(poll(&mut map, metric, &R2_ETH0, 60, after))
    };
    let row = |bps: u32| format!("metrics.link_traffic{{link=\"l2\"}} in_bps={bps} out_bps=null @0\n");
    assert_eq!(in_bps("ifHCInOctets", 5e9, 6_000.0), row(800));
    assert_eq!(in_bps("ifInOctets", 4_294_967_296.0 - 3_000.0, 3_000.0), row(800));
    assert_eq!(in_bps("ifHCInOctets", 4_294_967_296.0 - 3_000.0, 3_000.0), row(400));
}

#[test]
fn the_wide_counter_of_a_port_replaces_its_narrow_one() {
    let mut map = links();
    let mut rows = Vec::new();
    for secs in (0..=180).step_by(20) {
        rows.extend(poll(&mut map, "ifInOctets", &R2_ETH0, secs, secs as f64 * 1_000.0));
        if secs >= 60 {
            rows.extend(poll(&mut map, "ifHCInOctets", &R2_ETH0, secs + 1, 7e12 + secs as f64 * 1_000.0));
        }
    }
    check(
        rows,
        expect![[r#"
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=null @0
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=null @120
        "#]],
    );
}

#[test]
fn other_tables_ports_and_values_are_passed_over() {
    let mut map = links();
    let elsewhere = [("instance", "r9"), ("ifName", "eth0")];
    for secs in [0, 60, 120] {
        assert!(steady(&mut map, &elsewhere, [secs]).is_empty());
        assert!(poll(&mut map, "ifInErrors", &R2_ETH0, secs, 1.0).is_empty());
        assert!(poll(&mut map, "ifHCInOctets", &R2_ETH0, secs, f64::from_bits(STALE_NAN_BITS)).is_empty());
    }
    assert_eq!(map.counters, 0);
    // Late and repeated polls change nothing.
    let rows = steady(&mut map, &R2_ETH0, [0, 30, 10, 30, 60]);
    assert_eq!(render(rows), "metrics.link_traffic{link=\"l2\"} in_bps=8000 out_bps=4000 @0\n");
}

fn edges() -> CounterMap {
    let table = PrefixTable::new([
        ("203.0.113.0/24".parse().unwrap(), GroupOrd(0)),
        ("2001:db8::/32".parse().unwrap(), GroupOrd(1)),
    ]);
    let prefixes = Arc::new(Prefixes { table, groups: vec![GroupId::from("de-dtag"), GroupId::from("de-v6")] });
    let feed = |quantity, group| Feed::Edge(EdgeFeed { quantity, group, domain: "host".into(), site: "site".into() });
    let rules = [
        ("edge_bytes_total", feed(Quantity::Bytes, GroupBy::Prefix { label: "prefix".into(), prefixes })),
        ("edge_requests_total", feed(Quantity::Requests, GroupBy::Label("group".into()))),
    ];
    CounterMap::new(rules.map(|(metric, feed)| Rule { metric: metric.into(), feed }), SLOTS).unwrap()
}

#[test]
fn demand_is_summed_over_prefixes_and_joined_with_requests() {
    let mut map = edges();
    let of = |prefix| [("prefix", prefix), ("host", "a.example"), ("site", "fra")];
    let mut rows = Vec::new();
    for secs in [0, 60, 120] {
        let bytes = secs as f64 * 1_000.0;
        for prefix in ["203.0.113.0/25", "203.0.113.128/25"] {
            rows.extend(poll(&mut map, "edge_bytes_total", &of(prefix), secs, bytes));
        }
        rows.extend(poll(&mut map, "edge_bytes_total", &of("192.0.2.0/24"), secs, bytes));
        let requests = [("group", "de-dtag"), ("host", "a.example"), ("site", "fra")];
        rows.extend(poll(&mut map, "edge_requests_total", &requests, secs, secs as f64 * 3.0));
        rows.extend(poll(&mut map, "edge_requests_total", &requests[..2], secs, 1e6));
    }
    check(
        rows,
        expect![[r#"
            metrics.demand{client_group="de-dtag",domain="a.example",site="fra"} bps=16000 rps=3 @0
            metrics.demand{client_group="de-dtag",domain="a.example",site="fra"} bps=16000 rps=3 @60
        "#]],
    );
}

#[test]
fn a_demand_counter_joins_with_its_first_whole_slot_and_is_forgotten_when_silent() {
    let mut map = edges();
    let of = |prefix| [("prefix", prefix), ("host", "a.example"), ("site", "fra")];
    let poll = |map: &mut CounterMap, prefix, secs: i64| {
        render(poll(map, "edge_bytes_total", &of(prefix), secs, secs as f64 * 1_000.0))
    };
    let row = |bps: u32, secs: u32| {
        format!(
            "metrics.demand{{client_group=\"de-dtag\",domain=\"a.example\",site=\"fra\"}} bps={bps} rps=null @{secs}\n"
        )
    };
    let (first, second) = ("203.0.113.1", "203.0.113.2");
    assert_eq!(poll(&mut map, first, 0), "");
    assert_eq!(poll(&mut map, second, 30), "");
    assert_eq!(poll(&mut map, second, 120), "");
    assert_eq!(poll(&mut map, first, 120), row(8_000, 0) + &row(16_000, 60));
    // The second falls silent: while it may come back its slots are not known.
    for secs in [180, 240, 300] {
        assert_eq!(poll(&mut map, first, secs), "");
    }
    assert!(map.handle_timeout(UnixNanos::from_secs(300)).is_empty());
    assert_eq!(map.counters, 1);
    assert_eq!(poll(&mut map, first, 360), row(8_000, 120) + &row(8_000, 180) + &row(8_000, 240) + &row(8_000, 300));
    map.handle_timeout(UnixNanos::from_secs(600));
    assert_eq!((map.counters, map.meters.len()), (0, 0));
}

#[test]
fn ports_of_a_site_are_billed_together() {
    let ports =
        [("eth0", "l1"), ("eth1", "l2")].map(|(name, link)| (vec![name], port(link, Some(Meters::Site("fra".into())))));
    let mut map = CounterMap::new(Rule::if_mib(&Arc::new(Ports::new(&["ifName"], ports))), SLOTS).unwrap();
    let mut rows = Vec::new();
    for secs in (0..=300).step_by(100) {
        rows.extend(steady(&mut map, &[("ifName", "eth0")], [secs]));
        rows.extend(steady(&mut map, &[("ifName", "eth1")], [secs]));
    }
    let usage = rows.into_iter().filter(|rows| &*rows.table.name == "usage_5min");
    check(
        usage.collect(),
        expect![[r#"
            cost.usage_5min{contract="c1",site="fra"} in_bytes=600000 out_bytes=300000 @0
        "#]],
    );
}

#[test]
fn slots_that_make_no_sense_are_refused() {
    let new = |slots| CounterMap::new([], slots).map(drop);
    assert_eq!(new(Slots { rate: Duration::ZERO, ..SLOTS }), Err(SlotsError::Zero));
    assert_eq!(new(Slots { gap_max: Duration::ZERO, ..SLOTS }), Err(SlotsError::Zero));
    let fine = Slots { rate: Duration::from_millis(41), ..SLOTS };
    assert!(matches!(new(fine), Err(SlotsError::TooFine { .. })));
    assert_eq!(new(Slots { rate: Duration::from_millis(42), ..SLOTS }), Ok(()));
}

proptest! {
    /// However often a port is polled, its slots say the same, and together what it counted.
    #[test]
    fn usage_does_not_depend_on_when_polls_come(gaps in prop::collection::vec(1i64..150, 20..60)) {
        let mut map = links();
        let times: Vec<i64> = std::iter::once(0).chain(gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) })).collect();
        let rows = steady(&mut map, &R1_ETH0, times.iter().copied());
        let usage: Vec<i64> = rows
            .iter()
            .filter(|rows| &*rows.table.name == "usage_5min")
            .flat_map(|rows| match &rows.fields[0].1 {
                Column::I64(bytes) => bytes.iter().map(|bytes| bytes.unwrap()).collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            })
            .collect();
        let last = times[times.len() - 1];
        prop_assert_eq!(usage, vec![300_000; (last / 300) as usize]);
    }
}

#[test]
fn a_sample_of_the_far_future_is_passed_over_and_stops_nothing() {
    let mut map = links();
    let before = MAPPING_SAMPLES_IGNORED.get();
    steady(&mut map, &R2_ETH0, [0, 60]);
    let mut wrong = Rows::empty(TableName::metric("ifHCInOctets"));
    wrong.push_sample(&Labels::new(R2_ETH0), 86_400 * 1_000_000_000, 5e6);
    assert!(map.observe(&wrong, UnixNanos(61_000_000_000)).is_empty());
    assert!(MAPPING_SAMPLES_IGNORED.get() > before);
    // A clock that is ahead by no more than a slot is a clock.
    let mut ahead = Rows::empty(TableName::metric("ifHCInOctets"));
    ahead.push_sample(&Labels::new(R2_ETH0), 120_000_000_000, 120e3);
    map.observe(&ahead, UnixNanos(61_000_000_000));
    check(
        steady(&mut map, &R2_ETH0, [120, 180]),
        expect![[r#"
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @60
            metrics.link_traffic{link="l2"} in_bps=8000 out_bps=4000 @120
        "#]],
    );
}
