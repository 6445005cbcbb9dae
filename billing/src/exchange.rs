//! Dated exchange rates, and sums over currencies, which need them.

use std::{collections::BTreeMap, time::Duration};

use rust_decimal::Decimal;
use weir_model::{
    money::{Currency, Money},
    time::UnixNanos,
};

use crate::bill::AMOUNT_PLACES;

/// How long a rate holds: a monthly mean (31 days) and two weeks until the next is published.
/// An older one is no rate of that date.
pub const RATE_AGE_MAX: Duration = Duration::from_secs(45 * 86_400);

/// Why an amount cannot be converted, or a rate not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No rate, or none recent enough.
    #[error("no rate from {from} to {to} holds at {} s since 1970: add one dated at most 45 days before", .at.secs())]
    NoRate {
        /// Of the amount.
        from: Currency,
        /// Asked for.
        to: Currency,
        /// When.
        at: UnixNanos,
    },
    /// A rate of zero or less.
    #[error("a rate of {rate} from {from} to {to} is none: give more than 0")]
    NotPositive {
        /// From this currency.
        from: Currency,
        /// To this one.
        to: Currency,
        /// As given.
        rate: Decimal,
    },
    /// A product or sum beyond what a decimal holds.
    #[error("an amount in {0} is too large")]
    TooLarge(Currency),
}

/// Rates by pair of currencies and the instant from which each holds.
#[derive(Clone, Debug, Default)]
pub struct ExchangeRates {
    rates: BTreeMap<(Currency, Currency), BTreeMap<UnixNanos, Decimal>>,
}

impl ExchangeRates {
    /// No rates: sums in one currency only.
    pub fn new() -> Self {
        Self::default()
    }

    /// From `since`, one unit of `from` is `rate` units of `to`.
    pub fn add(&mut self, from: Currency, to: Currency, since: UnixNanos, rate: Decimal) -> Result<(), ExchangeError> {
        if rate <= Decimal::ZERO {
            return Err(ExchangeError::NotPositive { from, to, rate });
        }
        self.rates.entry((from, to)).or_default().insert(since, rate);
        Ok(())
    }

    /// `money` in `to` at the rate that holds at `at`, to [`AMOUNT_PLACES`] places.
    ///
    /// The latest rate of the pair counts, given in either direction; at one instant the direct one.
    /// Rates are never chained over a third currency.
    pub fn convert(&self, money: Money, to: Currency, at: UnixNanos) -> Result<Money, ExchangeError> {
        let from = money.currency;
        if from == to {
            return Ok(money);
        }
        let (direct, inverse) = (self.latest(from, to, at), self.latest(to, from, at));
        let amount = match (direct, inverse) {
            (Some((since, rate)), inverse) if inverse.is_none_or(|(inverse_since, _)| inverse_since <= since) => {
                money.amount.checked_mul(rate)
            }
            (_, Some((_, rate))) => money.amount.checked_div(rate),
            (_, None) => return Err(ExchangeError::NoRate { from, to, at }),
        };
        Ok(Money::new(amount.ok_or(ExchangeError::TooLarge(to))?.round_dp(AMOUNT_PLACES), to))
    }

    /// The sum of amounts, each converted into `to` at the rate of its own instant.
    pub fn sum(
        &self,
        amounts: impl IntoIterator<Item = (Money, UnixNanos)>,
        to: Currency,
    ) -> Result<Money, ExchangeError> {
        let mut total = Decimal::ZERO;
        for (money, at) in amounts {
            let converted = self.convert(money, to, at)?;
            total = total.checked_add(converted.amount).ok_or(ExchangeError::TooLarge(to))?;
        }
        Ok(Money::new(total, to))
    }

    fn latest(&self, from: Currency, to: Currency, at: UnixNanos) -> Option<(UnixNanos, Decimal)> {
        let (since, rate) = self.rates.get(&(from, to))?.range(..=at).next_back()?;
        (at.since(*since) <= RATE_AGE_MAX).then_some((*since, *rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn day(number: i64) -> UnixNanos {
        UnixNanos::from_secs(number * DAY)
    }

    fn rates() -> ExchangeRates {
        let mut rates = ExchangeRates::new();
        rates.add(Currency::USD, Currency::EUR, day(100), "0.90".parse().unwrap()).unwrap();
        rates.add(Currency::USD, Currency::EUR, day(110), "0.80".parse().unwrap()).unwrap();
        rates
    }

    #[test]
    fn the_rate_of_the_day_counts() {
        for (at, expected) in [(day(100), "9.00 EUR"), (day(109), "9.00 EUR"), (day(110), "8.00 EUR")] {
            assert_eq!(rates().convert(money("10 USD"), Currency::EUR, at), Ok(money(expected)));
        }
    }

    #[test]
    fn a_rate_serves_both_ways_and_the_newer_one_counts() {
        let mut rates = rates();
        assert_eq!(rates.convert(money("8 EUR"), Currency::USD, day(111)), Ok(money("10 USD")));
        rates.add(Currency::EUR, Currency::USD, day(111), "2".parse().unwrap()).unwrap();
        assert_eq!(rates.convert(money("8 EUR"), Currency::USD, day(111)), Ok(money("16 USD")));
        assert_eq!(rates.convert(money("8 USD"), Currency::EUR, day(111)), Ok(money("4 EUR")));
        assert_eq!(rates.convert(money("8 USD"), Currency::EUR, day(110)), Ok(money("6.40 EUR")));
    }

    #[test]
    fn a_sum_over_currencies_needs_a_rate_of_its_date() {
        let amounts = |at| [(money("5 EUR"), day(0)), (money("10 USD"), at)];
        assert_eq!(rates().sum(amounts(day(105)), Currency::EUR), Ok(money("14.00 EUR")));
        let missing = |at| Err(ExchangeError::NoRate { from: Currency::USD, to: Currency::EUR, at });
        assert_eq!(rates().sum(amounts(day(99)), Currency::EUR), missing(day(99)));
        assert_eq!(rates().sum(amounts(day(155)), Currency::EUR), Ok(money("13.00 EUR")));
        assert_eq!(rates().sum(amounts(day(156)), Currency::EUR), missing(day(156)));
        assert_eq!(ExchangeRates::new().sum([(money("5 EUR"), day(0))], Currency::EUR), Ok(money("5 EUR")));
        assert_eq!(ExchangeRates::new().sum([], Currency::EUR), Ok(money("0 EUR")));
    }

    #[test]
    fn a_rate_is_positive() {
        let error = ExchangeRates::new().add(Currency::USD, Currency::EUR, day(0), Decimal::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "a rate of 0 from USD to EUR is none: give more than 0");
    }
}
