//! Data files: rows of one shape in Parquet, sorted by series and time.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::error::ArrowError;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use read::Place;

use crate::{
    catalog::{Shape, TableId},
    chunk::Chunk,
    rollup::{self, Rollup},
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
    /// What its rows come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rollup: Option<Rollup>,
    /// Its rows have expired, its rollup has not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_rolled_up: bool,
    /// Deletions up to this one have been carried out in it.
    #[serde(default)]
    pub(crate) clean: u64,
    /// Until when, in nanoseconds since the epoch, it was looked through for rows that are too old for their table.
    /// Not kept over a start, which may bring other retentions.
    #[serde(skip)]
    pub(crate) trimmed: i64,
}

impl DataFile {
    /// Where it is.
    pub(crate) fn place<'a>(&'a self, folder: &'a Path) -> Place<'a> {
        Place { folder, name: &self.name }
    }

    /// The same without its rows, when it has a rollup.
    pub(crate) fn rolled_up(&self) -> Option<Self> {
        self.rollup.is_some().then(|| Self { is_rolled_up: true, ..self.clone() })
    }

    /// What is in its place in the data folder: names and lengths.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (String, u64)> {
        let rows = (!self.is_rolled_up).then(|| (self.name.clone(), self.bytes));
        let rollup = self.rollup.as_ref().map(|rollup| (rollup::file_name(&self.name), rollup.bytes));
        rows.into_iter().chain(rollup)
    }

    /// Bytes that it takes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.parts().map(|(_, bytes)| bytes).sum()
    }

    pub(crate) fn shape(&self) -> Shape {
        self.table.map_or(Shape::Value, |table| Shape::Table(TableId(table)))
    }
}

/// A data file that cannot be read: cut off, or damaged. Whatever wants rows of it fails: that they are missing
/// would not show.
#[derive(Debug, thiserror::Error)]
#[error("data file {} cannot be read at offset {offset}: {reason}", file.display())]
pub(crate) struct Unreadable {
    pub(crate) file: PathBuf,
    /// Where the part of it begins that cannot be read.
    pub(crate) offset: u64,
    pub(crate) reason: ArrowError,
}

impl From<Unreadable> for ArrowError {
    fn from(unreadable: Unreadable) -> Self {
        Self::ExternalError(Box::new(unreadable))
    }
}

/// Which rows a scan wants.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) series: Arc<RoaringBitmap>,
    pub(crate) time: TimeRange,
    /// What of that time is still wanted.
    pub(crate) rising: Option<Rising>,
}

/// Tells which range of time is wanted now; it only becomes smaller.
#[derive(Clone)]
pub(crate) struct Rising(Arc<dyn Fn() -> TimeRange + Send + Sync>);

impl Rising {
    pub(crate) fn new(range: impl Fn() -> TimeRange + Send + Sync + 'static) -> Self {
        Self(Arc::new(range))
    }
}

impl fmt::Debug for Rising {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rising({:?})", (self.0)())
    }
}

impl Selection {
    /// Rows of these series and times.
    pub(crate) fn new(series: RoaringBitmap, time: TimeRange) -> Self {
        Self { series: Arc::new(series), time, rising: None }
    }

    /// All rows.
    pub(crate) fn everything() -> Self {
        Self::new(RoaringBitmap::full(), TimeRange::ALL)
    }

    /// What is wanted now.
    pub(crate) fn now(&self) -> Self {
        let mut now = self.clone();
        if let Some(rising) = &self.rising {
            now.time = now.time.intersect((rising.0)());
        }
        now
    }

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
