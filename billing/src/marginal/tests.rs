use weir_model::contract::{Direction, Gigabyte, Missing, Purchase, TierMode};

use super::*;
use crate::fixture::{at, contract, decimal, month, p95, rates};

fn price(contract: &Contract, level_mbps: f64) -> f64 {
    marginal_price_per_mbps(contract, &month(contract, "2024-04-10T00:00:00Z"), level_mbps)
}

#[test]
fn a_rate_contract_costs_its_tier_above_the_commit() {
    let mut contract =
        contract(p95(Direction::Out, Missing::Exclude, rates("50", "2<100,1.5", TierMode::Graduated, None)));
    for (level, expected) in [(0.0, 0.0), (49.9, 0.0), (50.0, 2.0), (99.0, 2.0), (100.0, 1.5), (f64::MAX, 1.5)] {
        assert_eq!(price(&contract, level), expected, "at {level}");
    }
    contract.starts = Some(at("2024-04-16T00:00:00Z").into());
    assert_eq!(price(&contract, 60.0), 1.0, "half of the month");
    contract.starts = Some(at("2024-05-01T00:00:00Z").into());
    assert_eq!(price(&contract, 60.0), 0.0, "not in force");
}

#[test]
fn a_gigabyte_contract_costs_a_months_bytes() {
    // One Mbit/s for 30 days is 125,000 B/s x 2,592,000 s = 324 GB.
    let rates = rates("324", "0.10<3240,0.05", TierMode::Graduated, None);
    let contract = contract(Billing::PerGb { gigabyte: Gigabyte::Decimal, direction: Direction::Out, rates });
    for (level, expected) in [(0.5, 0.0), (5.0, 32.4), (20.0, 16.2)] {
        assert!((price(&contract, level) - expected).abs() < 1e-9, "at {level}");
    }
}

#[test]
fn what_is_paid_anyway_costs_nothing_more() {
    assert_eq!(price(&contract(Billing::FlatPort { price: decimal("900") }), 5.0), 0.0);
    let servers = Billing::PerServer { purchase: Purchase::OnDemand, price: decimal("1"), count: decimal("0") };
    assert_eq!(price(&contract(servers), 5.0), 0.0);
}
