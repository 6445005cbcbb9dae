//! Chunks: rows of one shape in memory, first open for appending, then sorted and frozen.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Array, Int64Builder, RecordBatch,
        StringBuilder, UInt32Array,
    },
    compute::take,
    error::ArrowError,
};
use weir_model::{amount::Amount, observation::Column};

use crate::{
    fields::{Field, FieldType, amount_type, physical_schema},
    time_range::TimeRange,
};

mod sort;
#[cfg(test)]
mod tests;

/// Frozen rows, sorted by series and time, each (series, time) once.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Of two rows with one series and time, that of the source with the larger number counts.
    pub(crate) sequence: u64,
    /// As `fields::physical_schema` says.
    pub(crate) batch: RecordBatch,
    pub(crate) time: TimeRange,
    /// Times of rows that came later than another row of their series with the same or a later
    /// time. Only these can replace rows of older sources.
    pub(crate) late: Option<TimeRange>,
    /// How many rows were appended, those of one series and time counted each.
    pub(crate) appended: usize,
}

/// Rows being appended.
#[derive(Debug)]
pub(crate) struct OpenChunk {
    sequence: u64,
    fields: Vec<Field>,
    series: Vec<u32>,
    time: Vec<i64>,
    columns: Vec<Builder>,
    late: Option<TimeRange>,
    /// What [`OpenChunk::snapshot`] made of these rows, until there are more.
    frozen: Option<Arc<Chunk>>,
}

impl OpenChunk {
    pub(crate) fn new(sequence: u64) -> Self {
        Self {
            sequence,
            fields: Vec::new(),
            series: Vec::new(),
            time: Vec::new(),
            columns: Vec::new(),
            late: None,
            frozen: None,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.time.len()
    }

    /// Appends rows of a table with `fields`; `columns[i]` are the values of `fields[positions[i]]`.
    /// `late` are the times of those that came out of order.
    pub(crate) fn append(
        &mut self,
        fields: &[Field],
        positions: &[u32],
        (series, time): (&[u32], &[i64]),
        columns: &[Column],
        late: Option<TimeRange>,
    ) {
        self.frozen = None;
        for field in &fields[self.fields.len()..] {
            self.fields.push(field.clone());
            self.columns.push(Builder::of_nulls(field.kind, self.time.len()));
        }
        self.series.extend_from_slice(series);
        self.time.extend_from_slice(time);
        for (position, column) in positions.iter().zip(columns) {
            self.columns[*position as usize].append(column);
        }
        let rows = self.time.len();
        self.columns.iter_mut().for_each(|column| column.pad(rows));
        self.late = match (self.late, late) {
            (Some(held), Some(late)) => Some(held.join(late)),
            (held, late) => held.or(late),
        };
    }

    /// These rows, sorted. `None` without rows.
    pub(crate) fn snapshot(&mut self) -> Result<Option<Arc<Chunk>>, ArrowError> {
        if self.frozen.is_none()
            && let Some(time) = TimeRange::over(&self.time)
        {
            let appended = self.time.len();
            let mut arrays: Vec<ArrayRef> =
                vec![Arc::new(UInt32Array::from(self.series.clone())), Arc::new(Int64Array::from(self.time.clone()))];
            arrays.extend(self.columns.iter().map(Builder::array));
            let batch = sort::sorted(&RecordBatch::try_new(physical_schema(&self.fields), arrays)?)?;
            self.frozen = Some(Arc::new(Chunk { sequence: self.sequence, batch, time, late: self.late, appended }));
        }
        Ok(self.frozen.clone())
    }
}

/// A field's values being appended.
#[derive(Debug)]
pub(crate) enum Builder {
    F64(Float64Builder),
    I64(Int64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Amount(Decimal128Builder),
}

impl Builder {
    pub(crate) fn of_nulls(kind: FieldType, rows: usize) -> Self {
        let mut builder = match kind {
            FieldType::F64 => Self::F64(Float64Builder::new()),
            FieldType::I64 => Self::I64(Int64Builder::new()),
            FieldType::Bool => Self::Bool(BooleanBuilder::new()),
            FieldType::Text => Self::Text(StringBuilder::new()),
            FieldType::Amount => Self::Amount(Decimal128Builder::new().with_data_type(amount_type())),
        };
        builder.pad(rows);
        builder
    }

    pub(crate) fn append(&mut self, column: &Column) {
        match (self, column) {
            (Self::F64(builder), Column::F64(values)) => builder.extend(values.iter().copied()),
            (Self::I64(builder), Column::I64(values)) => builder.extend(values.iter().copied()),
            (Self::Bool(builder), Column::Bool(values)) => builder.extend(values.iter().copied()),
            (Self::Text(builder), Column::Text(values)) => builder.extend(values.iter().map(Option::as_ref)),
            (Self::Amount(builder), Column::Amount(values)) => {
                builder.extend(values.iter().map(|value| value.map(Amount::billionths)));
            }
            // Types were checked against the catalog when the batch was taken; a column that slips
            // through becomes nulls by `pad`, and costs nobody else's rows.
            _ => debug_assert!(false, "a column of another type than its field"),
        }
    }

    /// Nulls up to `rows` values.
    fn pad(&mut self, rows: usize) {
        match self {
            Self::F64(builder) => builder.append_nulls(rows - builder.values_slice().len()),
            Self::I64(builder) => builder.append_nulls(rows - builder.values_slice().len()),
            Self::Amount(builder) => builder.append_nulls(rows - builder.values_slice().len()),
            Self::Bool(builder) => {
                let held = arrow::array::ArrayBuilder::len(builder);
                builder.append_nulls(rows - held);
            }
            Self::Text(builder) => {
                let held = arrow::array::ArrayBuilder::len(builder);
                (held..rows).for_each(|_| builder.append_null());
            }
        }
    }

    pub(crate) fn array(&self) -> ArrayRef {
        match self {
            Self::F64(builder) => Arc::new(builder.finish_cloned()),
            Self::I64(builder) => Arc::new(builder.finish_cloned()),
            Self::Bool(builder) => Arc::new(builder.finish_cloned()),
            Self::Text(builder) => Arc::new(builder.finish_cloned()),
            Self::Amount(builder) => Arc::new(builder.finish_cloned()),
        }
    }
}

/// `batch` with the rows at `rows`, in that order, the same rows for every column.
fn take_rows(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| take(column, rows, None)).collect::<Result<_, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}
