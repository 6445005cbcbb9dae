//! The month-to-date ledgers of all contracts, and their state as rows.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use weir_billing::{
    bill::Bill,
    ledger::{Ledger, LedgerError},
    usage::{Meter, Slot},
};
use weir_model::{
    amount::Amount,
    contract::Contract,
    estate::Estate,
    id::{ContractId, ContractOrd, SiteOrd},
    observation::{Labels, Row, Rows, TableName, merge},
    time::UnixNanos,
};

/// One ledger per contract of the estate.
#[derive(Debug)]
pub(crate) struct Ledgers {
    ledgers: Vec<Ledger>,
    sites: Vec<Option<(ContractOrd, Meter)>>,
}

/// What a contract stands at.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Name.
    pub(crate) contract: String,
    /// Kind.
    pub(crate) kind: &'static str,
    /// The month so far.
    pub(crate) month_to_date: Decimal,
    /// The month as it will be.
    pub(crate) forecast: Decimal,
    /// What it is billed in.
    pub(crate) currency: String,
    /// Mbit/s below the commit; `None` where there is none.
    pub(crate) headroom_mbps: Option<f64>,
    /// Slots that may still exceed the percentile.
    pub(crate) free_slots: Option<i64>,
}

impl Ledgers {
    /// Opens the ledgers of `estate` for the month of `at`.
    pub(crate) fn open(estate: &Estate, at: UnixNanos) -> Result<Self, LedgerError> {
        Self::open_at(estate, &vec![at; estate.contracts.len()])
    }

    /// As [`Self::open`], each ledger for the month of its contract's instant in `at`.
    pub(crate) fn open_at(estate: &Estate, at: &[UnixNanos]) -> Result<Self, LedgerError> {
        let open = |(index, (contract, at)): (usize, (&Contract, &UnixNanos))| {
            Ledger::open(contract.clone(), *at, pue_of(estate, index))
        };
        let ledgers = estate.contracts.iter().zip(at).enumerate().map(open).collect::<Result<_, _>>()?;
        let meter = |site: &weir_model::estate::Site| Some((site.contract?, Meter::from(site.id.as_str())));
        Ok(Self { ledgers, sites: estate.sites.iter().map(meter).collect() })
    }

    /// The contracts that cannot be billed, and why.
    pub(crate) fn refused(estate: &Estate, at: UnixNanos) -> Vec<(ContractId, LedgerError)> {
        let refused = |(index, contract): (usize, &Contract)| {
            let error = Ledger::open(contract.clone(), at, pue_of(estate, index)).err()?;
            Some((contract.id.clone(), error))
        };
        estate.contracts.iter().enumerate().filter_map(refused).collect()
    }

    /// Records the usage of a meter of `contract` in one slot. Bills of months that this closes.
    pub(crate) fn record(&mut self, contract: &str, meter: &Meter, slot: Slot) -> Result<Vec<Bill>, LedgerError> {
        match self.ledgers.iter_mut().find(|ledger| ledger.contract().id.as_str() == contract) {
            Some(ledger) => ledger.record(meter, slot),
            // Of a contract that the inventory no longer has.
            None => Ok(Vec::new()),
        }
    }

    /// Records what a site sent to users in one slot. Bills of months that this closes.
    pub(crate) fn record_site(&mut self, site: SiteOrd, slot: Slot) -> Result<Vec<Bill>, LedgerError> {
        match &self.sites[site.index()] {
            Some((contract, meter)) => self.ledgers[contract.index()].record(meter, slot),
            None => Ok(Vec::new()),
        }
    }

    /// Goes over to the contracts of `estate`, which are the same but for their prices: a changed price is a
    /// changed month, so what was used of it is billed anew.
    pub(crate) fn reprice(&mut self, estate: &Estate) -> Result<(), LedgerError> {
        for (index, contract) in estate.contracts.iter().enumerate() {
            let before = &self.ledgers[index];
            if before.contract() == contract {
                continue;
            }
            let month = before.month().start()..before.month().end();
            let mut ledger = Ledger::open(contract.clone(), month.start, pue_of(estate, index))?;
            // Summed over the meters, as bills sum them; under the name of the first, which goes on.
            let of_contract = self.sites.iter().flatten().find(|(ord, _)| ord.index() == index);
            let meter = of_contract.map_or_else(|| Meter::from(contract.id.as_str()), |(_, meter)| meter.clone());
            for (start, traffic) in before.usage().traffic.merged(month) {
                ledger.record(&meter, Slot { start, in_bytes: traffic.in_bytes, out_bytes: traffic.out_bytes })?;
            }
            self.ledgers[index] = ledger;
        }
        Ok(())
    }

