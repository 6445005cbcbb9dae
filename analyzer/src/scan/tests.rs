//! Scans against a naive store: a map from (labels, time) to value, filtered row by row.

use std::collections::BTreeMap;

use expect_test::expect;
use proptest::prelude::*;
use weir_model::observation::{Labels, Row, TableName};

use crate::{
    Delete, DeleteError,
    compact::Job,
    settings::Settings,
    test_store::{NOW, SECOND, TestStore, sample, settings},
};

/// Labels (one digit each, 0 is absent), second, value.
type Sample = ((u8, u8), i64, i64);

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Sample>),
    Flush,
    Reopen,
    /// Of which of [`DELETED`], from and until which second.
    Delete(usize, i64, i64),
    Compact,
}

type Chosen = fn(&str, &str) -> bool;

/// What is deleted, as SQL and as what it means for (node, site).
const DELETED: [(Option<&str>, Chosen); 5] = [
    (None, |_, _| true),
    (Some("node = 'a1'"), |node, _| node == "a1"),
    (Some("site <> '' AND node IN ('', 'b2')"), |node, site| !site.is_empty() && node != "a1"),
    (Some("node = site"), |node, site| node == site),
    (Some("node = 'nobody'"), |_, _| false),
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let samples = prop::collection::vec(((0_u8..3, 0_u8..3), 0_i64..12, 0_i64..100), 1..12);
    let delete = (0..DELETED.len(), -1_i64..8, 0_i64..13);
    let step = prop_oneof![
        5 => samples.prop_map(Step::Write),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        2 => delete.prop_map(|(what, from, seconds)| Step::Delete(what, from, from + seconds)),
        1 => Just(Step::Compact),
    ];
    prop::collection::vec(step, 1..12)
}

fn text(label: u8) -> &'static str {
    ["", "a1", "b2"][usize::from(label)]
}

type Keep = fn(&str, &str, i64) -> bool;

/// Predicates as SQL and as what they mean for (node, site, second).
const PREDICATES: [(&str, Keep); 9] = [
    ("true", |_, _, _| true),
    ("node = 'a1'", |node, _, _| node == "a1"),
    ("node <> 'a1' AND time >= to_timestamp_nanos($5)", |node, _, second| node != "a1" && second >= 5),
    ("node IN ('', 'b2') AND site = ''", |node, site, _| node != "a1" && site.is_empty()),
    ("node LIKE '%1' OR site = 'b2'", |node, site, _| node.ends_with('1') || site == "b2"),
    ("node ~ '^[ab]' AND time < to_timestamp_nanos($7)", |node, _, second| !node.is_empty() && second < 7),
    ("node = site", |node, site, _| node == site),
    ("NOT (node = 'a1' AND site = 'a1') AND time = to_timestamp_nanos($3)", |node, site, second| {
        !(node == "a1" && site == "a1") && second == 3
    }),
    ("(node = 'a1' OR time > to_timestamp_nanos($9))", |node, _, second| node == "a1" || second > 9),
];

/// `$5` as the nanoseconds of second 5.
fn with_times(predicate: &str) -> String {
    (0..12).rev().fold(predicate.to_owned(), |sql, second| {
        sql.replace(&format!("${second}"), &(NOW + second * SECOND).to_string())
    })
}

async fn run(steps: Vec<Step>, table_name: &'static str, extra_field: bool) {
    let mut store = TestStore::new(Settings { chunk_rows: 7, ..settings() });
    let mut naive = Naive::new();
    let other = sample("other", &[("node", "a1"), ("site", "b2")], 3, -1.0);
    drop(store.write(vec![other]).await);
    drop(store.write(vec![sample(table_name, &[("node", "zz"), ("site", "zz")], -1, 0.0)]).await);
    for step in steps {
        match step {
            Step::Write(samples) => {
                let batch = samples.into_iter().map(|((node, site), second, value)| {
                    naive.insert((text(node), text(site), second), value);
                    let labels = Labels::new([("node", text(node)), ("site", text(site))]);
                    let row = Row::new(TableName::metric(table_name), NOW + second * SECOND, labels);
                    let row = row.f64("value", value as f64);
                    if extra_field { row.i64("extra", value).into_rows() } else { row.into_rows() }
                });
                drop(store.write(batch.collect()).await);
            }
            Step::Flush => store.store().flush().await.unwrap(),
            Step::Reopen => drop(store.open()),
            Step::Compact => compact(&store),
            Step::Delete(what, from, until) => {
                let (condition, chosen) = DELETED[what];
                naive.retain(|(node, site, second), _| !(from..until).contains(second) || !chosen(node, site));
                delete(&store, table_name, condition, (from, until)).await;
            }
        }
    }
    check(&store, &naive, table_name).await;
    compact(&store);
    check(&store, &naive, table_name).await;
    assert_eq!(store.store().shared().state().open_deletions(), 0);
    check(&TestStore::again(store), &naive, table_name).await;
}

