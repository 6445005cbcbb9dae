use expect_test::{Expect, expect};
use weir_model::contract::{Billing, Direction, Gigabyte, Missing, Purchase, TierMode};

use super::*;
use crate::{
    fixture::{at, contract, decimal, month, p95, plain, rates, render, sending, slot},
    month::MonthError,
    rates::RatesError,
    usage::{Joules, ServerSeconds},
};

mod without_rate;

fn check(contract: &Contract, instant: &str, usage: &Usage, expect: Expect) {
    let bill = bill(contract, &month(contract, instant), usage);
    expect.assert_eq(&bill.map_or_else(|error| error.to_string(), |bill| render(&bill)));
}

fn p95_out() -> Contract {
    contract(p95(Direction::Out, Missing::Exclude, plain()))
}

/// The 95th percentile of a month in which the n-th slot has n Mbit/s: its rank.
fn rank_of_full_month(zone: &str, instant: &str) -> Decimal {
    let contract = Contract { time_zone: zone.to_owned(), ..p95_out() };
    let month = month(&contract, instant);
    let slots = u64::from(month.slots());
    let usage = sending(month.start(), (1..=slots).rev().map(Some));
    let bill = bill(&contract, &month, &usage).unwrap();
    assert!(bill.coverage.unwrap().complete());
    bill.quantity
}

#[test]
fn the_percentile_of_every_length_of_month() {
    for (zone, instant, rank) in [
        ("UTC", "2023-02-10T00:00:00Z", 7661),
        ("UTC", "2024-02-10T00:00:00Z", 7935),
        ("UTC", "2024-04-10T00:00:00Z", 8208),
        ("UTC", "2024-05-10T00:00:00Z", 8482),
        ("Europe/Berlin", "2024-03-10T00:00:00Z", 8471),
        ("Europe/Berlin", "2024-10-10T00:00:00Z", 8493),
    ] {
        assert_eq!(rank_of_full_month(zone, instant), Decimal::from(rank), "{zone} {instant}");
    }
}

#[test]
fn slots_outside_the_month_are_not_billed() {
    let usage = sending(at("2024-01-31T23:50:00Z"), [900, 900, 10, 20].map(Some));
    check(
        &p95_out(),
        "2024-02-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-02 percentile: 20 Mbit/s, 2 of 8352 slots
              usage from 0: 20 Mbit/s x 1 = 20
              = 20 EUR"#]],
    );
}

