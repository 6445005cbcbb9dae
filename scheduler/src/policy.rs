//! What the operator wants of the scheduler.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    time::Duration,
};

use weir_model::{
    estate::Estate,
    money::Currency,
    time::Written,
    unit::Millis,
    yaml::{Fields, Scalar},
};
use weir_rules::guard::Guards;

/// The scheduler's settings, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What no plan may do.
    pub guards: Guards,
    /// The currency costs are compared in.
    pub accounting: Currency,
    /// What one unit of another currency is worth in `accounting`, for comparing only: bills are
    /// exact and in their contract's currency.
    pub rates: BTreeMap<Currency, f64>,
    /// What a millisecond of one Mbit/s is worth a month, in `accounting`.
    pub latency_price: f64,
    /// Part of a site's capacity that plans fill, 0 to 1; the rest is for surges until the next plan.
    pub fill: f64,
    /// How often the slow loop plans.
    pub plan_every: Duration,
    /// How long a ramp rests between its steps.
    pub ramp_every: Duration,
    /// A new plan that moves less of all demand than this, or saves less than `saving_min`, is not worth its moves.
    pub move_min: f64,
    /// Saving, as a part of the cost, that is worth moving for.
    pub saving_min: f64,
    /// Weight of the newest measurement of demand in its moving average, 0 to 1.
    pub demand_weight: f64,
    /// Simplex iterations a solve may take.
    pub iterations_max: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            guards: Guards::default(),
            accounting: Currency::EUR,
            rates: BTreeMap::new(),
            latency_price: 0.01,
            fill: 0.9,
            plan_every: Duration::from_secs(60),
            ramp_every: Duration::from_secs(30),
            move_min: 0.02,
            saving_min: 0.02,
            demand_weight: 0.3,
            // Measured: a degenerate LP of 72 demands x 8 sites takes about 300 iterations, and
            // iterations grow about linearly with rows; 10^6 is 10,000 demands with a margin of 20.
            iterations_max: 1_000_000,
        }
    }
}

/// Latency beyond a domain's objective counts as this much more: a far site is used before none,
/// and never to save money (the dearest transit in the inventory is below 100 per Mbit/s).
pub const FAR_PRICE: f64 = 1e4;
/// What a Mbit/s unserved costs: a hundred far sites.
pub const UNSERVED_PRICE: f64 = 1e6;
/// Latency assumed of a link or group nobody has measured or declared.
pub const LATENCY_UNKNOWN: Millis = Millis(500.0);

/// The slow loop's intervals: ten plans a second are more than any executor or reader can use, and
/// with none time would not go on; a day apart, prices and demand are not followed.
const EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(24 * 3_600);
/// What one unit of a currency may be worth in another: the dearest and the cheapest money there is
/// are 10^6 apart.
const RATE: RangeInclusive<f64> = 1e-7..=1e7;
/// What a Mbit/s millisecond may cost: at the upper end a millisecond outweighs the dearest transit.
const LATENCY_PRICE: RangeInclusive<f64> = 0.0..=100.0;

impl Policy {
    /// Reads the keys of the `scheduler` section.
    pub fn read(fields: &mut Fields<'_>) -> Self {
        let defaults = Self::default();
        let guards = Guards::read(fields);
        let accounting = fields.or("accounting", defaults.accounting);
        let mut rates = BTreeMap::new();
        if let Some(written) = fields.map("rates") {
            for (name, value) in written.entries() {
                match name.value.parse::<Currency>() {
                    Ok(currency) => match value.scalar::<f64>() {
                        Some(rate) if !RATE.contains(&rate.value) => {
                            let message = format!("a {currency} is worth {}, which is no rate", rate.value);
                            fields.reader().error(rate.mark, message);
                        }
                        rate => rates.extend(rate.map(|rate| (currency, rate.value))),
                    },
                    Err(error) => fields.reader().error(name.mark, error.to_string()),
                }
            }
        }
        Self {
            guards,
            accounting,
            rates,
            latency_price: within(fields, "latency_price", LATENCY_PRICE, defaults.latency_price),
            fill: within(fields, "fill", 0.01..=1.0, defaults.fill),
            plan_every: every(fields, "plan_every", defaults.plan_every),
            ramp_every: every(fields, "ramp_every", defaults.ramp_every),
            move_min: within(fields, "move_min", 0.0..=1.0, defaults.move_min),
            saving_min: within(fields, "saving_min", 0.0..=1.0, defaults.saving_min),
            demand_weight: within(fields, "demand_weight", 0.01..=1.0, defaults.demand_weight),
            iterations_max: within(fields, "iterations_max", 1..=u32::MAX, defaults.iterations_max),
        }
    }

