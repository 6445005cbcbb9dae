//! Rollups against the rows that they are of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;
use weir_model::observation::{Labels, Row, Rows, STALE_NAN_BITS, TableName};

use crate::{
    Delete,
    compact::Job,
    settings::{Clock, Settings},
    test_store::{NOW, SECOND, TestStore, sample, settings},
};

/// Node, second, x (none: null), n.
type Point = (u8, i64, Option<i64>, i64);

fn point((node, second, x, n): Point) -> Rows {
    let labels = Labels::new([("node", format!("n{node}")), ("rack", format!("r{}", node / 2))]);
    let row = Row::new(TableName::metric("load"), NOW + second * SECOND, labels);
    row.f64_or_null("x", x.map(|x| x as f64)).i64("n", n).into_rows()
}

/// What bins answer.
const QUERIES: [&str; 6] = [
    "SELECT node, date_bin(INTERVAL '5 minutes', time) AS bin, count(*), count(x), min(x), max(x), sum(x), avg(x) \
     FROM load GROUP BY node, bin ORDER BY node, bin",
    "SELECT date_bin(INTERVAL '10 minutes', time) AS bin, min(n), max(n), sum(n), avg(n) FROM load \
     WHERE time >= '2026-01-01T00:03:20Z' AND time < '2026-01-01T00:31:07Z' GROUP BY bin ORDER BY bin",
    "SELECT count(*), count(x), min(x), max(x), sum(n), avg(n) FROM load WHERE node <> 'n1'",
    "SELECT rack, sum(x) FROM load WHERE time BETWEEN '2026-01-01T00:05:00Z' AND '2026-01-01T00:20:00Z' GROUP BY rack \
     ORDER BY rack",
    "SELECT node, date_bin(INTERVAL '5 minutes', time) AS bin, last(x, time), last(n, time), avg(n) FROM load \
     GROUP BY node, bin ORDER BY node, bin",
    "SELECT date_bin(INTERVAL '1 hour', time) AS bin, count(n), max(x) FROM load GROUP BY bin ORDER BY bin",
];

/// The same query of rows, in a form that scans do not take over.
async fn of_rows(store: &TestStore, query: &str) -> String {
    let rows = "(SELECT time, CASE WHEN random() < 2 THEN node END AS node, CASE WHEN random() < 2 THEN rack END AS rack, \
                CASE WHEN random() < 2 THEN x END AS x, CASE WHEN random() < 2 THEN n END AS n FROM load) AS load";
    store.query(&query.replace("FROM load", &format!("FROM {rows}"))).await
}

fn join_all(store: &TestStore) {
    let shared = store.store().shared();
    while let Some(job) = Job::next(shared) {
        job.run(shared).unwrap();
    }
}

async fn rollups(store: &TestStore, query: &str) -> bool {
    let plan = store.query(&format!("EXPLAIN {query}")).await;
    plan.contains("rollups=") && !plan.contains("rollups=0")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn bins_say_what_their_rows_say(
        batches in prop::collection::vec(prop::collection::vec(
            (0_u8..3, 0_i64..2_400, prop::option::of(-9_i64..9), 0_i64..9), 100..200), 4..7),
        late in prop::collection::vec((0_u8..3, 0_i64..2_400, prop::option::of(-9_i64..9), 0_i64..9), 0..3),
        partition_rows in prop::sample::select(vec![1, 100_000]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = TestStore::new(Settings { rollup_rows: 1, partition_rows, ..settings() });
            for batch in &batches {
                drop(store.write(batch.iter().map(|values| point(*values)).collect()).await);
                store.store().flush().await.unwrap();
            }
            join_all(&store);
            drop(store.write(late.iter().map(|values| point(*values)).collect()).await);
            for query in QUERIES {
                assert!(!late.is_empty() || rollups(&store, query).await, "{query}");
                assert_eq!(store.query(query).await, of_rows(&store, query).await, "{query}");
            }
        });
    }
}

