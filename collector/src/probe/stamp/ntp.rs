//! The 64-bit NTP timestamp (RFC 5905, section 6): seconds since 1900 and 2^-32 of a second.

use std::time::Duration;

use weir_model::time::UnixNanos;

/// Seconds from 1900-01-01 to 1970-01-01 (RFC 5905, figure 4).
const NTP_TO_UNIX_SECS: i64 = 2_208_988_800;

/// As on the wire, in host order. The seconds wrap in 2036; differences are right across that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NtpTime(pub(crate) u64);

impl NtpTime {
    /// The stamp of a wall-clock time, rounded down to 2^-32 s.
    pub(crate) fn from_unix(time: UnixNanos) -> Self {
        let secs = (time.secs() + NTP_TO_UNIX_SECS) as u64;
        let nanos = time.0.rem_euclid(1_000_000_000) as u64;
        Self((secs << 32) | ((nanos << 32) / 1_000_000_000))
    }

    /// The span since `earlier`, at most 68 years; `None` when that is later.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        let fixed_point = u64::try_from(self.0.wrapping_sub(earlier.0) as i64).ok()?;
        let nanos = ((fixed_point & 0xffff_ffff) * 1_000_000_000) >> 32;
        Some(Duration::from_secs(fixed_point >> 32) + Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_and_half_a_second() {
        assert_eq!(NtpTime::from_unix(UnixNanos(0)).0, 0x83aa_7e80_0000_0000);
        assert_eq!(NtpTime::from_unix(UnixNanos(500_000_000)).0, 0x83aa_7e80_8000_0000);
    }

    #[test]
    fn spans_cross_the_end_of_the_era() {
        // 2036-02-07T06:28:16Z is second 2^32.
        let wrap = UnixNanos::from_secs((1 << 32) - NTP_TO_UNIX_SECS);
        let (before, after) = (UnixNanos(wrap.0 - 250_000_000), UnixNanos(wrap.0 + 500_000_000));
        let span = NtpTime::from_unix(after).since(NtpTime::from_unix(before));
        assert_eq!(span, Some(Duration::from_millis(750)));
        assert_eq!(NtpTime::from_unix(before).since(NtpTime::from_unix(after)), None);
    }
}
