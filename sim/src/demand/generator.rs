//! Demand from a seed: a day with one peak, a quieter weekend, and noise that lasts about an hour,
//! for groups of different sizes.

use std::{f64::consts::TAU, time::Duration};

use rand_chacha::ChaCha8Rng;
use weir_model::{estate::Estate, time::UnixNanos, unit::Bps};

use super::Rate;
use crate::seed::{Seed, normal, uniform};

/// The natural logarithm's standard deviation of group sizes: the largest of 24 groups is then
/// about three times the median.
const GROUP_SIGMA: f64 = 0.5;
/// How long noise lasts: the time after which its correlation is down to 1/e, in seconds.
const NOISE_SECS: f64 = 3_600.0;
/// Height of the day's second harmonic, as a part of the first: a shoulder at noon.
const SECOND_HARMONIC: f64 = 0.2;
/// The least that a quiet hour has of the mean.
const LEAST: f64 = 0.02;

/// What to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// The mean of a weekday, all pairs together.
    pub total: Bps,
    /// How far the day swings about its mean, 0 to 1.
    pub daily: f64,
    /// When the day peaks, since midnight UTC.
    pub peak: Duration,
    /// Regions peak up to so much earlier or later.
    pub spread: Duration,
    /// Weekends (UTC), as a part of weekdays.
    pub weekend: f64,
    /// Standard deviation of the noise, as a part of the rate.
    pub noise: f64,
    /// Bytes of an answer.
    pub object_bytes: u32,
    /// Per domain of the estate: its weight in all demand.
    pub domains: Vec<f64>,
}

/// A pair being generated.
#[derive(Debug)]
struct Pair {
    mean_bps: f64,
    peak_secs: f64,
    rng: ChaCha8Rng,
    /// The noise now, in standard deviations.
    noise: f64,
}

/// The generator on its way.
#[derive(Debug)]
pub(crate) struct Playing<'a> {
    generator: &'a Generator,
    pairs: Vec<Pair>,
    /// Correlation of the noise from one step to the next.
    persistence: f64,
}

impl Generator {
    pub(super) fn play(&self, estate: &Estate, seed: Seed, step: Duration) -> Playing<'_> {
        let size = |group: &weir_model::estate::ClientGroup| {
            libm::exp(GROUP_SIGMA * normal(&mut seed.child("size").child(group.id.as_str()).rng()))
        };
        let sizes: Vec<f64> = estate.groups.iter().map(size).collect();
        let (groups, domains): (f64, f64) = (sizes.iter().sum(), self.domains.iter().sum());
        let mut pairs = Vec::new();
        for (group, size) in estate.groups.iter().zip(&sizes) {
            // One region lives by one clock.
            let shift = uniform(&mut seed.child("clock").child(&group.region).rng()) * 2.0 - 1.0;
            let peak_secs = self.peak.as_secs_f64() + shift * self.spread.as_secs_f64();
            for (domain, weight) in estate.domains.iter().zip(&self.domains) {
                let mean_bps = self.total.0 * size / groups * if domains > 0.0 { weight / domains } else { 0.0 };
                let mut rng = seed.child("noise").child(group.id.as_str()).child(domain.id.as_str()).rng();
                let noise = normal(&mut rng);
                pairs.push(Pair { mean_bps, peak_secs, rng, noise });
            }
        }
        Playing { generator: self, pairs, persistence: libm::exp(-step.as_secs_f64() / NOISE_SECS) }
    }
}

impl Playing<'_> {
    pub(super) fn step(&mut self, at: UnixNanos, rates: &mut [Rate]) {
        let fresh = libm::sqrt(1.0 - self.persistence * self.persistence);
        let week = if is_weekend(at) { self.generator.weekend } else { 1.0 };
        let sigma = self.generator.noise;
        for (pair, rate) in self.pairs.iter_mut().zip(rates) {
            pair.noise = pair.noise * self.persistence + normal(&mut pair.rng) * fresh;
            // Log-normal with mean 1: never negative, and noise adds no traffic.
            let noise = libm::exp(sigma * pair.noise - sigma * sigma / 2.0);
            let bps = pair.mean_bps * self.generator.hour(at, pair.peak_secs) * week * noise;
            *rate = Rate { bps, rps: bps / 8.0 / f64::from(self.generator.object_bytes) };
        }
    }
}

impl Generator {
    /// The day's shape at `at`, with mean 1.
    fn hour(&self, at: UnixNanos, peak_secs: f64) -> f64 {
        const DAY: f64 = 86_400.0;
        let phase = TAU * (at.secs().rem_euclid(86_400) as f64 - peak_secs) / DAY;
        let swing = libm::cos(phase) + SECOND_HARMONIC * libm::cos(2.0 * phase);
        (1.0 + self.daily * swing / (1.0 + SECOND_HARMONIC)).max(LEAST)
    }
}

/// 1970-01-01 was a Thursday.
fn is_weekend(at: UnixNanos) -> bool {
    let day = at.secs().div_euclid(86_400) + 3;
    day.rem_euclid(7) >= 5
}

#[cfg(test)]
mod tests {
    use weir_model::inventory;

    use super::*;

    fn month(generator: &Generator, seed: u64) -> Vec<f64> {
        let estate = inventory::parse("demo", crate::DEMO_ESTATE).unwrap();
        let step = Duration::from_secs(3_600);
        let mut playing = generator.play(&estate, Seed::root(seed), step);
        let mut rates = vec![Rate::default(); estate.groups.len() * estate.domains.len()];
        let hour = |hour: i64| {
            // 2026-01-01 is a Thursday.
            playing.step(UnixNanos::from_secs(1_767_225_600 + hour * 3_600), &mut rates);
            rates.iter().map(|rate| rate.bps).sum()
        };
        (0..28 * 24).map(hour).collect()
    }

    fn generator() -> Generator {
        Generator {
            total: Bps(50e6),
            daily: 0.5,
            peak: Duration::from_secs(20 * 3_600),
            spread: Duration::ZERO,
            weekend: 0.5,
            noise: 0.2,
            object_bytes: 20_000,
            domains: vec![1.0, 1.0, 0.0],
        }
    }

    #[test]
    fn a_month_has_its_mean_its_evening_and_its_weekend() {
        let hours = month(&generator(), 1);
        let mean = |hours: &[f64]| hours.iter().sum::<f64>() / hours.len() as f64;
        let days: Vec<f64> = hours.chunks(24).map(mean).collect();
        let weekday = mean(&[days[0], days[1], days[4], days[5], days[6]]);
        assert!((weekday / 50e6 - 1.0).abs() < 0.05, "{weekday}");
        assert!((mean(&days[2..4]) / 25e6 - 1.0).abs() < 0.1, "1970 began on a Thursday");
        let at = |hour: usize| mean(&(0..2).map(|day| hours[day * 24 + hour]).collect::<Vec<_>>());
        assert!(at(20) > 1.4 * 50e6 && at(8) < 0.8 * 50e6, "{} {}", at(20), at(8));
    }

    #[test]
    fn a_seed_is_a_month() {
        assert_eq!(month(&generator(), 1), month(&generator(), 1));
        assert_ne!(month(&generator(), 1), month(&generator(), 2));
    }
}
