//! Contracts as the solver sees them: the monthly cost of sustained traffic, made convex and
//! piecewise linear.
//!
//! Bills are exact and live in `weir-billing`. A linear program needs the slope: what one more
//! Mbit/s, sustained, adds to the month's bill. What is committed is paid anyway, so its slope is
//! zero. Tiers whose price rises are convex and exact; tiers whose price falls are replaced by
//! their lower convex envelope, which a linear program can follow and which is exact at its
//! corners.

use rust_decimal::prelude::ToPrimitive;
use weir_model::contract::{Billing, Contract, Rates, Tier, TierMode};

/// A piece of a convex cost curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// How wide it is, in Mbit/s.
    pub width: f64,
    /// What each of them costs a month, in the contract's currency.
    pub price: f64,
}

/// Seconds of the month that volume prices are spread over: 30 days. A month of 31 makes a volume
/// contract look 3 % cheaper than it is; the bill is not touched by it.
const MONTH_SECS: f64 = 30.0 * 86_400.0;

/// The cost curve of `contract` from 0 to `capacity` Mbit/s. At least one segment; widths add up
/// to `capacity`; prices ascend.
pub fn segments(contract: &Contract, capacity: f64) -> Vec<Segment> {
    let flat = vec![Segment { width: capacity, price: 0.0 }];
    let Some(rates) = contract.billing.rates() else { return flat };
    // Units of quantity that one sustained Mbit/s makes in a month.
    let per_mbps = match &contract.billing {
        Billing::PerGb { gigabyte, .. } => 1e6 / 8.0 * MONTH_SECS / gigabyte.bytes() as f64,
        _ => 1.0,
    };
    let curve = corners(rates, capacity * per_mbps);
    let mut segments = Vec::new();
    for pair in convex_envelope(&curve).windows(2) {
        let width = (pair[1].0 - pair[0].0) / per_mbps;
        if width > 0.0 {
            segments.push(Segment { width, price: (pair[1].1 - pair[0].1) / width });
        }
    }
    if segments.is_empty() { flat } else { segments }
}

/// Corners (quantity, cost) of the exact cost curve up to `end`.
fn corners(rates: &Rates, end: f64) -> Vec<(f64, f64)> {
    let commit = rates.commit.to_f64().unwrap_or(0.0);
    let mut at = vec![0.0, commit];
    at.extend(rates.tiers.iter().filter_map(|tier| tier.up_to?.to_f64()));
    at.push(end);
    at.retain(|quantity| (0.0..=end).contains(quantity));
    at.sort_by(f64::total_cmp);
    at.dedup();
    let paid = cost(rates, commit);
    at.into_iter().map(|quantity| (quantity, charge(rates, quantity, commit, paid))).collect()
}

/// What `quantity` costs with the commit (worth `paid`) paid in any case.
fn charge(rates: &Rates, quantity: f64, commit: f64, paid: f64) -> f64 {
    if quantity <= commit {
        return paid;
    }
    match rates.overage.and_then(|price| price.to_f64()) {
        Some(price) => paid + (quantity - commit) * price,
        None => cost(rates, quantity).max(paid),
    }
}

/// What `quantity` costs by the tiers alone. As in billing, a quantity of exactly a tier's bound has
/// reached the next one.
fn cost(rates: &Rates, quantity: f64) -> f64 {
    let bound = |tier: &Tier| tier.up_to.and_then(|up_to| up_to.to_f64()).unwrap_or(f64::INFINITY);
    let price = |tier: &Tier| tier.price.to_f64().unwrap_or(0.0);
    match rates.mode {
        TierMode::Volume => {
            let reached = rates.tiers.iter().find(|tier| quantity < bound(tier)).or(rates.tiers.last());
            reached.map_or(0.0, |tier| quantity * price(tier))
        }
        TierMode::Graduated => {
            let mut below = 0.0;
            let mut sum = 0.0;
            for tier in &rates.tiers {
                sum += (quantity.min(bound(tier)) - below).max(0.0) * price(tier);
                below = bound(tier);
            }
            sum
        }
    }
}

/// The lower convex envelope of points ascending in x (Andrew's monotone chain, lower half).
fn convex_envelope(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for &point in points {
        while let [.., a, b] = hull.as_slice() {
            let turns_left = (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) > 0.0;
            if turns_left {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use weir_model::{
        contract::{Direction, Gigabyte, Missing, Tier},
        money::Currency,
    };

    use super::*;

    fn rates(commit: i64, tiers: &[(Option<i64>, &str)], mode: TierMode) -> Rates {
        let tiers =
            tiers.iter().map(|(up_to, price)| Tier { up_to: up_to.map(Decimal::from), price: price.parse().unwrap() });
        Rates { commit: Decimal::from(commit), tiers: tiers.collect(), mode, overage: None }
    }

    fn contract(billing: Billing) -> Contract {
        Contract {
            id: "c".into(),
            currency: Currency::EUR,
            time_zone: "UTC".into(),
            starts: None,
            ends: None,
            notice_days: 0,
            billing,
        }
    }

    fn percentile(rates: Rates) -> Contract {
        let percentile = Decimal::from(95);
        contract(Billing::Percentile { percentile, direction: Direction::Out, missing: Missing::Exclude, rates })
    }

    #[test]
    fn what_is_committed_costs_nothing_more() {
        let curve = segments(&percentile(rates(100, &[(None, "2")], TierMode::Graduated)), 1_000.0);
        assert_eq!(curve, [Segment { width: 100.0, price: 0.0 }, Segment { width: 900.0, price: 2.0 }]);
    }

    #[test]
    fn falling_tiers_become_their_envelope() {
        let curve = segments(&percentile(rates(0, &[(Some(500), "2"), (None, "1")], TierMode::Graduated)), 1_000.0);
        assert_eq!(curve, [Segment { width: 1_000.0, price: 1.5 }]);
    }

    #[test]
    fn a_gigabyte_price_becomes_a_rate_price() {
        let billing = Billing::PerGb {
            gigabyte: Gigabyte::Decimal,
            direction: Direction::Out,
            rates: rates(0, &[(None, "0.01")], TierMode::Graduated),
        };
        // 1 Mbit/s for 30 days is 324 GB.
        let curve = segments(&contract(billing), 10.0);
        assert!(curve.len() == 1 && (curve[0].price - 3.24).abs() < 1e-9, "{curve:?}");
        let port = contract(Billing::FlatPort { price: Decimal::from(900) });
        assert_eq!(segments(&port, 10.0), [Segment { width: 10.0, price: 0.0 }]);
    }
}
