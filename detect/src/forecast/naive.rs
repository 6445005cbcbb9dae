//! The same as one season ago: the baseline that every other forecaster must beat.

use std::collections::BTreeMap;

use weir_model::time::UnixNanos;

use super::{DemandForecast, Forecaster, UPPER, demand_in_order};
use crate::{
    order_statistics::{median, quantile},
    season::Season,
    series::{FitError, Point},
};

/// Seasons a history must span: how far two of them differ is what `p95` is made of.
const SEASONS_MIN: usize = 2;

/// Says again what the latest season said (Hyndman and Athanasopoulos, "Forecasting: principles and
/// practice", 3rd ed., section 5.2).
#[derive(Clone, Debug)]
pub(super) struct SeasonalNaive {
    season: Season,
    /// Per bucket: its latest value.
    latest: BTreeMap<usize, f64>,
    /// For a bucket without any.
    usual: f64,
    /// What a season exceeds the one before by, once in twenty.
    rise: f64,
}

impl Forecaster for SeasonalNaive {
    type Settings = Season;

    fn fit(season: &Season, history: &[Point]) -> Result<Self, FitError> {
        let points = demand_in_order(history)?;
        let have = season.spanned(points.first().map(|point| point.at), points.last().map(|point| point.at));
        if have < SEASONS_MIN {
            return Err(FitError::TooShort { have, need: SEASONS_MIN });
        }
        let mut latest: BTreeMap<usize, Bucket> = BTreeMap::new();
        let mut rises = Vec::new();
        for slot in points.chunk_by(|a, b| slot_of(*season, a) == slot_of(*season, b)) {
            let values: Vec<f64> = slot.iter().map(|point| point.value).collect();
            let (cycle, bucket) = slot_of(*season, &slot[0]);
            let Some(value) = median(&values) else { continue };
            // Seasons that are missing make the step longer, so the rise is taken of neighbours only.
            let before = latest.insert(bucket, Bucket { cycle, value });
            rises.extend(before.filter(|before| before.cycle + 1 == cycle).map(|before| value - before.value));
        }
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        let latest = latest.into_iter().map(|(bucket, latest)| (bucket, latest.value)).collect();
        let rise = quantile(&rises, UPPER).unwrap_or(0.0).max(0.0);
        Ok(Self { season: *season, latest, usual: median(&values).unwrap_or(0.0), rise })
    }

    fn forecast(&self, at: UnixNanos) -> DemandForecast {
        let p50 = self.latest.get(&self.season.bucket(at)).copied().unwrap_or(self.usual);
        DemandForecast { at, p50, p95: p50 + self.rise }
    }
}

/// The value of a bucket in its latest season.
struct Bucket {
    cycle: i64,
    value: f64,
}

fn slot_of(season: Season, point: &Point) -> (i64, usize) {
    (season.cycle(point.at), season.bucket(point.at))
}
