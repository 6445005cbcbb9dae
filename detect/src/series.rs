//! History of one value, as detectors and forecasters read it.

use thiserror::Error;
use weir_model::time::UnixNanos;

/// Points of one history at most: two years of 5-minute slots are 210,240. 2^18 of 16 bytes are
/// 4 MiB, and the widest regression over them, 49 features of 8 bytes, 98 MiB.
pub const POINTS_MAX: usize = 1 << 18;

/// Series of one question at most: learning from two weeks of 5-minute slots takes about 2 ms, so
/// 1,000 take two seconds of a worker.
pub const SERIES_MAX: usize = 1_000;

/// A value at a time. Missing points are absent; values that are not finite count as absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: UnixNanos,
    /// How much, in whatever unit the series has.
    pub value: f64,
}

/// Why nothing could be learnt from a history.
#[derive(Debug, Error)]
pub enum FitError {
    /// It does not span what it takes.
    #[error("the history spans {have} of the {need} seasons it takes: keep more of it, or choose a shorter season")]
    TooShort {
        /// Whole seasons from the first point to the last.
        have: usize,
        /// Seasons it takes.
        need: usize,
    },
    /// Too many points are missing.
    #[error(
        "the history has {points} points in {buckets} buckets of the season: \
         keep more of it, or cut the season into fewer"
    )]
    TooSparse {
        /// Finite points.
        points: usize,
        /// Buckets with at least one.
        buckets: usize,
    },
    /// It is too long to be worked on.
    #[error("the history has {points} points, at most {POINTS_MAX}: choose a longer interval")]
    TooLong {
        /// As given.
        points: usize,
    },
    /// Demand below zero.
    #[error("the history has a value of {value}: demand is never negative")]
    Negative {
        /// The first one.
        value: f64,
    },
    /// The regression refused its input.
    #[error("the regression failed")]
    Regression(#[source] linfa_elasticnet::ElasticNetError),
}

/// The finite points in order of time; of several at one time, in order of value, so that the order
/// they were given in has no part in what is learnt.
pub(crate) fn in_order(history: &[Point]) -> Result<Vec<Point>, FitError> {
    if history.len() > POINTS_MAX {
        return Err(FitError::TooLong { points: history.len() });
    }
    let mut points: Vec<Point> = history.iter().copied().filter(|point| point.value.is_finite()).collect();
    points.sort_by(|a, b| a.at.cmp(&b.at).then(a.value.total_cmp(&b.value)));
    Ok(points)
}