#[tokio::test]
async fn only_whole_bins_are_taken() {
    let store = TestStore::new(Settings { rollup_rows: 1, ..settings() });
    for round in 0..4 {
        drop(store.write((0..600).map(|second| point((0, round * 600 + second, Some(second), 1))).collect()).await);
        store.store().flush().await.unwrap();
    }
    join_all(&store);
    for (query, is_rolled) in [
        ("SELECT avg(x) FROM load", true),
        ("SELECT avg(x) FROM load WHERE time >= '2026-01-01T00:00:01Z'", true),
        ("SELECT avg(x) FROM load WHERE time < '2026-01-01T00:09:59Z'", false),
        ("SELECT date_bin(INTERVAL '15 minutes', time) AS bin, avg(x) FROM load GROUP BY bin", true),
        ("SELECT date_bin(INTERVAL '1 minute', time) AS bin, avg(x) FROM load GROUP BY bin", false),
        ("SELECT date_bin(INTERVAL '7 minutes', time) AS bin, avg(x) FROM load GROUP BY bin", false),
        (
            "SELECT date_bin(INTERVAL '5 minutes', time, TIMESTAMP '2026-01-01T00:01:00Z') AS bin, avg(x) FROM load GROUP BY bin",
            false,
        ),
        ("SELECT avg(x) FROM load WHERE n > 0", false),
        ("SELECT min(time) FROM load", false),
    ] {
        assert_eq!(rollups(&store, query).await, is_rolled, "{query}");
    }
}

async fn delete(store: &TestStore, condition: &str) {
    let (table, condition) = ("load".to_owned(), Some(condition.to_owned()));
    let deleted = store.store().delete(&Delete { table, condition, ..Delete::default() }).await.unwrap();
    assert_eq!(deleted.series, 1);
}

#[tokio::test]
async fn what_is_deleted_is_in_no_bin() {
    let store = TestStore::new(Settings { rollup_rows: 1, ..settings() });
    for round in 0..4 {
        let points = (0..600).map(|second| point(((second % 3) as u8, round * 600 + second, Some(second), 1)));
        drop(store.write(points.collect()).await);
        store.store().flush().await.unwrap();
    }
    join_all(&store);
    delete(&store, "node = 'n0'").await;
    for is_rolled in [false, true] {
        for query in QUERIES {
            assert_eq!(rollups(&store, query).await, is_rolled, "{query}");
            let found = store.query(query).await;
            assert_eq!(found, of_rows(&store, query).await, "{query}");
            assert!(!found.contains("n0"), "{found}");
        }
        join_all(&store);
    }
}

#[tokio::test]
async fn staleness_markers_and_sums_beyond_64_bits_are_left_out() {
    let store = TestStore::new(Settings { rollup_rows: 1, ..settings() });
    for round in 0..4 {
        let marker = f64::from_bits(STALE_NAN_BITS);
        let value = |second: i64| if second % 3 == 0 { marker } else { second as f64 };
        let mut batch: Vec<_> = (0..300).map(|second| sample("up", &[], round * 300 + second, value(second))).collect();
        batch.extend((0..300).map(|second| point((0, round * 300 + second, None, i64::MAX / 2))));
        drop(store.write(batch).await);
        store.store().flush().await.unwrap();
    }
    join_all(&store);
    let query = "SELECT count(*) AS n, sum(value) AS sum, min(value) AS min FROM up";
    assert!(rollups(&store, query).await);
    assert!(store.query(query).await.contains("| 800 | 120000.0 | 1.0 |"), "{}", store.query(query).await);
    let query = "SELECT avg(n) AS mean FROM load";
    assert!(!rollups(&store, query).await, "a sum that has wrapped is no mean");
    assert!(store.query(query).await.contains("| 4.611686018427388e18 |"), "{}", store.query(query).await);
    assert!(rollups(&store, "SELECT max(x) FROM load").await, "other fields are not touched by that");
}

