use arrow::array::{Float64Array, TimestampNanosecondArray};
use datafusion::logical_expr::EmitTo;
use proptest::prelude::*;

use super::{super::*, groups::Groups, sliding::Frame, *};

const SECOND: i64 = 1_000_000_000;
/// As real times are: floats have not all of them.
const BEGIN: i64 = 1_767_225_600_000_000_001;
const GROUPS: usize = 3;

/// A row: its group, and a sample unless the value is null.
type Row = (usize, i64, Option<f64>);

fn columns(rows: &[Row]) -> Vec<ArrayRef> {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.1)).with_timezone("UTC");
    vec![Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()), Arc::new(times)]
}

/// The samples of a group in order of time.
fn samples_of(rows: &[Row], group: usize) -> Vec<(i64, f64)> {
    let mut samples: Vec<(i64, f64)> =
        rows.iter().filter(|row| row.0 == group).filter_map(|row| Some((row.1, row.2?))).collect();
    samples.sort_by_key(|sample| sample.0);
    samples
}

fn increase_of(samples: &[(i64, f64)]) -> Option<f64> {
    let grown = |pair: &[(i64, f64)]| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 };
    (samples.len() > 1).then(|| samples.windows(2).map(grown).sum())
}

fn seconds_of(samples: &[(i64, f64)]) -> f64 {
    (samples[samples.len() - 1].0 - samples[0].0) as f64 / SECOND as f64
}

fn slope_of(samples: &[(i64, f64)]) -> Option<f64> {
    let count = samples.len() as f64;
    let seconds = |time: i64| (time - BEGIN) as f64 / SECOND as f64;
    let mean_time = samples.iter().map(|sample| seconds(sample.0)).sum::<f64>() / count;
    let mean = samples.iter().map(|sample| sample.1).sum::<f64>() / count;
    let (mut products, mut squares) = (0.0, 0.0);
    for (time, value) in samples {
        products += (seconds(*time) - mean_time) * (value - mean);
        squares += (seconds(*time) - mean_time).powi(2);
    }
    (samples.len() > 1).then_some(products / squares)
}

/// Rows in any order, with resets and nulls, in batches for partitions.
fn batches() -> impl Strategy<Value = Vec<(usize, Vec<Row>)>> {
    let row = (0..GROUPS, 1..90_i64, prop::option::weighted(0.9, 0..1_000_u32));
    prop::collection::vec(row, 0..60)
        .prop_map(|rows| {
            let mut time = BEGIN;
            let row = |(group, seconds, value): (usize, i64, Option<u32>)| {
                time += seconds * SECOND;
                (group, time, value.map(f64::from))
            };
            rows.into_iter().map(row).collect::<Vec<Row>>()
        })
        .prop_shuffle()
        .prop_flat_map(|rows| {
            let cuts = prop::collection::vec((1..8_usize, 0..3_usize), rows.len());
            (Just(rows), cuts).prop_map(|(mut rows, cuts)| {
                let cut = |(length, partition): (usize, usize)| {
                    (partition, rows.drain(..length.min(rows.len())).collect::<Vec<Row>>())
                };
                cuts.into_iter().map(cut).collect()
            })
        })
}

/// As a query of two phases computes it: groups in partitions, and their states joined.
fn in_two_phases<F: SampleFunction>(batches: &[(usize, Vec<Row>)]) -> Vec<Option<f64>> {
    let mut all = Groups::<F>::default();
    for partition in 0..3 {
        let mut part = Groups::<F>::default();
        let (mine, groups): (Vec<_>, Vec<usize>) =
            (batches.iter().filter(|batch| batch.0 == partition).collect(), (0..GROUPS).collect());
        for (at, (_, rows)) in mine.into_iter().enumerate() {
            let of_rows: Vec<usize> = rows.iter().map(|row| row.0).collect();
            if at % 3 == 2 {
                // As when the first phase has given up.
                let states = part.convert_to_state(&columns(rows), None).unwrap();
                all.merge_batch(&states, &of_rows, GROUPS).unwrap();
            } else {
                part.update_batch(&columns(rows), &of_rows, None, GROUPS).unwrap();
            }
        }
        part.update_batch(&columns(&[]), &[], None, GROUPS).unwrap();
        // In two goes, as ordered groups are handed on.
        for (emit, groups) in [(EmitTo::First(1), &groups[..1]), (EmitTo::All, &groups[1..])] {
            let states = part.state(emit).unwrap();
            all.merge_batch(&states, groups, GROUPS).unwrap();
        }
        assert_eq!(part.heap_bytes, 0);
    }
    let values = all.evaluate(EmitTo::All).unwrap();
    values.as_primitive::<arrow::datatypes::Float64Type>().iter().collect()
}

/// As a query without groups computes it.
fn of_one_group<F: SampleFunction>(batches: &[(usize, Vec<Row>)], group: usize) -> Option<f64> {
    let mut all = Group::<F>::default();
    for partition in 0..3 {
        let mut part = Group::<F>::default();
        for (_, rows) in batches.iter().filter(|batch| batch.0 == partition) {
            let rows: Vec<Row> = rows.iter().filter(|row| row.0 == group).copied().collect();
            part.update_batch(&columns(&rows)).unwrap();
        }
        let states = part.state().unwrap().iter().map(|state| state.to_array().unwrap()).collect::<Vec<_>>();
        all.merge_batch(&states).unwrap();
    }
    let ScalarValue::Float64(value) = all.evaluate().unwrap() else { panic!("a float") };
    value
}

