//! Files that are cut off or damaged, and a clock that steps back.

use std::sync::atomic::AtomicI64;

use super::*;
use crate::settings::Clock;

/// The data file of a flush: `value-...` of samples, `t...` of other rows.
fn data_file(store: &TestStore, prefix: &str) -> PathBuf {
    let entries = fs::read_dir(store.path().join("data")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).unwrap()
}

fn cut(path: &PathBuf, bytes: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

/// A sample and another row, flushed, and a sample that is not.
async fn filled() -> TestStore {
    let store = TestStore::new(settings());
    let event = Row::new(TableName::new("ops", "events"), NOW, Labels::default()).text("note", "kept").into_rows();
    drop(store.write(vec![sample("load", &[("node", "a")], 1, 1.0), event]).await);
    store.store().flush().await.unwrap();
    drop(store.write(vec![sample("load", &[("node", "a")], 2, 2.0)]).await);
    store
}

#[tokio::test]
async fn a_file_cut_off_before_the_start_is_reported_and_all_else_is_there() {
    let mut store = filled().await;
    store.drop_store();
    let file = data_file(&store, "value-");
    let whole = fs::metadata(&file).unwrap().len();
    cut(&file, whole - 10);
    let report = store.open().recovery().clone();
    let reason = format!("it has {} bytes, not {whole}", whole - 10);
    assert_eq!(report.corrupt, [CorruptRecord { file: file.clone(), offset: whole - 10, reason }]);
    assert_eq!(store.store().metrics().damage_at_start, 1);
    let kept = PathBuf::from(format!("{}.corrupt", file.display()));
    assert_eq!((fs::metadata(kept).unwrap().len(), file.exists()), (whole - 10, false));
    assert!(store.query("SELECT note FROM ops.events").await.contains("kept"));
    assert!(store.query("SELECT max(value) AS v, count(*) AS n FROM load").await.contains("| 2.0 | 1 |"));
    // Once it is not counted on any more, the start is sound again.
    store.store().flush().await.unwrap();
    assert_eq!(store.open().recovery(), &RecoveryReport::default());
    assert_eq!(store.store().metrics().damage_at_start, 0);
}

#[tokio::test]
async fn a_file_cut_off_later_fails_queries_for_its_rows_by_name() {
    let mut store = filled().await;
    store.open();
    let file = data_file(&store, "value-");
    cut(&file, 100);
    for _ in 0..2 {
        let error = store.try_query("SELECT sum(value) FROM load").await.unwrap_err();
        let begin = format!("data file {} cannot be read at offset 100: ", file.display());
        assert!(error.to_string().starts_with(&begin), "{error}");
        assert!(matches!(error, SqlError::Unreadable(_)) && error.hint().contains("put a sound copy"), "{error:?}");
    }
    assert_eq!(store.store().metrics().files_unreadable, 1);
    assert!(store.query("SELECT note FROM ops.events").await.contains("kept"));
    let live = format!("SELECT value AS v FROM load WHERE time > to_timestamp_seconds({})", NOW / SECOND + 1);
    assert!(store.query(&live).await.contains("| 2.0 |"), "what is not in the file");
}

#[tokio::test]
async fn a_damaged_page_is_told_with_its_place() {
    let mut store = filled().await;
    store.drop_store();
    let file = data_file(&store, "t");
    let mut bytes = fs::read(&file).unwrap();
    // Past the magic number, where the first column begins.
    bytes[4..24].fill(0xff);
    fs::write(&file, bytes).unwrap();
    assert_eq!(store.open().recovery().corrupt, []);
    let error = store.try_query("SELECT * FROM ops.events").await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("data file {} cannot be read at offset 4: ", file.display())), "{error}");
    assert!(store.query("SELECT count(*) AS n FROM load").await.contains("| 2 |"));
}

#[tokio::test]
async fn a_damaged_manifest_is_named() {
    let mut store = filled().await;
    store.drop_store();
    let file = store.path().join("manifest.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let error = Store::open(store.path(), settings()).unwrap_err();
    let told = crate::commit::with_causes(&error);
    let begin = format!("cannot use {}; restore the data directory from a backup: damaged: EOF", file.display());
    assert!(told.starts_with(&begin) && told.contains("line "), "{told}");
}

#[tokio::test]
async fn a_clock_that_steps_back_loses_nothing_and_holds_nothing_up() {
    const HOUR: i64 = 3_600;
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || now.load(Ordering::SeqCst))
    };
    let flush_age = Duration::from_millis(1);
    let retention = Duration::from_secs(2 * HOUR.unsigned_abs());
    let mut store = TestStore::new(Settings { clock, retention, flush_age, compact: true, ..settings() });
    let rows = |second, value| vec![sample("load", &[("node", "a")], second, value)];
    drop(store.write(rows(0, 0.0)).await);
    store.store().flush().await.unwrap();
    now.store(NOW - HOUR * SECOND, Ordering::SeqCst);
    // By this clock, and by that of senders who have the right one.
    for second in 1..=2 {
        let flushes = store.store().metrics().flushes;
        let both = [rows(second - HOUR, second as f64), rows(second - 10, second as f64)].concat();
        assert_eq!(store.write(both).await.rows, 2);
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while store.store().metrics().flushes == flushes {
            assert!(std::time::Instant::now() < deadline, "rows are flushed by their age");
            tokio::task::yield_now().await;
        }
    }
    // The same time twice: what was written last counts, whatever the clock said.
    drop(store.write(rows(0, 9.0)).await);
    for round in ["stepped back", "opened again", "the right time"] {
        let answer =
            store.query("SELECT count(*) AS n, sum(value) AS total, last(value, time) AS newest FROM load").await;
        assert!(answer.contains("| 5 | 15.0  | 9.0    |"), "{round}: {answer}");
        assert_eq!(store.store().metrics().files_expired, 0);
        match round {
            "stepped back" => assert_eq!(store.open().recovery().corrupt, []),
            _ => now.store(NOW, Ordering::SeqCst),
        }
    }
}
