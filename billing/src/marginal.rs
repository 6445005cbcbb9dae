//! What one more Mbit/s costs: a float, linearised, for the objective of a solver. Bills never use it.

use weir_model::contract::{Billing, Contract};

use crate::{
    billed_time::BilledTime,
    month::Month,
    rates::{marginal_price, scaled},
    usage::BYTES_PER_MBPS,
};

/// The linearised price, in the contract's currency, of one more Mbit/s from now to the end of
/// `month`, for traffic in the direction that the contract counts, when the contract's level is
/// `level_mbps`. 0 when the contract is not in force, and wherever use changes nothing.
///
/// By kind:
/// - `percentile`, `mean_daily_peak`, `fourth_daily_peak`: the price per Mbit/s and month at the
///   level: 0 below the commit, then the overage price or that of the tier reached, times the part
///   of the month that is billed. It takes the Mbit/s to raise the level by one, as it does when
///   it is there all the time. A Mbit/s in free slots ([`crate::ledger::Ledger::free_slots`]) or
///   off the daily peak costs nothing; that is the caller's to know.
/// - `per_gb`: the gigabytes of one Mbit/s in every slot of the billed time, at the price of the
///   tier that `level_mbps` all through the billed time reaches.
/// - all others: 0. A port is paid for whether used or not, and what a Mbit/s takes of power and
///   servers is not the contract's to say.
///
/// Left out at the bounds of `volume` tiers: the fall in the price of all units below.
pub fn marginal_price_per_mbps(contract: &Contract, month: &Month, level_mbps: f64) -> f64 {
    let Ok(time) = BilledTime::of(contract, month) else { return 0.0 };
    match &contract.billing {
        Billing::Percentile { rates, .. }
        | Billing::MeanDailyPeak { rates, .. }
        | Billing::FourthDailyPeak { rates, .. } => marginal_price(rates, level_mbps) * time.proration().factor_f64(),
        Billing::PerGb { gigabyte, rates, .. } => {
            let gigabytes_per_mbps = BYTES_PER_MBPS as f64 * f64::from(time.slots()) / gigabyte.bytes() as f64;
            let Some(rates) = scaled(rates, time.proration()) else { return 0.0 };
            marginal_price(&rates, level_mbps * gigabytes_per_mbps) * gigabytes_per_mbps
        }
        Billing::FlatPort { .. } | Billing::RackPower { .. } | Billing::PerServer { .. } => 0.0,
    }
}

#[cfg(test)]
mod tests;
