//! What was used: readings of 5-minute slots, from every meter that counts for one contract.
//!
//! Readings of several meters are summed per slot, before any percentile is taken: the sum of two
//! ports' 95th percentiles is not the 95th percentile of their sum.

use std::{fmt, sync::Arc};

use rust_decimal::Decimal;
use weir_model::{
    contract::Direction,
    id::{LinkId, NodeId},
    time::UnixNanos,
};

mod coverage;
mod readings;

pub use coverage::Coverage;
pub(crate) use coverage::CoverageCount;
pub(crate) use readings::Recorded;
pub use readings::{Reading, Readings};

/// Seconds in a slot.
pub const SLOT_SECONDS: i64 = 300;
/// Nanoseconds in a slot.
pub const SLOT_NANOS: i64 = SLOT_SECONDS * 1_000_000_000;
/// Bytes in a slot at 1 Mbit/s: 300 s x 10^6 bit/s / 8 bit.
pub const BYTES_PER_MBPS: u64 = 37_500_000;
/// Meters that count for one contract. With [`READING_MAX`] this keeps every sum over meters of
/// both directions below 2^64: 1,024 x 2 x 3.75e15 = 7.7e18.
pub const METERS_MAX: usize = 1_024;
/// Largest figure of one reading. In bytes it is 100 Tbit/s for 300 s (the fastest ports sold have
/// 1.6 Tbit/s), in joules 12.5 TW; beyond it a counter has wrapped or been reset.
pub const READING_MAX: u64 = 3_750_000_000_000_000;

/// What a reading comes from: a port or link, the power meter of a node, a pool of servers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Meter(Arc<str>);

impl From<&str> for Meter {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&LinkId> for Meter {
    fn from(link: &LinkId) -> Self {
        Self(link.as_str().into())
    }
}

impl From<&NodeId> for Meter {
    fn from(node: &NodeId) -> Self {
        Self(node.as_str().into())
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The traffic of one meter in the slot that begins at `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// First instant of the slot: a multiple of 5 minutes since 1970.
    pub start: UnixNanos,
    /// Bytes received in it.
    pub in_bytes: u64,
    /// Bytes sent in it.
    pub out_bytes: u64,
}

/// Bytes of a slot, of one meter or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received.
    pub in_bytes: u64,
    /// Sent.
    pub out_bytes: u64,
}

impl Reading for Traffic {
    fn largest(self) -> u64 {
        self.in_bytes.max(self.out_bytes)
    }

    fn plus(self, other: Self) -> Self {
        Self { in_bytes: self.in_bytes + other.in_bytes, out_bytes: self.out_bytes + other.out_bytes }
    }

    fn minus(self, other: Self) -> Self {
        Self { in_bytes: self.in_bytes - other.in_bytes, out_bytes: self.out_bytes - other.out_bytes }
    }
}

/// Energy that machines drew in a slot, in joules (one kWh is 3.6 million). Without cooling: that
/// is what a PUE adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joules(pub u64);

/// Time that servers or instances ran in a slot, in seconds summed over them: 300 for each that
/// ran all through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerSeconds(pub u64);

macro_rules! single_readings {
    ($($name:ident),*) => {$(
        impl Reading for $name {
            fn largest(self) -> u64 {
                self.0
            }

            fn plus(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }

            fn minus(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
    )*};
}

single_readings!(Joules, ServerSeconds);

/// The one figure of a slot that a contract looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    In,
    Out,
    Larger,
    Sum,
}

impl Figure {
    /// The figures a direction looks at; the largest of their results counts.
    pub(crate) fn all_of(direction: Direction) -> &'static [Self] {
        match direction {
            Direction::In => &[Self::In],
            Direction::Out => &[Self::Out],
            Direction::MaxOfPercentiles => &[Self::In, Self::Out],
            Direction::PercentileOfMax => &[Self::Larger],
            Direction::Sum => &[Self::Sum],
        }
    }

    /// Bytes of a slot.
    pub(crate) fn of(self, traffic: Traffic) -> u64 {
        match self {
            Self::In => traffic.in_bytes,
            Self::Out => traffic.out_bytes,
            Self::Larger => traffic.in_bytes.max(traffic.out_bytes),
            Self::Sum => traffic.in_bytes + traffic.out_bytes,
        }
    }
}

/// The rate at which `bytes` pass in a slot, in Mbit/s: `bytes / 37,500,000`.
///
/// Exact where that quotient ends within 28 digits; a third, which does not end, is rounded at the
/// 28th. So levels are compared in bytes, and divided once, when they are priced.
pub fn mbps(bytes: u64) -> Decimal {
    Decimal::from(bytes) / Decimal::from(BYTES_PER_MBPS)
}

/// Why a reading is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A slot begins between two multiples of 5 minutes.
    #[error("a slot of `{meter}` begins at {start} ns since 1970, which is no multiple of 5 minutes")]
    OffGrid {
        /// Whose.
        meter: Meter,
        /// When it begins, in nanoseconds since 1970.
        start: i64,
    },
    /// A figure above [`READING_MAX`].
    #[error("a slot of `{meter}` holds {figure}, more than the {READING_MAX} that any meter can count")]
    Implausible {
        /// Whose.
        meter: Meter,
        /// What was read: bytes, joules or seconds.
        figure: u64,
    },
    /// More than [`METERS_MAX`] meters.
    #[error("`{0}` is one meter too many: a contract has at most {METERS_MAX}, split it")]
    TooManyMeters(Meter),
}

/// Everything measured for one contract. What lies outside the month and term being billed may be
/// in it; it is left out of the bill.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Traffic by link or port.
    pub traffic: Readings<Traffic>,
    /// Energy by meter.
    pub energy: Readings<Joules>,
    /// Time that servers ran, by pool.
    pub servers: Readings<ServerSeconds>,
    /// Power at the site's meter per power at its machines; contracts for racks and power need it.
    pub pue: Option<Decimal>,
    /// First instant not measured yet; `None`: measuring is over. Slots that end later are not
    /// missing but to come, and are left out.
    pub until: Option<UnixNanos>,
}

impl Usage {
    /// Nothing measured, measuring over.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a slot of traffic. A slot that `meter` already gave is replaced, and counted as such.
    pub fn record(&mut self, meter: &Meter, slot: Slot) -> Result<(), UsageError> {
        let traffic = Traffic { in_bytes: slot.in_bytes, out_bytes: slot.out_bytes };
        self.traffic.record(meter, slot.start, traffic).map(drop)
    }

    /// Adds the energy that `meter` read in the slot beginning at `start`; the last reading wins.
    pub fn record_energy(&mut self, meter: &Meter, start: UnixNanos, energy: Joules) -> Result<(), UsageError> {
        self.energy.record(meter, start, energy).map(drop)
    }

    /// Adds the time that servers of `pool` ran in the slot beginning at `start`; the last reading wins.
    pub fn record_servers(&mut self, pool: &Meter, start: UnixNanos, time: ServerSeconds) -> Result<(), UsageError> {
        self.servers.record(pool, start, time).map(drop)
    }
}

#[cfg(test)]
mod tests;
