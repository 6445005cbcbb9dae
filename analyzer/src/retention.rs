//! Dropping what is too old, by whole files.

use std::{collections::BTreeSet, sync::Arc};

use crate::{data_file::DataFile, settings::Settings, store::Shared};

/// Rows before this time need not be kept.
fn cutoff(settings: &Settings) -> i64 {
    let age = i64::try_from(settings.retention.as_nanos()).unwrap_or(i64::MAX);
    settings.clock.now().saturating_sub(age)
}

/// The names of those of `files` (all, by sequence) that are to be dropped now: every row of them is too
/// old, and history does not need them any more.
pub(crate) fn expired(shared: &Shared, files: &[Arc<DataFile>]) -> BTreeSet<String> {
    let cutoff = cutoff(&shared.settings);
    let is_expired = |file: &DataFile| file.time.max < cutoff;
    match &shared.history {
        Some(history) => history.may_go(files, is_expired),
        None => files.iter().filter(|file| is_expired(file)).map(|file| file.name.clone()).collect(),
    }
}
