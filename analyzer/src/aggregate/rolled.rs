//! Folding rollups in the place of rows.

use std::sync::Arc;

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{DataType, Float64Type, Int64Type},
};
use datafusion::error::Result;

use super::{
    call::{Argument, Call, Folded, Found, Function, Sums},
    grid::{Grid, Segment},
};
use crate::{
    data_file::{
        DataFile, Selection,
        read::{Place, read},
    },
    deletion::Mask,
    fields::{Field, KEY_COLUMNS},
    merge::Batches,
    rollup::{self, BIN_NANOS, Part, build::start_of},
    scan::{
        rows::Reader,
        sources::{Cluster, Source},
    },
    time_range::TimeRange,
};

/// Bins that are worth opening another file.
const BINS_MIN: i64 = 2;

/// A part of a cluster.
pub(super) enum Piece {
    /// Rows of these times.
    Rows(Selection),
    /// Bins of this file that begin at these times, but for what is hidden.
    Bins(Arc<DataFile>, Mask, Selection),
}

/// How calls are answered from rollups.
#[derive(Debug)]
pub(super) struct Rolled {
    /// What is read of a rollup.
    fields: Vec<Field>,
    /// Per call, which of `fields` it needs.
    calls: Vec<Columns>,
    /// Names of fields that calls are of.
    of: Vec<String>,
}

/// Columns of a rollup that a call needs.
#[derive(Debug)]
struct Columns {
    count: usize,
    value: Option<usize>,
    time: Option<usize>,
}

impl Rolled {
    /// `None` when rollups do not say enough.
    pub(super) fn new(calls: &[Call], grid: &Grid, reader: &Reader) -> Option<Self> {
        if !grid.is_of_whole(BIN_NANOS) || !reader.filters.is_empty() {
            return None;
        }
        let (mut fields, mut of) = (vec![rollup::rows_field()], Vec::new());
        let calls = calls.iter().map(|call| columns(*call, reader, (&mut fields, &mut of)));
        let calls = calls.collect::<Option<_>>()?;
        Some(Self { fields, calls, of })
    }

    /// Whether a cluster is a file with a rollup that says enough.
    fn file<'a>(&self, cluster: &'a Cluster) -> Option<(&'a Arc<DataFile>, &'a Mask)> {
        let [Source::File(file, mask)] = &cluster.0[..] else { return None };
        let rollup = file.rollup.as_ref()?;
        // Of deleted rows a bin tells too much; where there are no rows any more, such bins are left out.
        let is_exact = mask.is_empty() || file.is_rolled_up;
        (is_exact && !self.of.iter().any(|field| rollup.lacks.contains(field))).then_some((file, mask))
    }

    /// How many files are read by their rollups.
    pub(super) fn files(&self, reader: &Reader) -> usize {
        let Some(selection) = reader.partitions.first() else { return 0 };
        let is_rolled =
            |cluster: &&Cluster| self.pieces(cluster, selection).iter().any(|piece| matches!(piece, Piece::Bins(..)));
        reader.clusters.iter().filter(is_rolled).count()
    }

    /// What to read of a cluster: bins where they are whole, rows at the ends.
    pub(super) fn pieces(&self, cluster: &Cluster, selection: &Selection) -> Vec<Piece> {
        let all = || vec![Piece::Rows(selection.clone())];
        let Some((file, mask)) = self.file(cluster) else { return all() };
        let Some(whole) = whole_bins(file.time, selection.time) else { return all() };
        let of = |time: TimeRange| Selection { time, ..selection.clone() };
        let mut pieces = vec![Piece::Bins(Arc::clone(file), mask.of_bins(), of(whole))];
        let before = TimeRange { min: selection.time.min, max: whole.min.saturating_sub(1) };
        let after = TimeRange { min: whole.max.saturating_add(1), max: selection.time.max };
        for ends in [before, after] {
            if ends.overlaps(file.time) {
                pieces.push(Piece::Rows(of(ends)));
            }
        }
        pieces
    }

    /// The selected bins of a file.
    pub(super) fn bins(
        &self,
        reader: &Reader,
        (file, mask): (&DataFile, &Mask),
        selection: &Selection,
    ) -> Result<Batches> {
        let name = rollup::file_name(&file.name);
        let place = Place { folder: &reader.files.folder, name: &name };
        Ok(mask.shown(read(place, &self.fields, selection, Some(&reader.files.cache))?))
    }

    /// Folds bins into cells: the count of rows, and each call.
    pub(super) fn fold(&self, bins: &RecordBatch, segments: &[Segment], (rows, calls): (&mut Folded, &mut [Folded])) {
        let integers = |field: usize| &bins.column(KEY_COLUMNS + field).as_primitive::<Int64Type>().values()[..];
        let pairs = || segments.iter().flat_map(|part| (part.start..part.end).map(|row| (part.cell, row)));
        rows.combine(&Found { counts: integers(0), values: Sums::None, times: &[] }, pairs());
        for (call, columns) in calls.iter_mut().zip(&self.calls) {
            let values = columns.value.map_or(Sums::None, |value| {
                let column = bins.column(KEY_COLUMNS + value);
                match column.data_type() {
                    DataType::Float64 => Sums::F64(column.as_primitive::<Float64Type>().values()),
                    _ => Sums::I64(column.as_primitive::<Int64Type>().values()),
                }
            });
            let times = columns.time.map_or(&[][..], integers);
            call.combine(&Found { counts: integers(columns.count), values, times }, pairs());
        }
    }
}

/// What a call needs; it is added to `fields`, and the field that it is of to `of`.
fn columns(call: Call, reader: &Reader, (fields, of): (&mut Vec<Field>, &mut Vec<String>)) -> Option<Columns> {
    let part = match (call.function, call.argument) {
        (Function::Count, Argument::Rows) => return Some(Columns { count: 0, value: None, time: None }),
        (_, Argument::Rows | Argument::Time) => return None,
        (Function::Count, _) => None,
        (Function::Min, _) => Some(Part::Min),
        (Function::Max, _) => Some(Part::Max),
        (Function::Sum | Function::Avg, _) => Some(Part::Sum),
        (Function::Last, _) => Some(Part::Last),
    };
    let (Argument::F64(column) | Argument::I64(column) | Argument::Widened(column) | Argument::Any(column)) =
        call.argument
    else {
        return None;
    };
    let field = reader.fields.get(column.checked_sub(KEY_COLUMNS)?).filter(|field| rollup::is_numeric(field))?;
    of.push(field.name.to_string());
    let mut place = |part: Part| {
        let wanted = part.of(field);
        fields.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            fields.push(wanted);
            fields.len() - 1
        })
    };
    let time = (part == Some(Part::Last)).then(|| place(Part::LastTime));
    Some(Columns { count: place(Part::Count), value: part.map(place), time })
}

/// When bins begin that are wholly within `wanted`, as far as the file has rows; `None` when they are too few.
fn whole_bins(file: TimeRange, wanted: TimeRange) -> Option<TimeRange> {
    let min =
        if wanted.min <= file.min { start_of(file.min) } else { start_of(wanted.min.checked_add(BIN_NANOS - 1)?) };
    // The first bin that is not whole, or has no rows.
    let end = if wanted.max >= file.max {
        start_of(file.max).checked_add(BIN_NANOS)?
    } else {
        start_of(wanted.max.checked_add(1)?)
    };
    (end.checked_sub(min)? >= BINS_MIN * BIN_NANOS).then_some(TimeRange { min, max: end - 1 })
}
