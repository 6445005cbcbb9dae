//! A trend, a seasonal profile and a spread for each bucket of the season; all by medians, so that
//! the anomalies of the past do not hide those of today.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;
use weir_model::time::UnixNanos;

use super::{Band, Detector, Score};
use crate::{
    linear_fit::LinearFit,
    order_statistics::{deviation, median},
    season::Season,
    series::{FitError, Point, in_order},
};

/// Seasons a history must span, and points it must have in a bucket on average: with one, every
/// value is its own expectation.
const SEASONS_MIN: usize = 2;

/// Seasons from which on a slope is believed: two points always make a line.
const TREND_SEASONS_MIN: usize = 3;

/// Levels of whole seasons this many deviations off the line are left out of it.
const LEVEL_OUTLIER: f64 = 4.0;

/// Rounds of trend and profile, each with the other taken off (backfitting): where hours are missing
/// from some seasons one round leaves part of the trend in the profile.
const ROUNDS: usize = 3;

/// Points that the spread of all buckets together counts for within each bucket: a week of history
/// has seven points a bucket, and their spread alone is off by a half.
const POOLED_WEIGHT: f64 = 8.0;

/// Least spread, relative to the usual size of the values: a series that never moved is expected
/// to stay within a thousandth.
const SPREAD_MIN_RELATIVE: f64 = 1e-3;

/// What the detector is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeasonalSettings {
    /// What repeats: by default a day of quarters of an hour.
    pub season: Season,
    /// Half the width of the band in standard deviations: 5, which normal noise leaves once in
    /// 1.7 million points.
    pub width: f64,
}

impl Default for SeasonalSettings {
    fn default() -> Self {
        Self { season: Season::DAY, width: 5.0 }
    }
}

/// Expects trend + profile of the season.
#[derive(Clone, Debug)]
pub struct SeasonalDetector {
    settings: SeasonalSettings,
    trend: Trend,
    /// Per bucket of the season.
    profile: Vec<Expected>,
}

/// What a bucket of the season adds to the trend.
#[derive(Clone, Copy, Debug)]
struct Expected {
    level: f64,
    spread: f64,
}

impl Detector for SeasonalDetector {
    type Settings = SeasonalSettings;

    fn fit(settings: &Self::Settings, history: &[Point]) -> Result<Self, FitError> {
        let points = in_order(history)?;
        let season = settings.season;
        check_span(season, &points)?;
        let mut trend = Trend::NONE;
        let mut levels = levels(season, &points, &trend);
        for _ in 0..ROUNDS {
            trend = Trend::fit(season, &points, &levels)?;
            levels = self::levels(season, &points, &trend);
        }
        let profile = profile(season, &points, &trend, &levels);
        Ok(Self { settings: *settings, trend, profile })
    }

    fn score(&self, point: Point) -> Score {
        let Expected { level, spread } = self.profile[self.settings.season.bucket(point.at)];
        let mid = self.trend.at(self.settings.season, point.at) + level;
        let reach = self.settings.width * spread;
        let band = Band { low: mid - reach, mid, high: mid + reach };
        let is_anomaly = point.value.is_finite() && !(band.low..=band.high).contains(&point.value);
        Score { band, deviations: (point.value - mid) / spread, is_anomaly }
    }
}

fn check_span(season: Season, points: &[Point]) -> Result<(), FitError> {
    let have = season.spanned(points.first().map(|point| point.at), points.last().map(|point| point.at));
    if have < SEASONS_MIN {
        return Err(FitError::TooShort { have, need: SEASONS_MIN });
    }
    let buckets = points.iter().map(|point| season.bucket(point.at)).collect::<BTreeSet<_>>().len();
    if points.len() < SEASONS_MIN * buckets {
        return Err(FitError::TooSparse { points: points.len(), buckets });
    }
    Ok(())
}

/// The level of the series as a line over time.
#[derive(Clone, Debug)]
struct Trend(Option<LinearFit>);

impl Trend {
    const NONE: Self = Self(None);

    fn at(&self, season: Season, at: UnixNanos) -> f64 {
        self.0.as_ref().map_or(0.0, |fit| fit.predict(&[season.phase(at)]))
    }

