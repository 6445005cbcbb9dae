//! One sample of a series, and samples out of columns.

use std::cmp::Ordering;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray},
    datatypes::{Float64Type, TimestampNanosecondType},
};

/// How far apart times are that differ by one.
const NANOSECONDS: f64 = 1e-9;

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Nanoseconds since the epoch.
    pub(super) time: i64,
    pub(super) value: f64,
}

impl Sample {
    /// By time; of one time the larger value comes later, so that the order of rows never matters.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.time.cmp(&other.time).then_with(|| self.value.total_cmp(&other.value))
    }

    /// Whether nothing of `other` comes before this.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.order(other) != Ordering::Greater
    }

    /// From this one to `other`.
    pub(super) fn seconds_to(&self, other: &Self) -> f64 {
        seconds(other.time, self.time)
    }

    pub(super) fn words(&self) -> [i64; 2] {
        [self.time, word(self.value)]
    }

    pub(super) fn of_words([time, value]: [i64; 2]) -> Self {
        Self { time, value: float(value) }
    }
}

/// The seconds of `time` after `since`.
pub(super) fn seconds(time: i64, since: i64) -> f64 {
    (i128::from(time) - i128::from(since)) as f64 * NANOSECONDS
}

/// A float as states are handed on: its bits.
pub(super) fn word(value: f64) -> i64 {
    value.to_bits().cast_signed()
}

pub(super) fn float(word: i64) -> f64 {
    f64::from_bits(word.cast_unsigned())
}

/// Columns of values and times.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    values: &'a ArrayRef,
    times: &'a ArrayRef,
    filter: Option<&'a BooleanArray>,
}

impl<'a> Samples<'a> {
    /// Of the arguments `value, time` of a function, turned into float and nanoseconds.
    pub(super) fn new(columns: &'a [ArrayRef], filter: Option<&'a BooleanArray>) -> Self {
        Self { values: &columns[0], times: &columns[1], filter }
    }

    pub(super) fn rows(&self) -> usize {
        self.values.len()
    }

    /// Adds the samples of some rows to `out`.
    pub(super) fn read(&self, rows: std::ops::Range<usize>, out: &mut Vec<Sample>) {
        let values = self.values.as_primitive::<Float64Type>();
        let times = self.times.as_primitive::<TimestampNanosecondType>();
        let sample = |row: usize| Sample { time: times.values()[row], value: values.values()[row] };
        if values.null_count() == 0 && times.null_count() == 0 && self.filter.is_none() {
            out.extend(rows.map(sample));
            return;
        }
        let is_wanted = |filter: &BooleanArray, row| filter.is_valid(row) && filter.value(row);
        let is_sample = |row: &usize| {
            values.is_valid(*row) && times.is_valid(*row) && self.filter.is_none_or(|filter| is_wanted(filter, *row))
        };
        out.extend(rows.filter(is_sample).map(sample));
    }
}
