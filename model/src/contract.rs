//! Contracts as data: how a link or site is billed. `weir-billing` does the arithmetic.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{date::Date, id::ContractId, keywords, money::Currency, time::UnixNanos};

/// How traffic in two directions becomes one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Inbound only.
    In,
    /// Outbound only.
    Out,
    /// The larger of the two directions' percentiles.
    MaxOfPercentiles,
    /// The percentile of each slot's larger direction.
    PercentileOfMax,
    /// The percentile of each slot's sum.
    Sum,
}

keywords!(Direction {
    "in" => In, "out" => Out, "max_of_percentiles" => MaxOfPercentiles,
    "percentile_of_max" => PercentileOfMax, "sum" => Sum,
});

/// What a slot without a measurement counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// Nothing: n is the number of slots present.
    Exclude,
    /// A slot of zero.
    Zero,
    /// The last slot measured before it.
    Last,
}

keywords!(Missing { "exclude" => Exclude, "zero" => Zero, "last" => Last });

/// How many bytes a "gigabyte" of a contract has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gigabyte {
    /// 10^9 bytes.
    Decimal,
    /// 2^30 bytes.
    Binary,
}

keywords!(Gigabyte { "1e9" => Decimal, "2^30" => Binary });

impl Gigabyte {
    /// Its bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Decimal => 1_000_000_000,
            Self::Binary => 1 << 30,
        }
    }
}

/// How tiers apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TierMode {
    /// Each tier prices the part of the quantity inside it.
    Graduated,
    /// The tier that the whole quantity reaches prices all of it.
    Volume,
}

keywords!(TierMode { "graduated" => Graduated, "volume" => Volume });

/// How servers or instances are bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purchase {
    /// By the hour used.
    OnDemand,
    /// By the month, used or not.
    Reserved,
    /// By the hour used, interruptible.
    Spot,
}

keywords!(Purchase { "on_demand" => OnDemand, "reserved" => Reserved, "spot" => Spot });

/// A price up to a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The quantity at which the next tier begins: by `volume`, a quantity of exactly this is the
    /// next tier's. `None` for the last tier.
    pub up_to: Option<Decimal>,
    /// Per unit of quantity.
    pub price: Decimal,
}

/// Prices of a quantity: Mbit/s for rate contracts, gigabytes for volume contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// What is paid for, used or not, in units of quantity.
    pub commit: Decimal,
    /// Tiers, ascending; the last has no end.
    pub tiers: Vec<Tier>,
    /// How they apply.
    pub mode: TierMode,
    /// Price per unit above the commit; `None`: as the tiers say.
    pub overage: Option<Decimal>,
}

/// What is measured and how it is priced. Slots are 5 minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Billing {
    /// The `ceil(p/100 n)`-th smallest slot of the month.
    Percentile {
        /// Usually 95.
        percentile: Decimal,
        /// Which direction counts.
        direction: Direction,
        /// What gaps count as.
        missing: Missing,
        /// Per Mbit/s and month.
        rates: Rates,
    },
    /// The mean of the daily largest slots.
    MeanDailyPeak {
        /// Which direction counts.
        direction: Direction,
        /// Per Mbit/s and month.
        rates: Rates,
    },
    /// The 4th largest of the daily peaks.
    FourthDailyPeak {
        /// Which direction counts.
        direction: Direction,
        /// Per Mbit/s and month.
        rates: Rates,
    },
    /// By the gigabyte.
    PerGb {
        /// How many bytes that is.
        gigabyte: Gigabyte,
        /// Which direction counts: usually `in`, `out` or `sum`. Of `max_of_percentiles` the larger
        /// direction's volume, of `percentile_of_max` the volume of each slot's larger direction.
        direction: Direction,
        /// Per gigabyte; commit and tiers are in gigabytes a month.
        rates: Rates,
    },
    /// A fixed price for a port.
    FlatPort {
        /// Per month.
        price: Decimal,
    },
    /// Racks, and the power used in them times the site's PUE.
    RackPower {
        /// How many racks.
        racks: Decimal,
        /// Per rack and month.
        rack_price: Decimal,
        /// Per kWh at the meter.
        kwh_price: Decimal,
    },
    /// Servers or instances.
    PerServer {
        /// How they are bought.
        purchase: Purchase,
        /// Per server and hour (`on_demand`, `spot`) or month (`reserved`).
        price: Decimal,
        /// Servers paid for, used or not (`reserved`).
        count: Decimal,
    },
}

