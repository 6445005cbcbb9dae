//! Tier arithmetic: what a quantity costs by commit, tiers and overage.
//!
//! - The commit is paid for, used or not. Without a price of its own, what exceeds it is priced as
//!   the tiers say.
//! - `graduated`: each tier prices the part of the quantity inside it.
//! - `volume`: the tier that the whole quantity reaches prices all of it. A quantity of exactly
//!   `up_to` has reached the next tier. So one unit more can cost less in all.
//! - An `overage` price replaces the tiers above the commit; the tiers then price the commit alone.

use std::{iter, ops::Range};

use rust_decimal::{Decimal, prelude::ToPrimitive};
use weir_model::contract::{Rates, Tier, TierMode};

use crate::{bill::Item, billed_time::Proration};

/// Why prices cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// There is no tier, or the last one ends.
    #[error("the last tier must have no `up_to`: every quantity needs a price")]
    NoLastTier,
    /// A tier ends where it begins or before, or one that is not the last has no end.
    #[error("tiers must ascend by `up_to`, from above 0, and only the last has none")]
    NotAscending,
    /// A negative commit.
    #[error("the commit is negative")]
    NegativeCommit,
}

/// A part of a quantity, and its price per unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What it is for.
    pub item: Item,
    /// The quantity at which the part begins.
    pub from: Decimal,
    /// How much it is.
    pub quantity: Decimal,
    /// Per unit.
    pub unit_price: Decimal,
}

/// Whether `rates` price every quantity.
pub fn check(rates: &Rates) -> Result<(), RatesError> {
    let Some((last, others)) = rates.tiers.split_last() else { return Err(RatesError::NoLastTier) };
    if last.up_to.is_some() {
        return Err(RatesError::NoLastTier);
    }
    let mut before = Decimal::ZERO;
    for tier in others {
        match tier.up_to {
            Some(up_to) if up_to > before => before = up_to,
            _ => return Err(RatesError::NotAscending),
        }
    }
    if rates.commit < Decimal::ZERO { Err(RatesError::NegativeCommit) } else { Ok(()) }
}

/// What `quantity` is charged by `rates` that [`check`] accepts. The charges lie end to end from 0
/// to the quantity or the commit, whichever is larger; at least one is returned.
pub fn charges(rates: &Rates, quantity: Decimal) -> Vec<Charge> {
    let paid = quantity.max(rates.commit);
    let by_tiers = if rates.overage.is_some() { rates.commit } else { paid };
    let mut charges = Vec::new();
    let mut push = |item, part: Range<Decimal>, unit_price| {
        if part.start < part.end {
            charges.push(Charge { item, from: part.start, quantity: part.end - part.start, unit_price });
        }
    };
    for (tier, price) in tiers_to(rates, by_tiers) {
        push(Item::Commit, tier.start..tier.end.min(rates.commit), price);
        push(excess(rates), tier.start.max(rates.commit)..tier.end, price);
    }
    if let Some(price) = rates.overage {
        push(Item::Overage, rates.commit..paid, price);
    }
    if charges.is_empty() {
        let unit_price = price_at(rates, Decimal::ZERO);
        charges.push(Charge { item: excess(rates), from: Decimal::ZERO, quantity: Decimal::ZERO, unit_price });
    }
    charges
}

/// The parts of `[0, quantity)` by tier, each with its price; one part when the price is by volume.
fn tiers_to(rates: &Rates, quantity: Decimal) -> Vec<(Range<Decimal>, Decimal)> {
    match rates.mode {
        TierMode::Volume => vec![(Decimal::ZERO..quantity, tier_at(&rates.tiers, quantity).price)],
        TierMode::Graduated => {
            let starts = iter::once(Decimal::ZERO).chain(rates.tiers.iter().filter_map(|tier| tier.up_to));
            let ends = rates.tiers.iter().map(|tier| tier.up_to.map_or(quantity, |up_to| up_to.min(quantity)));
            let prices = rates.tiers.iter().map(|tier| tier.price);
            starts.zip(ends).map(|(start, end)| start..end).zip(prices).collect()
        }
    }
}

/// What is above the commit: overage, or simply usage when nothing is committed to.
fn excess(rates: &Rates) -> Item {
    if rates.commit.is_zero() && rates.overage.is_none() { Item::Usage } else { Item::Overage }
}

/// The price of one unit more at `quantity`, once the commit is used up.
fn price_at(rates: &Rates, quantity: Decimal) -> Decimal {
    rates.overage.unwrap_or_else(|| tier_at(&rates.tiers, quantity).price)
}

/// The tier that `quantity` has reached; a tier of nothing when there are none.
fn tier_at(tiers: &[Tier], quantity: Decimal) -> Tier {
    let reached = tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| quantity < up_to));
    reached.or(tiers.last()).copied().unwrap_or(Tier { up_to: None, price: Decimal::ZERO })
}

/// Rates per month as rates for a part of it: commit and tier bounds shrink, unit prices stay.
/// For quantities that grow with time (gigabytes). `None` when a decimal cannot hold them.
pub(crate) fn scaled(rates: &Rates, part: Proration) -> Option<Rates> {
    let mut scaled = rates.clone();
    scaled.commit = part.part_of(rates.commit)?;
    for tier in &mut scaled.tiers {
        if let Some(up_to) = tier.up_to {
            tier.up_to = Some(part.part_of(up_to)?);
        }
    }
    Some(scaled)
}

/// The price of one unit more at `level` units: 0 below the commit, else the overage price or that
/// of the tier reached. A fall in the price of all units at a `volume` tier's bound is not in it.
pub(crate) fn marginal_price(rates: &Rates, level: f64) -> f64 {
    let level = Decimal::from_f64_retain(level.max(0.0)).unwrap_or(Decimal::MAX);
    if level < rates.commit {
        return 0.0;
    }
    price_at(rates, level).to_f64().unwrap_or(f64::MAX)
}

#[cfg(test)]
mod tests;
