use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::fixture::{decimal, rates};

fn check_charges(rates: &Rates, quantity: &str, expect: Expect) {
    let text: Vec<String> = charges(rates, decimal(quantity))
        .iter()
        .map(|charge| format!("{} {}+{} x {}", charge.item, charge.from, charge.quantity, charge.unit_price))
        .collect();
    let total = total(rates, decimal(quantity));
    expect.assert_eq(&format!("{} = {total}", text.join(", ")));
}

fn total(rates: &Rates, quantity: Decimal) -> Decimal {
    charges(rates, quantity).iter().map(|charge| charge.quantity * charge.unit_price).sum()
}

const TIERS: &str = "10<100,8<500,5";

#[test]
fn graduated_tiers_at_their_bounds() {
    let rates = rates("0", TIERS, TierMode::Graduated, None);
    check_charges(&rates, "0", expect!["usage 0+0 x 10 = 0"]);
    check_charges(&rates, "99", expect!["usage 0+99 x 10 = 990"]);
    check_charges(&rates, "100", expect!["usage 0+100 x 10 = 1000"]);
    check_charges(&rates, "101", expect!["usage 0+100 x 10, usage 100+1 x 8 = 1008"]);
    check_charges(&rates, "500", expect!["usage 0+100 x 10, usage 100+400 x 8 = 4200"]);
    check_charges(&rates, "500.5", expect!["usage 0+100 x 10, usage 100+400 x 8, usage 500+0.5 x 5 = 4202.5"]);
}

#[test]
fn volume_tiers_at_their_bounds() {
    let rates = rates("0", TIERS, TierMode::Volume, None);
    check_charges(&rates, "99", expect!["usage 0+99 x 10 = 990"]);
    check_charges(&rates, "100", expect!["usage 0+100 x 8 = 800"]);
    check_charges(&rates, "499.99", expect!["usage 0+499.99 x 8 = 3999.92"]);
    check_charges(&rates, "500", expect!["usage 0+500 x 5 = 2500"]);
}

#[test]
fn a_commit_is_paid_used_or_not() {
    let rates = rates("200", TIERS, TierMode::Graduated, None);
    check_charges(&rates, "0", expect!["commit 0+100 x 10, commit 100+100 x 8 = 1800"]);
    check_charges(&rates, "200", expect!["commit 0+100 x 10, commit 100+100 x 8 = 1800"]);
    check_charges(&rates, "250", expect!["commit 0+100 x 10, commit 100+100 x 8, overage 200+50 x 8 = 2200"]);
}

#[test]
fn above_the_commit_volume_tiers_reprice_the_commit() {
    let rates = rates("200", TIERS, TierMode::Volume, None);
    check_charges(&rates, "50", expect!["commit 0+200 x 8 = 1600"]);
    check_charges(&rates, "600", expect!["commit 0+200 x 5, overage 200+400 x 5 = 3000"]);
}

#[test]
fn an_overage_price_replaces_the_tiers_above_the_commit() {
    for (mode, expect) in [
        (TierMode::Graduated, expect!["commit 0+100 x 10, commit 100+100 x 8, overage 200+400 x 12 = 6600"]),
        (TierMode::Volume, expect!["commit 0+200 x 8, overage 200+400 x 12 = 6400"]),
    ] {
        check_charges(&rates("200", TIERS, mode, Some("12")), "600", expect);
    }
    check_charges(&rates("0", TIERS, TierMode::Volume, Some("12")), "6", expect!["overage 0+6 x 12 = 72"]);
    check_charges(&rates("0", TIERS, TierMode::Volume, Some("12")), "0", expect!["overage 0+0 x 12 = 0"]);
}

#[test]
fn rates_that_leave_a_gap_are_refused() {
    let verdict = |commit, tiers| check(&rates(commit, tiers, TierMode::Graduated, None));
    assert_eq!(verdict("0", TIERS), Ok(()));
    assert_eq!(verdict("0", "1<5"), Err(RatesError::NoLastTier));
    assert_eq!(verdict("0", "1<5,1<5,1"), Err(RatesError::NotAscending));
    assert_eq!(verdict("0", "1<0,1"), Err(RatesError::NotAscending));
    assert_eq!(verdict("0", "1,1<5,1"), Err(RatesError::NotAscending));
    assert_eq!(verdict("-1", "1"), Err(RatesError::NegativeCommit));
    let none = Rates { tiers: Vec::new(), ..rates("0", "1", TierMode::Volume, None) };
    assert_eq!(check(&none), Err(RatesError::NoLastTier));
}

fn any_rates() -> impl Strategy<Value = Rates> {
    let tiers = prop::collection::vec((1_u32..40, 0_u32..20), 0..5);
    let mode = prop::sample::select(vec![TierMode::Graduated, TierMode::Volume]);
    (0_u32..80, tiers, 0_u32..20, mode, prop::option::of(0_u32..20)).prop_map(|(commit, tiers, last, mode, overage)| {
        let mut up_to = 0;
        let mut tiers: Vec<Tier> = tiers
            .into_iter()
            .map(|(width, price)| {
                up_to += width;
                Tier { up_to: Some(up_to.into()), price: price.into() }
            })
            .collect();
        tiers.push(Tier { up_to: None, price: last.into() });
        Rates { commit: commit.into(), tiers, mode, overage: overage.map(Decimal::from) }
    })
}

/// The cost of a whole quantity, unit by unit: what each unit, from the first, is priced at.
fn unit_by_unit(rates: &Rates, quantity: u32) -> Decimal {
    let commit = rates.commit.to_u32().unwrap();
    let paid = quantity.max(commit);
    let tier_price = |position: u32| {
        let fitting = rates.tiers.iter().rev().skip(1).rev().find(|tier| Decimal::from(position) < tier.up_to.unwrap());
        fitting.unwrap_or(rates.tiers.last().unwrap()).price
    };
    (0..paid)
        .map(|unit| match (rates.overage, rates.mode) {
            (Some(overage), _) if unit >= commit => overage,
            (_, TierMode::Graduated) => tier_price(unit),
            (Some(_), TierMode::Volume) => tier_price(commit),
            (None, TierMode::Volume) => tier_price(paid),
        })
        .sum()
}

proptest! {
    #[test]
    fn equals_pricing_unit_by_unit(rates in any_rates(), quantity in 0_u32..200) {
        prop_assert_eq!(check(&rates), Ok(()));
        prop_assert_eq!(total(&rates, quantity.into()), unit_by_unit(&rates, quantity));
    }

    #[test]
    fn charges_lie_end_to_end(rates in any_rates(), thirds in 0_u32..600) {
        let quantity = Decimal::from(thirds) / Decimal::from(3);
        let mut end = Decimal::ZERO;
        for charge in charges(&rates, quantity) {
            prop_assert_eq!(charge.from, end);
            end += charge.quantity;
        }
        prop_assert_eq!(end, quantity.max(rates.commit));
    }

    #[test]
    fn the_marginal_price_is_that_of_the_next_unit(mut rates in any_rates(), quantity in 0_u32..200) {
        // At a bound of a volume tier the price of all units falls; that is left out.
        rates.mode = TierMode::Graduated;
        let next = total(&rates, (quantity + 1).into()) - total(&rates, quantity.into());
        prop_assert_eq!(marginal_price(&rates, quantity.into()), next.to_f64().unwrap());
    }
}
