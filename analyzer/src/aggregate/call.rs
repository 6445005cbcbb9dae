//! Aggregate functions over cells.
//!
//! A cell holds how many values were folded into it, and: `min`, `max`, `sum`: the value so far; `avg`: the sum;
//! `last`: the value, and its time. NaN is larger than every number, whatever its sign.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Float64Array, Int64Array, PrimitiveArray, RecordBatch, TimestampNanosecondArray,
    },
    buffer::NullBuffer,
    datatypes::{ArrowNativeType, ArrowPrimitiveType, Float64Type, Int64Type},
};

use super::grid::Segment;
use crate::fields::TIME_COLUMN;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
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
pub(crate) enum Argument {
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
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) argument: Argument,
}

impl Call {
    /// Whether only the latest rows count.
    pub(crate) fn is_of_the_latest(self) -> bool {
        self.function == Function::Last || (self.function, self.argument) == (Function::Max, Argument::Time)
    }

    /// What it takes for each cell, in bytes.
    pub(crate) fn cell_bytes(self) -> usize {
        2 * size_of::<u64>() + size_of::<i64>()
    }
}

/// A call's cells.
#[derive(Debug)]
pub(crate) struct Folded {
    call: Call,
    /// Values folded per cell.
    counts: Vec<i64>,
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
    pub(crate) fn new(call: Call, cells: usize) -> Self {
        let values = match (call.function, call.argument) {
            (Function::Count, _) => Values::None,
            (_, Argument::F64(_) | Argument::Widened(_)) => Values::F64(vec![0.0; cells]),
            _ => Values::I64(vec![0; cells]),
        };
        let times = vec![i64::MIN; if call.function == Function::Last { cells } else { 0 }];
        Self { call, counts: vec![0; cells], values, times }
    }

    /// How many values were folded into a cell.
    pub(crate) fn count(&self, cell: usize) -> u64 {
        self.counts[cell] as u64
    }

    /// Folds a row into a cell of a count.
    pub(crate) fn add_one(&mut self, cell: usize) {
        self.counts[cell] += 1;
    }

    /// The same with more cells, or as many.
    pub(crate) fn grow(&mut self, cells: usize) {
        self.counts.resize(cells, 0);
        match &mut self.values {
            Values::None => {}
            Values::F64(values) => values.resize(cells, 0.0),
            Values::I64(values) => values.resize(cells, 0),
        }
        if self.call.function == Function::Last {
            self.times.resize(cells, i64::MIN);
        }
    }

    /// Forgets the first cells.
    pub(crate) fn drop_first(&mut self, cells: usize) {
        self.counts.drain(..cells);
        match &mut self.values {
            Values::None => {}
            Values::F64(values) => drop(values.drain(..cells)),
            Values::I64(values) => drop(values.drain(..cells)),
        }
        if self.call.function == Function::Last {
            self.times.drain(..cells);
        }
    }

