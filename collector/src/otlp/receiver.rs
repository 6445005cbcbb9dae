//! What both transports share: limits, and from a body to durable rows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};
use weir_model::{
    observation::{Batch, Samples},
    time::UnixNanos,
};

use super::{
    DecodeError, Limits,
    accumulate::Accumulator,
    body::{self, Sent},
    gathered::{Decoded, rejections},
    log_times::LogTimes,
    logs, metrics,
    refusal::Refusal,
    wire::{
        logs::LogsRequest,
        metrics::MetricsRequest,
        response::{ExportResponse, PartialSuccess},
    },
};
use crate::{
    clock,
    counters::{OTLP_EXEMPLARS_DROPPED, OTLP_ITEMS, OTLP_ITEMS_REJECTED, OTLP_REFUSED},
    decoding::decode_apart,
    series_cache::SeriesCache,
    sink::{Rejection, Sink, Written},
};

/// Most requests at once. The largest allowed holds 8 MiB as sent, 32 MiB of message, 24 MB of
/// samples, 64 MB of labels and 16 MiB of the data point at hand, so 8 of them take 8 x 150 MB =
/// 1.2 GB; usual ones take 1/1000 of that.
const IN_FLIGHT_MAX: usize = 8;

/// How long a request may wait for a place; its body is not read meanwhile. The OpenTelemetry
/// collector sends 10 at a time by default, each of which takes about one sync of a disk.
const PLACE_WAIT: Duration = Duration::from_secs(5);

/// How many rejections an answer lists.
const REJECTIONS_LISTED_MAX: usize = 10;

/// What is received: a request's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Metrics,
    Logs,
}

/// The receiver of metrics and logs, for both transports: share one, because it remembers the
/// totals of delta series, and the times that log records have.
#[derive(Clone, Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sink: Arc<dyn Sink>,
    series: Arc<SeriesCache>,
    limits: Limits,
    places: Arc<Semaphore>,
    log_times: Mutex<LogTimes>,
    /// Held until what was added up is durable, because totals that were not written must not
    /// count: requests with deltas are written one after another.
    totals: Arc<AsyncMutex<Accumulator>>,
}

impl Receiver {
    /// Writing into `sink`; `series` is shared with other receivers.
    pub fn new(sink: Arc<dyn Sink>, series: Arc<SeriesCache>) -> Self {
        Self::with_limits(sink, series, Limits::default())
    }

    /// The series that it knows.
    pub fn series(&self) -> &Arc<SeriesCache> {
        &self.shared.series
    }

