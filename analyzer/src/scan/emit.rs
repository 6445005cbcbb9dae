//! From stored rows to rows of the logical table.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, TimestampNanosecondArray},
    datatypes::{Int64Type, SchemaRef, UInt32Type},
};
use datafusion::error::{DataFusionError, Result};

use super::{choose::LabelColumn, logical::Column};
use crate::{
    catalog::{Catalog, table::Table},
    fields::{Field, FieldType, KEY_COLUMNS, SERIES_COLUMN, TIME_COLUMN},
};

/// Where an output column comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    Time,
    Label(LabelColumn),
    /// A column of the stored rows.
    Stored(usize),
}

/// Makes output batches.
#[derive(Debug)]
pub(crate) struct Emitter {
    schema: SchemaRef,
    origins: Vec<Origin>,
    /// The fields that must be read from storage.
    pub(crate) fields: Vec<Field>,
    /// All series that can occur, sorted.
    pub(crate) ids: Vec<u32>,
}

impl Emitter {
    /// For the output `schema`, made of `columns`, of rows of the series `ids`. Fields among the columns that
    /// are `asked` for are read as well.
    pub(crate) fn new(
        (catalog, table): (&Catalog, &Table),
        (columns, asked): (&[Column], &[Column]),
        schema: SchemaRef,
        ids: Vec<u32>,
    ) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut stored = |field: &Field| {
            let known = fields.iter().position(|known| known == field);
            KEY_COLUMNS
                + known.unwrap_or_else(|| {
                    fields.push(field.clone());
                    fields.len() - 1
                })
        };
        // Staleness markers hide their rows also from queries that do not ask for the value.
        for marker in table.fields.iter().filter(|field| field.is_value()) {
            stored(marker);
        }
        for column in asked {
            if let Column::Field(field) = column {
                stored(field);
            }
        }
        let origins = columns.iter().map(|column| match column {
            Column::Time => Origin::Time,
            Column::Label(label) => Origin::Label(LabelColumn::new((catalog, table), label, &ids)),
            Column::Field(field) => Origin::Stored(stored(field)),
        });
        let origins = origins.collect();
        Self { schema, origins, fields, ids }
    }

    /// Where an output column comes from.
    pub(crate) fn origin(&self, column: usize) -> Option<&Origin> {
        self.origins.get(column)
    }

    /// The label that an output column is.
    pub(crate) fn label(&self, column: usize) -> Option<&LabelColumn> {
        match self.origins.get(column)? {
            Origin::Label(label) => Some(label),
            _ => None,
        }
    }

    /// Where the stored rows have a field.
    pub(crate) fn stored(&self, field: &Field) -> Option<usize> {
        self.fields.iter().position(|known| known == field).map(|index| KEY_COLUMNS + index)
    }

    /// The type of a column of the stored rows.
    pub(crate) fn kind(&self, stored: usize) -> Option<FieldType> {
        Some(self.fields.get(stored.checked_sub(KEY_COLUMNS)?)?.kind)
    }

    /// The output for stored rows with `self.fields`.
    pub(crate) fn emit(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let runs = self.runs(rows)?;
        let columns = self.origins.iter().map(|origin| -> Result<ArrayRef> {
            match origin {
                Origin::Time => {
                    let time = rows.column(TIME_COLUMN).as_primitive::<Int64Type>().values().clone();
                    Ok(Arc::new(TimestampNanosecondArray::new(time, None).with_timezone("UTC")))
                }
                Origin::Stored(column) => Ok(Arc::clone(rows.column(*column))),
                Origin::Label(label) => {
                    let mut keys = Vec::with_capacity(rows.num_rows());
                    for (series, length) in &runs {
                        keys.resize(keys.len() + length, label.keys[*series]);
                    }
                    label.array(keys)
                }
            }
        });
        let columns = columns.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    /// Runs of rows of one series: where the series is in the list, and how many rows.
    pub(crate) fn runs(&self, rows: &RecordBatch) -> Result<Vec<(usize, usize)>> {
        let series = rows.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
        let runs = series.chunk_by(|a, b| a == b).map(|run| {
            let at = self.ids.binary_search(&run[0]);
            let unknown = |_| DataFusionError::Internal(format!("a row of series {}, which is not selected", run[0]));
            Ok((at.map_err(unknown)?, run.len()))
        });
        runs.collect()
    }
}
