use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_deletion_is_the_same_after_reading(series in prop::collection::btree_set(any::<u32>(), 0..40), run in 0_u32..9_000) {
        let mut series: RoaringBitmap = series.into_iter().collect();
        series.insert_range(70_000..70_000 + run);
        series.optimize();
        let time = TimeRange { min: -3, max: i64::MAX };
        let deletion = Deletion { number: 7, sequence: 9, series: Arc::new(series), time };
        let text = serde_json::to_string(&deletion).unwrap();
        prop_assert_eq!(serde_json::from_str::<Deletion>(&text).unwrap(), deletion);
    }
}

#[test]
fn damaged_series_are_an_error() {
    for text in ["AAAA", "no base64 ", ""] {
        let text = format!(r#"{{"number":1,"sequence":1,"series":"{text}","time":[0,1]}}"#);
        assert!(serde_json::from_str::<Deletion>(&text).is_err(), "{text}");
    }
}
