//! Times of their own for log records.

use std::collections::BTreeSet;

use proptest::prelude::*;
use weir_model::observation::{Labels, Rows, TableName};

use crate::otlp::log_times::LogTimes;

/// Records of `(series, time)`.
fn records(of: &[(u8, i64)]) -> Rows {
    Rows {
        table: TableName::metric("logs"),
        labels: (0..=3).map(|series| Labels::new([("series", series.to_string())])).collect(),
        series: of.iter().map(|(series, _)| (*series).into()).collect(),
        time: of.iter().map(|(_, time)| *time).collect(),
        fields: Vec::new(),
    }
}

fn given(times: &mut LogTimes, message: &str, of: &[(u8, i64)]) -> Vec<i64> {
    let mut rows = records(of);
    times.give(message.as_bytes(), &mut rows);
    rows.time
}

#[test]
fn records_of_one_time_are_spread_in_order() {
    let mut times = LogTimes::default();
    let first = given(&mut times, "a", &[(0, 10), (0, 10), (1, 10), (0, 11), (0, 10), (0, 9)]);
    assert_eq!(first, [10, 11, 10, 12, 13, 9]);
    assert_eq!(given(&mut times, "b", &[(0, 10), (0, 20)]), [14, 20], "between requests too");
}

#[test]
fn a_request_that_is_sent_again_gets_the_same_times() {
    let mut times = LogTimes::default();
    assert_eq!(given(&mut times, "a", &[(0, 10), (0, 10)]), [10, 11]);
    assert_eq!(given(&mut times, "b", &[(0, 10), (0, 10)]), [12, 13]);
    assert_eq!(given(&mut times, "a", &[(0, 10), (0, 10)]), [10, 11]);
}

#[test]
fn the_same_text_at_another_time_is_another_record() {
    let mut times = LogTimes::default();
    // Without times of their own they have those of their arrival.
    assert_eq!(given(&mut times, "a", &[(0, 10)]), [10]);
    assert_eq!(given(&mut times, "a", &[(0, 20)]), [20]);
}

#[test]
fn what_is_remembered_is_bounded_and_the_newest_is_kept() {
    let mut times = LogTimes::with_room(4);
    assert_eq!(given(&mut times, "a", &[(0, 10), (0, 10)]), [10, 11]);
    assert_eq!(given(&mut times, "b", &[(0, 10), (0, 10)]), [12, 13]);
    // Room for the newer half: 10 and 11 are forgotten, 12 and 13 are not.
    assert_eq!(given(&mut times, "c", &[(0, 12), (0, 10)]), [14, 10]);
    assert_eq!(given(&mut times, "d", &[(0, 10); 9])[..3], [10, 11, 12], "more than there is room for");
}

proptest! {
    #[test]
    fn no_two_records_of_a_series_share_a_time(
        requests in prop::collection::vec(prop::collection::vec((0..4_u8, 0..20_i64), 0..30), 1..6),
    ) {
        let mut times = LogTimes::default();
        let mut taken = BTreeSet::new();
        for (number, request) in requests.iter().enumerate() {
            for ((series, sent), time) in request.iter().zip(given(&mut times, &number.to_string(), request)) {
                prop_assert!(time >= *sent);
                prop_assert!((*sent..time).all(|earlier| taken.contains(&(*series, earlier))), "the first that is free");
                prop_assert!(taken.insert((*series, time)), "{series} {time} twice");
            }
        }
    }
}
