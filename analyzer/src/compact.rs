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
};

use arrow::{array::RecordBatch, error::ArrowError};

use crate::{
    data_file::{
        DataFile, Selection,
        read::{Place, read},
        write::{Content, DataFileError, Effort, write, write_bins, write_rollup},
    },
    deletion::{Clean, Mask},
    disk_layout::{data_file_name, may_be_there},
    fields::{Field, physical_schema},
    flush,
    history::History,
    merge::{Batches, Merge},
    retention,
    rollup::{self, Rollup, build::Wanted},
    settings::Settings,
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
        let files = shared.state().files();
        let to_roll_up = files
            .into_iter()
            .find(|file| retention::needs_rollup(&shared.settings, file) && !shared.cache.is_unreadable(&file.name));
        to_roll_up.map(Self::RollUp).or_else(|| Join::next(shared).map(Self::Join))
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
    late: Option<TimeRange>,
}

impl Join {
    /// The next that is to be done, if any.
    fn next(shared: &Shared) -> Option<Self> {
        let files = shared.state().files_by_shape();
        let is_free = |file: &Arc<DataFile>| shared.history.as_ref().is_none_or(|history| history.is_exported(file));
        let joined = files.iter().find_map(|of_shape| {
            let with_rows = of_shape.iter().filter(|file| !file.is_rolled_up);
            let free: Vec<_> = with_rows.take_while(|file| is_free(file)).map(Arc::clone).collect();
            // Files before and after one that cannot be read are no neighbours.
            let mut parts = free.split(|file| shared.cache.is_unreadable(&file.name));
            parts.find_map(|part| Some(part[to_join(part, &shared.settings)?].to_vec()))
        });
        // Where rows were deleted a file is written anew alone, too.
        let inputs = joined.or_else(|| {
            let state = shared.state();
            let is_readable = |file: &&Arc<DataFile>| !shared.cache.is_unreadable(&file.name);
            let masked = files.iter().flatten().filter(is_readable).find(|file| !state.mask(file).is_empty());
            masked.map(|file| vec![Arc::clone(file)])
        })?;
        let state = shared.state();
        let masks = inputs.iter().map(|file| state.mask(file)).collect();
        Some(Self { masks, clean: state.newest_deletion(), late: late(&inputs, &files), inputs })
    }

    /// Writes the joined file and puts it in the place of the others.
    fn run(self, shared: &Arc<Shared>) -> Result<(), CompactError> {
        let Some((first, last)) = self.inputs.first().zip(self.inputs.last()) else { return Ok(()) };
        if let ([file], [mask]) = (&self.inputs[..], &self.masks[..])
            && !has_any(shared, file, mask)?
        {
            return self.note_clean(shared, file);
        }
        if first.is_rolled_up {
            return self.purge_bins(shared, first);
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
        let output = output?;
        let (counters, shown) = (&shared.counters, shown.load(Relaxed));
        let before: u64 = self.inputs.iter().map(|file| file.rows).sum();
        let (purged, replaced) = (before - shown, shown - output.rows);
        self.adopt(shared, output)?;
        counters.rows_purged.add(purged);
        counters.rows_replaced.add(replaced);
        Ok(())
    }

    /// Writes a rollup anew whose rows are gone.
    fn purge_bins(&self, shared: &Arc<Shared>, file: &DataFile) -> Result<(), CompactError> {
        let (Some(rollup), [mask]) = (&file.rollup, &self.masks[..]) else { return Ok(()) };
        let fields = rollup::columns(&shared.fields_of(file.shape()));
        let bins = read_bins(shared, file, &fields, &Selection::everything())?;
        let bins = until_closing(shared, mask.shown(bins));
        let name = data_file_name(file.shape(), shared.take_number(), file.time);
        let (rows, bytes) = write_bins(&shared.layout, &name, &fields, bins)?;
        let rollup = Some(Rollup { rows, bytes, lacks: rollup.lacks.clone() });
        let (rows, clean) = (file.rows.min(rows), Clean::up_to(self.clean));
        self.adopt(shared, DataFile { name, rows, rollup, clean, ..file.clone() })
    }

    /// The file has none of the rows that are to be left out.
    fn note_clean(&self, shared: &Shared, file: &DataFile) -> Result<(), CompactError> {
        shared.edit_manifest(|manifest| {
            let known = manifest.files.iter().find(|known| known.name == file.name);
            known.inspect(|known| known.clean.raise(self.clean));
        })?;
        let mut state = shared.state();
        file.clean.raise(self.clean);
        state.drop_done_deletions();
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

/// Whether `file` has any row that `mask` hides. Only pages that can have one are read.
fn has_any(shared: &Arc<Shared>, file: &DataFile, mask: &Mask) -> Result<bool, ArrowError> {
    for hidden in mask.hidden() {
        let rows = match file.is_rolled_up {
            true => read_bins(shared, file, &[], hidden)?,
            false => rows_of(shared, file, &[], hidden)?,
        };
        for rows in rows {
            if rows?.num_rows() > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn read_bins(shared: &Shared, file: &DataFile, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
    let (folder, name) = (shared.layout.data(), rollup::file_name(&file.name));
    read(Place { folder: &folder, name: &name }, fields, selection, None)
}

/// Which neighbours are to be joined: at least so many, small enough together, the first no larger than the
/// rest. The newest come first; those before a file that can be joined with none are looked at as well.
fn to_join(files: &[Arc<DataFile>], settings: &Settings) -> Option<Range<usize>> {
    (1..=files.len()).rev().find_map(|end| Some(joined_from(&files[..end], settings)?..end))
}

/// From where on `files` are to be joined, up to the last of them.
fn joined_from(files: &[Arc<DataFile>], settings: &Settings) -> Option<usize> {
    let retention = i64::try_from(settings.retention.as_nanos()).unwrap_or(i64::MAX);
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
