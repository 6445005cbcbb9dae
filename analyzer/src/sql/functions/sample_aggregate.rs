//! Aggregates over the samples of one series: `f(value, time)`.

use std::{fmt::Debug, hash::Hash, mem::take, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, ListArray},
    datatypes::{DataType, Field, FieldRef, Int64Type},
};
use datafusion::{
    common::{Result, ScalarValue, plan_err, utils::SingleRowListArrayBuilder},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, GroupsAccumulator, Signature,
        Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
};

use super::{
    sample::{Sample, Samples},
    time_argument,
};

mod groups;
mod sliding;
#[cfg(test)]
mod tests;

/// What is kept of the samples of a group.
pub(super) trait SampleState: Debug + Default + Send + Sync + 'static {
    /// Takes in samples that came together, in the order in which they came. When `is_crowded`, groups have
    /// more than they should, and what came in order is to be shortened.
    fn add(&mut self, samples: &[Sample], is_crowded: bool);

    /// Writes all of it, for another phase of the query.
    fn write(&self, out: &mut Vec<i64>);

    /// Takes in what another phase has written.
    fn merge(&mut self, words: &[i64]) -> Result<()>;

    /// Bytes besides its own size.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A function of samples.
pub(super) trait SampleFunction: Debug + Clone + Eq + Hash + Send + Sync + 'static {
    type State: SampleState;

    const NAME: &'static str;
    /// For `information_schema` and `SHOW FUNCTIONS`.
    const DESCRIPTION: &'static str;
    const EXAMPLE: &'static str;

    /// The result; `None` is null.
    fn value(state: &mut Self::State) -> Result<Option<f64>>;
}

/// The aggregate function of SQL for it.
pub(super) fn of_samples<F: SampleFunction>(function: F) -> AggregateUDF {
    let section = DocSection { include: true, label: "Time Series Functions", description: None };
    let documentation = Documentation::builder(section, F::DESCRIPTION, format!("{}(value, time)", F::NAME))
        .with_sql_example(F::EXAMPLE)
        .with_argument("value", "a number per sample")
        .with_argument("time", "when it was measured")
        .build();
    let signature = Signature::user_defined(Volatility::Immutable);
    AggregateUDF::new_from_impl(SampleAggregate { function, signature, documentation })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SampleAggregate<F> {
    function: F,
    signature: Signature,
    documentation: Documentation,
}

impl<F: SampleFunction> AggregateUDFImpl for SampleAggregate<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if let [value, time] = types
            && (value.is_numeric() || value.is_null())
            && let Some(time) = time_argument::nanoseconds(time)
        {
            return Ok(vec![DataType::Float64, time]);
        }
        plan_err!("{} takes a number and a time: {}(value, time)", F::NAME, F::NAME)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let words = Field::new_list_field(DataType::Int64, true);
        Ok(vec![Arc::new(Field::new_list(format_state_name(args.name, "samples"), words, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Group::<F>::default()))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(groups::Groups::<F>::default()))
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(sliding::Frame::<F>::default()))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The samples of a group.
#[derive(Debug)]
struct Group<F: SampleFunction> {
    state: F::State,
    /// Of one batch, kept for its room.
    batch: Vec<Sample>,
}

impl<F: SampleFunction> Default for Group<F> {
    fn default() -> Self {
        Self { state: F::State::default(), batch: Vec::new() }
    }
}

impl<F: SampleFunction> Accumulator for Group<F> {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let samples = Samples::new(columns, None);
        self.batch.clear();
        samples.read(0..samples.rows(), &mut self.batch);
        let is_crowded = self.state.heap_bytes() > groups::STATES_BYTES_MAX;
        self.state.add(&self.batch, is_crowded);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(F::value(&mut self.state)?))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.batch.capacity() * size_of::<Sample>() + self.state.heap_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut words = Vec::new();
        take(&mut self.state).write(&mut words);
        let words: ArrayRef = Arc::new(Int64Array::from(words));
        Ok(vec![SingleRowListArrayBuilder::new(words).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: &ListArray = states[0].as_list();
        (0..lists.len()).try_for_each(|row| words_of(lists, row).map_or(Ok(()), |words| self.state.merge(words)))
    }
}

/// One state out of a column of them.
fn words_of(lists: &ListArray, row: usize) -> Option<&[i64]> {
    let offsets = lists.value_offsets();
    let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
    lists.is_valid(row).then(|| &lists.values().as_primitive::<Int64Type>().values()[from..to])
}
