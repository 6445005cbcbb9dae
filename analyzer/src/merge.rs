//! Joins sorted sources into one sorted stream in which each (series, time) is once.
//!
//! Of rows with the same series and time, each field keeps the last value that is not null, in the
//! order of the sources. Memory: one batch per source.

use std::{cmp::Reverse, collections::BinaryHeap};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::interleave,
    datatypes::{Int64Type, SchemaRef, UInt32Type},
    error::ArrowError,
};

use crate::fields::{KEY_COLUMNS, SERIES_COLUMN, TIME_COLUMN};

#[cfg(test)]
mod tests;

/// Rows of a batch: DataFusion's default, some 200 KB with a few columns.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Batches of stored rows, sorted by (series, time), each once.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// The merged stream of several sources.
pub(crate) struct Merge {
    schema: SchemaRef,
    cursors: Vec<Cursor>,
    /// The next row of every source; equal keys come out in the order of the sources.
    heap: BinaryHeap<Reverse<(u32, i64, usize)>>,
    started: bool,
}

/// A source and its next row.
struct Cursor {
    source: Batches,
    batch: Option<RecordBatch>,
    row: usize,
    /// Where the batch is among those that the output takes rows from.
    held: Option<usize>,
}

/// Where a row of the output comes from: a batch that is held, and a row in it.
type Origin = (usize, usize);

impl Merge {
    /// `sources` from the oldest to the newest, all with `schema`.
    pub(crate) fn new(schema: SchemaRef, sources: Vec<Batches>) -> Self {
        let cursors = sources.into_iter().map(|source| Cursor { source, batch: None, row: 0, held: None }).collect();
        Self { schema, cursors, heap: BinaryHeap::new(), started: false }
    }

    /// Moves a source to its next batch when the current one is used up, and queues its next row.
    fn queue(&mut self, index: usize) -> Result<(), ArrowError> {
        let cursor = &mut self.cursors[index];
        while cursor.batch.as_ref().is_none_or(|batch| cursor.row >= batch.num_rows()) {
            let Some(batch) = cursor.source.next().transpose()? else { return Ok(()) };
            (cursor.batch, cursor.row, cursor.held) = (Some(batch), 0, None);
        }
        if let Some(batch) = &cursor.batch {
            let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().value(cursor.row);
            let time = batch.column(TIME_COLUMN).as_primitive::<Int64Type>().value(cursor.row);
            self.heap.push(Reverse((series, time, index)));
        }
        Ok(())
    }

    /// Takes the next row of a source.
    fn take(&mut self, index: usize, held: &mut Vec<RecordBatch>) -> Result<Option<Origin>, ArrowError> {
        let cursor = &mut self.cursors[index];
        let Some(batch) = &cursor.batch else { return Ok(None) };
        let at = *cursor.held.get_or_insert_with(|| {
            held.push(batch.clone());
            held.len() - 1
        });
        let origin = (at, cursor.row);
        cursor.row += 1;
        self.queue(index)?;
        Ok(Some(origin))
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if !self.started {
            self.started = true;
            (0..self.cursors.len()).try_for_each(|index| self.queue(index))?;
        }
        self.cursors.iter_mut().for_each(|cursor| cursor.held = None);
        let (mut held, mut origins, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        while ends.len() < BATCH_ROWS
            && let Some(Reverse((series, time, index))) = self.heap.pop()
        {
            origins.extend(self.take(index, &mut held)?);
            while let Some(Reverse((next_series, next_time, index))) = self.heap.peek().copied()
                && (next_series, next_time) == (series, time)
            {
                self.heap.pop();
                origins.extend(self.take(index, &mut held)?);
            }
            ends.push(origins.len());
        }
        if ends.is_empty() { Ok(None) } else { gather(&self.schema, &held, &origins, &ends).map(Some) }
    }
}

/// Builds the output: row `i` is made of `origins[ends[i - 1]..ends[i]]`.
fn gather(
    schema: &SchemaRef,
    held: &[RecordBatch],
    origins: &[Origin],
    ends: &[usize],
) -> Result<RecordBatch, ArrowError> {
    let unique = origins.len() == ends.len();
    let columns = (0..schema.fields().len()).map(|column| {
        let arrays: Vec<&dyn Array> = held.iter().map(|batch| batch.column(column).as_ref()).collect();
        if unique {
            return interleave(&arrays, origins);
        }
        let mut start = 0;
        let chosen: Vec<Origin> = ends
            .iter()
            .map(|end| {
                let group = &origins[std::mem::replace(&mut start, *end)..*end];
                if column < KEY_COLUMNS { group[0] } else { latest(&arrays, group) }
            })
            .collect();
        interleave(&arrays, &chosen)
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(SchemaRef::clone(schema), columns)
}

/// The last of `group` that has a value; the last at all when none has.
fn latest(arrays: &[&dyn Array], group: &[Origin]) -> Origin {
    let present = group.iter().rev().find(|(batch, row)| arrays[*batch].is_valid(*row));
    *present.unwrap_or(&group[group.len() - 1])
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.heap.clear();
            self.cursors.clear();
        }
        next.transpose()
    }
}
