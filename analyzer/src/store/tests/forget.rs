//! Series of which no row is left leave the catalog, and what is known of series answers lists of labels.

use std::sync::atomic::AtomicI64;

use super::*;
use crate::{Delete, catalog::journal::Definition, settings::Clock};

const DAY: i64 = 86_400;

/// A store that keeps rows for thirty days, and its clock.
fn store(limits: Limits) -> (TestStore, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    (TestStore::new(Settings { clock: Clock::new(move || clock.load(Ordering::SeqCst)), limits, ..settings() }), now)
}

async fn write(store: &TestStore, node: &str, day: i64) -> u64 {
    store.write(vec![sample("load", &[("node", node)], day * DAY, day as f64)]).await.rows
}

async fn flush(store: &TestStore) {
    store.store().flush().await.unwrap();
}

/// Nodes with how many rows each has: read, and as the list of a dashboard.
async fn nodes(store: &TestStore, condition: &str) -> String {
    let cells = |answer: String| {
        let lines = answer.lines().skip(3).map(str::to_owned).filter(|line| !line.starts_with('+'));
        lines.map(|line| line.replace([' ', '|'], "")).collect::<Vec<_>>()
    };
    let listed = cells(store.query(&format!("SELECT DISTINCT node FROM load {condition} ORDER BY 1")).await);
    let read = format!("SELECT node FROM load {condition} GROUP BY 1 HAVING count(value) > 0 ORDER BY 1");
    assert_eq!(listed, cells(store.query(&read).await), "{condition}");
    listed.join(" ")
}

fn series(store: &TestStore) -> u64 {
    let catalog = store.store().shared().catalog();
    let of_tables: usize = catalog.tables().map(|table| table.series_count()).sum();
    assert_eq!(catalog.series_count(), of_tables);
    store.store().metrics().series
}

fn id_of(store: &TestStore, node: &str) -> u32 {
    let labels = Labels::new([("node", node)]);
    store.store().shared().catalog().find_labels(&TableName::metric("load"), &labels).unwrap().0.0
}

#[tokio::test]
async fn series_without_rows_are_forgotten_and_may_come_again() {
    let (mut store, now) = store(Limits::default());
    for node in ["a", "b"] {
        write(&store, node, 0).await;
    }
    flush(&store).await;
    let first = id_of(&store, "a");
    now.store(NOW + 20 * DAY * SECOND, Ordering::SeqCst);
    write(&store, "b", 20).await;
    flush(&store).await;
    assert_eq!((series(&store), nodes(&store, "").await), (2, "a b".to_owned()));
    now.store(NOW + 31 * DAY * SECOND, Ordering::SeqCst);
    assert_eq!(nodes(&store, "").await, "b", "before anything is forgotten");
    flush(&store).await;
    assert_eq!((series(&store), store.store().metrics().series_forgotten), (1, 1));
    let values = |store: &TestStore| {
        let catalog = store.store().shared().catalog();
        let table = catalog.table(catalog.find(&TableName::metric("load")).unwrap());
        table.values("node").unwrap().keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(values(&store), ["b"]);
    write(&store, "a", 31).await;
    let second = id_of(&store, "a");
    assert_ne!(first, second);
    for round in ["in memory", "replayed", "flushed", "opened again", "from one segment"] {
        assert_eq!((series(&store), nodes(&store, "").await), (2, "a b".to_owned()), "{round}");
        assert_eq!((values(&store), id_of(&store, "a")), (vec!["a".to_owned(), "b".into()], second), "{round}");
        match round {
            "replayed" => flush(&store).await,
            _ => drop(store.open()),
        }
        assert_eq!(store.store().recovery().corrupt, [], "{round}");
    }
}

#[tokio::test]
async fn a_crash_before_the_flush_forgets_nothing_that_was_not_logged() {
    let (mut store, now) = store(Limits::default());
    for node in ["a", "b"] {
        write(&store, node, 0).await;
    }
    flush(&store).await;
    now.store(NOW + 29 * DAY * SECOND, Ordering::SeqCst);
    write(&store, "b", 29).await;
    now.store(NOW + 31 * DAY * SECOND, Ordering::SeqCst);
    crate::forget::forget(store.store().shared());
    assert_eq!(nodes(&store, "").await, "b");
    // Not even the log has it.
    assert_eq!((store.open().metrics().series, nodes(&store, "").await), (2, "b".to_owned()));
    crate::forget::forget(store.store().shared());
    let write = vec![sample("load", &[("node", "a")], 31 * DAY, 1.0)];
    assert_eq!(store.write(write).await.rows, 1);
    assert_eq!((store.open().metrics().series, nodes(&store, "").await), (2, "a b".to_owned()));
    assert_eq!(store.store().recovery().corrupt, []);
}

#[tokio::test]
async fn years_of_churn_take_no_room() {
    let (mut store, now) = store(Limits { series_per_table: 3_000, ..Limits::default() });
    let mut highest = None;
    for day in 0..100 {
        now.store(NOW + day * DAY * SECOND, Ordering::SeqCst);
        let pod = |number: i64| sample("load", &[("node", &format!("{day}-{number}"))], day * DAY, 1.0);
        assert_eq!(store.write((0..90).map(pod).collect()).await.rows, 90, "{day}");
        flush(&store).await;
        if day % 60 == 59 {
            store.open();
        }
        let id = id_of(&store, &format!("{day}-0"));
        assert!(Some(id) > highest, "{day}");
        highest = Some(id);
    }
    assert!((2_700..3_000).contains(&series(&store)), "{}", series(&store));
    let folder = fs::read_dir(store.path().join("series")).unwrap();
    let segments = folder.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "seg").count();
    assert!(segments < 64, "{segments}");
    let defined = store.store().shared().manifest().definitions;
    assert!(defined < 2 * 3_000 + 2_000, "{defined}");
    let held = store.store().shared().state().last_times.clone();
    assert!(format!("{held:?}").contains("Pages("), "{held:?}");
}

