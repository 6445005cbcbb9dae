//! The engine: keeps observations and answers SQL about them.
//!
//! [`Store::write`] takes rows, logs them ahead ([`settings::Durability`] says how hard), holds them
//! in Arrow buffers and acknowledges; [`Store::sql`] sees a row from its acknowledgement on. Buffers
//! are flushed to Parquet sorted by series and time; labels live in a catalog with an inverted index
//! and never in the data files. `disk_layout` says where everything is.
//!
//! [`Store::delete`] hides rows at once and frees their bytes later. Absent on purpose: updates (a later row
//! of the same series and time replaces the earlier one), secondary indexes on fields, transactions over
//! batches.
#![forbid(unsafe_code)]

mod aggregate;
mod catalog;
mod chunk;
mod commit;
mod compact;
mod data_file;
mod delete;
mod deletion;
mod disk_layout;
mod fields;
mod flush;
mod forget;
mod history;
pub mod http;
mod last_times;
pub mod lock;
mod manifest;
mod merge;
pub mod metrics;
mod pages;
mod prepare;
mod recovery;
mod retention;
mod rollup;
mod scan;
mod series_segment;
pub mod settings;
pub mod sql;
mod state;
mod store;
#[cfg(test)]
mod test_store;
mod time_range;
pub mod wal;
mod write;

pub use commit::FlushError;
pub use delete::{Delete, DeleteError, Deleted};
pub use history::HistorySettings;
pub use metrics::Metrics;
pub use recovery::{CorruptRecord, RecoveryReport};
pub use settings::{Durability, Limits, Settings};
pub use sql::{Computed, QueryLimits, QueryResult, SqlError};
pub use store::{OpenError, Store};
pub use write::{RejectKind, Rejected, WriteError, Written};