    /// Moves every ledger on to the month of `now`, unless it is there or beyond. Bills of months that
    /// this closes, or why one cannot.
    pub(crate) fn advance(&mut self, now: UnixNanos) -> impl Iterator<Item = Result<Vec<Bill>, LedgerError>> {
        let behind = self.ledgers.iter_mut().filter(move |ledger| ledger.month().end() <= now);
        behind.map(move |ledger| ledger.advance(now))
    }

    /// What every contract stands at.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.ledgers.iter().filter_map(standing).collect()
    }
}

/// The PUE of the site that the contract is of.
fn pue_of(estate: &Estate, contract: usize) -> Option<Decimal> {
    let site = estate.sites.iter().find(|site| site.contract == Some(ContractOrd::of(contract)))?;
    Decimal::try_from(site.pue).ok()
}

fn standing(ledger: &Ledger) -> Option<Standing> {
    let bill = ledger.bill().ok()?;
    let forecast = ledger.forecast().ok()?;
    Some(Standing {
        contract: bill.contract.to_string(),
        kind: bill.kind,
        month_to_date: bill.total.amount,
        forecast: forecast.total.amount,
        currency: bill.total.currency.to_string(),
        headroom_mbps: ledger.headroom_mbps().and_then(|headroom| headroom.to_f64()),
        free_slots: ledger.free_slots().map(i64::from),
    })
}

/// Rows of `cost.month_to_date`.
pub(crate) fn rows(standings: &[Standing], at: UnixNanos) -> Vec<Rows> {
    let row = |standing: &Standing| {
        let labels = Labels::new([
            ("contract", standing.contract.as_str()),
            ("kind", standing.kind),
            ("currency", standing.currency.as_str()),
        ]);
        Row::new(TableName::new("cost", "month_to_date"), at.0, labels)
            .amount("amount", Amount::of(standing.month_to_date))
            .amount("forecast", Amount::of(standing.forecast))
            .f64_or_null("headroom_mbps", standing.headroom_mbps)
            .i64_or_null("free_slots", standing.free_slots)
            .into_rows()
    };
    merge(standings.iter().map(row))
}

/// Rows of `cost.bills`: months that ended.
pub(crate) fn bill_rows(bills: &[Bill]) -> Vec<Rows> {
    let row = |bill: &Bill| {
        let labels = Labels::new([
            ("contract", bill.contract.as_str()),
            ("kind", bill.kind),
            ("currency", &bill.total.currency.to_string()),
        ]);
        Row::new(TableName::new("cost", "bills"), bill.end.0, labels)
            .text("month", bill.month.clone())
            .amount("amount", Amount::of(bill.total.amount))
            .f64_or_null("quantity", bill.quantity.to_f64())
            .text("unit", bill.unit.to_string())
            .into_rows()
    };
    merge(bills.iter().map(row))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use weir_model::inventory;

    use super::*;

    #[test]
    fn a_month_without_traffic_is_billed_when_it_ends() {
        let estate = "
providers: [{id: own}]
contracts: [{id: port, currency: EUR, kind: flat_port, price: 500}]
sites: [{id: ams, kind: idc, region: eu, provider: own, contract: port}]
nodes: [{id: edge, site: ams, role: edge, addresses: [192.0.2.1], capacity: 1Gbps}]
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme}]
client_groups: [{id: g, region: eu, prefixes: [10.0.0.0/8], latency: {ams: 1ms}}]
";
        let estate = inventory::parse("estate.yaml", estate).unwrap();
        // 2026-05-01T00:00:00Z and so many seconds.
        let may = |seconds: i64| UnixNanos::from_secs(1777593600 + seconds);
        let mut ledgers = Ledgers::open(&estate, may(-10 * 86_400)).unwrap();
        let mut bills = |seconds| {
            let closed: Vec<Bill> = ledgers.advance(may(seconds)).flat_map(Result::unwrap).collect();
            closed.iter().map(|bill| format!("{} {}", bill.month, bill.total.amount)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(bills(-60), "");
        expect!["2026-04 500"].assert_eq(&bills(600));
        assert_eq!(bills(-60), "", "a clock that steps back opens no month again");
    }
}