#[tokio::test]
async fn ids_are_not_used_again_where_the_last_one_was_forgotten() {
    let (mut store, now) = store(Limits::default());
    write(&store, "a", 0).await;
    now.store(NOW + 20 * DAY * SECOND, Ordering::SeqCst);
    write(&store, "b", 20).await;
    write(&store, "c", 0).await;
    let last = id_of(&store, "c");
    flush(&store).await;
    now.store(NOW + 31 * DAY * SECOND, Ordering::SeqCst);
    // So much in vain that the segments are put into one, which does not know the last.
    store.store().shared().catalog_mut().journal.push_logged(Definition::Forgotten { series: Vec::new() });
    store.store().shared().edit_manifest(|manifest| manifest.definitions = 1 << 20).unwrap();
    flush(&store).await;
    assert_eq!(store.store().shared().manifest().series_segments.len(), 1);
    store.open();
    write(&store, "d", 31).await;
    assert!(id_of(&store, "d") > last);
    assert_eq!(nodes(&store, "").await, "b d");
}

#[tokio::test]
async fn columns_stay_when_nobody_has_the_label_any_more() {
    let (mut store, now) = store(Limits { labels_per_table: 2, ..Limits::default() });
    drop(store.write(vec![sample("load", &[("node", "a"), ("rack", "1")], 0, 1.0)]).await);
    flush(&store).await;
    now.store(NOW + 31 * DAY * SECOND, Ordering::SeqCst);
    store.store().shared().edit_manifest(|manifest| manifest.definitions = 1 << 20).unwrap();
    flush(&store).await;
    for round in ["in memory", "opened again"] {
        assert_eq!((series(&store), nodes(&store, "WHERE rack = '1'").await), (0, String::new()), "{round}");
        store.open();
    }
    let written = store.write(vec![sample("load", &[("node", "a"), ("zone", "1")], 31 * DAY, 1.0)]).await;
    assert_eq!(written.rejected, [], "there is room for it");
    assert_eq!(nodes(&store, "WHERE zone = '1'").await, "a");
}

