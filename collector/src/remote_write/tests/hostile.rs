//! Bytes that nobody should send: no panic, and nothing lost uncounted.

use proptest::prelude::*;
use prost::Message;

use super::{
    super::{
        Version::{V1, V2},
        *,
    },
    NOW, NOW_MS, decoder,
    sender::{BucketSpan, Count, Histogram, Symbols, compress, series, v1, v1_labels, v2},
};
use crate::sink::Written;

fn histogram() -> Histogram {
    Histogram {
        count: Some(Count::Int(4)),
        positive_spans: vec![BucketSpan { offset: -1, length: 2 }],
        positive_deltas: vec![1, 2],
        custom_values: vec![1.5],
        timestamp: NOW_MS,
        start_timestamp: 1,
        ..Histogram::default()
    }
}

/// A request with everything that 1.0 has.
fn first() -> Vec<u8> {
    let labels = [("__name__", "node_load1"), ("instance", "node-1:9100"), ("job", "node")];
    let timeseries = (0..3).map(|number| v1::TimeSeries {
        exemplars: vec![v1::Exemplar { labels: v1_labels(&[("trace_id", "abc")]), value: 1.0, timestamp: NOW_MS }],
        histograms: vec![histogram()],
        ..series(&labels, &[(NOW_MS + number, 0.5), (NOW_MS + 15_000, 0.25)])
    });
    let metadata = v1::MetricMetadata { r#type: 2, metric_family_name: "node_load1".into(), ..Default::default() };
    v1::WriteRequest { timeseries: timeseries.collect(), metadata: vec![metadata] }.encode_to_vec()
}

/// A request with everything that 2.0 has.
fn second() -> Vec<u8> {
    let mut symbols = Symbols::new();
    let timeseries = (0..3).map(|number| {
        let labels = [("__name__", "node_load1"), ("instance", "node-1:9100"), ("job", "node")];
        let mut series = symbols.series(&labels, &[(NOW_MS + number, 0.5), (NOW_MS + 15_000, 0.25)]);
        let labels_refs = symbols.refs(&[("trace_id", "abc")]);
        series.exemplars = vec![v2::Exemplar { labels_refs, value: 1.0, timestamp: NOW_MS }];
        series.histograms = vec![histogram()];
        series.metadata = Some(v2::Metadata { r#type: 2, help_ref: symbols.of("Load"), unit_ref: 0 });
        series.created_timestamp = NOW_MS - 1;
        series
    });
    let timeseries = timeseries.collect();
    snap::raw::Decoder::new().decompress_vec(&symbols.encode(timeseries)).unwrap()
}

fn both() -> [(Version, Vec<u8>); 2] {
    [(V1, first()), (V2, second())]
}

#[test]
fn whole_requests_are_taken_whole() {
    for (version, message) in both() {
        let decoded = decoder(Limits::default()).decode(version, &compress(&message), NOW).unwrap();
        assert_eq!(decoded.sent, Counts { samples: 6, histograms: 3, exemplars: 3 });
        assert!(decoded.rejected.is_empty());
    }
}

#[test]
fn no_byte_of_a_request_can_be_changed_into_a_panic() {
    for (version, message) in both() {
        let decoder = decoder(Limits::default());
        let body = compress(&message);
        for place in 0..message.len() {
            for byte in [0x00, 0x7f, 0xff, message[place] ^ 0x01, message[place] ^ 0x80] {
                let mut changed = message.clone();
                changed[place] = byte;
                drop(decoder.decode(version, &compress(&changed), NOW));
            }
            drop(decoder.decode(version, &compress(&message[..place]), NOW));
            drop(decoder.decode(version, &compress(&message[place..]), NOW));
        }
        for place in 0..body.len() {
            for byte in [0xff, body[place] ^ 0x04] {
                let mut changed = body.clone();
                changed[place] = byte;
                drop(decoder.decode(version, &changed, NOW));
            }
            drop(decoder.decode(version, &body[..place], NOW));
        }
    }
}

/// A series of `count` empty messages in `field`, of 2 bytes each.
fn empties(field: u8, count: usize) -> Vec<u8> {
    let labels = series(&[("__name__", "a")], &[]).encode_to_vec();
    [labels, [field << 3 | 2, 0].repeat(count)].concat()
}

#[test]
fn what_is_small_as_sent_may_not_be_large_in_memory() {
    let request = |series: Vec<u8>| {
        let mut message = vec![0x0a];
        super::super::wire::put_length(&mut message, series.len());
        compress(&[message, series].concat())
    };
    let decode = |body: &[u8]| decoder(Limits::default()).decode(V1, body, NOW);
    // Samples of 20 bytes, exemplars of 800, histograms of 272.
    for (field, fits, not) in [(2, 260_000, 262_200), (3, 10_000, 40_000), (4, 50_000, 90_000)] {
        let decoded = decode(&request(empties(field, fits))).unwrap();
        assert_eq!(decoded.sent.samples + decoded.sent.histograms + decoded.sent.exemplars, fits as u64, "{field}");
        match decode(&request(empties(field, not))) {
            // All, where one series is too large.
            Ok(decoded) => {
                assert!(decoded.rejected.elements() == not as u64 || field == 3, "{field}");
                assert_eq!(decoded.rejected.elements() + decoded.left_out + decoded.sent.exemplars, not as u64);
            }
            Err(error) => assert!(matches!(error, DecodeError::TooMuchMemory), "{field}: {error}"),
        }
    }
}

#[test]
fn samples_are_taken_whatever_comes_beside_them() {
    // Start times and metadata of 10,000 series, and an exemplar of every second: more than there is room for.
    let mut symbols = Symbols::new();
    let timeseries = (0..10_000).map(|number| {
        let labels = [("__name__", &*number.to_string()), ("job", "a")];
        let mut series = symbols.series(&labels, &[(NOW_MS, 0.5), (NOW_MS + 1, 0.25)]);
        series.samples.iter_mut().for_each(|sample| sample.start_timestamp = 1);
        let exemplar = v2::Exemplar { labels_refs: Vec::new(), value: 1.0, timestamp: NOW_MS };
        series.exemplars = vec![exemplar; number % 2];
        series.metadata = Some(v2::Metadata { r#type: 1, help_ref: 0, unit_ref: 0 });
        series
    });
    let timeseries = timeseries.collect();
    let body = symbols.encode(timeseries);
    let decoder = decoder(Limits::default());
    let (mut left_out, mut requests) = (u64::MAX, 0);
    while left_out > 0 {
        let decoded = decoder.decode(V2, &body, NOW).unwrap();
        assert_eq!(decoded.sent.samples, 20_000);
        assert!(decoded.rejected.is_empty() && decoded.left_out < left_out, "the next request brings the rest");
        left_out = decoded.left_out;
        decoded.split().1.written(&decoder, Written::default());
        requests += 1;
    }
    assert!(requests > 1, "there was room for all at once");
}

#[test]
fn a_message_of_one_version_is_empty_in_the_other() {
    for (version, message) in [(V2, first()), (V1, second())] {
        let decoded = decoder(Limits::default()).decode(version, &compress(&message), NOW).unwrap();
        assert!(decoded.batch.is_empty() && decoded.rejected.is_empty());
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Small bytes often are valid tags, lengths and varints.
    prop::collection::vec(prop_oneof![0u8..48, any::<u8>()], 0..200)
}

proptest! {
    #[test]
    fn decoding_never_panics(body in bytes(), message in bytes(), series in bytes()) {
        let decoder = decoder(Limits::default());
        for version in [V1, V2] {
            drop(decoder.decode(version, &body, NOW));
            drop(decoder.decode(version, &compress(&message), NOW));
        }
        let length = [(series.len() & 0x7f) as u8 | 0x80, (series.len() >> 7) as u8];
        drop(decoder.decode(V1, &compress(&[&[0x0a], &length[..], &series].concat()), NOW));
        drop(decoder.decode(V2, &compress(&[&[0x22, 0, 0x2a], &length[..], &series].concat()), NOW));
    }

    #[test]
    fn changed_requests_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for (version, mut message) in both() {
            for (place, byte) in &changes {
                let place = place.index(message.len());
                message[place] = *byte;
            }
            drop(decoder(Limits::default()).decode(version, &compress(&message), NOW));
        }
    }

    #[test]
    fn every_sample_is_kept_or_counted(
        request in prop::collection::vec(
            ("[ab]?", "[a-z]{0,2}", prop::collection::vec((any::<i64>(), any::<f64>()), 0..5)),
            0..8,
        ),
    ) {
        let sent: usize = request.iter().map(|(_, _, samples)| samples.len()).sum();
        let mut symbols = Symbols::new();
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        for (name, job, samples) in &request {
            let labels = [("__name__", &**name), ("job", job)];
            ones.push(series(&labels, samples));
            twos.push(symbols.series(&labels, samples));
        }
        for (version, body) in [(V1, super::sender::encode(ones)), (V2, symbols.encode(twos))] {
            let decoded = super::decode(version, &body).unwrap();
            prop_assert_eq!(sent as u64, decoded.sent.samples + decoded.rejected.elements());
            prop_assert_eq!(decoded.sent.samples, decoded.batch.samples.len() as u64);
            prop_assert!(decoded.batch.samples.time.iter().all(|time| *time <= (NOW + FUTURE_MAX).0));
        }
    }
}
