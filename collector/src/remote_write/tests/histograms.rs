//! Native histograms: what is sent can be made of the rows again, bit for bit.

use expect_test::expect;
use proptest::prelude::*;
use prost::Message;
use weir_model::observation::{Rows, STALE_NAN_BITS};

use super::{
    super::{
        Version::{V1, V2},
        histogram::{Buckets, Count as Stored, HistogramProblem, NativeHistogram},
        *,
    },
    NOW_MS,
    sender::{BucketSpan, Count, Histogram, Symbols, ZeroCount, encode, series, v1},
};
use crate::sink::recorder::render;

/// An integer histogram: 1, 3 and, after a gap, 4 observations above zero, 2 below, 1 about zero.
fn simple() -> Histogram {
    Histogram {
        count: Some(Count::Int(11)),
        sum: 18.4,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: Some(ZeroCount::Int(1)),
        negative_spans: vec![BucketSpan { offset: -3, length: 1 }],
        negative_deltas: vec![2],
        positive_spans: vec![BucketSpan { offset: 0, length: 2 }, BucketSpan { offset: 2, length: 1 }],
        positive_deltas: vec![1, 2, 1],
        reset_hint: 2,
        timestamp: NOW_MS,
        start_timestamp: NOW_MS - 60_000,
        ..Histogram::default()
    }
}

fn float() -> Histogram {
    Histogram {
        count: Some(Count::Float(3.5)),
        zero_count: Some(ZeroCount::Float(f64::INFINITY)),
        positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
        positive_counts: vec![1.5, f64::INFINITY, f64::NAN],
        timestamp: NOW_MS,
        ..Histogram::default()
    }
}

fn custom() -> Histogram {
    Histogram {
        count: Some(Count::Int(3)),
        schema: -53,
        positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
        positive_deltas: vec![1, 1],
        custom_values: vec![0.1, 2.5],
        timestamp: NOW_MS,
        ..Histogram::default()
    }
}

fn with(labels: &[(&str, &str)], histograms: Vec<Histogram>) -> v1::TimeSeries {
    v1::TimeSeries { histograms, ..series(labels, &[]) }
}

