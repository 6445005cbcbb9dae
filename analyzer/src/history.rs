//! The ClickHouse tier: sealed history goes to a ClickHouse server and stays readable through SQL as
//! the schema `history`, beyond the retention of local files.
//!
//! **What goes.** Every data file, once it is flushed. A file is exported whole ([`export`]); which files
//! are, is kept beside the manifest ([`progress`]). Each row goes *complete*: a row that came late and gives
//! only some fields takes the others from the older files first ([`complete`]).
//!
//! **Where to.** One table per table of ours, `<schema>.<name>`, in the configured database:
//!
//! ```text
//! label_names Array(String), label_values Array(String)   the labels that are there, by name
//! time Int64                                              nanoseconds since the epoch
//! day Date                                                for partitions, by month
//! version UInt64                                          the file's sequence: of two rows the larger counts
//! stale UInt8                                             1: a staleness marker, which SQL does not show
//! f_<field> Nullable(Float64 | Int64 | UInt8 | String | Decimal(28, 9))
//! ENGINE ReplacingMergeTree(version) PARTITION BY toYYYYMM(day) ORDER BY (label_names, label_values, time)
//! ```
//!
//! and `weir_columns`, which names their labels and fields, so that history is readable without the
//! data directory it came from.
//!
//! **Why this way.** Debian 12 ships version 18.16, whose means all later servers have as well. It has
//! no `DateTime64` (hence integers), no `LowCardinality` without an experimental setting (hence arrays
//! for labels, which also need no `ALTER` for a new label), no deduplication of blocks outside replicated
//! tables and no deletes worth having: hence replacing rows by key, read with `FINAL`, so that a batch that
//! is sent twice, or half and then whole, leaves each row once in what SQL sees. It has no
//! `RowBinaryWithNamesAndTypes`, so `validation` of the client is off, and types are compared with
//! `system.columns` before the first row is sent; no `ADD COLUMN IF NOT EXISTS`, so that is looked up too.
//!
//! **When the server is away** nothing waits for it but the export, which tries again after a pause that
//! doubles up to [`export::RETRY_MAX`]. Retention leaves files alone that are not exported, up to
//! [`HistorySettings::hold_bytes`] of expired ones; beyond that the oldest are dropped, which is counted
//! (`history_files_lost`) and logged. Acknowledged exports are as durable as the server makes them.
//!
//! Absent on purpose: aggregates in ClickHouse (DataFusion does them over the rows that pass `time` and label
//! predicates), dropping old partitions and deleting rows there (its operator's, by `ALTER TABLE`), and
//! more than one server (a `Distributed` table or a proxy stands for many).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tokio::sync::{Notify, watch};
use weir_model::observation::TableName;

mod complete;
mod decode;
mod encode;
pub(crate) mod export;
mod names;
mod progress;
mod pushdown;
mod remote;
mod settings;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub use settings::HistorySettings;

use crate::{
    data_file::DataFile, disk_layout::Layout, fields::Field, metrics::Counters, sql::DEFAULT_SCHEMA,
    time_range::TimeRange,
};
use progress::Exported;
use remote::Remote;

/// The schema of SQL that history is read as.
pub(crate) const SCHEMA: &str = "history";

/// The labels and fields of a table in ClickHouse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) labels: BTreeSet<Arc<str>>,
    pub(crate) fields: Vec<Field>,
}

/// What `weir_columns` says, by table.
pub(crate) type Registry = BTreeMap<TableName, Columns>;

/// What the exporter, retention and queries share.
pub(crate) struct History {
    pub(crate) settings: HistorySettings,
    /// For queries: the exporter, on another runtime, has its own.
    queries: Remote,
    /// `None` until the server has answered for the first time.
    registry: RwLock<Option<Registry>>,
    exported: Mutex<Exported>,
    /// There is a new file.
    pub(crate) wake: Notify,
    /// Rounds of the exporter so far that ended well, or not: for whoever waits for them.
    pub(crate) rounds: watch::Sender<Rounds>,
}

