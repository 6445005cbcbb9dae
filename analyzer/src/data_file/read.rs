//! Reading a data file: row groups and pages without a wanted row are not touched.

use std::{fs::File, path::Path};

use arrow::{
    array::{ArrayRef, AsArray, UInt64Array},
    datatypes::{Int64Type, UInt32Type},
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
            statistics::StatisticsConverter,
        },
    },
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaData},
};

use super::{
    Selection,
    select::{normalized, selected},
};
use crate::{
    fields::{Field, physical_schema},
    merge::{BATCH_ROWS, Batches},
};

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// The selected rows of the file at `path`, with exactly `fields`; a field that the file lacks is null.
pub(crate) fn read(path: &Path, fields: &[Field], selection: &Selection) -> Result<Batches, ParquetError> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let builder = Builder::try_new_with_options(File::open(path)?, options)?;
    let wanted = physical_schema(fields);
    let names: Vec<&str> = wanted.fields().iter().map(|field| field.name().as_str()).collect();
    let columns = builder.schema().fields().iter().enumerate();
    let columns = columns.filter(|(_, field)| names.contains(&field.name().as_str())).map(|(index, _)| index);
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let (groups, rows) = prune(&builder, selection)?;
    let mut builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS).with_row_groups(groups);
    if let Some(rows) = rows {
        builder = builder.with_row_selection(rows);
    }
    let selection = selection.clone();
    let batches = builder.build()?.flat_map(move |batch| match batch.and_then(|batch| normalized(&batch, &wanted)) {
        Ok(batch) => selected(batch, &selection),
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    Ok(Box::new(batches))
}

/// Row groups with wanted rows, and of those the pages, when the file has a page index.
fn prune(builder: &Builder, selection: &Selection) -> Result<(Vec<usize>, Option<RowSelection>), ParquetError> {
    let metadata = builder.metadata();
    let groups = metadata.row_groups();
    let (series, time) = (statistics(builder, "series")?, statistics(builder, "time")?);
    let bounds = Bounds::new(
        [series.row_group_mins(groups)?, series.row_group_maxes(groups)?],
        [time.row_group_mins(groups)?, time.row_group_maxes(groups)?],
    );
    let wanted: Vec<usize> = (0..groups.len()).filter(|group| bounds.wanted(*group, selection)).collect();
    let pages = select_pages(metadata, &wanted, (&series, &time), selection)?;
    Ok((wanted, pages))
}

fn statistics<'a>(builder: &'a Builder, column: &'a str) -> Result<StatisticsConverter<'a>, ParquetError> {
    StatisticsConverter::try_new(column, builder.schema(), builder.parquet_schema())
}

/// Skips pages of the key columns. Pages of `series` and `time` have the same rows: both columns are
/// cut after the same number of rows, and their values have one size. Where they do not, everything
/// in the row groups is read.
fn select_pages(
    metadata: &ParquetMetaData,
    groups: &[usize],
    (series, time): (&StatisticsConverter<'_>, &StatisticsConverter<'_>),
    selection: &Selection,
) -> Result<Option<RowSelection>, ParquetError> {
    let (Some(columns), Some(offsets)) = (metadata.column_index(), metadata.offset_index()) else { return Ok(None) };
    let rows = series.data_page_row_counts(offsets, metadata.row_groups(), groups)?;
    let time_rows = time.data_page_row_counts(offsets, metadata.row_groups(), groups)?;
    let Some(rows) = rows.filter(|rows| Some(rows) == time_rows.as_ref()) else { return Ok(None) };
    let bounds = Bounds::new(
        [series.data_page_mins(columns, offsets, groups)?, series.data_page_maxes(columns, offsets, groups)?],
        [time.data_page_mins(columns, offsets, groups)?, time.data_page_maxes(columns, offsets, groups)?],
    );
    Ok(Some(selectors(&rows, |page| bounds.wanted(page, selection))))
}

fn selectors(rows: &UInt64Array, wanted: impl Fn(usize) -> bool) -> RowSelection {
    let pages = rows.values().iter().enumerate();
    let selectors = pages.map(|(page, rows)| RowSelector { row_count: *rows as usize, skip: !wanted(page) });
    selectors.collect::<Vec<_>>().into()
}

/// Smallest and largest keys of row groups or pages.
struct Bounds {
    series: [ArrayRef; 2],
    time: [ArrayRef; 2],
}

impl Bounds {
    fn new(series: [ArrayRef; 2], time: [ArrayRef; 2]) -> Self {
        Self { series, time }
    }

    /// Whether row group or page `index` can have wanted rows; one without statistics can.
    fn wanted(&self, index: usize, selection: &Selection) -> bool {
        if self.series.iter().chain(&self.time).any(|bound| bound.is_null(index)) {
            return true;
        }
        let [first, last] = self.series.each_ref().map(|bound| bound.as_primitive::<UInt32Type>().value(index));
        let [min, max] = self.time.each_ref().map(|bound| bound.as_primitive::<Int64Type>().value(index));
        min <= selection.time.max && selection.time.min <= max && selection.wants_series(first, last)
    }
}
