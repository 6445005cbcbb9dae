//! All groups of a query together.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, TimestampNanosecondArray, downcast_primitive},
    buffer::NullBuffer,
    compute::nullif,
    datatypes::{DataType, TimestampNanosecondType},
};
use datafusion::{
    common::Result,
    logical_expr::{EmitTo, GroupsAccumulator},
};

use super::{
    End,
    values::{Numbers, Scalars, Values},
};

/// No row of the batch.
const NONE: u32 = u32::MAX;

/// An accumulator for values of that type.
pub(super) fn for_type(end: End, value: &DataType, time: DataType) -> Box<dyn GroupsAccumulator> {
    macro_rules! numbers {
        ($kind:ty) => {
            numbers::<$kind>(end, value, time)
        };
    }
    downcast_primitive! {
        value => (numbers),
        _ => Box::new(Groups::new(end, Scalars::new(value.clone()), time)),
    }
}

fn numbers<T: ArrowPrimitiveType + Send>(end: End, value: &DataType, time: DataType) -> Box<dyn GroupsAccumulator> {
    Box::new(Groups::new(end, Numbers::<T>::new(value.clone()), time))
}

/// A row per group.
#[derive(Debug)]
struct Groups<V> {
    end: End,
    values: V,
    times: Vec<i64>,
    is_known: Vec<bool>,
    time_type: DataType,
    /// Per group the row of the batch that takes its place; all [`NONE`] between batches.
    rows: Vec<u32>,
    /// Groups that have one.
    changed: Vec<usize>,
}

impl<V: Values> Groups<V> {
    fn new(end: End, values: V, time_type: DataType) -> Self {
        let (times, is_known, rows, changed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { end, values, times, is_known, time_type, rows, changed }
    }

    /// Finds the row of each group first, as of most groups a batch has many, and copies values after.
    fn take_rows(&mut self, columns: &[ArrayRef], nulls: Option<&NullBuffer>, groups: &[usize], total: usize) {
        let times = columns[1].as_primitive::<TimestampNanosecondType>().values();
        self.times.resize(total, 0);
        self.is_known.resize(total, false);
        self.rows.resize(total, NONE);
        self.values.resize(total);
        for (row, (group, time)) in groups.iter().zip(times).enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let group = *group;
            if self.is_known[group] && !self.end.replaces(*time, self.times[group]) {
                continue;
            }
            (self.is_known[group], self.times[group]) = (true, *time);
            if self.rows[group] == NONE {
                self.changed.push(group);
            }
            self.rows[group] = row as u32;
        }
    }

    fn update(
        &mut self,
        columns: &[ArrayRef],
        filter: Option<&NullBuffer>,
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        let nulls = NullBuffer::union(columns[0].logical_nulls().as_ref(), columns[1].nulls());
        let nulls = NullBuffer::union(nulls.as_ref(), filter);
        self.take_rows(columns, nulls.as_ref(), groups, total);
        let (rows, changed) = (&self.rows, &self.changed);
        self.values.set(&columns[0], changed.iter().map(|group| (*group, rows[*group] as usize)))?;
        self.changed.drain(..).for_each(|group| self.rows[group] = NONE);
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> Result<(ArrayRef, ArrayRef)> {
        let is_known = NullBuffer::from(emit_to.take_needed(&mut self.is_known));
        let times = emit_to.take_needed(&mut self.times);
        emit_to.take_needed(&mut self.rows);
        let times = TimestampNanosecondArray::new(times.into(), Some(is_known.clone()));
        let times: ArrayRef = Arc::new(times.with_data_type(self.time_type.clone()));
        Ok((self.values.take(emit_to, is_known)?, times))
    }
}

/// Where a filter keeps nothing, as nulls.
fn not_kept(filter: &BooleanArray) -> NullBuffer {
    let kept = NullBuffer::new(filter.values().clone());
    NullBuffer::union(Some(&kept), filter.nulls()).unwrap_or(kept)
}

impl<V: Values> GroupsAccumulator for Groups<V> {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.update(columns, opt_filter.map(not_kept).as_ref(), group_indices, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit_to)?.0)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (values, times) = self.take(emit_to)?;
        Ok(vec![values, times])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.update(states, None, group_indices, total_num_groups)
    }

    fn convert_to_state(&self, columns: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(filter) = opt_filter else { return Ok(columns.to_vec()) };
        let dropped = BooleanArray::new(!not_kept(filter).inner(), None);
        Ok(vec![Arc::clone(&columns[0]), nullif(&columns[1], &dropped)?])
    }

    fn size(&self) -> usize {
        self.values.bytes()
            + self.times.capacity() * size_of::<i64>()
            + self.is_known.capacity()
            + self.rows.capacity() * size_of::<u32>()
            + self.changed.capacity() * size_of::<usize>()
    }
}
