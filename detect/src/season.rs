//! Seasons: what repeats, cut into buckets.

use std::time::Duration;

use weir_model::time::UnixNanos;

/// Buckets of a season at most: a week of minutes is 10,080.
pub const BUCKETS_MAX: u32 = 1 << 14;

/// A period that begins anew at each multiple since 1970-01-01T00:00:00Z, cut into equal buckets.
/// Days begin at midnight UTC; where people change their clocks the season shifts by an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Season {
    period_ns: i64,
    buckets: u32,
}

impl Season {
    /// A day of quarters of an hour.
    pub const DAY: Self = Self { period_ns: 86_400_000_000_000, buckets: 96 };

    /// A week of hours. It begins on a Thursday, as the epoch did.
    pub const WEEK: Self = Self { period_ns: 7 * 86_400_000_000_000, buckets: 168 };

    /// `period` cut into `buckets`; `None` when either is zero or too large, or a bucket is shorter
    /// than a nanosecond.
    pub fn new(period: Duration, buckets: u32) -> Option<Self> {
        let period_ns = i64::try_from(period.as_nanos()).ok()?;
        let sane = (1..=BUCKETS_MAX).contains(&buckets) && period_ns >= i64::from(buckets);
        sane.then_some(Self { period_ns, buckets })
    }

    /// How many buckets it has.
    pub fn buckets(self) -> usize {
        self.buckets as usize
    }

    /// Which repetition `at` falls into.
    pub fn cycle(self, at: UnixNanos) -> i64 {
        at.0.div_euclid(self.period_ns)
    }

    /// Which bucket `at` falls into.
    pub fn bucket(self, at: UnixNanos) -> usize {
        let into = i128::from(at.0.rem_euclid(self.period_ns));
        // Less than `buckets`, because `into` is less than the period.
        (into * i128::from(self.buckets) / i128::from(self.period_ns)) as usize
    }

    /// Whole periods from the first bucket of a history to its last, both included.
    pub(crate) fn spanned(self, first: Option<UnixNanos>, last: Option<UnixNanos>) -> usize {
        let (Some(first), Some(last)) = (first, last) else { return 0 };
        let bucket = self.period_ns / i64::from(self.buckets);
        let span = i128::from(last.0) - i128::from(first.0) + i128::from(bucket);
        usize::try_from(span / i128::from(self.period_ns)).unwrap_or(0)
    }

    /// `at` in periods since the epoch.
    pub(crate) fn phase(self, at: UnixNanos) -> f64 {
        at.0 as f64 / self.period_ns as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_the_epoch_fall_into_their_buckets() {
        let day = Season::new(Duration::from_secs(86_400), 24).unwrap();
        let at = |secs| (day.cycle(UnixNanos::from_secs(secs)), day.bucket(UnixNanos::from_secs(secs)));
        assert_eq!([0, 3_599, 3_600, 86_399, 86_400].map(at), [(0, 0), (0, 0), (0, 1), (0, 23), (1, 0)]);
        assert_eq!([-1, -86_400, -86_401].map(at), [(-1, 23), (-1, 0), (-2, 23)]);
        assert_eq!(Season::new(Duration::ZERO, 1), None);
        assert_eq!(Season::new(Duration::from_nanos(3), 4), None);
    }
}
