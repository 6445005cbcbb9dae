//! `rate(value, time)`: how fast a counter grew, per second.
//!
//! [`super::increase`] divided by the seconds from the first sample to the last. Null for less than two
//! samples. As Prometheus's `rate` (`promql/functions.go`, `funcRate`), where extrapolation to the bounds of the
//! window does not matter: both estimate the same slope.

use datafusion::common::Result;

use super::{counter::Counter, sample_aggregate::SampleFunction};

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rate;

impl SampleFunction for Rate {
    type State = Counter;

    const NAME: &'static str = "rate";
    const DESCRIPTION: &'static str = "How fast a counter grew, per second: its increase divided by the time from its \
         first to its last sample. One series per group.";
    const EXAMPLE: &'static str = "SELECT node, time_bucket('5m', time) AS bucket, rate(value, time) \
         FROM requests_total GROUP BY node, bucket";

    fn value(state: &mut Counter) -> Result<Option<f64>> {
        let run = state.run()?.filter(|run| run.first.time < run.last.time);
        Ok(run.map(|run| run.increase() / run.first.seconds_to(&run.last)))
    }
}
