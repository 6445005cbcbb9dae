//! Dropping what is too old, by whole files: rows first, their rollup when that is too old as well.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{data_file::DataFile, settings::Settings, store::Shared};

/// Names of files of which something is to be dropped now.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    /// Everything of them.
    pub(crate) gone: BTreeSet<String>,
    /// Their rows: only the rollup stays.
    pub(crate) rolled_up: BTreeSet<String>,
}

impl Expired {
    pub(crate) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.rolled_up.is_empty()
    }

    /// What there is in the place of a file; `None` when nothing changes, or nothing stays.
    pub(crate) fn rest(&self, file: &DataFile) -> Option<DataFile> {
        self.rolled_up.contains(&file.name).then(|| file.rolled_up()).flatten()
    }
}

/// What is older than `age` is before this time.
fn cutoff(settings: &Settings, age: Duration) -> i64 {
    let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
    settings.clock.now().saturating_sub(age)
}

/// Whether rollups are to outlive rows.
fn outlive(settings: &Settings) -> bool {
    settings.rollup_retention > settings.retention
}

/// Whether a file's rows are too old.
fn is_old(settings: &Settings, file: &DataFile) -> bool {
    file.time.max < cutoff(settings, settings.retention)
}

/// Whether a file is kept only until it has a rollup.
pub(crate) fn needs_rollup(settings: &Settings, file: &DataFile) -> bool {
    outlive(settings) && file.rollup.is_none() && is_old(settings, file)
}

/// What of `files` (all, by sequence) is to be dropped now: too old in every row, and history does not need it
/// any more.
pub(crate) fn expired(shared: &Shared, files: &[Arc<DataFile>]) -> Expired {
    let settings = &shared.settings;
    let rollup_cutoff = cutoff(settings, settings.rollup_retention);
    let keeps_rollup = |file: &DataFile| outlive(settings) && file.time.max >= rollup_cutoff;
    let is_expired = |file: &DataFile| {
        is_old(settings, file) && !needs_rollup(settings, file) && !(file.is_rolled_up && keeps_rollup(file))
    };
    let may_go = match &shared.history {
        Some(history) => history.may_go(files, is_expired),
        None => files.iter().filter(|file| is_expired(file)).map(|file| file.name.clone()).collect(),
    };
    let mut expired = Expired::default();
    for file in files.iter().filter(|file| may_go.contains(&file.name)) {
        let names = if keeps_rollup(file) { &mut expired.rolled_up } else { &mut expired.gone };
        names.insert(file.name.clone());
    }
    expired
}
