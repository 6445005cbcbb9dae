//! Anomalies: values outside the band that their history makes us expect.

mod seasonal;
mod watch;

pub use seasonal::{SeasonalDetector, SeasonalSettings};
pub use watch::{Look, Watch};

use crate::series::{FitError, Point};

/// Where a value is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Below it is anomalous.
    pub low: f64,
    /// Most expected.
    pub mid: f64,
    /// Above it is anomalous.
    pub high: f64,
}

/// How a value lies in its band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Where it was expected.
    pub band: Band,
    /// Standard deviations above (or, negative, below) the middle.
    pub deviations: f64,
    /// Whether it is outside the band. A value that is not finite is not judged.
    pub is_anomaly: bool,
}

/// Learns from a history what to expect, and scores points against it. One kind of detector a file;
/// equal histories, in whatever order, give equal scores, bit for bit.
pub trait Detector: Sized {
    /// What is chosen before it learns.
    type Settings;

    /// Learns from `history`.
    ///
    /// # Errors
    /// When the history is too short, too long or cannot be fitted.
    fn fit(settings: &Self::Settings, history: &[Point]) -> Result<Self, FitError>;

    /// Scores `point`, which may lie in the history or after it.
    fn score(&self, point: Point) -> Score;
}
