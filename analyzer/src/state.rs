//! What is stored: chunks in memory and data files, per shape. Queries take a snapshot of it.

use std::{collections::BTreeMap, sync::Arc};

use arrow::error::ArrowError;
use weir_model::observation::{Column, STALE_NAN_BITS};

use crate::{
    catalog::{Catalog, Shape, table::Table},
    chunk::Chunk,
    data_file::DataFile,
    deletion::{Deletion, Mask},
    fields::Field,
    last_times::{LastTimes, NEVER},
    time_range::TimeRange,
    wal::record::{Group, Values},
};

/// Chunks that are joined to one, at least: fewer would copy rows more often, more would leave more
/// chunks to look into (some 20 of up to 128,000 rows).
const JOINED_CHUNKS: usize = 4;

/// Rows that came in another order than that of their times, or twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disorder {
    /// Older than another row of their series before them.
    pub(crate) out_of_order: u64,
    /// With the time of the latest row of their series so far.
    pub(crate) duplicate: u64,
    /// That a newer row with their series and time replaced, or completed.
    pub(crate) replaced: u64,
}

/// Everything that is stored.
#[derive(Debug, Default)]
pub(crate) struct State {
    shapes: BTreeMap<Shape, Stored>,
    /// Those that concern any file, from the oldest to the newest.
    deletions: Vec<Deletion>,
    pub(crate) next_sequence: u64,
    pub(crate) last_times: LastTimes,
    /// Since it was last asked for.
    disorder: Disorder,
    /// Rows in memory.
    live_rows: usize,
    /// What chunks take in memory.
    live_bytes: usize,
}

/// What is known of rows before they are sorted, which takes a while: nobody waits for that at a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    shape: Shape,
    rows: usize,
    sequence: u64,
    late: Option<TimeRange>,
}

/// Rows that are to be added.
#[derive(Debug)]
pub(crate) struct Added {
    shape: Shape,
    rows: usize,
    chunk: Option<Arc<Chunk>>,
}

impl Noted {
    /// Of the samples that this was noted of.
    pub(crate) fn chunk_of_values(self, values: Values) -> Result<Added, ArrowError> {
        let chunk = Chunk::of_values(self.sequence, values, self.late)?;
        Ok(Added { shape: self.shape, rows: self.rows, chunk })
    }

    /// Of the rows, of a table with `fields`, that this was noted of.
    pub(crate) fn chunk_of_group(self, fields: &[Field], group: Group) -> Result<Added, ArrowError> {
        let chunk = Chunk::of_group(self.sequence, fields, group, self.late)?;
        Ok(Added { shape: self.shape, rows: self.rows, chunk })
    }
}

/// What is stored of one shape.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// From the oldest to the newest.
    chunks: Vec<Arc<Chunk>>,
    /// Those that are being flushed: older than `chunks`.
    frozen: Vec<Arc<Chunk>>,
    pub(crate) files: Vec<Arc<DataFile>>,
    /// The latest time in files that were there at a start without times of series: rows of those not
    /// seen since are surely in order only after it.
    horizon: Option<i64>,
}

impl State {
    /// The state after a start, before the log is replayed.
    pub(crate) fn with_files(
        files: Vec<DataFile>,
        deletions: Vec<Deletion>,
        last_times: Option<LastTimes>,
        next_sequence: u64,
    ) -> Self {
        let known = last_times.as_ref().map(|last| last.horizon);
        let last_times = last_times.unwrap_or_default();
        let mut state = Self { deletions, next_sequence, last_times, ..Self::default() };
        for file in files {
            let stored = state.shapes.entry(file.shape()).or_default();
            let latest = stored.horizon.map_or(file.time.max, |horizon| horizon.max(file.time.max));
            stored.horizon = Some(known.unwrap_or(latest));
            stored.files.push(Arc::new(file));
        }
        state.last_times.horizon = state.shapes.values().filter_map(|stored| stored.horizon).max().unwrap_or(NEVER);
        state
    }

    /// The earliest time of a row in memory.
    pub(crate) fn live_from(&self) -> Option<i64> {
        let chunks = self.shapes.values().flat_map(|stored| stored.frozen.iter().chain(&stored.chunks));
        chunks.map(|chunk| chunk.time.min).min()
    }

    pub(crate) fn live_rows(&self) -> usize {
        self.live_rows
    }

    pub(crate) fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Adds samples that are in the log. Chunks of up to `chunk_rows` are joined.
    pub(crate) fn apply_values(&mut self, values: Values, chunk_rows: usize) -> Result<(), ArrowError> {
        let noted = self.note_values(&values);
        self.push(noted.chunk_of_values(values)?);
        self.join(Shape::Value, chunk_rows)
    }

    /// Adds rows of a table that are in the log.
    pub(crate) fn apply(&mut self, group: Group, catalog: &Catalog, chunk_rows: usize) -> Result<(), ArrowError> {
        let table = catalog.table(group.table);
        let noted = self.note_group(&group, table);
        self.push(noted.chunk_of_group(&table.fields, group)?);
        self.join(Shape::Table(table.id), chunk_rows)
    }