/// Rounds of the exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rounds {
    /// After which every file was exported.
    pub(crate) complete: u64,
    /// That stopped at an error.
    pub(crate) failed: u64,
    /// Files exported.
    pub(crate) files: u64,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl History {
    /// With the progress that is kept in the directory.
    pub(crate) fn open(settings: HistorySettings, layout: &Layout) -> std::io::Result<Self> {
        Ok(Self {
            queries: Remote::new(&settings),
            settings,
            registry: RwLock::default(),
            exported: Mutex::new(Exported::read(&layout.exported())?),
            wake: Notify::new(),
            rounds: watch::Sender::default(),
        })
    }

    fn exported(&self) -> MutexGuard<'_, Exported> {
        self.exported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_exported(&self, file: &DataFile) -> bool {
        self.exported().contains(&file.name)
    }

    /// A file that was made of exported ones is exported.
    pub(crate) fn set_exported(&self, file: &str) {
        self.exported().insert(file.to_owned());
    }

    /// Which of `expired` may go; `files` are all, by sequence. A file stays until it is exported, and
    /// until newer files are that have late rows for its time: those may take fields from it.
    pub(crate) fn may_go(&self, files: &[Arc<DataFile>], expired: impl Fn(&DataFile) -> bool) -> BTreeSet<String> {
        let exported = self.exported();
        let is_waiting = |file: &DataFile| !exported.contains(&file.name);
        let waiting = files.iter().filter(|file| is_waiting(file));
        let takers: Vec<_> = waiting.filter_map(|file| Some((file.sequence, file.late?))).collect();
        let needed = |file: &DataFile| {
            let takes = |(sequence, late): &(u64, TimeRange)| *sequence > file.sequence && late.overlaps(file.time);
            is_waiting(file) || takers.iter().any(takes)
        };
        let mut held = 0;
        let mut may_go = BTreeSet::new();
        for file in files.iter().rev().filter(|file| expired(file)) {
            if needed(file) {
                held += file.bytes;
                if held <= self.settings.hold_bytes {
                    continue;
                }
            }
            may_go.insert(file.name.clone());
        }
        may_go
    }

    /// Those of `files` whose rows are not exported yet.
    pub(crate) fn waiting(&self, mut files: Vec<Arc<DataFile>>) -> Vec<Arc<DataFile>> {
        let exported = self.exported();
        files.retain(|file| !file.is_rolled_up && !exported.contains(&file.name));
        files
    }

    /// There are new files, and `dropped` are gone.
    pub(crate) fn changed(&self, counters: &Counters, dropped: &[Arc<DataFile>]) {
        let lost: Vec<&Arc<DataFile>> = dropped.iter().filter(|file| !self.is_exported(file)).collect();
        for file in &lost {
            tracing::error!(file = file.name, "dropped before it was exported: too much is held for ClickHouse");
        }
        counters.history_files_lost.add(lost.len() as u64);
        self.wake.notify_one();
    }

    /// The names of tables in `history`, and whose history they are: metrics are called as they are, other
    /// tables with their schema, `"cost.month_to_date"`. `None` before the server has answered.
    pub(crate) fn tables(&self) -> Option<BTreeMap<String, TableName>> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let shown = |table: &TableName| match &*table.schema {
            DEFAULT_SCHEMA => (table.name.to_string(), table.clone()),
            _ => (table.to_string(), table.clone()),
        };
        // A metric with a dot in its name gives way to the table that is called so.
        let (metrics, others): (Vec<_>, Vec<_>) =
            registry.as_ref()?.keys().partition(|table| &*table.schema == DEFAULT_SCHEMA);
        Some(metrics.into_iter().chain(others).map(shown).collect())
    }

    pub(crate) fn columns(&self, table: &TableName) -> Option<Columns> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(table).cloned()
    }

    fn set_registry(&self, registry: Registry) {
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = Some(registry);
    }

    fn set_columns(&self, table: &TableName, columns: Columns) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.get_or_insert_default().insert(table.clone(), columns);
    }
}