async fn delete(store: &TestStore, table: &str, condition: Option<&str>, (from, until): (i64, i64)) {
    let at = |second: i64| Some(NOW + second * SECOND);
    let condition = condition.map(str::to_owned);
    let what = Delete { table: table.into(), condition, from: at(from), until: at(until), dry_run: false };
    match store.store().delete(&what).await {
        Ok(_) => assert!(from < until),
        Err(error) => assert_eq!((error, from), (DeleteError::Times, until)),
    }
}

fn compact(store: &TestStore) {
    while let Some(job) = Job::next(store.store().shared()) {
        job.run(store.store().shared()).unwrap();
    }
}

type Naive = BTreeMap<(&'static str, &'static str, i64), i64>;

async fn check(store: &TestStore, naive: &Naive, table_name: &str) {
    for (predicate, keep) in PREDICATES {
        let sql = format!(
            "SELECT node, site, (CAST(time AS BIGINT) - {NOW}) / {SECOND} AS second, CAST(value AS BIGINT) AS value \
             FROM {table_name} WHERE node <> 'zz' AND {} ORDER BY 1, 2, 3",
            with_times(predicate)
        );
        let rows: Vec<String> = naive
            .iter()
            .filter(|((node, site, second), _)| keep(node, site, *second))
            .map(|((node, site, second), value)| format!("{node}|{site}|{second}|{value}"))
            .collect();
        let table = store.query(&sql).await;
        let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
        let found: Vec<String> =
            lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect();
        assert_eq!(found, rows, "{sql}");
    }
}

proptest! {
    // Each case opens and syncs real files, some 50 ms.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pruned_scans_equal_a_naive_store(steps in steps(), extra_field: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps, "load", extra_field));
    }
}

