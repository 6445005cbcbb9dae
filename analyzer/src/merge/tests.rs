use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, Int64Array, UInt32Array},
    datatypes::Int64Type as I64,
};
use proptest::prelude::*;

use super::*;
use crate::fields::{Field, FieldType, physical_schema};

type Source = BTreeMap<(u32, i64), Option<i64>>;

fn schema() -> SchemaRef {
    physical_schema(&[Field { name: "x".into(), kind: FieldType::I64 }])
}

fn batches(source: &Source, rows: usize) -> Batches {
    let entries: Vec<_> = source.clone().into_iter().collect();
    let batches: Vec<_> = entries
        .chunks(rows)
        .map(|entries| {
            let series = UInt32Array::from_iter_values(entries.iter().map(|((series, _), _)| *series));
            let time = Int64Array::from_iter_values(entries.iter().map(|((_, time), _)| *time));
            let x = Int64Array::from_iter(entries.iter().map(|(_, x)| *x));
            RecordBatch::try_new(schema(), vec![Arc::new(series), Arc::new(time), Arc::new(x)])
        })
        .collect();
    Box::new(batches.into_iter())
}

fn rows(merge: Merge) -> Vec<((u32, i64), Option<i64>)> {
    let mut rows = Vec::new();
    for batch in merge.map(Result::unwrap) {
        let series = batch.column(0).as_primitive::<UInt32Type>().clone();
        let time = batch.column(1).as_primitive::<I64>().clone();
        let x = batch.column(2).as_primitive::<I64>().clone();
        rows.extend(
            (0..batch.num_rows())
                .map(|row| ((series.value(row), time.value(row)), x.is_valid(row).then(|| x.value(row)))),
        );
    }
    rows
}

#[test]
fn a_full_batch_ends_between_keys() {
    let long: Source = (0..BATCH_ROWS as i64 + 1).map(|time| ((1, time), Some(time))).collect();
    let other: Source = (0..BATCH_ROWS as i64 + 1).map(|time| ((1, time), Some(-time))).collect();
    let merge = Merge::new(schema(), vec![batches(&long, 100), batches(&other, 7)]);
    let merged = rows(merge);
    assert_eq!(merged.len(), BATCH_ROWS + 1);
    assert!(merged.iter().all(|((_, time), x)| *x == Some(-time)), "the newer source wins");
}

proptest! {
    #[test]
    fn merging_is_writing_over_field_by_field(
        sources in prop::collection::vec(
            prop::collection::btree_map((0_u32..4, 0_i64..6), prop::option::of(0_i64..100), 0..12), 0..5),
        batch_rows in 1_usize..5,
    ) {
        let mut expected = Source::new();
        for ((key, x), _) in sources.iter().flatten().map(|(key, x)| ((*key, *x), ())) {
            let held = expected.entry(key).or_default();
            *held = x.or(*held);
        }
        let merge = Merge::new(schema(), sources.iter().map(|source| batches(source, batch_rows)).collect());
        prop_assert_eq!(rows(merge), expected.into_iter().collect::<Vec<_>>());
    }
}
