//! What a scan reads: stored rows, without those that SQL does not show.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::Float64Type,
    error::ArrowError,
};
use weir_model::observation::STALE_NAN_BITS;

use super::row_filter::RowFilter;
use super::sources::{Cluster, Files, Source};
use crate::{
    data_file::Selection,
    fields::{Field, KEY_COLUMNS},
    merge::Batches,
    time_range::TimeRange,
};

/// The selected rows of one table, in partitions.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) files: Files,
    pub(crate) fields: Vec<Field>,
    /// Read one after the other.
    pub(crate) clusters: Arc<[Cluster]>,
    /// What rows must satisfy besides.
    pub(crate) filters: Arc<[RowFilter]>,
    /// Per partition its rows: each has other series.
    pub(crate) partitions: Vec<Selection>,
}

impl Reader {
    /// The rows of a partition, each (series, time) once, runs of one series sorted by time.
    pub(crate) fn rows(&self, partition: usize) -> Option<Batches> {
        let selection = self.partitions.get(partition)?.clone();
        let reader = self.clone();
        if selection.rising.is_none() {
            let clusters = 0..self.clusters.len();
            return Some(Box::new(clusters.flat_map(move |cluster| reader.rows_of(cluster, &selection))));
        }
        let clusters = self.latest_first().into_iter();
        Some(Box::new(clusters.flat_map(move |(latest, cluster)| {
            let now = selection.now();
            if now.time.is_empty() || latest < now.time.min {
                return Box::new(std::iter::empty()) as Batches;
            }
            // Its series and times of now; files ask again for every row group.
            reader.rows_of(cluster, &now)
        })))
    }

    /// The selected rows of a cluster.
    pub(crate) fn rows_of(&self, cluster: usize, selection: &Selection) -> Batches {
        let opened = self.clusters[cluster].open(&self.files, &self.fields, selection);
        let batches = match opened {
            Ok(batches) => batches,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let marker = self.fields.iter().position(Field::is_value).map(|field| KEY_COLUMNS + field);
        let filters = Arc::clone(&self.filters);
        Box::new(batches.map(move |batch| {
            let mut rows = match marker {
                Some(marker) => without_markers(batch?, marker)?,
                None => batch?,
            };
            for filter in filters.iter() {
                rows = filter.keep(&rows).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            }
            Ok(rows)
        }))
    }

    /// The clusters by their latest time, the latest first, with that time.
    pub(crate) fn latest_first(&self) -> Vec<(i64, usize)> {
        let latest = |cluster: &Cluster| cluster.0.iter().map(|source| source.time().max).max().unwrap_or(i64::MIN);
        let mut clusters: Vec<(i64, usize)> = self.clusters.iter().map(latest).zip(0..).collect();
        clusters.sort_unstable_by_key(|(time, _)| std::cmp::Reverse(*time));
        clusters
    }

    /// From the first to the last time that a row can have; `None` without sources.
    pub(crate) fn time(&self) -> Option<TimeRange> {
        let sources = self.clusters.iter().flat_map(|cluster| &cluster.0);
        let time = sources.map(Source::time).reduce(TimeRange::join)?;
        let time = time.intersect(self.partitions.first()?.time);
        (!time.is_empty()).then_some(time)
    }
}

/// The rows that are no staleness markers in the column `marker`.
pub(crate) fn without_markers(rows: RecordBatch, marker: usize) -> Result<RecordBatch, ArrowError> {
    let values = rows.column(marker).as_primitive::<Float64Type>();
    let is_marker = |row: usize| values.values()[row].to_bits() == STALE_NAN_BITS && values.is_valid(row);
    if !values.values().iter().any(|value| value.to_bits() == STALE_NAN_BITS) {
        return Ok(rows);
    }
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(!is_marker(row))).collect();
    filter_record_batch(&rows, &keep)
}
