//! The gRPC services `MetricsService` and `LogsService` of `opentelemetry.proto.collector`.
//!
//! Served here from bytes and not by generated code, which would decode a whole message on the
//! thread that serves, before any limit but its size is looked at, and answer messages that are too
//! large with a code that clients send again for.

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::Body as AnyBody,
    http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tonic::{Status, body::Body, codegen::Service, server::NamedService};

use super::{
    body::{self, Form, Sent},
    receiver::{Receiver, Signal, refused},
    refusal::Refusal,
    wire::response::ExportResponse,
};

/// Bytes before a message: a flag and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ENCODINGS: &str = "identity,gzip";

/// `opentelemetry.proto.collector.metrics.v1.MetricsService`.
#[derive(Clone, Debug)]
pub struct MetricsService(pub Receiver);

/// `opentelemetry.proto.collector.logs.v1.LogsService`.
#[derive(Clone, Debug)]
pub struct LogsService(pub Receiver);

impl NamedService for MetricsService {
    const NAME: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
}

impl NamedService for LogsService {
    const NAME: &'static str = "opentelemetry.proto.collector.logs.v1.LogsService";
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Body>> for MetricsService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        Box::pin(answer(self.0.clone(), Signal::Metrics, Self::NAME, request))
    }
}

impl Service<Request<Body>> for LogsService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        Box::pin(answer(self.0.clone(), Signal::Logs, Self::NAME, request))
    }
}

async fn answer(
    receiver: Receiver,
    signal: Signal,
    service: &str,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let received = match check(service, &request) {
        Ok(is_gzip) => receive(&receiver, signal, is_gzip, request).await.map_err(|error| refused(error).status()),
        Err(status) => Err(*status),
    };
    let mut response = match received {
        Ok(response) => respond(&response),
        Err(status) => status.into_http(),
    };
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(ENCODINGS));
    Ok(response)
}

/// Whether the call is one that is served, and its messages may be compressed.
fn check(service: &str, request: &Request<Body>) -> Result<bool, Box<Status>> {
    let method = request.uri().path().trim_start_matches('/').strip_prefix(service);
    if method != Some("/Export") {
        return Err(Box::new(Status::unimplemented(format!("{service} has one method, Export"))));
    }
    match request.headers().get(ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err(Box::new(Status::unimplemented(format!("messages may be compressed by: {ENCODINGS}")))),
    }
}

async fn receive(
    receiver: &Receiver,
    signal: Signal,
    is_gzip: bool,
    request: Request<Body>,
) -> Result<ExportResponse, Refusal> {
    let mut body = AnyBody::new(request.into_body());
    let place = receiver.place(&mut body).await?;
    let bytes = body::read(body, receiver.limits().body_bytes + PREFIX_BYTES).await?;
    let (is_compressed, bytes) = message_of(bytes)?;
    if is_compressed && !is_gzip {
        return Err(Refusal::Malformed("the message is compressed, and the header does not say how".to_owned()));
    }
    receiver.receive(signal, Sent { bytes, is_gzip: is_compressed, form: Form::Protobuf }, place).await
}

/// The one message of a call's body, and whether it is compressed.
fn message_of(mut body: Bytes) -> Result<(bool, Bytes), Refusal> {
    if body.len() >= PREFIX_BYTES {
        let (flag, length) = (body.get_u8(), body.get_u32());
        if flag <= 1 && length as usize == body.len() {
            return Ok((flag == 1, body));
        }
    }
    Err(Refusal::Malformed("the body is not one gRPC message".to_owned()))
}

fn respond(response: &ExportResponse) -> Response<Body> {
    let mut message = BytesMut::with_capacity(PREFIX_BYTES + response.encoded_len());
    message.put_u8(0);
    message.put_u32(response.encoded_len() as u32);
    message.extend_from_slice(&response.encode_to_vec());
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(message.freeze()).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
