//! OTLP over HTTP, into the recorder.

use std::{io::Write, sync::Arc, time::Duration};

use expect_test::expect;
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use reqwest::StatusCode;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use weir_model::observation::{Rows, TableName};

use super::{log_request, request};
use crate::{
    forgotten::heard_after_sending,
    otlp::{Receiver, limits::Limits, router, wire::metrics::MetricsRequest},
    sink::{
        Rejection, Sink, SinkError, Written,
        recorder::{Recorder, render},
    },
};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

struct Server {
    url: String,
    sink: Arc<Recorder>,
    batches: UnboundedReceiver<Vec<Rows>>,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

async fn serve_with(limits: Limits) -> Server {
    let (sink, batches) = Recorder::new();
    let sink = Arc::new(sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let receiver = Receiver::with_limits(Arc::clone(&sink) as Arc<dyn Sink>, Arc::default(), limits);
    tokio::spawn(async move { axum::serve(listener, router(receiver)).await });
    Server { url, sink, batches }
}

async fn serve() -> Server {
    serve_with(Limits::default()).await
}

impl Server {
    /// Status, `Retry-After` and body.
    async fn post(
        &self,
        path: &str,
        body: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> (StatusCode, String, Vec<u8>) {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.post(format!("{}{path}", self.url)).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let retry_after = answer.headers().get("retry-after").map_or("", |value| value.to_str().unwrap()).to_owned();
        (answer.status(), retry_after, answer.bytes().await.unwrap().to_vec())
    }

    async fn post_json(&self, path: &str, body: &serde_json::Value) -> (StatusCode, String, String) {
        let (status, retry_after, body) = self.post(path, body.to_string(), &[JSON]).await;
        (status, retry_after, String::from_utf8(body).unwrap())
    }
}

fn one_gauge() -> serde_json::Value {
    request(&json!([{"name": "m", "gauge": {"dataPoints": [{"timeUnixNano": "1000000000", "asDouble": 1}]}}]))
}

#[tokio::test]
async fn json_and_protobuf_zipped_or_not_are_written_and_answered_in_kind() {
    let mut server = serve().await;
    let json = one_gauge();
    let protobuf = serde_json::from_value::<MetricsRequest>(json.clone()).unwrap().encode_to_vec();
    let text = json.to_string().into_bytes();
    for (body, headers, answered) in [
        (text.clone(), &[JSON][..], &b"{}"[..]),
        (gzip(&text), &[JSON, GZIP], b"{}"),
        (protobuf.clone(), &[PROTOBUF], b""),
        (gzip(&protobuf), &[PROTOBUF, GZIP], b""),
    ] {
        let answer = server.post("/v1/metrics", body, headers).await;
        assert_eq!(answer, (StatusCode::OK, String::new(), answered.to_vec()));
        let written = render(server.batches.try_recv().unwrap());
        assert_eq!(written, "metrics.m{otel_scope_name=\"cart\",service.name=\"shop\"} value=1 @1\n");
    }
    let logs = log_request(&json!([{"timeUnixNano": "1000000000", "body": {"stringValue": "x"}},
                                   {"timeUnixNano": "1000000000", "body": {"stringValue": "y"}}]));
    assert_eq!(server.post_json("/v1/logs", &logs).await, (StatusCode::OK, String::new(), "{}".to_owned()));
    let written = server.batches.try_recv().unwrap();
    assert_eq!(written[0].time, [1_000_000_000, 1_000_000_001], "both are kept");
    assert_eq!(server.post_json("/v1/logs", &json!({})).await.0, StatusCode::OK, "nothing is no error");
}

#[tokio::test]
async fn what_is_no_request_says_what_would_be() {
    let server = serve_with(Limits { body_bytes: 1_000, ..Limits::default() }).await;
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    let (status, _, body) = server.post("/v1/metrics", "{", &[JSON]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    expect![[r#"{"code":3,"message":"not an OTLP message in JSON: EOF while parsing an object at line 1 column 1"}"#]]
        .assert_eq(&text(&body));
    let (status, _, body) = server.post("/v1/metrics", [0x0a, 0x7f], &[PROTOBUF]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text(&body).contains("it ends within a field"), "{}", text(&body));
    assert_eq!(server.post("/v1/logs", "not zipped", &[JSON, GZIP]).await.0, StatusCode::BAD_REQUEST);
    let (status, _, body) = server.post("/v1/logs", vec![b' '; 1_001], &[JSON]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    expect![[
        r#"{"code":8,"message":"the body has more than 1000 bytes; send fewer data points or records at a time"}"#
    ]]
    .assert_eq(&text(&body));
    for headers in [&[][..], &[("content-type", "text/plain")], &[JSON, ("content-encoding", "zstd")]] {
        assert_eq!(server.post("/v1/metrics", "{}", headers).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn rejections_are_a_partial_success() {
    let mut server = serve().await;
    let points = json!([{"timeUnixNano": "1000000000", "asDouble": 1}, {"asDouble": 2}]);
    let (status, _, text) =
        server.post_json("/v1/metrics", &request(&json!([{"name": "m", "gauge": {"dataPoints": points}}]))).await;
    assert_eq!(status, StatusCode::OK);
    expect![[r#"{"partialSuccess":{"errorMessage":"metrics.m: 1 no time","rejectedDataPoints":"1"}}"#]]
        .assert_eq(&text);
    assert!(server.batches.try_recv().is_ok(), "the other one is written");

    let rejection = Rejection { table: TableName::metric("m"), rows: 1, reason: "too many series".into() };
    server.sink.answer(Ok(Written { rows: 0, rejected: vec![rejection] }));
    let (_, _, text) = server.post_json("/v1/metrics", &one_gauge()).await;
    expect![[r#"{"partialSuccess":{"errorMessage":"metrics.m: 1 too many series","rejectedDataPoints":"1"}}"#]]
        .assert_eq(&text);
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let server = serve().await;
    for (error, retry_after) in [
        (SinkError::Overloaded { retry_after: Duration::from_millis(500) }, "1"),
        (SinkError::DiskFull { retry_after: Duration::from_secs(60) }, "60"),
        (SinkError::Closed, "1"),
    ] {
        server.sink.answer(Err(error.clone()));
        let (status, after, text) = server.post_json("/v1/metrics", &one_gauge()).await;
        assert_eq!((status, &*after), (StatusCode::SERVICE_UNAVAILABLE, retry_after));
        assert!(text.contains(&error.to_string()), "{text}");
    }
    server.sink.answer(Err(SinkError::Invalid("no".into())));
    assert_eq!(server.post_json("/v1/metrics", &one_gauge()).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn deltas_count_once_they_are_written() {
    let mut server = serve().await;
    let delta = |time: &str| {
        let point = json!({"timeUnixNano": time, "asInt": "5"});
        request(&json!([{"name": "hits", "sum": {"aggregationTemporality": 1, "dataPoints": [point]}}]))
    };
    server.sink.answer(Err(SinkError::Closed));
    assert_eq!(server.post_json("/v1/metrics", &delta("1000000000")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    server.sink.answer(Ok(Written::default()));
    for (time, total) in [("1000000000", "value=5 @1\n"), ("2000000000", "value=10 @2\n")] {
        assert_eq!(server.post_json("/v1/metrics", &delta(time)).await.0, StatusCode::OK);
        let written = render(server.batches.try_recv().unwrap());
        assert!(written.ends_with(total), "{written}");
    }
}

#[tokio::test]
async fn who_sends_everything_before_listening_is_told_what_is_wrong() {
    let server = serve_with(Limits { body_bytes: 1_000, ..Limits::default() }).await;
    let url = format!("{}/v1/logs", server.url);
    assert_eq!(heard_after_sending(&url, "content-type: application/json\r\n").await, "HTTP/1.1 413");
    assert_eq!(heard_after_sending(&url, "content-type: text/plain\r\n").await, "HTTP/1.1 415");
}
