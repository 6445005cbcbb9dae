//! Bills: what a contract costs in a month, and why.

use std::fmt;

use rust_decimal::Decimal;
use weir_model::{contract::Contract, id::ContractId, money::Money, time::UnixNanos};

pub use crate::billed_time::Proration;
use crate::{
    billed_time::BilledTime,
    contract_check::{ContractError, check_contract},
    kinds::{self, Measured, View},
    month::Month,
    rates::Charge,
    usage::{Coverage, Usage},
};

/// Decimal places of a line's amount. With at most [`AMOUNT_MAX`] a line, a sum of 10^4 lines needs
/// 15 + 9 + 4 = 28 digits, which a decimal holds: sums of lines are exact.
pub const AMOUNT_PLACES: u32 = 9;
/// Largest amount of one line, 10^15 of any currency; beyond it a price or quantity is a mistake.
pub const AMOUNT_MAX: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Paid for, used or not.
    Commit,
    /// Used above the commit.
    Overage,
    /// Used, where nothing is committed to.
    Usage,
    /// A port.
    Port,
    /// Racks.
    Racks,
    /// Energy at the site's meter.
    Energy,
    /// Servers or instances.
    Servers,
}

impl Item {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Overage => "overage",
            Self::Usage => "usage",
            Self::Port => "port",
            Self::Racks => "racks",
            Self::Energy => "energy",
            Self::Servers => "servers",
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 10^6 bit/s.
    Mbps,
    /// 10^9 bytes.
    Gigabyte,
    /// 2^30 bytes.
    Gibibyte,
    /// A port, for the month.
    Port,
    /// A rack, for the month.
    Rack,
    /// 3.6 million joules at the site's meter.
    KilowattHour,
    /// A server, for an hour.
    ServerHour,
    /// A server, for the month.
    Server,
}

impl Unit {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mbps => "Mbit/s",
            Self::Gigabyte => "GB",
            Self::Gibibyte => "GiB",
            Self::Port => "port",
            Self::Rack => "rack",
            Self::KilowattHour => "kWh",
            Self::ServerHour => "server-hour",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A part of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is for.
    pub item: Item,
    /// The quantity at which it begins: lines of tiers lie end to end.
    pub from: Decimal,
    /// How much.
    pub quantity: Decimal,
    /// Of what.
    pub unit: Unit,
    /// Per unit, for a whole month where the unit is one that lasts.
    pub unit_price: Decimal,
    /// The part of the month paid for.
    pub proration: Proration,
    /// `quantity x unit_price x proration`, to [`AMOUNT_PLACES`] places, half to even.
    pub amount: Decimal,
}

impl Line {
    /// The line of a charge; `None` above [`AMOUNT_MAX`].
    pub(crate) fn of(charge: Charge, unit: Unit, proration: Proration) -> Option<Self> {
        let Charge { item, from, quantity, unit_price } = charge;
        let amount = proration.part_of(quantity.checked_mul(unit_price)?)?.round_dp(AMOUNT_PLACES);
        (amount.abs() <= AMOUNT_MAX).then_some(Self { item, from, quantity, unit, unit_price, proration, amount })
    }
}

/// What a contract costs in a month. The sum of its lines is its total, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Whose.
    pub contract: ContractId,
    /// How it is billed, as [`weir_model::contract::Billing::kind`] names it.
    pub kind: &'static str,
    /// The month, e.g. `2024-02`.
    pub month: String,
    /// First instant billed.
    pub start: UnixNanos,
    /// First instant after it that is not billed.
    pub end: UnixNanos,
    /// What is to be paid.
    pub total: Money,
    /// What was used: of a rate contract its level, not its commit.
    pub quantity: Decimal,
    /// What the quantity counts.
    pub unit: Unit,
    /// How much was measured; `None` for kinds that measure nothing.
    pub coverage: Option<Coverage>,
    /// The part of the month in which the contract was in force.
    pub proration: Proration,
    /// How the total came about.
    pub lines: Vec<Line>,
}

/// Why there is no bill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// The contract contradicts itself.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The month's midnights are those of another zone.
    #[error("contract `{contract}` is billed in {zone}, the month given is one of {month_zone}")]
    ForeignMonth {
        /// Whose bill.
        contract: ContractId,
        /// The contract's zone.
        zone: String,
        /// The month's zone.
        month_zone: String,
    },
    /// No slot of the month begins inside the contract's term.
    #[error("contract `{contract}` is not in force in {month}")]
    NotInForce {
        /// Whose bill.
        contract: ContractId,
        /// Of which month.
        month: String,
    },
    /// Power is billed, but by which PUE is not known.
    #[error("contract `{0}` bills power: give the PUE of its site")]
    NoPue(ContractId),
    /// A quantity or an amount is too large to be true.
    #[error("an amount of contract `{0}` exceeds {AMOUNT_MAX}: check its prices and quantities")]
    TooLarge(ContractId),
}

/// The bill of `contract` for `month`, a month of the contract's zone, by what was used in it.
///
/// If measuring is not over (`usage.until`), it is the bill that the month would have if it ended
/// as measured so far: fixed prices and commits in full, quantities as they are.
pub fn bill(contract: &Contract, month: &Month, usage: &Usage) -> Result<Bill, BillError> {
    check_contract(contract)?;
    let time = BilledTime::of(contract, month)?;
    let view = View { time: &time, usage, measured: time.measured(usage) };
    let measured = kinds::measure(&contract.billing, &view);
    let coverage = kinds::coverage(&contract.billing, &view);
    assemble(contract, &time, measured, coverage, usage.pue)
}

/// Prices what was measured.
pub(crate) fn assemble(
    contract: &Contract,
    time: &BilledTime,
    measured: Measured,
    coverage: Option<Coverage>,
    pue: Option<Decimal>,
) -> Result<Bill, BillError> {
    let too_large = || BillError::TooLarge(contract.id.clone());
    if kinds::needs_pue(&contract.billing) && pue.is_none() {
        return Err(BillError::NoPue(contract.id.clone()));
    }
    let proration = time.proration();
    let priced = kinds::price(&contract.billing, measured, proration, pue.unwrap_or(Decimal::ONE));
    let kinds::Priced { quantity, unit, lines } = priced.ok_or_else(too_large)?;
    let total = lines.iter().try_fold(Decimal::ZERO, |total, line| total.checked_add(line.amount));
    Ok(Bill {
        contract: contract.id.clone(),
        kind: contract.billing.kind(),
        month: time.month.to_string(),
        start: time.start,
        end: time.end,
        total: Money::new(total.ok_or_else(too_large)?, contract.currency),
        quantity,
        unit,
        coverage,
        proration,
        lines,
    })
}

#[cfg(test)]
mod tests;
