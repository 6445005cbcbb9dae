use arrow::util::pretty::pretty_format_batches;
use expect_test::{Expect, expect};

use super::*;

fn check(rows: &[(u32, i64, Option<f64>, Option<&str>)], expected: Expect) {
    let fields =
        [Field { name: "x".into(), kind: FieldType::F64 }, Field { name: "note".into(), kind: FieldType::Text }];
    let mut chunk = OpenChunk::new(1);
    for (series, time, x, note) in rows {
        let columns = [Column::F64(vec![*x]), Column::Text(vec![note.map(Into::into)])];
        chunk.append(&fields, &[0, 1], (&[*series], &[*time]), &columns, None);
    }
    let frozen = chunk.snapshot().unwrap().unwrap();
    expected.assert_eq(&pretty_format_batches(std::slice::from_ref(&frozen.batch)).unwrap().to_string());
}

#[test]
fn rows_are_sorted_and_later_values_win() {
    check(
        &[
            (2, 5, Some(1.0), None),
            (1, 9, Some(2.0), Some("a")),
            (2, 5, None, Some("b")),
            (1, 3, Some(3.0), None),
            (1, 9, Some(4.0), None),
        ],
        expect![[r#"
            +--------+------+-----+--------+
            | series | time | f_x | f_note |
            +--------+------+-----+--------+
            | 1      | 3    | 3.0 |        |
            | 1      | 9    | 4.0 | a      |
            | 2      | 5    | 1.0 | b      |
            +--------+------+-----+--------+"#]],
    );
}

#[test]
fn fields_may_come_later_and_be_missing() {
    let x = Field { name: "x".into(), kind: FieldType::I64 };
    let y = Field { name: "y".into(), kind: FieldType::Bool };
    let mut chunk = OpenChunk::new(1);
    chunk.append(std::slice::from_ref(&x), &[0], (&[1], &[1]), &[Column::I64(vec![Some(7)])], None);
    assert_eq!(chunk.snapshot().unwrap().unwrap().appended, 1);
    chunk.append(&[x, y], &[1], (&[1, 2], &[2, 2]), &[Column::Bool(vec![Some(true), None])], Some(TimeRange::at(2)));
    let frozen = chunk.snapshot().unwrap().unwrap();
    assert_eq!((frozen.appended, frozen.time, frozen.late), (3, TimeRange { min: 1, max: 2 }, Some(TimeRange::at(2))));
    assert_eq!(frozen.batch.column(2).null_count(), 2);
    assert_eq!(frozen.batch.column(3).null_count(), 2);
}