impl Billing {
    /// The kind's name, as in files and reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Percentile { .. } => "percentile",
            Self::MeanDailyPeak { .. } => "mean_daily_peak",
            Self::FourthDailyPeak { .. } => "fourth_daily_peak",
            Self::PerGb { .. } => "per_gb",
            Self::FlatPort { .. } => "flat_port",
            Self::RackPower { .. } => "rack_power",
            Self::PerServer { .. } => "per_server",
        }
    }

    /// The prices per quantity, for the kinds that have them.
    pub fn rates(&self) -> Option<&Rates> {
        match self {
            Self::Percentile { rates, .. }
            | Self::MeanDailyPeak { rates, .. }
            | Self::FourthDailyPeak { rates, .. }
            | Self::PerGb { rates, .. } => Some(rates),
            Self::FlatPort { .. } | Self::RackPower { .. } | Self::PerServer { .. } => None,
        }
    }
}

/// A price times a factor is more than a decimal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a price of {price} times {factor} exceeds {}: give a smaller factor", Decimal::MAX)]
pub struct PriceOverflow {
    /// The price.
    pub price: Decimal,
    /// What it was to be multiplied by.
    pub factor: Decimal,
}

impl Billing {
    /// Multiplies every price by `factor`; quantities and commits stay.
    ///
    /// # Errors
    /// When a price would be too large; all are then as before.
    pub fn scale_prices(&mut self, factor: Decimal) -> Result<(), PriceOverflow> {
        let mut scaled = self.clone();
        for price in scaled.prices_mut() {
            *price = price.checked_mul(factor).ok_or(PriceOverflow { price: *price, factor })?;
        }
        *self = scaled;
        Ok(())
    }

    fn prices_mut(&mut self) -> Vec<&mut Decimal> {
        match self {
            Self::Percentile { rates, .. }
            | Self::MeanDailyPeak { rates, .. }
            | Self::FourthDailyPeak { rates, .. }
            | Self::PerGb { rates, .. } => {
                rates.tiers.iter_mut().map(|tier| &mut tier.price).chain(&mut rates.overage).collect()
            }
            Self::FlatPort { price } | Self::PerServer { price, .. } => vec![price],
            Self::RackPower { rack_price, kwh_price, .. } => vec![rack_price, kwh_price],
        }
    }
}

/// Where a contract's term begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TermBound {
    /// With the first instant of a day in the contract's zone, as contracts are written.
    Day(Date),
    /// At an instant, as when prices change in the middle of a day.
    At(UnixNanos),
}

impl From<Date> for TermBound {
    fn from(day: Date) -> Self {
        Self::Day(day)
    }
}

impl From<UnixNanos> for TermBound {
    fn from(at: UnixNanos) -> Self {
        Self::At(at)
    }
}

/// How a link or site is billed, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Its name.
    pub id: ContractId,
    /// What it is billed in.
    pub currency: Currency,
    /// IANA name of the zone whose midnights bound its months and days.
    pub time_zone: String,
    /// From when it is billed; `None`: always was.
    pub starts: Option<TermBound>,
    /// From when it is no longer billed; `None`: open.
    pub ends: Option<TermBound>,
    /// Days before its end by which notice must be given.
    pub notice_days: u32,
    /// Measure and price.
    pub billing: Billing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_scale_together_or_not_at_all() {
        let tier = |price| Tier { up_to: None, price };
        let overage = Some(Decimal::ONE);
        let rates = Rates { commit: Decimal::TEN, tiers: vec![tier(Decimal::TWO)], mode: TierMode::Volume, overage };
        let mut billing = Billing::MeanDailyPeak { direction: Direction::Out, rates };
        billing.scale_prices(Decimal::TEN).unwrap();
        let scaled = billing.rates().unwrap().clone();
        assert_eq!((scaled.tiers[0].price, scaled.overage), (Decimal::from(20), Some(Decimal::TEN)));
        assert_eq!(scaled.commit, Decimal::TEN, "a quantity");
        let error = billing.scale_prices(Decimal::MAX).unwrap_err();
        let most = "79228162514264337593543950335";
        assert_eq!(error.to_string(), format!("a price of 20 times {most} exceeds {most}: give a smaller factor"));
        assert_eq!(billing.rates(), Some(&scaled));
        for mut fixed in [
            Billing::FlatPort { price: Decimal::TWO },
            Billing::RackPower { racks: Decimal::ONE, rack_price: Decimal::ONE, kwh_price: Decimal::TWO },
            Billing::PerServer { purchase: Purchase::Spot, price: Decimal::TWO, count: Decimal::ONE },
        ] {
            let before = fixed.clone();
            assert_eq!(fixed.scale_prices(Decimal::MAX).unwrap_err().price, Decimal::TWO);
            assert_eq!(fixed, before);
        }
    }
}
