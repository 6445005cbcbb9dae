//! Over HTTP, into a sink that records.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::StatusCode;
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use weir_model::observation::{Rows, TableName};

use super::{
    super::{
        limits,
        tests::sender::{Count, Histogram, Symbols, encode, series, v2},
    },
    *,
};
use crate::{
    forgotten::heard_after_sending,
    sink::{
        Rejection, SinkError,
        gate::Gate,
        recorder::{Recorder, render},
    },
};

struct Server {
    url: String,
    sink: Arc<Recorder>,
    batches: UnboundedReceiver<Vec<Rows>>,
    client: reqwest::Client,
}

/// What is answered.
#[derive(Debug, PartialEq)]
struct Answer {
    status: StatusCode,
    retry_after: String,
    /// Samples, histograms and exemplars.
    written: String,
    text: String,
}

async fn start(places: Places) -> Server {
    let (sink, batches) = Recorder::new();
    let sink = Arc::new(sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
    let app = serve(Arc::clone(&sink) as Arc<dyn Sink>, Arc::default(), places);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = crate::scrape::client(&crate::tls::TlsClient::host_roots().unwrap()).unwrap();
    Server { url, sink, batches, client }
}

impl Server {
    async fn post(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.post(&self.url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        let written = ["samples", "histograms", "exemplars"]
            .map(|kind| header(&format!("X-Prometheus-Remote-Write-{kind}-Written")))
            .join(" ");
        let (status, retry_after) = (response.status(), header("retry-after"));
        Answer { status, retry_after, written, text: response.text().await.unwrap() }
    }

    fn received(&mut self) -> String {
        render(self.batches.try_recv().unwrap())
    }
}

fn answer(status: StatusCode, written: &str, text: &str) -> Answer {
    Answer { status, retry_after: "-".to_owned(), written: written.to_owned(), text: text.to_owned() }
}

/// What the specifications say that a sender sends.
const V1: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];
const V2: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "2.0.0"),
];

fn one(millis: i64) -> Vec<u8> {
    encode(vec![series(&[("__name__", "a")], &[(1_000, 7.0), (millis, 8.0)])])
}

/// Two samples, one histogram, one exemplar.
fn all_kinds(millis: i64) -> Vec<u8> {
    let mut symbols = Symbols::new();
    let mut hits = symbols.series(&[("__name__", "hits")], &[(1_000, 7.0), (millis, 8.0)]);
    let labels_refs = symbols.refs(&[("trace_id", "abc")]);
    hits.exemplars = vec![v2::Exemplar { labels_refs, value: 7.0, timestamp: 1_000 }];
    let mut took = symbols.series(&[("__name__", "took")], &[]);
    took.histograms =
        vec![Histogram { count: Some(Count::Float(0.0)), sum: 1.5, timestamp: 1_000, ..Histogram::default() }];
    symbols.encode(vec![hits, took])
}

#[tokio::test]
async fn a_good_request_is_in_the_sink_before_its_204() {
    let mut server = start(Places::default()).await;
    for headers in [&V1[..], &[], &[("content-type", "application/x-protobuf;proto=prometheus.WriteRequest")]] {
        assert_eq!(server.post(one(2_000), headers).await, answer(StatusCode::NO_CONTENT, "2 0 0", ""));
        assert_eq!(server.received(), "metrics.a{} value=7 @1\nmetrics.a{} value=8 @2\n");
    }
    assert_eq!(server.post(encode(Vec::new()), &V1).await, answer(StatusCode::NO_CONTENT, "0 0 0", ""));
    assert!(server.batches.try_recv().is_err(), "an empty request writes nothing");
}

