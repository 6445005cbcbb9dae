//! Aggregate functions over cells.
//!
//! What a cell holds is what DataFusion's function of the same name hands from its partial to its final
//! stage: `count`: the count; `min`, `max`, `sum`: the value so far, null before the first; `avg`: count and sum;
//! `last`: the value, and its time.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, RecordBatch, TimestampNanosecondArray, UInt64Array},
    buffer::NullBuffer,
    datatypes::{ArrowNativeType, ArrowPrimitiveType, Float64Type, Int64Type},
};

use super::grid::Segment;
use crate::fields::TIME_COLUMN;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    Min,
    Max,
    Sum,
    Avg,
    /// The value of the latest row that has one.
    Last,
}

/// What a function is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// Rows, whatever they hold.
    Rows,
    Time,
    /// A column of the stored rows.
    F64(usize),
    I64(usize),
    /// An integer column that is taken as floats.
    Widened(usize),
    /// A column of any type, of which only counts are wanted.
    Any(usize),
}

/// A function with its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) argument: Argument,
}

impl Call {
    /// Whether only the latest rows count.
    pub(super) fn is_of_the_latest(self) -> bool {
        self.function == Function::Last || (self.function, self.argument) == (Function::Max, Argument::Time)
    }

    /// What it takes for each cell, in bytes.
    pub(super) fn cell_bytes(self) -> usize {
        2 * size_of::<u64>() + size_of::<i64>()
    }
}

/// A call's cells.
#[derive(Debug)]
pub(super) struct Folded {
    call: Call,
    /// Values folded per cell.
    counts: Vec<u64>,
    values: Values,
    /// Of [`Function::Last`], when the value was measured.
    times: Vec<i64>,
}

#[derive(Debug)]
enum Values {
    None,
    F64(Vec<f64>),
    I64(Vec<i64>),
}

impl Folded {
    pub(super) fn new(call: Call, cells: usize) -> Self {
        let values = match (call.function, call.argument) {
            (Function::Count, _) => Values::None,
            (_, Argument::F64(_) | Argument::Widened(_)) => Values::F64(vec![0.0; cells]),
            _ => Values::I64(vec![0; cells]),
        };
        let times = vec![i64::MIN; if call.function == Function::Last { cells } else { 0 }];
        Self { call, counts: vec![0; cells], values, times }
    }

    /// How many values were folded into a cell.
    pub(super) fn count(&self, cell: usize) -> u64 {
        self.counts[cell]
    }

    /// Folds a batch of stored rows.
    pub(super) fn fold(&mut self, rows: &RecordBatch, segments: &[Segment]) {
        let Call { function, argument } = self.call;
        let cells = &mut self.counts;
        let time = rows.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
        match (&mut self.values, argument) {
            (Values::None, Argument::Any(column)) => count(segments, rows.column(column).nulls(), cells),
            (Values::None, _) => count(segments, None, cells),
            (Values::F64(held), Argument::F64(column)) if function == Function::Last => {
                let column = Numbers::of::<Float64Type>(rows.column(column));
                latest(segments, &column, time, (cells, held, &mut self.times));
            }
            (Values::I64(held), Argument::I64(column)) if function == Function::Last => {
                let column = Numbers::of::<Int64Type>(rows.column(column));
                latest(segments, &column, time, (cells, held, &mut self.times));
            }
            (Values::F64(held), Argument::Widened(column)) => {
                let column = Numbers::of::<Int64Type>(rows.column(column));
                fold(segments, &column, (cells, held), |value| value as f64, |held, value| held + value);
            }
            (Values::F64(held), Argument::F64(column)) => {
                let column = Numbers::of::<Float64Type>(rows.column(column));
                // By the total order, in which NaN is the largest.
                let min = |held: f64, value: f64| if value.total_cmp(&held).is_lt() { value } else { held };
                let max = |held: f64, value: f64| if value.total_cmp(&held).is_gt() { value } else { held };
                match function {
                    Function::Min => fold(segments, &column, (cells, held), |value| value, min),
                    Function::Max => fold(segments, &column, (cells, held), |value| value, max),
                    _ => fold(segments, &column, (cells, held), |value| value, |held, value| held + value),
                }
            }
            (Values::I64(held), argument) => {
                let column = Numbers::of::<Int64Type>(match argument {
                    Argument::I64(column) => rows.column(column),
                    _ => rows.column(TIME_COLUMN),
                });
                match function {
                    Function::Min => fold(segments, &column, (cells, held), |value| value, i64::min),
                    Function::Max => fold(segments, &column, (cells, held), |value| value, i64::max),
                    _ => fold(segments, &column, (cells, held), |value| value, i64::wrapping_add),
                }
            }
            (Values::F64(_), _) => debug_assert!(false, "floats are of float or widened columns"),
        }
    }

