//! What is stored: chunks in memory and data files, per shape. Queries take a snapshot of it.

use std::{collections::BTreeMap, sync::Arc};

use arrow::error::ArrowError;

use crate::{
    catalog::{Catalog, Shape},
    chunk::{Chunk, OpenChunk},
    data_file::DataFile,
    fields::Field,
    time_range::TimeRange,
    wal::record::Group,
};

/// A series of which no row was seen since the start.
const NEVER: i64 = i64::MIN;

/// Everything that is stored.
#[derive(Debug, Default)]
pub(crate) struct State {
    shapes: BTreeMap<Shape, Stored>,
    pub(crate) next_sequence: u64,
    /// Per series: the latest time of its rows since the start.
    last_time: Vec<i64>,
    /// Rows in memory.
    live_rows: usize,
}

/// What is stored of one shape.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    open: Option<OpenChunk>,
    frozen: Vec<Arc<Chunk>>,
    pub(crate) files: Vec<Arc<DataFile>>,
    /// The latest time in files that were there at the start: rows of series not seen since are
    /// surely in order only after it.
    horizon: Option<i64>,
}

impl State {
    /// The state after a start, before the log is replayed.
    pub(crate) fn with_files(files: Vec<DataFile>, next_sequence: u64) -> Self {
        let mut state = Self { next_sequence, ..Self::default() };
        for file in files {
            let stored = state.shapes.entry(file.shape()).or_default();
            stored.horizon = Some(stored.horizon.map_or(file.time.max, |horizon| horizon.max(file.time.max)));
            stored.files.push(Arc::new(file));
        }
        state
    }

    pub(crate) fn live_rows(&self) -> usize {
        self.live_rows
    }

    /// Appends rows that are in the log; freezes the chunk when it has `chunk_rows`.
    pub(crate) fn apply(&mut self, group: &Group, catalog: &Catalog, chunk_rows: usize) -> Result<(), ArrowError> {
        let table = catalog.table(group.table);
        let shape = table.shape_of(&group.fields);
        let horizon = table.shapes().iter().filter_map(|shape| self.shapes.get(shape)?.horizon).max();
        let late = self.note_times(group, horizon.unwrap_or(NEVER));
        let value = [Field::value()];
        let (fields, positions): (&[Field], &[u32]) = match shape {
            Shape::Value => (&value, &[0]),
            Shape::Table(_) => (&table.fields, &group.fields),
        };
        let stored = self.shapes.entry(shape).or_default();
        let open = stored.open.get_or_insert_with(|| {
            let sequence = self.next_sequence;
            self.next_sequence += 1;
            OpenChunk::new(sequence)
        });
        open.append(fields, positions, (&group.series, &group.time), &group.columns, late);
        self.live_rows += group.time.len();
        if open.rows() >= chunk_rows { stored.freeze() } else { Ok(()) }
    }

    /// The times of rows that are not later than every row of their series before them.
    fn note_times(&mut self, group: &Group, horizon: i64) -> Option<TimeRange> {
        let end = group.series.iter().max().map_or(0, |series| *series as usize + 1);
        if self.last_time.len() < end {
            self.last_time.resize(end, NEVER);
        }
        let mut late = None;
        for (series, time) in group.series.iter().zip(&group.time) {
            let last = &mut self.last_time[*series as usize];
            let bound = if *last == NEVER { horizon } else { *last };
            if *time <= bound && bound != NEVER {
                TimeRange::widen(&mut late, *time);
            }
            *last = bound.max(*time);
        }
        late
    }

    /// Freezes what is open, so that all rows so far are in frozen chunks.
    pub(crate) fn freeze_all(&mut self) -> Result<(), ArrowError> {
        self.shapes.values_mut().try_for_each(Stored::freeze)
    }

    /// Every frozen chunk, by shape.
    pub(crate) fn frozen(&self) -> Vec<(Shape, Vec<Arc<Chunk>>)> {
        let shapes = self.shapes.iter().filter(|(_, stored)| !stored.frozen.is_empty());
        shapes.map(|(shape, stored)| (*shape, stored.frozen.clone())).collect()
    }

    /// Puts a data file in the place of the chunks that it was made of.
    pub(crate) fn replace(&mut self, shape: Shape, chunks: &[Arc<Chunk>], file: DataFile) {
        let stored = self.shapes.entry(shape).or_default();
        let before: usize = stored.frozen.iter().map(|chunk| chunk.appended).sum();
        stored.frozen.retain(|held| !chunks.iter().any(|chunk| Arc::ptr_eq(held, chunk)));
        let after: usize = stored.frozen.iter().map(|chunk| chunk.appended).sum();
        self.live_rows = self.live_rows.saturating_sub(before - after);
        stored.files.push(Arc::new(file));
    }

    /// Forgets files, and answers with them.
    pub(crate) fn remove_files(&mut self, unwanted: impl Fn(&DataFile) -> bool) -> Vec<Arc<DataFile>> {
        let stored = self.shapes.values_mut();
        stored.flat_map(|stored| stored.files.extract_if(.., |file| unwanted(file)).collect::<Vec<_>>()).collect()
    }

    /// Every data file, by sequence.
    pub(crate) fn files(&self) -> Vec<Arc<DataFile>> {
        let mut files: Vec<_> = self.shapes.values().flat_map(|stored| stored.files.iter().cloned()).collect();
        files.sort_by_key(|file| file.sequence);
        files
    }

    /// What is stored of a shape now.
    pub(crate) fn snapshot(&mut self, shape: Shape) -> Result<Snapshot, ArrowError> {
        let Some(stored) = self.shapes.get_mut(&shape) else { return Ok(Snapshot::default()) };
        let mut chunks = stored.frozen.clone();
        if let Some(open) = &mut stored.open {
            chunks.extend(open.snapshot()?);
        }
        Ok(Snapshot { chunks, files: stored.files.clone() })
    }
}

impl Stored {
    fn freeze(&mut self) -> Result<(), ArrowError> {
        if let Some(open) = &mut self.open {
            self.frozen.extend(open.snapshot()?);
            self.open = None;
        }
        Ok(())
    }
}

/// What was stored of a shape at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) files: Vec<Arc<DataFile>>,
}
