//! `increase(value, time)`: by how much a counter grew between its first and its last sample.
//!
//! The sum of the differences of consecutive samples; where a value is smaller than the one before, the
//! counter was reset, and the value itself counts. Null for less than two samples. As Prometheus's
//! `increase` (`promql/functions.go`, `funcIncrease`) but for one thing: nothing is extrapolated to the bounds
//! of the window, so counters of whole numbers grow by whole numbers.

use datafusion::common::Result;

use super::{counter::Counter, sample_aggregate::SampleFunction};

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Increase;

impl SampleFunction for Increase {
    type State = Counter;

    const NAME: &'static str = "increase";
    const DESCRIPTION: &'static str = "By how much a counter grew from its first to its last sample, resets considered. \
         Nothing is extrapolated. One series per group.";
    const EXAMPLE: &'static str = "SELECT node, time_bucket('5m', time) AS bucket, increase(value, time) \
         FROM requests_total GROUP BY node, bucket";

    fn value(state: &mut Counter) -> Result<Option<f64>> {
        Ok(state.run()?.filter(|run| run.first.time < run.last.time).map(|run| run.increase()))
    }
}
