//! Tables that are kept for less than others.

use std::sync::atomic::AtomicI64;

use super::*;
use crate::{compact::Job, settings::Clock};

const DAY: i64 = 86_400;

fn store(tables: &[(&str, u64)]) -> (TestStore, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let kept = |(table, days): &(&str, u64)| (TableName::metric(*table), Duration::from_secs(days * 86_400));
    let settings = Settings {
        clock: Clock::new(move || clock.load(Ordering::SeqCst)),
        table_retention: tables.iter().map(kept).collect(),
        ..settings()
    };
    (TestStore::new(settings), now)
}

/// Rewrites until nothing is worth it; how many files were written.
fn compact(store: &TestStore) -> usize {
    let names = |store: &TestStore| -> Vec<String> {
        store.store().shared().state().files().iter().map(|file| file.name.clone()).collect()
    };
    let mut written = 0;
    while let Some(job) = Job::next(store.store().shared()) {
        let before = names(store);
        job.run(store.store().shared()).unwrap();
        written += usize::from(names(store) != before);
    }
    written
}

async fn count(store: &TestStore, table: &str) -> String {
    let counted = store.query(&format!("SELECT count(*) AS n FROM {table}")).await;
    counted.lines().nth(3).unwrap().trim_matches(['|', ' ']).to_owned()
}

fn rows(store: &TestStore) -> u64 {
    store.store().shared().state().files().iter().map(|file| file.rows).sum()
}

#[tokio::test]
async fn rows_of_a_table_go_before_those_beside_them() {
    let (mut store, now) = store(&[("up", 8), ("nobody", 1)]);
    // A day, by the hour.
    for table in ["load", "up"] {
        drop(store.write((0..24).map(|hour| sample(table, &[], hour * 3_600 - DAY, 1.0)).collect()).await);
    }
    store.store().flush().await.unwrap();
    assert_eq!(compact(&store), 0);
    now.store(NOW + 7 * DAY * SECOND + 3_600 * SECOND, Ordering::SeqCst);
    assert_eq!((count(&store, "up").await, count(&store, "load").await), ("23".into(), "24".into()));
    assert_eq!(compact(&store), 0, "not worth it for an hour of eight days");
    let written = store.write(vec![sample("up", &[], -DAY, 1.0), sample("load", &[], -DAY, 2.0)]).await;
    assert_eq!((written.rows, written.rejected_rows()), (1, 1), "{written:?}");
    let mut writes = 0;
    for hour in 0..30 {
        now.store(NOW + (7 * DAY + hour * 3_600) * SECOND, Ordering::SeqCst);
        assert_eq!(count(&store, "up").await, (24 - hour).max(0).to_string(), "{hour}");
        writes += compact(&store);
    }
    assert!((1..=9).contains(&writes), "{writes}");
    assert_eq!((rows(&store), store.store().metrics().rows_purged), (24, 24));
    store.open();
    assert_eq!((compact(&store), count(&store, "load").await), (0, "24".into()));
}

#[tokio::test]
async fn files_of_a_table_alone_go_whole() {
    let (store, now) = store(&[("system", 2), ("cpu", 3)]);
    for table in ["system", "cpu", "other"] {
        let row = Row::new(TableName::metric(table), NOW, Labels::default());
        drop(store.write(vec![row.i64("users", 1).into_rows()]).await);
    }
    store.store().flush().await.unwrap();
    for (days, files) in [(1, 3), (2, 2), (3, 1), (29, 1), (31, 0)] {
        now.store(NOW + (days * DAY + 1) * SECOND, Ordering::SeqCst);
        store.store().flush().await.unwrap();
        assert_eq!(store.store().shared().state().files().len(), files, "{days}");
    }
    assert_eq!(store.store().metrics().rows_purged, 0);
}

#[tokio::test]
async fn rows_of_series_that_are_forgotten_leave_the_disk_too() {
    let (store, now) = store(&[("up", 8)]);
    for table in ["load", "up"] {
        drop(store.write((0..24).map(|hour| sample(table, &[], hour * 3_600 - DAY, 1.0)).collect()).await);
    }
    store.store().flush().await.unwrap();
    now.store(NOW + 9 * DAY * SECOND, Ordering::SeqCst);
    store.store().flush().await.unwrap();
    assert_eq!(store.store().metrics().series_forgotten, 1);
    compact(&store);
    assert_eq!((rows(&store), count(&store, "load").await), (24, "24".into()));
}