#[tokio::test]
async fn rollups_outlive_their_rows() {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let mut store = TestStore::new(Settings {
        clock: Clock::new(move || clock.load(Ordering::SeqCst)),
        retention: Duration::from_secs(3_600),
        rollup_retention: Duration::from_secs(86_400),
        ..settings()
    });
    drop(
        store.write((0..900).map(|second| point(((second % 3) as u8, second - 900, Some(second), 1))).collect()).await,
    );
    store.store().flush().await.unwrap();
    let bins = "SELECT node, date_bin(INTERVAL '5 minutes', time) AS bin, avg(x) AS mean, count(*) AS rows FROM load \
                GROUP BY node, bin ORDER BY node, bin";
    let before = store.query(bins).await;
    now.store(NOW + 3_700 * SECOND, Ordering::SeqCst);
    store.store().flush().await.unwrap();
    assert!(
        store.query("SELECT count(x) AS n FROM (SELECT x FROM load LIMIT 1000)").await.contains("| 900 |"),
        "no rollup yet"
    );
    join_all(&store);
    store.store().flush().await.unwrap();
    let names = |store: &TestStore| {
        let mut names: Vec<_> =
            std::fs::read_dir(store.path().join("data")).unwrap().flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    for reopened in [false, true] {
        if reopened {
            store.open();
        }
        assert_eq!(store.query(bins).await, before);
        assert!(store.query("SELECT count(x) AS n FROM (SELECT x FROM load LIMIT 1000)").await.contains("| 0 "));
        assert!(!store.query("SELECT DISTINCT node FROM load").await.contains("n0"), "no row has it");
    }
    delete(&store, "node = 'n1'").await;
    for _ in 0..2 {
        let left = store.query(bins).await;
        assert!(left.contains("n0") && !left.contains("n1") && left.contains("n2"), "{left}");
        join_all(&store);
    }
    assert_eq!(store.store().metrics().deletions_open, 0, "its bins have left the disk");
    store.open();
    let names_now = names(&store);
    assert!(names_now.len() == 1 && names_now[0].to_string_lossy().starts_with("rollup-"), "{names_now:?}");
    now.store(NOW + 90_000 * SECOND, Ordering::SeqCst);
    store.store().flush().await.unwrap();
    store.open();
    assert!(names(&store).is_empty());
    assert!(!store.query(bins).await.contains("n0"));
}

#[tokio::test]
async fn deleted_times_are_in_no_bin() {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let mut store = TestStore::new(Settings {
        clock: Clock::new(move || clock.load(Ordering::SeqCst)),
        // An eighth of it is what a file may span.
        retention: Duration::from_secs(40_000),
        rollup_retention: Duration::from_secs(400_000),
        rollup_rows: 1,
        ..settings()
    });
    for round in 0..4 {
        let seconds = (0..600).map(|second| round * 600 + second - 2_400);
        drop(store.write(seconds.map(|second| point((second as u8 % 2, second, Some(second), 1))).collect()).await);
        store.store().flush().await.unwrap();
    }
    join_all(&store);
    let bins = "SELECT node, date_bin(INTERVAL '5 minutes', time) AS bin, avg(x) AS mean, count(*) AS rows FROM load \
                GROUP BY node, bin ORDER BY node, bin";
    assert!(rollups(&store, bins).await);
    let delete = async |store: &TestStore, node: &str, from: i64, until: i64| {
        let (from, until) = (Some(NOW + from * SECOND), Some(NOW + until * SECOND));
        let condition = Some(format!("node = '{node}'"));
        let what = Delete { table: "load".into(), condition, from, until, dry_run: false };
        assert_eq!(store.store().delete(&what).await.unwrap().series, 1);
    };
    delete(&store, "n1", -2_300, -1_000).await;
    assert!(!rollups(&store, bins).await, "its bins are of deleted rows as well");
    assert_eq!(store.query(bins).await, of_rows(&store, bins).await);
    join_all(&store);
    assert!(rollups(&store, bins).await);
    assert_eq!(store.query(bins).await, of_rows(&store, bins).await);

    now.store(NOW + 40_100 * SECOND, Ordering::SeqCst);
    store.store().flush().await.unwrap();
    let count = "SELECT node, count(*) AS n FROM load GROUP BY node ORDER BY node";
    let counted = async |store: &TestStore| {
        let table = store.query(count).await;
        table
            .lines()
            .filter(|line| line.contains("| n") && !line.contains("node"))
            .map(|line| line.split('|').nth(2).unwrap().trim().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(counted(&store).await, ["1200", "550"], "rows have expired, bins have not");
    // Ten minutes, within three bins.
    delete(&store, "n0", -1_700, -1_100).await;
    assert_eq!(counted(&store).await, ["750", "550"], "whole bins");
    join_all(&store);
    assert_eq!(counted(&store).await, ["750", "550"]);
    assert_eq!(store.store().metrics().deletions_open, 0);
    delete(&store, "n0", -86_400, 0).await;
    store.open();
    join_all(&store);
    assert_eq!(counted(&store).await, ["550"]);
    delete(&store, "n1", -86_400, 0).await;
    join_all(&store);
    assert!(counted(&store).await.is_empty());
    store.open();
    assert_eq!(std::fs::read_dir(store.path().join("data")).unwrap().count(), 0);
}
