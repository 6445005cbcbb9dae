//! Chunks: rows of one shape in memory, sorted and frozen. What is written becomes a chunk at once, so
//! that whoever reads shares it and copies nothing; small ones are joined as they pile up (`state`).

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
        UInt32Array,
    },
    buffer::NullBuffer,
    compute::concat_batches,
    datatypes::{SchemaRef, UInt32Type},
    error::ArrowError,
};
use weir_model::{amount::Amount, observation::Column};

use crate::{
    data_file::select::normalized,
    fields::{Field, SERIES_COLUMN, amount_type, joined_schema, physical_schema},
    time_range::TimeRange,
    wal::record::{Group, Values},
};

pub(crate) mod sort;
#[cfg(test)]
mod tests;

/// Rows sorted by series and time, each (series, time) once.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Of two rows with one series and time, that of the source with the larger number counts.
    pub(crate) sequence: u64,
    /// As `fields::physical_schema` says, of the fields that any of its rows was written with.
    pub(crate) batch: RecordBatch,
    pub(crate) time: TimeRange,
    /// Times of rows that came later than another row of their series with the same or a later
    /// time. Only these can replace rows of older sources.
    pub(crate) late: Option<TimeRange>,
    /// What it takes in memory.
    pub(crate) bytes: usize,
}

impl Chunk {
    /// Samples as a chunk. `None` without any.
    pub(crate) fn of_values(
        sequence: u64,
        values: Values,
        late: Option<TimeRange>,
    ) -> Result<Option<Arc<Self>>, ArrowError> {
        let value: ArrayRef = Arc::new(Float64Array::from(values.value));
        Self::of(sequence, physical_schema(&[Field::value()]), (values.series, values.time), vec![value], late)
    }

    /// Rows of a table with `fields` as a chunk. `None` without any.
    pub(crate) fn of_group(
        sequence: u64,
        fields: &[Field],
        group: Group,
        late: Option<TimeRange>,
    ) -> Result<Option<Arc<Self>>, ArrowError> {
        let fields: Vec<Field> = group.fields.iter().map(|field| fields[*field as usize].clone()).collect();
        let columns = group.columns.iter().map(arrow_column).collect::<Result<_, _>>()?;
        Self::of(sequence, physical_schema(&fields), (group.series, group.time), columns, late)
    }

    fn of(
        sequence: u64,
        schema: SchemaRef,
        (series, time): (Vec<u32>, Vec<i64>),
        fields: Vec<ArrayRef>,
        late: Option<TimeRange>,
    ) -> Result<Option<Arc<Self>>, ArrowError> {
        let Some(range) = TimeRange::over(&time) else { return Ok(None) };
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(series)), Arc::new(Int64Array::from(time))];
        columns.extend(fields);
        let batch = sort::sorted(&RecordBatch::try_new(schema, columns)?)?;
        Ok(Some(Arc::new(Self { sequence, bytes: batch.get_array_memory_size(), batch, time: range, late })))
    }

    /// Several chunks as one, which has the place of the last of them.
    pub(crate) fn join(chunks: &[Arc<Self>]) -> Result<Option<Arc<Self>>, ArrowError> {
        let Some(last) = chunks.last() else { return Ok(None) };
        let schema = joined_schema(chunks.iter().map(|chunk| chunk.batch.schema_ref()));
        let batches = chunks.iter().map(|chunk| normalized(&chunk.batch, &schema)).collect::<Result<Vec<_>, _>>()?;
        let batch = sort::sorted(&concat_batches(&schema, &batches)?)?;
        let time = chunks.iter().map(|chunk| chunk.time).fold(last.time, TimeRange::join);
        let late = chunks.iter().filter_map(|chunk| chunk.late).reduce(TimeRange::join);
        let bytes = batch.get_array_memory_size();
        Ok(Some(Arc::new(Self { sequence: last.sequence, batch, time, late, bytes })))
    }

    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The smallest and the largest series.
    pub(crate) fn series(&self) -> (u32, u32) {
        let series = self.batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
        (series.first().copied().unwrap_or(u32::MAX), series.last().copied().unwrap_or(u32::MIN))
    }
}

/// A column of a write as Arrow has it.
pub(crate) fn arrow_column(column: &Column) -> Result<ArrayRef, ArrowError> {
    Ok(match column {
        Column::F64(values) => {
            let (values, nulls) = split(values);
            Arc::new(Float64Array::try_new(values.into(), nulls)?)
        }
        Column::I64(values) => {
            let (values, nulls) = split(values);
            Arc::new(Int64Array::try_new(values.into(), nulls)?)
        }
        Column::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
        Column::Text(values) => Arc::new(StringArray::from_iter(values.iter().map(Option::as_deref))),
        Column::Amount(values) => {
            let values = values.iter().map(|value| value.map(Amount::billionths));
            Arc::new(values.collect::<Decimal128Array>().with_data_type(amount_type()))
        }
    })
}

/// The values, and where there are none.
fn split<T: Copy + Default>(values: &[Option<T>]) -> (Vec<T>, Option<NullBuffer>) {
    let nulls = values.iter().any(Option::is_none).then(|| values.iter().map(Option::is_some).collect());
    (values.iter().map(|value| value.unwrap_or_default()).collect(), nulls)
}
