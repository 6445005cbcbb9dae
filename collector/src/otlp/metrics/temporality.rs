//! What a sum or histogram counts from.

use crate::otlp::Problem;

/// What a sum or histogram counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Temporality {
    /// Not said, as of gauges and summaries.
    None,
    /// The data point before it.
    Delta,
    /// A time that stays.
    Cumulative,
}

impl Temporality {
    pub(super) fn of(number: i32) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::None,
        }
    }

    /// Whether it is delta, of data that has to say so.
    pub(super) fn is_delta(self) -> Result<bool, Problem> {
        match self {
            Self::None => Err(Problem::NoTemporality),
            Self::Delta => Ok(true),
            Self::Cumulative => Ok(false),
        }
    }
}
