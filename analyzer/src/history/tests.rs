//! The tier against a real server.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use expect_test::expect;
use tokio::time::timeout;
use weir_model::{
    amount::Amount,
    observation::{Labels, Row, Rows, STALE_NAN_BITS},
};

use super::*;
use crate::{
    settings::{Clock, Settings},
    test_store::{NOW, SECOND, TestStore, sample, settings},
};

mod server;

use server::Server;

/// Long enough for every machine; a test that waits longer has failed.
const DEADLINE: Duration = Duration::from_secs(120);

fn exporting(server: &Server) -> Settings {
    Settings { history: Some(server.settings()), ..settings() }
}

fn history(store: &TestStore) -> &History {
    store.store().shared().history.as_ref().unwrap()
}

async fn until(store: &TestStore, condition: impl FnMut(&Rounds) -> bool) {
    let mut rounds = history(store).rounds.subscribe();
    timeout(DEADLINE, rounds.wait_for(condition)).await.unwrap().unwrap();
}

/// Flushes, and waits until everything is exported.
async fn export(store: &TestStore) {
    let before = history(store).rounds.borrow().complete;
    store.store().flush().await.unwrap();
    // The round that runs may have begun before the flush; the next one has not.
    history(store).wake.notify_one();
    until(store, |rounds| rounds.complete > before).await;
    let waits = || store.store().metrics().history_files_waiting > 0 || unexported(store) > 0;
    while waits() {
        let before = history(store).rounds.borrow().complete;
        history(store).wake.notify_one();
        until(store, |rounds| rounds.complete > before).await;
    }
}

fn unexported(store: &TestStore) -> usize {
    let files = store.store().shared().state().files();
    files.iter().filter(|file| !history(store).is_exported(file)).count()
}

fn every_type(second: i64) -> Rows {
    let labels = Labels::new([("node", r"a'b\`?"), ("time", "é\n")]);
    let row = Row::new(TableName::new("cost", "odd table"), NOW + second * SECOND, labels);
    let amount = Amount::from_billionths(10_i128.pow(28) - 1 - i128::from(second));
    row.f64("x.y", -0.5).i64("n", i64::MIN).bool("ok", true).text("t", "'?\\").amount("amount", amount).into_rows()
}

