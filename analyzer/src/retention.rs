//! Dropping what is too old, by whole files.

use crate::{data_file::DataFile, settings::Settings};

/// Rows before this time need not be kept.
pub(crate) fn cutoff(settings: &Settings) -> i64 {
    let age = i64::try_from(settings.retention.as_nanos()).unwrap_or(i64::MAX);
    settings.clock.now().saturating_sub(age)
}

/// Whether every row of `file` is before `cutoff`.
pub(crate) fn is_expired(file: &DataFile, cutoff: i64) -> bool {
    file.time.max < cutoff
}
