//! Deleted rows are hidden at once, stay so, and leave the disk.

use super::*;
use crate::{Delete, DeleteError, compact::Job, deletion::OPEN_MAX};

fn of(table: &str, condition: &str) -> Delete {
    let condition = (!condition.is_empty()).then(|| condition.to_owned());
    Delete { table: table.into(), condition, ..Delete::default() }
}

async fn deleted(store: &TestStore, what: &Delete) -> u64 {
    store.store().delete(what).await.unwrap().series
}

fn compact(store: &TestStore) {
    while let Some(job) = Job::next(store.store().shared()) {
        job.run(store.store().shared()).unwrap();
    }
}

fn bytes(store: &TestStore) -> u64 {
    let entries = fs::read_dir(store.path().join("data")).unwrap();
    // One that goes while we look has none.
    entries.filter_map(|entry| Some(entry.unwrap().metadata().ok()?.len())).sum()
}

async fn rows(store: &TestStore, table: &str) -> String {
    let counted = store.query(&format!("SELECT count(*) AS n, coalesce(sum(value), 0) AS v FROM {table}")).await;
    counted.lines().nth(3).unwrap().to_owned()
}

fn load(node: &str, seconds: std::ops::Range<i64>, value: f64) -> Vec<weir_model::observation::Rows> {
    seconds.map(|second| sample("load", &[("node", node)], second, value)).collect()
}

#[tokio::test]
async fn what_is_deleted_is_hidden_at_once_and_what_comes_later_is_not() {
    let mut store = TestStore::new(settings());
    drop(store.write(load("a", 0..10, 1.0)).await);
    drop(store.write(load("b", 0..10, 10.0)).await);
    drop(store.write(vec![sample("other", &[("node", "a")], 0, 100.0)]).await);
    store.store().flush().await.unwrap();
    drop(store.write(load("a", 10..20, 1.0)).await);
    let (from, until) = (Some(NOW + 5 * SECOND), Some(NOW + 12 * SECOND));
    assert_eq!(deleted(&store, &Delete { from, until, ..of("load", "node = 'a'") }).await, 1);
    for round in ["in memory", "replayed", "flushed", "compacted", "opened again"] {
        assert_eq!(rows(&store, "load").await, "| 23 | 113.0 |", "{round}");
        let latest = "SELECT last(value, time) AS v FROM load WHERE node = 'a' AND time < '2026-01-01T00:00:12Z'";
        assert!(store.query(latest).await.contains("| 1.0 |"), "{round}");
        assert!(rows(&store, "other").await.starts_with("| 1 "), "{round}");
        match round {
            "flushed" => compact(&store),
            "in memory" | "compacted" => drop(store.open()),
            _ => store.store().flush().await.unwrap(),
        }
    }
    // Of the same series and times.
    drop(store.write(load("a", 6..8, 1.0)).await);
    for round in ["written again", "flushed", "opened again"] {
        assert_eq!(rows(&store, "load").await, "| 25 | 115.0 |", "{round}");
        match round {
            "flushed" => drop(store.open()),
            _ => store.store().flush().await.unwrap(),
        }
    }
    assert_eq!(store.store().metrics().deletions_open, 0);
}

