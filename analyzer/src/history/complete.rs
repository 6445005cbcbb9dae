//! The rows of a data file as they are in SQL, on top of older files.
//!
//! ClickHouse replaces whole rows; here each field keeps its last value. So a row that came late, and may
//! have only some fields, is joined with the rows of its key in older files before it is sent.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch},
    compute::{filter_record_batch, is_not_null},
    error::ArrowError,
};
use roaring::RoaringBitmap;

use crate::{
    data_file::{DataFile, Selection, read::read},
    fields::{Field, FieldType, physical_schema},
    merge::{Batches, Merge},
    store::Shared,
    time_range::TimeRange,
};

/// The rows of `series`, all of one table with `fields`, in `file`. `older` are files of that table.
pub(super) fn rows(
    shared: &Shared,
    file: &DataFile,
    older: &[Arc<DataFile>],
    fields: &[Field],
    series: &Arc<RoaringBitmap>,
) -> Result<Batches, ArrowError> {
    let folder = shared.layout.data();
    // What was deleted is not sent, and lends nothing.
    let shown = |file: &DataFile, fields: &[Field], selection: &Selection| -> Result<Batches, ArrowError> {
        let mask = shared.state().mask(file);
        Ok(mask.shown(read(file.place(&folder), fields, selection, None)?))
    };
    let all = Selection { series: Arc::clone(series), time: TimeRange::ALL, rising: None };
    let late = file.late.map(|time| Selection { series: Arc::clone(series), time, rising: None });
    let before =
        |other: &&Arc<DataFile>| other.sequence < file.sequence && late.as_ref().is_some_and(|late| late.wants(other));
    let older: Vec<&Arc<DataFile>> = older.iter().filter(before).collect();
    let (Some(late), false) = (&late, older.is_empty()) else {
        return shown(file, fields, &all);
    };
    let marked = with_mark(fields);
    let mut sources = Vec::new();
    for other in older {
        sources.push(shown(other, &marked, late)?);
    }
    sources.push(Box::new(shown(file, &marked, &all)?.map(|batch| mark(&batch?))));
    let merged = Merge::new(physical_schema(&marked), sources);
    Ok(Box::new(merged.map(|batch| own(&batch?))))
}

/// `fields` and one more, of a name that none of them has: it is true in rows of the file itself.
fn with_mark(fields: &[Field]) -> Vec<Field> {
    let mut name = "own".to_owned();
    while fields.iter().any(|field| *field.name == *name) {
        name.push('_');
    }
    let mark = Field { name: name.into(), kind: FieldType::Bool };
    fields.iter().cloned().chain([mark]).collect()
}

fn mark(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut columns = batch.columns().to_vec();
    columns.pop();
    columns.push(Arc::new(BooleanArray::from(vec![true; batch.num_rows()])) as ArrayRef);
    RecordBatch::try_new(batch.schema(), columns)
}

/// The marked rows, without the mark.
fn own(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let last = batch.num_columns() - 1;
    let kept = filter_record_batch(batch, &is_not_null(batch.column(last).as_ref())?)?;
    kept.project(&(0..last).collect::<Vec<_>>())
}
