//! Two clocks, never mixed: the wall clock dates rows, the monotonic clock measures spans.
//! Both are always arguments; nothing in the pure rooms reads either.

use std::{fmt, ops, time::Duration};

use serde::{Deserialize, Serialize};

/// Wall-clock time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// Whole seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// Whole milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The span since `earlier`; zero when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl ops::Add<Duration> for UnixNanos {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// Monotonic time: nanoseconds since an origin that means nothing outside its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// The span since `earlier`; zero when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add<Duration> for Mono {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// One instant on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For spans and deadlines.
    pub mono: Mono,
    /// For dating rows.
    pub wall: UnixNanos,
}

impl ops::Add<Duration> for Now {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self { mono: self.mono + span, wall: self.wall + span }
    }
}

/// Suffixes of written durations with their nanoseconds; `ms` before `m` and `s`.
const DURATION_UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads `50ms`, `1.5s`, `5m`, `1h30m` or `30d`; `None` for what is none, or longer than 2^64 seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let number: f64 = rest[..digits].parse().ok()?;
        let (_, nanos) = DURATION_UNITS.iter().find(|(unit, _)| *unit == &rest[digits..unit_end])?;
        total = total.checked_add(Duration::try_from_secs_f64(number * *nanos as f64 / 1e9).ok()?)?;
        rest = &rest[unit_end..];
    }
    Some(total)
}

/// Writes a duration as [`parse_duration`] reads it, in its largest fitting unit.
#[derive(Clone, Copy, Debug)]
pub struct Written(pub Duration);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, size) = DURATION_UNITS
            .iter()
            .rev()
            .find(|(_, size)| nanos >= u128::from(*size) && nanos.is_multiple_of(u128::from(*size)))
            .unwrap_or(&DURATION_UNITS[0]);
        write!(f, "{}{unit}", nanos / u128::from(*size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for (text, millis) in
            [("50ms", 50), ("1.5s", 1_500), ("5m", 300_000), ("1h30m", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "5",
            "ms",
            "5 parsecs",
            "-1s",
            "1s2",
            "18446744073709551615s",
            "10000000000000000000s10000000000000000000s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for text in ["50ms", "5m", "2d", "90m"] {
            assert_eq!(Written(parse_duration(text).unwrap()).to_string(), text);
        }
    }
}