#[tokio::test]
async fn deleted_fields_do_not_come_back_with_a_later_row() {
    let store = TestStore::new(settings());
    let row = || Row::new(TableName::metric("system"), NOW, Labels::new([("host", "a")]));
    drop(store.write(vec![row().f64("load", 1.0).i64("users", 1).into_rows()]).await);
    assert_eq!(deleted(&store, &of("system", "host = 'a'")).await, 1);
    drop(store.write(vec![row().i64("users", 2).into_rows()]).await);
    store.store().flush().await.unwrap();
    let expected = expect![[r#"
        +----------------------+------+------+-------+
        | time                 | host | load | users |
        +----------------------+------+------+-------+
        | 2026-01-01T00:00:00Z | a    |      | 2     |
        +----------------------+------+------+-------+"#]];
    expected.assert_eq(&store.query("SELECT * FROM system").await);
    compact(&store);
    expected.assert_eq(&store.query("SELECT * FROM system").await);
}

#[tokio::test]
async fn bytes_are_freed_and_files_go_once_no_query_reads_them() {
    let mut store = TestStore::new(Settings { compact: true, ..settings() });
    let noise = |node: &'static str, salt: u32| {
        let value = move |second: i64| (second as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(salt) as f64;
        (0..3_000).map(move |second| sample("load", &[("node", node)], -second, value(second)))
    };
    drop(store.write(noise("a", 1).chain(noise("b", 29)).collect::<Vec<_>>()).await);
    drop(store.write(vec![sample("gone", &[], 0, 1.0)]).await);
    store.store().flush().await.unwrap();
    let before = bytes(&store);
    let reading = store.store().shared().state().files();
    assert_eq!(deleted(&store, &of("load", "node = 'a'")).await, 1);
    assert_eq!(deleted(&store, &of("gone", "")).await, 1);
    // The committer hears of the last job, and looks for files to remove, within a tick.
    let until = |done: &dyn Fn() -> bool| {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !done() {
            assert!(
                std::time::Instant::now() < deadline,
                "{before} bytes before, {} now: {:?}",
                bytes(&store),
                store.store().metrics()
            );
            std::thread::yield_now();
        }
    };
    until(&|| store.store().metrics().deletions_open == 0);
    assert!(store.path().join("data").join(&reading[0].name).exists(), "it is being read");
    drop(reading);
    until(&|| bytes(&store) < before * 6 / 10 && bytes(&store) == store.store().metrics().file_bytes);
    let metrics = store.store().metrics();
    assert_eq!((metrics.rows_purged, metrics.deletions, metrics.rows_replaced), (3_001, 2, 0));
    assert_eq!(deleted(&store, &of("load", "")).await, 1, "the other series is forgotten");
    until(&|| bytes(&store) == 0);
    assert!(rows(&store, "load").await.starts_with("| 0 "));
    store.open();
    assert!(rows(&store, "load").await.starts_with("| 0 "));
}

#[tokio::test]
async fn a_file_without_such_rows_is_not_written_anew() {
    let store = TestStore::new(settings());
    drop(store.write(vec![sample("load", &[("node", "a")], 0, 1.0), sample("load", &[("node", "c")], 9, 1.0)]).await);
    drop(store.write(vec![sample("load", &[("node", "b")], 5, 1.0)]).await);
    store.store().flush().await.unwrap();
    let name = || store.store().shared().state().files()[0].name.clone();
    let before = name();
    let (from, until) = (Some(NOW + SECOND), Some(NOW + 9 * SECOND));
    assert_eq!(deleted(&store, &Delete { from, until, ..of("load", "node = 'a'") }).await, 1);
    assert_eq!(store.store().metrics().deletions_open, 1);
    compact(&store);
    assert_eq!((store.store().metrics().deletions_open, name()), (0, before));
    assert!(rows(&store, "load").await.starts_with("| 3 "));
}

#[tokio::test]
async fn a_failed_deletion_deletes_nothing_and_there_is_a_limit() {
    let mut store = TestStore::new(settings());
    drop(store.write(load("a", 0..2, 1.0)).await);
    let (data, away) = (store.path().join("data"), store.path().join("away"));
    fs::rename(&data, &away).unwrap();
    let error = store.store().delete(&of("load", "")).await.unwrap_err();
    assert!(error.to_string().starts_with("nothing is deleted: cannot flush: "), "{error}");
    fs::rename(&away, &data).unwrap();
    store.store().flush().await.unwrap();
    assert_eq!(rows(&store, "load").await, "| 2 | 2.0 |");
    let latest = Delete { from: Some(NOW + SECOND), ..of("load", "") };
    for _ in 0..OPEN_MAX {
        assert_eq!(deleted(&store, &latest).await, 1);
    }
    let error = store.store().delete(&latest).await.unwrap_err();
    assert_eq!(error, DeleteError::Flush(FlushError::Deletions));
    store.open();
    compact(&store);
    assert_eq!(deleted(&store, &of("load", "")).await, 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_told_and_deletes_nothing() {
    let store = TestStore::new(settings());
    drop(store.write(load("a", 0..2, 1.0)).await);
    let mut told = String::new();
    for (table, condition) in [
        ("lod", ""),
        ("infra.nodes", ""),
        ("load", "value > 0"),
        ("load", "node = 'a' OR value > 0"),
        ("load", "node = 'a' OR time > '2026-01-01T00:00:00Z'"),
        ("load", "mode = 'a'"),
        ("load", "node = 'a' UNION SELECT 1"),
        ("load", "node = 'a'; SELECT 1"),
        ("load", "node IN (SELECT node FROM load)"),
        ("load", "random() < 0.5"),
        ("load", "node = repeat('a', 1000000000000)"),
        ("load", "node ="),
        ("load", "count(*) > 1"),
    ] {
        let error = store.store().delete(&of(table, condition)).await.unwrap_err();
        told += &format!("{error}\n");
        assert!(!error.hint().is_empty());
    }
    expect![[r#"
        there is no table lod
        there is no table infra.nodes
        `value > 0` asks for something else: rows are deleted by conditions on labels, and on `time` joined to them by AND
        `node = 'a' OR value > 0` asks for something else: rows are deleted by conditions on labels, and on `time` joined to them by AND
        `node = 'a' OR time > '2026-01-01T00:00:00Z'` asks for something else: rows are deleted by conditions on labels, and on `time` joined to them by AND
        No field named mode. Did you mean 'metrics.load.node'?
        Valid fields are metrics.load.time, metrics.load.node, metrics.load.value.
        Expected: end of expression, found: UNION at Line: 1, Column: 12
        Expected: end of expression, found: ; at Line: 1, Column: 11
        table 'weir.metrics.load' not found
        `random() < 0.5` asks for something else: rows are deleted by conditions on labels, and on `time` joined to them by AND
        the query needs more memory than there is for queries: `repeat` would return more than 65536 bytes in one value: ask for shorter texts and lists, or for rows in place of a list, as in FROM generate_series(1, 1000000)
        Expected: an expression, found: EOF
        `count(*) > 1` asks for something else: rows are deleted by conditions on labels, and on `time` joined to them by AND
    "#]].assert_eq(&told);
    let error = store.store().delete(&Delete { from: Some(2), until: Some(2), ..of("load", "") }).await.unwrap_err();
    assert_eq!(error, DeleteError::Times);
    for condition in ["false", "node = 'a' AND node = 'b'", "node = 'x'"] {
        assert_eq!(deleted(&store, &of("load", condition)).await, 0, "{condition}");
    }
    assert_eq!(deleted(&store, &Delete { dry_run: true, ..of("metrics.load", "true") }).await, 1);
    assert_eq!(rows(&store, "load").await, "| 2 | 2.0 |");
    assert_eq!(store.store().metrics().deletions, 0);
    assert_eq!(deleted(&store, &of("load", "node ~ '^a' AND time < '2026-01-01T00:00:01Z'")).await, 1);
    assert_eq!(rows(&store, "load").await, "| 1 | 1.0 |");
}
