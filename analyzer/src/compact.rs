//! Compaction: neighbouring data files of a shape become one, so that the rows of a series lie together,
//! and deleted rows leave the disk.
//!
//! A file is joined with those after it once they have as many rows as it has: so a row is written again
//! about once each time that its file doubles, and there are few files. Inputs stay until nobody reads
//! them; a crash leaves either them or the output in the manifest.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arrow::{array::RecordBatch, error::ArrowError};

use crate::{
    data_file::{
        DataFile, Selection,
        read::read,
        write::{Content, DataFileError, Effort, copy_rollup, write, write_rollup},
    },
    deletion::Mask,
    disk_layout::{data_file_name, may_be_there},
    fields::{Field, physical_schema},
    flush,
    history::History,
    merge::{Batches, Merge},
    retention::{self, Ages},
    rollup::{Rollup, build::Wanted},
    store::Shared,
    time_range::TimeRange,
};

/// Files that are joined, at least.
const JOINED_FILES: usize = 4;
/// Rows of a file beyond which it is left alone: 32 M rows take some 10 s of one core to write.
const FILE_ROWS_MAX: u64 = 32 << 20;
/// Whole files expire, by their latest row: joining keeps rows longer by at most this part of the retention.
const KEPT_LONGER: i64 = 8;

/// Why files could not be joined; they stay as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompactError {
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    #[error("cannot read a data file")]
    Arrow(#[from] ArrowError),
    #[error("cannot write the manifest")]
    Io(#[from] std::io::Error),
    #[error("the store closes")]
    Closing,
}

/// What is to be done to data files.
#[derive(Debug)]
pub(crate) enum Job {
    Join(Join),
    /// Its rows are too old, but they are to be remembered.
    RollUp(Arc<DataFile>),
}

impl Job {
    /// The next, if any.
    pub(crate) fn next(shared: &Shared) -> Option<Self> {
        let ages = Ages::of(shared);
        let to_roll_up = {
            let state = shared.state();
            // Of what is deleted there shall be no rollup: such a file is written anew first.
            let is_wanted = |file: &Arc<DataFile>| {
                ages.needs_rollup(file) && state.mask(file).is_empty() && !shared.cache.is_unreadable(&file.name)
            };
            state.files().into_iter().find(is_wanted)
        };
        to_roll_up.map(Self::RollUp).or_else(|| Join::next(shared, &ages).map(Self::Join))
    }

    /// Does it.
    pub(crate) fn run(self, shared: &Arc<Shared>) -> Result<(), CompactError> {
        match self {
            Self::Join(join) => join.run(shared),
            Self::RollUp(file) => roll_up(shared, &file),
        }
    }
}

/// Makes a rollup of a file that has none.
fn roll_up(shared: &Arc<Shared>, file: &DataFile) -> Result<(), CompactError> {
    let fields = shared.fields_of(file.shape());
    let rows = rows_of(shared, file, &fields, &Selection::everything())?;
    let rollup = write_rollup(&shared.layout, &file.name, &fields, until_closing(shared, rows));
    if shared.is_closing() && rollup.is_err() {
        return Err(CompactError::Closing);
    }
    let rollup = rollup?;
    shared.edit_manifest(|manifest| {
        let file = manifest.files.iter_mut().find(|known| known.name == file.name);
        file.into_iter().for_each(|file| file.rollup = Some(rollup.clone()));
    })?;
    let with = |known: &DataFile| {
        (known.name == file.name).then(|| DataFile { rollup: Some(rollup.clone()), ..known.clone() })
    };
    let before = shared.state().swap_files(with);
    shared.doomed().extend(before);
    Ok(())
}

/// Rows of a file. One that cannot be read is noted, and not tried again.
fn rows_of(
    shared: &Arc<Shared>,
    file: &DataFile,
    fields: &[Field],
    selection: &Selection,
) -> Result<Batches, ArrowError> {
    let (noting, name) = (Arc::clone(shared), file.name.clone());
    let note = move |_: &ArrowError| noting.cache.note_unreadable(&name);
    let rows = read(file.place(&shared.layout.data()), fields, selection, None).inspect_err(&note)?;
    Ok(Box::new(rows.map(move |rows| rows.inspect_err(&note))))
}

/// `rows`, with an error in their middle when the store closes: nobody waits for what can as well be done after
/// the next start.
fn until_closing(
    shared: &Arc<Shared>,
    rows: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
) -> Batches {
    let watched = Arc::clone(shared);
    Box::new(rows.map(move |rows| match watched.is_closing() {
        true => Err(ArrowError::ExternalError("the store closes".into())),
        false => rows,
    }))
}

/// Files to join.
#[derive(Debug)]
pub(crate) struct Join {
    /// Of one shape, from the oldest to the newest, with nothing between them.
    inputs: Vec<Arc<DataFile>>,
    /// Per input the rows that are left out.
    masks: Vec<Mask>,
    /// The last deletion among those.
    clean: u64,
    /// When rows were looked at that are too old.
    now: i64,
    late: Option<TimeRange>,
}

impl Join {
    /// The next that is to be done, if any.
    fn next(shared: &Shared, ages: &Ages<'_>) -> Option<Self> {
        let files = shared.state().files_by_shape();
        let is_free = |file: &Arc<DataFile>| shared.history.as_ref().is_none_or(|history| history.is_exported(file));
        let joined = files.iter().find_map(|of_shape| {
            let with_rows = of_shape.iter().filter(|file| !file.is_rolled_up);
            let free: Vec<_> = with_rows.take_while(|file| is_free(file)).map(Arc::clone).collect();
            // Files before and after one that cannot be read are no neighbours.
            let mut parts = free.split(|file| shared.cache.is_unreadable(&file.name));
            let age = ages.rows(free.first()?);
            parts.find_map(|part| Some(part[to_join(part, age)?].to_vec()))
        });
        // Where rows are to leave the disk a file is written anew alone, too.
        let inputs = joined.or_else(|| {
            let is_readable = |file: &&Arc<DataFile>| !shared.cache.is_unreadable(&file.name);
            let is_masked = |file: &DataFile| !shared.state().mask(file).is_empty();
            let has_gaps = |file: &&Arc<DataFile>| is_masked(file) || retention::is_worth_trimming(shared, file);
            files.iter().flatten().filter(is_readable).find(has_gaps).map(|file| vec![Arc::clone(file)])
        })?;
        let now = shared.settings.clock.now();
        let old: Vec<Mask> = inputs.iter().map(|file| retention::mask(shared, file)).collect();
        let state = shared.state();
        let masks = inputs.iter().zip(old).map(|(file, old)| state.mask(file).and(old)).collect();
        Some(Self { masks, now, clean: state.newest_deletion(), late: late(&inputs, &files), inputs })
    }

    /// Writes the joined file and puts it in the place of the others.
    fn run(self, shared: &Arc<Shared>) -> Result<(), CompactError> {
        let Some((first, last)) = self.inputs.first().zip(self.inputs.last()) else { return Ok(()) };
        if let ([file], [mask]) = (&self.inputs[..], &self.masks[..]) {
            if file.is_rolled_up {
                let output = cut_rollup(shared, file, mask, self.clean)?;
                return self.adopt(shared, output);
            }
            if !has_any(shared, file, mask)? {
                return self.note_clean(shared, file);
            }
        }
        let fields = shared.fields_of(first.shape());
        let shown = Arc::new(AtomicU64::new(0));
        let source = |(file, mask): (&Arc<DataFile>, &Mask)| -> Result<Batches, ArrowError> {
            let (rows, shown) = (rows_of(shared, file, &fields, &Selection::everything())?, Arc::clone(&shown));
            Ok(Box::new(mask.shown(rows).inspect(move |rows| {
                shown.fetch_add(rows.as_ref().map_or(0, RecordBatch::num_rows) as u64, Relaxed);
            })))
        };
        let sources: Vec<Batches> = self.inputs.iter().zip(&self.masks).map(source).collect::<Result<_, _>>()?;
        let content = Content {
            shape: first.shape(),
            fields: &fields,
            time: self.inputs.iter().map(|file| file.time).fold(first.time, TimeRange::join),
            late: self.late,
            sequence: last.sequence,
            clean: self.clean,
            effort: Effort::Lasting,
            rollup: Wanted::WhenWorth { rows: shared.settings.rollup_rows },
        };
        let number = shared.take_number();
        let rows = until_closing(shared, Merge::new(physical_schema(&fields), sources));
        let output = write(&shared.layout, number, &content, rows);
        if shared.is_closing() && output.is_err() {
            return Err(CompactError::Closing);
        }
        let output = DataFile { trimmed: self.now, ..output? };
        let (counters, shown) = (&shared.counters, shown.load(Relaxed));
        let before: u64 = self.inputs.iter().map(|file| file.rows).sum();
        let (purged, replaced) = (before - shown, shown - output.rows);
        self.adopt(shared, output)?;
        counters.rows_purged.add(purged);
        counters.rows_replaced.add(replaced);
        Ok(())
    }

    /// The file has none of the rows that are to be left out.
    fn note_clean(&self, shared: &Shared, file: &DataFile) -> Result<(), CompactError> {
        let clean = self.clean.max(file.clean);
        let noted = |known: &DataFile| {
            (known.name == file.name).then(|| DataFile { clean, trimmed: self.now, ..known.clone() })
        };
        if file.clean < clean {
            shared.edit_manifest(|manifest| {
                let files = manifest.files.iter_mut();
                files.for_each(|file| noted(file).into_iter().for_each(|noted| *file = noted));
            })?;
        }
        let mut state = shared.state();
        let before = state.swap_files(noted);
        state.drop_done_deletions();
        drop(state);
        shared.doomed().extend(before);
        Ok(())
    }

    /// A file without rows counts for nothing: then the inputs just go.
    fn adopt(&self, shared: &Shared, output: DataFile) -> Result<(), CompactError> {
        let name = output.name.clone();
        // What was not exported is still to be: one that is written anew alone may not have been.
        let is_exported = |history: &&History| self.inputs.iter().all(|input| history.is_exported(input));
        let exported = shared.history.as_ref().filter(is_exported);
        exported.inspect(|history| history.set_exported(&name));
        let is_left = output.rows > 0;
        let is_input = |file: &DataFile| self.inputs.iter().any(|input| input.name == file.name);
        let edited = shared.edit_manifest(|manifest| {
            let there = manifest.files.iter().filter(|file| is_input(file)).count();
            // Some may have expired in the meantime: then the rest is looked at anew.
            let all = there == self.inputs.len();
            if all {
                manifest.files.retain(|file| !is_input(file));
                manifest.files.extend(is_left.then(|| output.clone()));
                manifest.files.sort_by_key(|file| file.sequence);
            }
            all
        });
        match edited {
            Ok(true) => {
                if !is_left {
                    flush::remove(&shared.layout, &output);
                }
                let removed = shared.state().exchange(is_input, is_left.then_some(output));
                // Again: progress that was written in between knew of no such file.
                exported.inspect(|history| history.set_exported(&name));
                shared.doomed().extend(removed);
                Ok(())
            }
            Ok(false) => {
                flush::remove(&shared.layout, &output);
                Ok(())
            }
            Err(error) => {
                // A manifest that names it may be what the next start finds; without it, it removes it.
                if !may_be_there(&error) {
                    flush::remove(&shared.layout, &output);
                }
                Err(error.into())
            }
        }
    }
}

/// What is to be in the place of a file without rows: its rollup without the bins that `mask` hides. Without
/// any bin it has no rows either.
fn cut_rollup(shared: &Shared, file: &DataFile, mask: &Mask, clean: u64) -> Result<DataFile, CompactError> {
    let name = data_file_name(file.shape(), shared.take_number(), file.time);
    let (bins, bytes) = copy_rollup(&shared.layout, (&file.name, &name), |rows| mask.of_bins().shown(rows))?;
    let rollup = file.rollup.clone().map(|rollup| Rollup { rows: bins, bytes, ..rollup });
    let rows = if bins == 0 { 0 } else { file.rows };
    Ok(DataFile { name, rows, rollup, clean, ..file.clone() })
}

/// Whether `file` has any row that `mask` hides. Only pages that can have one are read.
fn has_any(shared: &Arc<Shared>, file: &DataFile, mask: &Mask) -> Result<bool, ArrowError> {
    for hidden in mask.hidden() {
        for rows in rows_of(shared, file, &[], hidden)? {
            if rows?.num_rows() > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Which neighbours are to be joined: at least so many, small enough together, the first no larger than the
/// rest. The newest come first; those before a file that can be joined with none are looked at as well.
fn to_join(files: &[Arc<DataFile>], retention: Duration) -> Option<Range<usize>> {
    (1..=files.len()).rev().find_map(|end| Some(joined_from(&files[..end], retention)?..end))
}

/// From where on `files` are to be joined, up to the last of them.
fn joined_from(files: &[Arc<DataFile>], retention: Duration) -> Option<usize> {
    let retention = i64::try_from(retention.as_nanos()).unwrap_or(i64::MAX);
    let (mut after, mut from) = (0, None);
    let (mut first_end, mut last_end) = (i64::MAX, i64::MIN);
    for (index, file) in files.iter().enumerate().rev() {
        (first_end, last_end) = (first_end.min(file.time.max), last_end.max(file.time.max));
        let is_kept_long = last_end.saturating_sub(first_end) > retention / KEPT_LONGER;
        if after + file.rows > FILE_ROWS_MAX || is_kept_long {
            break;
        }
        if files.len() - index >= JOINED_FILES && file.rows <= after {
            from = Some(index);
        }
        after += file.rows;
    }
    from
}

/// The times for which the joined file may replace rows of older ones.
fn late(inputs: &[Arc<DataFile>], all: &[Vec<Arc<DataFile>>]) -> Option<TimeRange> {
    let (first, late) = (inputs.first()?, inputs.iter().filter_map(|file| file.late).reduce(TimeRange::join)?);
    // A table's samples, in files of another shape, are older than its other rows.
    let is_older = |file: &&Arc<DataFile>| {
        file.sequence < first.sequence && file.shape() == first.shape() || file.shape() < first.shape()
    };
    all.iter().flatten().filter(is_older).any(|file| file.time.overlaps(late)).then_some(late)
}

#[cfg(test)]
mod tests;
