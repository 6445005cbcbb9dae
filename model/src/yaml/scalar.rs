//! Scalars: how the text of a value becomes a typed one.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use rust_decimal::Decimal;

use crate::{
    id::*,
    money::{Currency, Money},
    time::{UnixNanos, parse_duration},
    unit::{Bps, Millis},
};

/// A type that a YAML scalar can be read as.
pub trait Scalar: Sized {
    /// What the text should have been, for the error message: "a duration such as `50ms`".
    fn expected() -> String;

    /// Reads the text.
    fn parse(text: &str) -> Option<Self>;

    /// The words this type accepts, when they are few: for "did you mean".
    fn words() -> &'static [&'static str] {
        &[]
    }
}

/// An enum written as one of a few words.
pub trait Keyword: Copy + 'static {
    /// Every word with what it means, in the order of the manual.
    const WORDS: &'static [(&'static str, Self)];
    /// The words alone.
    const NAMES: &'static [&'static str];
}

/// Gives an enum its written form, for YAML, SQL, JSON and messages alike.
#[macro_export]
macro_rules! keywords {
    ($type:ty { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl $crate::yaml::Keyword for $type {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
            const NAMES: &'static [&'static str] = &[$($word),+];
        }

        #[allow(unreachable_pub, reason = "the enum may be private")]
        impl $type {
            /// The word it is written as, in files, SQL and messages.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

impl<K: Keyword> Scalar for K {
    fn expected() -> String {
        let words: Vec<String> = K::NAMES.iter().map(|word| format!("`{word}`")).collect();
        format!("one of {}", words.join(", "))
    }

    fn parse(text: &str) -> Option<Self> {
        K::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn words() -> &'static [&'static str] {
        K::NAMES
    }
}

macro_rules! scalars {
    ($($type:ty, $expected:literal, $parse:expr;)*) => {$(
        impl Scalar for $type {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn parse(text: &str) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(text)
            }
        }
    )*};
}

scalars! {
    String, "text", |text| Some(text.to_owned());
    bool, "`true` or `false`", |text| text.parse().ok();
    u16, "a whole number from 0 to 65535", |text| text.parse().ok();
    u32, "a whole number from 0", |text| text.parse().ok();
    u64, "a whole number from 0", |text| text.parse().ok();
    usize, "a whole number from 0", |text| text.parse().ok();
    f64, "a finite number", |text| text.parse().ok().filter(|number: &f64| number.is_finite());
    Decimal, "a decimal number such as `0.35`", |text| text.parse().ok();
    Duration, "a duration such as `50ms`, `5m` or `30d`", parse_duration;
    Bps, "a bit rate such as `10Gbps` or `200Mbps`", Bps::parse;
    Millis, "a latency such as `12ms`", |text| {
        parse_duration(text).map(|span| Millis(span.as_secs_f64() * 1e3))
    };
    Money, "an amount with its currency such as `0.35 EUR`", Money::parse;
    Currency, "a currency such as `EUR` (three capital letters, ISO 4217)", |text| text.parse().ok();
    IpAddr, "an IP address", |text| text.parse().ok();
    IpNet, "a prefix such as `192.0.2.0/24` without host bits", |text| {
        text.parse::<IpNet>().ok().filter(|net| net.addr() == net.network())
    };
    UnixNanos, "a date such as `2026-01-31`", parse_date;
}

macro_rules! id_scalars {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            fn expected() -> String {
                format!("an id: 1 to {ID_LENGTH_MAX} letters, digits, `-`, `_` and `.`")
            }

            fn parse(text: &str) -> Option<Self> {
                is_id(text).then(|| Self::from(text))
            }
        }
    )*};
}

id_scalars!(ProviderId, SiteId, NodeId, LinkId, ContractId, GroupId, CustomerId, DomainId, VantageId);

fn is_id(text: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Reads `2026-01-31` as its midnight in UTC (proleptic Gregorian calendar; days counted as in
/// Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
fn parse_date(text: &str) -> Option<UnixNanos> {
    let mut parts = text.splitn(3, '-');
    let year: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let day: i64 = parts.next()?.parse().ok()?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=2200).contains(&year) || !(1..=days_in_month).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(UnixNanos::from_secs((era * 146_097 + day_of_era - 719_468) * 86_400))
}
