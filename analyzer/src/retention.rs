//! Dropping what is too old, by whole files: rows first, their rollup when that is too old as well.
//!
//! A table may be kept for less. Its own files then go earlier; in files that it shares with others its rows are
//! not shown from then on, and left out when such a file is written anew, which they are a reason for now and then.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use weir_model::observation::TableName;

use crate::{
    catalog::Shape,
    data_file::{DataFile, Selection},
    deletion::Mask,
    settings::Settings,
    store::Shared,
    time_range::TimeRange,
};

/// A file is written anew for rows of a table that have become too old for each such part of the table's retention
/// or of the file's own span, whichever is longer, and once for the last of them: nine times at most.
const PARTS: i64 = 8;

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

fn nanos(age: Duration) -> i64 {
    i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)
}

/// What is older than `age` is before this time.
fn cutoff(settings: &Settings, age: Duration) -> i64 {
    settings.clock.now().saturating_sub(nanos(age))
}

/// How long files are kept.
#[derive(Debug)]
pub(crate) struct Ages<'a> {
    settings: &'a Settings,
    /// Of tables with a retention of their own, by id.
    tables: BTreeMap<u32, Duration>,
}

impl<'a> Ages<'a> {
    /// As the tables are now.
    pub(crate) fn of(shared: &'a Shared) -> Self {
        let (settings, catalog) = (&shared.settings, shared.catalog());
        let tables = settings.table_retention.iter();
        let tables = tables.filter_map(|(name, age)| Some((catalog.find(name)?.0, *age))).collect();
        Self { settings, tables }
    }

    /// How long the rows of a file are kept.
    pub(crate) fn rows(&self, file: &DataFile) -> Duration {
        let own = file.table.and_then(|table| self.tables.get(&table));
        own.copied().unwrap_or(self.settings.retention)
    }

    /// Whether rollups of a file are to outlive its rows. A table's own retention is for both.
    fn outlive(&self, file: &DataFile) -> bool {
        let has_own = file.table.is_some_and(|table| self.tables.contains_key(&table));
        !has_own && self.settings.rollup_retention > self.settings.retention
    }

    /// Whether a file's rows are too old.
    fn is_old(&self, file: &DataFile) -> bool {
        file.time.max < cutoff(self.settings, self.rows(file))
    }

    /// Whether a file is kept only until it has a rollup.
    pub(crate) fn needs_rollup(&self, file: &DataFile) -> bool {
        self.outlive(file) && file.rollup.is_none() && self.is_old(file)
    }
}

/// The times at which rows of a table are shown: not until their file goes, which may be one from which others
/// that have gone already took what was newer.
pub(crate) fn shown(settings: &Settings, table: &TableName) -> TimeRange {
    let own = settings.table_retention.get(table).copied();
    let age = own.unwrap_or(settings.retention.max(settings.rollup_retention));
    TimeRange { min: cutoff(settings, age), max: i64::MAX }
}

/// Rows of a file that are too old for their tables, with how long they are kept; most files have none.
fn too_old(shared: &Shared, file: &DataFile) -> Vec<(i64, Selection)> {
    let (settings, catalog) = (&shared.settings, shared.catalog());
    let of_table = |(name, age): (&TableName, &Duration)| {
        let table = catalog.table(catalog.find(name)?);
        let is_there = file.shape() == Shape::Value || file.shape() == Shape::Table(table.id);
        let time = TimeRange { min: i64::MIN, max: cutoff(settings, *age).saturating_sub(1) };
        let is_old = is_there && !file.is_rolled_up && time.overlaps(file.time);
        // Of which table those were that are forgotten is not known; nobody sees them.
        let series = || if file.table.is_none() { table.all() | catalog.forgotten() } else { table.all().clone() };
        let rows = is_old.then(|| Selection::new(series(), time))?;
        rows.wants(file).then(|| (nanos(*age), rows))
    };
    settings.table_retention.iter().filter_map(of_table).collect()
}

/// What of a file is to be left out when it is written anew.
pub(crate) fn mask(shared: &Shared, file: &DataFile) -> Mask {
    Mask::new(too_old(shared, file).into_iter().map(|(_, rows)| rows).collect())
}

/// Whether a file has become worth to be written anew since it was last looked through.
pub(crate) fn is_worth_trimming(shared: &Shared, file: &DataFile) -> bool {
    too_old(shared, file).iter().any(|(age, rows)| {
        let (from, to) = (file.time.min.max(file.trimmed.saturating_sub(*age)), rows.time.max);
        let span = file.time.max.saturating_sub(file.time.min);
        from <= to.min(file.time.max) && (to >= file.time.max || to.saturating_sub(from) >= span.max(*age) / PARTS)
    })
}

/// What of `files` (all, by sequence) is to be dropped now: too old in every row, and history does not need it
/// any more.
pub(crate) fn expired(shared: &Shared, files: &[Arc<DataFile>]) -> Expired {
    let ages = Ages::of(shared);
    let rollup_cutoff = cutoff(ages.settings, ages.settings.rollup_retention);
    let keeps_rollup = |file: &DataFile| ages.outlive(file) && file.time.max >= rollup_cutoff;
    let is_expired =
        |file: &DataFile| ages.is_old(file) && !ages.needs_rollup(file) && !(file.is_rolled_up && keeps_rollup(file));
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
