use std::sync::Arc;

use arrow::{
    array::{AsArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array},
    datatypes::{Int64Type, UInt32Type},
};

use super::{
    cache::FileCache,
    read::read,
    select::from_chunk,
    write::{Content, Effort},
    *,
};
use crate::{
    disk_layout::Layout,
    fields::{Field, FieldType, physical_schema},
    rollup::build::Wanted,
};

const SERIES: u32 = 40;
const TIMES: i64 = 8_000;

/// 320,000 rows: three row groups, forty pages.
fn rows() -> RecordBatch {
    let keys = || (0..SERIES).flat_map(|series| (0..TIMES).map(move |time| (series, time)));
    let series = UInt32Array::from_iter_values(keys().map(|(series, _)| series));
    let time = Int64Array::from_iter_values(keys().map(|(_, time)| time));
    let value = Float64Array::from_iter_values(keys().map(|(series, time)| f64::from(series) + time as f64));
    let columns = vec![Arc::new(series) as _, Arc::new(time) as _, Arc::new(value) as _];
    RecordBatch::try_new(physical_schema(&[Field::value()]), columns).unwrap()
}

fn selection(series: impl IntoIterator<Item = u32>, min: i64, max: i64) -> Selection {
    Selection::new(series.into_iter().collect(), TimeRange { min, max })
}

fn write_file(layout: &Layout) -> DataFile {
    let (fields, time) = ([Field::value()], TimeRange { min: 0, max: TIMES - 1 });
    let (shape, effort, rollup) = (Shape::Value, Effort::Fresh, Wanted::Never);
    let content = Content { shape, fields: &fields, time, late: None, sequence: 1, clean: 0, effort, rollup };
    let all = from_chunk(&rows(), &fields, &selection(0..SERIES, i64::MIN, i64::MAX)).unwrap();
    write::write(layout, 1, &content, all).unwrap()
}

#[test]
fn skipping_row_groups_and_pages_loses_no_row() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let (fields, file) = ([Field::value()], write_file(&layout));
    assert_eq!((file.rows, file.series), (320_000, (0, SERIES - 1)));
    let folder = layout.data();
    let cache = Arc::new(FileCache::new(3 << 20));
    for (series, min, max) in [
        (vec![7, 16, 33], 100, 199),
        (vec![0, 39], 0, 0),
        (vec![39], TIMES - 1, i64::MAX),
        (vec![3], TIMES, i64::MAX),
        (vec![41], i64::MIN, i64::MAX),
        ((0..SERIES).collect(), 4_000, 4_000),
    ] {
        for cache in [None, Some(&cache), Some(&cache)] {
            let mut found = Vec::new();
            for batch in read(file.place(&folder), &fields, &selection(series.clone(), min, max), cache).unwrap() {
                let batch = batch.unwrap();
                let keys = batch.column(0).as_primitive::<UInt32Type>().values().iter();
                found.extend(keys.copied().zip(batch.column(1).as_primitive::<Int64Type>().values().iter().copied()));
            }
            let wanted = |series: &u32| {
                let series = *series;
                (min.max(0)..=max.min(TIMES - 1)).map(move |time| (series, time)).filter(|(series, _)| *series < SERIES)
            };
            let expected: Vec<(u32, i64)> = series.iter().flat_map(wanted).collect();
            assert_eq!(found, expected, "series {series:?}, times {min}..={max}");
        }
    }
}

#[test]
fn long_texts_are_decoded_a_few_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let fields = [Field { name: "body".into(), kind: FieldType::Text }];
    // Equal texts: small on disk.
    let text = "x".repeat(40 << 10);
    let columns = vec![
        Arc::new(UInt32Array::from(vec![1; 2_000])) as _,
        Arc::new(Int64Array::from_iter_values(0..2_000)) as _,
        Arc::new(StringArray::from_iter_values((0..2_000).map(|_| &text))) as _,
    ];
    let rows = RecordBatch::try_new(physical_schema(&fields), columns).unwrap();
    let (time, shape) = (TimeRange { min: 0, max: 1_999 }, Shape::Table(TableId(1)));
    let (effort, rollup) = (Effort::Fresh, Wanted::Never);
    let content = Content { shape, fields: &fields, time, late: None, sequence: 1, clean: 0, effort, rollup };
    let all = from_chunk(&rows, &fields, &selection([1], i64::MIN, i64::MAX)).unwrap();
    let file = write::write(&layout, 1, &content, all).unwrap();
    let cache = Arc::new(FileCache::new(1 << 30));
    let found = read(file.place(&layout.data()), &fields, &selection([1], 0, 1_999), Some(&cache)).unwrap();
    let counts: Vec<usize> = found.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 2_000);
    assert!(counts.iter().all(|rows| *rows < 1_000), "{counts:?}");
}

#[test]
fn a_row_group_that_is_read_again_and_again_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let file = write_file(&layout);
    let cache = Arc::new(FileCache::new(64 << 20));
    let kept: Vec<bool> = (0..8)
        .map(|series| {
            let wanted = selection([series], i64::MIN, i64::MAX);
            let found = read(file.place(&layout.data()), &[Field::value()], &wanted, Some(&cache)).unwrap();
            assert_eq!(found.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), TIMES as usize, "{series}");
            ["series", "time"].into_iter().all(|column| cache.column(&file.name, 0, column).is_some())
        })
        .collect();
    assert!(!kept[0] && kept[7], "{kept:?}");
}
