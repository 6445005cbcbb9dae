//! Sorting a chunk by series and time, and joining rows with the same.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array},
    compute::take,
    datatypes::{Int64Type, UInt32Type},
    error::ArrowError,
};

use super::take_rows;
use crate::fields::{KEY_COLUMNS, SERIES_COLUMN, TIME_COLUMN};

/// `batch` sorted by (series, time). Of rows with the same, each field keeps the last value that is
/// not null, as if the later row had been written over the earlier.
pub(super) fn sorted(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
    let time = batch.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
    let key = |row: u32| (series[row as usize], time[row as usize]);
    let count = batch.num_rows() as u32;
    if (1..count).all(|row| key(row - 1) < key(row)) {
        return Ok(batch.clone());
    }
    let mut rows: Vec<u32> = (0..count).collect();
    rows.sort_unstable_by_key(|row| (key(*row), *row));
    if rows.windows(2).all(|pair| key(pair[0]) < key(pair[1])) {
        return take_rows(batch, &UInt32Array::from(rows));
    }
    let groups: Vec<&[u32]> = rows.chunk_by(|a, b| key(*a) == key(*b)).collect();
    let columns = batch.columns().iter().enumerate().map(|(index, column)| {
        let chosen = groups.iter().map(|group| if index < KEY_COLUMNS { group[0] } else { latest(column, group) });
        take(column, &UInt32Array::from_iter_values(chosen), None)
    });
    RecordBatch::try_new(batch.schema(), columns.collect::<Result<_, _>>()?)
}

/// The last of `rows` where `column` has a value; the last at all when none has.
fn latest(column: &ArrayRef, rows: &[u32]) -> u32 {
    let present = rows.iter().rev().find(|row| column.is_valid(**row as usize));
    *present.unwrap_or(&rows[rows.len() - 1])
}
