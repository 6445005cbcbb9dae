//! `irate(value, time)`: how fast a counter grew at the end, per second: between its last two samples.
//!
//! A last value smaller than the one before is one after a reset, and counts itself. Null for less than two
//! samples. As Prometheus's `irate` (`promql/functions.go`, `funcIrate`).

use datafusion::common::Result;

use super::{
    sample::Sample,
    sample_aggregate::{SampleFunction, SampleState},
};

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Irate;

impl SampleFunction for Irate {
    type State = LastTwo;

    const NAME: &'static str = "irate";
    const DESCRIPTION: &'static str =
        "How fast a counter grew between its last two samples, per second. One series per group.";
    const EXAMPLE: &'static str =
        "SELECT node, irate(value, time) FROM requests_total WHERE time > now() - INTERVAL '5 minutes' GROUP BY node";

    fn value(state: &mut LastTwo) -> Result<Option<f64>> {
        let (Some(before), Some(last)) = (state.before, state.last) else { return Ok(None) };
        let grown = if last.value < before.value { last.value } else { last.value - before.value };
        Ok(Some(grown / before.seconds_to(&last)))
    }
}

/// The last sample, and the last of an earlier time.
#[derive(Debug, Default)]
pub(super) struct LastTwo {
    before: Option<Sample>,
    last: Option<Sample>,
}

impl SampleState for LastTwo {
    fn add(&mut self, samples: &[Sample], _: bool) {
        for sample in samples {
            let is_later = |than: Option<Sample>| than.is_none_or(|than| than.is_before(sample));
            match self.last {
                Some(last) if last.time == sample.time && is_later(Some(last)) => self.last = Some(*sample),
                Some(last) if last.time > sample.time && is_later(self.before) => self.before = Some(*sample),
                Some(last) if last.time >= sample.time => {}
                earlier => (self.before, self.last) = (earlier, Some(*sample)),
            }
        }
    }

    fn write(&self, out: &mut Vec<i64>) {
        out.extend(self.before.iter().chain(&self.last).flat_map(Sample::words));
    }

    fn merge(&mut self, words: &[i64]) -> Result<()> {
        words.as_chunks().0.iter().for_each(|words| self.add(&[Sample::of_words(*words)], false));
        Ok(())
    }
}
