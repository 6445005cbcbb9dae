//! Where a ledger stands: bill and forecast, and what may still be used without paying more.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use weir_model::contract::Billing;

use super::Ledger;
use crate::{
    bill::{Bill, BillError, assemble},
    billed_time::BilledTime,
    kinds::{self, Measured, MeteredBy, fourth_daily_peak::FREE_DAYS},
    month::slots_between,
    rates::scaled,
    usage::BYTES_PER_MBPS,
};

impl Ledger {
    /// The bill of the month to date: what the month would cost if it ended as measured so far.
    /// Fixed prices and commits are in it in full. An error where the contract is not in force.
    pub fn bill(&self) -> Result<Bill, BillError> {
        let time = self.time.as_ref().map_err(Clone::clone)?;
        self.priced(time, self.measured(time))
    }

    /// The bill that the whole month will have if use goes on as it was.
    ///
    /// Volumes, energy and hours go on at the mean of the slots measured. Levels and fixed prices
    /// are taken as they are: a month has ten times the slots of three days, not ten times their
    /// percentile. At the end of the month it is the bill.
    pub fn forecast(&self) -> Result<Bill, BillError> {
        let time = self.time.as_ref().map_err(Clone::clone)?;
        let mut measured = self.measured(time);
        let (present, remaining) = (self.coverage.present, self.remaining_slots(time));
        if kinds::grows_with_time(&self.contract.billing) && present > 0 {
            measured.amount *= u128::from(present + remaining);
            measured.per *= u64::from(present);
        }
        self.priced(time, measured)
    }

    /// The level that a rate contract is at, in Mbit/s; `None` for other kinds.
    pub fn level_mbps(&self) -> Option<Decimal> {
        let time = self.time.as_ref().ok()?;
        self.samples_rate().then(|| self.measured(time).quantity())?
    }

    /// How many slots more of this month may exceed the current percentile before it rises: the
    /// 5 % (at p = 95) of all slots that will count at the month's end, less those above it now.
    /// Where directions are billed apart, that of the direction with fewer. `None` for other kinds.
    pub fn free_slots(&self) -> Option<u32> {
        let time = self.time.as_ref().ok()?;
        let elapsed = self.elapsed_slots(time);
        self.running.free_slots(self.running.percentile_bytes(elapsed), elapsed, self.remaining_slots(time))
    }

    /// As [`Ledger::free_slots`], for a level other than the current, e.g. the commit: how many
    /// slots more may exceed it before the month's percentile does. 0 also where it already must.
    pub fn free_slots_above(&self, level_mbps: Decimal) -> Option<u32> {
        let time = self.time.as_ref().ok()?;
        let bytes = level_mbps.max(Decimal::ZERO).checked_mul(BYTES_PER_MBPS.into());
        // Slots hold whole bytes: they exceed a level when they exceed its whole part.
        let level = bytes.and_then(|bytes| bytes.trunc().to_u64()).unwrap_or(u64::MAX);
        self.running.free_slots(level, self.elapsed_slots(time), self.remaining_slots(time))
    }

    /// Of a contract by the 4th largest daily peak: how many days more may exceed the current level
    /// before it rises. A day above it already may have any number of slots more. `None` for other
    /// kinds.
    pub fn free_days(&self) -> Option<u32> {
        let time = self.time.as_ref().ok()?;
        let Billing::FourthDailyPeak { .. } = self.contract.billing else { return None };
        let level = self.measured(time).amount.to_u64().unwrap_or(u64::MAX);
        Some(FREE_DAYS.saturating_sub(self.running.days_above(level)) as u32)
    }

    /// What may be used more without exceeding the commit, in Mbit/s; 0 when it is exceeded.
    ///
    /// Of a rate contract that is the commit less the level. Of one by the gigabyte it is the rate
    /// that uses up the rest of the commit, all through the rest of the billed time. `None` for
    /// kinds without a commit.
    pub fn headroom_mbps(&self) -> Option<Decimal> {
        let time = self.time.as_ref().ok()?;
        let quantity = self.measured(time).quantity()?;
        let headroom = match &self.contract.billing {
            Billing::PerGb { gigabyte, rates, .. } => {
                let left = scaled(rates, time.proration())?.commit.checked_sub(quantity)?;
                let slots = self.remaining_slots(time);
                if slots == 0 {
                    return Some(Decimal::ZERO);
                }
                let per_slot = left.checked_mul(gigabyte.bytes().into())?.checked_div(slots.into())?;
                per_slot.checked_div(BYTES_PER_MBPS.into())?
            }
            billing => billing.rates()?.commit.checked_sub(quantity)?,
        };
        Some(headroom.max(Decimal::ZERO))
    }

    fn samples_rate(&self) -> bool {
        let billing = &self.contract.billing;
        kinds::metered_by(billing) == MeteredBy::Traffic && !kinds::grows_with_time(billing)
    }

    fn measured(&self, time: &BilledTime) -> Measured {
        self.running.measured(self.elapsed_slots(time))
    }

    fn priced(&self, time: &BilledTime, measured: Measured) -> Result<Bill, BillError> {
        let metered = kinds::metered_by(&self.contract.billing) != MeteredBy::Nothing;
        let coverage = metered.then(|| self.coverage.of(self.elapsed_slots(time)));
        assemble(&self.contract, time, measured, coverage, self.usage.pue)
    }

    /// Slots of the billed time that are over.
    fn elapsed_slots(&self, time: &BilledTime) -> u32 {
        slots_between(time.start, self.until)
    }

    /// Slots of the billed time that are to come.
    fn remaining_slots(&self, time: &BilledTime) -> u32 {
        time.slots() - self.elapsed_slots(time)
    }
}
