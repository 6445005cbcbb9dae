//! Picking the wanted rows of stored batches.

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array},
    compute::filter_record_batch,
    datatypes::{Int64Type, UInt32Type},
    error::ArrowError,
};

use super::Selection;
use crate::{
    fields::{Field, SERIES_COLUMN, TIME_COLUMN, physical_schema},
    merge::{BATCH_ROWS, Batches},
};

/// `batch` with the keys and exactly `fields`; those that it lacks are null.
pub(crate) fn normalized(batch: &RecordBatch, fields: &[Field]) -> Result<RecordBatch, ArrowError> {
    let schema = physical_schema(fields);
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| {
            let held = batch.column_by_name(field.name());
            held.map_or_else(|| new_null_array(field.data_type(), batch.num_rows()), ArrayRef::clone)
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// The rows of `batch` that are selected.
pub(crate) fn matching(batch: &RecordBatch, selection: &Selection) -> Result<RecordBatch, ArrowError> {
    let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
    let time = batch.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
    let mut last: Option<(u32, bool)> = None;
    let mask: Vec<bool> = series
        .iter()
        .zip(time)
        .map(|(series, time)| {
            // Rows are sorted by series, so the bitmap is asked once per series.
            let wanted = match last {
                Some((known, wanted)) if known == *series => wanted,
                _ => selection.series.contains(*series),
            };
            last = Some((*series, wanted));
            wanted && selection.time.contains(*time)
        })
        .collect();
    if mask.iter().all(|wanted| *wanted) {
        return Ok(batch.clone());
    }
    filter_record_batch(batch, &BooleanArray::from(mask))
}

/// The selected rows of a chunk with exactly `fields`.
pub(crate) fn from_chunk(chunk: &RecordBatch, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
    let series = chunk.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
    let (Some(min), Some(max)) = (selection.series.min(), selection.series.max()) else {
        return Ok(Box::new(std::iter::empty()));
    };
    let start = series.partition_point(|series| *series < min);
    let end = series.partition_point(|series| *series <= max);
    let rows = normalized(&chunk.slice(start, end - start), fields)?;
    let selection = selection.clone();
    let starts = (0..rows.num_rows()).step_by(BATCH_ROWS);
    Ok(Box::new(starts.filter_map(move |start| {
        let slice = rows.slice(start, BATCH_ROWS.min(rows.num_rows() - start));
        matching(&slice, &selection).map(|batch| (batch.num_rows() > 0).then_some(batch)).transpose()
    })))
}
