//! Month-to-date ledgers: a bill kept up to date slot by slot.
//!
//! A ledger holds the readings of the current month and, for each figure its contract looks at, an
//! order-statistics tree of the slots (`ledger/ranked.rs`): a slot that arrives, in any order, or corrects
//! an earlier one costs O(log n), as does the percentile at any time. After every slot
//! [`Ledger::bill`] equals [`crate::bill::bill`] of the same slots, which knows no tree and sorts.
//!
//! A slot of a later month closes the current one; the bills of closed months are returned to
//! whoever records.

use rust_decimal::Decimal;
use weir_model::{contract::Contract, time::UnixNanos};

use crate::{
    bill::{Bill, BillError, bill},
    billed_time::BilledTime,
    contract_check::check_contract,
    kinds::{self, MeteredBy},
    month::{Month, MonthError, Zone},
    usage::{CoverageCount, Joules, Meter, Recorded, SLOT_NANOS, ServerSeconds, Slot, Traffic, Usage, UsageError},
};

mod ranked;
mod running;
mod standing;

use running::{Running, SlotChange};

/// Months that a slot may be ahead of the ledger: a year, with the month it began in. A slot
/// further ahead has a wrong date, and would close months that are not over.
pub const MONTHS_AHEAD_MAX: usize = 13;

