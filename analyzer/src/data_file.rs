//! Data files: rows of one shape in Parquet, sorted by series and time.

use std::{path::Path, sync::Arc};

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use read::Place;

use crate::{
    catalog::{Shape, TableId},
    chunk::Chunk,
    time_range::TimeRange,
};

pub(crate) mod cache;
pub(crate) mod read;
pub(crate) mod select;
pub(crate) mod write;

#[cfg(test)]
mod tests;

/// A data file, as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataFile {
    /// Its name in the `data` folder.
    pub(crate) name: String,
    /// The table of its rows; absent in files of single-value metrics, which all tables share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<u32>,
    /// Of two rows with one series and time, that of the source with the larger number counts.
    pub(crate) sequence: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) time: TimeRange,
    /// The smallest and the largest series.
    pub(crate) series: (u32, u32),
    /// Times of rows that may replace rows of older sources; as in chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) late: Option<TimeRange>,
}

impl DataFile {
    /// Where it is.
    pub(crate) fn place<'a>(&'a self, folder: &'a Path) -> Place<'a> {
        Place { folder, name: &self.name }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.table.map_or(Shape::Value, |table| Shape::Table(TableId(table)))
    }
}

/// Which rows a scan wants.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) series: Arc<RoaringBitmap>,
    pub(crate) time: TimeRange,
}

impl Selection {
    /// Whether any wanted series is in `min..=max`.
    pub(crate) fn wants_series(&self, min: u32, max: u32) -> bool {
        min <= max && self.series.range(min..=max).next().is_some()
    }

    pub(crate) fn wants_chunk(&self, chunk: &Chunk) -> bool {
        let (min, max) = chunk.series();
        self.time.overlaps(chunk.time) && self.wants_series(min, max)
    }

    pub(crate) fn wants(&self, file: &DataFile) -> bool {
        self.time.overlaps(file.time) && self.wants_series(file.series.0, file.series.1)
    }
}