#[tokio::test]
async fn plans_read_only_what_can_match() {
    let store = TestStore::new(settings());
    for second in 0..3 {
        let batch = ["a", "b"].map(|node| sample("load", &[("node", node)], second * 100, 1.0));
        drop(store.write(batch.into()).await);
        store.store().flush().await.unwrap();
    }
    drop(store.write(vec![sample("load", &[("node", "a")], 300, 1.0)]).await);
    let explain = async |filter: &str| {
        let plan = store.query(&format!("EXPLAIN SELECT value FROM load WHERE {filter}")).await;
        assert!(!plan.contains("FilterExec"), "answered by the scan: {plan}");
        let scan = plan.lines().find(|line| line.contains("SeriesScan")).unwrap();
        scan.split("SeriesScan: ").nth(1).unwrap().trim_end_matches(['|', ' ']).to_owned()
    };
    let plans = [
        explain("node = 'a'").await,
        explain("node LIKE 'x%'").await,
        explain("time >= '2026-01-01T00:01:40Z' AND time < '2026-01-01T00:03:20Z'").await,
        explain("time > '2026-01-01T00:03:20Z'").await,
    ];
    expect![[r#"
        table=metrics.load, series=1, files=3, chunks=1, merged=0, filters=0
        table=metrics.load, series=0, files=0, chunks=0, merged=0, filters=0
        table=metrics.load, series=2, files=1, chunks=0, merged=0, filters=0
        table=metrics.load, series=2, files=0, chunks=1, merged=0, filters=0"#]]
    .assert_eq(&plans.join("\n"));
    drop(store.write(vec![sample("load", &[("node", "b")], 100, 2.0)]).await);
    let read = "table=metrics.load, series=1, files=3, chunks=1, merged=2, filters=";
    assert_eq!(explain("node = 'b'").await, format!("{read}0"));
    assert_eq!(explain("node = 'b' AND value > 1.5").await, format!("{read}1"));
}

#[tokio::test]
async fn fields_are_asked_where_rows_are_read() {
    let store = TestStore::new(settings());
    let row = |node: &str, second: i64| {
        Row::new(TableName::metric("load"), NOW + second * SECOND, Labels::new([("node", node)]))
    };
    let batch = [
        row("a", 0).f64("x", 1.0).text("note", "low").into_rows(),
        row("a", 1).f64("x", 9.0).text("note", "high").into_rows(),
        row("b", 0).f64_or_null("x", None).text("note", "none").into_rows(),
        row("b", 1).f64("x", 7.0).into_rows(),
    ];
    drop(store.write(batch.into()).await);
    expect![[r#"
        +------+----------------------+
        | node | time                 |
        +------+----------------------+
        | a    | 2026-01-01T00:00:01Z |
        | b    | 2026-01-01T00:00:01Z |
        +------+----------------------+"#]]
    .assert_eq(&store.query("SELECT node, time FROM load WHERE x > 5 ORDER BY node").await);
    expect![[r#"
        +----------+-------------+
        | count(*) | max(load.x) |
        +----------+-------------+
        | 2        | 9.0         |
        +----------+-------------+"#]]
    .assert_eq(&store.query("SELECT count(*), max(x) FROM load WHERE x IS NULL OR note LIKE 'h%'").await);
}

#[tokio::test]
async fn the_latest_rows_are_found_without_reading_the_others() {
    let store = TestStore::new(Settings { chunk_rows: 4, ..settings() });
    for second in 0..40 {
        let batch = ["a", "b"].map(|node| sample("load", &[("node", node)], second, second as f64));
        drop(store.write(batch.into()).await);
        if second % 15 == 14 {
            store.store().flush().await.unwrap();
        }
    }
    let query = "SELECT time, node, value FROM load ORDER BY time DESC, node LIMIT 3";
    expect![[r#"
        +----------------------+------+-------+
        | time                 | node | value |
        +----------------------+------+-------+
        | 2026-01-01T00:00:39Z | a    | 39.0  |
        | 2026-01-01T00:00:39Z | b    | 39.0  |
        | 2026-01-01T00:00:38Z | a    | 38.0  |
        +----------------------+------+-------+"#]]
    .assert_eq(&store.query(query).await);
    let plan = store.query("EXPLAIN ANALYZE SELECT time, value FROM load ORDER BY time DESC LIMIT 2").await;
    let scan = plan.lines().find(|line| line.contains("SeriesScan")).unwrap();
    let rows = scan.split("output_rows=").nth(1).and_then(|rows| rows.split([',', ']']).next()).unwrap();
    assert!(rows.parse::<f64>().unwrap() <= 8.0, "a chunk or two of 80 rows: {scan}");
}

#[tokio::test]
async fn names_are_kept_and_collisions_renamed() {
    let store = TestStore::new(settings());
    let labels = Labels::new([("time", "t"), ("value", "v"), ("x", "l"), ("label_x", "ll"), ("Zone", "z")]);
    let row = Row::new(TableName::metric("Odd.name"), NOW, labels);
    drop(store.write(vec![row.f64("x", 1.0).i64("time", 5).into_rows()]).await);
    expect![[r#"
        +----------------------+------+------------+---------+---------------+-------------+-----+------------+
        | time                 | Zone | label_time | label_x | label_label_x | label_value | x   | field_time |
        +----------------------+------+------------+---------+---------------+-------------+-----+------------+
        | 2026-01-01T00:00:00Z | z    | t          | ll      | l             | v           | 1.0 | 5          |
        +----------------------+------+------------+---------+---------------+-------------+-----+------------+"#]]
    .assert_eq(&store.query(r#"SELECT "time", "Zone", label_time, label_x, label_label_x, label_value, x, field_time FROM "Odd.name""#).await);
}
