//! Forecasts of many series at once.

use std::{collections::BTreeMap, time::Duration};

use weir_model::{observation::Labels, time::UnixNanos};

use super::{DemandForecast, Forecaster, HarmonicForecaster, HarmonicSettings};
use crate::series::{FitError, Point, SERIES_MAX};

/// What to expect of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Ahead {
    /// Which series.
    pub labels: Labels,
    /// How far from now.
    pub span: Duration,
    /// How much, and when that is.
    pub demand: DemandForecast,
}

/// What to expect of all of them.
#[derive(Debug, Default)]
pub struct Outlook {
    /// By series and span.
    pub ahead: Vec<Ahead>,
    /// Series from which nothing could be learnt, with why.
    pub unlearnt: Vec<(Labels, FitError)>,
    /// Series that had no room ([`SERIES_MAX`]), the last ones by labels.
    pub left_out: usize,
}

/// Learns from each of `histories` what to expect, `spans` from `now`.
pub fn outlook(histories: &BTreeMap<Labels, Vec<Point>>, spans: &[Duration], now: UnixNanos) -> Outlook {
    let mut outlook = Outlook { left_out: histories.len().saturating_sub(SERIES_MAX), ..Outlook::default() };
    for (labels, history) in histories.iter().take(SERIES_MAX) {
        match HarmonicForecaster::fit(&HarmonicSettings::default(), history) {
            Ok(fitted) => outlook.ahead.extend(spans.iter().map(|span| {
                let demand = fitted.forecast(now + *span);
                Ahead { labels: labels.clone(), span: *span, demand }
            })),
            Err(error) => outlook.unlearnt.push((labels.clone(), error)),
        }
    }
    outlook
}