    /// The time of the latest row that was folded into a cell, of a call of which [`Call::is_of_the_latest`].
    pub(super) fn latest(&self, cell: usize) -> Option<i64> {
        match &self.values {
            _ if self.counts[cell] == 0 => None,
            _ if self.call.function == Function::Last => Some(self.times[cell]),
            Values::I64(times) => Some(times[cell]),
            _ => None,
        }
    }

    /// The states of `cells`.
    pub(super) fn states(&self, cells: &[usize]) -> Vec<ArrayRef> {
        let counts = || cells.iter().map(|cell| self.counts[*cell]);
        match (&self.values, self.call.function) {
            (Values::None, _) => vec![Arc::new(Int64Array::from_iter_values(counts().map(|count| count as i64)))],
            (Values::F64(values), Function::Avg) => {
                // As DataFusion has it: no value is no count, which is another thing than a count of none.
                let counts: UInt64Array = counts().map(|count| (count > 0).then_some(count)).collect();
                vec![Arc::new(counts), self.present::<Float64Type>(values, cells)]
            }
            (Values::F64(values), Function::Last) => {
                vec![self.present::<Float64Type>(values, cells), self.timestamps(&self.times, cells)]
            }
            (Values::I64(values), Function::Last) => {
                vec![self.present::<Int64Type>(values, cells), self.timestamps(&self.times, cells)]
            }
            (Values::F64(values), _) => vec![self.present::<Float64Type>(values, cells)],
            (Values::I64(values), _) if self.call.argument == Argument::Time => vec![self.timestamps(values, cells)],
            (Values::I64(values), _) => vec![self.present::<Int64Type>(values, cells)],
        }
    }

    fn value<T: Copy>(&self, values: &[T], cell: usize) -> Option<T> {
        (self.counts[cell] > 0).then(|| values[cell])
    }

    fn timestamps(&self, times: &[i64], cells: &[usize]) -> ArrayRef {
        let times: TimestampNanosecondArray = cells.iter().map(|cell| self.value(times, *cell)).collect();
        Arc::new(times.with_timezone("UTC"))
    }

    fn present<T: ArrowPrimitiveType>(&self, values: &[T::Native], cells: &[usize]) -> ArrayRef {
        let values: PrimitiveArray<T> = cells.iter().map(|cell| self.value(values, *cell)).collect();
        Arc::new(values)
    }
}

/// Takes the latest value of each segment, when it is not older than what its cell holds.
fn latest<T: Copy>(
    segments: &[Segment],
    column: &Numbers<'_, T>,
    time: &[i64],
    (counts, cells, times): (&mut [u64], &mut [T], &mut [i64]),
) {
    for Segment { cell, start, end } in segments {
        let has_value = |row: &usize| column.nulls.is_none_or(|nulls| nulls.is_valid(*row));
        if let Some(row) = (*start..*end).rev().find(has_value)
            && time[row] >= times[*cell]
        {
            (counts[*cell], cells[*cell], times[*cell]) = (1, column.values[row], time[row]);
        }
    }
}

fn count(segments: &[Segment], nulls: Option<&NullBuffer>, counts: &mut [u64]) {
    for Segment { cell, start, end } in segments {
        let rows = end - start;
        let without = nulls.map_or(0, |nulls| nulls.slice(*start, rows).null_count());
        counts[*cell] += (rows - without) as u64;
    }
}

/// Values of a column.
struct Numbers<'a, T> {
    values: &'a [T],
    nulls: Option<&'a NullBuffer>,
}

impl<'a, T: ArrowNativeType> Numbers<'a, T> {
    fn of<P: ArrowPrimitiveType<Native = T>>(column: &'a ArrayRef) -> Self {
        let column = column.as_primitive::<P>();
        Self { values: column.values(), nulls: column.nulls() }
    }
}

/// Folds the values of each segment into its cell with `op`; the first value of a cell is taken as it is.
fn fold<T: Copy, V: Copy>(
    segments: &[Segment],
    column: &Numbers<'_, T>,
    (counts, cells): (&mut [u64], &mut [V]),
    widen: impl Fn(T) -> V,
    op: impl Fn(V, V) -> V,
) {
    for Segment { cell, start, end } in segments {
        let (count, held) = (&mut counts[*cell], &mut cells[*cell]);
        let mut one = |value: T| {
            *held = if *count == 0 { widen(value) } else { op(*held, widen(value)) };
            *count += 1;
        };
        match column.nulls {
            Some(nulls) => {
                (*start..*end).filter(|row| nulls.is_valid(*row)).for_each(|row| one(column.values[row]));
            }
            None => {
                let Some((first, rest)) = column.values[*start..*end].split_first() else { continue };
                one(*first);
                *held = rest.iter().fold(*held, |held, value| op(held, widen(*value)));
                *count += rest.len() as u64;
            }
        }
    }
}
