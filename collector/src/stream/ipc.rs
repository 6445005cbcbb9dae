//! Rows as an Arrow IPC stream and back.
//!
//! Columns: `time` (timestamp, ns, UTC), then each label (dictionary of text, marked in the
//! field's metadata), then each field. The table's name is in the schema's metadata.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
        RecordBatch, StringArray, TimestampNanosecondArray,
    },
    buffer::Buffer,
    datatypes::{
        DataType, Decimal128Type, Field, Float64Type, Int32Type, Int64Type, Schema, TimeUnit, TimestampNanosecondType,
    },
    error::ArrowError,
    ipc::{reader::StreamDecoder, writer::StreamWriter},
};
use weir_model::{
    amount::Amount,
    observation::{Column, Labels, Rows, TableName},
};

const SCHEMA: &str = "weir.schema";
const TABLE: &str = "weir.table";
const ROLE: &str = "weir.role";
const LABEL: &str = "label";
const TIME: &str = "time";
/// The type of amounts of money.
const AMOUNT: DataType = DataType::Decimal128(Amount::DIGITS, Amount::PLACES as i8);

/// Bytes that are no rows.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Not an Arrow IPC stream.
    #[error("not an Arrow IPC stream")]
    Arrow(#[from] ArrowError),
    /// A stream, but not of rows.
    #[error("not rows of a table: {0}")]
    Shape(String),
}

/// Encodes rows as one IPC stream.
///
/// # Errors
/// When columns are of unequal length.
pub fn encode(rows: &Rows) -> Result<Vec<u8>, IpcError> {
    let batch = to_batch(rows)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// Decodes rows from one IPC stream.
///
/// # Errors
/// When the bytes are no stream, or a stream of something else.
pub fn decode(bytes: &[u8]) -> Result<Vec<Rows>, IpcError> {
    // Not `StreamReader`, which makes room for as many bytes as a message says it has: 2 GiB of anything.
    let (mut decoder, mut buffer) = (StreamDecoder::new(), Buffer::from(bytes));
    let mut rows = Vec::new();
    while let Some(batch) = decoder.decode(&mut buffer)? {
        rows.push(from_batch(&batch)?);
    }
    decoder.finish()?;
    Ok(rows)
}

fn to_batch(rows: &Rows) -> Result<RecordBatch, IpcError> {
    let mut names: Vec<&Arc<str>> = rows.labels.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
    names.sort();
    names.dedup();
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let mut fields = vec![Field::new(TIME, time, false)];
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(TimestampNanosecondArray::from(rows.time.clone()).with_timezone("UTC"))];
    for name in names {
        let column = label_column(rows, name);
        let role = HashMap::from([(ROLE.to_owned(), LABEL.to_owned())]);
        fields.push(Field::new(&**name, column.data_type().clone(), false).with_metadata(role));
        columns.push(column);
    }
    for (name, column) in &rows.fields {
        let column = field_column(column);
        fields.push(Field::new(&**name, column.data_type().clone(), true));
        columns.push(column);
    }
    let table = [(SCHEMA, &rows.table.schema), (TABLE, &rows.table.name)];
    let metadata = table.map(|(key, value)| (key.to_owned(), value.to_string()));
    let schema = Schema::new(fields).with_metadata(HashMap::from(metadata));
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

fn label_column(rows: &Rows, name: &str) -> ArrayRef {
    let values = StringArray::from_iter_values(rows.labels.iter().map(|labels| labels.get(name)));
    let keys = rows.series.iter().map(|series| Some(*series as i32)).collect();
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(values)))
}

fn field_column(column: &Column) -> ArrayRef {
    match column {
        Column::F64(values) => Arc::new(Float64Array::from(values.clone())),
        Column::I64(values) => Arc::new(Int64Array::from(values.clone())),
        Column::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
        Column::Text(values) => Arc::new(StringArray::from_iter(values.iter().map(Option::as_deref))),
        Column::Amount(values) => {
            let billionths = values.iter().map(|value| value.map(Amount::billionths));
            Arc::new(billionths.collect::<Decimal128Array>().with_data_type(AMOUNT))
        }
    }
}

