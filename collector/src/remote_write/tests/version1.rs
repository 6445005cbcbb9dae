//! `prometheus.WriteRequest`.

use std::sync::Arc;

use expect_test::{Expect, expect};
use prost::Message;
use weir_model::observation::{STALE_NAN_BITS, Series};

use super::{
    super::{Version::V1, *},
    NOW, NOW_MS, decode, decoder,
    sender::{Histogram, compress, encode, series, v1, v1_labels},
};

fn check(timeseries: Vec<v1::TimeSeries>, limits: Limits, expect: Expect) {
    super::check(V1, &encode(timeseries), limits, expect);
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
            4 samples, 0 histograms, 0 exemplars"#]],
    );
}

#[test]
fn values_are_kept_bit_for_bit() {
    let bits = [STALE_NAN_BITS, f64::NAN.to_bits(), f64::INFINITY.to_bits(), f64::NEG_INFINITY.to_bits(), 1];
    let samples: Vec<_> = bits.iter().map(|bits| (NOW_MS, f64::from_bits(*bits))).collect();
    let decoded = decode(V1, &encode(vec![series(&[("__name__", "a")], &samples)])).unwrap();
    let values = decoded.batch.samples.value.iter().map(|value| value.to_bits());
    assert_eq!(values.collect::<Vec<_>>(), bits);
}

#[test]
fn a_series_has_one_handle_however_often_it_comes() {
    let decoder = decoder(Limits::default());
    let body = encode(vec![series(&[("__name__", "a"), ("job", "b")], &[(NOW_MS, 1.0)])]);
    let handle = || decoder.decode(V1, &body, NOW).unwrap().batch.samples.series[0].clone();
    let address = |series: &Series| std::ptr::from_ref(series.table());
    assert_eq!(address(&handle()), address(&handle()));
}

#[test]
fn labels_behind_or_between_samples_are_the_same_series() {
    let whole = series(&[("__name__", "a"), ("job", "b")], &[(NOW_MS, 1.0), (NOW_MS + 1, 2.0)]);
    let label = |index: usize| v1::TimeSeries { labels: vec![whole.labels[index].clone()], ..Default::default() };
    let sample = |index: usize| v1::TimeSeries { samples: vec![whole.samples[index]], ..Default::default() };
    let decoder = decoder(Limits::default());
    let mut handles = Vec::new();
    for pieces in [
        vec![label(0), label(1), sample(0), sample(1)],
        vec![sample(0), sample(1), label(0), label(1)],
        vec![label(0), sample(0), label(1), sample(1)],
        vec![sample(0), label(0), sample(1), label(1)],
    ] {
        let message: Vec<u8> = pieces.iter().flat_map(Message::encode_to_vec).collect();
        let message = [&[0x0a, message.len().try_into().unwrap()][..], &message].concat();
        let decoded = decoder.decode(V1, &compress(&message), NOW).unwrap();
        assert_eq!(decoded.batch.samples.value, [1.0, 2.0]);
        handles.push(decoded.batch.samples.series[0].clone());
    }
    assert!(handles.iter().all(|handle| std::ptr::eq(handle.table(), handles[0].table())));
}

