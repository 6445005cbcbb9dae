//! Contracts, months and slots for tests.

use std::fmt::Write;

use jiff::Timestamp;
use rust_decimal::Decimal;
use weir_model::{
    contract::{Billing, Contract, Direction, Missing, Rates, Tier, TierMode},
    money::Currency,
    time::UnixNanos,
};

use crate::{
    bill::Bill,
    month::Month,
    usage::{BYTES_PER_MBPS, SLOT_NANOS, Slot, Usage},
};

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The instant that RFC 3339 text names.
pub(crate) fn at(text: &str) -> UnixNanos {
    let timestamp: Timestamp = text.parse().unwrap();
    UnixNanos(i64::try_from(timestamp.as_nanosecond()).unwrap())
}

/// `number` slots after the one that begins at `start`, at so many Mbit/s.
pub(crate) fn slot(start: UnixNanos, number: i64, in_mbps: u64, out_mbps: u64) -> Slot {
    Slot {
        start: UnixNanos(start.0 + number * SLOT_NANOS),
        in_bytes: in_mbps * BYTES_PER_MBPS,
        out_bytes: out_mbps * BYTES_PER_MBPS,
    }
}

/// Slots of one port that sends so many Mbit/s, one after the other from `start`; `None` is a gap.
pub(crate) fn sending(start: UnixNanos, rates: impl IntoIterator<Item = Option<u64>>) -> Usage {
    let mut usage = Usage::new();
    for (number, rate) in (0..).zip(rates) {
        if let Some(rate) = rate {
            usage.record(&"port".into(), slot(start, number, 0, rate)).unwrap();
        }
    }
    usage
}

/// `price`, or `price<up_to,price<up_to,price`.
pub(crate) fn rates(commit: &str, tiers: &str, mode: TierMode, overage: Option<&str>) -> Rates {
    let tier = |text: &str| match text.split_once('<') {
        Some((price, up_to)) => Tier { up_to: Some(decimal(up_to)), price: decimal(price) },
        None => Tier { up_to: None, price: decimal(text) },
    };
    Rates { commit: decimal(commit), tiers: tiers.split(',').map(tier).collect(), mode, overage: overage.map(decimal) }
}

/// 1 EUR per Mbit/s.
pub(crate) fn plain() -> Rates {
    rates("0", "1", TierMode::Graduated, None)
}

pub(crate) fn p95(direction: Direction, missing: Missing, rates: Rates) -> Billing {
    Billing::Percentile { percentile: decimal("95"), direction, missing, rates }
}

/// A contract of `billing`, in euros, in UTC, without a term.
pub(crate) fn contract(billing: Billing) -> Contract {
    Contract {
        id: "c1".into(),
        currency: Currency::EUR,
        time_zone: "UTC".to_owned(),
        starts: None,
        ends: None,
        notice_days: 0,
        billing,
    }
}

/// The month of a contract that `instant` lies in.
pub(crate) fn month(contract: &Contract, instant: &str) -> Month {
    Month::containing(&contract.time_zone, at(instant)).unwrap()
}

/// A bill as text. Checks that its lines make up its total.
pub(crate) fn render(bill: &Bill) -> String {
    let sum: Decimal = bill.lines.iter().map(|line| line.amount).sum();
    assert_eq!(sum, bill.total.amount, "lines make up the total");
    let mut text = format!("{} {}: {} {}", bill.month, bill.kind, bill.quantity.normalize(), bill.unit);
    if let Some(coverage) = bill.coverage {
        write!(text, ", {} of {} slots", coverage.present, coverage.expected).unwrap();
    }
    for line in &bill.lines {
        let (from, quantity, price) = (line.from.normalize(), line.quantity.normalize(), line.unit_price.normalize());
        write!(text, "\n  {} from {from}: {quantity} {} x {price}", line.item, line.unit).unwrap();
        if !line.proration.is_full() {
            write!(text, " x {}/{}", line.proration.billed_slots, line.proration.month_slots).unwrap();
        }
        write!(text, " = {}", line.amount.normalize()).unwrap();
    }
    let total = bill.total;
    write!(text, "\n  = {} {}", total.amount.normalize(), total.currency).unwrap();
    text
}
