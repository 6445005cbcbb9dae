//! Scalars: how the text of a value becomes a typed one.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use rust_decimal::Decimal;

use crate::{
    date::Date,
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
    Date, "a date such as `2026-01-31`", |text| text.parse().ok();
    UnixNanos, "a date such as `2026-01-31`", |text| text.parse().ok().map(Date::utc_midnight);
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