#[test]
fn a_histogram_is_a_wide_row() {
    let took = [("__name__", "took"), ("count", "c"), ("job", "a")];
    let marker = Histogram { sum: f64::from_bits(STALE_NAN_BITS), timestamp: NOW_MS + 1, ..Histogram::default() };
    let decoded = super::decode(
        V1,
        &encode(vec![with(&took, vec![simple(), marker]), with(&[("__name__", "f")], vec![float(), custom()])]),
    );
    let decoded = decoded.unwrap();
    assert_eq!(decoded.sent, Counts { histograms: 4, ..Counts::default() });
    expect![[r#"
        metrics.took{job="a",label_count="c"} count=11 count_int=11 sum=18.4 schema=1 zero_threshold=0.001 zero_count=1 zero_count_int=1 reset_hint=2 start_time_ms=1699999940000 positive_spans="[[0,2],[2,1]]" positive_deltas="[1,2,1]" negative_spans="[[-3,1]]" negative_deltas="[2]" value=null @1700000000
        metrics.took{job="a",label_count="c"} count=null count_int=null sum=NaN schema=0 zero_threshold=0 zero_count=null zero_count_int=null reset_hint=0 start_time_ms=null positive_spans=null positive_deltas=null negative_spans=null negative_deltas=null value=NaN @1700000000.001
        metrics.f{} count=3.5 count_int=null sum=0 schema=0 zero_threshold=0 zero_count=inf reset_hint=0 positive_spans="[[0,3]]" positive_deltas=null positive_counts="[1.5,\"+Inf\",\"NaN\"]" custom_values=null @1700000000
        metrics.f{} count=3 count_int=3 sum=0 schema=-53 zero_threshold=0 zero_count=null reset_hint=0 positive_spans="[[1,2]]" positive_deltas="[1,1]" positive_counts=null custom_values="[0.1,2.5]" @1700000000
    "#]]
    .assert_eq(&render(decoded.batch.into_rows()));
}

#[test]
fn what_is_no_histogram_is_left_out() {
    use HistogramProblem::{CountMismatch, CustomBuckets, MixedKinds, NegativeCount, SpanLengths, SpanOffsets};
    let check = |change: &dyn Fn(&mut Histogram), histogram: Histogram, problem: HistogramProblem| {
        let mut histogram = histogram;
        change(&mut histogram);
        let decoded = super::decode(V1, &encode(vec![with(&[("__name__", "h")], vec![histogram])])).unwrap();
        assert!(decoded.batch.is_empty());
        assert_eq!(decoded.rejected.to_string(), format!("\nmetrics.h: 1 {problem}"));
    };
    check(&|h| h.count = Some(Count::Float(11.0)), simple(), MixedKinds);
    check(&|h| h.zero_count = Some(ZeroCount::Float(1.0)), simple(), MixedKinds);
    check(&|h| h.positive_deltas = vec![1], float(), MixedKinds);
    check(&|h| h.positive_spans[0].length = u32::MAX, simple(), SpanLengths);
    check(&|h| h.negative_deltas.clear(), simple(), SpanLengths);
    check(&|h| h.positive_spans[1].offset = -1, simple(), SpanOffsets);
    check(&|h| h.positive_deltas[1] = -2, simple(), NegativeCount);
    check(&|h| h.positive_deltas = vec![i64::MAX, i64::MAX, 0], simple(), NegativeCount);
    check(&|h| h.positive_counts[0] = -0.5, float(), NegativeCount);
    check(&|h| h.count = Some(Count::Float(-1.0)), float(), NegativeCount);
    check(&|h| h.count = Some(Count::Int(12)), simple(), CountMismatch);
    check(&|h| (h.count, h.sum) = (Some(Count::Int(10)), f64::NAN), simple(), CountMismatch);
    check(&|h| h.custom_values[1] = 0.1, custom(), CustomBuckets);
    check(&|h| h.positive_spans[0].offset = 2, custom(), CustomBuckets);
}

#[test]
fn observations_of_nan_are_counted_and_in_no_bucket() {
    let nan = Histogram { count: Some(Count::Int(12)), sum: f64::NAN, ..simple() };
    let decoded = super::decode(V1, &encode(vec![with(&[("__name__", "h")], vec![nan])])).unwrap();
    assert_eq!((decoded.sent.histograms, decoded.rejected.is_empty()), (1, true));
}

/// The message of a stored histogram.
fn message_of(stored: NativeHistogram) -> Histogram {
    let spans = |buckets: &Buckets| {
        buckets.spans.iter().map(|span| BucketSpan { offset: span.offset, length: span.length }).collect()
    };
    Histogram {
        count: stored.count.map(|count| match count {
            Stored::Int(count) => Count::Int(count),
            Stored::Float(count) => Count::Float(count),
        }),
        sum: stored.sum,
        schema: stored.schema,
        zero_threshold: stored.zero_threshold,
        zero_count: stored.zero_count.map(|count| match count {
            Stored::Int(count) => ZeroCount::Int(count),
            Stored::Float(count) => ZeroCount::Float(count),
        }),
        negative_spans: spans(&stored.negative),
        negative_deltas: stored.negative.deltas,
        negative_counts: stored.negative.counts,
        positive_spans: spans(&stored.positive),
        positive_deltas: stored.positive.deltas,
        positive_counts: stored.positive.counts,
        reset_hint: stored.reset_hint,
        timestamp: stored.timestamp_ms,
        custom_values: stored.custom_values,
        start_timestamp: stored.start_time_ms,
    }
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::from_bits(STALE_NAN_BITS)
        ]),
    ]
}

/// Counts of buckets, in spans of one to four.
fn any_buckets() -> impl Strategy<Value = (Vec<BucketSpan>, Vec<u64>)> {
    let span = (0..50i32, prop::collection::vec(prop_oneof![0..10u64, 0..1u64 << 62], 1..5));
    prop::collection::vec(span, 0..4).prop_map(|spans| {
        let counts = spans.iter().flat_map(|(_, counts)| counts.clone()).collect();
        let span = |(offset, counts): &(i32, Vec<u64>)| BucketSpan {
            offset: *offset,
            length: counts.len().try_into().unwrap(),
        };
        (spans.iter().map(span).collect(), counts)
    })
}

