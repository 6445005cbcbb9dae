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
        let (reader, mut next) = (self.clone(), 0);
        let clusters = std::iter::from_fn(move || {
            next += 1;
            (next <= reader.clusters.len()).then(|| {
                let cluster = &reader.clusters[next - 1];
                cluster.open(&reader.files, &reader.fields, &selection)
            })
        });
        let marker = self.fields.iter().position(Field::is_value).map(|field| KEY_COLUMNS + field);
        let batches = clusters.flat_map(|opened| opened.unwrap_or_else(|error| Box::new(std::iter::once(Err(error)))));
        let filters = Arc::clone(&self.filters);
        Some(Box::new(batches.map(move |batch| {
            let mut rows = match marker {
                Some(marker) => without_markers(batch?, marker)?,
                None => batch?,
            };
            for filter in filters.iter() {
                rows = filter.keep(&rows).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            }
            Ok(rows)
        })))
    }

    /// From the first to the last time that a row can have; `None` without sources.
    pub(crate) fn time(&self) -> Option<TimeRange> {
        let sources = self.clusters.iter().flat_map(|cluster| &cluster.0);
        let time = sources.map(Source::time).reduce(TimeRange::join)?;
        let time = time.intersect(self.partitions.first()?.time);
        (!time.is_empty()).then_some(time)
    }
}

fn without_markers(rows: RecordBatch, marker: usize) -> Result<RecordBatch, ArrowError> {
    let values = rows.column(marker).as_primitive::<Float64Type>();
    let is_marker = |row: usize| values.values()[row].to_bits() == STALE_NAN_BITS && values.is_valid(row);
    if !values.values().iter().any(|value| value.to_bits() == STALE_NAN_BITS) {
        return Ok(rows);
    }
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(!is_marker(row))).collect();
    filter_record_batch(&rows, &keep)
}
