//! Harmonic regression: the logarithm of demand as a sum of waves of a day and of a week and, given
//! enough history, a trend (Hyndman and Athanasopoulos, "Forecasting: principles and practice",
//! 3rd ed., section 7.4).
//!
//! In the logarithm, because demand grows and varies in proportion: the same noise that is a
//! megabit at night is a gigabit at the peak.

use ndarray::Array2;
use weir_model::time::UnixNanos;

use super::{DemandForecast, Forecaster, UPPER, demand_in_order};
use crate::{
    linear_fit::LinearFit,
    order_statistics::quantile,
    season::Season,
    series::{FitError, Point},
};

/// Days a history must span: of one day, its noise is taken for its season.
const DAYS_MIN: usize = 2;

/// Weeks from which on a week and a trend are believed. In less, a weekend is a trend.
const WEEKS_MIN: usize = 2;

/// Waves of either kind at most; more are cut off. `POINTS_MAX` counts on the 2 x 2 x 12 + 1 = 49
/// features they make, and the twelfth of a day is 2 hours long.
const HARMONICS_MAX: u32 = 12;

/// What the forecaster is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HarmonicSettings {
    /// Waves of a day, its half, its third, ...: 6, so the shortest is 4 hours.
    pub of_day: u32,
    /// Waves of a week, its half, its third: 3, enough to set a weekend apart.
    pub of_week: u32,
}

impl Default for HarmonicSettings {
    fn default() -> Self {
        Self { of_day: 6, of_week: 3 }
    }
}

/// Expects exp(waves + trend); its quantiles are those of what the history left over.
#[derive(Clone, Debug)]
pub struct HarmonicForecaster {
    waves: Waves,
    fit: LinearFit,
    /// Median and upper quantile of the logarithm's remainder.
    rest: (f64, f64),
}

impl Forecaster for HarmonicForecaster {
    type Settings = HarmonicSettings;

    fn fit(settings: &HarmonicSettings, history: &[Point]) -> Result<Self, FitError> {
        let points = demand_in_order(history)?;
        let span = |season: Season| season.spanned(points.first().map(|p| p.at), points.last().map(|p| p.at));
        let days = span(Season::DAY);
        if days < DAYS_MIN {
            return Err(FitError::TooShort { have: days, need: DAYS_MIN });
        }
        let waves = Waves::new(settings, span(Season::WEEK) >= WEEKS_MIN);
        let mut features = Array2::zeros((points.len(), waves.len()));
        for (mut row, point) in features.rows_mut().into_iter().zip(&points) {
            row.iter_mut().zip(waves.at(point.at)).for_each(|(cell, feature)| *cell = feature);
        }
        let logs: Vec<f64> = points.iter().map(|point| libm::log1p(point.value)).collect();
        let fit = LinearFit::new(features, &logs)?;
        let rests: Vec<f64> =
            points.iter().zip(&logs).map(|(point, log)| log - fit.predict(&waves.at(point.at))).collect();
        let rest = |q| quantile(&rests, q).unwrap_or(0.0);
        Ok(Self { waves, fit, rest: (rest(0.5), rest(UPPER)) })
    }

    fn forecast(&self, at: UnixNanos) -> DemandForecast {
        let log = self.fit.predict(&self.waves.at(at));
        let demand = |rest: f64| libm::expm1(log + rest).max(0.0);
        DemandForecast { at, p50: demand(self.rest.0), p95: demand(self.rest.1) }
    }
}

/// The features of a time.
#[derive(Clone, Copy, Debug)]
struct Waves {
    of_day: u32,
    of_week: u32,
    trend: bool,
}

impl Waves {
    fn new(settings: &HarmonicSettings, weeks: bool) -> Self {
        let of_week = if weeks { settings.of_week.min(HARMONICS_MAX) } else { 0 };
        Self { of_day: settings.of_day.min(HARMONICS_MAX), of_week, trend: weeks }
    }

    fn len(self) -> usize {
        2 * (self.of_day + self.of_week) as usize + usize::from(self.trend)
    }

    /// Sine and cosine of each wave, then the trend in weeks.
    fn at(self, at: UnixNanos) -> Vec<f64> {
        let waves_of = |season: Season, count: u32| {
            // The whole periods are taken off first: a sine of 20,000 turns has lost digits.
            let phase = season.phase(at);
            let turn = std::f64::consts::TAU * (phase - libm::floor(phase));
            (1..=count).flat_map(move |wave| {
                let angle = f64::from(wave) * turn;
                [libm::sin(angle), libm::cos(angle)]
            })
        };
        let trend = self.trend.then(|| Season::WEEK.phase(at));
        waves_of(Season::DAY, self.of_day).chain(waves_of(Season::WEEK, self.of_week)).chain(trend).collect()
    }
}