#[tokio::test]
async fn history_is_what_was_here() {
    let server = Server::start();
    let mut store = TestStore::new(exporting(&server));
    let mut batch: Vec<Rows> = (0..5).map(|second| sample("load", &[("node", "a")], second, second as f64)).collect();
    batch.extend((0..5).map(|second| sample("load", &[("site", "fra")], second, f64::NAN)));
    batch.push(sample("load", &[("node", "a")], 5, f64::from_bits(STALE_NAN_BITS)));
    batch.extend([every_type(0), every_type(1)]);
    drop(store.write(batch).await);
    export(&store).await;
    for round in ["exported", "opened again"] {
        for (here, there) in [("load", "history.load"), (r#"cost."odd table""#, r#"history."cost.odd table""#)] {
            let ask = |table| format!("SELECT * FROM {table} ORDER BY node, time");
            assert_eq!(store.query(&ask(there)).await, store.query(&ask(here)).await, "{round}");
            let count = |table| format!("SELECT count(*) AS n FROM {table}");
            assert_eq!(store.query(&count(there)).await, store.query(&count(here)).await, "{round}");
        }
        if round == "exported" {
            store.open();
            until(&store, |rounds| rounds.complete > 0).await;
        }
    }
    assert_eq!(store.store().metrics().history_rows, 0, "what was exported is not sent again");
    assert!(store.query("SHOW TABLES").await.contains("| history "));
    let types =
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'load' AND table_schema";
    assert_eq!(store.query(&format!("{types} = 'history'")).await, store.query(&format!("{types} = 'metrics'")).await);
}

#[tokio::test]
async fn predicates_and_limits_go_along() {
    let server = Server::start();
    let store = TestStore::new(exporting(&server));
    let nodes = ["a", "b", "c?", ""];
    let batch = nodes.iter().flat_map(|node| (0..50).map(move |s| sample("load", &[("node", *node)], s, s as f64)));
    drop(store.write(batch.collect()).await);
    export(&store).await;
    // What DataFusion does not filter, the server has to: the rows must be the same.
    for (rest, filtered_here) in [
        ("node = 'a' AND time >= '2026-01-01T00:00:10Z' AND time < '2026-01-01T00:00:20Z'", false),
        ("node IN ('b', 'c?') AND time BETWEEN '2026-01-01T00:00:10Z' AND '2026-01-01T00:00:12Z'", false),
        ("node IN ('a', 'b', 'c', 'd', '') AND node NOT IN ('b', 'x', 'y', 'z')", false),
        ("'' = node OR node <> 'a' AND time > '2026-01-01T00:00:48Z'", false),
        ("node = 'a' AND value > 40", true),
        ("node LIKE 'c%' AND time > '2026-01-01T00:00:48Z'", true),
    ] {
        let plan = store.query(&format!("EXPLAIN SELECT value FROM history.load WHERE {rest}")).await;
        assert_eq!(plan.contains("FilterExec"), filtered_here, "{rest}: {plan}");
        let sql = |table| format!("SELECT count(*) AS n, sum(value) AS total FROM {table} WHERE {rest}");
        assert_eq!(store.query(&sql("history.load")).await, store.query(&sql("load")).await, "{rest}");
    }
    let limit = "SELECT node, value FROM history.load WHERE node = 'a' LIMIT 3";
    assert!(store.query(&format!("EXPLAIN {limit}")).await.contains("fetch=3"));
    let limited = store.query(limit).await;
    assert_eq!(limited.lines().count(), 3 + 4);
}

#[tokio::test]
async fn late_rows_are_joined_with_what_is_there() {
    let server = Server::start();
    let store = TestStore::new(exporting(&server));
    let row = |second: i64| Row::new(TableName::metric("system"), NOW + second * SECOND, Labels::default());
    drop(store.write((0..3).map(|s| row(s).f64("load", 1.0).i64("users", s).into_rows()).collect()).await);
    export(&store).await;
    drop(store.write(vec![row(1).i64("users", 7).into_rows(), row(2).f64("value", 9.0).into_rows()]).await);
    export(&store).await;
    drop(store.write(vec![row(0).text("note", "new").into_rows(), row(5).f64("value", 5.0).into_rows()]).await);
    export(&store).await;
    let sql = |table| format!("SELECT time, load, users, value, note FROM {table} ORDER BY time");
    let there = store.query(&sql("history.system")).await;
    assert_eq!(there, store.query(&sql("system")).await);
    expect![[r#"
        +----------------------+------+-------+-------+------+
        | time                 | load | users | value | note |
        +----------------------+------+-------+-------+------+
        | 2026-01-01T00:00:00Z | 1.0  | 0     |       | new  |
        | 2026-01-01T00:00:01Z | 1.0  | 7     |       |      |
        | 2026-01-01T00:00:02Z | 1.0  | 2     | 9.0   |      |
        | 2026-01-01T00:00:05Z |      |       | 5.0   |      |
        +----------------------+------+-------+-------+------+"#]]
    .assert_eq(&there);
}

/// The server is killed and comes back again and again while files go out, and so is the store.
#[tokio::test]
async fn each_row_is_there_once_whoever_crashes_when() {
    const FILES: i64 = 6;
    const SERIES: i64 = 40;
    const ROWS: i64 = 50;
    let mut server = Server::start();
    let mut store = TestStore::new(exporting(&server));
    until(&store, |rounds| rounds.complete > 0).await;
    server.kill();
    for file in 0..FILES {
        let series = |n: i64| format!("node-{n}");
        let rows = (0..SERIES * ROWS).map(|row| {
            let second = file * ROWS + row % ROWS;
            sample("load", &[("node", &series(row / ROWS))], second, (row * FILES + file) as f64)
        });
        drop(store.write(rows.collect()).await);
        drop(store.write(vec![every_type(file)]).await);
        store.store().flush().await.unwrap();
    }
    for crash in 0..4 {
        let exported = |rounds: &Rounds| rounds.files;
        let before = exported(&history(&store).rounds.borrow());
        server.run();
        // At the first file that got through, others are on their way.
        until(&store, |rounds| exported(rounds) > before || rounds.complete > 1).await;
        server.kill();
        if crash % 2 == 0 {
            store.open();
        }
        let failed = history(&store).rounds.borrow().failed;
        until(&store, |rounds| rounds.failed > failed || rounds.complete > 1).await;
        assert_eq!(store.query("SELECT count(*) AS n FROM load").await.lines().count(), 5, "queries go on");
    }
    server.run();
    export(&store).await;
    let whole = "SELECT node, time, value FROM";
    let (here, there) = (format!("{whole} load"), format!("{whole} history.load"));
    let count = store.query(&format!("SELECT count(*) AS n FROM ({there})")).await;
    assert!(count.contains(&format!("| {} |", FILES * SERIES * ROWS)), "{count}");
    for (left, right) in [(&here, &there), (&there, &here)] {
        let missing = store.query(&format!("SELECT count(*) AS n FROM ({left} EXCEPT {right})")).await;
        assert!(missing.contains("| 0 |"), "{left}: {missing}");
    }
    // All of it a second time, as after a restored backup of the directory.
    std::fs::remove_file(store.path().join("exported.json")).unwrap();
    store.open();
    export(&store).await;
    let sent = store.store().metrics().history_rows;
    assert!(sent >= (FILES * SERIES * ROWS) as u64, "{sent} rows were sent again");
    assert_eq!(store.query(&format!("SELECT count(*) AS n FROM ({there})")).await, count);
}

#[tokio::test]
async fn retention_waits_for_the_export_but_not_for_ever() {
    let mut server = Server::start();
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let clock = Clock::new(move || clock.load(Ordering::SeqCst));
    let settings = Settings { clock, retention: Duration::from_secs(60), ..exporting(&server) };
    let mut store = TestStore::new(settings.clone());
    until(&store, |rounds| rounds.complete > 0).await;
    server.kill();
    for second in 0..3 {
        drop(store.write(vec![sample("load", &[], second, 1.0)]).await);
        store.store().flush().await.unwrap();
    }
    now.store(NOW + 1000 * SECOND, Ordering::SeqCst);
    store.store().flush().await.unwrap();
    assert_eq!(store.store().metrics().files, 3, "expired, and held");
    server.run();
    export(&store).await;
    store.store().flush().await.unwrap();
    assert_eq!(store.store().metrics().files, 0, "exported, so they go");
    assert!(store.query("SELECT count(*) AS n FROM history.load").await.contains("| 3 |"));

    server.kill();
    let history = store.settings.history.as_mut().unwrap();
    history.hold_bytes = 0;
    store.open();
    now.store(NOW, Ordering::SeqCst);
    drop(store.write(vec![sample("load", &[], 5, 1.0)]).await);
    store.store().flush().await.unwrap();
    now.store(NOW + 1000 * SECOND, Ordering::SeqCst);
    store.store().flush().await.unwrap();
    let metrics = store.store().metrics();
    assert_eq!((metrics.files, metrics.history_files_lost), (0, 1), "nothing may be held, so it is lost, and counted");
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let mut server = Server::start();
    server.kill();
    let mut store = TestStore::new(exporting(&server));
    let error = store.try_query("SELECT * FROM history.load").await.unwrap_err();
    assert_eq!(error.to_string(), "the query failed: ClickHouse has not answered since the start");
    server.run();
    drop(store.write(vec![sample("load", &[], 1, 1.0)]).await);
    export(&store).await;
    let error = store.try_query("SELECT * FROM history.loud").await.unwrap_err();
    assert_eq!(error.hint(), "did you mean history.load? SHOW TABLES lists what there is");

    server
        .sql(
            "CREATE TABLE weir.`metrics.busy` (label_names Array(String), label_values Array(String), time Int64, \
                day Date, version UInt64, stale UInt8, f_value Nullable(String)) ENGINE = Log",
        )
        .await;
    drop(store.write(vec![sample("busy", &[], 1, 1.0)]).await);
    let failed = self::history(&store).rounds.borrow().failed;
    store.store().flush().await.unwrap();
    until(&store, |rounds| rounds.failed > failed).await;
    drop(store.write(vec![every_type(1)]).await);
    let files = self::history(&store).rounds.borrow().files;
    store.store().flush().await.unwrap();
    until(&store, |rounds| rounds.files > files).await;
    assert_eq!(unexported(&store), 1, "one table's trouble is its own");

    server.kill();
    let error = store.try_query("SELECT * FROM history.load").await.unwrap_err().to_string();
    assert!(error.starts_with("the query failed: ClickHouse does not answer: network error"), "{error}");
    assert!(store.query("SELECT count(*) AS n FROM load").await.contains("| 1 |"));
    let away = store.open().metrics();
    assert_eq!(away.rows_written, 0);
    assert!(server.folder().join("data").exists());
}
