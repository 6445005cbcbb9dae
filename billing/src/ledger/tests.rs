use expect_test::{Expect, expect};
use proptest::prelude::*;
use weir_model::contract::{Billing, Direction, Gigabyte, Missing, Purchase, TierMode};

use super::*;
use crate::{
    fixture::{at, contract, decimal, month, p95, plain, rates, render, slot},
    usage::BYTES_PER_MBPS,
};

const FEBRUARY: &str = "2023-02-01T00:00:00Z";

fn open(contract: &Contract, instant: &str) -> Ledger {
    Ledger::open(contract.clone(), at(instant), Some(decimal("1.5"))).unwrap()
}

/// A ledger of February 2023, 8,064 slots, to which slots of so many Mbit/s were sent from its start.
fn sent(billing: Billing, rates: impl IntoIterator<Item = u64>) -> Ledger {
    let mut ledger = open(&contract(billing), FEBRUARY);
    for (number, rate) in (0..).zip(rates) {
        ledger.record(&"port".into(), slot(at(FEBRUARY), number, 0, rate)).unwrap();
    }
    ledger
}

fn out(rates: weir_model::contract::Rates) -> Billing {
    p95(Direction::Out, Missing::Exclude, rates)
}

fn check(bill: &Bill, expect: Expect) {
    expect.assert_eq(&render(bill));
}

#[test]
fn a_twentieth_of_the_month_is_free() {
    // 8,064 slots less rank 7,661: 403 may exceed the level.
    assert_eq!(sent(out(plain()), []).free_slots(), Some(403));
    assert_eq!(sent(out(plain()), [5]).free_slots(), Some(403), "nothing exceeds the only slot");
    // Of 20 slots the 19th smallest is billed; one exceeds it.
    let ledger = sent(out(plain()), 1..=20);
    assert_eq!(ledger.level_mbps(), Some(decimal("19")));
    assert_eq!(ledger.free_slots(), Some(402));
    assert_eq!(ledger.free_slots_above(decimal("15.5")), Some(398), "16 to 20 exceed it");
    assert_eq!(ledger.free_slots_above(decimal("15")), Some(398));
    assert_eq!(ledger.free_slots_above(decimal("0.5")), Some(383));
}

#[test]
fn no_slot_is_free_beyond_the_twentieth() {
    let ledger = sent(out(plain()), (0..8064).map(|number| if number < 404 { 100 } else { 10 }));
    assert_eq!(ledger.level_mbps(), Some(decimal("100")));
    assert_eq!(ledger.free_slots_above(decimal("10")), Some(0), "404 slots of 403");
    assert_eq!(ledger.free_slots_above(decimal("100")), Some(403));
}

#[test]
fn excluded_gaps_take_free_slots_along() {
    // The first half of the month is missing, so 5 % of the other half are free: 4,032 less 3,831.
    let mut ledger = open(&contract(out(plain())), FEBRUARY);
    ledger.record(&"port".into(), slot(at(FEBRUARY), 4032, 0, 5)).unwrap();
    assert_eq!(ledger.free_slots(), Some(201));
}

#[test]
fn directions_billed_apart_have_their_own_free_slots() {
    let mut ledger = open(&contract(p95(Direction::MaxOfPercentiles, Missing::Exclude, plain())), FEBRUARY);
    for number in 0..20 {
        let out = if number < 3 { 50 } else { 1 };
        ledger.record(&"port".into(), slot(at(FEBRUARY), number, 10, out)).unwrap();
    }
    assert_eq!(ledger.level_mbps(), Some(decimal("50")));
    assert_eq!(ledger.free_slots_above(decimal("20")), Some(400));
    assert_eq!(ledger.free_slots_above(decimal("5")), Some(383), "20 slots in, 3 out");
}

