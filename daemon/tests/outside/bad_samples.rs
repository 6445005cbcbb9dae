//! Samples that are wrong, and samples that only look wrong, over remote write.

use std::{fs, io::Cursor, time::Duration};

use arrow::{array::AsArray, datatypes::Float64Type, ipc::reader::StreamReader};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    weir::{Place, client},
    write::{body, millis_ahead, now_millis, series},
};

/// The values that one label may have in one table, as `weir_analyzer::Limits` has it.
const VALUES_MAX: usize = 200_000;
/// Over the limit by this many.
const TOO_MANY: usize = 1_000;
/// Series of one request: under its limit of 100,000.
const REQUEST: usize = 67_000;

#[tokio::test]
async fn a_label_bomb_is_cut_off_counted_and_named_and_the_rest_is_kept() {
    let place = Place::new();
    let _daemon = place.run().await;
    let now = now_millis();
    let mut left = VALUES_MAX + TOO_MANY;
    while left > 0 {
        let size = left.min(REQUEST);
        let bomb = |number: usize| series("requests", &[("request_id", &number.to_string())], &[(now, 1.0)]);
        let mut request: Vec<_> = (left - size..left).map(bomb).collect();
        request.push(series("honest", &[("left", &left.to_string())], &[(now, 1.0)]));
        left -= size;
        let (status, text) = place.remote_write(request).await;
        if left == 0 {
            assert_eq!(status, StatusCode::BAD_REQUEST);
            let kept = size - TOO_MANY + 1;
            let expected = format!(
                "{kept} samples written, {TOO_MANY} rejected\n\
                 metrics.requests: {TOO_MANY} label 'request_id' has {VALUES_MAX} values in this table, the limit"
            );
            assert_eq!(text, expected);
        } else {
            assert_eq!((status, &*text), (StatusCode::NO_CONTENT, ""));
        }
    }
    assert_eq!(place.sql("SELECT count(*) FROM requests").await, [[json!(VALUES_MAX)]]);
    assert_eq!(place.sql("SELECT count(*) FROM honest").await, [[json!(3)]]);
    // Known series go on.
    let known = series("requests", &[("request_id", "200999")], &[(now + 1, 2.0)]);
    assert_eq!(place.remote_write(vec![known]).await.0, StatusCode::NO_CONTENT);
    let metrics = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let counted = format!("weir_rows_rejected_total{{reason=\"cardinality\"}} {TOO_MANY}\n");
    assert!(metrics.contains(&counted), "{metrics}");
}

#[tokio::test]
async fn late_samples_are_taken_and_those_of_the_far_future_and_past_are_not() {
    let place = Place::new();
    let _daemon = place.run().await;
    let now = now_millis();
    let hour = Duration::from_secs(3_600);
    let ahead = millis_ahead(2 * hour);
    let (status, text) =
        place.remote_write(vec![series("load", &[], &[(now, 3.0), (ahead, 9.0), (now - 5, 2.0)])]).await;
    let expected = "2 samples written, 1 rejected\nmetrics.load: 1 more than 1 h ahead of this server's clock";
    assert_eq!((status, &*text), (StatusCode::BAD_REQUEST, expected));
    // Out of order within the series and over requests; within the hour ahead.
    let late = series("load", &[], &[(now - 3_600_000, 1.0), (now + 1_800_000, 4.0)]);
    assert_eq!(place.remote_write(vec![late]).await.0, StatusCode::NO_CONTENT);
    let values = place.sql("SELECT value FROM load ORDER BY time").await;
    assert_eq!(values, [[json!(1.0)], [json!(2.0)], [json!(3.0)], [json!(4.0)]]);
    // Before everything that is retained: 70 days by default.
    let (status, text) = place.remote_write(vec![series("load", &[], &[(now - 71 * 86_400_000, 0.0)])]).await;
    let expected = "0 samples written, 1 rejected\nmetrics.load: 1 the time is before everything that is retained";
    assert_eq!((status, &*text), (StatusCode::BAD_REQUEST, expected));
}

/// What Prometheus writes where a series ends.
const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

