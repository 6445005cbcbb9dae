//! How functions look in plans.

use expect_test::{Expect, expect};

use crate::test_store::{TestStore, sample, settings};

/// The logical plan, after all rules.
async fn check_plan(sql: &str, expected: Expect) {
    let store = TestStore::new(settings());
    for second in 0..20 {
        drop(store.write(vec![sample("load", &[("node", "a")], 30 * second, second as f64)]).await);
    }
    let plan = store.query(&format!("EXPLAIN {sql}")).await;
    // How it is run is the scan's affair.
    let logical = plan.lines().take_while(|line| !line.contains("physical_plan"));
    let lines = logical.map(|line| line.trim_matches(['|', ' ', '+', '-'])).filter(|line| !line.is_empty());
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn predicates_on_buckets_are_predicates_on_time() {
    check_plan("SELECT value FROM load WHERE time_bucket('5m', time) >= '2026-01-01T00:00:01Z'", expect![[r#"
        plan_type     | plan
        logical_plan  | TableScan: load projection=[value], full_filters=[load.time >= TimestampNanosecond(1767225900000000000, Some("UTC"))]"#]])
        .await;
    check_plan(
        "SELECT * FROM (SELECT time_bucket('1 month', time) AS month, count(*) FROM load GROUP BY month) \
         WHERE month = '2026-01-01'",
        expect![[r#"
            plan_type     | plan
            logical_plan  | Projection: time_bucket(Utf8("1 month"),load.time) AS month, count(Int64(1)) AS count(*)
            Aggregate: groupBy=[[date_bin(IntervalMonthDayNano("IntervalMonthDayNano { months: 1, days: 0, nanoseconds: 0 }"), load.time) AS time_bucket(Utf8("1 month"),load.time)]], aggr=[[count(Int64(1))]]
            TableScan: load projection=[time], full_filters=[load.time >= TimestampNanosecond(1767225600000000000, Some("UTC")), load.time < TimestampNanosecond(1769904000000000000, Some("UTC"))]"#]],
    )
    .await;
    check_plan(
        "SELECT value FROM load WHERE time_bucket('1h', time, '2026-01-01T00:30:00Z') IN ('2026-01-01T01:30:00Z') \
         AND date_bin(INTERVAL '1 hour', time) < '2026-01-01T02:00:00Z'",
        expect![[r#"
            plan_type     | plan
            logical_plan  | TableScan: load projection=[value], full_filters=[load.time >= TimestampNanosecond(1767231000000000000, Some("UTC")), load.time < TimestampNanosecond(1767232800000000000, Some("UTC"))]"#]],
    )
    .await;
}

#[tokio::test]
async fn plans_show_functions_by_their_names() {
    check_plan(
        "SELECT node, time_bucket('5m', time) AS bucket, rate(value, time), last(value, time) FROM load GROUP BY 1, 2",
        expect![[r#"
            plan_type     | plan
            logical_plan  | Projection: load.node, time_bucket(Utf8("5m"),load.time) AS bucket, rate(load.value,load.time), last(load.value,load.time)
            Aggregate: groupBy=[[load.node, date_bin(IntervalMonthDayNano("IntervalMonthDayNano { months: 0, days: 0, nanoseconds: 300000000000 }"), load.time) AS time_bucket(Utf8("5m"),load.time)]], aggr=[[rate(load.value, load.time), last(load.value, load.time)]]
            TableScan: load projection=[time, node, value]"#]],
    )
    .await;
    check_plan("SELECT interpolate(value, time) OVER (PARTITION BY node ORDER BY time) FROM load", expect![[r#"
        plan_type     | plan
        logical_plan  | Projection: interpolate(load.value,load.time) PARTITION BY [load.node] ORDER BY [load.time ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        WindowAggr: windowExpr=[[interpolate(load.value, load.time) PARTITION BY [load.node] ORDER BY [load.time ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW]]
        TableScan: load projection=[time, node, value]"#]])
        .await;
}
