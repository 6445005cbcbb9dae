//! Instants as text, for SQL literals and JSON.

use weir_model::time::UnixNanos;

/// `2026-01-31T10:03:00.5Z`: UTC, as many decimals as are not zero (RFC 3339, section 5.6).
#[allow(clippy::expect_used, reason = "i64 nanoseconds end in 2262, jiff's timestamps in 9999")]
pub(crate) fn rfc3339(time: UnixNanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.0)).expect("within the years 1677 to 2262").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_utc_and_exact() {
        let text = |nanos| rfc3339(UnixNanos(nanos));
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_767_225_600_000_000_001), "2026-01-01T00:00:00.000000001Z");
        assert_eq!(text(-500_000_000), "1969-12-31T23:59:59.5Z");
        assert_eq!(text(i64::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(text(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }
}
