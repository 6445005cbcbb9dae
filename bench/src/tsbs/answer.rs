//! Answers of different stores, made comparable: rows of cells, sorted by what names a row.

use std::{cmp::Ordering, fmt};

use anyhow::{Context, bail};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit},
};

/// How far numbers may differ, of the larger one: sums may be added in any order.
const TOLERANCE: f64 = 1e-9;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    /// Nanoseconds since the epoch.
    Time(i64),
    Number(f64),
}

/// Sorted rows.
#[derive(Debug)]
pub(crate) struct Answer {
    rows: Vec<Vec<Cell>>,
}

impl Answer {
    /// Of what a store gave; `times` are columns of time, which ClickHouse gives as seconds.
    pub(crate) fn of(batches: &[RecordBatch], times: &[usize]) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        for batch in batches {
            let columns = batch.columns().iter().enumerate();
            let columns = columns.map(|(index, column)| cells(column, times.contains(&index)));
            let columns = columns.collect::<anyhow::Result<Vec<_>>>()?;
            rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()));
        }
        rows.sort_by(|a: &Vec<Cell>, b: &Vec<Cell>| order(a, b));
        Ok(Self { rows })
    }

    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first row that differs, as text.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let rows = self.rows.len().max(other.rows.len());
        let differs = |row: &usize| match (self.rows.get(*row), other.rows.get(*row)) {
            (Some(a), Some(b)) => a.len() != b.len() || !a.iter().zip(b).all(|(a, b)| is_same(a, b)),
            _ => true,
        };
        let row = (0..rows).find(differs)?;
        let show = |answer: &Self| answer.rows.get(row).map_or_else(|| "no row".to_owned(), |row| text(row));
        Some(format!(
            "row {row} of {} against {}:\n  {}\n  {}",
            self.rows.len(),
            other.rows.len(),
            show(self),
            show(other)
        ))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Time(time) => write!(f, "{} s", *time as f64 / 1e9),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

fn text(row: &[Cell]) -> String {
    row.iter().map(Cell::to_string).collect::<Vec<_>>().join(", ")
}

/// By what names a row (texts and times) first: numbers may differ in their last digits.
fn order(a: &[Cell], b: &[Cell]) -> Ordering {
    let names = a.iter().zip(b).map(|pair| match pair {
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Time(a), Cell::Time(b)) => a.cmp(b),
        _ => Ordering::Equal,
    });
    let numbers = a.iter().zip(b).map(|pair| match pair {
        (Cell::Number(a), Cell::Number(b)) => a.total_cmp(b),
        _ => Ordering::Equal,
    });
    names.chain(numbers).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn is_same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Number(a), Cell::Number(b)) => a == b || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
        (a, b) => a == b,
    }
}

fn cells(column: &ArrayRef, is_time: bool) -> anyhow::Result<Vec<Cell>> {
    let cells: Vec<Cell> = match column.data_type() {
        DataType::Timestamp(_, zone) => {
            let nanos =
                cast(&cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()))?, &DataType::Int64)?;
            nanos.as_primitive::<Int64Type>().iter().map(|time| time.map_or(Cell::Null, Cell::Time)).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let texts = cast(column, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            texts.iter().map(|text| text.map_or(Cell::Null, |text| Cell::Text(text.to_owned()))).collect()
        }
        kind if kind.is_integer() && is_time => {
            let seconds = cast(column, &DataType::Int64)?;
            let seconds = seconds.as_primitive::<Int64Type>();
            seconds.iter().map(|time| time.map_or(Cell::Null, |time| Cell::Time(time * 1_000_000_000))).collect()
        }
        kind if kind.is_numeric() => {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            numbers.iter().map(|number| number.map_or(Cell::Null, Cell::Number)).collect()
        }
        kind => bail!("an answer has a column of {kind}"),
    };
    (cells.len() == column.len()).then_some(cells).context("a column has lost values")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        DictionaryArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray, UInt32Array,
    };
    use arrow::datatypes::Int8Type;
    use expect_test::{Expect, expect};

    use super::*;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let names = ["time", "host", "value"];
        RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap()
    }

    fn ours(values: [f64; 2]) -> Answer {
        let time = TimestampMillisecondArray::from(vec![2_000, 1_000]).with_timezone("UTC");
        let hosts = StringArray::from(vec!["b", "a"]);
        let batch = batch(vec![Arc::new(time), Arc::new(hosts), Arc::new(Float64Array::from(values.to_vec()))]);
        Answer::of(&[batch], &[0]).unwrap()
    }

    fn check(ours: &Answer, theirs: &Answer, expect: Expect) {
        expect.assert_eq(&ours.difference(theirs).unwrap_or_default());
    }

    #[test]
    fn rows_are_compared_whatever_their_order_and_types() {
        let time = UInt32Array::from(vec![1, 2]);
        let hosts: DictionaryArray<Int8Type> = ["a", "b"].into_iter().collect();
        let theirs = batch(vec![Arc::new(time), Arc::new(hosts), Arc::new(Int64Array::from(vec![3, 7]))]);
        let theirs = Answer::of(&[theirs], &[0]).unwrap();
        check(&ours([7.0 + 1e-12, 3.0]), &theirs, expect![""]);
        check(
            &ours([7.1, 3.0]),
            &theirs,
            expect![[r#"
            row 1 of 2 against 2:
              2 s, 'b', 7.1
              2 s, 'b', 7"#]],
        );
    }

    #[test]
    fn a_missing_row_is_a_difference() {
        let none = Answer::of(&[], &[]).unwrap();
        check(
            &none,
            &ours([7.0, 3.0]),
            expect![[r#"
            row 0 of 0 against 2:
              no row
              1 s, 'a', 3"#]],
        );
    }
}
