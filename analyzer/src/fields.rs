//! Fields, and the schemas of what is stored.
//!
//! A physical table has the columns `series`, `time`, and one `f_<name>` per field; the prefix
//! keeps a field called `time` apart from the time.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, FieldRef as ArrowFieldRef, Schema, SchemaRef};
use weir_model::{
    amount::Amount,
    observation::{Column, VALUE},
};

/// The series column of stored rows.
pub(crate) const SERIES_COLUMN: usize = 0;
/// The time column of stored rows.
pub(crate) const TIME_COLUMN: usize = 1;
/// How many columns come before the fields.
pub(crate) const KEY_COLUMNS: usize = 2;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FieldType {
    F64,
    I64,
    Bool,
    Text,
    Amount,
}

impl FieldType {
    const ALL: [Self; 5] = [Self::F64, Self::I64, Self::Bool, Self::Text, Self::Amount];

    pub(crate) fn of(column: &Column) -> Self {
        match column {
            Column::F64(_) => Self::F64,
            Column::I64(_) => Self::I64,
            Column::Bool(_) => Self::Bool,
            Column::Text(_) => Self::Text,
            Column::Amount(_) => Self::Amount,
        }
    }

    /// No values of it.
    pub(crate) fn column(self) -> Column {
        match self {
            Self::F64 => Column::F64(Vec::new()),
            Self::I64 => Column::I64(Vec::new()),
            Self::Bool => Column::Bool(Vec::new()),
            Self::Text => Column::Text(Vec::new()),
            Self::Amount => Column::Amount(Vec::new()),
        }
    }

    /// The type with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its code in the log and in series segments.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::F64 => 0,
            Self::I64 => 1,
            Self::Bool => 2,
            Self::Text => 3,
            Self::Amount => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::F64 => DataType::Float64,
            Self::I64 => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::Text => DataType::Utf8,
            Self::Amount => amount_type(),
        }
    }

    /// Its name in messages; as [`Column::type_name`].
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F64 => "float",
            Self::I64 => "integer",
            Self::Bool => "boolean",
            Self::Text => "text",
            Self::Amount => "decimal",
        }
    }
}

/// The type of amounts of money.
pub(crate) fn amount_type() -> DataType {
    DataType::Decimal128(Amount::DIGITS, Amount::PLACES as i8)
}

/// A field of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) kind: FieldType,
}

impl Field {
    /// The one field of single-value metrics.
    pub(crate) fn value() -> Self {
        Self { name: VALUE.into(), kind: FieldType::F64 }
    }

    /// Whether this is the one field of single-value metrics.
    pub(crate) fn is_value(&self) -> bool {
        &*self.name == VALUE && self.kind == FieldType::F64
    }

    /// Its column in stored rows.
    pub(crate) fn physical_name(&self) -> String {
        format!("f_{}", self.name)
    }
}

/// The schema of stored rows with these fields.
pub(crate) fn physical_schema(fields: &[Field]) -> SchemaRef {
    let keys = [ArrowField::new("series", DataType::UInt32, false), ArrowField::new("time", DataType::Int64, false)];
    let fields = fields.iter().map(|field| ArrowField::new(field.physical_name(), field.kind.arrow(), true));
    Arc::new(Schema::new(keys.into_iter().chain(fields).collect::<Vec<_>>()))
}

/// The schema of stored rows with the fields of all of `schemas`.
pub(crate) fn joined_schema<'a>(schemas: impl Iterator<Item = &'a SchemaRef>) -> SchemaRef {
    let mut joined: Vec<ArrowFieldRef> = Vec::new();
    for schema in schemas {
        for field in schema.fields() {
            if !joined.iter().any(|known| known.name() == field.name()) {
                joined.push(ArrowFieldRef::clone(field));
            }
        }
    }
    Arc::new(Schema::new(joined))
}