#[tokio::test]
async fn a_request_of_2_0_is_counted_by_kind() {
    let mut server = start(Places::default()).await;
    assert_eq!(server.post(all_kinds(2_000), &V2).await, answer(StatusCode::NO_CONTENT, "2 1 1", ""));
    let received = server.received();
    let lines: Vec<&str> = received.lines().map(|line| line.split(" @").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "metrics.hits{} value=7",
            "metrics.hits{} value=8",
            "metrics.took{} count=0 sum=1.5 schema=0 zero_threshold=0 reset_hint=0",
            "metrics.exemplars{metric=\"hits\"} value=7 trace_id=\"abc\"",
        ]
    );
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong_with_them() {
    let mut server = start(Places::default()).await;
    for headers in [V1, V2] {
        let refused = server.post(b"hello".to_vec(), &headers).await;
        assert_eq!((refused.status, &*refused.written), (StatusCode::BAD_REQUEST, "0 0 0"));
        assert!(refused.text.starts_with("not a snappy block"), "{}", refused.text);
    }
    let protobuf = |proto: &'static str| [("content-type", proto), ("content-encoding", "snappy")];
    for headers in [
        protobuf("application/json"),
        protobuf("application/x-protobuf;proto=io.prometheus.write.v3.Request"),
        [("content-type", "application/x-protobuf"), ("content-encoding", "zstd")],
    ] {
        let refused = server.post(one(2_000), &headers).await;
        assert_eq!((refused.status, &*refused.written), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "- - -"), "{headers:?}");
    }
    let large = server.post(vec![0; limits::COMPRESSED_BYTES_MAX + 1], &V1).await;
    assert_eq!(large, answer(StatusCode::PAYLOAD_TOO_LARGE, "0 0 0", "the body has more than 8388608 bytes"));
    // Announces 64 MiB (varint 2^26).
    let announced = server.post(vec![0x80, 0x80, 0x80, 0x20], &V2).await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(server.batches.try_recv().is_err(), "nothing of them was written");
}

#[tokio::test]
async fn a_body_without_a_length_is_read_to_the_limit() {
    let mut server = start(Places::default()).await;
    let chunked = |body: Vec<u8>| {
        let frame = |chunk: &[u8]| Ok::<_, std::io::Error>(hyper::body::Frame::data(Bytes::copy_from_slice(chunk)));
        let frames: Vec<_> = body.chunks(1 << 20).map(frame).collect();
        reqwest::Body::wrap(http_body_util::StreamBody::new(futures::stream::iter(frames)))
    };
    let post = |body| server.client.post(&server.url).body(chunked(body)).send();
    assert_eq!(post(one(2_000)).await.unwrap().status(), StatusCode::NO_CONTENT);
    let large = post(vec![0; limits::COMPRESSED_BYTES_MAX + 1]).await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(server.batches.try_recv().is_ok() && server.batches.try_recv().is_err());
}

#[tokio::test]
async fn what_is_rejected_is_a_400_and_the_rest_is_written() {
    let mut server = start(Places::default()).await;
    let ahead = clock::wall().0 / 1_000_000 + 7_200_000;
    let partial = server.post(one(ahead), &V1).await;
    let text = "1 samples written, 1 rejected\nmetrics.a: 1 more than 1 h ahead of this server's clock";
    assert_eq!(partial, answer(StatusCode::BAD_REQUEST, "1 0 0", text));
    assert_eq!(server.received(), "metrics.a{} value=7 @1\n");

    let nameless = encode(vec![series(&[("job", "a")], &[(0, 1.0)]), series(&[("__name__", "b")], &[(0, 1.0)])]);
    let text = "1 samples written, 1 rejected\nseries 0: no label __name__";
    assert_eq!(server.post(nameless, &V1).await, answer(StatusCode::BAD_REQUEST, "1 0 0", text));
    assert_eq!(server.received(), "metrics.b{} value=1 @0\n");

    let rejection = |table, rows| Rejection { table, rows, reason: "no".into() };
    let rejected = vec![
        rejection(TableName::metric("hits"), 1),
        rejection(TableName::metric("took"), 1),
        rejection(TableName::metric("metadata"), 1),
    ];
    server.sink.answer(Ok(Written { rows: 0, rejected }));
    let text = "1 samples, 1 exemplars written, 2 rejected\nmetrics.hits: 1 no\nmetrics.took: 1 no";
    assert_eq!(server.post(all_kinds(2_000), &V2).await, answer(StatusCode::BAD_REQUEST, "1 0 1", text));
    server.sink.answer(Ok(Written { rows: 0, rejected: vec![rejection(TableName::metric("exemplars"), 1)] }));
    let text = "2 samples, 1 histograms written, 1 rejected\nmetrics.exemplars: 1 no";
    assert_eq!(server.post(all_kinds(2_000), &V2).await, answer(StatusCode::BAD_REQUEST, "2 1 0", text));
}

