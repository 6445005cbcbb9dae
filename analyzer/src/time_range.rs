//! Closed ranges of time.

use serde::{Deserialize, Serialize};

/// From `min` to `max`, both included, in nanoseconds since the epoch. Written as `[min, max]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64)", into = "(i64, i64)")]
pub(crate) struct TimeRange {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl TimeRange {
    /// All of time.
    pub(crate) const ALL: Self = Self { min: i64::MIN, max: i64::MAX };

    pub(crate) fn at(time: i64) -> Self {
        Self { min: time, max: time }
    }

    /// The smallest range over all `times`.
    pub(crate) fn over(times: &[i64]) -> Option<Self> {
        Some(Self { min: *times.iter().min()?, max: *times.iter().max()? })
    }

    pub(crate) fn is_empty(self) -> bool {
        self.min > self.max
    }

    pub(crate) fn contains(self, time: i64) -> bool {
        self.min <= time && time <= self.max
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }

    /// `range` widened by `time`.
    pub(crate) fn widen(range: &mut Option<Self>, time: i64) {
        *range = Some(range.map_or(Self::at(time), |range| range.join(Self::at(time))));
    }
}

impl From<(i64, i64)> for TimeRange {
    fn from((min, max): (i64, i64)) -> Self {
        Self { min, max }
    }
}

impl From<TimeRange> for (i64, i64) {
    fn from(range: TimeRange) -> Self {
        (range.min, range.max)
    }
}
