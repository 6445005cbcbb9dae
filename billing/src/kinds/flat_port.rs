//! A port at a fixed price, whatever passes it.

use rust_decimal::Decimal;

use super::{Priced, lines};
use crate::{
    bill::{Item, Unit},
    billed_time::Proration,
    rates::Charge,
};

/// Prices the port for the part of the month it was there.
pub(super) fn price(price: Decimal, proration: Proration) -> Option<Priced> {
    let charge = Charge { item: Item::Port, from: Decimal::ZERO, quantity: Decimal::ONE, unit_price: price };
    lines(vec![charge], Decimal::ONE, Unit::Port, proration)
}
