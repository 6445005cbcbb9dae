//! What a store can be told. Every limit has a default here, with its arithmetic.

use std::{collections::BTreeMap, fmt, num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use weir_model::observation::TableName;

use crate::{
    history::HistorySettings,
    wal::disk::{RealDisk, WalDisk},
};

/// When an acknowledged batch is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync` of the log: survives a power cut.
    #[default]
    Fsync,
    /// After `write`: survives the daemon's death, not the machine's.
    Relaxed,
}

weir_model::keywords!(Durability { "fsync" => Fsync, "relaxed" => Relaxed });

/// Tells the time: nanoseconds since the epoch.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that answers with `now`.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Nanoseconds since the epoch.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// How a store behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// Rows older than this are dropped, by whole files; older rows are not accepted.
    pub retention: Duration,
    /// Of these tables rows, and rollups, older than this are not shown and leave the disk, in place of `retention`,
    /// which is no shorter.
    pub table_retention: BTreeMap<TableName, Duration>,
    /// Rollups older than this are dropped, by whole files; no longer than `retention`: with their rows.
    pub rollup_retention: Duration,
    /// Flush when rows take this much memory: 64 MiB are 3.3 M samples of 20 bytes, or 700,000 rows of ten
    /// fields, and a second or two of replay after a crash.
    pub flush_bytes: usize,
    /// Flush when the oldest row in memory was written this long ago.
    pub flush_age: Duration,
    /// Rows that chunks in memory are joined up to: 2^17 rows join in about 5 ms, for which writers wait.
    pub chunk_rows: usize,
    /// Rows of a scan that are worth another thread: 100,000 are read in about a millisecond.
    pub partition_rows: u64,
    /// Parts of a query that are worked at at a time: as many as there are cores, 16 at most.
    pub query_partitions: usize,
    /// Rows of a joined file that are worth a rollup: fewer than 65,536 are read faster than one thinks about it.
    pub rollup_rows: u64,
    /// Whether small data files are joined to large ones.
    pub compact: bool,
    /// Whether a clean close writes Parquet (a quick start) or leaves everything to the log.
    pub flush_on_close: bool,
    /// Where sealed history goes besides; `None`: nowhere.
    pub history: Option<HistorySettings>,
    /// Bounds.
    pub limits: Limits,
    /// Whose now it is.
    pub clock: Clock,
    /// Where log segments are written; tests put failing disks here.
    pub wal_disk: Arc<dyn WalDisk>,
}

/// With 100,000 rows each, sixteen parts are 1.6 M rows: what nearly all queries read less than.
const QUERY_PARTITIONS_MAX: usize = 16;

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            retention: Duration::from_secs(30 * 86_400),
            table_retention: BTreeMap::new(),
            rollup_retention: Duration::ZERO,
            flush_bytes: 64 << 20,
            flush_age: Duration::from_secs(15 * 60),
            chunk_rows: 1 << 17,
            partition_rows: 100_000,
            query_partitions: available_parallelism().map_or(1, NonZero::get).min(QUERY_PARTITIONS_MAX),
            rollup_rows: 64 << 10,
            compact: true,
            flush_on_close: true,
            history: None,
            limits: Limits::default(),
            clock: Clock::default(),
            wal_disk: Arc::new(RealDisk),
        }
    }
}

/// Bounds on what is kept and on what may be asked.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Series of one table: 1 M is every link of the estate on paper (`DESIGN.md`, Scale).
    pub series_per_table: usize,
    /// Series of one source, by its label `instance` or one of its kind: a node exporter has 2,000, the
    /// largest targets (kube-state-metrics of a large cluster) some 500,000.
    pub series_per_source: usize,
    /// Series of all tables. A series costs about 300 bytes: 4 M are 1.2 GB.
    pub series: usize,
    /// Tables: 100 k metrics are ten times what a large Prometheus holds.
    pub tables: usize,
    /// Fields of one table: what a wide line-protocol measurement has, several times over.
    pub fields_per_table: usize,
    /// Distinct values of one label in one table: the label bomb's fuse. A million nodes have
    /// fewer names each; request ids do not.
    pub values_per_label: usize,
    /// Labels of one series; Prometheus's receivers commonly allow 30.
    pub labels_per_series: usize,
    /// Label names of one table, each a column of it: as many as fields. Names that carry an id are as bad as values.
    pub labels_per_table: usize,
    /// Bytes of one label value or text field: 64 KiB holds any log line worth keeping.
    pub text_bytes: usize,
    /// How far ahead of the clock a row's time may be: an hour forgives a wrong time zone of none.
    pub future: Duration,
    /// Rows waiting for the log: 1 M rows are 32 MB and a second or two of work.
    pub queued_rows: usize,
    /// Bytes of rows in memory, flushed or not yet: 8 times `flush_bytes`, so a slow flush holds nobody up.
    pub live_bytes: usize,
    /// Decoded columns of data files that are kept for the next query: 256 MiB are 33 M values.
    pub cache_bytes: usize,
    /// Memory of all queries together, in bytes; beyond it they spill, then fail.
    pub query_memory_bytes: usize,
    /// Spill files of all queries together, in bytes.
    pub spill_bytes: u64,
    /// Queries at a time: two run on two cores, the others mostly wait for their readers.
    pub concurrent_queries: usize,
    /// How long a query may wait for its turn before it is refused.
    pub query_queue_wait: Duration,
    /// A query that takes longer is counted and logged as slow.
    pub slow_query: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series_per_table: 1_000_000,
            series_per_source: 500_000,
            series: 4_000_000,
            tables: 100_000,
            fields_per_table: 1_000,
            values_per_label: 200_000,
            labels_per_series: 64,
            labels_per_table: 1_000,
            text_bytes: 64 << 10,
            future: Duration::from_secs(3_600),
            queued_rows: 1 << 20,
            live_bytes: 512 << 20,
            cache_bytes: 256 << 20,
            query_memory_bytes: 512 << 20,
            spill_bytes: 4 << 30,
            concurrent_queries: 8,
            query_queue_wait: Duration::from_secs(2),
            slow_query: Duration::from_secs(5),
        }
    }
}
