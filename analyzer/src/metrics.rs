//! What the engine counts about itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{state::Disorder, write::RejectKind};

/// A counter, or a gauge where it says so.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    pub(crate) fn subtract(&self, count: u64) {
        self.0.fetch_sub(count, Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters, as the engine's parts add to them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) rows_written: Counter,
    pub(crate) rows_rejected: [Counter; RejectKind::ALL.len()],
    pub(crate) rows_out_of_order: Counter,
    pub(crate) rows_duplicate: Counter,
    pub(crate) rows_replaced: Counter,
    pub(crate) writes_refused: Counter,
    pub(crate) wal_syncs: Counter,
    pub(crate) wal_bytes: Counter,
    pub(crate) wal_errors: Counter,
    pub(crate) wal_relaxed: Counter,
    pub(crate) compactions: Counter,
    pub(crate) compaction_errors: Counter,
    pub(crate) flushes: Counter,
    pub(crate) flush_errors: Counter,
    /// 1 while the last flush failed.
    pub(crate) flush_failing: Counter,
    pub(crate) files: Counter,
    pub(crate) file_bytes: Counter,
    pub(crate) files_expired: Counter,
    pub(crate) rows_purged: Counter,
    pub(crate) deletions: Counter,
    pub(crate) deletions_open: Counter,
    pub(crate) tables: Counter,
    pub(crate) series: Counter,
    pub(crate) series_forgotten: Counter,
    pub(crate) live_rows: Counter,
    pub(crate) live_bytes: Counter,
    pub(crate) queued_rows: Counter,
    pub(crate) history_rows: Counter,
    pub(crate) history_files: Counter,
    pub(crate) history_files_waiting: Counter,
    pub(crate) history_files_lost: Counter,
    pub(crate) history_errors: Counter,
    pub(crate) queries: Counter,
    pub(crate) queries_running: Counter,
    pub(crate) queries_refused: Counter,
    pub(crate) queries_failed: Counter,
    pub(crate) queries_slow: Counter,
}

impl Counters {
    pub(crate) fn rejected(&self, kind: RejectKind, rows: u64) {
        let index = RejectKind::ALL.iter().position(|known| *known == kind);
        index.into_iter().for_each(|index| self.rows_rejected[index].add(rows));
    }

    pub(crate) fn disorder(&self, disorder: Disorder) {
        self.rows_out_of_order.add(disorder.out_of_order);
        self.rows_duplicate.add(disorder.duplicate);
        self.rows_replaced.add(disorder.replaced);
    }

    pub(crate) fn read(&self) -> Metrics {
        let rejected = RejectKind::ALL.iter().zip(&self.rows_rejected);
        Metrics {
            rows_written: self.rows_written.get(),
            rows_rejected: rejected.map(|(kind, counter)| (kind.name(), counter.get())).collect(),
            rows_out_of_order: self.rows_out_of_order.get(),
            rows_duplicate: self.rows_duplicate.get(),
            rows_replaced: self.rows_replaced.get(),
            writes_refused: self.writes_refused.get(),
            wal_syncs: self.wal_syncs.get(),
            wal_bytes: self.wal_bytes.get(),
            wal_errors: self.wal_errors.get(),
            wal_relaxed: self.wal_relaxed.get(),
            compactions: self.compactions.get(),
            compaction_errors: self.compaction_errors.get(),
            flushes: self.flushes.get(),
            flush_errors: self.flush_errors.get(),
            files: self.files.get(),
            file_bytes: self.file_bytes.get(),
            files_expired: self.files_expired.get(),
            rows_purged: self.rows_purged.get(),
            deletions: self.deletions.get(),
            deletions_open: self.deletions_open.get(),
            tables: self.tables.get(),
            series: self.series.get(),
            series_forgotten: self.series_forgotten.get(),
            live_rows: self.live_rows.get(),
            live_bytes: self.live_bytes.get(),
            queued_rows: self.queued_rows.get(),
            history_rows: self.history_rows.get(),
            history_files: self.history_files.get(),
            history_files_waiting: self.history_files_waiting.get(),
            history_files_lost: self.history_files_lost.get(),
            history_errors: self.history_errors.get(),
            queries: self.queries.get(),
            queries_running: self.queries_running.get(),
            queries_refused: self.queries_refused.get(),
            queries_failed: self.queries_failed.get(),
            queries_slow: self.queries_slow.get(),
            damage_at_start: 0,
            files_unreadable: 0,
        }
    }
}

/// The counters at one moment. Gauges are marked; everything else only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Rows acknowledged.
    pub rows_written: u64,
    /// Rows rejected, by reason.
    pub rows_rejected: Vec<(&'static str, u64)>,
    /// Rows older than another row of their series that came before them, since the start.
    pub rows_out_of_order: u64,
    /// Rows with the time of the latest row of their series: they replace it, or give more of its fields.
    pub rows_duplicate: u64,
    /// Rows that are gone because a newer one with their series and time replaced or completed them: counted
    /// once the two meet, in memory, at a flush or when files are joined.
    pub rows_replaced: u64,
    /// Batches refused whole: overload, disk full.
    pub writes_refused: u64,
    /// Calls of fdatasync on the log that succeeded.
    pub wal_syncs: u64,
    /// Bytes written to the log.
    pub wal_bytes: u64,
    /// Groups of batches that could not be logged.
    pub wal_errors: u64,
    /// Gauge: 1 where acknowledgements do not wait for the disk ([`crate::Durability::Relaxed`]).
    pub wal_relaxed: u64,
    /// Times that data files were joined.
    pub compactions: u64,
    /// Times that data files could not be joined.
    pub compaction_errors: u64,
    /// Flushes to Parquet that succeeded.
    pub flushes: u64,
    /// Flushes that failed and are tried again.
    pub flush_errors: u64,
    /// Gauge: data files.
    pub files: u64,
    /// Gauge: bytes in data files.
    pub file_bytes: u64,
    /// Data files dropped by retention.
    pub files_expired: u64,
    /// Rows that were deleted, or too old for their table, and have left the disk.
    pub rows_purged: u64,
    /// Deletions acknowledged.
    pub deletions: u64,
    /// Gauge: deletions of which rows are still on disk.
    pub deletions_open: u64,
    /// Gauge: tables.
    pub tables: u64,
    /// Gauge: series of all tables.
    pub series: u64,
    /// Series that were forgotten, as the last of their rows became too old.
    pub series_forgotten: u64,
    /// Gauge: rows in memory.
    pub live_rows: u64,
    /// Gauge: bytes of rows in memory.
    pub live_bytes: u64,
    /// Gauge: rows waiting for the log.
    pub queued_rows: u64,
    /// Rows sent to ClickHouse, those that were sent again included.
    pub history_rows: u64,
    /// Data files exported to ClickHouse.
    pub history_files: u64,
    /// Gauge: data files that are not exported yet.
    pub history_files_waiting: u64,
    /// Data files dropped before they were exported: more was held than may be.
    pub history_files_lost: u64,
    /// Rounds of the export that ended in an error and are tried again.
    pub history_errors: u64,
    /// Queries begun.
    pub queries: u64,
    /// Gauge: queries running.
    pub queries_running: u64,
    /// Queries refused: not a query, too many at once.
    pub queries_refused: u64,
    /// Queries that failed: unknown names, memory, time, rows.
    pub queries_failed: u64,
    /// Queries slower than the limit for slow ones.
    pub queries_slow: u64,
    /// Gauge: places in the log and in data files that the start could not read.
    pub damage_at_start: u64,
    /// Gauge: data files that could not be read since.
    pub files_unreadable: u64,
}
