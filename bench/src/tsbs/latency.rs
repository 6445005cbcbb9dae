//! Latencies of one kind of question in one store.

use crate::outcome::percentile;

/// The median over instances of each instance's median.
pub(super) fn median_of_medians(instances: &[Vec<f64>]) -> Option<f64> {
    let medians: Option<Vec<f64>> = instances.iter().map(|runs| percentile(runs, 0.5)).collect();
    percentile(&medians?, 0.5)
}

/// The geometric mean; `None` where one is missing.
pub(super) fn geometric_mean(values: &[Option<f64>]) -> Option<f64> {
    let logs: Option<Vec<f64>> = values.iter().map(|value| value.map(f64::ln)).collect();
    let logs = logs.filter(|logs| !logs.is_empty())?;
    Some((logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_means() {
        let instances = [vec![9.0, 1.0, 2.0], vec![5.0, 4.0, 100.0], vec![1.0, 1.0, 1.0]];
        assert_eq!(median_of_medians(&instances), Some(2.0));
        assert_eq!(median_of_medians(&[vec![]]), None);
        let mean = geometric_mean(&[Some(2.0), Some(8.0)]).unwrap();
        assert!((mean - 4.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[Some(2.0), None]), None);
        assert_eq!(geometric_mean(&[]), None);
    }
}
