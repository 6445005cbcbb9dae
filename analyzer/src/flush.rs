//! A flush: chunks become data files, definitions a series segment, then the manifest counts them,
//! then the log may go. Expired files leave the manifest on the same occasion.
//!
//! A crash at any point leaves either the old manifest with the whole log, or the new one.

use std::{collections::BTreeSet, fs, io, path::Path, sync::Arc};

use arrow::error::ArrowError;

use crate::{
    catalog::{Shape, journal::Definition},
    chunk::Chunk,
    data_file::{
        DataFile, Selection,
        select::from_chunk,
        write::{Content, DataFileError, Effort, write},
    },
    deletion::Deletion,
    disk_layout::{Layout, may_be_there, segment_number},
    fields::physical_schema,
    last_times::{self, LastTimes},
    merge::{Batches, Merge},
    retention::{self, Expired},
    rollup::build::Wanted,
    series_segment,
    store::Shared,
    time_range::TimeRange,
};

/// What is to be flushed.
pub(crate) struct Job {
    /// Log segments with smaller numbers hold only rows of `chunks`.
    wal_from: u64,
    shapes: Vec<(Shape, Vec<Arc<Chunk>>)>,
    definitions: Vec<Definition>,
    series_end: u32,
    /// Of rows in `chunks` and before.
    last_times: LastTimes,
    /// Rows that are to be deleted, of those that were written so far.
    hidden: Vec<Selection>,
    next_sequence: u64,
}

/// Of files about series that a flush wrote.
struct Numbers {
    segment: Option<Segment>,
    last_times: u64,
}

/// A new series segment.
struct Segment {
    number: u64,
    definitions: u64,
    /// Whether it is in the place of all others.
    is_whole: bool,
}

/// Series segments that are put into one: few are opened by a start, and a million series are written again seldom.
const SEGMENTS_MAX: usize = 128;
/// Definitions that segments may have in vain before they are put into one: some 100 KB.
const VAIN_DEFINITIONS: u64 = 1024;

