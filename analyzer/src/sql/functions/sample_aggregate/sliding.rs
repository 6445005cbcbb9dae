//! Frames that move over a partition: `f(value, time) OVER (ORDER BY time RANGE INTERVAL '5 minutes' PRECEDING)`.

use std::collections::VecDeque;

use arrow::array::ArrayRef;
use datafusion::{
    common::{Result, ScalarValue, internal_err},
    logical_expr::Accumulator,
};

use super::{Sample, SampleFunction, SampleState, Samples};

/// The samples of a frame, evaluated anew for each row: frames hold minutes, not months.
#[derive(Debug)]
pub(super) struct Frame<F> {
    samples: VecDeque<Sample>,
    batch: Vec<Sample>,
    function: std::marker::PhantomData<F>,
}

impl<F> Default for Frame<F> {
    fn default() -> Self {
        Self { samples: VecDeque::new(), batch: Vec::new(), function: std::marker::PhantomData }
    }
}

impl<F> Frame<F> {
    fn read(&mut self, columns: &[ArrayRef]) -> &[Sample] {
        let samples = Samples::new(columns, None);
        self.batch.clear();
        samples.read(0..samples.rows(), &mut self.batch);
        &self.batch
    }
}

impl<F: SampleFunction> Accumulator for Frame<F> {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.read(columns);
        self.samples.extend(&self.batch);
        Ok(())
    }

    /// Rows leave in the order in which they came.
    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let leaving = self.read(columns).len();
        self.samples.drain(..leaving.min(self.samples.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut state = F::State::default();
        state.add(self.samples.make_contiguous(), false);
        Ok(ScalarValue::Float64(F::value(&mut state)?))
    }

    fn size(&self) -> usize {
        size_of_val(self) + (self.samples.capacity() + self.batch.capacity()) * size_of::<Sample>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("a window has one phase")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("a window has one phase")
    }
}
