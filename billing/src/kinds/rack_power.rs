//! Racks, and the energy used in them. What the machines draw is metered; what the site draws for
//! them, cooling and losses included, is that times its PUE (ISO/IEC 30134-2), and is what is paid.

use rust_decimal::Decimal;

use super::{Measured, Priced, View};
use crate::{
    bill::{Item, Line, Unit},
    billed_time::Proration,
    rates::Charge,
};

/// Joules in a kilowatt-hour: 1,000 W x 3,600 s.
pub(crate) const JOULES_PER_KWH: u64 = 3_600_000;

/// The energy that the machines drew, in kWh.
pub(super) fn measure(view: &View<'_>) -> Measured {
    let readings = view.usage.energy.merged(view.measured.clone());
    Measured { amount: readings.map(|(_, joules)| u128::from(joules.0)).sum(), per: JOULES_PER_KWH }
}

/// Prices `(count, price)` racks for the part of the month, and `energy` kWh at the site's meter.
pub(super) fn price(
    energy: Decimal,
    (racks, rack_price): (Decimal, Decimal),
    kwh_price: Decimal,
    proration: Proration,
) -> Option<Priced> {
    let from = Decimal::ZERO;
    let racks = Charge { item: Item::Racks, from, quantity: racks, unit_price: rack_price };
    let power = Charge { item: Item::Energy, from, quantity: energy, unit_price: kwh_price };
    let lines = vec![
        Line::of(racks, Unit::Rack, proration)?,
        // Energy is metered in the billed time only, so it is not a month's.
        Line::of(power, Unit::KilowattHour, Proration::FULL)?,
    ];
    Some(Priced { quantity: energy, unit: Unit::KilowattHour, lines })
}
