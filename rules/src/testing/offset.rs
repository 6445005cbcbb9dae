//! Times relative to the start of a test.

use std::{fmt, time::Duration};

use weir_model::{
    time::{UnixNanos, Written, parse_duration},
    yaml::Scalar,
};

use super::START;

/// Nanoseconds from [`START`], written `-5m`, `0m` or `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offset(pub(super) i64);

impl Offset {
    /// The instant it means.
    pub(super) fn time(self) -> UnixNanos {
        UnixNanos(START.0.saturating_add(self.0))
    }

    /// The offset of an instant.
    pub(super) fn of(time: UnixNanos) -> Self {
        Self(time.0.saturating_sub(START.0))
    }

    /// So much later.
    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Scalar for Offset {
    fn expected() -> String {
        "a time from the start of the test such as `10m`, `0m` or `-1h30m`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let (sign, size) = text.strip_prefix('-').map_or((1, text), |size| (-1, size));
        let nanos = i64::try_from(parse_duration(size)?.as_nanos()).ok()?;
        Some(Self(sign * nanos))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0m");
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Written(Duration::from_nanos(self.0.unsigned_abs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_may_be_negative() {
        assert_eq!(Offset::parse("-1m30s"), Some(Offset(-90_000_000_000)));
        assert_eq!(Offset::parse("0m"), Some(Offset(0)));
        assert_eq!([Offset::parse("--1m"), Offset::parse("- 1"), Offset::parse("5")], [None; 3]);
        assert_eq!([Offset(-90_000_000_000), Offset(0)].map(|offset| offset.to_string()), ["-90s", "0m"]);
        assert_eq!(Offset::parse("10m").unwrap().time().since(START), Duration::from_secs(600));
    }
}