/// Why a ledger cannot be opened, or refuses a reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The reading itself is bad.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// No such month.
    #[error(transparent)]
    Month(#[from] MonthError),
    /// The contract cannot be billed, or the month that the reading closes cannot.
    #[error(transparent)]
    Bill(#[from] BillError),
    /// The reading corrects a month whose bill is out.
    #[error("a slot of {} s since 1970 is before {month}, the ledger's month: bill its own anew", .start.secs())]
    MonthClosed {
        /// When the slot begins.
        start: UnixNanos,
        /// The ledger's month.
        month: String,
    },
    /// The reading is more than [`MONTHS_AHEAD_MAX`] months ahead.
    #[error("a slot of {} s since 1970 is over {MONTHS_AHEAD_MAX} months after {month}", .start.secs())]
    TooFarAhead {
        /// When the slot begins.
        start: UnixNanos,
        /// The ledger's month.
        month: String,
    },
}

/// The month to date of one contract.
#[derive(Clone, Debug)]
pub struct Ledger {
    contract: Contract,
    month: Month,
    /// What of the month is billed; why not, when nothing is.
    time: Result<BilledTime, BillError>,
    /// Readings of the billed time.
    usage: Usage,
    running: Running,
    coverage: CoverageCount,
    /// First instant of the billed time not measured yet: where the last slot recorded ends.
    until: UnixNanos,
}

impl Ledger {
    /// An empty ledger of the month of `contract` that `at` lies in. Contracts for power also need
    /// the PUE of their site.
    pub fn open(contract: Contract, at: UnixNanos, pue: Option<Decimal>) -> Result<Self, LedgerError> {
        check_contract(&contract).map_err(BillError::from)?;
        if kinds::needs_pue(&contract.billing) && pue.is_none() {
            return Err(BillError::NoPue(contract.id.clone()).into());
        }
        let month = Zone::named(&contract.time_zone)?.month_of(at)?;
        Ok(Self::of_month(contract, month, pue))
    }

    fn of_month(contract: Contract, month: Month, pue: Option<Decimal>) -> Self {
        let time = BilledTime::of(&contract, &month);
        let start = time.as_ref().map_or(month.start(), |time| time.start);
        let running = Running::new(&contract.billing, month.days());
        let usage = Usage { pue, until: Some(start), ..Usage::new() };
        Self { contract, month, time, usage, running, coverage: CoverageCount::default(), until: start }
    }

    /// Whose it is.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The current month.
    pub fn month(&self) -> &Month {
        &self.month
    }

    /// First instant of the billed time not measured yet.
    pub fn until(&self) -> UnixNanos {
        self.until
    }

    /// What was recorded of the current month and is billed; `until` says how far it goes.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Takes a slot of traffic of a port or link, and returns the bills of the months it closes.
    /// The last slot of a meter and time wins. Slots outside the contract's term close months but
    /// are not billed; so are those of a contract that does not bill traffic.
    pub fn record(&mut self, meter: &Meter, slot: Slot) -> Result<Vec<Bill>, LedgerError> {
        let traffic = Traffic { in_bytes: slot.in_bytes, out_bytes: slot.out_bytes };
        self.usage.traffic.check(meter, slot.start, traffic)?;
        let closed = self.advance(slot.start)?;
        let Some(time) = self.bills(slot.start, MeteredBy::Traffic) else { return Ok(closed) };
        let day = time.month.day_of(slot.start).unwrap_or(0);
        let old_until = self.until;
        let recorded = self.usage.traffic.record(meter, slot.start, traffic)?;
        self.count(slot.start, &recorded);
        self.running.change_traffic(&SlotChange {
            start: slot.start,
            day,
            before: recorded.before,
            after: recorded.after,
            previous: self.usage.traffic.previous(slot.start),
            next: self.usage.traffic.next(slot.start),
            old_until,
            until: self.until,
        });
        Ok(closed)
    }

    /// Takes the energy that `meter` read in the slot beginning at `start`; else as [`Ledger::record`].
    pub fn record_energy(&mut self, meter: &Meter, start: UnixNanos, energy: Joules) -> Result<Vec<Bill>, LedgerError> {
        self.usage.energy.check(meter, start, energy)?;
        let closed = self.advance(start)?;
        if self.bills(start, MeteredBy::Energy).is_some() {
            let recorded = self.usage.energy.record(meter, start, energy)?;
            self.count(start, &recorded);
            self.running.change_count(recorded.before.unwrap_or_default().0, recorded.after.0);
        }
        Ok(closed)
    }

    /// Takes the time that servers of `pool` ran in the slot beginning at `start`; else as
    /// [`Ledger::record`].
    pub fn record_servers(
        &mut self,
        pool: &Meter,
        start: UnixNanos,
        time: ServerSeconds,
    ) -> Result<Vec<Bill>, LedgerError> {
        self.usage.servers.check(pool, start, time)?;
        let closed = self.advance(start)?;
        if self.bills(start, MeteredBy::Servers).is_some() {
            let recorded = self.usage.servers.record(pool, start, time)?;
            self.count(start, &recorded);
            self.running.change_count(recorded.before.unwrap_or_default().0, recorded.after.0);
        }
        Ok(closed)
    }

    /// Moves on to the month that `now` lies in, and returns the bills of the months left behind,
    /// without those in which the contract was not in force. An instant of the current month
    /// changes nothing. Either all months are closed or, on an error, none.
    pub fn advance(&mut self, now: UnixNanos) -> Result<Vec<Bill>, LedgerError> {
        if now < self.month.start() {
            return Err(LedgerError::MonthClosed { start: now, month: self.month.to_string() });
        }
        if now < self.month.end() {
            return Ok(Vec::new());
        }
        let complete = Usage { until: None, ..self.usage.clone() };
        let mut bills = Vec::new();
        let mut month = self.month.clone();
        for _ in 0..MONTHS_AHEAD_MAX {
            match bill(&self.contract, &month, &complete) {
                Ok(bill) => bills.push(bill),
                Err(BillError::NotInForce { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            month = month.next()?;
            if now < month.end() {
                *self = Self::of_month(self.contract.clone(), month, self.usage.pue);
                return Ok(bills);
            }
        }
        Err(LedgerError::TooFarAhead { start: now, month: self.month.to_string() })
    }

    /// The billed time, if a reading of this sort at `start` counts in it.
    fn bills(&self, start: UnixNanos, sort: MeteredBy) -> Option<&BilledTime> {
        let time = self.time.as_ref().ok()?;
        (time.contains(start) && kinds::metered_by(&self.contract.billing) == sort).then_some(time)
    }

    fn count<R>(&mut self, start: UnixNanos, recorded: &Recorded<R>) {
        if recorded.replaces {
            self.coverage.replaced += 1;
        } else {
            self.coverage.add_reading(recorded.meter, start);
        }
        self.coverage.present += u32::from(recorded.before.is_none());
        let slot_end = UnixNanos(start.0.saturating_add(SLOT_NANOS));
        self.until = self.until.max(slot_end);
        self.usage.until = Some(self.until);
    }
}

#[cfg(test)]
mod tests;
