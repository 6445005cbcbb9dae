//! Writes what `record` describes.

use weir_model::observation::Column;

use super::{Group, Values};
use crate::{catalog::journal::Definition, fields::FieldType};

pub(super) fn definitions(definitions: &[Definition], out: &mut Vec<u8>) {
    varint(definitions.len() as u64, out);
    for definition in definitions {
        match definition {
            Definition::Table { id, name } => {
                out.push(0);
                varint(id.0.into(), out);
                text(&name.schema, out);
                text(&name.name, out);
            }
            Definition::Field { table, field } => {
                out.push(1);
                varint(table.0.into(), out);
                text(&field.name, out);
                out.push(field.kind.code());
            }
            Definition::Series { id, table, labels } => {
                out.push(2);
                varint(id.0.into(), out);
                varint(table.0.into(), out);
                varint(labels.len() as u64, out);
                for (name, value) in labels.iter() {
                    text(name, out);
                    text(value, out);
                }
            }
            Definition::Label { table, name } => {
                out.push(4);
                varint(table.0.into(), out);
                text(name, out);
            }
            Definition::Forgotten { series } => {
                out.push(3);
                varint(series.len() as u64, out);
                differences(series.iter().map(|series| i64::from(series.0)), out);
            }
        }
    }
}

pub(super) fn values(values: &Values, out: &mut Vec<u8>) {
    varint(values.series.len() as u64, out);
    differences(values.series.iter().map(|series| i64::from(*series)), out);
    differences(values.time.iter().copied(), out);
    out.reserve(values.value.len() * 8);
    values.value.iter().for_each(|value| out.extend(value.to_bits().to_le_bytes()));
}

pub(super) fn groups(groups: &[Group], out: &mut Vec<u8>) {
    varint(groups.len() as u64, out);
    for group in groups {
        varint(group.table.0.into(), out);
        varint(group.time.len() as u64, out);
        varint(group.fields.len() as u64, out);
        group.fields.iter().for_each(|field| varint((*field).into(), out));
        differences(group.series.iter().map(|series| i64::from(*series)), out);
        differences(group.time.iter().copied(), out);
        group.columns.iter().for_each(|values| column(values, out));
    }
}

fn column(column: &Column, out: &mut Vec<u8>) {
    out.push(FieldType::of(column).code());
    match column {
        Column::F64(values) => optional(values, out, |value, out| out.extend(value.to_bits().to_le_bytes())),
        Column::I64(values) => optional(values, out, |value, out| signed(*value, out)),
        Column::Bool(values) => optional(values, out, |value, out| out.push((*value).into())),
        Column::Text(values) => optional(values, out, |value, out| text(value, out)),
        Column::Amount(values) => {
            optional(values, out, |value, out| out.extend(value.billionths().to_le_bytes()));
        }
    }
}

fn optional<T>(values: &[Option<T>], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    if values.iter().all(Option::is_some) {
        out.push(1);
    } else {
        out.push(0);
        for eight in values.chunks(8) {
            out.push(eight.iter().enumerate().fold(0, |byte, (bit, value)| byte | u8::from(value.is_some()) << bit));
        }
    }
    values.iter().flatten().for_each(|value| write(value, out));
}

fn differences(values: impl Iterator<Item = i64>, out: &mut Vec<u8>) {
    let mut last = 0_i64;
    for value in values {
        signed(value.wrapping_sub(last), out);
        last = value;
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    varint(text.len() as u64, out);
    out.extend(text.as_bytes());
}

fn signed(value: i64, out: &mut Vec<u8>) {
    varint(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
