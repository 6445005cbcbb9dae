//! Delta series, added up: what is stored is cumulative, so that `rate` and `increase` work on it.
//!
//! Totals are kept in memory. A series that is new here, after a start too, begins with a zero just
//! behind the beginning of its first interval, which is where the interval before it ended: `rate`
//! sees a counter that was reset, and loses nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use weir_model::{
    observation::{Samples, Series},
    time::UnixNanos,
};

use super::{
    Problem,
    metrics::histogram::{self, Counts},
    series::{Family, Part},
};
use crate::{counters::OTLP_DELTA_SERIES_FORGOTTEN, series_cache::SeriesCache};

/// Most series that are added up: 200,000 of about 300 bytes with their labels are 60 MB.
const SERIES_MAX: usize = 200_000;

/// Buckets and bounds of all histograms among them, 8 bytes each: 4,000,000 are 32 MB, which is
/// 125,000 histograms of 16 buckets.
const CELLS_MAX: usize = 4_000_000;

/// How long a total is kept of which nothing is heard; senders send every minute.
const KEPT: Duration = Duration::from_secs(3_600);

/// How often totals nobody adds to are looked for, while there is no room.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How far back a first interval may begin for a zero to be written there. An interval lasts a
/// minute; one that began yesterday is no interval.
const ZERO_BACK_MAX: Duration = Duration::from_secs(3_600);

/// What a data point adds to its series.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    /// Whose.
    pub(super) family: Family,
    /// When the interval began; 0 where that is not told.
    pub(super) start: i64,
    /// When it ended.
    pub(super) time: i64,
    /// What came in it.
    pub(super) increment: Increment,
}

/// How much.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Increment {
    /// Of a sum.
    Number(f64),
    /// Of a histogram.
    Histogram(Counts),
}

#[derive(Clone, Debug)]
struct Total {
    /// Of the last delta.
    time: i64,
    /// When that came.
    heard: UnixNanos,
    total: Increment,
}

/// The totals.
#[derive(Debug)]
pub(super) struct Accumulator {
    totals: HashMap<Series, Total>,
    cells: usize,
    swept: UnixNanos,
    series_max: usize,
    cells_max: usize,
}

/// Totals as they are once what was made of them is durable.
#[derive(Debug, Default)]
pub(super) struct Staged {
    changed: HashMap<Series, Total>,
    new_cells: usize,
    new_series: usize,
}

/// What deltas became.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) samples: Samples,
    pub(super) rejected: Vec<((Arc<str>, Problem), u64)>,
    pub(super) staged: Staged,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self::with_room(SERIES_MAX, CELLS_MAX)
    }
}

impl Accumulator {
    pub(super) fn with_room(series_max: usize, cells_max: usize) -> Self {
        Self { totals: HashMap::new(), cells: 0, swept: UnixNanos(0), series_max, cells_max }
    }

    /// Adds `deltas` to the totals. They count from [`Accumulator::commit`] on.
    pub(super) fn add(&mut self, deltas: Vec<Delta>, now: UnixNanos, cache: &SeriesCache) -> Added {
        let mut added = Added::default();
        for delta in deltas {
            let name = Arc::clone(&delta.family.whole.table().name);
            if let Err(problem) = self.add_one(delta, now, cache, &mut added) {
                added.rejected.push(((name, problem), 1));
            }
        }
        added
    }

    fn add_one(&mut self, delta: Delta, now: UnixNanos, cache: &SeriesCache, added: &mut Added) -> Result<(), Problem> {
        let Delta { family, start, time, increment } = delta;
        if !increment.is_finite() {
            return Err(Problem::NotFinite);
        }
        let known = added.staged.changed.get(&family.whole).or_else(|| self.totals.get(&family.whole));
        if known.is_some_and(|known| known.time >= time) {
            return Err(Problem::DeltaLate);
        }
        let (series, cells) = known.map_or((1, 0), |known| (0, known.total.cells()));
        let total = known.and_then(|known| known.total.plus(&increment));
        if total.is_none() {
            let cells = increment.cells().saturating_sub(cells);
            self.make_room(series, cells, now, &added.staged)?;
            added.staged.new_series += series;
            added.staged.new_cells += cells;
        }
        let total = total.unwrap_or_else(|| {
            let is_recent = start > 0 && UnixNanos(start) + ZERO_BACK_MAX > now;
            if is_recent && start < time - 1 {
                increment.zero().push(cache, &mut added.samples, &family, start + 1);
            }
            increment
        });
        total.push(cache, &mut added.samples, &family, time);
        added.staged.changed.insert(family.whole, Total { time, heard: now, total });
        Ok(())
    }

    /// Makes `staged` what is known: what was made of it is durable.
    pub(super) fn commit(&mut self, staged: Staged) {
        for (series, total) in staged.changed {
            self.cells += total.total.cells();
            if let Some(before) = self.totals.insert(series, total) {
                self.cells -= before.total.cells();
            }
        }
    }

    /// Ensures that so many more fit, forgetting what nobody adds to.
    fn make_room(&mut self, series: usize, cells: usize, now: UnixNanos, staged: &Staged) -> Result<(), Problem> {
        let is_full = |this: &Self| {
            this.totals.len() + staged.new_series + series > this.series_max
                || this.cells + staged.new_cells + cells > this.cells_max
        };
        if is_full(self) && self.swept + SWEEP_EVERY <= now {
            self.swept = now;
            let before = self.totals.len();
            self.totals.retain(|_, total| total.heard + KEPT > now);
            self.cells = self.totals.values().map(|total| total.total.cells()).sum();
            OTLP_DELTA_SERIES_FORGOTTEN.add((before - self.totals.len()) as u64);
        }
        if is_full(self) { Err(Problem::TooManyDeltaSeries) } else { Ok(()) }
    }
}

impl Increment {
    /// With `more`; `None` where they do not add up, and counting begins anew.
    fn plus(&self, more: &Self) -> Option<Self> {
        match (self, more) {
            (Self::Number(sum), Self::Number(more)) => Some(Self::Number(sum + more)),
            (Self::Histogram(sum), Self::Histogram(more)) if sum.bounds == more.bounds => {
                let add = |(sum, more): (&u64, &u64)| sum.saturating_add(*more);
                Some(Self::Histogram(Counts {
                    count: sum.count.saturating_add(more.count),
                    sum: sum.sum.zip(more.sum).map(|(sum, more)| sum + more),
                    bounds: sum.bounds.clone(),
                    buckets: sum.buckets.iter().zip(&more.buckets).map(add).collect(),
                }))
            }
            _ => None,
        }
    }

    /// Whether a total stays a number with it.
    fn is_finite(&self) -> bool {
        match self {
            Self::Number(number) => number.is_finite(),
            Self::Histogram(counts) => counts.sum.is_none_or(f64::is_finite),
        }
    }

    /// Of the same kind, and nothing.
    fn zero(&self) -> Self {
        match self {
            Self::Number(_) => Self::Number(0.0),
            Self::Histogram(counts) => Self::Histogram(Counts {
                count: 0,
                sum: counts.sum.map(|_| 0.0),
                bounds: counts.bounds.clone(),
                buckets: vec![0; counts.buckets.len()],
            }),
        }
    }

    fn cells(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Histogram(counts) => counts.bounds.len() + counts.buckets.len(),
        }
    }

    fn push(&self, cache: &SeriesCache, samples: &mut Samples, family: &Family, time: i64) {
        match self {
            Self::Number(sum) => family.push(cache, samples, Part::Whole, time, *sum),
            Self::Histogram(counts) => histogram::push(cache, samples, family, time, counts),
        }
    }
}
