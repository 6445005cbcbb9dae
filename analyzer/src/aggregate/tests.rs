//! Aggregates against a naive store, and what their plans look like.

use expect_test::expect;
use proptest::prelude::*;
use weir_model::observation::{Labels, Row, STALE_NAN_BITS, TableName};

use crate::{
    settings::Settings,
    test_store::{NOW, SECOND, TestStore, sample, settings},
};

/// Node, rack, second, x (none: null), n.
type Point = (u8, u8, i64, Option<i64>, i64);

fn point((node, rack, second, x, n): Point) -> weir_model::observation::Rows {
    let labels = Labels::new([("node", format!("n{node}")), ("rack", format!("r{rack}"))]);
    let row = Row::new(TableName::metric("load"), NOW + second * SECOND, labels);
    row.f64_or_null("x", x.map(|x| x as f64)).i64("n", n).into_rows()
}

/// What both ways must agree on, with `$f` for a function.
const QUERIES: [&str; 8] = [
    "SELECT node, date_bin(INTERVAL '5 seconds', time) AS bin, count(*), count(x), min(x), max(x), sum(x), avg(x) \
     FROM load GROUP BY node, bin ORDER BY node, bin",
    "SELECT date_bin(INTERVAL '7 seconds', time, TIMESTAMP '2026-01-01T00:00:03Z') AS bin, min(n), max(n), sum(n), \
     avg(n) FROM load GROUP BY bin ORDER BY bin",
    "SELECT count(*), count(x), min(x), max(x), sum(n), avg(n), min(time), max(time) FROM load",
    "SELECT count(*), max(x) FROM load WHERE node = 'nobody'",
    "SELECT rack, node, max(time), min(time) FROM load WHERE node <> 'n1' GROUP BY rack, node ORDER BY rack, node",
    "SELECT date_trunc('minute', time) AS bin, count(n) FROM load WHERE time >= '2026-01-01T00:00:10Z' GROUP BY bin",
    "SELECT DISTINCT rack FROM load ORDER BY rack",
    "SELECT node, count(*) FROM load WHERE time < '2026-01-01T00:00:20Z' GROUP BY node HAVING max(n) > 5 ORDER BY node",
];

/// The same query in a form that scans do not take over: they know nothing of `x + 0` nor of `CASE`.
async fn by_hashing(store: &TestStore, query: &str) -> String {
    let rows = "(SELECT time, CASE WHEN random() < 2 THEN node END AS node, CASE WHEN random() < 2 THEN rack END AS rack, \
                CASE WHEN random() < 2 THEN x END AS x, CASE WHEN random() < 2 THEN n END AS n FROM load \
                ORDER BY random()) AS load";
    store.query(&query.replace("FROM load", &format!("FROM {rows}"))).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn aggregates_are_those_of_the_rows(
        batches in prop::collection::vec(prop::collection::vec(
            (0_u8..3, 0_u8..2, 0_i64..40, prop::option::of(-9_i64..9), 0_i64..9), 1..20), 1..6),
        flush_after in 0_usize..6,
        partition_rows in prop::sample::select(vec![1, 100_000]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = TestStore::new(Settings { chunk_rows: 16, partition_rows, ..settings() });
            for (index, batch) in batches.iter().enumerate() {
                drop(store.write(batch.iter().map(|values| point(*values)).collect()).await);
                if index == flush_after {
                    store.store().flush().await.unwrap();
                }
            }
            for query in QUERIES {
                assert_eq!(store.query(query).await, by_hashing(&store, query).await, "{query}");
            }
        });
    }
}

async fn plan(store: &TestStore, query: &str) -> String {
    let plan = store.query(&format!("EXPLAIN FORMAT INDENT {query}")).await;
    let lines = plan.lines().filter_map(|line| line.split('|').nth(2).map(str::trim_end));
    let lines = lines.skip_while(|line| !line.contains("Exec") && !line.contains("Series"));
    lines.filter(|line| !line.trim().is_empty()).map(|line| line.trim_start_matches(' ').to_owned() + "\n").collect()
}

#[tokio::test]
async fn scans_take_aggregations_over() {
    let store = TestStore::new(settings());
    drop(store.write(vec![point((1, 1, 0, Some(1), 1)), point((2, 1, 70, None, 2))]).await);
    let taken = plan(&store, "SELECT date_bin(INTERVAL '1 minute', time) AS m, max(x) FROM load GROUP BY m").await;
    assert!(taken.contains("SeriesAggregate: cells=2, calls=1"), "{taken}");
    assert!(!taken.contains("AggregateExec"), "{taken}");
    for left in [
        "SELECT node, max(x + 1) FROM load GROUP BY node",
        "SELECT node, count(DISTINCT n) FROM load GROUP BY node",
        "SELECT node, sum(n) FILTER (WHERE x > 1) FROM load GROUP BY node",
        "SELECT date_bin(INTERVAL '1 month', time) AS m, max(x) FROM load GROUP BY m",
        "SELECT time, max(x) FROM load GROUP BY time",
    ] {
        let plan = plan(&store, left).await;
        assert!(!plan.contains("SeriesAggregate"), "{left}: {plan}");
    }
}

#[tokio::test]
async fn a_predicate_on_a_bin_reaches_the_scan() {
    let store = TestStore::new(settings());
    drop(store.write(vec![point((1, 1, 0, Some(1), 1)), point((2, 1, 70, None, 2))]).await);
    let bins = "SELECT time_bucket('1m', time) AS m, avg(x) AS mean FROM load GROUP BY m";
    let plan = plan(&store, &format!("SELECT * FROM ({bins}) WHERE m >= '2026-01-01T00:01:00Z'")).await;
    assert!(plan.contains("SeriesAggregate: cells=1,") && !plan.contains("FilterExec"), "{plan}");
}

#[tokio::test]
async fn nan_is_the_largest_however_rows_are_divided() {
    for partition_rows in [1, 100_000] {
        let store = TestStore::new(Settings { partition_rows, ..settings() });
        let sample = |node, second, value| sample("load", &[("node", node), ("rack", "r")], second, value);
        let values = [("a", f64::NAN), ("a", -f64::NAN), ("b", 1.0), ("b", 2.0)].into_iter().zip(0..);
        drop(store.write(values.map(|((node, value), second)| sample(node, second, value)).collect()).await);
        let found = store.query("SELECT rack, max(value) AS max, min(value) AS min FROM load GROUP BY rack").await;
        assert!(found.contains("| r    | NaN | 1.0 |"), "{found}");
        let cast = store.try_query("SELECT count(CAST(node AS DOUBLE)) FROM load").await;
        assert!(cast.is_err(), "{cast:?}");
    }
}

#[tokio::test]
async fn staleness_markers_are_no_values() {
    let store = TestStore::new(settings());
    let marker = f64::from_bits(STALE_NAN_BITS);
    let samples = [(0, 1.0), (1, marker), (2, f64::NAN)];
    drop(store.write(samples.map(|(second, value)| sample("up", &[("node", "a")], second, value)).into()).await);
    let counted = store.query("SELECT node, count(*) AS rows, min(value), max(value) FROM up GROUP BY node").await;
    expect![[r#"
        +------+------+---------------+---------------+
        | node | rows | min(up.value) | max(up.value) |
        +------+------+---------------+---------------+
        | a    | 2    | 1.0           | NaN           |
        +------+------+---------------+---------------+"#]]
    .assert_eq(&counted);
}
