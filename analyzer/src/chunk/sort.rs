//! Sorting rows by series and time, and joining rows with the same.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array},
    compute::take,
    datatypes::{Int64Type, UInt32Type},
    error::ArrowError,
};

use crate::fields::{KEY_COLUMNS, SERIES_COLUMN, TIME_COLUMN};

/// Series, time and row in one number that sorts like them: 32, 64 and 32 bits.
fn key(series: u32, time: i64, row: u32) -> u128 {
    // The sign bit is turned, so that times before 1970 come first.
    let time = time.cast_unsigned() ^ (1 << 63);
    u128::from(series) << 96 | u128::from(time) << 32 | u128::from(row)
}

fn row(key: u128) -> u32 {
    key as u32
}

fn is_same(a: u128, b: u128) -> bool {
    a >> 32 == b >> 32
}

/// `batch` sorted by (series, time). Of rows with the same, each field keeps the last value that is
/// not null, as if the later row had been written over the earlier.
pub(crate) fn sorted(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
    let time = batch.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
    let mut keys: Vec<u128> =
        series.iter().zip(time).zip(0..).map(|((series, time), row)| key(*series, *time, row)).collect();
    if keys.windows(2).all(|pair| pair[0] >> 32 < pair[1] >> 32) {
        return Ok(batch.clone());
    }
    // The stable sort makes use of rows that are in order already, and what is joined is in order piecewise.
    keys.sort();
    if !keys.windows(2).any(|pair| is_same(pair[0], pair[1])) {
        let rows = UInt32Array::from_iter_values(keys.into_iter().map(row));
        return take_rows(batch, |column, _| take(column, &rows, None));
    }
    let groups: Vec<&[u128]> = keys.chunk_by(|a, b| is_same(*a, *b)).collect();
    take_rows(batch, |column, index| {
        let chosen = groups.iter().map(|group| if index < KEY_COLUMNS { row(group[0]) } else { latest(column, group) });
        take(column, &UInt32Array::from_iter_values(chosen), None)
    })
}

/// The last of the rows where `column` has a value; the last at all when none has.
fn latest(column: &ArrayRef, keys: &[u128]) -> u32 {
    let present = keys.iter().rev().map(|key| row(*key)).find(|row| column.is_valid(*row as usize));
    present.unwrap_or_else(|| row(keys[keys.len() - 1]))
}

fn take_rows(
    batch: &RecordBatch,
    taken: impl Fn(&ArrayRef, usize) -> Result<ArrayRef, ArrowError>,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().enumerate().map(|(index, column)| taken(column, index));
    RecordBatch::try_new(batch.schema(), columns.collect::<Result<_, _>>()?)
}
