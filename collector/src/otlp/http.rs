//! `POST /v1/metrics` and `POST /v1/logs` (the OTLP specification, "OTLP/HTTP").

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use prost::Message;
use serde_json::{Value, json};

use super::{
    body::{self, Form, Sent},
    receiver::{Receiver, Signal, refused},
    refusal::Refusal,
    wire::response::ExportResponse,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The routes, over `receiver`.
///
/// Answers as the specification has it, in the form of the request: 200 when everything that the
/// answer's `partial_success` does not reject is durable; 400 for what is malformed; 413 for what is
/// too large; 415 for another form or encoding; 503 with `Retry-After` when the request may succeed
/// later.
pub fn router(receiver: Receiver) -> Router {
    Router::new()
        .route("/v1/metrics", post(|receiver, request| answer(receiver, Signal::Metrics, request)))
        .route("/v1/logs", post(|receiver, request| answer(receiver, Signal::Logs, request)))
        .with_state(receiver)
}

async fn answer(State(receiver): State<Receiver>, signal: Signal, request: Request) -> Response {
    let (form, is_gzip) = match form_and_encoding(request.headers()) {
        Ok(headers) => headers,
        Err(text) => {
            body::forget_rest(&mut request.into_body()).await;
            refused(Refusal::Malformed(text.to_owned()));
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
        }
    };
    match receive(&receiver, signal, request, form, is_gzip).await.map_err(refused) {
        Ok(response) => match form {
            Form::Protobuf => ([(CONTENT_TYPE, PROTOBUF)], response.encode_to_vec()).into_response(),
            Form::Json => ([(CONTENT_TYPE, JSON)], in_json(signal, &response).to_string()).into_response(),
        },
        Err(refusal) => refuse(&refusal, form),
    }
}

async fn receive(
    receiver: &Receiver,
    signal: Signal,
    request: Request,
    form: Form,
    is_gzip: bool,
) -> Result<ExportResponse, Refusal> {
    let mut body = request.into_body();
    let place = receiver.place(&mut body).await?;
    let bytes = body::read(body, receiver.limits().body_bytes).await?;
    receiver.receive(signal, Sent { bytes, is_gzip, form }, place).await
}

fn form_and_encoding(headers: &HeaderMap) -> Result<(Form, bool), &'static str> {
    let header = |name: HeaderName| headers.get(name).map_or(Ok(""), |value| value.to_str()).unwrap_or("?");
    let content_type = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let form = match &*content_type {
        PROTOBUF => Form::Protobuf,
        JSON => Form::Json,
        _ => return Err("content type must be application/x-protobuf or application/json"),
    };
    match header(CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok((form, false)),
        "gzip" => Ok((form, true)),
        _ => Err("content encoding must be gzip or none"),
    }
}

fn in_json(signal: Signal, response: &ExportResponse) -> Value {
    let rejected = match signal {
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    match &response.partial_success {
        None => json!({}),
        // 64-bit numbers are text in protobuf's JSON.
        Some(partial) => json!({"partialSuccess": {
            rejected: partial.rejected.to_string(),
            "errorMessage": partial.error_message,
        }}),
    }
}

fn refuse(refusal: &Refusal, form: Form) -> Response {
    let status = match refusal {
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
        Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Later(..) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let rpc = refusal.rpc_status();
    let (content_type, body) = match form {
        Form::Protobuf => (PROTOBUF, rpc.encode_to_vec()),
        Form::Json => (JSON, json!({"code": rpc.code, "message": rpc.message}).to_string().into_bytes()),
    };
    let answer = (status, [(CONTENT_TYPE, content_type)], body);
    match refusal {
        // Whole seconds, and at least one: zero would mean at once (RFC 9110, section 10.2.3).
        Refusal::Later(_, after) => {
            let seconds = after.as_millis().div_ceil(1_000).max(1).to_string();
            ([(RETRY_AFTER, seconds)], answer).into_response()
        }
        Refusal::Malformed(_) | Refusal::TooLarge(_) => answer.into_response(),
    }
}
