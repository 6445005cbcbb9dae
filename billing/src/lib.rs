//! What contracts cost.
//!
//! [`bill::bill`] computes the bill of a month from its 5-minute slots; [`ledger::Ledger`] keeps it
//! to date, slot by slot, and says what is still free. Amounts are decimals with a currency, never
//! floats; the one exception, [`marginal::marginal_price_per_mbps`], is a price for a solver.
//!
//! Nothing here does I/O or reads a clock. Absent on purpose: taxes, credits, rounding to the
//! smallest coin (an invoice's business; lines have 9 places), and rates chained over currencies.
#![forbid(unsafe_code)]

pub mod bill;
mod billed_time;
pub mod contract_check;
pub mod exchange;
#[cfg(test)]
mod fixture;
mod kinds;
pub mod ledger;
pub mod marginal;
pub mod month;
pub mod percentile;
pub mod rates;
pub mod usage;
