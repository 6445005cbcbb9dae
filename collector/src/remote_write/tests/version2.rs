//! `io.prometheus.write.v2.Request`.

use expect_test::{Expect, expect};

use super::{
    super::{
        Version::{V1, V2},
        *,
    },
    NOW, NOW_MS, decoder,
    sender::{Symbols, body, encode, series, v2},
};
use crate::sink::recorder::render;

/// A series without samples, with these references.
fn refs(labels_refs: Vec<u32>) -> v2::TimeSeries {
    let sample = v2::Sample { value: 1.0, ..Default::default() };
    v2::TimeSeries { labels_refs, samples: vec![sample], ..Default::default() }
}

fn check(symbols: &[&str], timeseries: Vec<v2::TimeSeries>, limits: Limits, expect: Expect) {
    let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    super::check(V2, &body(&v2::Request { symbols, timeseries }), limits, expect);
}

#[test]
fn both_versions_name_the_same_handles() {
    let decoder = decoder(Limits::default());
    let labels = [("__name__", "hits"), ("job", "a"), ("none", ""), ("time", &*"t".repeat(200))];
    let first = decoder.decode(V1, &encode(vec![series(&labels, &[(NOW_MS, 1.0)])]), NOW).unwrap().batch.samples;
    let mut symbols = Symbols::new();
    let timeseries = vec![symbols.series(&labels, &[(NOW_MS, 1.0)])];
    let second = decoder.decode(V2, &symbols.encode(timeseries), NOW).unwrap().batch.samples;
    assert_eq!(first, second);
    assert!(std::ptr::eq(first.series[0].table(), second.series[0].table()));
}

