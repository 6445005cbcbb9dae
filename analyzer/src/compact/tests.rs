use std::time::Duration;

use weir_model::observation::{Labels, Row, TableName};

use super::*;
use crate::test_store::{NOW, SECOND, TestStore, sample, settings};

fn file(rows: u64, day: i64) -> Arc<DataFile> {
    let time = TimeRange { min: day * 86_400 * SECOND, max: (day + 1) * 86_400 * SECOND - 1 };
    let name = format!("value-{rows}-{day}");
    Arc::new(DataFile {
        name,
        table: None,
        sequence: 1,
        rows,
        bytes: 1,
        time,
        series: (0, 1),
        late: None,
        rollup: None,
        is_rolled_up: false,
        clean: 0,
        trimmed: 0,
    })
}

#[test]
fn files_are_joined_once_those_after_them_have_as_many_rows() {
    let retention = Duration::from_secs(40 * 86_400);
    let from = |sizes: &[(u64, i64)]| {
        to_join(&sizes.iter().map(|(rows, day)| file(*rows, *day)).collect::<Vec<_>>(), retention)
    };
    assert_eq!(from(&[(5, 0), (5, 0), (5, 0)]), None, "too few");
    assert_eq!(from(&[(5, 0), (5, 0), (5, 0), (5, 0)]), Some(0..4));
    assert_eq!(from(&[(90, 0), (5, 0), (5, 0), (5, 0), (5, 0)]), Some(1..5), "the large one waits");
    assert_eq!(from(&[(20, 0), (5, 0), (5, 0), (5, 0), (5, 0)]), Some(0..5));
    assert_eq!(from(&[(5, 0), (5, 6), (5, 7), (5, 8), (5, 9)]), Some(1..5), "an eighth of the retention is five days");
    assert_eq!(from(&[(5, 7), (5, 7), (5, 7), (5, 7), (5, 0)]), Some(0..4), "what came late is in nobody's way");
    assert_eq!(from(&[(FILE_ROWS_MAX, 0), (FILE_ROWS_MAX, 0), (5, 0), (5, 0)]), None);
}

#[test]
fn a_clock_far_behind_keeps_no_files_apart() {
    let retention = Duration::from_secs(40 * 86_400);
    let with_old = |day| {
        let file = file(5, day);
        let time = TimeRange { min: file.time.min - 20 * 86_400 * SECOND, ..file.time };
        Arc::new(DataFile { time, ..DataFile::clone(&file) })
    };
    assert_eq!(to_join(&(0..4).map(with_old).collect::<Vec<_>>(), retention), Some(0..4));
}

fn data_files(store: &TestStore) -> usize {
    std::fs::read_dir(store.path().join("data")).unwrap().count()
}

/// Five flushes of rows that partly replace each other, in both shapes.
async fn flushed(store: &TestStore) -> String {
    for round in 0..5 {
        let mut batch: Vec<_> = (0..4)
            .map(|second| sample("load", &[("n", "a")], second + round * 2, (round * 10 + second) as f64))
            .collect();
        let row = Row::new(TableName::metric("wide"), NOW + (round / 2) * SECOND, Labels::new([("n", "b")]));
        batch.push(if round % 2 == 0 { row.i64("x", round) } else { row.i64("y", round) }.into_rows());
        drop(store.write(batch).await);
        store.store().flush().await.unwrap();
    }
    all(store).await
}

async fn all(store: &TestStore) -> String {
    let load = store.query("SELECT * FROM load ORDER BY time").await;
    load + &store.query("SELECT * FROM wide ORDER BY time").await
}

#[tokio::test]
async fn what_is_joined_reads_the_same_before_and_after_a_restart() {
    let mut store = TestStore::new(settings());
    let before = flushed(&store).await;
    assert_eq!(data_files(&store), 10);
    while let Some(job) = Job::next(store.store().shared()) {
        job.run(store.store().shared()).unwrap();
    }
    assert_eq!(all(&store).await, before);
    let files = store.store().shared().state().files();
    assert!(files.len() < 10 && files.iter().all(|file| file.late.is_none() || file.sequence > 2), "{files:#?}");
    store.open();
    assert_eq!(all(&store).await, before);
    assert_eq!(data_files(&store), files.len(), "what was joined is removed");
}

#[tokio::test]
async fn a_file_that_expired_meanwhile_stays_away() {
    let store = TestStore::new(settings());
    flushed(&store).await;
    let shared = store.store().shared();
    let job = Join::next(shared, &Ages::of(shared)).unwrap();
    let gone = job.inputs[0].name.clone();
    shared.edit_manifest(|manifest| manifest.files.retain(|file| file.name != gone)).unwrap();
    drop(shared.state().remove_files(|file| file.name == gone));
    let before = all(&store).await;
    job.run(shared).unwrap();
    assert_eq!(all(&store).await, before);
    assert_eq!(data_files(&store), 10, "the output is removed, the inputs stay");
}

#[tokio::test]
async fn a_store_that_closes_does_not_wait() {
    let store = TestStore::new(settings());
    flushed(&store).await;
    let job = Job::next(store.store().shared()).unwrap();
    store.store().close().await;
    assert!(matches!(job.run(store.store().shared()), Err(CompactError::Closing)));
    assert_eq!(data_files(&store), 10, "nothing is left half written");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_stops_only_what_needs_it() {
    let store = TestStore::new(settings());
    flushed(&store).await;
    let shared = store.store().shared();
    let files = shared.state().files_by_shape();
    // Samples come first.
    let file = shared.layout.data().join(&files[0][0].name);
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(50).unwrap();
    let mut outcomes = Vec::new();
    while let Some(job) = Job::next(shared) {
        outcomes.push(job.run(shared).map_err(|error| crate::commit::with_causes(&error)));
        assert!(outcomes.len() < 9, "{outcomes:?}");
    }
    let failed: Vec<&String> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(failed.len() == 1 && failed[0].contains(file.to_str().unwrap()), "{outcomes:?}");
    let counts: Vec<usize> = shared.state().files_by_shape().iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 1], "the one that cannot be read, the others joined; and the other table's");
    assert!(store.query("SELECT count(*) AS n FROM wide").await.contains("| 3 |"));
}
