//! By the gigabyte, of 10^9 or 2^30 bytes. Slots that are missing hold nothing.

use rust_decimal::Decimal;
use weir_model::contract::{Direction, Gigabyte, Rates};

use super::{Measured, Priced, View, lines};
use crate::{
    bill::Unit,
    billed_time::Proration,
    rates::{charges, scaled},
    usage::Figure,
};

/// The volume billed. Of `max_of_percentiles` it is the larger of the directions' volumes, of
/// `percentile_of_max` the volume of each slot's larger direction.
pub(super) fn measure(view: &View<'_>, gigabyte: Gigabyte, direction: Direction) -> Measured {
    let volume = |figure: &Figure| {
        let slots = view.usage.traffic.merged(view.measured.clone());
        slots.map(|(_, traffic)| u128::from(figure.of(traffic))).sum()
    };
    let bytes = Figure::all_of(direction).iter().map(volume).max().unwrap_or(0);
    Measured { amount: bytes, per: gigabyte.bytes() }
}

/// Prices `quantity` gigabytes. Commit and tier bounds are per month: in a part of a month they
/// are that part of themselves, while a gigabyte costs what it costs.
pub(super) fn price(quantity: Decimal, gigabyte: Gigabyte, rates: &Rates, proration: Proration) -> Option<Priced> {
    let unit = match gigabyte {
        Gigabyte::Decimal => Unit::Gigabyte,
        Gigabyte::Binary => Unit::Gibibyte,
    };
    lines(charges(&scaled(rates, proration)?, quantity), quantity, unit, Proration::FULL)
}
