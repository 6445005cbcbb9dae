//! What a Prometheus that scrapes node exporters sends by remote write 1.0: 100 targets of 1,000 series, 300 metric
//! names, six to ten labels, a sample of each every ten seconds.

mod count;
mod encode;
mod series;

use std::path::{Path, PathBuf};

use crate::bodies;

/// Targets.
pub(crate) const TARGETS: usize = 100;
/// Series of a target, and of all.
pub(crate) const SERIES_PER_TARGET: usize = 1_000;
/// Metric names, each a table.
pub(crate) const NAMES: usize = 300;
/// Between two samples of a series.
pub(crate) const INTERVAL_MS: i64 = 10_000;
/// Prometheus's default `max_samples_per_send`.
const SAMPLES_PER_BODY: usize = 2_000;
/// A gauge and a counter of one series a target, and a counter of 13, told apart by device, mode and mount point.
pub(crate) const ONE_GAUGE: usize = 2;
pub(crate) const ONE_COUNTER: usize = 5;
pub(crate) const MANY_SERIES: usize = 260;
/// Where every stream of random numbers begins.
const SEED: u64 = 321;

pub(crate) use count::{count_samples, count_sql};
pub(crate) use encode::request;
use series::Series;
pub(crate) use series::{instance_of, name_of};

/// How much is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Targets.
    pub(crate) targets: usize,
    /// Samples of each series.
    pub(crate) rounds: usize,
    /// The last round, in milliseconds since the epoch.
    pub(crate) end_ms: i64,
    /// Rounds after which another target takes the place of one, at another time for each; `None`: never.
    pub(crate) life: Option<usize>,
}

impl Size {
    /// This many targets, which stay, for so many rounds until now.
    pub(crate) fn until_now(targets: usize, rounds: usize) -> Self {
        Self { targets, rounds, end_ms: jiff::Timestamp::now().as_second() * 1_000, life: None }
    }

    /// The target that has a place in a round.
    pub(crate) fn target(self, place: usize, round: usize) -> usize {
        match self.life {
            Some(life) => place + self.targets * ((round + place * life / self.targets) / life),
            None => place,
        }
    }
    /// Samples of all series.
    pub(crate) fn samples(self) -> u64 {
        (self.targets * SERIES_PER_TARGET * self.rounds) as u64
    }

    /// When a round is.
    pub(crate) fn time_ms(self, round: usize) -> i64 {
        self.end_ms - (self.rounds - 1 - round) as i64 * INTERVAL_MS
    }
}

/// Writes the requests, one file for each sender. A series is always the same sender's, as Prometheus's shards have it.
pub(crate) fn write_bodies(size: Size, senders: usize, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    bodies::write_for_senders(folder, senders, |sender, bodies| {
        let places = (0..size.targets).flat_map(|place| (0..SERIES_PER_TARGET).map(move |number| (place, number)));
        let new = |place, number, round| Series::new(size.target(place, round), number);
        let mine = places.skip(sender).step_by(senders);
        let mut mine: Vec<(usize, usize, Series)> =
            mine.map(|(place, number)| (place, number, new(place, number, 0))).collect();
        let (mut body, mut samples, mut snappy) = (Vec::new(), 0, snap::raw::Encoder::new());
        for round in 0..size.rounds {
            for (place, number, series) in &mut mine {
                if round > 0 && size.target(*place, round) != size.target(*place, round - 1) {
                    *series = new(*place, *number, round);
                }
                let value = series.next_value();
                encode::push(&mut body, &series.labels, value, size.time_ms(round));
                samples += 1;
                if samples == SAMPLES_PER_BODY {
                    bodies.write(&snappy.compress_vec(&body)?)?;
                    body.clear();
                    samples = 0;
                }
            }
        }
        if samples > 0 { bodies.write(&snappy.compress_vec(&body)?) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests;