#[tokio::test]
async fn a_runaway_label_that_is_deleted_makes_room() {
    let (mut store, _) = store(Limits { series_per_table: 4, ..Limits::default() });
    for request in 1..=4 {
        drop(store.write(vec![sample("load", &[("node", &format!("r{request}"))], 0, 1.0)]).await);
    }
    assert_eq!(write(&store, "a", 0).await, 0, "full");
    let of = |condition: &str| Delete { table: "load".into(), condition: Some(condition.into()), ..Delete::default() };
    assert_eq!(store.store().delete(&of("node LIKE 'r%' AND node <> 'r4'")).await.unwrap().series, 3);
    assert_eq!((series(&store), nodes(&store, "").await), (1, "r4".to_owned()));
    assert_eq!((write(&store, "r2", 0).await, write(&store, "a", 0).await), (1, 1));
    for round in ["in memory", "replayed"] {
        assert_eq!(nodes(&store, "").await, "a r2 r4", "{round}");
        store.open();
    }
    let part = Delete { from: Some(NOW - SECOND), ..of("node = 'r4'") };
    assert_eq!(store.store().delete(&part).await.unwrap().series, 1);
    assert_eq!((series(&store), nodes(&store, "").await), (3, "a r2".to_owned()), "may have older rows");
}

#[tokio::test]
async fn lists_of_labels_are_answered_without_a_look_at_files() {
    let mut store = TestStore::new(settings());
    let marker = f64::from_bits(STALE_NAN_BITS);
    for (node, second, value) in
        [("a", 0, 1.0), ("b", 5, 1.0), ("c", 1, 1.0), ("c", 2, marker), ("d", 3, marker), ("e", 4, 1.0), ("e", 9, 1.0)]
    {
        drop(store.write(vec![sample("load", &[("node", node)], second, value)]).await);
    }
    flush(&store).await;
    let until = Some(NOW + 6 * SECOND);
    let delete = Delete { table: "load".into(), condition: Some("node = 'b'".into()), until, ..Delete::default() };
    drop(store.store().delete(&delete).await.unwrap());
    for round in ["as written", "opened again"] {
        for (condition, expected) in [
            ("", "a c e"),
            ("WHERE time >= '2026-01-01T00:00:01Z'", "c e"),
            ("WHERE time <= '2026-01-01T00:00:04Z'", "a c e"),
            ("WHERE time < '2026-01-01T00:00:04Z'", "a c"),
            ("WHERE node > 'a'", "c e"),
            ("WHERE value > 0 AND node < 'd'", "a c"),
        ] {
            assert_eq!(nodes(&store, condition).await, expected, "{round} {condition}");
        }
        store.open();
    }
    for entry in fs::read_dir(store.path().join("data")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let listed = store.query("SELECT DISTINCT node FROM load WHERE time > '2026-01-01T00:00:05Z'").await;
    assert!(listed.contains("| e    |"), "{listed}");
}

#[tokio::test]
async fn series_with_rows_in_memory_are_not_forgotten() {
    let (store, now) = store(Limits::default());
    assert_eq!(store.write(vec![sample("load", &[("node", "a")], 10 - 30 * DAY, 1.0)]).await.rows, 1);
    now.store(NOW + 20 * SECOND, Ordering::SeqCst);
    crate::forget::forget(store.store().shared());
    assert_eq!(series(&store), 1, "the clock may be wrong");
    flush(&store).await;
    crate::forget::forget(store.store().shared());
    assert_eq!(series(&store), 0);
}

#[tokio::test]
async fn a_series_with_rows_of_unknown_times_is_not_taken_for_empty() {
    let (mut store, _) = store(Limits::default());
    drop(store.write(vec![sample("load", &[("node", "a")], 100, 1.0)]).await);
    flush(&store).await;
    store.drop_store();
    for entry in fs::read_dir(store.path().join("series")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().unwrap() == "bin" {
            fs::remove_file(path).unwrap();
        }
    }
    store.open();
    drop(store.write(vec![sample("load", &[("node", "a")], 50, 1.0)]).await);
    let delete = Delete { table: "load".into(), until: Some(NOW + 60 * SECOND), ..Delete::default() };
    assert_eq!(store.store().delete(&delete).await.unwrap().series, 1);
    flush(&store).await;
    assert_eq!((series(&store), nodes(&store, "").await), (1, "a".to_owned()));
}
