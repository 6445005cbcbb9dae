//! The kinds of contract, one file each: what each measures and how it is priced.
//!
//! Kinds that sample a rate come first, then those that count a volume, then those that count
//! things. Measuring and pricing are apart, so that the ledger, which measures as it goes, prices
//! as a bill does.

use std::ops::Range;

use rust_decimal::Decimal;
use weir_model::{contract::Billing, time::UnixNanos};

use crate::{
    bill::{Line, Unit},
    billed_time::{BilledTime, Proration},
    month::slots_between,
    rates::{self, Charge},
    usage::{BYTES_PER_MBPS, Coverage, Usage},
};

mod flat_port;
pub(crate) mod fourth_daily_peak;
pub(crate) mod mean_daily_peak;
mod per_gb;
pub(crate) mod per_server;
mod percentile;
pub(crate) mod rack_power;

/// What is billed of a usage, and when.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    pub(crate) time: &'a BilledTime,
    pub(crate) usage: &'a Usage,
    /// The billed time that is measured.
    pub(crate) measured: Range<UnixNanos>,
}

impl View<'_> {
    /// Slots that are over.
    fn elapsed_slots(&self) -> u32 {
        slots_between(self.measured.start, self.measured.end)
    }
}

/// An exact quantity of the kind's unit: `amount / per`.
///
/// `amount` stays below the 2^96 of a decimal: 1,024 meters x 3.75e15 x 8,940 slots are 3.4e22 a
/// month, and a forecast scales them by at most another 8,940.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) amount: u128,
    pub(crate) per: u64,
}

impl Measured {
    pub(crate) const NOTHING: Self = Self { amount: 0, per: 1 };

    /// The rate of slots that hold `bytes` on the mean of `slots`.
    pub(crate) fn rate(bytes: u128, slots: u64) -> Self {
        Self { amount: bytes, per: BYTES_PER_MBPS * slots }
    }

    /// The quotient, to 28 digits; `None` beyond what a decimal holds.
    pub(crate) fn quantity(self) -> Option<Decimal> {
        let amount = Decimal::try_from_i128_with_scale(i128::try_from(self.amount).ok()?, 0).ok()?;
        amount.checked_div(self.per.into())
    }
}

/// A quantity with its price.
#[derive(Clone, Debug)]
pub(crate) struct Priced {
    pub(crate) quantity: Decimal,
    pub(crate) unit: Unit,
    pub(crate) lines: Vec<Line>,
}

/// Which readings a kind is billed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeteredBy {
    Traffic,
    Energy,
    Servers,
    Nothing,
}

/// Which readings `billing` is billed by.
pub(crate) fn metered_by(billing: &Billing) -> MeteredBy {
    match billing {
        Billing::Percentile { .. }
        | Billing::MeanDailyPeak { .. }
        | Billing::FourthDailyPeak { .. }
        | Billing::PerGb { .. } => MeteredBy::Traffic,
        Billing::FlatPort { .. } => MeteredBy::Nothing,
        Billing::RackPower { .. } => MeteredBy::Energy,
        Billing::PerServer { purchase, .. } if per_server::by_the_hour(*purchase) => MeteredBy::Servers,
        Billing::PerServer { .. } => MeteredBy::Nothing,
    }
}

/// Whether the quantity grows with time: twice the time at the same use is twice the quantity.
/// Levels (percentiles, daily peaks) and fixed prices do not.
pub(crate) fn grows_with_time(billing: &Billing) -> bool {
    match billing {
        Billing::Percentile { .. } | Billing::MeanDailyPeak { .. } | Billing::FourthDailyPeak { .. } => false,
        Billing::PerGb { .. } => true,
        _ => metered_by(billing) != MeteredBy::Nothing,
    }
}

/// Whether a bill needs the PUE of the site.
pub(crate) fn needs_pue(billing: &Billing) -> bool {
    metered_by(billing) == MeteredBy::Energy
}

/// Measures what is billed.
pub(crate) fn measure(billing: &Billing, view: &View<'_>) -> Measured {
    match billing {
        Billing::Percentile { percentile, direction, missing, .. } => {
            percentile::measure(view, *percentile, *direction, *missing)
        }
        Billing::MeanDailyPeak { direction, .. } => mean_daily_peak::measure(view, *direction),
        Billing::FourthDailyPeak { direction, .. } => fourth_daily_peak::measure(view, *direction),
        Billing::PerGb { gigabyte, direction, .. } => per_gb::measure(view, *gigabyte, *direction),
        Billing::FlatPort { .. } => Measured::NOTHING,
        Billing::RackPower { .. } => rack_power::measure(view),
        Billing::PerServer { purchase, .. } => per_server::measure(view, *purchase),
    }
}

/// How much of what is billed was measured; `None` when nothing is to be.
pub(crate) fn coverage(billing: &Billing, view: &View<'_>) -> Option<Coverage> {
    let range = view.measured.clone();
    let count = match metered_by(billing) {
        MeteredBy::Traffic => view.usage.traffic.coverage(range),
        MeteredBy::Energy => view.usage.energy.coverage(range),
        MeteredBy::Servers => view.usage.servers.coverage(range),
        MeteredBy::Nothing => return None,
    };
    Some(count.of(view.elapsed_slots()))
}

/// Prices what was measured; `None` when an amount is too large.
pub(crate) fn price(billing: &Billing, measured: Measured, proration: Proration, pue: Decimal) -> Option<Priced> {
    match billing {
        Billing::Percentile { rates, .. }
        | Billing::MeanDailyPeak { rates, .. }
        | Billing::FourthDailyPeak { rates, .. } => {
            let quantity = measured.quantity()?;
            lines(rates::charges(rates, quantity), quantity, Unit::Mbps, proration)
        }
        Billing::PerGb { gigabyte, rates, .. } => per_gb::price(measured.quantity()?, *gigabyte, rates, proration),
        Billing::FlatPort { price } => flat_port::price(*price, proration),
        Billing::RackPower { racks, rack_price, kwh_price } => {
            rack_power::price(measured.quantity()?.checked_mul(pue)?, (*racks, *rack_price), *kwh_price, proration)
        }
        Billing::PerServer { purchase, price, count } => {
            per_server::price(measured.quantity()?, *purchase, *price, *count, proration)
        }
    }
}

/// Charges of one unit as the lines of a bill.
fn lines(charges: Vec<Charge>, quantity: Decimal, unit: Unit, proration: Proration) -> Option<Priced> {
    let lines = charges.into_iter().map(|charge| Line::of(charge, unit, proration)).collect::<Option<_>>()?;
    Some(Priced { quantity, unit, lines })
}
