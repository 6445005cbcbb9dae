//! `interpolate(value, time) OVER (PARTITION BY .. ORDER BY time)`: nulls between two values filled by a straight line
//! between them, as TimescaleDB's `interpolate`
//! (<https://docs.timescale.com/api/latest/hyperfunctions/gapfilling/interpolate/>).
//!
//! Before the first value and after the last nulls stay: nothing is guessed beyond what was measured.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array},
    datatypes::{DataType, Field, FieldRef, Float64Type, TimestampNanosecondType},
};
use datafusion::{
    common::{Result, plan_err},
    logical_expr::{
        DocSection, Documentation, LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
        function::{PartitionEvaluatorArgs, WindowUDFFieldArgs},
    },
    physical_expr::PhysicalExpr,
};

use super::{sample::Sample, time_argument};

/// The function.
pub(super) fn interpolate() -> WindowUDF {
    WindowUDF::new_from_impl(Interpolate { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Interpolate {
    signature: Signature,
}

impl WindowUDFImpl for Interpolate {
    fn name(&self) -> &'static str {
        "interpolate"
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
        plan_err!("interpolate takes a number and a time: interpolate(value, time) OVER (ORDER BY time)")
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Lines))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Field::new(args.name(), DataType::Float64, true).into())
    }

    /// The value after a gap may be any number of rows ahead.
    fn limit_effect(&self, _: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            let section = DocSection { include: true, label: "Time Series Functions", description: None };
            let description = "Nulls between two values, filled by a straight line between them.";
            Documentation::builder(
                section,
                description,
                "interpolate(value, time) OVER (PARTITION BY .. ORDER BY time)",
            )
            .with_sql_example("SELECT time, interpolate(value, time) OVER (PARTITION BY node ORDER BY time) FROM load")
            .with_argument("value", "a number")
            .with_argument("time", "when it was measured")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

#[derive(Debug)]
struct Lines;

impl PartitionEvaluator for Lines {
    fn evaluate_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let (values, times) =
            (columns[0].as_primitive::<Float64Type>(), columns[1].as_primitive::<TimestampNanosecondType>());
        let known = |row: usize| values.is_valid(row) && times.is_valid(row);
        let sample = |row: usize| Sample { time: times.value(row), value: values.value(row) };
        let mut filled: Vec<Option<f64>> = values.iter().collect();
        let mut before: Option<usize> = None;
        for row in (0..rows).filter(|row| known(*row)) {
            if let Some(before) = before.replace(row) {
                let (from, to) = (sample(before), sample(row));
                for gap in (before + 1..row).filter(|gap| values.is_null(*gap) && times.is_valid(*gap)) {
                    filled[gap] = Some(on_line(&from, &to, times.value(gap)));
                }
            }
        }
        Ok(Arc::new(Float64Array::from(filled)))
    }
}

fn on_line(from: &Sample, to: &Sample, time: i64) -> f64 {
    let whole = from.seconds_to(to);
    if whole == 0.0 {
        return from.value;
    }
    let share = from.seconds_to(&Sample { time, value: 0.0 }) / whole;
    from.value + (to.value - from.value) * share
}