#[test]
fn references_are_checked() {
    check(
        &["", "__name__", "up"],
        vec![refs(vec![1, 2]), refs(vec![1]), refs(vec![1, 3]), refs(vec![1, 2, 0, 2]), refs(vec![])],
        Limits::default(),
        expect![[r#"
            metrics.up{} value=1 @0
            1 samples, 0 histograms, 0 exemplars; 4 rejected
            series 1: an odd number of label references
            series 2: there is no symbol 3
            series 3: a label has no name
            series 4: no label __name__"#]],
    );
    let message = "the first symbol must be the empty string (Remote-Write 2.0, Symbols)";
    for symbols in [&["__name__", "up"][..], &[]] {
        let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        let request = v2::Request { symbols, timeseries: vec![refs(vec![0, 1])] };
        assert_eq!(super::decode(V2, &body(&request)).unwrap_err().to_string(), message);
    }
    assert!(super::decode(V2, &body(&v2::Request::default())).unwrap().batch.is_empty());
}

#[test]
fn references_may_stand_alone_and_symbols_may_come_last() {
    let sample = [0x12, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0];
    // Field 1 twice, as varints and not packed.
    let timeseries = [&[8, 1, 8, 2][..], &sample].concat();
    let symbols = b"\x22\x00\x22\x08__name__\x22\x02up";
    let message = [&[0x2a, timeseries.len().try_into().unwrap()][..], &timeseries, symbols].concat();
    let decoded = super::decode(V2, &super::sender::compress(&message)).unwrap();
    assert_eq!(render(decoded.batch.into_rows()), "metrics.up{} value=0 @0\n");
}

#[test]
fn limits_hold_before_symbols_are_written_out() {
    let long = "x".repeat(100);
    let symbols = ["", "__name__", "up", &long];
    check(
        &symbols,
        vec![refs(vec![1, 2, 3, 2]), refs(vec![1, 3]), refs([1, 2].repeat(3))],
        Limits { name_bytes: 99, value_bytes: 99, labels: 2, ..Limits::default() },
        expect![[r#"
            0 samples, 0 histograms, 0 exemplars; 3 rejected
            series 0: label "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" is too long
            series 1: label "__name__" is too long
            series 2: more than 2 labels"#]],
    );
    let expanded = Limits { expanded_bytes: 199, ..Limits::default() };
    check(
        &symbols,
        vec![refs(vec![1, 3]); 2],
        expanded,
        expect![
            "too large: labels, exemplars and help texts have more than 199 bytes when symbols are written out; send fewer"
        ],
    );
    let few = Limits { symbols: 3, ..Limits::default() };
    check(&symbols, vec![], few, expect!["too large: more than 3 symbols; send fewer at a time"]);
}

#[test]
fn metadata_and_start_times_are_written_once() {
    let decoder = decoder(Limits::default());
    let mut symbols = Symbols::new();
    let metadata = |symbols: &mut Symbols, kind, help: &str| {
        Some(v2::Metadata { r#type: kind, help_ref: symbols.of(help), unit_ref: symbols.of("s") })
    };
    let mut bucket = symbols.series(&[("__name__", "took_bucket"), ("le", "1")], &[(NOW_MS, 7.0), (NOW_MS + 1, 8.0)]);
    bucket.metadata = metadata(&mut symbols, 3, "How long it took");
    bucket.samples.iter_mut().for_each(|sample| sample.start_timestamp = NOW_MS - 5_000);
    let mut sum = symbols.series(&[("__name__", "took_sum")], &[(NOW_MS, 3.0)]);
    sum.metadata = bucket.metadata;
    sum.created_timestamp = NOW_MS - 5_000;
    let mut silent = symbols.series(&[("__name__", "up")], &[]);
    silent.metadata = metadata(&mut symbols, 2, "Is it up?");
    let mut broken = symbols.series(&[("__name__", "odd")], &[(NOW_MS, 1.0)]);
    broken.metadata = Some(v2::Metadata { r#type: 1, help_ref: 99, unit_ref: 0 });
    let body = symbols.encode(vec![bucket, sum, silent, broken]);
    let send = || {
        let (batch, mut sent) = decoder.decode(V2, &body, NOW).unwrap().split();
        sent.written(&decoder, Default::default());
        render(batch.into_rows()) + &sent.rejected.to_string()
    };
    expect![[r#"
        metrics.took_bucket{le="1"} value=7 @1700000000
        metrics.took_bucket{le="1"} value=8 @1700000000.001
        metrics.took_sum{} value=3 @1700000000
        metrics.odd{} value=1 @1700000000
        metrics.metadata{metric="took"} type="histogram" help="How long it took" unit="s" @1700000000
        metrics.metadata{metric="up"} type="gauge" help="Is it up?" unit="s" @1700000000
        metrics.start_times{le="1",metric="took_bucket"} start_time_ms=1699999995000 @1700000000
        metrics.start_times{metric="took_sum"} start_time_ms=1699999995000 @1700000000

        series 3: there is no symbol 99"#]]
    .assert_eq(&send());
    expect![[r#"
        metrics.took_bucket{le="1"} value=7 @1700000000
        metrics.took_bucket{le="1"} value=8 @1700000000.001
        metrics.took_sum{} value=3 @1700000000
        metrics.odd{} value=1 @1700000000

        series 3: there is no symbol 99"#]]
    .assert_eq(&send());
}

#[test]
fn exemplars_name_their_labels_by_symbols() {
    let mut symbols = Symbols::new();
    let mut hits = symbols.series(&[("__name__", "hits")], &[]);
    let exemplar = |labels_refs| v2::Exemplar { labels_refs, value: 2.0, timestamp: NOW_MS };
    hits.exemplars = vec![
        exemplar(symbols.refs(&[("trace_id", "abc"), ("span_id", "1")])),
        exemplar(vec![1]),
        exemplar(vec![1, 99]),
        exemplar([1, symbols.of(&"x".repeat(1_000))].repeat(5)),
    ];
    let decoded = super::decode(V2, &symbols.encode(vec![hits])).unwrap();
    assert_eq!(decoded.sent, Counts { exemplars: 1, ..Counts::default() });
    expect![[r#"

        series 0: an odd number of label references
        series 0: there is no symbol 99
        series 0: an exemplar has more than 4096 bytes"#]]
    .assert_eq(&decoded.rejected.to_string());
    let mut rows = super::rows_of(decoded, "exemplars");
    rows.time.fill(0);
    let expected =
        "metrics.exemplars{metric=\"hits\"} value=2 trace_id=\"abc\" labels=\"{\\\"span_id\\\":\\\"1\\\"}\" @0\n";
    assert_eq!(render([rows]), expected);
}
