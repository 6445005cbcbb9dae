//! The unit of timestamps, as the query of a request names it.

use std::fmt;

use weir_model::time::UnixNanos;

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds, which is meant when nothing is said.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes; version 1 only.
    Minutes,
    /// Hours; version 1 only.
    Hours,
}

impl Precision {
    /// As version 2 names it (`ns`, `us`, `ms`, `s`).
    pub fn of_v2(name: &str) -> Option<Self> {
        match name {
            "" | "ns" => Some(Self::Nanoseconds),
            "us" => Some(Self::Microseconds),
            "ms" => Some(Self::Milliseconds),
            "s" => Some(Self::Seconds),
            _ => None,
        }
    }

    /// As version 1 names it (`n`, `u`, `ms`, `s`, `m`, `h`), or version 2.
    pub fn of_v1(name: &str) -> Option<Self> {
        match name {
            "n" => Some(Self::Nanoseconds),
            "u" => Some(Self::Microseconds),
            "m" => Some(Self::Minutes),
            "h" => Some(Self::Hours),
            other => Self::of_v2(other),
        }
    }

    /// Nanoseconds of one.
    pub(super) const fn nanos(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60 * 1_000_000_000,
            Self::Hours => 3_600 * 1_000_000_000,
        }
    }

    /// `time` without what is finer: what a line without a time gets, as InfluxDB does it.
    pub(super) fn truncate(self, time: UnixNanos) -> i64 {
        time.0 - time.0.rem_euclid(self.nanos())
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nanoseconds => "nanoseconds",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        })
    }
}