fn from_batch(batch: &RecordBatch) -> Result<Rows, IpcError> {
    let schema = batch.schema();
    let named = |key: &str| {
        let missing = || IpcError::Shape(format!("the schema's metadata has no `{key}`"));
        schema.metadata().get(key).map(String::as_str).ok_or_else(missing)
    };
    let table = TableName::new(named(SCHEMA)?, named(TABLE)?);
    let no_time = || IpcError::Shape("the first column is not `time`, a timestamp in ns".to_owned());
    let time = batch.column_by_name(TIME).and_then(|time| time.as_primitive_opt::<TimestampNanosecondType>());
    let time: Vec<i64> = time.ok_or_else(no_time)?.values().to_vec();
    let mut labels: Vec<(&str, &DictionaryArray<Int32Type>)> = Vec::new();
    let mut fields = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()).filter(|(field, _)| field.name() != TIME) {
        let wrong = || IpcError::Shape(format!("column `{}` is of type {}", field.name(), column.data_type()));
        if field.metadata().get(ROLE).is_some_and(|role| role == LABEL) {
            labels.push((field.name(), column.as_dictionary_opt().ok_or_else(wrong)?));
        } else {
            fields.push((field.name().as_str().into(), read_field(column).ok_or_else(wrong)?));
        }
    }
    let (series, labels) = read_series(&labels, time.len())?;
    Ok(Rows { table, labels, series, time, fields })
}

fn read_field(column: &ArrayRef) -> Option<Column> {
    Some(match column.data_type() {
        DataType::Float64 => Column::F64(column.as_primitive_opt::<Float64Type>()?.iter().collect()),
        DataType::Int64 => Column::I64(column.as_primitive_opt::<Int64Type>()?.iter().collect()),
        DataType::Boolean => Column::Bool(column.as_boolean_opt()?.iter().collect()),
        DataType::Utf8 => {
            Column::Text(column.as_string_opt::<i32>()?.iter().map(|text| text.map(Into::into)).collect())
        }
        kind if *kind == AMOUNT => {
            let billionths = column.as_primitive_opt::<Decimal128Type>()?.iter();
            let amounts = billionths.map(|value| value.map_or(Some(None), |v| Amount::from_billionths(v).map(Some)));
            Column::Amount(amounts.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Rows with equal keys in every label column are of one series: our encoder gives each series
/// its own key, and another's keys are joined all the same.
fn read_series(
    columns: &[(&str, &DictionaryArray<Int32Type>)],
    rows: usize,
) -> Result<(Vec<u32>, Vec<Labels>), IpcError> {
    let mut known: HashMap<Vec<Option<i32>>, u32> = HashMap::new();
    let mut labels = Vec::new();
    let mut series = Vec::with_capacity(rows);
    for row in 0..rows {
        // A null key is a label that is absent, whatever stands in its place: there may be no value at all.
        let key = |column: &DictionaryArray<Int32Type>| column.is_valid(row).then(|| column.keys().value(row));
        let keys: Vec<Option<i32>> = columns.iter().map(|(_, column)| key(column)).collect();
        let next = labels.len() as u32;
        let index = *known.entry(keys).or_insert(next);
        if index == next {
            let pair = |(name, column): &(&str, &DictionaryArray<Int32Type>)| {
                let values = column.values().as_string_opt::<i32>()?;
                let value = match key(column) {
                    Some(key) => values.value(usize::try_from(key).ok().filter(|key| *key < values.len())?),
                    None => "",
                };
                Some((Arc::<str>::from(*name), Arc::<str>::from(value)))
            };
            let pairs: Option<Vec<(Arc<str>, Arc<str>)>> = columns.iter().map(pair).collect();
            let pairs =
                pairs.ok_or_else(|| IpcError::Shape("a label column is not a dictionary of text".to_owned()))?;
            labels.push(Labels::new(pairs));
        }
        series.push(index);
    }
    Ok((series, labels))
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;

    use super::*;

    #[test]
    fn a_null_label_is_an_absent_one() {
        let keys = Int32Array::from(vec![None, None]);
        let empty = DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(Vec::<&str>::new())));
        let some = DictionaryArray::<Int32Type>::new(
            Int32Array::from(vec![Some(0), None]),
            Arc::new(StringArray::from(vec!["a"])),
        );
        let (series, labels) = read_series(&[("node", &empty), ("site", &some)], 2).unwrap();
        assert_eq!(series, [0, 1]);
        assert_eq!(labels.iter().map(|labels| labels.get("site")).collect::<Vec<_>>(), ["a", ""]);
        assert_eq!(labels.iter().map(|labels| labels.get("node")).collect::<Vec<_>>(), ["", ""]);
    }
}
