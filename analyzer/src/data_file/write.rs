//! Writing a data file.

use std::{
    fs::{self, File},
    io,
};

use arrow::{
    array::{AsArray, RecordBatch, RecordBatchReader},
    datatypes::{Int64Type, UInt32Type},
    error::ArrowError,
};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};

use super::DataFile;
use crate::{
    catalog::Shape,
    disk_layout::{Layout, data_file_name, write_durably},
    fields::{Field, FieldType, SERIES_COLUMN, TIME_COLUMN, physical_schema},
    merge::Batches,
    rollup::{self, Rollup, build::Wanted},
    time_range::TimeRange,
};

/// Rows of a row group: what is held in memory while writing, and the coarse grain of pruning.
const ROW_GROUP_ROWS: usize = 128 << 10;
/// Bytes of a row group: rows of ten numbers have 10 MiB in 128 Ki rows, log lines of 1 KiB reach it at 64 Ki.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Rows of a page, the fine grain of pruning: a table of 30 series with 240 samples each is one page.
const PAGE_ROWS: usize = 8 << 10;

/// Why no data file was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataFileError {
    #[error("cannot write a data file")]
    Io(#[from] io::Error),
    #[error("cannot write Parquet")]
    Parquet(#[from] ParquetError),
    #[error("cannot merge rows for a data file")]
    Arrow(#[from] ArrowError),
}

/// What a new data file is about.
pub(crate) struct Content<'a> {
    pub(crate) shape: Shape,
    pub(crate) fields: &'a [Field],
    /// Over all rows.
    pub(crate) time: TimeRange,
    pub(crate) late: Option<TimeRange>,
    pub(crate) sequence: u64,
    /// The last of the deletions that were carried out in the rows; 0 without any.
    pub(crate) clean: u64,
    pub(crate) effort: Effort,
    pub(crate) rollup: Wanted,
}

/// How hard a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// It will soon be joined with others.
    Fresh,
    Lasting,
}

impl Effort {
    /// Level 3 is zstd's own default; level 1 takes two thirds of its time.
    fn zstd_level(self) -> i32 {
        match self {
            Self::Fresh => 1,
            Self::Lasting => 3,
        }
    }
}

/// Writes `rows` (sorted, each (series, time) once) to the file with `number`; durable on return.
pub(crate) fn write(
    layout: &Layout,
    number: u64,
    content: &Content<'_>,
    rows: Batches,
) -> Result<DataFile, DataFileError> {
    let name = data_file_name(content.shape, number, content.time);
    let (count, series, bytes, rollup) = write_durably(&layout.data().join(&name), |file| {
        let ((count, series), rollup) = write_beside(layout, &name, content, |rollup| {
            write_rows(file, rollup, content.fields, content.effort, rows)
        })?;
        Ok::<_, DataFileError>((count, series, file.metadata()?.len(), rollup))
    })?;
    let table = match content.shape {
        Shape::Value => None,
        Shape::Table(table) => Some(table.0),
    };
    Ok(DataFile {
        name,
        table,
        sequence: content.sequence,
        rows: count,
        bytes,
        time: content.time,
        series,
        late: content.late,
        rollup,
        is_rolled_up: false,
        clean: content.clean,
        trimmed: 0,
    })
}