#[test]
fn samples_of_the_far_future_are_left_out_and_counted() {
    let hour = 3_600_000;
    check(
        vec![series(
            &[("__name__", "a")],
            &[(NOW_MS + hour, 1.0), (NOW_MS + hour + 1, 2.0), (i64::MAX, 3.0), (i64::MIN, 4.0)],
        )],
        Limits::default(),
        expect![[r#"
            metrics.a{} value=1 @1700003600
            1 samples, 0 histograms, 0 exemplars; 3 rejected
            metrics.a: 2 more than 1 h ahead of this server's clock
            metrics.a: 1 time does not fit into 64 bits of nanoseconds"#]],
    );
}

#[test]
fn series_that_cannot_be_are_left_out_by_their_number() {
    let sample = [(0, 1.0)];
    let mut not_utf8 = series(&[("__name__", "a"), ("b", "??")], &sample).encode_to_vec();
    let place = not_utf8.windows(2).position(|window| window == b"??").unwrap();
    not_utf8[place] = 0xff;
    let message = encode(vec![
        series(&[("job", "a")], &[(0, 1.0), (1, 2.0)]),
        series(&[("__name__", "")], &sample),
        series(&[("__name__", "a"), ("", "b")], &sample),
        series(&[("__name__", "a"), ("b", "1"), ("b", "1")], &sample),
        series(&[("__name__", "a"), ("time", "1"), ("label_time", "2")], &sample),
        series(&[("__name__", "good")], &sample),
        series(&[], &[]),
    ]);
    let message = snap::raw::Decoder::new().decompress_vec(&message).unwrap();
    let message = [&message[..], &[0x0a, not_utf8.len().try_into().unwrap()], &not_utf8].concat();
    super::check(
        V1,
        &compress(&message),
        Limits::default(),
        expect![[r#"
            metrics.good{} value=1 @0
            1 samples, 0 histograms, 0 exemplars; 7 rejected
            series 0: no label __name__
            series 1: no label __name__
            series 2: a label has no name
            series 3: label "b" is given twice
            series 4: label "label_time" is given twice
            series 6: no label __name__
            series 7: a label is not UTF-8"#]],
    );
}

#[test]
fn long_lists_of_reasons_are_cut() {
    let nameless = vec![series(&[("job", "a")], &[(0, 1.0)]); 12];
    let ahead = (0..12).map(|number| series(&[("__name__", &format!("a{number}"))], &[(i64::MAX, 1.0)]));
    let decoded = decode(V1, &encode(nameless.into_iter().chain(ahead).collect())).unwrap();
    let lines: Vec<String> = decoded.rejected.to_string().lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), &*lines[11], &*lines[22]), (23, "...", "and 2 more series"));
    assert_eq!(decoded.rejected.elements(), 24);
}

#[test]
fn limits_hold_and_what_just_fits_passes() {
    let limits = Limits {
        series: 2,
        samples: 3,
        histograms: 1,
        exemplars: 1,
        labels: 2,
        name_bytes: 8,
        value_bytes: 4,
        ..Limits::default()
    };
    let named =
        |more: &[(&str, &str)], samples| series(&[&[("__name__", "a")], more].concat(), &vec![(0, 1.0); samples]);
    check(
        vec![named(&[("n2345678", "v234")], 2), named(&[], 1)],
        limits,
        expect![[r#"
            metrics.a{n2345678="v234"} value=1 @0
            metrics.a{n2345678="v234"} value=1 @0
            metrics.a{} value=1 @0
            3 samples, 0 histograms, 0 exemplars"#]],
    );
    check(vec![named(&[], 0); 3], limits, expect!["too large: more than 2 series; send fewer at a time"]);
    check(vec![named(&[], 2), named(&[], 2)], limits, expect!["too large: more than 3 samples; send fewer at a time"]);
    let histograms = v1::TimeSeries { histograms: vec![Histogram::default(); 2], ..named(&[], 0) };
    check(vec![histograms], limits, expect!["too large: more than 1 histograms; send fewer at a time"]);
    let exemplars = v1::TimeSeries { exemplars: vec![v1::Exemplar::default(); 2], ..named(&[], 0) };
    check(vec![exemplars], limits, expect!["too large: more than 1 exemplars; send fewer at a time"]);
    check(
        vec![named(&[("b", ""), ("c", "")], 1), named(&[("b", "v2345")], 1)],
        limits,
        expect![[r#"
            0 samples, 0 histograms, 0 exemplars; 2 rejected
            series 0: more than 2 labels
            series 1: label "b" is too long"#]],
    );
    let limits = Limits { series_bytes: 20, name_bytes: 8, ..Limits::default() };
    check(
        vec![named(&[("n23456789", "")], 0), named(&[], 1)],
        limits,
        expect![[r#"
            0 samples, 0 histograms, 0 exemplars; 1 rejected
            series 0: more than 20 bytes
            series 1: more than 20 bytes"#]],
    );
}

#[test]
fn sizes_are_checked_before_anything_is_decompressed() {
    let decoder = decoder(Limits { compressed_bytes: 10, decompressed_bytes: 100, ..Limits::default() });
    let message = |body: &[u8]| decoder.decode(V1, body, NOW).unwrap_err().to_string();
    assert_eq!(message(&[0; 11]), "the body has 11 bytes, more than 10");
    // The header says 101 bytes (varint 0x65), then nothing: were it decompressed, the error would be another.
    assert_eq!(message(&[0x65]), "the message has 101 bytes, more than 100");
    assert!(message(&[0x64]).starts_with("not a snappy block: "));
    assert!(message(&[]).starts_with("not a snappy block: "));
}

#[test]
fn a_cut_message_is_refused() {
    let request = v1::WriteRequest { timeseries: vec![series(&[("__name__", "a")], &[(0, 1.0)])], metadata: vec![] };
    let request = request.encode_to_vec();
    let decode = |message: &[u8]| decode(V1, &compress(message));
    assert!(decode(&request).is_ok());
    for length in 1..request.len() {
        assert!(matches!(decode(&request[..length]), Err(DecodeError::Malformed)), "{length}");
    }
    // A length of 2^64 - 1.
    let endless = [&[0x0a][..], &[0xff; 9], &[1]].concat();
    assert!(matches!(decode(&endless), Err(DecodeError::Malformed)));
}

fn metadata(name: &str, kind: i32, help: &str) -> v1::MetricMetadata {
    v1::MetricMetadata { r#type: kind, metric_family_name: name.into(), help: help.into(), unit: "s".into() }
}

#[test]
fn metadata_is_written_when_it_is_new() {
    let decoder = decoder(Limits { value_bytes: 10, ..Limits::default() });
    let send = |metadata: Vec<v1::MetricMetadata>| {
        let body = super::sender::body(&v1::WriteRequest { timeseries: Vec::new(), metadata });
        let (batch, mut sent) = decoder.decode(V1, &body, NOW).unwrap().split();
        assert_eq!(sent.written(&decoder, Default::default()), Counts::default());
        crate::sink::recorder::render(batch.into_rows())
    };
    let first = vec![metadata("up", 2, "Is it up?"), metadata("hits", 1, "Hits, of all kinds"), metadata("", 1, "?")];
    expect![[r#"
        metrics.metadata{metric="up"} type="gauge" help="Is it up?" unit="s" @1700000000
        metrics.metadata{metric="hits"} type="counter" help="Hits, of a" unit="s" @1700000000
    "#]]
    .assert_eq(&send(first.clone()));
    assert_eq!(send(first), "");
    assert!(send(vec![metadata("up", 2, "Whether it is up")]).starts_with("metrics.metadata{metric=\"up\"}"));
}

#[test]
fn metadata_that_differs_does_not_replace_each_other() {
    let metadata = vec![metadata("up", 2, "?"), metadata("up", 2, "!"), metadata("up", 2, "?")];
    let body = super::sender::body(&v1::WriteRequest { timeseries: Vec::new(), metadata });
    assert_eq!(super::rows_of(decode(V1, &body).unwrap(), "metadata").time, [NOW.0, NOW.0 + 1]);
}

#[test]
fn exemplars_are_rows_beside_their_series() {
    let exemplar =
        |labels: &[(&str, &str)], value| v1::Exemplar { labels: v1_labels(labels), value, timestamp: NOW_MS };
    let labels = [("__name__", "hits"), ("job", "a"), ("metric", "m"), ("trace_id", "t")];
    let series = v1::TimeSeries {
        exemplars: vec![
            exemplar(&[("trace_id", "abc"), ("user", "\"ö\"")], 0.5),
            exemplar(&[], 0.5),
            v1::Exemplar { timestamp: i64::MAX, ..exemplar(&[], 1.0) },
            exemplar(&[("user", &"u".repeat(5_000))], 1.0),
        ],
        ..series(&labels, &[(NOW_MS, 1.0)])
    };
    let decoded = decode(V1, &encode(vec![series.clone()])).unwrap();
    let again = decode(V1, &encode(vec![series])).unwrap();
    assert_eq!(decoded.batch, again.batch, "what is sent again is the same rows");
    let mut rows = super::rows_of(decoded.clone(), "exemplars");
    assert!(rows.time.iter().all(|time| time / 1_000_000 == NOW_MS));
    assert_ne!(rows.time[0], rows.time[1]);
    rows.time.fill(NOW.0);
    expect![[r#"
        metrics.exemplars{job="a",label_metric="m",label_trace_id="t",metric="hits"} value=0.5 trace_id="abc" labels="{\"user\":\"\\\"ö\\\"\"}" @1700000000
        metrics.exemplars{job="a",label_metric="m",label_trace_id="t",metric="hits"} value=0.5 trace_id=null labels=null @1700000000
    "#]]
    .assert_eq(&crate::sink::recorder::render([rows]));
    expect![[r#"

        metrics.exemplars: 1 more than 1 h ahead of this server's clock
        series 0: an exemplar has more than 4096 bytes"#]]
    .assert_eq(&decoded.rejected.to_string());
    assert_eq!(decoded.sent, Counts { samples: 1, histograms: 0, exemplars: 2 });
}

#[test]
fn a_label_is_renamed_until_its_name_is_free() {
    let labels = [("label_metric", "1"), ("metric", "2")];
    let series =
        Series::new(weir_model::observation::TableName::metric("up"), weir_model::observation::Labels::new(labels));
    let renamed = super::super::wide::labels(&series, &[], Some("up"));
    let pairs: Vec<(&str, &str)> = renamed.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(pairs, [("label_label_metric", "2"), ("label_metric", "1"), ("metric", "up")]);
    let unchanged = super::super::wide::labels(&series, &["count"], None);
    assert!(Arc::ptr_eq(unchanged.iter().next().unwrap().0, series.labels().iter().next().unwrap().0));
}
