//! `locf(value) OVER (PARTITION BY .. ORDER BY time)`: the last observation carried forward, as TimescaleDB's `locf`
//! (<https://docs.timescale.com/api/latest/hyperfunctions/gapfilling/locf/>).
//!
//! Where a value is null, the last one before it that is not; null where there is none.

use std::sync::LazyLock;

use arrow::{
    array::{Array, ArrayRef, UInt64Array},
    compute::take,
    datatypes::{DataType, Field, FieldRef},
};
use datafusion::{
    common::Result,
    logical_expr::{
        DocSection, Documentation, LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
        function::{PartitionEvaluatorArgs, WindowUDFFieldArgs},
    },
    physical_expr::PhysicalExpr,
};

/// The function.
pub(super) fn locf() -> WindowUDF {
    WindowUDF::new_from_impl(Locf { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Locf {
    signature: Signature,
}

impl WindowUDFImpl for Locf {
    fn name(&self) -> &'static str {
        "locf"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Carry))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let kind = args.get_input_field(0).map_or(DataType::Null, |field| field.data_type().clone());
        Ok(Field::new(args.name(), kind, true).into())
    }

    /// Rows look back only.
    fn limit_effect(&self, _: &[std::sync::Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::None
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            let section = DocSection { include: true, label: "Time Series Functions", description: None };
            let description = "The last observation carried forward: in place of a null, the last value before it.";
            Documentation::builder(section, description, "locf(value) OVER (PARTITION BY .. ORDER BY time)")
                .with_sql_example("SELECT time, locf(value) OVER (PARTITION BY node ORDER BY time) FROM load")
                .with_argument("value", "of any type")
                .build()
        });
        Some(&DOCUMENTATION)
    }
}

#[derive(Debug)]
struct Carry;

impl PartitionEvaluator for Carry {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let nulls = values[0].logical_nulls();
        let mut last = None;
        let from: UInt64Array = (0..rows)
            .map(|row| {
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                    last = Some(row as u64);
                }
                last
            })
            .collect();
        Ok(take(&values[0], &from, None)?)
    }
}