    /// Notes samples that are to be added.
    pub(crate) fn note_values(&mut self, values: &Values) -> Noted {
        let horizon = self.shapes.get(&Shape::Value).and_then(|stored| stored.horizon);
        let is_shown = |row: usize| values.value[row].to_bits() != STALE_NAN_BITS;
        let late = self.note_times((&values.series, &values.time), horizon.unwrap_or(NEVER), is_shown);
        Noted { shape: Shape::Value, rows: values.time.len(), sequence: self.take_sequence(), late }
    }

    /// Notes rows of a table that are to be added.
    pub(crate) fn note_group(&mut self, group: &Group, table: &Table) -> Noted {
        let horizon = table.shapes().iter().filter_map(|shape| self.shapes.get(shape)?.horizon).max();
        let is_value = |field: &u32| table.fields.get(*field as usize).is_some_and(Field::is_value);
        let value = group.fields.iter().position(is_value).map(|at| &group.columns[at]);
        let is_shown = |row: usize| match value {
            Some(Column::F64(values)) => values[row].is_none_or(|value| value.to_bits() != STALE_NAN_BITS),
            _ => true,
        };
        let late = self.note_times((&group.series, &group.time), horizon.unwrap_or(NEVER), is_shown);
        Noted { shape: Shape::Table(table.id), rows: group.time.len(), sequence: self.take_sequence(), late }
    }

    /// What was noted of rows since this was last asked.
    pub(crate) fn take_disorder(&mut self) -> Disorder {
        std::mem::take(&mut self.disorder)
    }

    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// Adds the chunk that rows have become.
    pub(crate) fn push(&mut self, added: Added) {
        let Some(chunk) = added.chunk else { return };
        self.disorder.replaced += (added.rows - chunk.rows()) as u64;
        self.live_rows += chunk.rows();
        self.live_bytes += chunk.bytes;
        self.shapes.entry(added.shape).or_default().chunks.push(chunk);
    }

    fn join(&mut self, shape: Shape, chunk_rows: usize) -> Result<(), ArrowError> {
        while let Some(chunks) = self.to_join(shape, chunk_rows) {
            let Some(joined) = Chunk::join(&chunks)? else { break };
            self.put_joined(shape, &chunks, joined);
        }
        Ok(())
    }

    /// The newest chunks of a shape, where they are to be joined to one of up to `chunk_rows`.
    pub(crate) fn to_join(&self, shape: Shape, chunk_rows: usize) -> Option<Vec<Arc<Chunk>>> {
        let chunks = &self.shapes.get(&shape)?.chunks;
        Some(chunks[to_join(chunks, chunk_rows)?..].to_vec())
    }

    /// Puts `joined` in the place of `chunks`, which are the newest of their shape.
    pub(crate) fn put_joined(&mut self, shape: Shape, chunks: &[Arc<Chunk>], joined: Arc<Chunk>) {
        let held = &mut self.shapes.entry(shape).or_default().chunks;
        let from = held.len().saturating_sub(chunks.len());
        debug_assert!(held[from..].iter().zip(chunks).all(|(held, chunk)| Arc::ptr_eq(held, chunk)));
        held.truncate(from);
        let rows: usize = chunks.iter().map(|chunk| chunk.rows()).sum();
        self.disorder.replaced += (rows - joined.rows()) as u64;
        self.live_rows = self.live_rows + joined.rows() - rows;
        let bytes: usize = chunks.iter().map(|chunk| chunk.bytes).sum();
        self.live_bytes = self.live_bytes + joined.bytes - bytes;
        held.push(joined);
    }

    /// The times of rows that are not later than every row of their series before them. Of a series of which no
    /// time is known all are up to the `horizon`.
    fn note_times(
        &mut self,
        (series, time): (&[u32], &[i64]),
        horizon: i64,
        is_shown: impl Fn(usize) -> bool,
    ) -> Option<TimeRange> {
        let mut late = None;
        for (row, (series, time)) in series.iter().zip(time).enumerate() {
            let last = self.last_times.note(*series, *time, is_shown(row));
            let bound = horizon.max(last);
            if *time <= bound && bound != NEVER {
                TimeRange::widen(&mut late, *time);
                self.disorder.out_of_order += u64::from(*time < last);
                self.disorder.duplicate += u64::from(*time == last);
            }
        }
        late
    }

    /// Sets apart all chunks so far, to be flushed; answers with them, by shape.
    pub(crate) fn freeze(&mut self) -> Vec<(Shape, Vec<Arc<Chunk>>)> {
        for stored in self.shapes.values_mut() {
            stored.frozen.append(&mut stored.chunks);
        }
        let shapes = self.shapes.iter().filter(|(_, stored)| !stored.frozen.is_empty());
        shapes.map(|(shape, stored)| (*shape, stored.frozen.clone())).collect()
    }

