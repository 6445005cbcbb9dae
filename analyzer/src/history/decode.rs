//! `RowBinary` as batches of a logical table.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringDictionaryBuilder},
    compute::cast,
    datatypes::{Int32Type, SchemaRef},
    error::ArrowError,
};
use bytes::{Buf, Bytes, BytesMut};
use weir_model::{amount::Amount, observation::Column as Values};

use crate::{
    chunk::arrow_column,
    fields::FieldType,
    scan::logical::{Column, time_type},
};

/// Bytes that are no rows of the columns that were asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("ClickHouse sent a text that is not UTF-8")]
    Text,
    #[error("ClickHouse sent a decimal of more than {} digits", Amount::DIGITS)]
    Amount,
    #[error("ClickHouse's answer ends within a row")]
    CutOff,
    #[error("ClickHouse's answer does not fit the table")]
    Arrow(#[from] ArrowError),
}

/// Takes bytes, gives batches.
pub(super) struct Decoder {
    schema: SchemaRef,
    kinds: Vec<Kind>,
    cells: Vec<Cells>,
    rows: usize,
    pending: BytesMut,
}

#[derive(Clone, Copy)]
enum Kind {
    Time,
    Label,
    Field(FieldType),
}

/// The cells of a column so far.
enum Cells {
    Time(Vec<i64>),
    Label(Box<StringDictionaryBuilder<Int32Type>>),
    Field(Values),
}

impl Decoder {
    /// For rows of `columns`, in this order, as `schema`. No column at all is a byte for each row.
    pub(super) fn new(schema: SchemaRef, columns: &[Column]) -> Self {
        let kind = |column: &Column| match column {
            Column::Time => Kind::Time,
            Column::Label(_) => Kind::Label,
            Column::Field(field) => Kind::Field(field.kind),
        };
        let kinds: Vec<Kind> = columns.iter().map(kind).collect();
        let cells = kinds.iter().map(|kind| Cells::new(*kind)).collect();
        Self { schema, kinds, cells, rows: 0, pending: BytesMut::new() }
    }

    /// Takes bytes; a row may end in later ones.
    pub(super) fn push(&mut self, bytes: &Bytes) -> Result<(), DecodeError> {
        self.pending.extend_from_slice(bytes);
        while let Some(length) = self.row_length() {
            let mut row = self.pending.split_to(length).freeze();
            self.cells.iter_mut().try_for_each(|cells| cells.take(&mut row))?;
            self.rows += 1;
        }
        Ok(())
    }

    /// How many rows were decoded and not taken.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The rows so far.
    pub(super) fn take(&mut self) -> Result<RecordBatch, DecodeError> {
        let cells = self.cells.iter_mut().zip(&self.kinds);
        let cells: Vec<Cells> = cells.map(|(cells, kind)| std::mem::replace(cells, Cells::new(*kind))).collect();
        let columns = cells.into_iter().map(Cells::array).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)?)
    }

    /// The answer is over.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.pending.is_empty() { Ok(()) } else { Err(DecodeError::CutOff) }
    }

    /// Bytes of the next row, when all of them are there.
    fn row_length(&self) -> Option<usize> {
        if self.kinds.is_empty() {
            return (!self.pending.is_empty()).then_some(1);
        }
        let mut rest: &[u8] = &self.pending;
        for kind in &self.kinds {
            let length = match kind {
                Kind::Time => 8,
                Kind::Label => text_length(rest)?,
                Kind::Field(_) if *rest.first()? != 0 => 1,
                Kind::Field(FieldType::F64 | FieldType::I64) => 1 + 8,
                Kind::Field(FieldType::Bool) => 1 + 1,
                Kind::Field(FieldType::Amount) => 1 + 16,
                Kind::Field(FieldType::Text) => 1 + text_length(&rest[1..])?,
            };
            rest = rest.get(length..)?;
        }
        Some(self.pending.len() - rest.len())
    }
}

/// Bytes of a text with its length.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let length = varint(&mut rest)?;
    usize::try_from(length).ok()?.checked_add(bytes.len() - rest.len())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The text at the beginning of a row that is known to be whole.
fn text(row: &mut Bytes) -> Result<String, DecodeError> {
    let mut rest: &[u8] = row;
    let length = varint(&mut rest).ok_or(DecodeError::CutOff)? as usize;
    row.advance(row.len() - rest.len());
    String::from_utf8(row.split_to(length).to_vec()).map_err(|_| DecodeError::Text)
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Time => Self::Time(Vec::new()),
            Kind::Label => Self::Label(Box::default()),
            Kind::Field(kind) => Self::Field(kind.column()),
        }
    }

    fn take(&mut self, row: &mut Bytes) -> Result<(), DecodeError> {
        match self {
            Self::Time(times) => times.push(row.get_i64_le()),
            Self::Label(labels) => {
                labels.append(text(row)?)?;
            }
            Self::Field(values) => {
                let is_null = row.get_u8() != 0;
                match values {
                    Values::F64(values) => values.push((!is_null).then(|| f64::from_bits(row.get_u64_le()))),
                    Values::I64(values) => values.push((!is_null).then(|| row.get_i64_le())),
                    Values::Bool(values) => values.push((!is_null).then(|| row.get_u8() != 0)),
                    Values::Text(values) if is_null => values.push(None),
                    Values::Text(values) => values.push(Some(text(row)?.into())),
                    Values::Amount(values) if is_null => values.push(None),
                    Values::Amount(values) => {
                        let amount = Amount::from_billionths(row.get_i128_le());
                        values.push(Some(amount.ok_or(DecodeError::Amount)?));
                    }
                }
            }
        }
        Ok(())
    }

    fn array(self) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Time(times) => cast(&Int64Array::from(times), &time_type()),
            Self::Label(mut labels) => Ok(Arc::new(labels.finish())),
            Self::Field(values) => arrow_column(&values),
        }
    }
}