    pub(super) fn with_limits(sink: Arc<dyn Sink>, series: Arc<SeriesCache>, limits: Limits) -> Self {
        let shared = Shared {
            sink,
            series,
            limits,
            places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            log_times: Mutex::default(),
            totals: Arc::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// A place, to be held from before `body` is read until what it brings is written. Where there is none the
    /// body is read and forgotten.
    pub(super) async fn place(&self, body: &mut Body) -> Result<OwnedSemaphorePermit, Refusal> {
        match timeout(PLACE_WAIT, Arc::clone(&self.shared.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                body::forget_rest(body).await;
                Err(Refusal::later("too many requests at once"))
            }
        }
    }

    /// Takes a request: resolves when everything that is not in the answer's rejections is durable.
    pub(super) async fn receive(
        &self,
        signal: Signal,
        sent: Sent,
        place: OwnedSemaphorePermit,
    ) -> Result<ExportResponse, Refusal> {
        let (shared, now) = (Arc::clone(&self.shared), clock::wall());
        // The place goes along with what takes it: neither this nor the write ends when the client goes.
        let (decoded, place) = decode_apart(move || (shared.decode(signal, sent, now), place)).await?;
        let (shared, decoded) = (Arc::clone(&self.shared), decoded?);
        let writing = tokio::spawn(async move {
            let written = shared.write(decoded, now).await;
            drop(place);
            written
        });
        writing.await?
    }
}

/// Counts a request that was refused.
pub(super) fn refused(refusal: Refusal) -> Refusal {
    OTLP_REFUSED.add(1);
    refusal
}

impl Shared {
    fn decode(&self, signal: Signal, sent: Sent, now: UnixNanos) -> Result<Decoded, DecodeError> {
        match signal {
            Signal::Metrics => {
                let message = sent.message::<MetricsRequest>(&self.limits)?;
                metrics::decode(&message, now, &self.series, &self.limits)
            }
            Signal::Logs => {
                let message = sent.message::<LogsRequest>(&self.limits)?;
                let mut decoded = logs::decode(&message, now, &self.limits)?;
                // A panic in there would have been a defect; its maps are whole all the same.
                let mut times = self.log_times.lock().unwrap_or_else(PoisonError::into_inner);
                decoded.batch.rows.iter_mut().for_each(|rows| times.give(&message, rows));
                Ok(decoded)
            }
        }
    }

    async fn write(&self, decoded: Decoded, now: UnixNanos) -> Result<ExportResponse, Refusal> {
        let Decoded { mut batch, deltas, items, mut rejected, exemplars } = decoded;
        let written = if deltas.is_empty() {
            self.write_batch(batch).await?
        } else {
            let mut totals = Arc::clone(&self.totals).lock_owned().await;
            let series = Arc::clone(&self.series);
            let adding = spawn_blocking(move || {
                let added = totals.add(deltas, now, &series);
                (totals, added)
            });
            let (mut totals, added) = adding.await?;
            append(&mut batch.samples, added.samples);
            rejected.extend(rejections(added.rejected));
            let written = self.write_batch(batch).await?;
            totals.commit(added.staged);
            written
        };
        rejected.extend(written.rejected);
        // The store counts samples, of which a histogram has many.
        let rejected_items = rejected.iter().map(|rejection| rejection.rows).sum::<u64>().min(items as u64);
        OTLP_ITEMS.add(items as u64 - rejected_items);
        OTLP_ITEMS_REJECTED.add(rejected_items);
        OTLP_EXEMPLARS_DROPPED.add(exemplars);
        Ok(response(rejected_items, &rejected))
    }

    async fn write_batch(&self, batch: Batch) -> Result<Written, Refusal> {
        if batch.is_empty() { Ok(Written::default()) } else { Ok(self.sink.write(batch).await?) }
    }
}

fn append(samples: &mut Samples, more: Samples) {
    let base = samples.series.len() as u32;
    samples.series.extend(more.series);
    samples.index.extend(more.index.iter().map(|series| base + series));
    samples.time.extend(more.time);
    samples.value.extend(more.value);
}

/// What was not taken, if anything.
fn response(rejected_items: u64, rejected: &[Rejection]) -> ExportResponse {
    if rejected.is_empty() {
        return ExportResponse::default();
    }
    let listed = rejected.iter().take(REJECTIONS_LISTED_MAX);
    let mut texts: Vec<String> =
        listed.map(|Rejection { table, rows, reason }| format!("{table}: {rows} {reason}")).collect();
    if rejected.len() > REJECTIONS_LISTED_MAX {
        texts.push("...".to_owned());
    }
    let rejected = i64::try_from(rejected_items).unwrap_or(i64::MAX);
    ExportResponse { partial_success: Some(PartialSuccess { rejected, error_message: texts.join("\n") }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{otlp::body::Form, sink::gate::Gate};

    const ONE_RECORD: &str = r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityText": "INFO"}]}]}]}"#;

    #[tokio::test]
    async fn a_place_is_taken_until_the_batch_of_a_client_that_went_is_written() {
        let sink = Arc::new(Gate::closed());
        let receiver = Receiver::new(Arc::clone(&sink) as Arc<dyn Sink>, Arc::default());
        let places = Arc::clone(&receiver.shared.places);
        let place = receiver.place(&mut Body::empty()).await.unwrap();
        let sent = Sent { bytes: ONE_RECORD.into(), is_gzip: false, form: Form::Json };
        let mut request = Box::pin(receiver.receive(Signal::Logs, sent, place));
        tokio::select! {
            _ = &mut request => panic!("the gate is closed"),
            () = sink.reached() => {}
        }
        drop(request);
        assert_eq!(places.available_permits(), IN_FLIGHT_MAX - 1);
        sink.open();
        let all = places.acquire_many(IN_FLIGHT_MAX as u32);
        drop(timeout(Duration::from_secs(20), all).await.expect("given back"));
    }
}
