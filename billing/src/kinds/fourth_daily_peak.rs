//! The 4th largest of the daily peaks: the three busiest days of a month are free.

use weir_model::contract::Direction;

use super::{
    Measured, View,
    mean_daily_peak::{daily_peaks, largest},
};

/// Days whose peaks are free.
pub(crate) const FREE_DAYS: usize = 3;

/// The level billed; 0 when no day was measured.
pub(super) fn measure(view: &View<'_>, direction: Direction) -> Measured {
    largest(direction, |figure| Measured::rate(fourth(&mut daily_peaks(view, figure)).into(), 1))
}

/// The 4th largest of `peaks`, in their unit; of fewer than four the smallest, of none 0.
pub(crate) fn fourth(peaks: &mut [u64]) -> u64 {
    peaks.sort_unstable_by(|a, b| b.cmp(a));
    peaks.get(FREE_DAYS).or(peaks.last()).copied().unwrap_or(0)
}
