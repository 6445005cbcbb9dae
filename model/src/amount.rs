//! An amount of money in a column: a decimal of fixed scale, exact wherever it goes.

use std::fmt;

use rust_decimal::Decimal;

/// A whole number of billionths of a currency. Which currency, another column or label says.
///
/// The scale suffices because it is that of bills: their lines are rounded to 9 places, so that sums of
/// lines are exact, and a bill of 10^4 lines of at most 10^15 has 15 + 4 + 9 = 28 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// Decimal places.
    pub const PLACES: u32 = 9;
    /// Digits in all: what the largest bill has, and 10 fewer than an Arrow decimal, which is what SQL
    /// adds for a sum: sums of up to 10^10 rows cannot overflow.
    pub const DIGITS: u8 = 28;

    /// `value`, rounded half to even as bills are; `None` from 10^19 on.
    pub fn of(value: Decimal) -> Option<Self> {
        let mut rounded = value.round_dp(Self::PLACES);
        rounded.rescale(Self::PLACES);
        // Rescaling gives up digits when there is no room for them all: beyond what fits here.
        (rounded.scale() == Self::PLACES).then(|| Self::from_billionths(rounded.mantissa())).flatten()
    }

    /// A solver's figure, to the 15 digits that a float has; `None` from 10^19 on, and for what is no number.
    pub fn of_float(value: f64) -> Option<Self> {
        Decimal::try_from(value).ok().and_then(Self::of)
    }

    /// `None` when it has more than [`Amount::DIGITS`].
    pub fn from_billionths(billionths: i128) -> Option<Self> {
        (billionths.unsigned_abs() < 10_u128.pow(Self::DIGITS.into())).then_some(Self(billionths))
    }

    /// How many billionths it is.
    pub fn billionths(self) -> i128 {
        self.0
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        // 10^28 is less than 2^96, which a decimal holds.
        Self::from_i128_with_scale(amount.0, Amount::PLACES)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Option<String> {
        Amount::of(text.parse().unwrap()).map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_are_exact_to_their_places_and_bounded() {
        assert_eq!(amount("0.1").as_deref(), Some("0.100000000"));
        assert_eq!(amount("-0.0000000005").as_deref(), Some("0.000000000"));
        assert_eq!(amount("0.0000000015").as_deref(), Some("0.000000002"));
        assert_eq!(amount("9999999999999999999.999999999").as_deref(), Some("9999999999999999999.999999999"));
        assert_eq!(amount("10000000000000000000"), None);
        assert_eq!(amount("79228162514264337593543950335"), None);
        assert_eq!(Amount::from_billionths(-10_i128.pow(28)), None);
    }

    #[test]
    fn floats_are_read_as_they_are_written() {
        assert_eq!(Amount::of_float(0.1), Amount::from_billionths(100_000_000));
        assert_eq!(Amount::of_float(-1234.5678), Amount::from_billionths(-1_234_567_800_000));
        assert_eq!([f64::NAN, f64::INFINITY, 1e20].map(Amount::of_float), [None; 3]);
    }
}
