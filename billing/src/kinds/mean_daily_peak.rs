//! The mean of the daily largest slots. Days without a measured slot do not count; the coverage
//! says that they were missing.

use std::collections::BTreeMap;

use weir_model::contract::Direction;

use super::{Measured, View};
use crate::usage::Figure;

/// The level billed; 0 when no day was measured.
pub(super) fn measure(view: &View<'_>, direction: Direction) -> Measured {
    largest(direction, |figure| mean(&daily_peaks(view, figure)))
}

/// The largest of the levels that a direction looks at.
pub(super) fn largest(direction: Direction, level: impl Fn(Figure) -> Measured) -> Measured {
    // All have one denominator: the days are the same in both directions.
    let levels = Figure::all_of(direction).iter().map(|figure| level(*figure));
    levels.max_by_key(|level| level.amount).unwrap_or(Measured::NOTHING)
}

/// The largest slot of each day measured, in bytes, day by day.
pub(super) fn daily_peaks(view: &View<'_>, figure: Figure) -> Vec<u64> {
    let mut peaks = BTreeMap::new();
    for (start, traffic) in view.usage.traffic.merged(view.measured.clone()) {
        let peak: &mut u64 = peaks.entry(view.time.month.day_of(start)).or_default();
        *peak = figure.of(traffic).max(*peak);
    }
    peaks.into_values().collect()
}

/// The mean of daily peaks, given in bytes of a slot.
pub(crate) fn mean(peaks: &[u64]) -> Measured {
    if peaks.is_empty() {
        return Measured::NOTHING;
    }
    Measured::rate(peaks.iter().map(|peak| u128::from(*peak)).sum(), peaks.len() as u64)
}