#[test]
fn headroom_is_what_the_commit_leaves() {
    let committed = |commit| rates(commit, "1", TierMode::Graduated, None);
    assert_eq!(sent(out(committed("100")), [30]).headroom_mbps(), Some(decimal("70")));
    assert_eq!(sent(out(committed("100")), [130]).headroom_mbps(), Some(decimal("0")));
    let per_gb =
        |commit| Billing::PerGb { gigabyte: Gigabyte::Decimal, direction: Direction::Out, rates: committed(commit) };
    // 1 Mbit/s in each of the 8,062 slots to come is 302,325 GB; one of 100 Mbit/s was 3.75 GB.
    assert_eq!(sent(per_gb("309.825"), [100, 100]).headroom_mbps(), Some(decimal("1")));
    assert_eq!(sent(per_gb("7"), [100, 100]).headroom_mbps(), Some(decimal("0")));
    let mut half = contract(per_gb("604.8"));
    half.ends = Some(at("2023-02-15T00:00:00Z").into());
    // Half the commit, 302.4 GB, for half the slots, 4,032: 75 MB a slot.
    assert_eq!(open(&half, FEBRUARY).headroom_mbps(), Some(decimal("2")));
    assert_eq!(sent(Billing::FlatPort { price: decimal("9") }, [1]).headroom_mbps(), None);
}

#[test]
fn three_days_are_free_of_the_fourth_daily_peak() {
    let ledger = |days: &[u64]| {
        let billing = Billing::FourthDailyPeak { direction: Direction::Out, rates: plain() };
        let mut ledger = open(&contract(billing), FEBRUARY);
        for (day, peak) in (0..).zip(days) {
            ledger.record(&"port".into(), slot(at(FEBRUARY), day * 288, 0, *peak)).unwrap();
        }
        (ledger.level_mbps(), ledger.free_days())
    };
    assert_eq!(ledger(&[]), (Some(decimal("0")), Some(3)));
    assert_eq!(ledger(&[9, 8]), (Some(decimal("8")), Some(2)));
    assert_eq!(ledger(&[9, 8, 7, 6, 5]), (Some(decimal("6")), Some(0)));
    assert_eq!(ledger(&[9, 6, 6, 6, 5]), (Some(decimal("6")), Some(2)));
}

