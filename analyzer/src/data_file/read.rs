//! Reading a data file: row groups and pages without a wanted row are not touched.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt64Array, new_null_array},
    compute::concat_batches,
    datatypes::{Int64Type, SchemaRef, UInt32Type},
    error::ArrowError,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
            statistics::StatisticsConverter,
        },
    },
    errors::ParquetError,
};

use super::{
    Selection, Unreadable,
    cache::{FileCache, Opened},
    select::{normalized, selected},
};
use crate::{
    fields::{Field, physical_schema},
    merge::{BATCH_ROWS, Batches},
};

/// A row group of which at least this part of the rows was in wanted pages, of this query and those before it, is
/// decoded whole, and kept: reading it page by page costs up to twice as much for each row, and small tables have their
/// rows in the same row groups.
const WHOLE_PART: usize = 4;

/// What of a row group is decoded at once, and kept, at most: 128 Ki rows of 32 numbers. Of longer texts there is
/// less at a time, so that eight queries on two threads each hold 512 MiB at worst.
const WHOLE_BYTES_MAX: usize = 32 << 20;

/// A file to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) folder: &'a Path,
    /// Its name in the folder.
    pub(crate) name: &'a str,
}

/// The selected rows of a file, with exactly `fields`; a field that the file lacks is null. What is decoded
/// is kept in `cache`, if there is one.
///
/// # Errors
/// [`Unreadable`], here or in the place of rows.
pub(crate) fn read(
    place: Place<'_>,
    fields: &[Field],
    selection: &Selection,
    cache: Option<&Arc<FileCache>>,
) -> Result<Batches, ArrowError> {
    let path = place.folder.join(place.name);
    let open = || {
        let opened = match cache {
            Some(cache) => cache.open(place.name, &path)?,
            None => Arc::new(Opened::read(&path)?),
        };
        Ok::<_, ParquetError>((opened, File::open(&path)?))
    };
    let (opened, file) = open().map_err(|error| {
        if let Some(cache) = cache {
            cache.note_unreadable(place.name);
        }
        // The end of the file says what is in it.
        let offset = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        Unreadable { file: path.clone(), offset, reason: error.into() }
    })?;
    let groups = 0..opened.groups.len();
    let reading = Arc::new(Reading {
        file,
        path,
        name: place.name.to_owned(),
        schema: physical_schema(fields),
        opened,
        selection: selection.clone(),
        cache: cache.map(Arc::clone),
    });
    Ok(Box::new(groups.flat_map(move |group| reading.batches(group))))
}

/// A file being read.
struct Reading {
    file: File,
    path: PathBuf,
    name: String,
    opened: Arc<Opened>,
    schema: SchemaRef,
    selection: Selection,
    cache: Option<Arc<FileCache>>,
}

impl Reading {
    /// The selected rows of a row group, or what is wrong with it.
    fn batches(self: &Arc<Self>, group: usize) -> Batches {
        let rows = self.group(group);
        let rows = rows.unwrap_or_else(|error| Box::new(std::iter::once(Err(ArrowError::from(error)))));
        let reading = Arc::clone(self);
        Box::new(rows.map(move |rows| rows.map_err(|error| reading.unreadable(group, error).into())))
    }

    fn unreadable(&self, group: usize, reason: ArrowError) -> Unreadable {
        if let Some(cache) = &self.cache {
            cache.note_unreadable(&self.name);
        }
        let columns = self.opened.metadata.metadata().row_group(group).columns();
        let offset = columns.iter().map(|column| column.byte_range().0).min().unwrap_or_default();
        Unreadable { file: self.path.clone(), offset, reason }
    }

    /// The selected rows of a row group.
    fn group(&self, group: usize) -> Result<Batches, ParquetError> {
        let selection = self.selection.now();
        if !self.opened.groups.wanted(group, &selection) {
            return Ok(Box::new(std::iter::empty()));
        }
        let kept = self.kept(group);
        let is_whole =
            kept.iter().zip(self.schema.fields()).all(|(kept, field)| kept.is_some() || !self.has(field.name()));
        if self.cache.is_some() && is_whole {
            return self.whole(group, kept, &selection);
        }
        let pages = select_pages(&self.opened.metadata, group, &selection)?;
        let rows = self.opened.metadata.metadata().row_group(group).num_rows() as usize;
        let bytes = self.decoded_bytes(group);
        let read = pages.as_ref().map_or(rows, RowSelection::row_count);
        let is_most = |cache: &Arc<FileCache>| {
            bytes <= WHOLE_BYTES_MAX && cache.note_read(&self.name, group, read) * WHOLE_PART >= rows
        };
        if self.cache.as_ref().is_some_and(is_most) {
            let columns = self.decode(group, rows, kept)?;
            self.cache.iter().for_each(|cache| cache.forget_read(&self.name, group));
            return self.whole(group, columns, &selection);
        }
        let schema = SchemaRef::clone(&self.schema);
        let batch_rows = (WHOLE_BYTES_MAX / (bytes / rows.max(1)).max(1)).clamp(1, BATCH_ROWS);
        let batches = self.reader(group, |name| self.schema.index_of(name).is_ok(), batch_rows, pages)?;
        let batches = batches.map(move |batch| Ok(selected(normalized(&batch?, &schema)?, &selection)));
        let batches = batches.map(|rows: Result<Batches, ArrowError>| {
            rows.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
        });
        Ok(Box::new(batches.flatten()))
    }