#[tokio::test]
async fn odd_floats_are_kept_bit_for_bit_and_staleness_markers_are_hidden() {
    let odd = [0x7ff8_0000_0000_0001, 0x7ff8_dead_beef_0001, 0xfff0_0000_0000_0001, 0x8000_0000_0000_0000, 1]
        .map(f64::from_bits);
    let odd = [&odd[..], &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]].concat();
    let place = Place::new();
    let mut daemon = place.run().await;
    let now = now_millis() - 1_000;
    let marked = [&odd[..], &[f64::from_bits(STALE_NAN_BITS)]].concat();
    let samples: Vec<(i64, f64)> = (now..).zip(marked).collect();
    assert_eq!(place.remote_write(vec![series("odd", &[], &samples)]).await.0, StatusCode::NO_CONTENT);
    let logged = fs::read_dir(place.path("data/wal")).unwrap().any(|segment| {
        let bytes = fs::read(segment.unwrap().path()).unwrap();
        bytes.windows(8).any(|window| window == STALE_NAN_BITS.to_le_bytes())
    });
    assert!(logged, "the marker is stored");
    for round in ["live", "after SIGKILL", "from Parquet"] {
        let asked = place.request(Method::POST, "/api/v1/sql").header("accept", "application/vnd.apache.arrow.stream");
        let answer = asked.body("SELECT value FROM odd ORDER BY time").send().await.unwrap();
        let bytes = answer.bytes().await.unwrap();
        let mut bits = Vec::new();
        for batch in StreamReader::try_new(Cursor::new(bytes), None).unwrap() {
            let values = batch.unwrap().column(0).as_primitive::<Float64Type>().clone();
            bits.extend(values.values().iter().map(|value| value.to_bits()));
        }
        assert_eq!(bits, odd.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), "{round}");
        let last = format!("arrow_cast(time, 'Int64') / 1000000 - {now}");
        let aggregates = place.sql(&format!("SELECT count(*), count(value), max({last}) FROM odd")).await;
        assert_eq!(aggregates, [[json!(odd.len()), json!(odd.len()), json!(odd.len() - 1)]], "{round}");
        if round == "live" {
            daemon.kill();
        } else {
            daemon.ask_to_stop();
            assert!(daemon.wait().success());
        }
        daemon = place.run().await;
    }
}

#[tokio::test]
async fn malformed_requests_are_told_apart() {
    let place = Place::new();
    let _daemon = place.run().await;
    let sender = client();
    let good = body(vec![series("load", &[], &[(now_millis(), 1.0)])]);
    let send = async |body: Vec<u8>| {
        let answer = place.send(&sender, body).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let compress = |message: &[u8]| snap::raw::Encoder::new().compress_vec(message).unwrap();
    let announced_4_gib = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    for (body, code, says) in [
        (b"not snappy".to_vec(), 400, "not a snappy block"),
        (good[..good.len() - 1].to_vec(), 400, "not a snappy block"),
        (compress(b"not protobuf"), 400, "malformed or cut short"),
        (compress(&[0x0a, 0x7f, 0x01]), 400, "malformed or cut short"),
        (body(vec![series("", &[], &[(0, 1.0)])]), 400, "no label __name__"),
        (announced_4_gib, 413, "the message has 4294967295 bytes"),
        (vec![0; (8 << 20) + 1], 413, "the body has more than 8388608 bytes"),
        (good.clone(), 204, ""),
    ] {
        let (status, text) = send(body).await;
        assert!(status == code && text.contains(says), "{status} {text}, expected {code} {says}");
    }
    let with = async |header: &str, value: &str| {
        let request = place.request(Method::POST, "/api/v1/write").header(header, value);
        request.body(good.clone()).send().await.unwrap().status()
    };
    assert_eq!(with("content-encoding", "gzip").await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(with("content-type", "application/json").await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let too_long = place.post("/api/v1/sql", vec![b' '; (2 << 20) + 1]).await;
    assert_eq!(too_long.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(place.sql("SELECT count(*) FROM load").await, [[json!(1)]], "the good one");
}
