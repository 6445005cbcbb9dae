//! Joins sorted sources into one sorted stream in which each (series, time) is once.
//!
//! Of rows with the same series and time, each field keeps the last value that is not null, in the
//! order of the sources. Whatever lies before the smallest end of the batches at hand can be followed by
//! nothing that belongs before it, so it is joined at once. Memory: one batch per source.

use arrow::{
    array::{AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{Int64Type, SchemaRef, UInt32Type},
    error::ArrowError,
};

use crate::{
    chunk::sort::sorted,
    fields::{SERIES_COLUMN, TIME_COLUMN},
};

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
}

/// A source and what is left of its batch at hand.
struct Cursor {
    source: Batches,
    rest: Option<RecordBatch>,
}

impl Cursor {
    /// Makes sure that there are rows at hand; `false` at the end.
    fn fill(&mut self) -> Result<bool, ArrowError> {
        while self.rest.as_ref().is_none_or(|rest| rest.num_rows() == 0) {
            match self.source.next().transpose()? {
                Some(batch) => self.rest = Some(batch),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn last(&self) -> Option<(u32, i64)> {
        let rest = self.rest.as_ref()?;
        rest.num_rows().checked_sub(1).map(|row| key(rest, row))
    }

    /// Takes the rows at hand up to `bound`, which is one of the keys.
    fn take_until(&mut self, bound: (u32, i64)) -> Option<RecordBatch> {
        let rest = self.rest.take()?;
        let end = match self::end_of(&rest, bound) {
            end if end == rest.num_rows() => return Some(rest),
            end => end,
        };
        self.rest = Some(rest.slice(end, rest.num_rows() - end));
        (end > 0).then(|| rest.slice(0, end))
    }
}

fn key(batch: &RecordBatch, row: usize) -> (u32, i64) {
    let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().value(row);
    (series, batch.column(TIME_COLUMN).as_primitive::<Int64Type>().value(row))
}

/// How many rows of a sorted batch are at or before `bound`.
fn end_of(batch: &RecordBatch, bound: (u32, i64)) -> usize {
    let (mut low, mut high) = (0, batch.num_rows());
    while low < high {
        let middle = low.midpoint(high);
        if key(batch, middle) <= bound { low = middle + 1 } else { high = middle }
    }
    low
}

impl Merge {
    /// `sources` from the oldest to the newest, all with `schema`.
    pub(crate) fn new(schema: SchemaRef, sources: Vec<Batches>) -> Self {
        let cursors = sources.into_iter().map(|source| Cursor { source, rest: None }).collect();
        Self { schema, cursors }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut ended = Vec::with_capacity(self.cursors.len());
        for cursor in &mut self.cursors {
            ended.push(!cursor.fill()?);
        }
        let mut ended = ended.into_iter();
        self.cursors.retain(|_| ended.next() == Some(false));
        let Some(bound) = self.cursors.iter().filter_map(Cursor::last).min() else { return Ok(None) };
        let parts: Vec<RecordBatch> = self.cursors.iter_mut().filter_map(|cursor| cursor.take_until(bound)).collect();
        match &parts[..] {
            [only] => Ok(Some(only.clone())),
            parts => sorted(&concat_batches(&self.schema, parts)?).map(Some),
        }
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.cursors.clear();
        }
        next.transpose()
    }
}
