//! Forecasts of demand: what to expect, and what to be ready for.

mod harmonic;
#[cfg(test)]
mod naive;
mod outlook;

use weir_model::time::UnixNanos;

pub use harmonic::{HarmonicForecaster, HarmonicSettings};
pub use outlook::{Ahead, Outlook, outlook};

use crate::series::{FitError, Point};

/// The part of outcomes that `p95` is to lie above.
const UPPER: f64 = 0.95;

/// What demand will be, in the unit of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandForecast {
    /// For when.
    pub at: UnixNanos,
    /// As likely more as less.
    pub p50: f64,
    /// Exceeded once in twenty.
    pub p95: f64,
}

/// Learns from a history of demand (never negative), and says what comes. One kind of forecaster a
/// file; equal histories, in whatever order, give equal forecasts, bit for bit.
pub trait Forecaster: Sized {
    /// What is chosen before it learns.
    type Settings;

    /// Learns from `history`.
    ///
    /// # Errors
    /// When the history is too short, too long, negative or cannot be fitted.
    fn fit(settings: &Self::Settings, history: &[Point]) -> Result<Self, FitError>;

    /// What to expect at `at`.
    fn forecast(&self, at: UnixNanos) -> DemandForecast;
}

/// The points of a history of demand, in order.
fn demand_in_order(history: &[Point]) -> Result<Vec<Point>, FitError> {
    let points = crate::series::in_order(history)?;
    match points.iter().find(|point| point.value < 0.0) {
        Some(point) => Err(FitError::Negative { value: point.value }),
        None => Ok(points),
    }
}

#[cfg(test)]
mod tests;