#[test]
fn one_slot_and_none() {
    check(
        &p95_out(),
        "2024-02-01T00:00:00Z",
        &sending(at("2024-02-10T00:00:00Z"), [Some(7)]),
        expect![[r#"
            2024-02 percentile: 7 Mbit/s, 1 of 8352 slots
              usage from 0: 7 Mbit/s x 1 = 7
              = 7 EUR"#]],
    );
    check(
        &p95_out(),
        "2024-02-01T00:00:00Z",
        &Usage::new(),
        expect![[r#"
            2024-02 percentile: 0 Mbit/s, 0 of 8352 slots
              usage from 0: 0 Mbit/s x 1 = 0
              = 0 EUR"#]],
    );
}

#[test]
fn gaps_count_as_the_contract_says() {
    // Of the 20 slots to 01:40 the first two and nos. 5 to 8 are missing.
    let start = at("2024-02-01T00:00:00Z");
    let gaps = [1, 2, 5, 6, 7, 8];
    let present = |number| (!gaps.contains(&number)).then_some(number);
    let mut usage = sending(start, (1..=20).map(present));
    usage.until = Some(at("2024-02-01T01:40:00Z"));
    for (missing, percentile, expected) in [
        // 14 slots, 3 4 9 10 ..: the 7th.
        (Missing::Exclude, "50", 13),
        // 20 slots, six of them 0: the 10th, the 4th of those present.
        (Missing::Zero, "50", 10),
        (Missing::Zero, "30", 0),
        (Missing::Zero, "30.1", 3),
        // 18 slots, 3 4 4 4 4 4 9 ..: the 9th. The two before the first count nothing.
        (Missing::Last, "50", 11),
        (Missing::Last, "33", 4),
    ] {
        let billing =
            Billing::Percentile { percentile: decimal(percentile), direction: Direction::Out, missing, rates: plain() };
        let contract = contract(billing);
        let bill = bill(&contract, &month(&contract, "2024-02-01T00:00:00Z"), &usage).unwrap();
        assert_eq!(bill.quantity, Decimal::from(expected), "{missing} p {percentile}");
        assert_eq!(bill.coverage.unwrap().present, 14);
        assert_eq!(bill.coverage.unwrap().expected, 20);
        assert_eq!(bill.coverage.unwrap().meter_gaps, 4);
    }
}

#[test]
fn gaps_reach_to_the_end_of_the_month_when_measuring_is_over() {
    let usage = sending(at("2024-02-01T00:00:00Z"), [10, 20].map(Some));
    let quantity = |missing| {
        let contract = contract(p95(Direction::Out, missing, plain()));
        bill(&contract, &month(&contract, "2024-02-01T00:00:00Z"), &usage).unwrap().quantity
    };
    assert_eq!(quantity(Missing::Exclude), decimal("20"));
    assert_eq!(quantity(Missing::Zero), decimal("0"));
    assert_eq!(quantity(Missing::Last), decimal("20"));
}

#[test]
fn a_slot_is_over_when_it_has_ended() {
    let contract = contract(p95(Direction::Out, Missing::Zero, plain()));
    let mut usage = sending(at("2024-02-01T00:00:00Z"), [10, 20].map(Some));
    for (until, expected) in [
        ("2024-01-20T00:00:00Z", 0),
        ("2024-02-01T00:09:59Z", 1),
        ("2024-02-01T00:10:00Z", 2),
        ("2024-03-20T00:00:00Z", 8352),
    ] {
        usage.until = Some(at(until));
        let bill = bill(&contract, &month(&contract, "2024-02-01T00:00:00Z"), &usage).unwrap();
        assert_eq!(bill.coverage.unwrap().expected, expected, "until {until}");
    }
}

#[test]
fn directions_differ() {
    let start = at("2024-02-01T00:00:00Z");
    let mut usage = Usage::new();
    // In has its peak in the last slot of ten, out in the first; nine of ten are billed.
    for (number, (in_mbps, out_mbps)) in
        (0..).zip([(1, 90), (2, 19), (3, 8), (4, 7), (5, 6), (6, 5), (7, 4), (8, 3), (9, 2), (80, 1)])
    {
        usage.record(&"port".into(), slot(start, number, in_mbps, out_mbps)).unwrap();
    }
    for (direction, expected) in [
        (Direction::In, 9),
        (Direction::Out, 19),
        (Direction::MaxOfPercentiles, 19),
        (Direction::PercentileOfMax, 80),
        (Direction::Sum, 81),
    ] {
        let billing =
            Billing::Percentile { percentile: decimal("90"), direction, missing: Missing::Exclude, rates: plain() };
        let contract = contract(billing);
        let bill = bill(&contract, &month(&contract, "2024-02-01T00:00:00Z"), &usage).unwrap();
        assert_eq!(bill.quantity, Decimal::from(expected), "{direction}");
    }
}

#[test]
fn ports_are_summed_before_the_percentile() {
    // Two ports busy in turns: of each the 95th percentile is 100, 200 in all; of their sum it is 100.
    let start = at("2024-02-01T00:00:00Z");
    let mut usage = Usage::new();
    for number in 0..100 {
        let (first, second) = if number % 2 == 0 { (100, 0) } else { (0, 100) };
        usage.record(&"a".into(), slot(start, number, 0, first)).unwrap();
        usage.record(&"b".into(), slot(start, number, 0, second)).unwrap();
    }
    check(
        &p95_out(),
        "2024-02-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-02 percentile: 100 Mbit/s, 100 of 8352 slots
              usage from 0: 100 Mbit/s x 1 = 100
              = 100 EUR"#]],
    );
}

#[test]
fn a_duplicate_slot_replaces_the_first_and_is_counted() {
    let mut usage = sending(at("2024-02-01T00:00:00Z"), [Some(50)]);
    usage.record(&"port".into(), slot(at("2024-02-01T00:00:00Z"), 0, 0, 5)).unwrap();
    let contract = p95_out();
    let bill = bill(&contract, &month(&contract, "2024-02-01T00:00:00Z"), &usage).unwrap();
    assert_eq!(bill.quantity, decimal("5"));
    assert_eq!(bill.coverage.unwrap().replaced, 1);
}

#[test]
fn commit_overage_and_a_part_of_a_month() {
    let rates = rates("100", "2", TierMode::Graduated, Some("3"));
    let mut contract = contract(p95(Direction::Out, Missing::Exclude, rates));
    let usage = sending(at("2024-04-20T00:00:00Z"), [Some(150)]);
    check(
        &contract,
        "2024-04-20T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 percentile: 150 Mbit/s, 1 of 8640 slots
              commit from 0: 100 Mbit/s x 2 = 200
              overage from 100: 50 Mbit/s x 3 = 150
              = 350 EUR"#]],
    );
    contract.starts = Some(at("2024-04-16T00:00:00Z").into());
    check(
        &contract,
        "2024-04-20T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 percentile: 150 Mbit/s, 1 of 4320 slots
              commit from 0: 100 Mbit/s x 2 x 4320/8640 = 100
              overage from 100: 50 Mbit/s x 3 x 4320/8640 = 75
              = 175 EUR"#]],
    );
    contract.ends = Some(at("2024-04-19T00:00:00Z").into());
    check(
        &contract,
        "2024-04-20T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 percentile: 0 Mbit/s, 0 of 864 slots
              commit from 0: 100 Mbit/s x 2 x 864/8640 = 20
              = 20 EUR"#]],
    );
    check(&contract, "2024-05-01T00:00:00Z", &usage, expect!["contract `c1` is not in force in 2024-05"]);
    check(&contract, "2024-03-31T23:00:00Z", &usage, expect!["contract `c1` is not in force in 2024-03"]);
}

#[test]
fn a_term_that_begins_inside_a_slot_begins_with_the_next() {
    let mut contract = p95_out();
    contract.starts = Some(at("2024-02-29T23:50:01Z").into());
    contract.ends = Some(at("2024-02-29T23:56:00Z").into());
    check(
        &contract,
        "2024-02-29T00:00:00Z",
        &sending(at("2024-02-29T23:45:00Z"), [90, 80, 10].map(Some)),
        expect![[r#"
            2024-02 percentile: 10 Mbit/s, 1 of 1 slots
              usage from 0: 10 Mbit/s x 1 x 1/8352 = 0.001197318
              = 0.001197318 EUR"#]],
    );
}

/// Days with these peaks, one slot at noon UTC and one of 1 Mbit/s.
fn days(start: &str, peaks: impl IntoIterator<Item = u64>) -> Usage {
    let mut usage = Usage::new();
    for (day, peak) in (0..).zip(peaks) {
        usage.record(&"port".into(), slot(at(start), 288 * day + 144, 0, peak)).unwrap();
        usage.record(&"port".into(), slot(at(start), 288 * day + 150, 0, 1)).unwrap();
    }
    usage
}

#[test]
fn the_mean_of_daily_peaks() {
    let contract = contract(Billing::MeanDailyPeak { direction: Direction::Out, rates: plain() });
    check(
        &contract,
        "2024-02-01T00:00:00Z",
        &days("2024-02-01T00:00:00Z", [10, 20, 40]),
        expect![[r#"
            2024-02 mean_daily_peak: 23.333333333333333333333333333 Mbit/s, 6 of 8352 slots
              usage from 0: 23.333333333333333333333333333 Mbit/s x 1 = 23.333333333
              = 23.333333333 EUR"#]],
    );
    check(
        &contract,
        "2024-02-01T00:00:00Z",
        &Usage::new(),
        expect![[r#"
            2024-02 mean_daily_peak: 0 Mbit/s, 0 of 8352 slots
              usage from 0: 0 Mbit/s x 1 = 0
              = 0 EUR"#]],
    );
}

#[test]
fn days_are_those_of_the_contracts_zone() {
    // Slots at 22:30Z and 23:30Z: one day in UTC, two in Berlin in winter.
    let mut contract = contract(Billing::MeanDailyPeak { direction: Direction::Out, rates: plain() });
    let usage = sending(at("2024-02-10T22:30:00Z"), (0..=12).map(|number| (number % 12 == 0).then_some(10 + number)));
    let level =
        |contract: &Contract| bill(contract, &month(contract, "2024-02-10T00:00:00Z"), &usage).unwrap().quantity;
    assert_eq!(level(&contract), decimal("22"));
    contract.time_zone = "Europe/Berlin".to_owned();
    assert_eq!(level(&contract), decimal("16"));
}

#[test]
fn the_fourth_largest_daily_peak() {
    for (peaks, expected) in [
        (vec![900, 10, 800, 20, 700, 30], 30),
        (vec![50, 50, 50, 50, 10], 50),
        (vec![40, 30, 20], 20),
        (vec![40], 40),
        (vec![], 0),
    ] {
        let contract = contract(Billing::FourthDailyPeak { direction: Direction::Out, rates: plain() });
        let usage = days("2024-02-01T00:00:00Z", peaks.clone());
        let bill = bill(&contract, &month(&contract, "2024-02-01T00:00:00Z"), &usage).unwrap();
        assert_eq!(bill.quantity, Decimal::from(expected), "{peaks:?}");
    }
}

#[test]
fn mistakes_are_errors() {
    let good = p95_out();
    let february = month(&good, "2024-02-01T00:00:00Z");
    let berlin = Contract { time_zone: "Europe/Berlin".to_owned(), ..good.clone() };
    assert_eq!(
        bill(&berlin, &february, &Usage::new()).unwrap_err().to_string(),
        "contract `c1` is billed in Europe/Berlin, the month given is one of UTC"
    );
    let nowhere = Contract { time_zone: "Mars/Olympus".to_owned(), ..good.clone() };
    let source = MonthError::UnknownZone("Mars/Olympus".to_owned());
    assert_eq!(check_contract(&nowhere), Err(ContractError::Zone { contract: "c1".into(), source }));
    let open = contract(p95(Direction::Out, Missing::Exclude, rates("0", "1<5", TierMode::Volume, None)));
    assert_eq!(
        bill(&open, &february, &Usage::new()),
        Err(ContractError::Rates { contract: "c1".into(), source: RatesError::NoLastTier }.into())
    );
    for percentile in ["0", "100.1"] {
        let percentile = decimal(percentile);
        let billing =
            Billing::Percentile { percentile, direction: Direction::In, missing: Missing::Zero, rates: plain() };
        let error = ContractError::Percentile { contract: "c1".into(), percentile };
        assert_eq!(bill(&contract(billing), &february, &Usage::new()), Err(error.into()));
    }
    let dear = contract(Billing::FlatPort { price: AMOUNT_MAX + Decimal::ONE });
    assert_eq!(bill(&dear, &february, &Usage::new()), Err(BillError::TooLarge("c1".into())));
    assert_eq!(AMOUNT_MAX, decimal("1000000000000000"));
}
