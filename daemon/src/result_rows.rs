//! Rows of a query's answer, as rules and detectors read them.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, TimeUnit, TimestampNanosecondType},
    record_batch::RecordBatch,
};
use weir_detect::series::Point;
use weir_model::{observation::Labels, time::UnixNanos};
use weir_rules::alert::{Cell, ResultRow};

/// The column of instants.
const TIME: &str = "time";

/// The rows of `batch`.
pub(crate) fn of(batch: &RecordBatch) -> Vec<ResultRow> {
    let schema = batch.schema();
    let columns: Vec<(&str, Read)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| (field.name().as_str(), Read::of(column)))
        .collect();
    (0..batch.num_rows())
        .map(|row| ResultRow::of(columns.iter().map(|(name, column)| (*name, column.cell(row)))))
        .collect()
}

/// The series in `batches`, told apart by their labels.
///
/// # Errors
/// When there is no column of times.
pub(crate) fn histories(batches: &[RecordBatch]) -> anyhow::Result<BTreeMap<Labels, Vec<Point>>> {
    let mut histories: BTreeMap<Labels, Vec<Point>> = BTreeMap::new();
    for batch in batches {
        for (at, row) in timed(batch)? {
            histories.entry(row.labels).or_default().push(Point { at, value: row.value });
        }
    }
    Ok(histories)
}

/// The rows of `batch` with their `time`; those without one are left out.
fn timed(batch: &RecordBatch) -> anyhow::Result<Vec<(UnixNanos, ResultRow)>> {
    let column = batch.column_by_name(TIME).filter(|column| matches!(column.data_type(), DataType::Timestamp(..)));
    let column = column.context("the query returns no column `time` of timestamps: SELECT time, ... AS value")?;
    let times = cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let times = times.as_primitive::<TimestampNanosecondType>();
    Ok(times.iter().zip(of(batch)).filter_map(|(time, row)| Some((UnixNanos(time?), row))).collect())
}

/// A column as text or numbers.
enum Read {
    Text(Arc<dyn Array>),
    Number(Arc<dyn Array>),
    Other,
}

impl Read {
    fn of(column: &Arc<dyn Array>) -> Self {
        let is_text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let (text, number) = match column.data_type() {
            DataType::Dictionary(_, values) => (is_text(values), values.is_numeric()),
            kind => (is_text(kind), kind.is_numeric()),
        };
        let to = |kind| cast(column, &kind).ok();
        match (text, number) {
            (true, _) => to(DataType::Utf8).map_or(Self::Other, Self::Text),
            (_, true) => to(DataType::Float64).map_or(Self::Other, Self::Number),
            _ => Self::Other,
        }
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Number(column) if column.is_null(row) => Cell::NoNumber,
            Self::Number(column) => Cell::Number(column.as_primitive::<Float64Type>().value(row)),
            Self::Text(column) if !column.is_null(row) => Cell::Text(column.as_string::<i32>().value(row)),
            Self::Text(_) | Self::Other => Cell::Other,
        }
    }
}
