//! Deletions: rows that are hidden at once and leave the disk when their files are written anew.
//!
//! A deletion hides rows of some series and times in every source that is older than it; what is written
//! later stays, also under the same series and time. It enters the manifest with a flush of everything
//! that was in memory before it, so it needs no record in the log, and only data files can be concerned.
//! Compaction writes the files that it concerns anew; where only a rollup is left, every bin with a deleted row goes. A file remembers up to which deletion it is clean, and
//! a deletion that concerns no file any more leaves the manifest.

use std::sync::Arc;

use arrow::{
    array::{AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{Int64Type, UInt32Type},
    error::ArrowError,
};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::{
    data_file::{DataFile, Selection, select::ranges},
    fields::{SERIES_COLUMN, TIME_COLUMN},
    merge::Batches,
    rollup::build::start_of,
    time_range::TimeRange,
};

mod series_text;
#[cfg(test)]
mod tests;

/// Deletions whose rows have not left the disk yet, at most. Each is looked at for every file that a query
/// reads, and the manifest, written at every flush, holds its series: 64 of 1 M scattered series are 16 MB.
pub(crate) const OPEN_MAX: usize = 64;

/// A deletion, as the manifest has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    /// A later deletion has a larger number.
    pub(crate) number: u64,
    /// Rows of sources with a smaller sequence are hidden.
    pub(crate) sequence: u64,
    /// Whose rows.
    #[serde(with = "series_text")]
    pub(crate) series: Arc<RoaringBitmap>,
    /// Of which times.
    pub(crate) time: TimeRange,
}

impl Deletion {
    fn hidden(&self) -> Selection {
        Selection { series: Arc::clone(&self.series), time: self.time, rising: None }
    }

    /// Whether `file` may have rows that are deleted.
    pub(crate) fn concerns(&self, file: &DataFile) -> bool {
        file.sequence < self.sequence && file.clean < self.number && self.hidden().wants(file)
    }
}

/// Rows of a source that are not shown: all of these. Most sources have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask(Vec<Selection>);

impl Mask {
    /// What `deletions` hide of `file`.
    pub(crate) fn of<'a>(deletions: impl IntoIterator<Item = &'a Deletion>, file: &DataFile) -> Self {
        Self(deletions.into_iter().filter(|deletion| deletion.concerns(file)).map(Deletion::hidden).collect())
    }

    /// All of these rows.
    pub(crate) fn new(hidden: Vec<Selection>) -> Self {
        Self(hidden)
    }

    /// This and `other`.
    pub(crate) fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it hides, for whoever looks for such rows.
    pub(crate) fn hidden(&self) -> &[Selection] {
        &self.0
    }

    /// What it hides of a rollup: every bin that may have a hidden row in it.
    pub(crate) fn of_bins(&self) -> Self {
        let of_bins = |hidden: &Selection| {
            let time = TimeRange { min: start_of(hidden.time.min), ..hidden.time };
            Selection { time, ..hidden.clone() }
        };
        Self(self.0.iter().map(of_bins).collect())
    }

    /// Those of `rows` that are shown. Each batch is sorted by series and time.
    pub(crate) fn shown(&self, rows: Batches) -> Batches {
        if self.is_empty() {
            return rows;
        }
        let mask = self.clone();
        Box::new(rows.map(move |batch| mask.shown_of(batch?)))
    }

    fn shown_of(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
        let time = batch.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
        let mut hidden = self.0.iter().flat_map(|hidden| ranges(series, time, hidden)).peekable();
        if hidden.peek().is_none() {
            return Ok(batch);
        }
        let mut keep = vec![true; batch.num_rows()];
        hidden.for_each(|range| keep[range].fill(false));
        filter_record_batch(&batch, &BooleanArray::from(keep))
    }
}
