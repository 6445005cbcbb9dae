use expect_test::expect;

use super::{dialect::Dialect, question::Question, *};

/// Long enough for the longest window.
const SMALL: Size = Size { hosts: 20, hours: 13, end: 1_704_070_800 };

#[test]
fn every_dialect_says_the_same_question() {
    let question =
        |kind, hosts: &[usize]| Question { kind, hosts: hosts.into(), from: SMALL.end - 3_600, to: SMALL.end };
    let mut text = String::new();
    for question in [
        question(Kind::SingleGroupby { fields: 1, hosts: 2, hours: 1 }, &[3, 1]),
        question(Kind::DoubleGroupby { fields: 1 }, &[]),
        question(Kind::GroupbyOrderbyLimit, &[]),
        question(Kind::HighCpu { hosts: Some(1) }, &[7]),
    ] {
        for dialect in [Dialect::Weir, Dialect::DuckDb, Dialect::ClickHouse] {
            text.push_str(&dialect.sql(&question).unwrap());
            text.push('\n');
        }
    }
    expect![[r#"
        SELECT date_bin(INTERVAL '1 minute', time) AS minute, max(usage_user) AS max_usage_user FROM cpu WHERE hostname IN ('host_3', 'host_1') AND time >= TIMESTAMP '2024-01-01T00:00:00Z' AND time < TIMESTAMP '2024-01-01T01:00:00Z' GROUP BY minute ORDER BY minute
        SELECT date_trunc('minute', time) AS minute, max(usage_user) AS max_usage_user FROM cpu WHERE hostname IN ('host_3', 'host_1') AND time >= TIMESTAMP '2024-01-01 00:00:00' AND time < TIMESTAMP '2024-01-01 01:00:00' GROUP BY minute ORDER BY minute
        SELECT toStartOfMinute(time) AS minute, max(usage_user) AS max_usage_user FROM bench.cpu WHERE hostname IN ('host_3', 'host_1') AND time >= toDateTime('2024-01-01 00:00:00', 'UTC') AND time < toDateTime('2024-01-01 01:00:00', 'UTC') GROUP BY minute ORDER BY minute
        SELECT date_bin(INTERVAL '1 hour', time) AS hour, hostname, avg(usage_user) AS mean_usage_user FROM cpu WHERE time >= TIMESTAMP '2024-01-01T00:00:00Z' AND time < TIMESTAMP '2024-01-01T01:00:00Z' GROUP BY hour, hostname ORDER BY hour, hostname
        SELECT date_trunc('hour', time) AS hour, hostname, avg(usage_user) AS mean_usage_user FROM cpu WHERE time >= TIMESTAMP '2024-01-01 00:00:00' AND time < TIMESTAMP '2024-01-01 01:00:00' GROUP BY hour, hostname ORDER BY hour, hostname
        SELECT toStartOfHour(time) AS hour, hostname, avg(usage_user) AS mean_usage_user FROM bench.cpu WHERE time >= toDateTime('2024-01-01 00:00:00', 'UTC') AND time < toDateTime('2024-01-01 01:00:00', 'UTC') GROUP BY hour, hostname ORDER BY hour, hostname
        SELECT date_bin(INTERVAL '1 minute', time) AS minute, max(usage_user) AS max_usage_user FROM cpu WHERE time < TIMESTAMP '2024-01-01T01:00:00Z' GROUP BY minute ORDER BY minute DESC LIMIT 5
        SELECT date_trunc('minute', time) AS minute, max(usage_user) AS max_usage_user FROM cpu WHERE time < TIMESTAMP '2024-01-01 01:00:00' GROUP BY minute ORDER BY minute DESC LIMIT 5
        SELECT toStartOfMinute(time) AS minute, max(usage_user) AS max_usage_user FROM bench.cpu WHERE time < toDateTime('2024-01-01 01:00:00', 'UTC') GROUP BY minute ORDER BY minute DESC LIMIT 5
        SELECT time, hostname, region, datacenter, rack, os, arch, team, service, service_version, service_environment, usage_user, usage_system, usage_idle, usage_nice, usage_iowait, usage_irq, usage_softirq, usage_steal, usage_guest, usage_guest_nice FROM cpu WHERE hostname = 'host_7' AND time >= TIMESTAMP '2024-01-01T00:00:00Z' AND time < TIMESTAMP '2024-01-01T01:00:00Z' AND usage_user > 90
        SELECT time, hostname, region, datacenter, rack, os, arch, team, service, service_version, service_environment, usage_user, usage_system, usage_idle, usage_nice, usage_iowait, usage_irq, usage_softirq, usage_steal, usage_guest, usage_guest_nice FROM cpu WHERE hostname = 'host_7' AND time >= TIMESTAMP '2024-01-01 00:00:00' AND time < TIMESTAMP '2024-01-01 01:00:00' AND usage_user > 90
        SELECT time, hostname, region, datacenter, rack, os, arch, team, service, service_version, service_environment, usage_user, usage_system, usage_idle, usage_nice, usage_iowait, usage_irq, usage_softirq, usage_steal, usage_guest, usage_guest_nice FROM bench.cpu WHERE hostname = 'host_7' AND time >= toDateTime('2024-01-01 00:00:00', 'UTC') AND time < toDateTime('2024-01-01 01:00:00', 'UTC') AND usage_user > 90
    "#]].assert_eq(&text);
}

#[test]
fn questions_are_drawn_within_the_set_and_always_the_same() {
    let questions = question::draw(SMALL, 50).unwrap();
    assert_eq!(questions, question::draw(SMALL, 50).unwrap());
    for question in questions.iter().flatten() {
        assert!(SMALL.start() <= question.from && question.from < question.to && question.to <= SMALL.end);
        assert!(question.hosts.iter().all(|host| *host < SMALL.hosts), "{question:?}");
    }
    let names: Vec<String> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    expect!["single-groupby-1-1-1 single-groupby-1-1-12 single-groupby-1-8-1 single-groupby-5-1-1 single-groupby-5-1-12 single-groupby-5-8-1 cpu-max-all-1 cpu-max-all-8 double-groupby-1 double-groupby-5 double-groupby-all lastpoint groupby-orderby-limit high-cpu-1 high-cpu-all"].assert_eq(&names.join(" "));
}

#[test]
fn the_better_peer_is_the_faster_one_that_answered() {
    let latencies = |duckdb, chdb| Latencies { weir: None, duckdb, chdb }.better_peer();
    assert_eq!(latencies(Some(1.0), Some(2.0)), ("DuckDB", Some(1.0)));
    assert_eq!(latencies(Some(3.0), Some(2.0)), ("ClickHouse", Some(2.0)));
    assert_eq!(latencies(None, Some(2.0)), ("ClickHouse", Some(2.0)));
}
