//! What a writer is told.

use std::time::Duration;

use weir_model::observation::{Batch, Rows, Samples, TableName};

/// What became of a batch that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Written {
    /// Rows that are durable, and visible to SQL, now.
    pub rows: u64,
    /// Rows that never will be.
    pub rejected: Vec<Rejected>,
}

impl Written {
    /// How many rows were rejected.
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.iter().map(|rejected| rejected.rows).sum()
    }
}

/// Rows of one table that cannot be stored; sending them again will not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Whose rows.
    pub table: TableName,
    /// How many.
    pub rows: u64,
    /// Which limit or contradiction, for counters.
    pub kind: RejectKind,
    /// Why, in words for whoever sent them.
    pub reason: String,
}

/// Why rows are rejected, as counters know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectKind {
    /// A field has another type in this table.
    FieldType,
    /// Too many series, label values, labels, fields or tables.
    Cardinality,
    /// Too far in the future, or older than the retention.
    Time,
    /// A label value or text field is too long.
    Size,
}

impl RejectKind {
    /// Every kind, in the order of the counters.
    pub const ALL: [Self; 4] = [Self::FieldType, Self::Cardinality, Self::Time, Self::Size];

    /// Its name as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::FieldType => "field_type",
            Self::Cardinality => "cardinality",
            Self::Time => "time",
            Self::Size => "size",
        }
    }
}

/// Why nothing of a batch was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Writing cannot keep up.
    #[error("the store is overloaded; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When another attempt may succeed.
        retry_after: Duration,
    },
    /// Nowhere to write: the log's disk refuses.
    #[error("the store's disk is full or failing; try again in {} ms", retry_after.as_millis())]
    DiskFull {
        /// When another attempt may succeed.
        retry_after: Duration,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// The batch contradicts itself.
    #[error("not a batch of rows: {0}")]
    Invalid(String),
}

/// Checks what a [`Batch`] promises but its type cannot hold: columns of equal lengths, series in range,
/// each field once.
///
/// # Errors
/// [`WriteError::Invalid`], naming the table and the contradiction.
pub(crate) fn check_shape(batch: &Batch) -> Result<(), WriteError> {
    let Samples { series, index, time, value } = &batch.samples;
    let invalid = |what: String| Err(WriteError::Invalid(format!("samples: {what}")));
    if index.len() != time.len() || value.len() != time.len() {
        return invalid(format!("{} times but {} series indexes and {} values", time.len(), index.len(), value.len()));
    }
    if let Some(index) = index.iter().find(|index| **index as usize >= series.len()) {
        return invalid(format!("series index {index}, of {} series", series.len()));
    }
    batch.rows.iter().try_for_each(check_rows)
}

fn check_rows(rows: &Rows) -> Result<(), WriteError> {
    let invalid = |what: String| Err(WriteError::Invalid(format!("{}: {what}", rows.table)));
    let count = rows.time.len();
    if rows.series.len() != count {
        return invalid(format!("{count} times but {} series indexes", rows.series.len()));
    }
    if let Some(series) = rows.series.iter().find(|series| **series as usize >= rows.labels.len()) {
        return invalid(format!("series index {series}, of {} series", rows.labels.len()));
    }
    for (index, (name, column)) in rows.fields.iter().enumerate() {
        if column.len() != count {
            return invalid(format!("{count} times but {} values of field '{name}'", column.len()));
        }
        if rows.fields[..index].iter().any(|(earlier, _)| earlier == name) {
            return invalid(format!("field '{name}' is given twice"));
        }
    }
    Ok(())
}
