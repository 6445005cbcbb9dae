//! Quantities with their units.

use std::{fmt, iter::Sum, ops};

use serde::{Deserialize, Serialize};

macro_rules! quantities {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl ops::Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl ops::Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                Self(all.map(|q| q.0).sum())
            }
        }
    )*};
}

quantities! {
    /// Bits per second.
    Bps,
    /// Milliseconds, of latency.
    Millis,
}

/// Decimal prefixes of bit rates, largest first (SI: k = 10^3).
const RATE_PREFIXES: [(&str, f64); 4] = [("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)];

impl Bps {
    /// Reads `10Gbps`, `200 Mbit/s`, `64k` or a plain number of bits per second.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = ["bit/s", "bps", "b/s"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text).trim_end();
        let (number, factor) = RATE_PREFIXES
            .iter()
            .find_map(|(prefix, factor)| Some((text.strip_suffix(prefix)?.trim_end(), *factor)))
            .unwrap_or((text, 1.0));
        let rate = number.parse::<f64>().ok()? * factor;
        (rate.is_finite() && rate >= 0.0).then_some(Self(rate))
    }

    /// Megabits per second, the unit that rate contracts are priced in.
    pub fn mbps(self) -> f64 {
        self.0 / 1e6
    }
}

impl fmt::Display for Bps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RATE_PREFIXES.iter().find(|(_, factor)| self.0.abs() >= *factor) {
            Some((prefix, factor)) => write!(f, "{:.4} {prefix}bit/s", self.0 / factor),
            None => write!(f, "{} bit/s", self.0),
        }
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_their_prefixes() {
        for (text, bps) in [("10Gbps", 10e9), ("200 Mbit/s", 200e6), ("64k", 64e3), ("1.5T", 1.5e12), ("42", 42.0)] {
            assert_eq!(Bps::parse(text), Some(Bps(bps)), "{text}");
        }
        for text in ["", "fast", "-1", "10 Gb", "NaN", "inf", "10GiB"] {
            assert_eq!(Bps::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rates_are_written_for_people() {
        assert_eq!(Bps(1.25e9).to_string(), "1.2500 Gbit/s");
        assert_eq!(Bps(12.0).to_string(), "12 bit/s");
    }
}
