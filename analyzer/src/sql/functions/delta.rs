//! `delta(value, time)`: by how much a gauge changed between its first and its last sample.
//!
//! The last value less the first; null for less than two samples. As Prometheus's `delta`
//! (`promql/functions.go`, `funcDelta`) without its extrapolation.

use datafusion::common::Result;

use super::{
    sample::Sample,
    sample_aggregate::{SampleFunction, SampleState},
};

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Delta;

impl SampleFunction for Delta {
    type State = Ends;

    const NAME: &'static str = "delta";
    const DESCRIPTION: &'static str =
        "By how much a gauge changed from its first to its last sample. One series per group.";
    const EXAMPLE: &'static str =
        "SELECT node, delta(value, time) FROM disk_free_bytes WHERE time > now() - INTERVAL '1 hour' GROUP BY node";

    fn value(Ends(ends): &mut Ends) -> Result<Option<f64>> {
        Ok(ends.filter(|(first, last)| first.time < last.time).map(|(first, last)| last.value - first.value))
    }
}

/// The first and the last sample.
#[derive(Debug, Default)]
pub(super) struct Ends(Option<(Sample, Sample)>);

impl SampleState for Ends {
    fn add(&mut self, samples: &[Sample], _: bool) {
        for sample in samples {
            let (first, last) = self.0.get_or_insert((*sample, *sample));
            if sample.is_before(first) {
                *first = *sample;
            }
            if last.is_before(sample) {
                *last = *sample;
            }
        }
    }

    fn write(&self, out: &mut Vec<i64>) {
        out.extend(self.0.iter().flat_map(|(first, last)| first.words().into_iter().chain(last.words())));
    }

    fn merge(&mut self, words: &[i64]) -> Result<()> {
        words.as_chunks().0.iter().for_each(|words| self.add(&[Sample::of_words(*words)], false));
        Ok(())
    }
}
