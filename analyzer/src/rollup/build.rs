//! Making a rollup of rows as they pass by.

use std::{collections::BTreeSet, fs::File, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array},
    datatypes::{Int64Type, SchemaRef, UInt32Type},
    error::ArrowError,
};
use parquet::{arrow::ArrowWriter, errors::ParquetError, file::properties::WriterProperties};

use super::{BIN_NANOS, Rollup, columns, is_numeric};
use crate::{
    aggregate::{Argument, Call, Folded, Function, Segment},
    data_file::write::{DataFileError, Effort, properties},
    fields::{Field, FieldType, KEY_COLUMNS, SERIES_COLUMN, TIME_COLUMN, physical_schema},
    scan::rows::without_markers,
};

/// When a file gets a rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Never,
    /// When it spares reading: the file has so many rows, and its bins are large enough.
    WhenWorth {
        rows: u64,
    },
    /// It is to outlive the rows.
    Always,
}

/// Rows of a bin, on average: with six columns for each one of the file, a rollup of bins of ten rows is half as
/// large as what it spares.
const BIN_ROWS_MIN: u64 = 10;
/// After so many rows it is clear how many a bin has.
const TRIAL_ROWS: u64 = 256 << 10;

/// Bytes of a row group of a rollup, which are held while it is written. With 61 columns, of ten fields, they are some
/// 50,000 bins.
const ROW_GROUP_BYTES: usize = 8 << 20;
/// Bytes of distinct values that a column of a row group may have before they are no longer numbered: many of them are
/// written at a time.
const DICTIONARY_BYTES: usize = 64 << 10;

/// How a rollup is written.
pub(crate) fn rollup_properties(effort: Effort) -> Result<WriterProperties, ParquetError> {
    let properties = properties(&[], effort)?.into_builder();
    let properties = properties.set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
    Ok(properties.set_dictionary_page_size_limit(DICTIONARY_BYTES).build())
}

/// Folds sorted rows into bins.
struct Builder {
    schema: SchemaRef,
    /// Numeric fields, with their columns in the rows.
    fields: Vec<(Field, usize)>,
    /// Where rows have the value that may be a staleness marker.
    marker: Option<usize>,
    /// Series and start of the bins at hand.
    bins: Vec<(u32, i64)>,
    rows: Folded,
    /// Per field: min, max, sum, last.
    folded: Vec<[Folded; 4]>,
    lacks: BTreeSet<String>,
}

impl Builder {
    fn new(fields: &[Field]) -> Self {
        let numeric = fields.iter().cloned().zip(KEY_COLUMNS..).filter(|(field, _)| is_numeric(field));
        let numeric: Vec<_> = numeric.collect();
        let folded = |(field, column): &(Field, usize)| {
            let argument = match field.kind {
                FieldType::F64 => Argument::F64(*column),
                _ => Argument::I64(*column),
            };
            [Function::Min, Function::Max, Function::Sum, Function::Last]
                .map(|function| Folded::new(Call { function, argument }, 0))
        };
        Self {
            schema: physical_schema(&columns(fields)),
            marker: fields.iter().position(Field::is_value).map(|field| KEY_COLUMNS + field),
            bins: Vec::new(),
            rows: Folded::new(Call { function: Function::Count, argument: Argument::Rows }, 0),
            folded: numeric.iter().map(folded).collect(),
            fields: numeric,
            lacks: BTreeSet::new(),
        }
    }

    /// Folds rows; what bins are now complete.
    fn add(&mut self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows = match self.marker {
            Some(marker) => without_markers(rows.clone(), marker)?,
            None => rows.clone(),
        };
        let segments = self.cut(&rows);
        for folded in self.folded.iter_mut().flatten().chain([&mut self.rows]) {
            folded.grow(self.bins.len());
            folded.fold(&rows, &segments);
        }
        // The last bin goes on in the rows to come.
        let complete = self.bins.len().saturating_sub(1);
        self.take(complete)
    }

