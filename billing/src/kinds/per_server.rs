//! Servers or instances: on demand and spot by the hour that they ran, reserved ones by the month,
//! run or not.

use rust_decimal::Decimal;
use weir_model::contract::Purchase;

use super::{Measured, Priced, View, lines};
use crate::{
    bill::{Item, Unit},
    billed_time::Proration,
    rates::Charge,
};

/// Seconds in an hour.
pub(crate) const SECONDS_PER_HOUR: u64 = 3_600;

/// Whether the hours run are paid, and not the months held.
pub(super) fn by_the_hour(purchase: Purchase) -> bool {
    match purchase {
        Purchase::OnDemand | Purchase::Spot => true,
        Purchase::Reserved => false,
    }
}

/// The hours that servers ran; nothing for reserved ones.
pub(super) fn measure(view: &View<'_>, purchase: Purchase) -> Measured {
    if !by_the_hour(purchase) {
        return Measured::NOTHING;
    }
    let readings = view.usage.servers.merged(view.measured.clone());
    Measured { amount: readings.map(|(_, time)| u128::from(time.0)).sum(), per: SECONDS_PER_HOUR }
}

/// Prices `hours` run, or `count` servers reserved for the part of the month.
pub(super) fn price(
    hours: Decimal,
    purchase: Purchase,
    unit_price: Decimal,
    count: Decimal,
    proration: Proration,
) -> Option<Priced> {
    // Hours are metered in the billed time only, so they are not a month's.
    let (quantity, unit, proration) = match by_the_hour(purchase) {
        true => (hours, Unit::ServerHour, Proration::FULL),
        false => (count, Unit::Server, proration),
    };
    let charge = Charge { item: Item::Servers, from: Decimal::ZERO, quantity, unit_price };
    lines(vec![charge], quantity, unit, proration)
}
