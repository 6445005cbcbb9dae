//! What the operator wants of the scheduler.

use std::{collections::BTreeMap, time::Duration};

use weir_model::{money::Currency, unit::Millis, yaml::Fields};
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
    /// A new plan that moves less of all demand than this and saves less than `saving_min` is not worth its moves.
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
                    Ok(currency) => rates.extend(value.scalar::<f64>().map(|rate| (currency, rate.value))),
                    Err(error) => fields.reader().error(name.mark, error.to_string()),
                }
            }
        }
        Self {
            guards,
            accounting,
            rates,
            latency_price: fields.or("latency_price", defaults.latency_price),
            fill: fields.or("fill", defaults.fill),
            plan_every: fields.or("plan_every", defaults.plan_every),
            ramp_every: fields.or("ramp_every", defaults.ramp_every),
            move_min: fields.or("move_min", defaults.move_min),
            saving_min: fields.or("saving_min", defaults.saving_min),
            demand_weight: fields.or("demand_weight", defaults.demand_weight),
            iterations_max: fields.or("iterations_max", defaults.iterations_max),
        }
    }

    /// What one unit of `currency` is worth in the accounting currency; 1 when nobody said.
    pub fn rate(&self, currency: Currency) -> f64 {
        if currency == self.accounting { 1.0 } else { self.rates.get(&currency).copied().unwrap_or(1.0) }
    }
}