    /// What the wanted columns of a row group take when they are decoded, about.
    fn decoded_bytes(&self, group: usize) -> usize {
        let group = self.opened.metadata.metadata().row_group(group);
        let wanted = group
            .columns()
            .iter()
            .filter(|column| self.schema.index_of(column.column_path().string().as_str()).is_ok());
        let texts = wanted.clone().filter_map(|column| column.unencoded_byte_array_data_bytes());
        let texts = texts.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)).fold(0, usize::saturating_add);
        texts.saturating_add(wanted.count() * group.num_rows() as usize * size_of::<u64>())
    }

    /// Per wanted column what is kept of a row group.
    fn kept(&self, group: usize) -> Vec<Option<ArrayRef>> {
        let kept = |name: &String| self.cache.as_ref()?.column(&self.name, group, name);
        self.schema.fields().iter().map(|field| kept(field.name())).collect()
    }

    fn has(&self, column: &str) -> bool {
        self.opened.metadata.schema().index_of(column).is_ok()
    }

    /// Decodes, and keeps, what of a row group is not kept yet.
    fn decode(
        &self,
        group: usize,
        rows: usize,
        mut columns: Vec<Option<ArrayRef>>,
    ) -> Result<Vec<Option<ArrayRef>>, ParquetError> {
        let missing = |name: &str| self.schema.index_of(name).is_ok_and(|index| columns[index].is_none());
        let batches = self.reader(group, missing, rows, None)?.collect::<Result<Vec<_>, _>>()?;
        let Some(first) = batches.first() else { return Ok(columns) };
        let decoded = concat_batches(&first.schema(), &batches)?;
        for (field, values) in first.schema().fields().iter().zip(decoded.columns()) {
            if let Some(cache) = &self.cache {
                cache.keep(&self.name, group, field.name(), values);
            }
            if let Ok(index) = self.schema.index_of(field.name()) {
                columns[index] = Some(ArrayRef::clone(values));
            }
        }
        Ok(columns)
    }

    /// The selected rows of a whole row group.
    fn whole(
        &self,
        group: usize,
        columns: Vec<Option<ArrayRef>>,
        selection: &Selection,
    ) -> Result<Batches, ParquetError> {
        let rows = self.opened.metadata.metadata().row_group(group).num_rows() as usize;
        let columns = columns.into_iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| column.unwrap_or_else(|| new_null_array(field.data_type(), rows)));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns.collect(), &options)?;
        Ok(selected(batch, selection))
    }

    fn reader(
        &self,
        group: usize,
        wanted: impl Fn(&str) -> bool,
        batch_rows: usize,
        pages: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, ParquetError> {
        let metadata = self.opened.metadata.clone();
        let columns = metadata.schema().fields().iter().enumerate();
        let columns: Vec<usize> = columns.filter(|(_, field)| wanted(field.name())).map(|(index, _)| index).collect();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.try_clone()?, metadata);
        let builder = builder.with_projection(mask).with_batch_size(batch_rows).with_row_groups(vec![group]);
        match pages {
            Some(pages) => builder.with_row_selection(pages).build(),
            None => builder.build(),
        }
    }
}

fn statistics<'a>(metadata: &'a ArrowReaderMetadata, column: &'a str) -> Result<StatisticsConverter<'a>, ParquetError> {
    StatisticsConverter::try_new(column, metadata.schema(), metadata.parquet_schema())
}

/// Skips pages of the key columns. Pages of `series` and `time` have the same rows: both columns are
/// cut after the same number of rows, and their values have one size. Where they do not, the whole
/// row group is read.
fn select_pages(
    metadata: &ArrowReaderMetadata,
    group: usize,
    selection: &Selection,
) -> Result<Option<RowSelection>, ParquetError> {
    let (series, time) = (statistics(metadata, "series")?, statistics(metadata, "time")?);
    let metadata = metadata.metadata();
    let (Some(columns), Some(offsets)) = (metadata.column_index(), metadata.offset_index()) else { return Ok(None) };
    let groups = &[group];
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
#[derive(Debug)]
pub(crate) struct Bounds {
    series: [ArrayRef; 2],
    time: [ArrayRef; 2],
}

impl Bounds {
    fn new(series: [ArrayRef; 2], time: [ArrayRef; 2]) -> Self {
        Self { series, time }
    }

    /// Of a file's row groups.
    pub(super) fn of_groups(metadata: &ArrowReaderMetadata) -> Result<Self, ParquetError> {
        let (series, time) = (statistics(metadata, "series")?, statistics(metadata, "time")?);
        let groups = metadata.metadata().row_groups();
        Ok(Self::new(
            [series.row_group_mins(groups)?, series.row_group_maxes(groups)?],
            [time.row_group_mins(groups)?, time.row_group_maxes(groups)?],
        ))
    }

    fn len(&self) -> usize {
        self.series[0].len()
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
