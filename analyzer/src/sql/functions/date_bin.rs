//! `date_bin`, which predicates see through.
//!
//! DataFusion's own function, and how to undo it: `date_bin(INTERVAL '5 minutes', time) >= t` becomes
//! `time >= t`, by which scans leave out files and rows.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimestampNanosecondType};
use datafusion::{
    common::{Result, ScalarValue},
    functions::datetime,
    logical_expr::{
        ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        interval_arithmetic::Interval,
        preimage::PreimageResult,
        simplify::SimplifyContext,
        sort_properties::{ExprProperties, SortProperties},
    },
};

use super::width::Width;

/// The function.
pub(super) fn date_bin() -> ScalarUDF {
    ScalarUDF::new_from_impl(DateBin { inner: datetime::date_bin() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBin {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    /// The times of the bin that begins at `bound`; between two bins, where the next begins and nothing before it.
    fn preimage(&self, args: &[Expr], bound: &Expr, _: &SimplifyContext) -> Result<PreimageResult> {
        let Some((lower, upper)) = bin_at(args, bound)? else { return Ok(PreimageResult::None) };
        Ok(PreimageResult::Range { expr: args[1].clone(), interval: Box::new(Interval::try_new(lower, upper)?) })
    }
}

/// The bounds of the bin, when all but the time are literals.
fn bin_at(args: &[Expr], bound: &Expr) -> Result<Option<(ScalarValue, ScalarValue)>> {
    let (width, origin) = match args {
        [Expr::Literal(width, _), _] => (width, None),
        [Expr::Literal(width, _), _, Expr::Literal(ScalarValue::TimestampNanosecond(Some(origin), _), _)] => {
            (width, Some(*origin))
        }
        _ => return Ok(None),
    };
    let Expr::Literal(ScalarValue::TimestampNanosecond(Some(at), zone), _) = bound else { return Ok(None) };
    // What is no width the function refuses itself.
    let Ok(width) = Width::parse(width, "date_bin") else { return Ok(None) };
    // Bins of months may begin on the 31st, which few months have: only those of the calendar are undone.
    if matches!(width, Width::Months(_)) && origin.is_some() {
        return Ok(None);
    }
    let Some(begin) = bin_begin(*at, width, origin)? else { return Ok(None) };
    let Some(next) = bin_end(begin, width) else { return Ok(None) };
    let time = |at| ScalarValue::TimestampNanosecond(Some(at), zone.clone());
    Ok(Some(if begin == *at { (time(begin), time(next)) } else { (time(next), time(next)) }))
}

/// Where the bin begins in which a time lies; `None` when that is out of range.
pub(super) fn bin_begin(at: i64, width: Width, origin: Option<i64>) -> Result<Option<i64>> {
    let time = |at| ScalarValue::TimestampNanosecond(Some(at), None);
    let width = ScalarValue::IntervalMonthDayNano(Some(width.interval()));
    let args: Vec<ScalarValue> = [Some(width), Some(time(at)), origin.map(time)].into_iter().flatten().collect();
    let field = |value: &ScalarValue| Arc::new(Field::new("", value.data_type(), true));
    let begin = datetime::date_bin().invoke_with_args(ScalarFunctionArgs {
        arg_fields: args.iter().map(field).collect(),
        return_field: field(&args[1]),
        args: args.into_iter().map(ColumnarValue::Scalar).collect(),
        number_rows: 1,
        config_options: Arc::default(),
    })?;
    Ok(match begin {
        ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(begin, _)) => begin,
        _ => None,
    })
}

/// Where the bin that begins at `begin` ends.
pub(super) fn bin_end(begin: i64, width: Width) -> Option<i64> {
    match width {
        Width::Nanoseconds(nanoseconds) => begin.checked_add(nanoseconds),
        Width::Months(_) => {
            TimestampNanosecondType::add_month_day_nano(begin, width.interval(), "+00:00".parse().ok()?)
        }
    }
}
