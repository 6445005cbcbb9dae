//! Rows as JSON arrays.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{
        ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};

/// Integers up to here are exact in every reader (IEEE 754 doubles).
const EXACT_MAX: u64 = 1 << 53;

/// The rows of `batch`, separated by commas; with one before them unless they are the `first`.
pub(super) fn encode(batch: &RecordBatch, first: bool) -> Result<Vec<u8>, ArrowError> {
    let columns = batch.columns().iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    let columns = columns.iter().map(writer).collect::<Result<Vec<_>, _>>()?;
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        if row > 0 || !first {
            out.push(b',');
        }
        out.push(b'[');
        for (index, (array, write)) in columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if array.is_null(row) { out.extend(b"null") } else { write(row, &mut out) }
        }
        out.push(b']');
    }
    Ok(out)
}

/// Dictionaries and views as what they stand for.
fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values),
        DataType::Utf8View | DataType::LargeUtf8 => cast(column, &DataType::Utf8),
        _ => Ok(ArrayRef::clone(column)),
    }
}

type Write<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

fn writer(column: &ArrayRef) -> Result<(&ArrayRef, Write<'_>), ArrowError> {
    let write: Write<'_> = match column.data_type() {
        DataType::Boolean => {
            let values = column.as_boolean();
            Box::new(|row, out| out.extend(if values.value(row) { &b"true"[..] } else { b"false" }))
        }
        DataType::Int8 => integers::<Int8Type>(column),
        DataType::Int16 => integers::<Int16Type>(column),
        DataType::Int32 => integers::<Int32Type>(column),
        DataType::Int64 => integers::<Int64Type>(column),
        DataType::UInt8 => integers::<UInt8Type>(column),
        DataType::UInt16 => integers::<UInt16Type>(column),
        DataType::UInt32 => integers::<UInt32Type>(column),
        DataType::UInt64 => integers::<UInt64Type>(column),
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            Box::new(|row, out| float(values.value(row).into(), out))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            Box::new(|row, out| float(values.value(row), out))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            Box::new(|row, out| text(values.value(row), out))
        }
        _ => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(column, &options)?;
            Box::new(move |row, out| text(&formatter.value(row).to_string(), out))
        }
    };
    Ok((column, write))
}

fn integers<'a, T: ArrowPrimitiveType<Native: Into<i128>>>(column: &'a ArrayRef) -> Write<'a> {
    let values = column.as_primitive::<T>();
    Box::new(|row, out| {
        let value: i128 = values.value(row).into();
        let exact = value.unsigned_abs() <= u128::from(EXACT_MAX);
        if exact { out.extend(value.to_string().bytes()) } else { text(&value.to_string(), out) }
    })
}

fn float(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        // Shortest form that reads back as the same number; an integer without ".0" is one too.
        out.extend(serde_json::json!(value).to_string().bytes());
    } else if value.is_nan() {
        text("NaN", out);
    } else {
        text(if value > 0.0 { "Infinity" } else { "-Infinity" }, out);
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend(serde_json::Value::from(text).to_string().bytes());
}
