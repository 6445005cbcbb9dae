//! Linear regression by linfa's elastic net.
//!
//! The net, and not ordinary least squares, because histories are short: over a few days a weekly
//! term and a trend look the same, the normal equations are all but singular, and least squares
//! answer with two huge weights that cancel out until the day after.

use linfa::{Dataset, traits::Fit};
use linfa_elasticnet::ElasticNet;
use ndarray::{Array1, Array2, Axis};

use crate::series::FitError;

/// Weight of the penalty when all columns have unit variance: it shrinks a weight by about this
/// part, far below the noise, and is enough to settle what the data leave open.
const PENALTY: f64 = 1e-4;

/// Change of the weights, relative to the largest, at which the descent may stop.
const TOLERANCE: f64 = 1e-6;

/// Passes over all columns at most: 49 columns of 2^18 points x 200 are 2.6 x 10^9 multiplications,
/// seconds in the slow loop; columns of harmonics are nearly orthogonal and take about ten.
const PASSES_MAX: u32 = 200;

/// `intercept + weights . features`.
#[derive(Clone, Debug)]
pub(crate) struct LinearFit {
    intercept: f64,
    weights: Vec<f64>,
}

impl LinearFit {
    /// Fits `targets`, one per row of `features` (shape: points x features).
    pub(crate) fn new(mut features: Array2<f64>, targets: &[f64]) -> Result<Self, FitError> {
        // linfa's net takes the mean of the targets for the intercept, which is right for columns
        // whose mean is zero; equal variances make one penalty fit all columns.
        let scales: Vec<Scale> = features.axis_iter_mut(Axis(1)).map(Scale::take_off).collect();
        let mut targets = Array1::from_vec(targets.to_vec());
        let target = Scale::take_off(targets.view_mut());
        if targets.is_empty() {
            return Ok(Self { intercept: 0.0, weights: vec![0.0; scales.len()] });
        }
        let net = ElasticNet::params().penalty(PENALTY).tolerance(TOLERANCE).max_iterations(PASSES_MAX);
        let fitted = net.fit(&Dataset::new(features, targets)).map_err(FitError::Regression)?;
        let weights: Vec<f64> = fitted
            .hyperplane()
            .iter()
            .zip(&scales)
            .map(|(weight, scale)| weight * target.spread / scale.spread)
            .collect();
        let shift: f64 = weights.iter().zip(&scales).map(|(weight, scale)| weight * scale.mean).sum();
        Ok(Self { intercept: target.mean - shift, weights })
    }

    /// The value at `features`, as many as were fitted.
    pub(crate) fn predict(&self, features: &[f64]) -> f64 {
        debug_assert_eq!(features.len(), self.weights.len(), "as many features as were fitted");
        self.intercept + self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum::<f64>()
    }
}

/// Mean and standard deviation of a column.
struct Scale {
    mean: f64,
    /// 1 of a constant column: there is nothing to scale.
    spread: f64,
}

impl Scale {
    /// Brings `column` to mean 0 and variance 1.
    fn take_off(mut column: ndarray::ArrayViewMut1<'_, f64>) -> Self {
        let mean = column.mean().unwrap_or(0.0);
        column -= mean;
        let variance = column.dot(&column) / column.len().max(1) as f64;
        let spread = if variance > 0.0 { libm::sqrt(variance) } else { 1.0 };
        column /= spread;
        Self { mean, spread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found_whatever_its_scale() {
        for scale in [1e-6, 1.0, 1e9] {
            let rows = 50;
            let features = Array2::from_shape_fn((rows, 2), |(row, column)| match column {
                0 => row as f64 * scale,
                _ => ((row * row) % 7) as f64,
            });
            let value = |row: &[f64]| 3.0 + 2.0 * row[0] / scale - 5.0 * row[1];
            let targets: Vec<f64> = features.rows().into_iter().map(|row| value(&row.to_vec())).collect();
            let fit = LinearFit::new(features, &targets).unwrap();
            for row in [[10.0 * scale, 3.0], [100.0 * scale, 0.0]] {
                let (expected, found) = (value(&row), fit.predict(&row));
                assert!((expected - found).abs() < 0.1, "{scale}: {expected} {found}");
            }
        }
    }

    #[test]
    fn what_the_data_leave_open_stays_small() {
        // Two equal columns: any split of the weight fits.
        let features = Array2::from_shape_fn((20, 2), |(row, _)| row as f64);
        let targets: Vec<f64> = (0..20).map(|row| 4.0 * f64::from(row)).collect();
        let fit = LinearFit::new(features, &targets).unwrap();
        assert!((fit.predict(&[10.0, 10.0]) - 40.0).abs() < 0.1);
        assert!(fit.weights.iter().all(|weight| weight.abs() < 4.1), "{:?}", fit.weights);
    }

    #[test]
    fn constants_and_nothing_are_fitted() {
        let constant = LinearFit::new(Array2::ones((5, 1)), &[7.0; 5]).unwrap();
        assert_eq!(constant.predict(&[1.0]), 7.0);
        assert_eq!(LinearFit::new(Array2::ones((0, 1)), &[]).unwrap().predict(&[1.0]), 0.0);
    }
}
