//! What is kept of a counter: `increase` and `rate` are made of it.
//!
//! A counter only grows, but for resets, after which it begins at zero: what it grew by is the last value
//! less the first, and at each reset the value before it besides (Prometheus's `funcRate` in
//! `promql/functions.go`). For that samples must be in order of time, which is known only when all are there.
//! So samples are kept, until groups are crowded. From then on what came in order becomes a [`Run`], of
//! 40 bytes for any number of samples; runs can be put in order, but a sample inside a run, which only rows in
//! disorder have, is an error.

use datafusion::common::{Result, exec_err, internal_err};

use super::{
    sample::{Sample, float, word},
    sample_aggregate::SampleState,
};

/// How many samples in order, one after the other in a batch, are taken for rows in order: of rows in disorder
/// one stretch in 16! = 2 x 10^13 looks like it.
const RUN_MIN: usize = 16;
const RUN_WORDS: usize = 5;

/// Samples one after the other, with none between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) first: Sample,
    pub(super) last: Sample,
    /// The sum of the values before resets.
    resets: f64,
}

impl Run {
    fn of(sample: Sample) -> Self {
        Self { first: sample, last: sample, resets: 0.0 }
    }

    fn push(&mut self, next: &Self) {
        if self.last.value > next.first.value {
            self.resets += self.last.value;
        }
        self.resets += next.resets;
        self.last = next.last;
    }

    /// What the counter grew by.
    pub(super) fn increase(&self) -> f64 {
        self.last.value - self.first.value + self.resets
    }

    fn of_words(words: &[i64]) -> Option<Self> {
        let [first_time, first, last_time, last, resets] = *words else { return None };
        Some(Self {
            first: Sample::of_words([first_time, first]),
            last: Sample::of_words([last_time, last]),
            resets: float(resets),
        })
    }
}

/// The samples of one counter.
#[derive(Debug, Default)]
pub(super) struct Counter {
    samples: Vec<Sample>,
    runs: Vec<Run>,
    is_disordered: bool,
    /// How many of the samples, and what they come to: windows ask for the result after each row.
    folded: Option<(usize, Run)>,
}

impl Counter {
    /// All samples in order, as one run; `None` without any.
    pub(super) fn run(&mut self) -> Result<Option<Run>> {
        if self.is_disordered {
            self.samples.sort_unstable_by(Sample::order);
            (self.is_disordered, self.folded) = (false, None);
        }
        if !self.runs.is_empty() {
            return self.run_of_runs();
        }
        let Some(first) = self.samples.first() else { return Ok(None) };
        let (from, mut run) = self.folded.unwrap_or((1, Run::of(*first)));
        self.samples[from..].iter().for_each(|sample| run.push(&Run::of(*sample)));
        self.folded = Some((self.samples.len(), run));
        Ok(Some(run))
    }

    fn run_of_runs(&self) -> Result<Option<Run>> {
        let mut runs: Vec<Run> = self.samples.iter().map(|sample| Run::of(*sample)).chain(self.runs.clone()).collect();
        runs.sort_unstable_by(|a, b| a.first.order(&b.first).then_with(|| a.last.order(&b.last)));
        let mut all: Option<Run> = None;
        for run in &runs {
            match &mut all {
                None => all = Some(*run),
                Some(all) if all.last.is_before(&run.first) => all.push(run),
                Some(_) => {
                    return exec_err!(
                        "a counter's samples are too many and too disordered to be sorted: if a group has more than one \
                         series, add the labels that tell them apart to GROUP BY; else ask for a shorter time"
                    );
                }
            }
        }
        Ok(all)
    }
}

impl SampleState for Counter {
    fn add(&mut self, samples: &[Sample], is_crowded: bool) {
        let [first, rest @ ..] = samples else { return };
        let is_ordered = samples.is_sorted_by(Sample::is_before);
        if is_crowded && is_ordered && samples.len() >= RUN_MIN {
            let mut run = Run::of(*first);
            rest.iter().for_each(|sample| run.push(&Run::of(*sample)));
            self.runs.push(run);
            return;
        }
        let is_next = self.samples.last().is_none_or(|last| last.is_before(first));
        self.is_disordered |= !is_ordered || !is_next;
        self.samples.extend_from_slice(samples);
    }

    /// The number of samples, the samples, and runs.
    fn write(&self, out: &mut Vec<i64>) {
        out.push(self.samples.len() as i64);
        out.extend(self.samples.iter().flat_map(Sample::words));
        for Run { first, last, resets } in &self.runs {
            out.extend(first.words().into_iter().chain(last.words()).chain([word(*resets)]));
        }
    }

    fn merge(&mut self, words: &[i64]) -> Result<()> {
        let Some((count, words)) = words.split_first() else { return Ok(()) };
        let count_of_words = usize::try_from(*count).ok().and_then(|count| count.checked_mul(2));
        let Some((samples, runs)) = count_of_words.and_then(|count| words.split_at_checked(count)) else {
            return internal_err!("a state of {} words has not {count} samples", words.len());
        };
        let samples: Vec<Sample> = samples.as_chunks().0.iter().map(|words| Sample::of_words(*words)).collect();
        self.add(&samples, false);
        self.runs.extend(runs.chunks(RUN_WORDS).filter_map(Run::of_words));
        Ok(())
    }

    fn heap_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<Sample>() + self.runs.capacity() * size_of::<Run>()
    }
}
