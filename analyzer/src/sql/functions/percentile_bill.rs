//! `percentile_bill(value, percentile)`: the percentile by nearest rank, as bills compute it.
//!
//! One value per 5-minute slot is expected: sum the ports of a slot first. Null values are slots that
//! are missing, and are not counted (the contract's `missing: exclude`). The percentile is taken as it
//! is written: `99.9` is exactly 99.9.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, ListArray},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Float64Type},
};
use datafusion::{
    common::{ScalarValue, exec_err, plan_err, utils::SingleRowListArrayBuilder},
    error::Result,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
    physical_expr::expressions::Literal,
};
use rust_decimal::Decimal;
use weir_billing::percentile::nearest_rank;

/// The function.
pub(super) fn percentile_bill() -> AggregateUDF {
    AggregateUDF::new_from_impl(PercentileBill { signature: Signature::new(numbers(), Volatility::Immutable) })
}

fn numbers() -> TypeSignature {
    TypeSignature::UserDefined
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PercentileBill {
    signature: Signature,
}

impl AggregateUDFImpl for PercentileBill {
    fn name(&self) -> &'static str {
        "percentile_bill"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value, percentile] if value.is_numeric() || value.is_null() => {
                Ok(vec![DataType::Float64, percentile.clone()])
            }
            _ => plan_err!("percentile_bill takes a number per slot and a percentile: percentile_bill(value, 95)"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let literal = args.exprs.get(1).and_then(|expr| expr.downcast_ref::<Literal>());
        let Some(percentile) = literal.and_then(|literal| decimal(literal.value())) else {
            return plan_err!("the percentile of percentile_bill must be a literal number, such as 95");
        };
        if nearest_rank(percentile, 1).is_none() {
            return plan_err!("the percentile of percentile_bill must be over 0 and at most 100, not {percentile}");
        }
        Ok(Box::new(Slots { percentile, values: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let values =
            Field::new_list(format!("{}[values]", args.name), Field::new_list_field(DataType::Float64, true), true);
        Ok(vec![Arc::new(values)])
    }
}

/// A literal number as it is written; a float's shortest decimal form is what was written.
fn decimal(value: &ScalarValue) -> Option<Decimal> {
    match value {
        ScalarValue::Float64(Some(value)) => value.to_string().parse().ok(),
        ScalarValue::Float32(Some(value)) => value.to_string().parse().ok(),
        ScalarValue::Utf8(Some(text)) => text.parse().ok(),
        value => value.cast_to(&DataType::Utf8).ok()?.try_as_str()??.parse().ok(),
    }
}

/// The slots of a group.
#[derive(Debug)]
struct Slots {
    percentile: Decimal,
    values: Vec<f64>,
}

impl Slots {
    fn extend(&mut self, values: &ArrayRef) -> Result<()> {
        let values = cast(values, &DataType::Float64)?;
        self.values.extend(values.as_primitive::<Float64Type>().iter().flatten());
        Ok(())
    }
}

impl Accumulator for Slots {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.extend(&values[0])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Ok(count) = u32::try_from(self.values.len()) else {
            return exec_err!("percentile_bill has more than 2^32 slots in a group");
        };
        let value = nearest_rank(self.percentile, count).map(|rank| {
            let (_, value, _) = self.values.select_nth_unstable_by(rank as usize - 1, f64::total_cmp);
            *value
        });
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: ArrayRef = Arc::new(arrow::array::Float64Array::from(std::mem::take(&mut self.values)));
        Ok(vec![SingleRowListArrayBuilder::new(values).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: &ListArray = states[0].as_list();
        lists.iter().flatten().try_for_each(|values| self.extend(&values))
    }
}
