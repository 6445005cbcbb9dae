//! `deriv(value, time)`: the slope of a gauge, per second, by least squares.
//!
//! Null for less than two samples. As Prometheus's `deriv` (`promql/functions.go`, `funcDeriv` and
//! `linearRegression`). Sums are kept around the means, and joined as Chan, Golub and LeVeque do ("Updating
//! formulae and a pairwise algorithm for computing sample variances", 1979), so times of 10^18 ns lose nothing.

use datafusion::common::Result;

use super::{
    sample::{Sample, float, seconds, word},
    sample_aggregate::{SampleFunction, SampleState},
};

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Deriv;

impl SampleFunction for Deriv {
    type State = Line;

    const NAME: &'static str = "deriv";
    const DESCRIPTION: &'static str = "The slope of a gauge per second, by least squares. One series per group.";
    const EXAMPLE: &'static str =
        "SELECT node, deriv(value, time) FROM disk_free_bytes WHERE time > now() - INTERVAL '1 hour' GROUP BY node";

    fn value(line: &mut Line) -> Result<Option<f64>> {
        Ok((line.times_squared > 0.0).then(|| line.products / line.times_squared))
    }
}

/// Sums for a line through samples. Seconds count from `origin`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    count: i64,
    /// The time of a sample, in nanoseconds.
    origin: i64,
    mean_time: f64,
    mean_value: f64,
    /// Of the distances from the means.
    times_squared: f64,
    products: f64,
}

impl Line {
    fn of(sample: &Sample) -> Self {
        Self { count: 1, origin: sample.time, mean_value: sample.value, ..Self::default() }
    }

    fn join(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            let count = self.count + other.count;
            let share = other.count as f64 / count as f64;
            let time = other.mean_time + seconds(other.origin, self.origin) - self.mean_time;
            let value = other.mean_value - self.mean_value;
            let weight = self.count as f64 * share;
            self.times_squared += other.times_squared + time * time * weight;
            self.products += other.products + time * value * weight;
            self.mean_time += time * share;
            self.mean_value += value * share;
            self.count = count;
        }
    }
}

impl SampleState for Line {
    fn add(&mut self, samples: &[Sample], _: bool) {
        samples.iter().for_each(|sample| self.join(&Self::of(sample)));
    }

    fn write(&self, out: &mut Vec<i64>) {
        let Self { count, origin, mean_time, mean_value, times_squared, products } = *self;
        out.extend([count, origin].into_iter().chain([mean_time, mean_value, times_squared, products].map(word)));
    }

    fn merge(&mut self, words: &[i64]) -> Result<()> {
        if let [count, origin, mean_time, mean_value, times_squared, products] = *words {
            let [mean_time, mean_value] = [mean_time, mean_value].map(float);
            let [times_squared, products] = [times_squared, products].map(float);
            self.join(&Self { count, origin, mean_time, mean_value, times_squared, products });
        }
        Ok(())
    }
}