fn is_close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3),
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn the_order_of_rows_and_partitions_do_not_matter(batches in batches()) {
        let rows: Vec<Row> = batches.iter().flat_map(|batch| batch.1.clone()).collect();
        let all = [in_two_phases::<increase::Increase>(&batches), in_two_phases::<rate::Rate>(&batches),
            in_two_phases::<delta::Delta>(&batches), in_two_phases::<irate::Irate>(&batches),
            in_two_phases::<deriv::Deriv>(&batches)];
        for group in 0..GROUPS {
            let samples = samples_of(&rows, group);
            let increase = increase_of(&samples);
            let last_two = samples.len().checked_sub(2).map(|from| &samples[from..]);
            let expected = [
                increase,
                increase.map(|increase| increase / seconds_of(&samples)),
                increase.map(|_| samples[samples.len() - 1].1 - samples[0].1),
                last_two.and_then(|two| Some(increase_of(two)? / seconds_of(two))),
                slope_of(&samples),
            ];
            for (found, expected) in all.iter().zip(expected) {
                prop_assert!(is_close(found[group], expected), "{found:?} of {group} is not {expected:?}");
            }
            prop_assert_eq!(of_one_group::<increase::Increase>(&batches, group), increase);
            prop_assert!(is_close(of_one_group::<deriv::Deriv>(&batches, group), slope_of(&samples)));
        }
    }

    #[test]
    fn frames_forget_what_leaves_them(rows in batches(), width in 1..9_usize) {
        let rows: Vec<Row> = rows.into_iter().flat_map(|batch| batch.1).collect();
        let mut frame = Frame::<increase::Increase>::default();
        for (at, row) in rows.iter().enumerate() {
            frame.update_batch(&columns(&[*row])).unwrap();
            if at >= width {
                frame.retract_batch(&columns(&rows[at - width..=at - width])).unwrap();
            }
            let inside: Vec<Row> = rows[(at + 1).saturating_sub(width)..=at].iter().map(|row| (0, row.1, row.2)).collect();
            let expected = ScalarValue::Float64(increase_of(&samples_of(&inside, 0)));
            prop_assert_eq!(frame.evaluate().unwrap(), expected);
        }
    }

    #[test]
    fn a_result_after_each_row_is_that_of_the_rows_so_far(rows in batches()) {
        let rows: Vec<Row> = rows.into_iter().flat_map(|batch| batch.1).map(|row| (0, row.1, row.2)).collect();
        let mut group = Group::<increase::Increase>::default();
        for (at, row) in rows.iter().enumerate() {
            group.update_batch(&columns(&[*row])).unwrap();
            let expected = ScalarValue::Float64(increase_of(&samples_of(&rows[..=at], 0)));
            prop_assert_eq!(group.evaluate().unwrap(), expected);
        }
    }

    #[test]
    fn states_of_no_sense_are_no_panic(words in prop::collection::vec(any::<i64>(), 0..20)) {
        let mut counter = counter::Counter::default();
        let merged = counter.merge(&words).and_then(|()| counter.run().map(|_| ()));
        prop_assert!(merged.is_ok() || merged.is_err());
    }
}

fn counted(times: impl Iterator<Item = i64>) -> Vec<sample::Sample> {
    times.map(|time| sample::Sample { time: time * SECOND, value: (time % 70) as f64 }).collect()
}

#[test]
fn what_is_crowded_and_ordered_is_short_and_exact() {
    let all = counted(0..10_000);
    let mut exact = counter::Counter::default();
    exact.add(&all, false);
    let (mut short, mut other) = (counter::Counter::default(), counter::Counter::default());
    // Batches go to two partitions by turns.
    for (at, batch) in all.chunks(100).enumerate() {
        if at % 2 == 0 { &mut short } else { &mut other }.add(batch, true);
    }
    let mut words = Vec::new();
    other.write(&mut words);
    short.merge(&words).unwrap();
    assert!(short.heap_bytes() < 10_000, "{} bytes", short.heap_bytes());
    assert_eq!(increase::Increase::value(&mut short).unwrap(), increase::Increase::value(&mut exact).unwrap());
    assert_eq!(
        exact.run().unwrap().unwrap().increase(),
        increase_of(&all.iter().map(|s| (s.time, s.value)).collect::<Vec<_>>()).unwrap()
    );
}

#[test]
fn what_is_crowded_and_disordered_is_an_error_and_never_wrong() {
    let mut counter = counter::Counter::default();
    counter.add(&counted((0..100).map(|time| 2 * time)), true);
    counter.add(&counted((0..100).map(|time| 2 * time + 1)), true);
    let error = counter.run().unwrap_err().to_string();
    assert!(error.contains("add the labels that tell them apart to GROUP BY"), "{error}");
    // Without order there is nothing to shorten, and all is well.
    let mut counter = counter::Counter::default();
    counter.add(&counted((0..100).rev()), true);
    assert_eq!(counter.run().unwrap().unwrap().increase(), 69.0 + 29.0);
}
