//! The cells that rows are folded into: one for each combination of labels and bin of time.

use std::{collections::HashMap, sync::Arc};

use arrow::array::{ArrayRef, RecordBatch, TimestampNanosecondArray};
use datafusion::error::Result;

use crate::{
    scan::{choose::LabelColumn, emit::Emitter},
    time_range::TimeRange,
};

/// Bins of time of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    /// Nanoseconds; above zero.
    pub(super) nanos: i64,
    /// Where some bin begins.
    pub(super) origin: i64,
}

/// Bins that all rows of a scan fall into.
#[derive(Clone, Copy, Debug)]
struct Bins {
    first: i64,
    nanos: i64,
    count: usize,
}

impl Bins {
    /// Over `time`. `None` when its ends are too far apart.
    fn over(width: Option<Width>, time: TimeRange) -> Option<Self> {
        let Some(Width { nanos, origin }) = width else {
            return Some(Self { first: i64::MIN, nanos: i64::MAX, count: 1 });
        };
        let first = origin.checked_add(time.min.checked_sub(origin)?.div_euclid(nanos).checked_mul(nanos)?)?;
        let count = usize::try_from(time.max.checked_sub(first)?.div_euclid(nanos)).ok()?.checked_add(1)?;
        Some(Self { first, nanos, count })
    }

    /// The bin of a time, and where it ends.
    fn at(self, time: i64) -> (usize, i64) {
        if self.count == 1 {
            return (0, i64::MAX);
        }
        let bin = (time - self.first) / self.nanos;
        (bin as usize, self.first.saturating_add((bin + 1).saturating_mul(self.nanos)))
    }
}

/// What a group is told apart by, in the order of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The label in this place of the grid's labels.
    Label(usize),
    Bin,
}

/// All cells of an aggregation.
#[derive(Debug)]
pub(super) struct Grid {
    keys: Vec<Key>,
    /// Output columns of the scan that are grouped by.
    labels: Vec<usize>,
    /// Per series of the scan: which combination of labels it has.
    group_of: Vec<u32>,
    /// Per combination a series that has it.
    example: Vec<usize>,
    bins: Bins,
}

/// Rows of one cell: from, to.
pub(crate) struct Segment {
    pub(crate) cell: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Grid {
    /// By the output columns `labels` of a scan, and by time. `None` with more than `cells_max` cells.
    pub(super) fn new(
        emitter: &Emitter,
        labels: Vec<usize>,
        width: Option<Width>,
        keys: Vec<Key>,
        time: TimeRange,
        cells_max: usize,
    ) -> Option<Self> {
        let columns: Vec<&LabelColumn> = labels.iter().filter_map(|column| emitter.label(*column)).collect();
        let (group_of, example) = groups(&columns, emitter.ids.len());
        let bins = Bins::over(width, time)?;
        let grid = Self { keys, labels, group_of, example, bins };
        grid.example.len().checked_mul(bins.count).is_some_and(|cells| cells <= cells_max).then_some(grid)
    }

    pub(super) fn cells(&self) -> usize {
        self.example.len() * self.bins.count
    }

    /// Whether bins of `nanos`, the first of which began at 0, are each within one of its own.
    pub(super) fn is_of_whole(&self, nanos: i64) -> bool {
        self.is_timeless() || self.bins.nanos % nanos == 0 && self.bins.first % nanos == 0
    }

    /// Whether time does not tell groups apart.
    pub(super) fn is_timeless(&self) -> bool {
        !self.keys.contains(&Key::Bin)
    }

    /// The cell of a series (its place among those of the scan), when time does not tell groups apart.
    pub(super) fn cell(&self, series: usize) -> usize {
        self.group_of[series] as usize * self.bins.count
    }

    /// Whether there is one group, which is there also without any row.
    pub(super) fn is_whole(&self) -> bool {
        self.keys.is_empty()
    }

    /// Cuts a run of rows of one series (its place among those of the scan) at the borders of bins.
    pub(super) fn cut(&self, series: usize, time: &[i64], start: usize, into: &mut Vec<Segment>) {
        let base = self.group_of[series] as usize * self.bins.count;
        let mut from = 0;
        while from < time.len() {
            let (bin, end_time) = self.bins.at(time[from]);
            let to = if time[time.len() - 1] < end_time {
                time.len()
            } else {
                from + time[from..].partition_point(|time| *time < end_time)
            };
            into.push(Segment { cell: base + bin, start: start + from, end: start + to });
            from = to;
        }
    }

    /// The columns that say which group each of `cells` is.
    pub(super) fn columns(&self, emitter: &Emitter, cells: &[usize]) -> Result<Vec<ArrayRef>> {
        let count = self.bins.count;
        let columns = self.keys.iter().map(|key| -> Result<ArrayRef> {
            match key {
                Key::Bin => {
                    let start = |cell: &usize| self.bins.first + (cell % count) as i64 * self.bins.nanos;
                    let times = TimestampNanosecondArray::from_iter_values(cells.iter().map(start));
                    Ok(Arc::new(times.with_timezone("UTC")))
                }
                Key::Label(place) => {
                    let label = emitter.label(self.labels[*place]);
                    let label = label.ok_or_else(|| internal("a label that is grouped by is gone"))?;
                    label.array(cells.iter().map(|cell| label.keys[self.example[cell / count]]).collect())
                }
            }
        });
        columns.collect()
    }
}

/// Per series which combination of values it has, and per combination the first series that has it.
fn groups(columns: &[&LabelColumn], series: usize) -> (Vec<u32>, Vec<usize>) {
    let Some((first, others)) = columns.split_first() else { return (vec![0; series], vec![0]) };
    let mut group_of: Vec<u32> = first.keys.iter().map(|key| *key as u32).collect();
    let mut count = first.count();
    for column in others {
        let mut known = HashMap::new();
        for (group, key) in group_of.iter_mut().zip(&column.keys) {
            let next = known.len() as u32;
            *group = *known.entry((u64::from(*group) << u32::BITS) | *key as u64).or_insert(next);
        }
        count = known.len();
    }
    let mut example = vec![usize::MAX; count];
    for (series, group) in group_of.iter().enumerate().rev() {
        example[*group as usize] = series;
    }
    (group_of, example)
}

fn internal(what: &str) -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::Internal(what.to_owned())
}

/// The segments of a batch of stored rows.
pub(super) fn segments(grid: &Grid, emitter: &Emitter, rows: &RecordBatch, times: &[i64]) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut start = 0;
    for (series, length) in emitter.runs(rows)? {
        grid.cut(series, &times[start..start + length], start, &mut segments);
        start += length;
    }
    Ok(segments)
}
