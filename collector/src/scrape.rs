//! Scraping: find targets, fetch their exposition every interval and keep what Prometheus would keep, with its
//! labels, its report series (`up` and so on) and its staleness markers.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use reqwest::Client;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use weir_model::{
    observation::Samples,
    time::{Now, UnixNanos},
};

use self::{
    board::Entry,
    cycle::{Counts, Cycle, TextError},
};
use crate::{
    clock,
    counters::{SCRAPE_ROWS_LOST, SCRAPES_FAILED},
    decoding::decode_apart,
    exposition::Format,
    sink::Sink,
};

mod attach;
mod auth;
mod board;
mod cycle;
mod discovery;
mod job;
mod jobs;
mod read;
pub mod relabel;
mod spread;
mod target;

pub use self::{
    auth::{Auth, SecretError},
    board::{Health, TargetBoard, TargetStatus},
    discovery::{
        ANSWER_BYTES_MAX, Discovery, DnsSd, FileSd, GroupError, HttpSd, PatternProblem, RecordKind, TARGETS_MAX,
        TargetGroup,
    },
    job::{Scheme, ScrapeJob},
    jobs::{ConnectError, ConnectedJob, ScrapeJobs},
    read::client,
    target::{BODY_BYTES_MAX, ScrapeTarget, TargetError, TargetSettings},
};

/// Why a scrape brought nothing.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error("no answer within the timeout")]
    Timeout,
    #[error("cannot fetch")]
    Fetch(#[from] reqwest::Error),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("status {0}")]
    Status(reqwest::StatusCode),
    #[error("content type {0:?} is not one that was asked for")]
    ContentType(String),
    #[error(transparent)]
    Body(#[from] read::BodyError),
    #[error("the body is not UTF-8")]
    NotUtf8(#[from] std::string::FromUtf8Error),
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Scrapes `target` every interval into `sink` until `stop`, beginning now, then marks its series stale.
///
/// Samples that the sink does not take are lost and counted: a scrape cannot be repeated.
pub async fn run(target: ScrapeTarget, client: Client, sink: Arc<dyn Sink>, stop: impl Future<Output = ()>) {
    let client = watch::Sender::new(client).subscribe();
    Scraper { target, client, sink, entry: None, wait: Duration::ZERO }.run(stop).await;
}

/// One target being scraped.
#[derive(Debug)]
struct Scraper {
    target: ScrapeTarget,
    client: watch::Receiver<Client>,
    sink: Arc<dyn Sink>,
    /// Where it is told how scrapes went.
    entry: Option<Entry>,
    /// Until the first scrape.
    wait: Duration,
}

/// What a fetch brought.
type Fetched = Result<(Format, String), ScrapeError>;

impl Scraper {
    async fn run(self, stop: impl Future<Output = ()>) {
        let mut ticks = interval_at(Instant::now() + self.wait, self.target.interval());
        // A target keeps its place in the interval, also after a late scrape.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut cycle = Cycle::new(&self.target);
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = ticks.tick() => {}
            }
            let started = clock::now();
            let fetched = tokio::select! {
                biased;
                () = &mut stop => break,
                fetched = self.fetch() => fetched,
            };
            let samples;
            (cycle, samples) = self.take(cycle, fetched, started).await;
            self.write(samples).await;
        }
        self.write(cycle.handle_stop(clock::wall())).await;
    }

    async fn fetch(&self) -> Fetched {
        let client = self.client.borrow().clone();
        let fetched = timeout(self.target.timeout(), read::fetch(&client, &self.target)).await;
        fetched.unwrap_or(Err(ScrapeError::Timeout))
    }

    /// What is written of a scrape.
    async fn take(&self, mut cycle: Cycle, fetched: Fetched, started: Now) -> (Cycle, Samples) {
        let at = started.wall;
        let took = clock::mono().since(started.mono);
        match fetched {
            Ok((format, text)) => {
                let parsed = decode_apart(move || {
                    let (samples, counts, read) = cycle.handle_text(&text, format, at);
                    (cycle, samples, counts, read)
                });
                match parsed.await {
                    Ok((mut cycle, mut samples, counts, read)) => {
                        let failed = read.err().map(ScrapeError::from);
                        self.report(at, took, failed.as_ref());
                        cycle.report(&mut samples, at, failed.is_none(), took, counts);
                        (cycle, samples)
                    }
                    // The runtime ends, or the parser has a defect, which must not end the target.
                    Err(error) => {
                        tracing::error!(url = %self.target.url(), %error, "the parser was stopped");
                        (Cycle::new(&self.target), Samples::default())
                    }
                }
            }
            Err(error) => {
                self.report(at, took, Some(&error));
                let mut samples = cycle.handle_failed(at);
                cycle.report(&mut samples, at, false, took, Counts::default());
                (cycle, samples)
            }
        }
    }

    fn report(&self, at: UnixNanos, took: Duration, failed: Option<&ScrapeError>) {
        let failed = failed.map(|error| discovery::causes(error));
        if let Some(error) = &failed {
            SCRAPES_FAILED.add(1);
            tracing::debug!(url = %self.target.url(), error, "scrape failed");
        }
        if let Some(entry) = &self.entry {
            entry.report(at, took, failed.as_ref().map(|error| error as &dyn std::fmt::Display));
        }
    }

    async fn write(&self, samples: Samples) {
        let count = samples.len();
        if count == 0 {
            return;
        }
        match self.sink.write(samples.into()).await {
            Ok(written) => SCRAPE_ROWS_LOST.add(written.rejected_rows()),
            Err(error) => {
                tracing::warn!(url = %self.target.url(), %error, rows = count, "scraped rows lost");
                SCRAPE_ROWS_LOST.add(count as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests;
