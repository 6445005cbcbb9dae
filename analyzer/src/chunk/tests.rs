use arrow::{array::Array, util::pretty::pretty_format_batches};
use expect_test::{Expect, expect};

use super::*;
use crate::{catalog::TableId, fields::FieldType};

fn field(name: &str, kind: FieldType) -> Field {
    Field { name: name.into(), kind }
}

fn group(fields: &[u32], keys: &[(u32, i64)], columns: Vec<Column>) -> Group {
    let (series, time) = keys.iter().copied().unzip();
    Group { table: TableId(0), fields: fields.to_vec(), series, time, columns }
}

fn check(chunk: &Chunk, expected: Expect) {
    expected.assert_eq(&pretty_format_batches(std::slice::from_ref(&chunk.batch)).unwrap().to_string());
}

#[test]
fn rows_are_sorted_and_later_values_win() {
    let columns = vec![
        Column::F64(vec![Some(1.0), Some(2.0), None, Some(3.0), Some(4.0)]),
        Column::Text(vec![None, Some("a".into()), Some("b".into()), None, None]),
    ];
    let keys = [(2, 5), (1, 9), (2, 5), (1, -3), (1, 9)];
    let fields = [field("x", FieldType::F64), field("note", FieldType::Text)];
    let chunk = Chunk::of_group(1, &fields, group(&[0, 1], &keys, columns), None).unwrap().unwrap();
    assert_eq!(chunk.time, TimeRange { min: -3, max: 9 });
    check(
        &chunk,
        expect![[r#"
            +--------+------+-----+--------+
            | series | time | f_x | f_note |
            +--------+------+-----+--------+
            | 1      | -3   | 3.0 |        |
            | 1      | 9    | 4.0 | a      |
            | 2      | 5    | 1.0 | b      |
            +--------+------+-----+--------+"#]],
    );
}

#[test]
fn joined_chunks_have_the_fields_of_all_and_later_values_win() {
    let fields = [field("x", FieldType::I64), field("y", FieldType::Bool)];
    let x = group(&[0], &[(1, 1), (3, 1)], vec![Column::I64(vec![Some(7), Some(8)])]);
    let y = group(&[1], &[(2, 2), (1, 1)], vec![Column::Bool(vec![None, Some(true)])]);
    let again = group(&[0], &[(3, 1)], vec![Column::I64(vec![Some(9)])]);
    let chunk = |sequence, group, late| Chunk::of_group(sequence, &fields, group, late).unwrap().unwrap();
    let chunks = [chunk(1, x, None), chunk(2, y, Some(TimeRange::at(1))), chunk(3, again, Some(TimeRange::at(2)))];
    let joined = Chunk::join(&chunks).unwrap().unwrap();
    assert_eq!((joined.sequence, joined.late), (3, Some(TimeRange { min: 1, max: 2 })));
    check(
        &joined,
        expect![[r#"
            +--------+------+-----+------+
            | series | time | f_x | f_y  |
            +--------+------+-----+------+
            | 1      | 1    | 7   | true |
            | 2      | 2    |     |      |
            | 3      | 1    | 9   |      |
            +--------+------+-----+------+"#]],
    );
}

#[test]
fn every_bit_of_a_sample_is_kept() {
    let values = Values { series: vec![2, 1], time: vec![5, 5], value: vec![f64::from_bits(u64::MAX), -0.0] };
    let chunk = Chunk::of_values(1, values, None).unwrap().unwrap();
    let bits = chunk.batch.column(2).to_data().buffers()[0].typed_data::<u64>().to_vec();
    assert_eq!(bits, [1 << 63, u64::MAX]);
    assert!(Chunk::of_values(2, Values::default(), None).unwrap().is_none());
}