#[test]
fn a_forecast_scales_volumes_but_not_levels() {
    let level = sent(out(plain()), vec![10; 100]);
    assert_eq!(level.forecast(), level.bill());
    let billing = Billing::PerGb { gigabyte: Gigabyte::Decimal, direction: Direction::Out, rates: plain() };
    let volume = sent(billing, vec![10; 100]);
    check(
        &volume.bill().unwrap(),
        expect![[r#"
            2023-02 per_gb: 37.5 GB, 100 of 100 slots
              usage from 0: 37.5 GB x 1 = 37.5
              = 37.5 EUR"#]],
    );
    check(
        &volume.forecast().unwrap(),
        expect![[r#"
            2023-02 per_gb: 3024 GB, 100 of 100 slots
              usage from 0: 3024 GB x 1 = 3024
              = 3024 EUR"#]],
    );
}

#[test]
fn energy_and_hours_are_kept_to_date() {
    let racks = Billing::RackPower { racks: decimal("1"), rack_price: decimal("500"), kwh_price: decimal("1") };
    let mut ledger = open(&contract(racks.clone()), FEBRUARY);
    for joules in [1_000_000, 3_600_000] {
        ledger.record_energy(&"pdu".into(), at(FEBRUARY), Joules(joules)).unwrap();
    }
    check(
        &ledger.forecast().unwrap(),
        expect![[r#"
            2023-02 rack_power: 12096 kWh, 1 of 1 slots
              racks from 0: 1 rack x 500 = 500
              energy from 0: 12096 kWh x 1 = 12096
              = 12596 EUR"#]],
    );
    assert_eq!(ledger.bill(), bill(ledger.contract(), ledger.month(), ledger.usage()));
    assert_eq!(ledger.bill().unwrap().quantity, decimal("1.5"));

    let spot = Billing::PerServer { purchase: Purchase::Spot, price: decimal("1"), count: decimal("0") };
    let mut ledger = open(&contract(spot), FEBRUARY);
    ledger.record_servers(&"pool".into(), at(FEBRUARY), ServerSeconds(7_200)).unwrap();
    ledger.record(&"port".into(), slot(at(FEBRUARY), 5, 0, 1)).unwrap();
    assert_eq!(ledger.bill().unwrap().total.amount, decimal("2"), "and traffic is not billed");
    assert_eq!(ledger.until(), slot(at(FEBRUARY), 1, 0, 0).start);

    let no_pue = Ledger::open(contract(racks), at(FEBRUARY), None).unwrap_err();
    assert_eq!(no_pue, LedgerError::Bill(BillError::NoPue("c1".into())));
}

#[test]
fn a_slot_of_the_next_month_closes_this_one() {
    let mut ledger = sent(out(rates("5", "1", TierMode::Graduated, None)), [10, 20]);
    let closed = ledger.record(&"port".into(), slot(at("2023-04-01T00:00:00Z"), 3, 0, 7)).unwrap();
    let texts: Vec<String> = closed.iter().map(render).collect();
    expect![[r#"
        2023-02 percentile: 20 Mbit/s, 2 of 8064 slots
          commit from 0: 5 Mbit/s x 1 = 5
          overage from 5: 15 Mbit/s x 1 = 15
          = 20 EUR
        2023-03 percentile: 0 Mbit/s, 0 of 8928 slots
          commit from 0: 5 Mbit/s x 1 = 5
          = 5 EUR"#]]
    .assert_eq(&texts.join("\n"));
    assert_eq!(ledger.month().to_string(), "2023-04");
    assert_eq!(ledger.level_mbps(), Some(decimal("7")));
    assert_eq!(ledger.bill().unwrap().coverage.unwrap().expected, 4);
}

#[test]
fn a_correction_of_a_closed_month_and_a_date_far_ahead_are_refused() {
    let mut ledger = open(&contract(out(plain())), FEBRUARY);
    let before = slot(at(FEBRUARY), -1, 0, 1);
    assert_eq!(
        ledger.record(&"port".into(), before),
        Err(LedgerError::MonthClosed { start: before.start, month: "2023-02".to_owned() })
    );
    let far = slot(at("2024-04-01T00:00:00Z"), 0, 0, 1);
    assert_eq!(
        ledger.record(&"port".into(), far),
        Err(LedgerError::TooFarAhead { start: far.start, month: "2023-02".to_owned() })
    );
    assert_eq!(ledger.month().to_string(), "2023-02", "nothing was closed");
    let off_grid = Slot { start: UnixNanos(at("2023-03-01T00:00:00Z").0 + 1), in_bytes: 0, out_bytes: 0 };
    assert!(matches!(ledger.record(&"port".into(), off_grid), Err(LedgerError::Usage(_))));
    assert_eq!(ledger.month().to_string(), "2023-02", "nothing was closed");
    assert_eq!(ledger.advance(at("2024-03-31T23:59:59Z")).unwrap().len(), MONTHS_AHEAD_MAX);
}

#[test]
fn a_month_outside_the_term_has_no_bill() {
    let mut contract = contract(out(plain()));
    contract.starts = Some(at("2023-03-16T12:00:00Z").into());
    contract.ends = Some(at("2023-04-01T00:00:00Z").into());
    let mut ledger = open(&contract, FEBRUARY);
    assert!(matches!(ledger.bill(), Err(BillError::NotInForce { .. })));
    assert_eq!(ledger.free_slots(), None);
    for (day, closed) in [("2023-02-10", 0), ("2023-03-16", 0), ("2023-03-17", 0), ("2023-04-02", 1), ("2023-05-02", 0)]
    {
        let bills = ledger.record(&"port".into(), slot(at(&format!("{day}T00:00:00Z")), 0, 0, 5)).unwrap();
        assert_eq!(bills.len(), closed, "{day}");
        if let [bill] = bills.as_slice() {
            assert_eq!(bill.coverage.unwrap().present, 1, "the 17th alone is in the term");
        }
    }
}

/// Every kind that bills traffic.
fn any_billing() -> impl Strategy<Value = Billing> {
    let direction = prop::sample::select(vec![
        Direction::In,
        Direction::Out,
        Direction::MaxOfPercentiles,
        Direction::PercentileOfMax,
        Direction::Sum,
    ]);
    let missing = prop::sample::select(vec![Missing::Exclude, Missing::Zero, Missing::Last]);
    let tiers = || rates("3", "2<7,1", TierMode::Graduated, None);
    (0..6, 1_i64..=1000, direction, missing).prop_map(move |(kind, tenths, direction, missing)| match kind {
        0 => Billing::MeanDailyPeak { direction, rates: tiers() },
        1 => Billing::FourthDailyPeak { direction, rates: tiers() },
        2 => Billing::PerGb { gigabyte: Gigabyte::Binary, direction, rates: tiers() },
        3 => Billing::FlatPort { price: decimal("9") },
        _ => Billing::Percentile { percentile: Decimal::new(tenths, 1), direction, missing, rates: tiers() },
    })
}

/// Slots of two ports in any order, with corrections: port, position, bytes in and out.
type Slots = Vec<(bool, i64, u64, u64)>;

fn any_slots() -> impl Strategy<Value = Slots> {
    prop::collection::vec((any::<bool>(), 0_i64..40, 0_u64..12, 0_u64..12), 1..60)
}

proptest! {
    /// The ledger, which ranks as it goes, and the bill, which sorts, must agree at every point.
    #[test]
    fn equals_the_bill_of_the_same_slots(
        billing in any_billing(),
        slots in any_slots(),
        stride in prop::sample::select(vec![1_i64, 3, 97]),
        term in (-500_i64..100, 100_i64..9000),
    ) {
        let mut contract = contract(billing);
        contract.time_zone = "Europe/Berlin".to_owned();
        let start = month(&contract, "2024-03-10T00:00:00Z").start();
        let minute = 60_000_000_000;
        let (starts, ends) = (UnixNanos(start.0 + term.0 * minute), UnixNanos(start.0 + term.1 * minute));
        (contract.starts, contract.ends) = (Some(starts.into()), Some(ends.into()));
        let mut ledger = Ledger::open(contract.clone(), start, None).unwrap();
        let mut usage = Usage::new();
        let mut until = start;
        for (port, position, in_bytes, out_bytes) in slots {
            let meter = if port { "a" } else { "b" }.into();
            let mut slot = slot(start, position * stride, 0, 0);
            (slot.in_bytes, slot.out_bytes) = (in_bytes * BYTES_PER_MBPS, out_bytes * BYTES_PER_MBPS);
            prop_assert_eq!(ledger.record(&meter, slot), Ok(Vec::new()));
            usage.record(&meter, slot).unwrap();
            if slot.start >= starts && slot.start < ends {
                until = until.max(UnixNanos(slot.start.0 + SLOT_NANOS));
            }
            usage.until = Some(until);
            let expected = bill(&contract, ledger.month(), &usage);
            prop_assert_eq!(ledger.bill(), expected);
        }
        usage.until = None;
        let expected = bill(&contract, ledger.month(), &usage).unwrap();
        prop_assert_eq!(ledger.advance(ledger.month().end()), Ok(vec![expected]));
    }

    /// Free slots are free: as many slots at any rate leave the percentile at the month's end where
    /// it is, and one more does not.
    #[test]
    fn free_slots_are_free_and_no_more(
        slots in any_slots(),
        missing in prop::sample::select(vec![Missing::Exclude, Missing::Zero, Missing::Last]),
        percentile in 1_i64..=100,
    ) {
        let billing =
            Billing::Percentile { percentile: percentile.into(), direction: Direction::Out, missing, rates: plain() };
        let mut contract = contract(billing);
        contract.ends = Some(slot(at(FEBRUARY), 120, 0, 0).start.into());
        let mut ledger = open(&contract, FEBRUARY);
        for (_, position, _, out_mbps) in slots {
            ledger.record(&"a".into(), slot(at(FEBRUARY), position, 0, out_mbps)).unwrap();
        }
        let level = ledger.level_mbps().unwrap();
        let free = i64::from(ledger.free_slots().unwrap());
        let first = (ledger.until().0 - at(FEBRUARY).0) / SLOT_NANOS;
        let at_end = |busy: i64| {
            let mut ledger = ledger.clone();
            for number in first..120 {
                let rate = if number < first + busy { 999 } else { 0 };
                ledger.record(&"a".into(), slot(at(FEBRUARY), number, 0, rate)).unwrap();
            }
            ledger.level_mbps().unwrap()
        };
        prop_assert!(at_end(free.min(120 - first)) <= level);
        if free < 120 - first {
            prop_assert!(at_end(free + 1) > level);
        }
    }
}