#[tokio::test]
async fn rejected_metadata_and_start_times_are_not_the_samples_fault() {
    let mut server = start(Places::default()).await;
    let body = || {
        let mut symbols = Symbols::new();
        let mut hits = symbols.series(&[("__name__", "hits")], &[(1_000, 7.0)]);
        hits.samples[0].start_timestamp = 500;
        hits.metadata = Some(v2::Metadata { r#type: 1, help_ref: symbols.of("Hits"), unit_ref: 0 });
        symbols.encode(vec![hits])
    };
    let rejection = |table| Rejection { table: TableName::metric(table), rows: 1, reason: "no".into() };
    server.sink.answer(Ok(Written { rows: 0, rejected: vec![rejection("metadata"), rejection("start_times")] }));
    assert_eq!(server.post(body(), &V2).await, answer(StatusCode::NO_CONTENT, "1 0 0", ""));
    assert_eq!(server.received().lines().count(), 3);
    server.sink.answer(Ok(Written::default()));
    assert_eq!(server.post(body(), &V2).await, answer(StatusCode::NO_CONTENT, "1 0 0", ""));
    assert_eq!(server.received(), "metrics.hits{} value=7 @1\n", "they are not tried again");
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let server = start(Places::default()).await;
    let half = Duration::from_millis(500);
    for (error, retry_after) in [
        (SinkError::Overloaded { retry_after: half }, "1"),
        (SinkError::DiskFull { retry_after: Duration::from_secs(60) }, "60"),
        (SinkError::Closed, "1"),
    ] {
        server.sink.answer(Err(error.clone()));
        let later = server.post(one(2_000), &V1).await;
        let expected = answer(StatusCode::SERVICE_UNAVAILABLE, "0 0 0", &error.to_string());
        assert_eq!(later, Answer { retry_after: retry_after.to_owned(), ..expected });
    }
    server.sink.answer(Err(SinkError::Invalid("no".into())));
    assert_eq!(server.post(one(2_000), &V1).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_that_finds_no_room_is_told_to_come_again() {
    for (bodies, batches) in [(0, 16 << 20), (1 << 20, 0)] {
        let mut server = start(Places::new(bodies, batches, Duration::ZERO)).await;
        let busy = server.post(one(2_000), &V1).await;
        let expected = answer(StatusCode::SERVICE_UNAVAILABLE, "0 0 0", "too many requests at once");
        assert_eq!(busy, Answer { retry_after: "1".to_owned(), ..expected });
        assert!(server.batches.try_recv().is_err());
    }
    // Room is given back.
    let server = start(Places::new(1 << 10, 16 << 20, Duration::ZERO)).await;
    for _ in 0..3 {
        assert_eq!(server.post(one(2_000), &V1).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn room_is_taken_until_the_batch_of_a_client_that_went_is_written() {
    let sink = Arc::new(Gate::closed());
    let decoder = Arc::new(Decoder::new(Limits::default(), Arc::default()));
    let places = Places::new(1 << 20, 16 << 20, Duration::ZERO);
    let receiver = Receiver { sink: Arc::clone(&sink) as Arc<dyn Sink>, decoder, limits: Limits::default(), places };
    let mut request = Box::pin(receive(&receiver, Version::V1, Body::from(one(2_000))));
    tokio::select! {
        _ = &mut request => panic!("the gate is closed"),
        () = sink.reached() => {}
    }
    drop(request);
    assert!(receiver.places.batch(1).await.is_err());
    sink.open();
    let room = async {
        while receiver.places.batch(16 << 20).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), room).await.expect("given back");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_may_come_again() {
    let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let late = read(never, 10, Duration::ZERO).await.unwrap_err().into_response();
    assert_eq!(
        (late.status(), &late.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, &"1")
    );
}

#[tokio::test]
async fn who_sends_everything_before_listening_is_told_what_is_wrong() {
    let server = start(Places::new(0, 0, Duration::ZERO)).await;
    assert_eq!(heard_after_sending(&server.url, "").await, "HTTP/1.1 413");
    let zstd = "content-encoding: zstd\r\n";
    assert_eq!(heard_after_sending(&server.url, zstd).await, "HTTP/1.1 415");
}

#[tokio::test]
async fn a_body_for_which_there_is_no_room_is_forgotten() {
    let receiver = Receiver {
        sink: Arc::new(Gate::closed()),
        decoder: Arc::new(Decoder::new(Limits::default(), Arc::default())),
        limits: Limits::default(),
        places: Places::new(0, 0, Duration::ZERO),
    };
    let is_read = Arc::new(AtomicBool::new(false));
    let last = Arc::clone(&is_read);
    let chunks = futures::stream::once(async move {
        last.store(true, Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
    });
    assert!(receive(&receiver, Version::V1, Body::from_stream(chunks)).await.is_err());
    assert!(is_read.load(Relaxed), "clients read no answer before they have sent everything");
}