    /// A line through the level of each season: the median of what the profile leaves over.
    fn fit(season: Season, points: &[Point], levels: &[f64]) -> Result<Self, FitError> {
        let by_season = points.chunk_by(|a, b| season.cycle(a.at) == season.cycle(b.at));
        let mut seasons: Vec<(f64, f64)> =
            by_season.filter_map(|points| season_level(season, points, levels)).collect();
        if seasons.len() < TREND_SEASONS_MIN {
            return Ok(Self::NONE);
        }
        let fit = line(&seasons)?;
        let off: Vec<f64> = seasons.iter().map(|(phase, level)| level - fit.predict(&[*phase])).collect();
        let centre = median(&off).unwrap_or(0.0);
        let reach = LEVEL_OUTLIER * deviation(&off, centre);
        let mut off = off.into_iter();
        seasons.retain(|_| off.next().is_some_and(|off| (off - centre).abs() <= reach));
        if seasons.len() < TREND_SEASONS_MIN { Ok(Self(Some(fit))) } else { Ok(Self(Some(line(&seasons)?))) }
    }
}

/// The middle of one season's points in time, in periods, and their level without the profile.
fn season_level(season: Season, points: &[Point], levels: &[f64]) -> Option<(f64, f64)> {
    let rest: Vec<f64> = points.iter().map(|point| point.value - levels[season.bucket(point.at)]).collect();
    let phases = points.iter().map(|point| season.phase(point.at)).sum::<f64>();
    Some((phases / points.len() as f64, median(&rest)?))
}

fn line(seasons: &[(f64, f64)]) -> Result<LinearFit, FitError> {
    let phases = Array2::from_shape_fn((seasons.len(), 1), |(row, _)| seasons[row].0);
    let levels: Vec<f64> = seasons.iter().map(|(_, level)| *level).collect();
    LinearFit::new(phases, &levels)
}

/// What each bucket's points are above the trend.
fn rests(season: Season, points: &[Point], trend: &Trend) -> BTreeMap<usize, Vec<f64>> {
    let mut rests: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for point in points {
        rests.entry(season.bucket(point.at)).or_default().push(point.value - trend.at(season, point.at));
    }
    rests
}

/// The median level of each bucket above the trend. A bucket without points lies on the line
/// between its nearest neighbours around the season.
fn levels(season: Season, points: &[Point], trend: &Trend) -> Vec<f64> {
    let known: BTreeMap<usize, f64> = rests(season, points, trend)
        .into_iter()
        .filter_map(|(bucket, rests)| Some((bucket, median(&rests)?)))
        .collect();
    (0..season.buckets()).map(|bucket| between_neighbours(&known, bucket, season.buckets())).collect()
}

fn between_neighbours(known: &BTreeMap<usize, f64>, bucket: usize, buckets: usize) -> f64 {
    let before = known.range(..=bucket).next_back().map(|(at, level)| (bucket - at, *level));
    let before = before.or_else(|| known.last_key_value().map(|(at, level)| (bucket + buckets - at, *level)));
    let after = known.range(bucket..).next().map(|(at, level)| (at - bucket, *level));
    let after = after.or_else(|| known.first_key_value().map(|(at, level)| (at + buckets - bucket, *level)));
    match (before, after) {
        (Some((0, level)), _) => level,
        (Some((back, before)), Some((ahead, after))) => before + (after - before) * back as f64 / (back + ahead) as f64,
        _ => 0.0,
    }
}

/// Level and spread of each bucket.
fn profile(season: Season, points: &[Point], trend: &Trend, levels: &[f64]) -> Vec<Expected> {
    let rests = rests(season, points, trend);
    let all: Vec<f64> =
        rests.iter().flat_map(|(bucket, rests)| rests.iter().map(|rest| rest - levels[*bucket])).collect();
    let pooled = deviation(&all, 0.0);
    let sizes: Vec<f64> = points.iter().map(|point| point.value.abs()).collect();
    // Positive even of a series of zeros, so that no score divides by zero.
    let least = (SPREAD_MIN_RELATIVE * median(&sizes).unwrap_or(0.0)).max(f64::MIN_POSITIVE.sqrt());
    let expected = |(bucket, level): (usize, &f64)| {
        let own = rests.get(&bucket).map_or(&[][..], Vec::as_slice);
        Expected { level: *level, spread: spread(own, *level, pooled).max(least) }
    };
    levels.iter().enumerate().map(expected).collect()
}

/// The spread to expect of a bucket's next value: its own and the pooled one by weight, and what
/// the level itself is uncertain by (the variance of a median of n is pi / 2n of that of a value).
fn spread(rests: &[f64], level: f64, pooled: f64) -> f64 {
    let (n, own) = (rests.len() as f64, deviation(rests, level));
    let variance = (n * own * own + POOLED_WEIGHT * pooled * pooled) / (n + POOLED_WEIGHT);
    libm::sqrt(variance * (1.0 + std::f64::consts::FRAC_PI_2 / n.max(1.0)))
}

#[cfg(test)]
mod tests;
