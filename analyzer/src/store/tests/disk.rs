//! A disk that fails when it is told to.

use std::{
    path::Path,
    sync::atomic::{AtomicU8, Ordering::SeqCst},
};

use super::*;
use crate::wal::disk::{RealDisk, WalDisk, WalFile};

const WORKS: u8 = 0;
/// Half of a write gets through.
const FULL: u8 = 1;
/// As `FULL`, and what got through cannot be cut off.
const FULL_AND_STUCK: u8 = 2;
/// The next sync fails, then everything works.
const ONE_BAD_SYNC: u8 = 3;
const NO_SYNC: u8 = 4;

#[derive(Clone, Debug, Default)]
struct FailingDisk(Arc<AtomicU8>);

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn WalFile>,
    mode: Arc<AtomicU8>,
}

impl WalDisk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WalFile>> {
        Ok(Box::new(FailingFile { file: RealDisk.create(path)?, mode: Arc::clone(&self.0) }))
    }
}

impl WalFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if matches!(self.mode.load(SeqCst), FULL | FULL_AND_STUCK) {
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let once = self.mode.compare_exchange(ONE_BAD_SYNC, WORKS, SeqCst, SeqCst).is_ok();
        if once || self.mode.load(SeqCst) == NO_SYNC {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if self.mode.load(SeqCst) == FULL_AND_STUCK {
            return Err(io::Error::other("read-only file system"));
        }
        self.file.truncate(length)
    }
}

fn failing() -> (TestStore, Arc<AtomicU8>) {
    let disk = FailingDisk::default();
    let mode = Arc::clone(&disk.0);
    (TestStore::new(Settings { wal_disk: Arc::new(disk), ..settings() }), mode)
}

async fn count(store: &TestStore) -> String {
    let table = store.query("SELECT count(*) AS n, count(DISTINCT node) AS nodes FROM load").await;
    table.lines().nth(3).unwrap().to_owned()
}

#[tokio::test]
async fn a_full_disk_refuses_writes_answers_queries_and_recovers() {
    let (mut store, mode) = failing();
    let row = |node, second| vec![sample("load", &[("node", node)], second, 1.0)];
    drop(store.write(row("a", 1)).await);
    mode.store(FULL, SeqCst);
    for _ in 0..3 {
        let refused = store.store().write(row("b", 2)).await;
        assert!(matches!(refused, Err(WriteError::DiskFull { .. })), "{refused:?}");
    }
    assert_eq!(count(&store).await, "| 1 | 1     |");
    mode.store(WORKS, SeqCst);
    // The series of the refused rows was defined in memory; its definition must still get to the log.
    drop(store.write(row("b", 3)).await);
    assert_eq!(count(&store).await, "| 2 | 2     |");
    let metrics = store.store().metrics();
    assert_eq!((metrics.wal_errors, metrics.writes_refused, metrics.rows_written), (3, 3, 2));
    let report = store.open().recovery();
    assert_eq!((report.rows, report.torn_bytes, report.corrupt.len()), (2, 0, 0));
    assert_eq!(count(&store).await, "| 2 | 2     |");
}

#[tokio::test]
async fn a_segment_that_cannot_be_cut_is_left() {
    let (mut store, mode) = failing();
    let row = |second| vec![sample("load", &[("node", "a")], second, 1.0)];
    drop(store.write(row(1)).await);
    mode.store(FULL_AND_STUCK, SeqCst);
    store.store().write(row(2)).await.unwrap_err();
    mode.store(WORKS, SeqCst);
    drop(store.write(row(3)).await);
    assert_eq!(count(&store).await, "| 2 | 1     |");
    let report = store.open().recovery().clone();
    assert_eq!((report.rows, report.corrupt.len()), (2, 1), "half a record is not passed over: {report:?}");
    assert_eq!(count(&store).await, "| 2 | 1     |");
}

#[tokio::test]
async fn after_a_failed_sync_the_group_is_written_again_elsewhere() {
    let (mut store, mode) = failing();
    let row = |second| vec![sample("load", &[("node", "a")], second, 1.0)];
    mode.store(ONE_BAD_SYNC, SeqCst);
    drop(store.write(row(1)).await);
    assert_eq!(wal_segments(&store).len(), 1, "the first segment was cut back to nothing");
    mode.store(NO_SYNC, SeqCst);
    let refused = store.store().write(row(2)).await;
    assert!(matches!(refused, Err(WriteError::DiskFull { .. })), "{refused:?}");
    mode.store(WORKS, SeqCst);
    drop(store.write(row(3)).await);
    let report = store.open().recovery().clone();
    assert_eq!((report.rows, report.corrupt.len()), (2, 0), "{report:?}");
    assert_eq!(count(&store).await, "| 2 | 1     |");
}

#[tokio::test]
async fn full_memory_is_the_disks_fault_only_while_flushes_fail() {
    let limits = Limits { live_bytes: 1, ..Limits::default() };
    let store = TestStore::new(Settings { limits, ..settings() });
    let row = |second| vec![sample("load", &[], second, 1.0)];
    drop(store.write(row(1)).await);
    let (data, away) = (store.path().join("data"), store.path().join("away"));
    fs::rename(&data, &away).unwrap();
    store.store().flush().await.unwrap_err();
    let refused = store.store().write(row(2)).await;
    assert!(matches!(refused, Err(WriteError::DiskFull { .. })), "{refused:?}");
    fs::rename(&away, &data).unwrap();
    store.store().flush().await.unwrap();
    drop(store.write(row(2)).await);
    let refused = store.store().write(row(3)).await;
    assert!(matches!(refused, Err(WriteError::Overloaded { .. })), "{refused:?}");
}
