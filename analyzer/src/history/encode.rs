//! Rows as ClickHouse's `RowBinary`, in the order of [`KEY_COLUMNS`] and then the fields.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{Decimal128Type, Float64Type, Int64Type, UInt32Type},
};
use bytes::{BufMut, Bytes, BytesMut};
use weir_model::observation::{Labels, STALE_NAN_BITS};

use crate::fields::{self, Field, FieldType, SERIES_COLUMN, TIME_COLUMN};

/// What every table has, with the types.
pub(super) const KEY_COLUMNS: [(&str, &str); 6] = [
    ("label_names", "Array(String)"),
    ("label_values", "Array(String)"),
    ("time", "Int64"),
    ("day", "Date"),
    ("version", "UInt64"),
    ("stale", "UInt8"),
];

/// The type of a field's column.
pub(super) fn type_of(kind: FieldType) -> &'static str {
    match kind {
        FieldType::F64 => "Nullable(Float64)",
        FieldType::I64 => "Nullable(Int64)",
        FieldType::Bool => "Nullable(UInt8)",
        FieldType::Text => "Nullable(String)",
        FieldType::Amount => "Nullable(Decimal(28, 9))",
    }
}

/// Stored rows with `fields`, each with the labels of its series and `version`.
pub(super) fn encode(rows: &RecordBatch, fields: &[Field], labels: &HashMap<u32, Labels>, version: u64) -> Bytes {
    let series = rows.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
    let time = rows.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
    let cells: Vec<_> =
        rows.columns()[fields::KEY_COLUMNS..].iter().zip(fields).map(|(c, f)| cell(c, f.kind)).collect();
    let marker = fields.iter().position(Field::is_value).map(|at| rows.column(fields::KEY_COLUMNS + at));
    let marker = marker.map(|column| column.as_primitive::<Float64Type>());
    let mut out = BytesMut::new();
    let mut last: Option<(u32, BytesMut)> = None;
    for row in 0..rows.num_rows() {
        // Rows are sorted by series.
        let held = last.take_if(|(known, _)| *known == series[row]);
        let (_, encoded) = last.insert(held.unwrap_or_else(|| (series[row], labels_of(labels.get(&series[row])))));
        out.extend_from_slice(encoded);
        out.put_i64_le(time[row]);
        out.put_u16_le(day(time[row]));
        out.put_u64_le(version);
        let is_stale =
            |values: &arrow::array::Float64Array| values.is_valid(row) && values.value(row).to_bits() == STALE_NAN_BITS;
        out.put_u8(marker.is_some_and(is_stale).into());
        cells.iter().for_each(|write| write(row, &mut out));
    }
    out.freeze()
}

fn labels_of(labels: Option<&Labels>) -> BytesMut {
    let mut out = BytesMut::new();
    let count = labels.map_or(0, Labels::len) as u64;
    varint(count, &mut out);
    labels.into_iter().flat_map(Labels::iter).for_each(|(name, _)| text(name, &mut out));
    varint(count, &mut out);
    labels.into_iter().flat_map(Labels::iter).for_each(|(_, value)| text(value, &mut out));
    out
}

/// A `Date`: days since 1970 in 16 bits. Only partitions are made of it, so what is beyond is near enough.
pub(super) fn day(time: i64) -> u16 {
    const DAY: i64 = 86_400_000_000_000;
    time.div_euclid(DAY).clamp(0, u16::MAX.into()) as u16
}

type Write<'a> = Box<dyn Fn(usize, &mut BytesMut) + 'a>;

fn cell(column: &ArrayRef, kind: FieldType) -> Write<'_> {
    match kind {
        FieldType::F64 => {
            let values = column.as_primitive::<Float64Type>();
            nullable(column, move |row, out| out.put_u64_le(values.value(row).to_bits()))
        }
        FieldType::I64 => {
            let values = column.as_primitive::<Int64Type>();
            nullable(column, move |row, out| out.put_i64_le(values.value(row)))
        }
        FieldType::Bool => {
            let values = column.as_boolean();
            nullable(column, move |row, out| out.put_u8(values.value(row).into()))
        }
        FieldType::Text => {
            let values = column.as_string::<i32>();
            nullable(column, move |row, out| text(values.value(row), out))
        }
        FieldType::Amount => {
            let values = column.as_primitive::<Decimal128Type>();
            nullable(column, move |row, out| out.put_i128_le(values.value(row)))
        }
    }
}

fn nullable<'a>(column: &'a ArrayRef, write: impl Fn(usize, &mut BytesMut) + 'a) -> Write<'a> {
    Box::new(move |row, out| {
        let is_null = column.is_null(row);
        out.put_u8(is_null.into());
        if !is_null {
            write(row, out);
        }
    })
}

fn text(text: &str, out: &mut BytesMut) {
    varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn varint(mut value: u64, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
