//! The part of a month that a contract is billed for.

use std::ops::Range;

use rust_decimal::Decimal;
use weir_model::{contract::Contract, time::UnixNanos};

use crate::{
    bill::BillError,
    month::{Month, slots_between},
    usage::{SLOT_NANOS, Usage},
};

/// Which part of a month is billed, in 5-minute slots, so that a day of 23 hours weighs what it
/// lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proration {
    /// Slots in which the contract was in force.
    pub billed_slots: u32,
    /// Slots of the whole month; at least 1.
    pub month_slots: u32,
}

impl Proration {
    /// All of it.
    pub const FULL: Self = Self { billed_slots: 1, month_slots: 1 };

    /// Whether nothing is left out.
    pub fn is_full(self) -> bool {
        self.billed_slots == self.month_slots
    }

    /// This part of `amount`; `None` when a decimal cannot hold it.
    pub fn part_of(self, amount: Decimal) -> Option<Decimal> {
        if self.is_full() {
            return Some(amount);
        }
        amount.checked_mul(self.billed_slots.into())?.checked_div(self.month_slots.into())
    }

    /// The factor as a float, for prices that are approximate anyway.
    pub(crate) fn factor_f64(self) -> f64 {
        f64::from(self.billed_slots) / f64::from(self.month_slots)
    }
}

/// What of a month lies inside a contract's term.
#[derive(Clone, Debug)]
pub(crate) struct BilledTime {
    pub(crate) month: Month,
    /// First instant billed.
    pub(crate) start: UnixNanos,
    /// First instant no longer billed.
    pub(crate) end: UnixNanos,
}

impl BilledTime {
    /// The billed part of `month`; an error when the month is of another zone, or when no slot of
    /// it begins inside the term.
    pub(crate) fn of(contract: &Contract, month: &Month) -> Result<Self, BillError> {
        if month.zone().name() != contract.time_zone {
            return Err(BillError::ForeignMonth {
                contract: contract.id.clone(),
                zone: contract.time_zone.clone(),
                month_zone: month.zone().name().to_owned(),
            });
        }
        let instant = |bound| month.zone().instant_of(bound);
        let start = contract.starts.map(instant).map_or(month.start(), |starts| starts.max(month.start()));
        let end = contract.ends.map(instant).map_or(month.end(), |ends| ends.min(month.end()));
        let time = Self { month: month.clone(), start, end };
        if time.slots() == 0 {
            return Err(BillError::NotInForce { contract: contract.id.clone(), month: month.to_string() });
        }
        Ok(time)
    }

    pub(crate) fn contains(&self, at: UnixNanos) -> bool {
        self.start <= at && at < self.end
    }

    /// Slots that begin in it.
    pub(crate) fn slots(&self) -> u32 {
        slots_between(self.start, self.end)
    }

    pub(crate) fn proration(&self) -> Proration {
        Proration { billed_slots: self.slots(), month_slots: self.month.slots() }
    }

    /// Where in it measuring has got to: the end of the last slot that is over.
    pub(crate) fn measured(&self, usage: &Usage) -> Range<UnixNanos> {
        let until = usage.until.map_or(self.end, |until| {
            let slot_end = UnixNanos(until.0.saturating_sub(until.0.rem_euclid(SLOT_NANOS)));
            slot_end.clamp(self.start, self.end)
        });
        self.start..until
    }
}

#[cfg(test)]
mod tests;
