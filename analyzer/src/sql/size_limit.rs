//! Limits of what functions make of little: `repeat('x', 1000000000000)`.
//!
//! Functions allocate what they return outside the memory pool, and an allocation that fails ends the
//! process. So each function whose result may be much larger than its arguments is called only once
//! the size of the result is known to be within limits. Everything else that a function returns is at
//! most a few times as large as what it was given.

use std::sync::Arc;

use arrow::{array::ArrayRef, compute::concat, datatypes::DataType};
use datafusion::{
    common::{ExprSchema, Result, ScalarValue, config::ConfigOptions},
    error::DataFusionError,
    logical_expr::{
        ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
        ScalarUDFImpl, Signature,
        interval_arithmetic::Interval,
        simplify::{ExprSimplifyResult, SimplifyContext},
        sort_properties::{ExprProperties, SortProperties},
    },
    prelude::SessionContext,
};

mod bound;
pub(super) mod bytes;
mod fixed;
mod plan;
mod series;
mod text_concat;

pub(super) use fixed::check_text;
pub(super) use plan::guard;

/// What one call returns, for the 8,192 rows of a batch: 8 KiB a row.
const CALL_BYTES_MAX: usize = 64 << 20;
/// What all calls in a query return for a batch, as all of it may be in memory at once; twice that with
/// the engine's two threads, as much as the memory for queries.
const CALLS_BYTES_MAX: usize = 256 << 20;
/// One value: joined with a batch of 8,192 rows it is there 8,192 times, which are 512 MiB.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// The values that all calls in a query return for one row: joined with 8,192 rows they are 4 GiB, the
/// most that a machine with 8 GiB survives.
const VALUES_BYTES_MAX: usize = 512 << 10;

/// How much each call may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Limits {
    call_bytes: usize,
    value_bytes: usize,
}

impl Limits {
    /// In a query with so many calls.
    fn of(calls: usize) -> Self {
        let calls = calls.max(1);
        Self {
            call_bytes: CALL_BYTES_MAX.min(CALLS_BYTES_MAX / calls),
            value_bytes: VALUE_BYTES_MAX.min(VALUES_BYTES_MAX / calls),
        }
    }
}

/// Puts limits on the functions of a session, for where they are called before there is a plan: in
/// arguments of table functions. Calls in a plan are limited by [`guard`].
pub(super) fn register(context: &SessionContext) {
    let all: Vec<Arc<ScalarUDF>> = context.state().scalar_functions().values().map(Arc::clone).collect();
    for function in all.iter().filter(|function| is_limited(function)) {
        context.register_udf(limited(function, Limits::of(1)));
    }
}

/// Whether `function` is to be limited and is not yet.
fn is_limited(function: &ScalarUDF) -> bool {
    bound::grows(function.name()) && function.inner().downcast_ref::<Limited>().is_none()
}

fn limited(function: &Arc<ScalarUDF>, limits: Limits) -> ScalarUDF {
    ScalarUDF::new_from_impl(Limited { inner: Arc::clone(function), limits })
}

/// A function that is called only when its result is within limits.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Limited {
    inner: Arc<ScalarUDF>,
    limits: Limits,
}

impl Limited {
    fn too_large<T>(&self, limit: usize, what: &str) -> Result<T> {
        Err(DataFusionError::ResourcesExhausted(format!(
            "`{}` would return more than {limit} bytes {what}: ask for shorter texts and lists, or for rows in \
             place of a list, as in FROM generate_series(1, 1000000)",
            self.inner.name(),
        )))
    }

    /// Calls the function for `rows` rows. What is too large together is called for in halves, as the
    /// bound of many rows may be far above the sum of theirs.
    fn call(&self, args: &ScalarFunctionArgs, from: usize, rows: usize, left: &mut usize) -> Result<Vec<ArrayRef>> {
        let part: Vec<ColumnarValue> = args.args.iter().map(|arg| slice(arg, from, rows)).collect();
        if bound::bytes(self.inner.name(), &part, rows) <= *left as u128 {
            let result = self.inner.invoke_with_args(ScalarFunctionArgs {
                args: part,
                arg_fields: args.arg_fields.clone(),
                number_rows: rows,
                return_field: Arc::clone(&args.return_field),
                config_options: Arc::clone(&args.config_options),
            })?;
            let array = match result {
                // A constant for constants: its row is enough, whoever asked knows how often it counts.
                ColumnarValue::Scalar(value) => value.to_array_of_size(rows)?,
                ColumnarValue::Array(array) => array,
            };
            if bytes::longest(&*array) > self.limits.value_bytes {
                return self.too_large(self.limits.value_bytes, "in one value");
            }
            *left = left.saturating_sub(bytes::total(&*array));
            return Ok(vec![array]);
        }
        if rows <= 1 {
            return match *left == self.limits.call_bytes {
                true => self.too_large(self.limits.value_bytes, "in one value"),
                false => self.too_large(self.limits.call_bytes, "for one batch of rows"),
            };
        }
        let mut arrays = self.call(args, from, rows / 2, left)?;
        arrays.extend(self.call(args, from + rows / 2, rows - rows / 2, left)?);
        Ok(arrays)
    }
}

fn slice(arg: &ColumnarValue, from: usize, rows: usize) -> ColumnarValue {
    match arg {
        ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(from, rows)),
        ColumnarValue::Scalar(value) => ColumnarValue::Scalar(value.clone()),
    }
}

impl ScalarUDFImpl for Limited {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    #[allow(deprecated, reason = "what the function says is handed on")]
    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        self.inner.is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.inner.inner().with_updated_config(config)?);
        Some(limited(&inner, self.limits))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        fixed::check_type(args.return_type())?;
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays = self.call(&args, 0, rows, &mut { self.limits.call_bytes })?;
        if let (true, [array]) = (is_constant, &arrays[..]) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(array, 0)?));
        }
        Ok(ColumnarValue::Array(match &arrays[..] {
            [array] => Arc::clone(array),
            parts => concat(&parts.iter().map(|array| &**array).collect::<Vec<_>>())?,
        }))
    }

    /// What it is simplified to has the same limits.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let literal = |arg: &Expr| if let Expr::Literal(value, _) = arg { bytes::of_scalar(value) } else { 0 };
        if args.iter().map(literal).sum::<usize>() > self.limits.value_bytes {
            return self.too_large(self.limits.value_bytes, "in one value");
        }
        let simplified = self.inner.inner().simplify(args, info)?;
        let ExprSimplifyResult::Simplified(expr) = simplified else { return Ok(simplified) };
        fixed::check_casts(&expr)?;
        Ok(ExprSimplifyResult::Simplified(plan::limit(expr, self.limits)?))
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.inner().conditional_arguments(args)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(input)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.placement(args)
    }
}