fn deltas(counts: &[u64]) -> Vec<i64> {
    let mut before = 0;
    let delta = |count: &u64| {
        let count = i64::try_from(*count).unwrap();
        count - std::mem::replace(&mut before, count)
    };
    counts.iter().map(delta).collect()
}

prop_compose! {
    fn any_histogram()(
        is_float in any::<bool>(),
        has_counts in any::<(bool, bool)>(),
        (negative_spans, negative) in any_buckets(),
        (mut positive_spans, positive) in any_buckets(),
        (sum, zero_threshold, scale) in (any_float(), any_float(), any_float()),
        schema in -53..60i32,
        zero in 0..1u64 << 62,
        first_offset in any::<i16>(),
        reset_hint in any::<i32>(),
        timestamp in -9_000_000_000_000..NOW_MS,
        start_timestamp in any::<i64>(),
        custom_values in prop::collection::vec(any_float(), 0..5),
    ) -> Histogram {
        let is_custom = schema == -53;
        let zero = if has_counts.0 { zero } else { 0 };
        if let Some(first) = positive_spans.first_mut() {
            first.offset = first_offset.into();
        }
        // Sums of counts stay within 64 bits.
        let negative = if is_custom { Vec::new() } else { negative.iter().map(|count| count >> 5).collect() };
        let positive: Vec<u64> = if is_custom { Vec::new() } else { positive.iter().map(|count| count >> 5).collect() };
        let all: u64 = zero + negative.iter().chain(&positive).sum::<u64>();
        let floats = |counts: &[u64]| counts.iter().map(|count| (*count as f64 * scale).abs()).collect::<Vec<f64>>();
        Histogram {
            count: match is_float {
                true => Some(Count::Float(floats(&[all])[0])),
                false if all == 0 && !has_counts.1 => None,
                false => Some(Count::Int(all)),
            },
            sum,
            schema,
            zero_threshold,
            zero_count: has_counts.0.then_some(if is_float {
                ZeroCount::Float(floats(&[zero])[0])
            } else {
                ZeroCount::Int(zero)
            }),
            negative_spans: if is_custom { Vec::new() } else { negative_spans },
            negative_deltas: if is_float { Vec::new() } else { deltas(&negative) },
            negative_counts: if is_float { floats(&negative) } else { Vec::new() },
            positive_spans: if is_custom { Vec::new() } else { positive_spans },
            positive_deltas: if is_float { Vec::new() } else { deltas(&positive) },
            positive_counts: if is_float { floats(&positive) } else { Vec::new() },
            reset_hint,
            timestamp,
            custom_values: if is_custom { vec![-1.5, 0.1, f64::INFINITY] } else { custom_values },
            start_timestamp,
        }
    }
}

proptest! {
    #[test]
    fn a_request_of_histograms_is_made_of_its_rows_again(
        sent in prop::collection::vec((0..3usize, any_histogram()), 1..10),
    ) {
        let names = ["a", "b", "c"];
        let one = encode(sent.iter().map(|(n, h)| with(&[("__name__", names[*n])], vec![h.clone()])).collect());
        let mut symbols = Symbols::new();
        let mut timeseries = Vec::new();
        for (name, histogram) in &sent {
            let mut series = symbols.series(&[("__name__", names[*name])], &[]);
            series.histograms.push(histogram.clone());
            timeseries.push(series);
        }
        for (version, body) in [(V1, one), (V2, symbols.encode(timeseries))] {
            let decoded = super::decode(version, &body).unwrap();
            prop_assert_eq!(decoded.rejected.to_string(), "");
            let rows: Vec<Rows> = decoded.batch.into_rows();
            for (number, name) in names.iter().enumerate() {
                let expected = sent.iter().filter(|(n, _)| *n == number).map(|(_, histogram)| histogram.encode_to_vec());
                let made = rows.iter().filter(|rows| &*rows.table.name == *name).flat_map(|rows| {
                    (0..rows.len()).map(|row| message_of(NativeHistogram::of_row(rows, row).unwrap()).encode_to_vec())
                });
                prop_assert_eq!(expected.collect::<Vec<_>>(), made.collect::<Vec<_>>());
            }
        }
    }
}
