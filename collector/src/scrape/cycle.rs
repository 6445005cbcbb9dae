//! From one scrape to the next: samples, report series and what went stale. No clock, no socket.

use std::{collections::HashMap, sync::Arc, time::Duration};

use indexmap::IndexMap;
use weir_model::{
    observation::{Labels, STALE_NAN_BITS, Samples, Series, TableName},
    time::UnixNanos,
};

use super::{
    attach::{self, Nameless},
    target::{ScrapeTarget, TargetSettings},
};
use crate::{
    counters::SCRAPE_SAMPLES_OUT_OF_RANGE,
    exposition::{self, Format, Line, OutOfRange, ParseError, Problem},
};

/// The series that a scrape writes about itself, as Prometheus names them.
const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// What the last scrape of a target left.
#[derive(Debug)]
pub(super) struct Cycle {
    target: Labels,
    settings: Arc<TargetSettings>,
    /// What each exposed text was written as; `None`: a rule drops it. Whoever exposes the same series again
    /// does so with the same text, which so costs no label a second look.
    known: HashMap<Box<str>, Known>,
    /// Series that had no timestamp of their own. One that has is never marked stale: its exposer
    /// decides how old is too old.
    live: IndexMap<Series, Live>,
    reports: [Series; REPORTS.len()],
    has_reported: bool,
    /// The scrape under way, counted from 1.
    scrape: u64,
    samples_before: usize,
}

#[derive(Debug)]
struct Known {
    series: Option<Series>,
    seen: u64,
}

/// The scrapes that brought it, first and last.
#[derive(Debug)]
struct Live {
    since: u64,
    seen: u64,
}

/// What a scrape brought, beside its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    scraped: usize,
    kept: usize,
    added: usize,
}

