//! Rollups: beside a data file what its rows come to per series and five minutes.
//!
//! A rollup is made of the rows of one file while that is written, and goes with it: so it is exact wherever
//! the file is read on its own, and nobody has to keep book of what it covers. Aggregates by bins that consist
//! of whole rollup bins fold it in the place of the rows (`aggregate/rolled.rs`). It may outlive its rows
//! ([`crate::Settings::rollup_retention`]).
//!
//! A rollup is a Parquet file of the same form as data files: `series`, `time` (where the bin begins), `rows`,
//! and for each numeric field the columns of [`Part`].

use serde::{Deserialize, Serialize};

use crate::fields::{Field, FieldType};

pub(crate) mod build;
#[cfg(test)]
mod tests;

/// The length of a bin: what traffic is billed by.
pub(crate) const BIN_NANOS: i64 = 300 * 1_000_000_000;

/// A data file's rollup, as the manifest names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rollup {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Fields that it does not have because some sum of theirs is beyond 64 bits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lacks: Vec<String>,
}

/// What a rollup says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// How many values there are; the other parts are null without any.
    Count,
    Min,
    Max,
    Sum,
    Last,
    /// When the last one was measured.
    LastTime,
}

impl Part {
    const ALL: [Self; 6] = [Self::Count, Self::Min, Self::Max, Self::Sum, Self::Last, Self::LastTime];

    /// The column that it is in. No field's is another's: every one ends with a part's name, after all of the
    /// field's own.
    pub(crate) fn of(self, field: &Field) -> Field {
        let (part, kind) = match self {
            Self::Count => ("count", FieldType::I64),
            Self::Min => ("min", field.kind),
            Self::Max => ("max", field.kind),
            Self::Sum => ("sum", field.kind),
            Self::Last => ("last", field.kind),
            Self::LastTime => ("last_time", FieldType::I64),
        };
        Field { name: format!("{}.{part}", field.name).into(), kind }
    }
}

/// The column that says of how many rows a bin is.
pub(crate) fn rows_field() -> Field {
    Field { name: "rows".into(), kind: FieldType::I64 }
}

/// Whether a rollup says more of a field than that there is one.
pub(crate) fn is_numeric(field: &Field) -> bool {
    matches!(field.kind, FieldType::F64 | FieldType::I64)
}

/// The columns of a rollup of rows with `fields`.
pub(crate) fn columns(fields: &[Field]) -> Vec<Field> {
    let parts = fields.iter().filter(|field| is_numeric(field)).flat_map(|field| Part::ALL.map(|part| part.of(field)));
    std::iter::once(rows_field()).chain(parts).collect()
}

/// The name of the rollup of the data file `name`.
pub(crate) fn file_name(name: &str) -> String {
    format!("rollup-{name}")
}
