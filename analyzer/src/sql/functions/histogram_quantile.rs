//! `histogram_quantile(q, le, value)`: a quantile of what a histogram of counters has counted.
//!
//! An aggregate over the buckets of *one* histogram: `le` is the upper bound of a bucket (a number or a text, `+Inf`
//! for the last), `value` how many observations are at most `le`, or how many were so per second. Several
//! histograms are added up by adding up the values of each `le`. Exactly as Prometheus's function of that name for
//! classic histograms (`promql/quantile.go`, `BucketQuantile`); [`classic`] says how.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Float64Array, ListArray},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Float64Type},
};
use datafusion::{
    common::{Result, ScalarValue, not_impl_err, plan_err, utils::SingleRowListArrayBuilder},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
    physical_expr::expressions::Literal,
};

mod classic;

use classic::{Bucket, quantile};

const NAME: &str = "histogram_quantile";

/// The function.
pub(super) fn histogram_quantile() -> AggregateUDF {
    let section = DocSection { include: true, label: "Time Series Functions", description: None };
    let description =
        "A quantile of a histogram, estimated from its buckets as Prometheus does. One histogram per group.";
    let documentation = Documentation::builder(section, description, format!("{NAME}(q, le, value)"))
        .with_sql_example(
            "SELECT histogram_quantile(0.99, le, grown) FROM (SELECT le, sum(grown) AS grown FROM (SELECT node, le, \
             rate(value, time) AS grown FROM latency_seconds_bucket GROUP BY node, le) GROUP BY le)",
        )
        .with_argument("q", "a constant from 0 to 1")
        .with_argument("le", "the upper bound of a bucket, a number or a text such as '0.5' or '+Inf'")
        .with_argument("value", "how many observations are at most le, or their rate")
        .build();
    let signature = Signature::user_defined(Volatility::Immutable);
    AggregateUDF::new_from_impl(HistogramQuantile { signature, documentation })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HistogramQuantile {
    signature: Signature,
    documentation: Documentation,
}

impl AggregateUDFImpl for HistogramQuantile {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let is_number = |kind: &DataType| kind.is_numeric() || kind.is_null();
        let bound = |kind: &DataType| match kind {
            DataType::Dictionary(_, value) if value.is_string() => Some(DataType::Utf8),
            kind if kind.is_string() => Some(DataType::Utf8),
            kind => is_number(kind).then_some(DataType::Float64),
        };
        if let [q, le, value] = types
            && let (true, Some(le), true) = (is_number(q), bound(le), is_number(value))
        {
            return Ok(vec![DataType::Float64, le, DataType::Float64]);
        }
        plan_err!("{NAME} takes a quantile, the bound of a bucket and its value: {NAME}(0.99, le, value)")
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let literal = args.exprs.first().and_then(|expr| expr.downcast_ref::<Literal>());
        let Some(ScalarValue::Float64(q)) = literal.map(Literal::value) else {
            return plan_err!("the quantile of {NAME} must be a constant number, such as 0.99");
        };
        Ok(Box::new(Histogram { q: *q, buckets: Vec::new() }))
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("{NAME} cannot move over a frame: take the rate of the buckets OVER it, and then GROUP BY time")
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let numbers = || Field::new_list_field(DataType::Float64, true);
        Ok(vec![Arc::new(Field::new_list(format_state_name(args.name, "buckets"), numbers(), true))])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The buckets of a group.
#[derive(Debug)]
struct Histogram {
    /// Null gives null.
    q: Option<f64>,
    buckets: Vec<Bucket>,
}

impl Accumulator for Histogram {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        // A bound that is no number becomes null, and its bucket is passed over, as in Prometheus.
        let bounds = cast(&columns[1], &DataType::Float64)?;
        let pairs = bounds.as_primitive::<Float64Type>().iter().zip(columns[2].as_primitive::<Float64Type>());
        let known = pairs.filter_map(|(le, count)| Some(Bucket { le: le?, count: count? }));
        self.buckets.extend(known.filter(|bucket| !bucket.le.is_nan()));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.q.filter(|_| !self.buckets.is_empty()).map(|q| quantile(q, &mut self.buckets));
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.buckets.capacity() * size_of::<Bucket>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self.buckets.drain(..).flat_map(|bucket| [bucket.le, bucket.count]);
        let numbers: ArrayRef = Arc::new(Float64Array::from_iter_values(numbers));
        Ok(vec![SingleRowListArrayBuilder::new(numbers).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: &ListArray = states[0].as_list();
        for numbers in lists.iter().flatten() {
            let pairs = numbers.as_primitive::<Float64Type>().values().as_chunks().0;
            self.buckets.extend(pairs.iter().map(|[le, count]| Bucket { le: *le, count: *count }));
        }
        Ok(())
    }
}
