//! `first` and `last`: the value of the row at one end of time.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Field, FieldRef, TimestampNanosecondType},
};
use datafusion::{
    common::{Result, ScalarValue, not_impl_err, plan_err},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, GroupsAccumulator, Signature,
        Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
};

use super::time_argument;

mod groups;
mod values;

/// Which end of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    First,
    Last,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }

    /// Whether a row of that time takes the place of one that came before it.
    fn replaces(self, time: i64, earlier: i64) -> bool {
        match self {
            Self::First => time <= earlier,
            Self::Last => time >= earlier,
        }
    }
}

/// The function for one end.
pub(super) fn by_time(end: End, description: &str, example: &str) -> AggregateUDF {
    let section = DocSection { include: true, label: "Time Series Functions", description: None };
    let documentation = Documentation::builder(section, description, format!("{}(value, time)", end.name()))
        .with_sql_example(example)
        .with_argument("value", "of any type")
        .with_argument("time", "when it was measured")
        .build();
    let signature = Signature::user_defined(Volatility::Immutable);
    AggregateUDF::new_from_impl(ByTime { end, signature, documentation })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ByTime {
    end: End,
    signature: Signature,
    documentation: Documentation,
}

impl AggregateUDFImpl for ByTime {
    fn name(&self) -> &'static str {
        self.end.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if let [value, time] = types
            && let Some(time) = time_argument::nanoseconds(time)
        {
            let value = if let DataType::Dictionary(_, value) = value { value } else { value };
            return Ok(vec![value.clone(), time]);
        }
        plan_err!("{} takes a value and a time: {}(value, time)", self.name(), self.name())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field =
            |name, kind: &DataType| Arc::new(Field::new(format_state_name(args.name, name), kind.clone(), true));
        let time = args.input_fields.get(1).map_or(DataType::Null, |time| time.data_type().clone());
        Ok(vec![field("value", args.return_field.data_type()), field("time", &time)])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(args.return_type())?;
        let time = args.expr_fields.get(1).map_or(DataType::Null, |time| time.data_type().clone());
        Ok(Box::new(Row { end: self.end, value, time: None, time_type: time }))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let time = args.expr_fields.get(1).map_or(DataType::Null, |time| time.data_type().clone());
        Ok(groups::for_type(self.end, args.return_type(), time))
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let name = self.name();
        not_impl_err!(
            "{name}(value, time) cannot move over a frame: write {name}_value(value) OVER (ORDER BY time ...)"
        )
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The row of one group.
#[derive(Debug)]
struct Row {
    end: End,
    value: ScalarValue,
    time: Option<i64>,
    time_type: DataType,
}

impl Accumulator for Row {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (values, times) = (&columns[0], columns[1].as_primitive::<TimestampNanosecondType>());
        let nulls = values.logical_nulls();
        let mut found = None;
        for row in 0..times.len() {
            if times.is_null(row) || nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let time = times.value(row);
            if self.time.is_none_or(|earlier| self.end.replaces(time, earlier)) {
                (self.time, found) = (Some(time), Some(row));
            }
        }
        if let Some(row) = found {
            self.value = ScalarValue::try_from_array(values, row)?;
            self.value.compact();
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) - size_of_val(&self.value) + self.value.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let time = ScalarValue::Int64(self.time).cast_to(&self.time_type)?;
        Ok(vec![self.value.clone(), time])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