    /// The bin that is left.
    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.take(self.bins.len())
    }

    /// Which rows are of which bin.
    fn cut(&mut self, rows: &RecordBatch) -> Vec<Segment> {
        let series = rows.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
        let time = rows.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
        let mut segments = Vec::new();
        let mut start = 0;
        while start < series.len() {
            let bin = start_of(time[start]);
            let end_time = bin.saturating_add(BIN_NANOS);
            let is_of_bin = |row: usize| series[row] == series[start] && time[row] < end_time;
            let end = (start + 1..series.len()).find(|row| !is_of_bin(*row)).unwrap_or(series.len());
            if self.bins.last() != Some(&(series[start], bin)) {
                self.bins.push((series[start], bin));
            }
            segments.push(Segment { cell: self.bins.len() - 1, start, end });
            start = end;
        }
        segments
    }

    /// Takes out the first bins.
    fn take(&mut self, count: usize) -> Result<RecordBatch, ArrowError> {
        let cells: Vec<usize> = (0..count).collect();
        let taken = &self.bins[..count];
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_iter_values(taken.iter().map(|(series, _)| *series))),
            Arc::new(Int64Array::from_iter_values(taken.iter().map(|(_, bin)| *bin))),
            self.rows.counts(&cells),
        ];
        for ((field, _), folded) in self.fields.iter().zip(&self.folded) {
            let [min, max, _, last] = folded;
            let results = folded.iter().map(|part| part.results(&cells));
            columns.extend([min.counts(&cells)].into_iter().chain(results).chain([last.times(&cells)]));
            if field.kind == FieldType::I64 && cells.iter().any(|cell| may_overflow(min, max, *cell)) {
                self.lacks.insert(field.name.to_string());
            }
        }
        self.bins.drain(..count);
        self.folded.iter_mut().flatten().chain([&mut self.rows]).for_each(|folded| folded.drop_first(count));
        RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)
    }
}

/// Where the bin of a time begins.
pub(crate) fn start_of(time: i64) -> i64 {
    // Times within five minutes of the smallest begin at the smallest.
    time.checked_sub(time.rem_euclid(BIN_NANOS)).unwrap_or(i64::MIN)
}

/// Whether the values of a cell may come to more than 64 bits together.
fn may_overflow(min: &Folded, max: &Folded, cell: usize) -> bool {
    let largest = min.integer(cell).unsigned_abs().max(max.integer(cell).unsigned_abs());
    u128::from(largest) * u128::from(min.count(cell)) > i64::MAX as u128
}

/// Writes a rollup beside its file.
pub(crate) struct Writer<'a> {
    wanted: Wanted,
    builder: Builder,
    parquet: ArrowWriter<&'a mut File>,
    rows: u64,
    bins: u64,
}

impl<'a> Writer<'a> {
    /// Of rows with `fields`, to `file`.
    pub(crate) fn new(
        wanted: Wanted,
        fields: &[Field],
        effort: Effort,
        file: &'a mut File,
    ) -> Result<Self, ParquetError> {
        let builder = Builder::new(fields);
        let parquet = ArrowWriter::try_new(file, SchemaRef::clone(&builder.schema), Some(rollup_properties(effort)?))?;
        Ok(Self { wanted, builder, parquet, rows: 0, bins: 0 })
    }

    /// Takes the next rows. `false` when the rollup is not worth going on with.
    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<bool, DataFileError> {
        let bins = self.builder.add(rows)?;
        self.rows += rows.num_rows() as u64;
        self.bins += bins.num_rows() as u64;
        self.parquet.write(&bins)?;
        Ok(self.rows < TRIAL_ROWS || self.is_worth())
    }

    fn is_worth(&self) -> bool {
        match self.wanted {
            Wanted::Never => false,
            Wanted::WhenWorth { rows } => self.rows >= rows && self.rows >= self.bins * BIN_ROWS_MIN,
            Wanted::Always => true,
        }
    }

    /// The end of the rows; `None` when the rollup is not worth keeping. Its bytes are known to whoever has the
    /// file.
    pub(crate) fn finish(mut self) -> Result<Option<Rollup>, DataFileError> {
        let bins = self.builder.finish()?;
        self.bins += bins.num_rows() as u64;
        self.parquet.write(&bins)?;
        let is_worth = self.is_worth();
        self.parquet.close()?;
        let lacks = self.builder.lacks.into_iter().collect();
        Ok(is_worth.then_some(Rollup { rows: self.bins, bytes: 0, lacks }))
    }
}