    /// How many values were folded into each of `cells`.
    pub(crate) fn counts(&self, cells: &[usize]) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(cells.iter().map(|cell| self.counts[*cell])))
    }

    /// What an integer function has come to; 0 without a value, and of others.
    pub(crate) fn integer(&self, cell: usize) -> i64 {
        match &self.values {
            Values::I64(values) if self.counts[cell] > 0 => values[cell],
            _ => 0,
        }
    }

    /// Folds a batch of stored rows.
    pub(crate) fn fold(&mut self, rows: &RecordBatch, segments: &[Segment]) {
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
                match function {
                    Function::Min => fold(segments, &column, (cells, held), |value| value, smaller),
                    Function::Max => fold(segments, &column, (cells, held), |value| value, larger),
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

    /// Folds what another part of the rows was folded into: the same call, over the same cells.
    pub(crate) fn join(&mut self, other: &Self) {
        let values = match &other.values {
            Values::None => Sums::None,
            Values::F64(values) => Sums::F64(values),
            Values::I64(values) => Sums::I64(values),
        };
        let found = Found { counts: &other.counts, values, times: &other.times };
        self.combine(&found, (0..other.counts.len()).map(|cell| (cell, cell)));
    }

    /// Folds values that were folded before: `pairs` say into which cell, and where in `found` they are.
    pub(crate) fn combine(&mut self, found: &Found<'_>, pairs: impl Iterator<Item = (usize, usize)>) {
        let pairs = pairs.filter(|(_, index)| found.counts[*index] > 0);
        let function = self.call.function;
        let counts = &mut self.counts;
        match (&mut self.values, &found.values) {
            (Values::None, _) => pairs.for_each(|(cell, index)| counts[cell] += found.counts[index]),
            (Values::F64(held), Sums::F64(values)) if function == Function::Last => {
                combine_latest((counts, held, &mut self.times), (values, found.times), pairs);
            }
            (Values::I64(held), Sums::I64(values)) if function == Function::Last => {
                combine_latest((counts, held, &mut self.times), (values, found.times), pairs);
            }
            (Values::F64(held), values) => {
                let op = match function {
                    Function::Min => smaller,
                    Function::Max => larger,
                    _ => |held, value| held + value,
                };
                match values {
                    Sums::F64(values) => combine((counts, held), (found.counts, |index| values[index]), pairs, op),
                    Sums::I64(values) => {
                        combine((counts, held), (found.counts, |index| values[index] as f64), pairs, op);
                    }
                    Sums::None => {}
                }
            }
            (Values::I64(held), Sums::I64(values)) => {
                let op = match function {
                    Function::Min => i64::min,
                    Function::Max => i64::max,
                    _ => i64::wrapping_add,
                };
                combine((counts, held), (found.counts, |index| values[index]), pairs, op);
            }
            (Values::I64(_), _) => debug_assert!(false, "integers are of integers"),
        }
    }

    /// The time of the latest row that was folded into a cell, of a call of which [`Call::is_of_the_latest`].
    pub(crate) fn latest(&self, cell: usize) -> Option<i64> {
        match &self.values {
            _ if self.counts[cell] == 0 => None,
            _ if self.call.function == Function::Last => Some(self.times[cell]),
            Values::I64(times) => Some(times[cell]),
            _ => None,
        }
    }

    /// What the function gives for each of `cells`.
    pub(crate) fn results(&self, cells: &[usize]) -> ArrayRef {
        match (&self.values, self.call.function) {
            (Values::None, _) => self.counts(cells),
            (Values::F64(sums), Function::Avg) => {
                let mean = |cell: &usize| Some(self.value(sums, *cell)? / self.counts[*cell] as f64);
                Arc::new(cells.iter().map(mean).collect::<Float64Array>())
            }
            (Values::F64(values), _) => self.present::<Float64Type>(values, cells),
            (Values::I64(values), _) if self.call.argument == Argument::Time => {
                let times: TimestampNanosecondArray = cells.iter().map(|cell| self.value(values, *cell)).collect();
                Arc::new(times.with_timezone("UTC"))
            }
            (Values::I64(values), _) => self.present::<Int64Type>(values, cells),
        }
    }

    /// When the values of [`Function::Last`] were measured.
    pub(crate) fn times(&self, cells: &[usize]) -> ArrayRef {
        self.present::<Int64Type>(&self.times, cells)
    }

    fn value<T: Copy>(&self, values: &[T], cell: usize) -> Option<T> {
        (self.counts[cell] > 0).then(|| values[cell])
    }

    fn present<T: ArrowPrimitiveType>(&self, values: &[T::Native], cells: &[usize]) -> ArrayRef {
        let values: PrimitiveArray<T> = cells.iter().map(|cell| self.value(values, *cell)).collect();
        Arc::new(values)
    }
}

/// Values that were folded elsewhere.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// How many values each is of; what there is of none is not looked at.
    pub(crate) counts: &'a [i64],
    pub(crate) values: Sums<'a>,
    /// Of [`Function::Last`].
    pub(crate) times: &'a [i64],
}

/// What values came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sums<'a> {
    None,
    F64(&'a [f64]),
    I64(&'a [i64]),
}

fn smaller(held: f64, value: f64) -> f64 {
    if value < held || held.is_nan() { value } else { held }
}

fn larger(held: f64, value: f64) -> f64 {
    if value > held || value.is_nan() { value } else { held }
}

fn combine<T: Copy>(
    (counts, held): (&mut [i64], &mut [T]),
    (found, value): (&[i64], impl Fn(usize) -> T),
    pairs: impl Iterator<Item = (usize, usize)>,
    op: impl Fn(T, T) -> T,
) {
    for (cell, index) in pairs {
        held[cell] = if counts[cell] == 0 { value(index) } else { op(held[cell], value(index)) };
        counts[cell] += found[index];
    }
}

fn combine_latest<T: Copy>(
    (counts, held, times): (&mut [i64], &mut [T], &mut [i64]),
    (values, found): (&[T], &[i64]),
    pairs: impl Iterator<Item = (usize, usize)>,
) {
    for (cell, index) in pairs {
        if found[index] >= times[cell] {
            (counts[cell], held[cell], times[cell]) = (1, values[index], found[index]);
        }
    }
}

/// Takes the latest value of each segment, when it is not older than what its cell holds.
fn latest<T: Copy>(
    segments: &[Segment],
    column: &Numbers<'_, T>,
    time: &[i64],
    (counts, cells, times): (&mut [i64], &mut [T], &mut [i64]),
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

fn count(segments: &[Segment], nulls: Option<&NullBuffer>, counts: &mut [i64]) {
    for Segment { cell, start, end } in segments {
        let rows = end - start;
        let without = nulls.map_or(0, |nulls| nulls.slice(*start, rows).null_count());
        counts[*cell] += (rows - without) as i64;
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
    (counts, cells): (&mut [i64], &mut [V]),
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
                *count += rest.len() as i64;
            }
        }
    }
}