/// Has `write` write the rollup of the file `name` on the way, if one is wanted.
fn write_beside<T>(
    layout: &Layout,
    name: &str,
    content: &Content<'_>,
    write: impl FnOnce(Option<rollup::build::Writer<'_>>) -> Result<(T, Option<Rollup>), DataFileError>,
) -> Result<(T, Option<Rollup>), DataFileError> {
    let says_nothing =
        || matches!(content.rollup, Wanted::WhenWorth { .. }) && !content.fields.iter().any(rollup::is_numeric);
    if content.rollup == Wanted::Never || says_nothing() {
        return write(None);
    }
    let path = layout.data().join(rollup::file_name(name));
    let (written, rollup) = write_durably(&path, |file| {
        let handle = file.try_clone()?;
        let writer = rollup::build::Writer::new(content.rollup, content.fields, content.effort, file)?;
        let (written, rollup) = write(Some(writer))?;
        let bytes = handle.metadata()?.len();
        Ok::<_, DataFileError>((written, rollup.map(|rollup| Rollup { bytes, ..rollup })))
    })?;
    if rollup.is_none() {
        fs::remove_file(path)?;
    }
    Ok((written, rollup))
}

/// Writes the rollup of the file `name`, whose rows these are.
pub(crate) fn write_rollup(
    layout: &Layout,
    name: &str,
    fields: &[Field],
    rows: Batches,
) -> Result<Rollup, DataFileError> {
    let path = layout.data().join(rollup::file_name(name));
    write_durably(&path, |file| {
        let handle = file.try_clone()?;
        let mut writer = rollup::build::Writer::new(Wanted::Always, fields, Effort::Lasting, file)?;
        for rows in rows {
            writer.add(&rows?)?;
        }
        let rollup = writer.finish()?.unwrap_or_default();
        Ok(Rollup { bytes: handle.metadata()?.len(), ..rollup })
    })
}

/// Writes what `shown` leaves of the rollup of the file `from` as that of the file `to`: how many bins, and bytes.
pub(crate) fn copy_rollup(
    layout: &Layout,
    (from, to): (&str, &str),
    shown: impl FnOnce(Batches) -> Batches,
) -> Result<(u64, u64), DataFileError> {
    let [from, to] = [from, to].map(|name| layout.data().join(rollup::file_name(name)));
    let bins = ParquetRecordBatchReaderBuilder::try_new(File::open(from)?)?.build()?;
    write_durably(&to, |file| {
        let handle = file.try_clone()?;
        let mut writer =
            ArrowWriter::try_new(file, bins.schema(), Some(rollup::build::rollup_properties(Effort::Lasting)?))?;
        let mut count = 0;
        for bins in shown(Box::new(bins)) {
            let bins = bins?;
            count += bins.num_rows() as u64;
            writer.write(&bins)?;
        }
        writer.close()?;
        Ok((count, handle.metadata()?.len()))
    })
}

type Keys = (u64, (u32, u32));

fn write_rows(
    file: &mut File,
    mut rollup: Option<rollup::build::Writer<'_>>,
    fields: &[Field],
    effort: Effort,
    rows: Batches,
) -> Result<(Keys, Option<Rollup>), DataFileError> {
    let mut writer = ArrowWriter::try_new(file, physical_schema(fields), Some(properties(fields, effort)?))?;
    let (mut count, mut range) = (0, (u32::MAX, u32::MIN));
    for batch in rows {
        let batch: RecordBatch = batch?;
        let series = batch.column(SERIES_COLUMN).as_primitive::<UInt32Type>().values();
        if let (Some(first), Some(last)) = (series.first(), series.last()) {
            range = (range.0.min(*first), range.1.max(*last));
        }
        debug_assert_eq!(batch.column(TIME_COLUMN).as_primitive::<Int64Type>().len(), series.len());
        count += batch.num_rows() as u64;
        writer.write(&batch)?;
        let is_worth = rollup.as_mut().map(|rollup| rollup.add(&batch)).transpose()?;
        rollup = rollup.filter(|_| is_worth == Some(true));
    }
    writer.close()?;
    let rollup = rollup.map(rollup::build::Writer::finish).transpose()?.flatten();
    Ok(((count, range), rollup))
}

/// Statistics on the keys only: NaN has no place in a minimum, and nobody prunes by fields. Of texts those of
/// row groups, for how long they are together.
pub(crate) fn properties(fields: &[Field], effort: Effort) -> Result<WriterProperties, ParquetError> {
    let (series, time) = (ColumnPath::from("series"), ColumnPath::from("time"));
    let sorting = [SERIES_COLUMN, TIME_COLUMN].map(|column| SortingColumn {
        column_idx: column as i32,
        descending: false,
        nulls_first: false,
    });
    let texts = fields.iter().filter(|field| field.kind == FieldType::Text);
    let properties = texts.fold(WriterProperties::builder(), |properties, field| {
        properties.set_column_statistics_enabled(ColumnPath::from(field.physical_name()), EnabledStatistics::Chunk)
    });
    let properties = properties
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(effort.zstd_level())?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(series, EnabledStatistics::Page)
        .set_column_statistics_enabled(time.clone(), EnabledStatistics::Page)
        .set_column_dictionary_enabled(time.clone(), false)
        .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED)
        .set_sorting_columns(Some(sorting.to_vec()));
    Ok(properties.build())
}