/// Why a text is no scrape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TextError {
    #[error("not understood: {0}")]
    Parse(#[from] ParseError),
    #[error("more than the {0} samples of `sample_limit`")]
    SampleLimit(usize),
    #[error(transparent)]
    Nameless(#[from] Nameless),
}

impl Cycle {
    pub(super) fn new(target: &ScrapeTarget) -> Self {
        let labels = target.labels().clone();
        Self {
            reports: REPORTS.map(|name| Series::new(TableName::metric(name), labels.clone())),
            target: labels,
            settings: Arc::clone(target.settings()),
            known: HashMap::new(),
            live: IndexMap::new(),
            has_reported: false,
            scrape: 0,
            samples_before: 0,
        }
    }

    /// A scrape begun `at` brought `text`: its samples, and markers for what the last one had and this one has
    /// not. Of a series given twice the first counts. Of a text that is no scrape nothing is taken, and
    /// everything is stale.
    pub(super) fn handle_text(
        &mut self,
        text: &str,
        format: Format,
        at: UnixNanos,
    ) -> (Samples, Counts, Result<(), TextError>) {
        self.scrape += 1;
        let mut samples = with_capacity(self.samples_before);
        let mut counts = Counts::default();
        let read = self.read(text, format, at, &mut samples, &mut counts);
        if read.is_err() {
            // Texts of no scrape would pile up, one failure after the other.
            self.known.clear();
            samples = self.all_stale(at);
        } else {
            self.mark_stale(at, &mut samples);
            self.samples_before = samples.len() + REPORTS.len();
        }
        (samples, counts, read)
    }

    fn read(
        &mut self,
        text: &str,
        format: Format,
        at: UnixNanos,
        samples: &mut Samples,
        counts: &mut Counts,
    ) -> Result<(), TextError> {
        let limits = self.settings.limits;
        let limit = self.settings.sample_limit.unwrap_or(usize::MAX);
        let mut nameless = Ok(());
        let parsed = exposition::read(text, format, limits, &mut IndexMap::new(), |line| {
            counts.scraped += 1;
            match self.series(&line, counts)? {
                Ok(None) => {}
                Ok(Some(series)) => {
                    counts.kept += 1;
                    if counts.kept <= limit {
                        self.sample(series, &line, at, samples);
                    }
                }
                Err(error) => nameless = Err(error),
            }
            Ok(())
        });
        parsed?;
        nameless?;
        if counts.kept > limit { Err(TextError::SampleLimit(limit)) } else { Ok(()) }
    }

    /// What a line's series is written as.
    fn series(&mut self, line: &Line<'_>, counts: &mut Counts) -> Result<Result<Option<Series>, Nameless>, Problem> {
        if let Some(known) = self.known.get_mut(line.text) {
            known.seen = self.scrape;
            return Ok(Ok(known.series.clone()));
        }
        let (name, labels) = line.series(self.settings.limits)?;
        let series = match attach::series(&name, labels, &self.target, &self.settings) {
            Ok(series) => series,
            Err(error) => return Ok(Err(error)),
        };
        counts.added += usize::from(series.is_some());
        self.known.insert(line.text.into(), Known { series: series.clone(), seen: self.scrape });
        Ok(Ok(series))
    }

    fn sample(&mut self, series: Series, line: &Line<'_>, at: UnixNanos, samples: &mut Samples) {
        let own_time = match line.time {
            _ if !self.settings.honor_timestamps => None,
            Ok(time) => time,
            Err(OutOfRange) => {
                SCRAPE_SAMPLES_OUT_OF_RANGE.add(1);
                return;
            }
        };
        if own_time.is_none() {
            let scrape = self.scrape;
            let live = self.live.entry(series.clone()).or_insert(Live { since: scrape, seen: 0 });
            if live.seen == scrape {
                return;
            }
            live.seen = scrape;
        }
        push(samples, series, own_time.unwrap_or(at), line.value);
    }

    /// Marks what this scrape has not brought, and forgets it.
    fn mark_stale(&mut self, at: UnixNanos, samples: &mut Samples) {
        let scrape = self.scrape;
        if self.live.values().any(|live| live.seen != scrape) {
            self.live.retain(|series, live| {
                let is_here = live.seen == scrape;
                if !is_here {
                    push(samples, series.clone(), at, f64::from_bits(STALE_NAN_BITS));
                }
                is_here
            });
        }
        self.known.retain(|_, known| known.seen == scrape);
    }

    /// A scrape begun `at` brought nothing: everything of the last is stale.
    pub(super) fn handle_failed(&mut self, at: UnixNanos) -> Samples {
        self.scrape += 1;
        self.all_stale(at)
    }

    /// Markers for what earlier scrapes wrote; what this one began was not written.
    fn all_stale(&mut self, at: UnixNanos) -> Samples {
        let mut samples = Samples::default();
        for (series, _) in std::mem::take(&mut self.live).into_iter().filter(|(_, live)| live.since < self.scrape) {
            push(&mut samples, series, at, f64::from_bits(STALE_NAN_BITS));
        }
        samples
    }

    /// The target is not scraped any more: its report series end as well.
    pub(super) fn handle_stop(&mut self, at: UnixNanos) -> Samples {
        let mut samples = self.handle_failed(at);
        if self.has_reported {
            self.push_reports(&mut samples, at, [f64::from_bits(STALE_NAN_BITS); REPORTS.len()]);
            self.has_reported = false;
        }
        samples
    }

    /// Adds what a scrape writes about itself.
    pub(super) fn report(&mut self, samples: &mut Samples, at: UnixNanos, is_up: bool, took: Duration, of: Counts) {
        let counts = [of.scraped, of.kept, of.added].map(|count| count as f64);
        let up = if is_up { 1.0 } else { 0.0 };
        self.push_reports(samples, at, [up, took.as_secs_f64(), counts[0], counts[1], counts[2]]);
        self.has_reported = true;
    }

    fn push_reports(&self, samples: &mut Samples, at: UnixNanos, values: [f64; REPORTS.len()]) {
        for (series, value) in self.reports.iter().zip(values) {
            push(samples, series.clone(), at, value);
        }
    }
}

fn with_capacity(samples: usize) -> Samples {
    Samples {
        series: Vec::with_capacity(samples),
        index: Vec::with_capacity(samples),
        time: Vec::with_capacity(samples),
        value: Vec::with_capacity(samples),
    }
}

fn push(samples: &mut Samples, series: Series, at: UnixNanos, value: f64) {
    let series = samples.push_series(series);
    samples.push(series, at.0, value);
}

#[cfg(test)]
mod tests;
