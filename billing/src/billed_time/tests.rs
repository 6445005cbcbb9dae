use weir_model::contract::{Billing, Contract, TermBound};

use super::*;
use crate::{
    bill::bill,
    fixture::{at, contract, decimal, month},
    ledger::Ledger,
};

/// A port of 900 a month in `zone`, from and until these days.
fn port(zone: &str, starts: Option<&str>, ends: Option<&str>) -> Contract {
    let day = |text: &str| TermBound::Day(text.parse().unwrap());
    let billing = Billing::FlatPort { price: decimal("900") };
    Contract { time_zone: zone.into(), starts: starts.map(day), ends: ends.map(day), ..contract(billing) }
}

/// Slots billed and in all of the month that `instant` lies in, and the total; `None` when there is no bill.
fn billed(contract: &Contract, instant: &str) -> Option<(u32, u32, String)> {
    match bill(contract, &month(contract, instant), &Usage::new()) {
        Ok(bill) => {
            let Proration { billed_slots, month_slots } = bill.proration;
            Some((billed_slots, month_slots, bill.total.amount.normalize().to_string()))
        }
        Err(BillError::NotInForce { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_term_begins_and_ends_with_local_days() {
    for (zone, first_instant) in [
        ("Europe/Berlin", "2026-03-31T22:00:00Z"),
        ("America/New_York", "2026-04-01T04:00:00Z"),
        ("UTC", "2026-04-01T00:00:00Z"),
    ] {
        let contract = port(zone, Some("2026-04-01"), Some("2026-05-16"));
        let april = bill(&contract, &month(&contract, "2026-04-15T00:00:00Z"), &Usage::new()).unwrap();
        assert_eq!(april.start, at(first_instant), "{zone}");
        assert_eq!(billed(&contract, "2026-03-15T00:00:00Z"), None, "{zone}");
        assert_eq!(billed(&contract, "2026-04-15T00:00:00Z"), Some((8640, 8640, "900".into())), "{zone}");
        // 15 days of 31.
        let half = Some((4320, 8928, "435.483870968".into()));
        assert_eq!(billed(&contract, "2026-05-15T00:00:00Z"), half, "{zone}");
        assert_eq!(billed(&contract, "2026-06-15T00:00:00Z"), None, "{zone}");
    }
}

#[test]
fn a_term_that_ends_with_a_month_has_no_bill_for_the_next() {
    for zone in ["Europe/Berlin", "America/New_York", "Asia/Tokyo"] {
        let contract = port(zone, None, Some("2026-05-01"));
        assert_eq!(billed(&contract, "2026-04-15T00:00:00Z"), Some((8640, 8640, "900".into())), "{zone}");
        assert_eq!(billed(&contract, "2026-05-15T00:00:00Z"), None, "{zone}");
        let mut ledger = Ledger::open(contract, at("2026-04-15T00:00:00Z"), None).unwrap();
        let bills = ledger.advance(at("2026-07-15T00:00:00Z")).unwrap();
        let months: Vec<&str> = bills.iter().map(|bill| bill.month.as_str()).collect();
        assert_eq!(months, ["2026-04"], "{zone}");
    }
}

#[test]
fn days_on_which_clocks_change_weigh_what_they_last() {
    // 29 March has 23 hours in Berlin, 1 November 25 in New York: 12 slots fewer, 12 more.
    let berlin = port("Europe/Berlin", Some("2026-03-29"), None);
    assert_eq!(billed(&berlin, "2026-03-15T00:00:00Z"), Some((3 * 288 - 12, 31 * 288 - 12, "86.00269179".into())));
    let york = port("America/New_York", Some("2026-11-01"), Some("2026-11-16"));
    assert_eq!(billed(&york, "2026-10-15T00:00:00Z"), None);
    assert_eq!(billed(&york, "2026-11-15T00:00:00Z"), Some((15 * 288 + 12, 30 * 288 + 12, "450.624133148".into())));
}
