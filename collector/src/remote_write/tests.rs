//! Requests as Prometheus makes them, and bytes as nobody should.

use std::{sync::Arc, time::Duration};

use expect_test::{Expect, expect};
use proptest::prelude::*;
use prost::Message;
use reqwest::StatusCode;
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use weir_model::{
    observation::{Column, Rows, STALE_NAN_BITS, TableName},
    time::UnixNanos,
};

use super::{
    wire::{Label, Sample, TimeSeries, WriteRequest},
    *,
};
use crate::{
    clock,
    sink::{
        Rejection, Sink, SinkError, Written,
        recorder::{Recorder, render},
    },
};

const NOW: UnixNanos = UnixNanos::from_secs(1_700_000_000);
const NOW_MS: i64 = 1_700_000_000_000;

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    TimeSeries {
        labels: labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect(),
        samples: samples.iter().map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp }).collect(),
        histograms: Vec::new(),
    }
}

fn encode(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    compress(&WriteRequest { timeseries }.encode_to_vec())
}

fn compress(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

fn check(timeseries: Vec<TimeSeries>, limits: Limits, expect: Expect) {
    match decode(&encode(timeseries), NOW, &limits) {
        Ok(Decoded { rows, rejected }) => {
            let rejected = rejected.iter().map(|one| format!("{}: {} {}\n", one.table, one.rows, one.reason));
            expect.assert_eq(&(render(rows) + &rejected.collect::<String>()));
        }
        Err(error) => {
            let size = if error.is_too_large() { "too large: " } else { "" };
            expect.assert_eq(&format!("{size}{error}"));
        }
    }
}

#[test]
fn a_request_becomes_one_table_a_metric() {
    check(
        vec![
            series(&[("__name__", "hits"), ("job", "a"), ("time", "t"), ("value", "v")], &[(NOW_MS, 1.0)]),
            series(&[("__name__", "load")], &[(NOW_MS, 0.5)]),
            // Out of order, within a series and between requests alike, and empty labels are none.
            series(&[("job", "b"), ("__name__", "hits"), ("none", "")], &[(NOW_MS, 3.0), (-1_000, 2.0)]),
        ],
        Limits::default(),
        expect![[r#"
            metrics.hits{job="a",label_time="t",label_value="v"} value=1 @1700000000
            metrics.hits{job="b"} value=3 @1700000000
            metrics.hits{job="b"} value=2 @-1
            metrics.load{} value=0.5 @1700000000
        "#]],
    );
}

#[test]
fn values_are_kept_bit_for_bit() {
    let bits = [STALE_NAN_BITS, f64::NAN.to_bits(), f64::INFINITY.to_bits(), f64::NEG_INFINITY.to_bits(), 1];
    let samples: Vec<_> = bits.iter().map(|bits| (NOW_MS, f64::from_bits(*bits))).collect();
    let decoded = decode(&encode(vec![series(&[("__name__", "a")], &samples)]), NOW, &Limits::default()).unwrap();
    let Column::F64(values) = &decoded.rows[0].fields[0].1 else { panic!("values are floats") };
    assert_eq!(values.iter().map(|value| value.unwrap().to_bits()).collect::<Vec<_>>(), bits);
}

#[test]
fn samples_of_the_far_future_and_histograms_are_left_out_and_counted() {
    let hour = 3_600_000;
    let mut with_histogram = series(&[("__name__", "b")], &[]);
    with_histogram.histograms.push(bytes::Bytes::from_static(&[1, 2]));
    check(
        vec![
            series(
                &[("__name__", "a")],
                &[(NOW_MS + hour, 1.0), (NOW_MS + hour + 1, 2.0), (i64::MAX, 3.0), (i64::MIN, 4.0)],
            ),
            with_histogram,
        ],
        Limits::default(),
        expect![[r#"
            metrics.a{} value=1 @1700003600
            metrics.a: 2 more than 1 h ahead of this server's clock
            metrics.a: 1 time does not fit into 64 bits of nanoseconds
            metrics.b: 1 native histograms are not stored; send classic ones
        "#]],
    );
}

#[test]
fn series_that_cannot_be_are_refused_by_their_number() {
    let second = |labels: &[(&str, &str)], expect| {
        check(vec![series(&[("__name__", "a")], &[]), series(labels, &[])], Limits::default(), expect);
    };
    second(&[("job", "a")], expect!["series 1: no label __name__"]);
    second(&[("__name__", "")], expect!["series 1: no label __name__"]);
    second(&[("__name__", "a"), ("", "b")], expect!["series 1: a label has no name"]);
    second(&[("__name__", "a"), ("b", "1"), ("b", "1")], expect![[r#"series 1: label "b" is given twice"#]]);
    second(
        &[("__name__", "a"), ("time", "1"), ("label_time", "2")],
        expect![[r#"series 1: label "label_time" is given twice"#]],
    );
}

#[test]
fn limits_hold_and_what_just_fits_passes() {
    let limits = Limits { series: 2, samples: 3, labels: 2, name_bytes: 8, value_bytes: 4, ..Limits::default() };
    let named =
        |more: &[(&str, &str)], samples| series(&[&[("__name__", "a")], more].concat(), &vec![(0, 1.0); samples]);
    check(
        vec![named(&[("n2345678", "v234")], 2), named(&[], 1)],
        limits,
        expect![[r#"
        metrics.a{n2345678="v234"} value=1 @0
        metrics.a{n2345678="v234"} value=1 @0
        metrics.a{} value=1 @0
    "#]],
    );
    check(vec![named(&[], 0); 3], limits, expect!["too large: more than 2 series; send fewer at a time"]);
    check(vec![named(&[], 2), named(&[], 2)], limits, expect!["too large: more than 3 samples; send fewer at a time"]);
    check(vec![named(&[("b", ""), ("c", "")], 0)], limits, expect!["too large: series 0: more than 2 labels"]);
    check(vec![named(&[("b", "v2345")], 0)], limits, expect![[r#"too large: series 0: label "b" is too long"#]]);
    check(
        vec![named(&[("n23456789", "")], 0)],
        limits,
        expect![[r#"too large: series 0: label "n23456789" is too long"#]],
    );
    let limits = Limits { series_bytes: 20, ..Limits::default() };
    check(vec![named(&[], 1)], limits, expect!["too large: series 0: more than 20 bytes"]);
}

#[test]
fn sizes_are_checked_before_anything_is_decompressed() {
    let limits = Limits { compressed_bytes: 10, decompressed_bytes: 100, ..Limits::default() };
    let message = |body: &[u8]| decode(body, NOW, &limits).unwrap_err().to_string();
    assert_eq!(message(&[0; 11]), "the body has 11 bytes, more than 10");
    // The header says 101 bytes (varint 0x65), then nothing: were it decompressed, the error would be another.
    assert_eq!(message(&[0x65]), "the message has 101 bytes, more than 100");
    assert!(message(&[0x64]).starts_with("not a snappy block: "));
    assert!(message(&[]).starts_with("not a snappy block: "));
}

#[test]
fn metadata_is_skipped_and_a_cut_message_is_refused() {
    let request = WriteRequest { timeseries: vec![series(&[("__name__", "a")], &[(0, 1.0)])] }.encode_to_vec();
    // Field 3, MetricMetadata, of two bytes.
    let with_metadata = [&[0x1a, 2, 8, 1][..], &request].concat();
    let decode = |message: &[u8]| decode(&compress(message), NOW, &Limits::default());
    assert_eq!(decode(&with_metadata).unwrap(), decode(&request).unwrap());
    assert!(matches!(decode(&request[..request.len() - 1]), Err(DecodeError::Truncated)));
    // A length of 2^64 - 1.
    let endless = [&[0x0a][..], &[0xff; 9], &[1]].concat();
    assert!(matches!(decode(&endless), Err(DecodeError::Truncated)));
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Small bytes often are valid tags, lengths and varints.
    prop::collection::vec(prop_oneof![0u8..32, any::<u8>()], 0..200)
}

proptest! {
    #[test]
    fn decoding_never_panics(body in bytes(), message in bytes()) {
        drop(decode(&body, NOW, &Limits::default()));
        drop(decode(&compress(&message), NOW, &Limits::default()));
    }

    #[test]
    fn every_sample_is_kept_or_counted(
        request in prop::collection::vec(("[ab]", "[a-z]{0,2}", prop::collection::vec((any::<i64>(), any::<f64>()), 0..5)), 0..8),
    ) {
        let sent: usize = request.iter().map(|(_, _, samples)| samples.len()).sum();
        let request = request.iter().map(|(name, job, samples)| series(&[("__name__", name), ("job", job)], samples));
        let decoded = decode(&encode(request.collect()), NOW, &Limits::default()).unwrap();
        let kept: usize = decoded.rows.iter().map(Rows::len).sum();
        let rejected: u64 = decoded.rejected.iter().map(|rejection| rejection.rows).sum();
        prop_assert_eq!(sent, kept + rejected as usize);
        prop_assert!(decoded.rows.iter().flat_map(|rows| &rows.time).all(|time| *time <= (NOW + FUTURE_MAX).0));
    }
}

struct Server {
    url: String,
    sink: Arc<Recorder>,
    batches: UnboundedReceiver<Vec<Rows>>,
    client: reqwest::Client,
}

async fn serve() -> Server {
    let (sink, batches) = Recorder::new();
    let sink = Arc::new(sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
    let app = router(Arc::clone(&sink) as Arc<dyn Sink>);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = crate::scrape::client(&crate::tls::TlsClient::host_roots().unwrap()).unwrap();
    Server { url, sink, batches, client }
}

impl Server {
    /// Status, `Retry-After` and text of the answer.
    async fn post(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> (StatusCode, String, String) {
        let mut request = self.client.post(&self.url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let retry_after = response.headers().get("retry-after").map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status(), retry_after, response.text().await.unwrap())
    }
}

/// What the specification says that a sender sends.
const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

fn one(millis: i64) -> Vec<u8> {
    encode(vec![series(&[("__name__", "a")], &[(1_000, 7.0), (millis, 8.0)])])
}

#[tokio::test]
async fn a_good_request_is_in_the_sink_before_its_204() {
    let mut server = serve().await;
    for headers in [&HEADERS[..], &[], &[("content-type", "application/x-protobuf;proto=prometheus.WriteRequest")]] {
        let (status, _, text) = server.post(one(2_000), headers).await;
        assert_eq!((status, &*text), (StatusCode::NO_CONTENT, ""));
        let rows = render(server.batches.try_recv().unwrap());
        assert_eq!(rows, "metrics.a{} value=7 @1\nmetrics.a{} value=8 @2\n");
    }
    assert_eq!(server.post(encode(Vec::new()), &HEADERS).await.0, StatusCode::NO_CONTENT);
    assert!(server.batches.try_recv().is_err(), "an empty request writes nothing");
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong_with_them() {
    let mut server = serve().await;
    let (status, _, text) = server.post(b"hello".to_vec(), &HEADERS).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("not a snappy block"), "{text}");
    let nameless = encode(vec![series(&[("job", "a")], &[])]);
    let (status, _, text) = server.post(nameless, &HEADERS).await;
    assert_eq!((status, &*text), (StatusCode::BAD_REQUEST, "series 0: no label __name__"));
    for headers in [
        [("content-type", "application/json"), ("content-encoding", "snappy")],
        [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")],
        [
            ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
            ("content-encoding", "snappy"),
        ],
    ] {
        assert_eq!(server.post(one(2_000), &headers).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{headers:?}");
    }
    let (status, _, text) = server.post(vec![0; limits::COMPRESSED_BYTES_MAX + 1], &HEADERS).await;
    assert_eq!((status, &*text), (StatusCode::PAYLOAD_TOO_LARGE, "the body has more than 8388608 bytes"));
    // Announces 64 MiB (varint 2^26).
    let (status, ..) = server.post(vec![0x80, 0x80, 0x80, 0x20], &HEADERS).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(server.batches.try_recv().is_err(), "nothing of them was written");
}

#[tokio::test]
async fn rejected_samples_are_a_400_and_the_others_are_written() {
    let mut server = serve().await;
    let ahead = clock::wall().0 / 1_000_000 + 7_200_000;
    let (status, _, text) = server.post(one(ahead), &HEADERS).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(text, "1 samples written, 1 rejected\nmetrics.a: 1 more than 1 h ahead of this server's clock");
    assert_eq!(render(server.batches.try_recv().unwrap()), "metrics.a{} value=7 @1\n");

    let rejection = Rejection { table: TableName::metric("a"), rows: 2, reason: "field value is text".into() };
    server.sink.answer(Ok(Written { rows: 0, rejected: vec![rejection] }));
    let (status, _, text) = server.post(one(2_000), &HEADERS).await;
    let expected = "0 samples written, 2 rejected\nmetrics.a: 2 field value is text";
    assert_eq!((status, &*text), (StatusCode::BAD_REQUEST, expected));
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let server = serve().await;
    let half = Duration::from_millis(500);
    for (error, retry_after) in [
        (SinkError::Overloaded { retry_after: half }, "1"),
        (SinkError::DiskFull { retry_after: Duration::from_secs(60) }, "60"),
        (SinkError::Closed, "1"),
    ] {
        server.sink.answer(Err(error.clone()));
        let answer = server.post(one(2_000), &HEADERS).await;
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, retry_after.to_owned(), error.to_string()));
    }
    server.sink.answer(Err(SinkError::Invalid("no".into())));
    assert_eq!(server.post(one(2_000), &HEADERS).await.0, StatusCode::BAD_REQUEST);
}
