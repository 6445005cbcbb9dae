//! `POST /api/v1/write`.

mod answer;
mod negotiation;
mod places;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use self::{
    answer::{BUSY_RETRY_AFTER, Refusal, written_headers},
    places::Places,
};
use super::{Counts, Decoder, Limits, Version};
use crate::{
    clock,
    counters::{
        REMOTE_WRITE_EXEMPLARS, REMOTE_WRITE_HISTOGRAMS, REMOTE_WRITE_LEFT_OUT, REMOTE_WRITE_REFUSED,
        REMOTE_WRITE_SAMPLES, REMOTE_WRITE_SAMPLES_REJECTED,
    },
    decoding::decode_apart,
    forgotten::forget,
    series_cache::SeriesCache,
    sink::{Sink, Written, write_apart},
};

/// How long a body may take to arrive, so that slow senders do not hold all room: 8 MiB at
/// 2.3 Mbit/s.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a body that are read beyond its limit and forgotten: 64 MiB at 18 Mbit/s.
const FORGOTTEN_BYTES_MAX: usize = 8 * super::limits::COMPRESSED_BYTES_MAX;

#[derive(Debug)]
struct Receiver {
    sink: Arc<dyn Sink>,
    decoder: Arc<Decoder>,
    limits: Limits,
    places: Places,
}

/// The receiver of both versions, writing into `sink`; series are remembered in `cache`.
///
/// Answers 204 when everything is durable; 400 when the request is malformed, or when some of it was rejected (the
/// rest is written, as both specifications allow); 413 for a body too large; 415 for another message or encoding; 503
/// with `Retry-After` when the request may succeed later, as one whose body did not arrive. What was written is counted in `X-Prometheus-Remote-Write-*-Written`.
pub fn router(sink: Arc<dyn Sink>, cache: Arc<SeriesCache>) -> Router {
    serve(sink, cache, Places::default())
}

fn serve(sink: Arc<dyn Sink>, cache: Arc<SeriesCache>, places: Places) -> Router {
    let limits = Limits::default();
    let receiver = Receiver { sink, decoder: Arc::new(Decoder::new(limits, cache)), limits, places };
    Router::new().route("/api/v1/write", post(write)).with_state(Arc::new(receiver))
}

async fn write(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let refuse = |refusal: Refusal| {
        REMOTE_WRITE_REFUSED.add(1);
        refusal
    };
    let version = negotiation::version(request.headers());
    let mut body = request.into_body();
    let version = match version {
        Ok(version) => version,
        Err(refusal) => {
            forget(&mut body, FORGOTTEN_BYTES_MAX).await;
            return refuse(refusal).into_response();
        }
    };
    match receive(&receiver, version, body).await {
        Ok(written) => (StatusCode::NO_CONTENT, written_headers(&written)).into_response(),
        Err(refusal) => (written_headers(&refusal.written), refuse(refusal)).into_response(),
    }
}

async fn receive(receiver: &Receiver, version: Version, mut body: Body) -> Result<Counts, Refusal> {
    let limit = receiver.limits.compressed_bytes;
    let size = body.size_hint();
    if size.lower() > limit as u64 {
        forget(&mut body, FORGOTTEN_BYTES_MAX).await;
        return Err(too_large(limit));
    }
    // A body that does not say how long it is may be as long as any.
    let announced = size.exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(limit);
    let body_place = match receiver.places.body(announced).await {
        Ok(place) => place,
        Err(refusal) => {
            forget(&mut body, FORGOTTEN_BYTES_MAX).await;
            return Err(refusal);
        }
    };
    let body = read(body, limit, READ_TIMEOUT).await?;
    let memory = receiver.decoder.memory_bytes(receiver.decoder.message_bytes(&body)?);
    let place = receiver.places.batch(memory).await?;
    // Places go along with what takes them: neither this nor a write ends when the client goes.
    let (decoder, now) = (Arc::clone(&receiver.decoder), clock::wall());
    let decoding = decode_apart(move || {
        let decoded = decoder.decode(version, &body, now);
        drop((body, body_place));
        (decoded, place)
    });
    let (decoded, place) = decoding.await?;
    let (batch, mut sent) = decoded?.split();
    let written = match batch.is_empty() {
        // An empty request asks which version is spoken here.
        true => Written::default(),
        false => write_apart(Arc::clone(&receiver.sink), batch, place).await??,
    };
    let written = sent.written(&receiver.decoder, written);
    REMOTE_WRITE_SAMPLES.add(written.samples);
    REMOTE_WRITE_HISTOGRAMS.add(written.histograms);
    REMOTE_WRITE_EXEMPLARS.add(written.exemplars);
    REMOTE_WRITE_SAMPLES_REJECTED.add(sent.rejected.elements());
    REMOTE_WRITE_LEFT_OUT.add(sent.left_out);
    if sent.rejected.is_empty() { Ok(written) } else { Err(Refusal::partial(written, &sent.rejected)) }
}

async fn read(mut body: Body, limit: usize, time_max: Duration) -> Result<Bytes, Refusal> {
    let read = timeout(time_max, Limited::new(&mut body, limit).collect()).await;
    // Not 408: senders drop what they are refused with any 4xx but 429.
    let read = read.map_err(|_| Refusal::later("the body did not arrive in time", BUSY_RETRY_AFTER))?;
    match read {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            forget(&mut body, FORGOTTEN_BYTES_MAX).await;
            Err(too_large(limit))
        }
        Err(_) => Err(Refusal::new(StatusCode::BAD_REQUEST, "the body ended early")),
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes"))
}

#[cfg(test)]
mod tests;