    /// Currencies that contracts of `estate` charge in and nobody gave a rate for: their costs
    /// cannot be compared.
    pub fn rates_missing(&self, estate: &Estate) -> BTreeSet<Currency> {
        let charged = estate.contracts.iter().map(|contract| contract.currency);
        charged.filter(|currency| *currency != self.accounting && !self.rates.contains_key(currency)).collect()
    }

    /// What one unit of `currency` is worth in the accounting currency; 1 when nobody said, which
    /// [`Policy::rates_missing`] finds before any plan is made.
    pub fn rate(&self, currency: Currency) -> f64 {
        if currency == self.accounting { 1.0 } else { self.rates.get(&currency).copied().unwrap_or(1.0) }
    }
}

fn within<T: Scalar + PartialOrd + std::fmt::Display + Copy>(
    fields: &mut Fields<'_>,
    key: &'static str,
    range: RangeInclusive<T>,
    default: T,
) -> T {
    let Some(written) = fields.optional_spanned::<T>(key) else { return default };
    if !range.contains(&written.value) {
        let message = format!("`{key}` is {}, which is not {} to {}", written.value, range.start(), range.end());
        fields.reader().error(written.mark, message);
    }
    written.value
}

fn every(fields: &mut Fields<'_>, key: &'static str, default: Duration) -> Duration {
    let Some(written) = fields.optional_spanned::<Duration>(key) else { return default };
    if !EVERY.contains(&written.value) {
        let (least, most) = (Written(*EVERY.start()), Written(*EVERY.end()));
        let message = format!("`{key}` is {}, which is not {least} to {most}", Written(written.value));
        fields.reader().error(written.mark, message);
    }
    written.value
}

#[cfg(test)]
mod tests {
    use weir_model::{inventory, yaml::Reader};

    use super::*;
    use crate::fixture::ESTATE;

    fn read(text: &str) -> Result<Policy, String> {
        let policy = Reader::read("weir.yaml", text, |_, mut fields| {
            let policy = Policy::read(&mut fields);
            fields.finish();
            Some(policy)
        });
        policy.map_err(|diagnostics| diagnostics.to_string())
    }

    #[test]
    fn what_would_stop_or_mislead_the_slow_loop_is_refused() {
        let errors = read(
            "{plan_every: 0s, ramp_every: 2d, fill: 5, demand_weight: -1, latency_price: -0.1, rates: {USD: -1}, \
             iterations_max: 0}",
        );
        expect_test::expect![[r#"
            weir.yaml:1:14: `plan_every` is 0ns, which is not 100ms to 1d
            weir.yaml:1:30: `ramp_every` is 2d, which is not 100ms to 1d
            weir.yaml:1:40: `fill` is 5, which is not 0.01 to 1
            weir.yaml:1:58: `demand_weight` is -1, which is not 0.01 to 1
            weir.yaml:1:77: `latency_price` is -0.1, which is not 0 to 100
            weir.yaml:1:96: a USD is worth -1, which is no rate
            weir.yaml:1:117: `iterations_max` is 0, which is not 1 to 4294967295"#]]
        .assert_eq(&errors.unwrap_err());
    }

    #[test]
    fn a_currency_without_a_rate_is_found() {
        let estate = ESTATE.replacen("currency: EUR", "currency: JPY", 1);
        let estate = inventory::parse("fixture.yaml", &estate).unwrap();
        assert_eq!(Policy::default().rates_missing(&estate), BTreeSet::from(["JPY".parse().unwrap()]));
        assert!(read("{rates: {JPY: 0.006}}").unwrap().rates_missing(&estate).is_empty());
        assert!(read("{accounting: JPY, rates: {EUR: 160}}").unwrap().rates_missing(&estate).is_empty());
    }
}