    /// Puts a data file in the place of the chunks that it was made of.
    pub(crate) fn replace(&mut self, shape: Shape, chunks: &[Arc<Chunk>], file: DataFile) {
        let stored = self.shapes.entry(shape).or_default();
        for chunk in stored.frozen.extract_if(.., |held| chunks.iter().any(|chunk| Arc::ptr_eq(held, chunk))) {
            self.live_rows -= chunk.rows();
            self.live_bytes -= chunk.bytes;
        }
        stored.files.push(Arc::new(file));
    }

    /// Adds deletions; the files of what was in memory before them are there.
    pub(crate) fn add_deletions(&mut self, deletions: Vec<Deletion>) {
        self.deletions.extend(deletions);
        self.drop_done_deletions();
    }

    /// Forgets deletions that concern no file any more.
    pub(crate) fn drop_done_deletions(&mut self) {
        let shapes = &self.shapes;
        let files = || shapes.values().flat_map(|stored| &stored.files);
        self.deletions.retain(|deletion| files().any(|file| deletion.concerns(file)));
    }

    /// How many deletions concern any file.
    pub(crate) fn open_deletions(&self) -> usize {
        self.deletions.len()
    }

    /// The number of the newest deletion that concerns any file; 0 without one.
    pub(crate) fn newest_deletion(&self) -> u64 {
        self.deletions.iter().map(|deletion| deletion.number).max().unwrap_or_default()
    }

    /// What of a file is deleted. What is in memory is newer than every deletion.
    pub(crate) fn mask(&self, file: &DataFile) -> Mask {
        Mask::of(&self.deletions, file)
    }

    /// Forgets files, and answers with them.
    pub(crate) fn remove_files(&mut self, unwanted: impl Fn(&DataFile) -> bool) -> Vec<Arc<DataFile>> {
        let stored = self.shapes.values_mut();
        stored.flat_map(|stored| stored.files.extract_if(.., |file| unwanted(file)).collect::<Vec<_>>()).collect()
    }

    /// Puts what `other` says in the place of files; answers with those.
    pub(crate) fn swap_files(&mut self, other: impl Fn(&DataFile) -> Option<DataFile>) -> Vec<Arc<DataFile>> {
        let files = self.shapes.values_mut().flat_map(|stored| &mut stored.files);
        files.filter_map(|file| other(file).map(|other| std::mem::replace(file, Arc::new(other)))).collect()
    }

    /// The data file of that name.
    pub(crate) fn file(&self, name: &str) -> Option<&Arc<DataFile>> {
        self.shapes.values().flat_map(|stored| &stored.files).find(|file| file.name == name)
    }

    /// Puts a data file, if anything was left, in the place of those that it was made of; answers with those.
    pub(crate) fn exchange(
        &mut self,
        made_of: impl Fn(&DataFile) -> bool,
        file: Option<DataFile>,
    ) -> Vec<Arc<DataFile>> {
        let removed = self.remove_files(made_of);
        if let Some(file) = file {
            self.shapes.entry(file.shape()).or_default().files.push(Arc::new(file));
        }
        self.drop_done_deletions();
        removed
    }

    /// Data files of each shape, by sequence.
    pub(crate) fn files_by_shape(&self) -> Vec<Vec<Arc<DataFile>>> {
        let mut shapes: Vec<Vec<_>> = self.shapes.values().map(|stored| stored.files.clone()).collect();
        shapes.iter_mut().for_each(|files| files.sort_by_key(|file| file.sequence));
        shapes
    }

    /// Every data file, by sequence.
    pub(crate) fn files(&self) -> Vec<Arc<DataFile>> {
        let mut files: Vec<_> = self.shapes.values().flat_map(|stored| stored.files.iter().cloned()).collect();
        files.sort_by_key(|file| file.sequence);
        files
    }

    /// What is stored of a shape now.
    pub(crate) fn snapshot(&self, shape: Shape) -> Snapshot {
        let Some(stored) = self.shapes.get(&shape) else { return Snapshot::default() };
        let chunks = stored.frozen.iter().chain(&stored.chunks).map(Arc::clone).collect();
        let files = stored.files.iter().map(|file| (Arc::clone(file), self.mask(file))).collect();
        Snapshot { chunks, files }
    }
}

/// From where on chunks are to be joined: at least so many, small enough together, the first no larger than
/// the rest. So every row is copied about once each time that its chunk doubles.
fn to_join(chunks: &[Arc<Chunk>], chunk_rows: usize) -> Option<usize> {
    let (mut after, mut from) = (0, None);
    for (index, chunk) in chunks.iter().enumerate().rev() {
        if after + chunk.rows() > chunk_rows {
            break;
        }
        if chunks.len() - index >= JOINED_CHUNKS && chunk.rows() <= after {
            from = Some(index);
        }
        after += chunk.rows();
    }
    from
}

/// What was stored of a shape at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// With what of each is deleted.
    pub(crate) files: Vec<(Arc<DataFile>, Mask)>,
}
