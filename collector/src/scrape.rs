//! Scraping: fetch a target's exposition every interval and keep what Prometheus would keep,
//! with its labels, its report series (`up` and so on) and its staleness markers.

use std::{future::Future, pin::pin, sync::Arc};

use tokio::time::{MissedTickBehavior, timeout};
use weir_model::observation::Rows;

use self::cycle::Cycle;
use crate::{
    clock,
    counters::{SCRAPE_ROWS_LOST, SCRAPES_FAILED},
    exposition::{self, Exposition, ParseError},
    sink::Sink,
};

mod cycle;
mod read;
mod relabel;
mod target;

pub use self::{
    read::client,
    target::{BODY_BYTES_MAX, ScrapeTarget, TargetError},
};

/// Why a scrape brought nothing.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error("no answer within the timeout")]
    Timeout,
    #[error("cannot fetch")]
    Fetch(#[from] reqwest::Error),
    #[error("status {0}")]
    Status(reqwest::StatusCode),
    #[error("content type {0:?} is not one that was asked for")]
    ContentType(String),
    #[error("the body has more than {0} bytes")]
    BodyTooLarge(usize),
    #[error("the body is not UTF-8")]
    NotUtf8(#[from] std::string::FromUtf8Error),
    #[error("not understood")]
    Parse(#[from] ParseError),
    #[error("the parser was stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Scrapes `target` every interval into `sink` until `stop`, then marks its series stale.
///
/// Rows that the sink does not take are lost and counted: a scrape cannot be repeated.
pub async fn run(target: ScrapeTarget, client: reqwest::Client, sink: Arc<dyn Sink>, stop: impl Future<Output = ()>) {
    let mut ticks = tokio::time::interval(target.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cycle = Cycle::new(target.labels().clone());
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = ticks.tick() => {}
        }
        let rows = tokio::select! {
            biased;
            () = &mut stop => break,
            rows = scrape(&target, &client, &mut cycle) => rows,
        };
        write(&target, sink.as_ref(), rows).await;
    }
    write(&target, sink.as_ref(), cycle.handle_stop(clock::wall())).await;
}

async fn scrape(target: &ScrapeTarget, client: &reqwest::Client, cycle: &mut Cycle) -> Vec<Rows> {
    let started = clock::now();
    let fetched = timeout(target.timeout(), fetch_and_parse(client, target)).await;
    let took = clock::mono().since(started.mono);
    match fetched.unwrap_or(Err(ScrapeError::Timeout)) {
        Ok(exposition) => cycle.handle_scraped(exposition.samples, started.wall, took),
        Err(error) => {
            SCRAPES_FAILED.add(1);
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::debug!(url = %target.url(), %error, cause, "scrape failed");
            cycle.handle_failed(started.wall, took)
        }
    }
}

/// Parses on a thread of its own: a megabyte takes milliseconds, which probes on this thread
/// would measure.
async fn fetch_and_parse(client: &reqwest::Client, target: &ScrapeTarget) -> Result<Exposition, ScrapeError> {
    let (format, text) = read::fetch(client, target).await?;
    let limits = target.limits();
    Ok(tokio::task::spawn_blocking(move || exposition::parse(&text, format, limits)).await??)
}

async fn write(target: &ScrapeTarget, sink: &dyn Sink, rows: Vec<Rows>) {
    let count: usize = rows.iter().map(Rows::len).sum();
    if count == 0 {
        return;
    }
    match sink.write(rows.into()).await {
        Ok(written) => SCRAPE_ROWS_LOST.add(written.rejected_rows()),
        Err(error) => {
            tracing::warn!(url = %target.url(), %error, rows = count, "scraped rows lost");
            SCRAPE_ROWS_LOST.add(count as u64);
        }
    }
}

#[cfg(test)]
mod tests;