/// Why a flush failed; everything it was about is still in memory and in the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    #[error("cannot sort rows in memory")]
    Arrow(#[from] ArrowError),
    #[error("cannot write the series or the manifest")]
    Io(#[from] io::Error),
}

impl Job {
    /// Everything in memory now. The log was rolled just before: `wal_from` is its new segment.
    pub(crate) fn begin(shared: &Shared, wal_from: u64, hidden: Vec<Selection>) -> Self {
        let catalog = shared.catalog();
        let mut state = shared.state();
        let definitions = catalog.journal.unpersisted().to_vec();
        hidden.iter().for_each(|hidden| state.last_times.hide(&hidden.series, hidden.time));
        let (last_times, next_sequence) = (state.last_times.clone(), state.next_sequence);
        let series_end = catalog.series_end();
        Self { wal_from, shapes: state.freeze(), definitions, series_end, last_times, hidden, next_sequence }
    }

    /// Writes it all.
    pub(crate) fn run(self, shared: &Shared) -> Result<(), JobError> {
        let written = self.write_files(shared)?;
        let segment = self.write_series(shared);
        let files = shared.state().files();
        let expired = retention::expired(shared, &files);
        let deletions = self.deletions(shared);
        let counted = segment.and_then(|Numbers { segment, last_times }| {
            let mut old = Vec::new();
            let number = segment.as_ref().map(|segment| shared.layout.series_segment(segment.number));
            let edited = shared.edit_manifest(|manifest| {
                manifest.files.retain(|file| !expired.gone.contains(&file.name));
                for file in &mut manifest.files {
                    if let Some(rest) = expired.rest(file) {
                        *file = rest;
                    }
                }
                manifest.files.extend(written.iter().cloned());
                manifest.files.sort_by_key(|file| file.sequence);
                old.extend(manifest.last_times.replace(last_times).map(|old| shared.layout.last_times(old)));
                if let Some(segment) = segment {
                    if segment.is_whole {
                        let segments = manifest.series_segments.drain(..);
                        old.extend(segments.map(|old| shared.layout.series_segment(old)));
                        manifest.definitions = 0;
                    }
                    manifest.series_segments.push(segment.number);
                    manifest.definitions += segment.definitions;
                    manifest.series_end = self.series_end;
                }
                manifest.deletions.extend(deletions.iter().cloned());
                manifest.wal_from = self.wal_from;
                manifest.next_sequence = self.next_sequence;
            });
            match &edited {
                Ok(()) => old.iter().for_each(|old| remove_path(old)),
                Err(error) if may_be_there(error) => {}
                Err(_) => {
                    remove_path(&shared.layout.last_times(last_times));
                    number.iter().for_each(|segment| remove_path(segment));
                }
            }
            edited
        });
        if let Err(error) = counted {
            // A flush is tried again and again: what failed must not fill the disk.
            if !may_be_there(&error) {
                written.iter().for_each(|file| remove(&shared.layout, file));
            }
            return Err(error.into());
        }
        self.adopt(shared, written, deletions, &expired);
        remove_old_log(&shared.layout, self.wal_from);
        Ok(())
    }

    /// Writes what is new of series.
    fn write_series(&self, shared: &Shared) -> io::Result<Numbers> {
        let last_times = shared.take_number();
        last_times::write(&shared.layout.last_times(last_times), &self.last_times)?;
        if self.definitions.is_empty() {
            return Ok(Numbers { segment: None, last_times });
        }
        let number = shared.take_number();
        let whole = self.whole(shared);
        let definitions = whole.as_ref().unwrap_or(&self.definitions);
        let segment = Segment { number, definitions: definitions.len() as u64, is_whole: whole.is_some() };
        let written = series_segment::write(&shared.layout.series_segment(number), definitions);
        if written.is_err() {
            remove_path(&shared.layout.last_times(last_times));
        }
        written.map(|()| Numbers { segment: Some(segment), last_times })
    }

    /// What defines everything, when segments are to be put into one: there are many, or half of what they say is in
    /// vain. What was defined since the flush began is then in the next segment as well. Nothing was forgotten since.
    fn whole(&self, shared: &Shared) -> Option<Vec<Definition>> {
        let (segments, before) = {
            let manifest = shared.manifest();
            (manifest.series_segments.len(), manifest.definitions)
        };
        let catalog = shared.catalog();
        let all = before + self.definitions.len() as u64;
        let is_due = segments >= SEGMENTS_MAX || all > 2 * catalog.definition_count() as u64 + VAIN_DEFINITIONS;
        is_due.then(|| catalog.definitions())
    }

    /// Numbered while no other flush runs, so that those in force have smaller numbers.
    fn deletions(&self, shared: &Shared) -> Vec<Deletion> {
        let deletion = |hidden: &Selection| Deletion {
            number: shared.take_number(),
            sequence: self.next_sequence,
            series: Arc::clone(&hidden.series),
            time: hidden.time,
        };
        self.hidden.iter().map(deletion).collect()
    }

    fn write_files(&self, shared: &Shared) -> Result<Vec<DataFile>, JobError> {
        let mut written = Vec::new();
        for (shape, chunks) in &self.shapes {
            match write_shape(shared, *shape, chunks) {
                Ok(file) => written.push(file),
                Err(error) => {
                    written.iter().for_each(|file| remove(&shared.layout, file));
                    return Err(error);
                }
            }
        }
        Ok(written)
    }

    /// The manifest counts the new files and deletions: so does memory from now on. A query sees all of it or
    /// nothing.
    fn adopt(&self, shared: &Shared, written: Vec<DataFile>, deletions: Vec<Deletion>, expired: &Expired) {
        let counters = &shared.counters;
        shared.catalog_mut().journal.persist(self.definitions.len());
        let mut state = shared.state();
        for ((shape, chunks), file) in self.shapes.iter().zip(written) {
            state.replace(*shape, chunks, file);
        }
        let rolled_up = state.swap_files(|file| expired.rest(file));
        let expired = state.remove_files(|file| expired.gone.contains(&file.name));
        counters.deletions.add(deletions.len() as u64);
        state.add_deletions(deletions);
        counters.files_expired.add(expired.len() as u64);
        counters.live_rows.set(state.live_rows() as u64);
        counters.live_bytes.set(state.live_bytes() as u64);
        drop(state);
        if let Some(history) = &shared.history {
            history.changed(counters, &expired);
        }
        shared.doomed().extend(expired.into_iter().chain(rolled_up));
    }
}

fn write_shape(shared: &Shared, shape: Shape, chunks: &[Arc<Chunk>]) -> Result<DataFile, JobError> {
    let fields = shared.fields_of(shape);
    let time = chunks.iter().map(|chunk| chunk.time).reduce(TimeRange::join).unwrap_or(TimeRange::ALL);
    let late = chunks.iter().filter_map(|chunk| chunk.late).reduce(TimeRange::join);
    let sequence = chunks.iter().map(|chunk| chunk.sequence).max().unwrap_or_default();
    let everything = Selection::everything();
    let sources = chunks.iter().map(|chunk| from_chunk(&chunk.batch, &fields, &everything));
    let sources: Vec<Batches> = sources.collect::<Result<_, _>>()?;
    let rows = Box::new(Merge::new(physical_schema(&fields), sources));
    let content = Content {
        shape,
        fields: &fields,
        time,
        late,
        sequence,
        clean: 0,
        effort: Effort::Fresh,
        rollup: Wanted::Never,
    };
    let file = write(&shared.layout, shared.take_number(), &content, rows)?;
    let before: usize = chunks.iter().map(|chunk| chunk.rows()).sum();
    shared.counters.rows_replaced.add(before as u64 - file.rows);
    Ok(file)
}

/// Removes a file that nothing names. One that stays is removed at the next start.
pub(crate) fn remove(layout: &Layout, file: &DataFile) {
    file.parts().for_each(|(name, _)| remove_part(layout, &name));
}

fn remove_part(layout: &Layout, name: &str) {
    remove_path(&layout.data().join(name));
}

fn remove_path(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "cannot remove a file");
    }
}

/// Removes what nobody reads any more of a file, but not what is needed by the one that is `now` in its place.
pub(crate) fn remove_unless(shared: &Shared, file: &DataFile, now: Option<&DataFile>) {
    let needed: BTreeSet<String> = now.into_iter().flat_map(DataFile::parts).map(|(name, _)| name).collect();
    for (name, _) in file.parts().filter(|(name, _)| !needed.contains(name)) {
        shared.cache.forget(&name);
        remove_part(&shared.layout, &name);
    }
}

/// Removes log segments whose rows are in data files. Those that stay are removed at the next start.
pub(crate) fn remove_old_log(layout: &Layout, wal_from: u64) {
    let segments = fs::read_dir(layout.wal()).into_iter().flatten().flatten();
    for segment in segments {
        let number = segment.file_name().to_str().and_then(segment_number);
        if number.is_some_and(|number| number < wal_from)
            && let Err(error) = fs::remove_file(segment.path())
        {
            tracing::warn!(segment = %segment.path().display(), %error, "cannot remove a log segment");
        }
    }
}
