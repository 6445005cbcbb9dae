//! `POST /api/v2/write`, `POST /write`, and what clients ask before.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_ENCODING},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Limits, Precision,
    answer::{Form, Refusal},
    body::{self, Room},
    decode, greeting,
    inflate::{Encoding, inflate},
};
use crate::{
    clock,
    counters::{LINE_PROTOCOL_LINES, LINE_PROTOCOL_LINES_REJECTED, LINE_PROTOCOL_REFUSED},
    decoding::decode_apart,
    series_cache::SeriesCache,
    sink::{Sink, Written, write_apart},
};

/// Most requests that are decoded or written at once. The largest takes 40 MiB of body, 54 of rows, 80 of
/// values, 23 of series, 56 of new tags and 16 of columns, so 8 of them take 8 x 269 MiB = 2.1 GiB; usual
/// ones of 1,000 lines take 1/300 of that.
const PLACES: usize = 8;

/// How long a request may wait for a place: well within Telegraf's timeout of 5 s.
const PLACE_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Receiver {
    sink: Arc<dyn Sink>,
    cache: Arc<SeriesCache>,
    limits: Limits,
    room: Room,
    places: Arc<Semaphore>,
}

/// The receiver, writing into `sink`.
///
/// Answers 204 when everything is durable; 400 when lines were rejected (the others are written), or
/// the request makes no sense; 413 for one too large (Telegraf sends it again in halves); 415 for
/// another encoding than gzip; 503 with `Retry-After` when the request may succeed later.
pub fn router(sink: Arc<dyn Sink>, cache: Arc<SeriesCache>) -> Router {
    with_limits(sink, cache, Limits::default())
}

pub(super) fn with_limits(sink: Arc<dyn Sink>, cache: Arc<SeriesCache>, limits: Limits) -> Router {
    let receiver = Receiver { sink, cache, limits, room: Room::new(), places: Arc::new(Semaphore::new(PLACES)) };
    Router::new()
        .route("/api/v2/write", post(|state, request| write(state, request, Form::V2)))
        .route("/write", post(|state, request| write(state, request, Form::V1)))
        .route("/ping", get(greeting::ping))
        .route("/health", get(greeting::health))
        .with_state(Arc::new(receiver))
}

async fn write(State(receiver): State<Arc<Receiver>>, request: Request, form: Form) -> Response {
    match receive(&receiver, request, form).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => {
            LINE_PROTOCOL_REFUSED.add(1);
            refusal.into_response(form)
        }
    }
}

async fn receive(receiver: &Receiver, request: Request, form: Form) -> Result<(), Refusal> {
    let asked = precision(request.uri().query(), form)
        .and_then(|precision| encoding(request.headers()).map(|encoding| (precision, encoding)));
    let mut body = request.into_body();
    let (precision, encoding) = match asked {
        Ok(asked) => asked,
        Err(refusal) => {
            body::forget_rest(&mut body).await;
            return Err(refusal);
        }
    };
    let body = receiver.room.read(body, encoding, &receiver.limits).await?;
    let place = timeout(PLACE_WAIT, Arc::clone(&receiver.places).acquire_owned()).await;
    let place = place.ok().and_then(Result::ok).ok_or_else(Refusal::busy)?;
    // The place goes along with what takes it: neither this nor the write ends when the client goes.
    let (cache, limits, now) = (Arc::clone(&receiver.cache), receiver.limits, clock::wall());
    let decoding = decode_apart(move || {
        let lines = inflate(body.bytes.clone(), encoding, &limits);
        (lines.and_then(|lines| decode(&lines, precision, now, &cache, &limits)), place)
    });
    let (decoded, place) = decoding.await?;
    let mut decoded = decoded?;
    let batch = std::mem::take(&mut decoded.batch);
    let written = match batch.is_empty() {
        true => Written::default(),
        false => write_apart(Arc::clone(&receiver.sink), batch, place).await??,
    };
    let rejected = decoded.rejected + written.rejected_rows();
    LINE_PROTOCOL_LINES.add(written.rows);
    LINE_PROTOCOL_LINES_REJECTED.add(rejected);
    if rejected == 0 { Ok(()) } else { Err(Refusal::partial(&decoded, &written)) }
}

fn precision(query: Option<&str>, form: Form) -> Result<Precision, Refusal> {
    let name = parameter(query, "precision");
    let (precision, names) = match form {
        Form::V1 => (Precision::of_v1(name), "n, u, ms, s, m or h"),
        Form::V2 => (Precision::of_v2(name), "ns, us, ms or s"),
    };
    precision
        .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, format!("there is no precision `{name}`; use {names}")))
}

/// The value of a parameter of a query; `""` when it is not there. Those that are read here have no
/// bytes that would be written as percent signs.
pub(super) fn parameter<'a>(query: Option<&'a str>, name: &str) -> &'a str {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or_default()
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"" | b"identity") => Ok(Encoding::Identity),
        Some(b"gzip") => Ok(Encoding::Gzip),
        Some(_) => Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content encoding must be gzip or identity")),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::sink::gate::Gate;

    #[tokio::test]
    async fn a_place_is_taken_until_the_batch_of_a_client_that_went_is_written() {
        let sink = Arc::new(Gate::closed());
        let places = Arc::new(Semaphore::new(1));
        let receiver = Receiver {
            sink: Arc::clone(&sink) as Arc<dyn Sink>,
            cache: Arc::default(),
            limits: Limits::default(),
            room: Room::new(),
            places: Arc::clone(&places),
        };
        let mut request = Box::pin(receive(&receiver, Request::new(Body::from("up value=1")), Form::V1));
        tokio::select! {
            _ = &mut request => panic!("the gate is closed"),
            () = sink.reached() => {}
        }
        drop(request);
        assert_eq!(places.available_permits(), 0);
        sink.open();
        drop(timeout(Duration::from_secs(20), places.acquire()).await.expect("given back"));
    }
}
