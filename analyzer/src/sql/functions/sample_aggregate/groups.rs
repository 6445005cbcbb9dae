//! All groups of a query together.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray},
    buffer::{OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field},
};
use datafusion::{
    common::{Result, exec_datafusion_err},
    logical_expr::{EmitTo, GroupsAccumulator},
};

use super::{Sample, SampleFunction, SampleState, Samples, words_of};

/// What the states of all groups may take until they are shortened: 2 M samples of 16 bytes. A query has four
/// of these at most, two phases in two partitions, which are a quarter of the memory for queries.
pub(super) const STATES_BYTES_MAX: usize = 32 << 20;

/// A state per group.
#[derive(Debug)]
pub(super) struct Groups<F: SampleFunction> {
    states: Vec<F::State>,
    /// Of all states.
    pub(super) heap_bytes: usize,
    /// Of one stretch of rows, kept for its room.
    stretch: Vec<Sample>,
}

impl<F: SampleFunction> Default for Groups<F> {
    fn default() -> Self {
        Self { states: Vec::new(), heap_bytes: 0, stretch: Vec::new() }
    }
}

impl<F: SampleFunction> Groups<F> {
    fn change(&mut self, group: usize, change: impl FnOnce(&mut F::State, &[Sample]) -> Result<()>) -> Result<()> {
        let state = &mut self.states[group];
        self.heap_bytes -= state.heap_bytes();
        let changed = change(state, &self.stretch);
        self.heap_bytes += state.heap_bytes();
        changed
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<F::State> {
        let taken = emit_to.take_needed(&mut self.states);
        self.heap_bytes -= taken.iter().map(SampleState::heap_bytes).sum::<usize>();
        taken
    }
}

impl<F: SampleFunction> GroupsAccumulator for Groups<F> {
    /// Rows of one group nearly always follow each other, as scans return one series after the other.
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.states.resize_with(total_num_groups, F::State::default);
        let samples = Samples::new(columns, opt_filter);
        let mut row = 0;
        for stretch in group_indices.chunk_by(|a, b| a == b) {
            self.stretch.clear();
            samples.read(row..row + stretch.len(), &mut self.stretch);
            row += stretch.len();
            let is_crowded = self.heap_bytes > STATES_BYTES_MAX;
            self.change(stretch[0], |state, samples| {
                state.add(samples, is_crowded);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let values = self.take(emit_to).into_iter().map(|mut state| F::value(&mut state));
        Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut lists = Lists::default();
        for state in self.take(emit_to) {
            state.write(&mut lists.words);
            lists.end()?;
        }
        lists.finish()
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.states.resize_with(total_num_groups, F::State::default);
        let lists: &ListArray = states[0].as_list();
        for (row, group) in group_indices.iter().enumerate() {
            if let Some(words) = words_of(lists, row) {
                self.change(*group, |state, _| state.merge(words))?;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, columns: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let samples = Samples::new(columns, opt_filter);
        let (mut lists, mut one) = (Lists::default(), Vec::new());
        for row in 0..samples.rows() {
            one.clear();
            samples.read(row..row + 1, &mut one);
            let mut state = F::State::default();
            state.add(&one, false);
            state.write(&mut lists.words);
            lists.end()?;
        }
        lists.finish()
    }

    fn size(&self) -> usize {
        let states = self.states.capacity() * size_of::<F::State>();
        states + self.heap_bytes + self.stretch.capacity() * size_of::<Sample>()
    }
}

/// A column of states.
#[derive(Debug)]
struct Lists {
    words: Vec<i64>,
    offsets: Vec<i32>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { words: Vec::new(), offsets: vec![0] }
    }
}

impl Lists {
    /// Ends one state.
    fn end(&mut self) -> Result<()> {
        let offset = i32::try_from(self.words.len());
        self.offsets.push(offset.map_err(|_| {
            exec_datafusion_err!("the samples of all groups are more than 2^30: ask for a shorter time")
        })?);
        Ok(())
    }

    fn finish(self) -> Result<Vec<ArrayRef>> {
        let field = Arc::new(Field::new_list_field(DataType::Int64, true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(vec![Arc::new(ListArray::try_new(field, offsets, Arc::new(Int64Array::from(self.words)), None)?)])
    }
}
