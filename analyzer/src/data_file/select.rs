//! Picking the wanted rows of stored batches.

use std::ops::Range;

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array},
    compute::take_record_batch,
    datatypes::{Int64Type, SchemaRef, UInt32Type},
    error::ArrowError,
};

use super::Selection;
use crate::{
    fields::{Field, SERIES_COLUMN, TIME_COLUMN, physical_schema},
    merge::{BATCH_ROWS, Batches},
};

/// Runs of at least so many rows are handed on as they are; shorter ones are copied together.
const SLICE_ROWS_MIN: usize = 1024;

/// `batch` with exactly the columns of `schema`; those that it lacks are null.
pub(crate) fn normalized(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| {
            let held = batch.column_by_name(field.name());
            held.map_or_else(|| new_null_array(field.data_type(), batch.num_rows()), ArrayRef::clone)
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

/// Where the selected rows are in sorted columns, in order, as few ranges as possible.
pub(crate) fn ranges(series: &[u32], time: &[i64], selection: &Selection) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (Some(first), Some(last)) = (series.first(), series.last()) else { return ranges };
    let mut at = 0;
    for wanted in selection.series.range(*first..=*last) {
        let start = at + leading(&series[at..], |series| *series < wanted);
        let end = start + leading(&series[start..], |series| *series == wanted);
        at = end;
        let times = &time[start..end];
        let from = start + times.partition_point(|time| *time < selection.time.min);
        let to = start + times.partition_point(|time| *time <= selection.time.max);
        match ranges.last_mut() {
            _ if from >= to => {}
            Some(range) if range.end == from => range.end = to,
            _ => ranges.push(from..to),
        }
        if at == series.len() {
            break;
        }
    }
    ranges
}

/// How many values at the beginning are `before`: all of them come first. Steps that double find near
/// ends fast, and runs of one series are mostly short.
fn leading<T>(values: &[T], before: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    let mut low = 0;
    while low + step <= values.len() && before(&values[low + step - 1]) {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(values.len());
    low + values[low..high].partition_point(before)
}

/// The selected rows of a sorted batch, in batches of usual size.
pub(crate) fn selected(batch: RecordBatch, selection: &Selection) -> Batches {
    let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
    let time = batch.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
    let pieces = pieces(ranges(series, time, selection));
    Box::new(pieces.into_iter().map(move |piece| match piece {
        Piece::Run(range) => Ok(batch.slice(range.start, range.len())),
        Piece::Rows(rows) => take_record_batch(&batch, &UInt32Array::from(rows)),
    }))
}

/// What becomes a batch.
enum Piece {
    Run(Range<usize>),
    Rows(Vec<u32>),
}

fn pieces(ranges: Vec<Range<usize>>) -> Vec<Piece> {
    let (mut pieces, mut rows) = (Vec::new(), Vec::new());
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + BATCH_ROWS);
            if end - start >= SLICE_ROWS_MIN {
                put_down(&mut rows, &mut pieces);
                pieces.push(Piece::Run(start..end));
            } else {
                rows.extend(start as u32..end as u32);
                if rows.len() >= BATCH_ROWS {
                    put_down(&mut rows, &mut pieces);
                }
            }
            start = end;
        }
    }
    put_down(&mut rows, &mut pieces);
    pieces
}

fn put_down(rows: &mut Vec<u32>, pieces: &mut Vec<Piece>) {
    if !rows.is_empty() {
        pieces.push(Piece::Rows(std::mem::take(rows)));
    }
}

/// The selected rows of a chunk with exactly `fields`.
pub(crate) fn from_chunk(chunk: &RecordBatch, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
    Ok(selected(normalized(chunk, &physical_schema(fields))?, selection))
}
