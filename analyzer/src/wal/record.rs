//! The payload of a log record: one batch, with the definitions that it is the first to use.
//!
//! ```text
//! record     := version=2 u8, definitions, values, groups
//! definitions:= count, { 0 table id, schema, name | 1 table id, name, type u8 | 2 series id, table id, labels
//!                      | 3 count, series* | 4 table id, name }
//! labels     := count, { name, value }
//! values     := rows, series*, time*, { 8 bytes, a float's bits }*
//! groups     := count, { table id, rows, fields, field position*, series*, time*, column* }
//! series     := zigzag difference to the row before        time := zigzag difference to the row before
//! column     := type u8, presence, values of present rows
//! presence   := 1 u8 when all rows have a value, else 0 u8 and one bit per row, low bit first
//! values     := float: 8 bytes, its bits | integer: zigzag | boolean: u8 | text | decimal: 16 bytes, billionths
//! text       := length, UTF-8
//! ```
//!
//! Numbers without a type are LEB128 varints. A series segment's payload is a record without groups.

use std::sync::Arc;

use weir_model::{
    amount::Amount,
    observation::{Column, Labels, TableName},
};

use crate::{
    catalog::{SeriesId, TableId, journal::Definition},
    fields::{Field, FieldType},
};

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use reader::Reader;

const VERSION: u8 = 2;

/// Samples of single-value metrics of any tables, resolved against the catalog.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values {
    /// Per sample: its series.
    pub(crate) series: Vec<u32>,
    /// Per sample: nanoseconds since the epoch.
    pub(crate) time: Vec<i64>,
    pub(crate) value: Vec<f64>,
}

impl Values {
    /// Appends others, and leaves none of them.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.series.append(&mut other.series);
        self.time.append(&mut other.time);
        self.value.append(&mut other.value);
    }
}

/// Rows of one table, resolved against the catalog: what is logged and then applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) table: TableId,
    /// Positions in the table's fields, one per column.
    pub(crate) fields: Vec<u32>,
    /// Per row: its series.
    pub(crate) series: Vec<u32>,
    /// Per row: nanoseconds since the epoch.
    pub(crate) time: Vec<i64>,
    pub(crate) columns: Vec<Column>,
}

impl Group {
    /// Samples as rows of a table that has other fields as well.
    pub(crate) fn of_values(table: TableId, field: u32, values: Values) -> Self {
        let column = Column::F64(values.value.into_iter().map(Some).collect());
        Self { table, fields: vec![field], series: values.series, time: values.time, columns: vec![column] }
    }
}

/// A record, decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) values: Values,
    pub(crate) groups: Vec<Group>,
}

/// Appends a record's payload.
pub(crate) fn encode(definitions: &[Definition], values: &Values, groups: &[Group], out: &mut Vec<u8>) {
    out.push(VERSION);
    writer::definitions(definitions, out);
    writer::values(values, out);
    writer::groups(groups, out);
}

/// Reads a record's payload. `None` when it is not one, which a sound checksum makes a defect of the
/// writer or another version.
pub(crate) fn decode(payload: &[u8]) -> Option<Record> {
    let mut reader = Reader::new(payload);
    if reader.byte()? != VERSION {
        return None;
    }
    let definitions = reader.list(definition)?;
    let values = values(&mut reader)?;
    let groups = reader.list(group)?;
    reader.is_done().then_some(Record { definitions, values, groups })
}

fn definition(reader: &mut Reader<'_>) -> Option<Definition> {
    match reader.byte()? {
        0 => {
            let id = TableId(reader.ordinal()?);
            Some(Definition::Table { id, name: TableName::new(reader.text()?, reader.text()?) })
        }
        1 => {
            let table = TableId(reader.ordinal()?);
            let name = reader.text()?.into();
            Some(Definition::Field { table, field: Field { name, kind: FieldType::from_code(reader.byte()?)? } })
        }
        2 => {
            let (id, table) = (SeriesId(reader.ordinal()?), TableId(reader.ordinal()?));
            let labels = reader.list(|reader| Some((reader.text()?, reader.text()?)))?;
            Some(Definition::Series { id, table, labels: Labels::new(labels) })
        }
        3 => {
            let count = reader.count()?;
            let forgotten = series(reader, count)?.into_iter().map(SeriesId).collect();
            Some(Definition::Forgotten { series: forgotten })
        }
        4 => Some(Definition::Label { table: TableId(reader.ordinal()?), name: reader.text()?.into() }),
        _ => None,
    }
}

fn values(reader: &mut Reader<'_>) -> Option<Values> {
    let rows = reader.count()?;
    let (series, time) = (series(reader, rows)?, times(reader, rows)?);
    Some(Values { series, time, value: reader.repeat(rows, Reader::float)? })
}

fn series(reader: &mut Reader<'_>, rows: usize) -> Option<Vec<u32>> {
    let mut last = 0_i64;
    reader.repeat(rows, |reader| {
        last = last.checked_add(reader.signed()?)?;
        u32::try_from(last).ok()
    })
}

fn times(reader: &mut Reader<'_>, rows: usize) -> Option<Vec<i64>> {
    let mut last = 0_i64;
    reader.repeat(rows, |reader| {
        last = last.wrapping_add(reader.signed()?);
        Some(last)
    })
}

fn group(reader: &mut Reader<'_>) -> Option<Group> {
    let table = TableId(reader.ordinal()?);
    let rows = reader.count()?;
    let fields = reader.list(Reader::ordinal)?;
    let (series, time) = (series(reader, rows)?, times(reader, rows)?);
    let columns = reader.repeat(fields.len(), |reader| column(reader, rows))?;
    Some(Group { table, fields, series, time, columns })
}

fn column(reader: &mut Reader<'_>, rows: usize) -> Option<Column> {
    let kind = FieldType::from_code(reader.byte()?)?;
    let present = reader.presence(rows)?;
    Some(match kind {
        FieldType::F64 => Column::F64(reader.optional(&present, |reader| reader.float())?),
        FieldType::I64 => Column::I64(reader.optional(&present, |reader| reader.signed())?),
        FieldType::Bool => Column::Bool(reader.optional(&present, |reader| Some(reader.byte()? != 0))?),
        FieldType::Text => Column::Text(reader.optional(&present, |reader| Some(Arc::from(reader.text()?)))?),
        FieldType::Amount => {
            Column::Amount(reader.optional(&present, |reader| Amount::from_billionths(reader.wide()?))?)
        }
    })
}
