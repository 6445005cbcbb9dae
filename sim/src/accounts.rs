//! The books: a ledger per contract, fed with every slot of 5 minutes.
//!
//! A contract whose price changes is amended: the old one ends and the new one begins with the
//! slot in which it happens, each is billed for its part of the month, and both are in the results.

use rust_decimal::Decimal;
use weir_billing::{
    bill::{Bill, BillError},
    ledger::{Ledger, LedgerError},
    usage::{Meter, SLOT_NANOS, Slot},
};
use weir_model::{contract::Contract, estate::Estate, id::ContractOrd, time::UnixNanos};

/// A bill of a contract in one of its versions, or what it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which version of the contract, from 1.
    pub version: usize,
    /// The bill; of a month that is not over, the month to date.
    pub bill: Bill,
    /// What the whole month will cost; `None` for a month that is over.
    pub forecast: Option<Bill>,
}

/// One contract's ledger.
#[derive(Debug)]
struct Book {
    ledger: Ledger,
    version: usize,
    pue: Option<Decimal>,
    closed: Vec<Account>,
}

/// Every contract's ledger.
#[derive(Debug)]
pub(crate) struct Accounts {
    books: Vec<Book>,
}

impl Accounts {
    /// Opens the books of `estate` for the month of `at`.
    pub(crate) fn open(estate: &Estate, at: UnixNanos) -> Result<Self, LedgerError> {
        let open = |(index, contract): (usize, &Contract)| {
            let site = estate.sites.iter().find(|site| site.contract == Some(ContractOrd::of(index)));
            // A contract without a site has its power read at the machines.
            let pue = Some(site.and_then(|site| Decimal::from_f64_retain(site.pue)).unwrap_or(Decimal::ONE));
            Ok(Book { ledger: Ledger::open(contract.clone(), at, pue)?, version: 1, pue, closed: Vec::new() })
        };
        Ok(Self { books: estate.contracts.iter().enumerate().map(open).collect::<Result<_, LedgerError>>()? })
    }

    /// Records the slot that begins at `start`: bits per contract, all sent. One meter a contract:
    /// the sum of its sites and links is what their readings would add up to.
    pub(crate) fn record(&mut self, start: UnixNanos, bits: &[f64]) -> Result<(), LedgerError> {
        for (book, bits) in self.books.iter_mut().zip(bits) {
            // Bits are far below the 2^53 up to which a float is exact in whole numbers.
            let slot = Slot { start, in_bytes: 0, out_bytes: (bits / 8.0 + 0.5) as u64 };
            let bills = book.ledger.record(&meter(), slot)?;
            book.close(bills);
        }
        Ok(())
    }

    /// The prices of a contract become those of `amended`, from the slot that `now` lies in.
    pub(crate) fn amend(
        &mut self,
        contract: ContractOrd,
        amended: &Contract,
        now: UnixNanos,
    ) -> Result<(), LedgerError> {
        let from = UnixNanos(now.0 - now.0.rem_euclid(SLOT_NANOS));
        let book = &mut self.books[contract.index()];
        let old = book.ledger.contract().clone();
        let month = book.ledger.month().clone();
        let ends = old.ends.map_or(from, |ends| month.zone().instant_of(ends).min(from));
        let mut ended = Ledger::open(Contract { ends: Some(ends.into()), ..old }, month.start(), book.pue)?;
        for (start, traffic) in book.ledger.usage().traffic.merged(month.start()..from) {
            let slot = Slot { start, in_bytes: traffic.in_bytes, out_bytes: traffic.out_bytes };
            ended.record(&meter(), slot)?;
        }
        // Nothing of it is to come: what the month to date says is what will be billed.
        match ended.bill() {
            Ok(bill) => book.closed.push(Account { version: book.version, bill, forecast: None }),
            Err(BillError::NotInForce { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let starts = amended.starts.map_or(from, |starts| month.zone().instant_of(starts).max(from));
        book.ledger = Ledger::open(Contract { starts: Some(starts.into()), ..amended.clone() }, from, book.pue)?;
        book.version += 1;
        Ok(())
    }

    /// Closes the books at `end`: the bills of all months, contract by contract.
    pub(crate) fn close(mut self, end: UnixNanos) -> Result<Vec<Account>, LedgerError> {
        let mut accounts = Vec::new();
        for book in &mut self.books {
            let bills = book.ledger.advance(end)?;
            book.close(bills);
            accounts.append(&mut book.closed);
            if book.ledger.month().start() >= end {
                continue;
            }
            match (book.ledger.bill(), book.ledger.forecast()) {
                (Ok(bill), Ok(forecast)) => {
                    accounts.push(Account { version: book.version, bill, forecast: Some(forecast) });
                }
                (Err(BillError::NotInForce { .. }), _) => {}
                (Err(error), _) | (_, Err(error)) => return Err(error.into()),
            }
        }
        Ok(accounts)
    }

    /// What was recorded of the current month of a contract.
    #[cfg(test)]
    pub(crate) fn ledger(&self, contract: ContractOrd) -> &Ledger {
        &self.books[contract.index()].ledger
    }
}

impl Book {
    fn close(&mut self, bills: Vec<Bill>) {
        let account = |bill| Account { version: self.version, bill, forecast: None };
        self.closed.extend(bills.into_iter().map(account));
    }
}

fn meter() -> Meter {
    Meter::from("traffic")
}

#[cfg(test)]
mod tests {
    use weir_billing::{bill, month::Month};
    use weir_model::inventory;

    use super::*;

    /// 2026-01-01T00:00:00Z.
    const START: i64 = 1_767_225_600;

    fn at(slot: i64) -> UnixNanos {
        UnixNanos::from_secs(START + slot * 300)
    }

    fn estate() -> Estate {
        inventory::parse("demo", crate::DEMO_ESTATE).unwrap()
    }

    /// Books of the demo with so many Mbit/s on every contract, slot by slot.
    fn books(estate: &Estate, mbps: impl IntoIterator<Item = f64>) -> Accounts {
        let mut accounts = Accounts::open(estate, at(0)).unwrap();
        for (slot, mbps) in (0..).zip(mbps) {
            accounts.record(at(slot), &vec![mbps * 300e6; estate.contracts.len()]).unwrap();
        }
        accounts
    }

    #[test]
    fn what_stands_is_the_bill_of_what_was_recorded() {
        let estate = estate();
        let accounts = books(&estate, (0..500).map(|slot| f64::from(slot * 7 % 13)));
        for (index, contract) in estate.contracts.iter().enumerate() {
            let ledger = accounts.ledger(ContractOrd::of(index));
            let month = Month::containing(&contract.time_zone, at(0)).unwrap();
            assert_eq!(ledger.bill(), bill::bill(contract, &month, ledger.usage()), "{}", contract.id);
        }
    }

    #[test]
    fn an_amended_contract_is_billed_in_two_parts() {
        let estate = estate();
        let contract = estate.contract_ord("mad-port").unwrap();
        let mut accounts = Accounts::open(&estate, at(0)).unwrap();
        let mut dearer = estate.contracts[contract.index()].clone();
        dearer.billing.scale_prices(Decimal::TWO).unwrap();
        // Half of January at 45, half at 90.
        accounts.amend(contract, &dearer, at(31 * 144)).unwrap();
        let bills = accounts.close(at(31 * 288)).unwrap();
        let totals: Vec<String> = bills
            .iter()
            .filter(|account| account.bill.contract.as_str() == "mad-port")
            .map(|account| format!("{} {}", account.version, account.bill.total))
            .collect();
        assert_eq!(totals, ["1 22.50 EUR", "2 45.00 EUR"]);
    }
}
