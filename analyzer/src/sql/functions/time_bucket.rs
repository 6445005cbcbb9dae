//! `time_bucket(interval, time [, origin])`: the begin of the bucket in which a time lies, as TimescaleDB's
//! function of that name (<https://docs.timescale.com/api/latest/hyperfunctions/time_bucket/>).
//!
//! Buckets are counted from `origin`, without one from Monday, 2000-01-03, and those of months and years
//! from 2000-01-01. The interval is an INTERVAL or a text: `'5m'`, `'1 hour'`, `'3 months'`. The result has
//! the type of `time`.
//!
//! It becomes a call of `date_bin`, which the optimizer knows: predicates on it turn into predicates on
//! `time`, and what is sorted by time is sorted by it.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::{
    common::{Result, ScalarValue, exec_err, plan_err},
    logical_expr::{
        Cast, ColumnarValue, DocSection, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
        expr::ScalarFunction,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};

use super::{date_bin::date_bin, time_argument, width::Width};

const NAME: &str = "time_bucket";
/// 2000-01-03, a Monday: so weeks begin on Mondays.
const ORIGIN_NS: i64 = 946_857_600_000_000_000;
/// 2000-01-01, of months and years.
const ORIGIN_OF_MONTHS_NS: i64 = 946_684_800_000_000_000;
/// Months from 1970-01-01, which `date_bin` counts from, to 2000-01-01.
const MONTHS_TO_ORIGIN: i32 = 360;

/// The function.
pub(super) fn time_bucket() -> ScalarUDF {
    ScalarUDF::new_from_impl(TimeBucket {
        signature: Signature::user_defined(Volatility::Immutable),
        date_bin: Arc::new(date_bin()),
    })
}

/// Where buckets of that width are counted from; `None` when it is the same as from 1970-01-01.
pub(super) fn default_origin(width: Width) -> Option<i64> {
    match width {
        Width::Nanoseconds(nanoseconds) => (ORIGIN_NS % nanoseconds != 0).then_some(ORIGIN_NS),
        Width::Months(months) => (MONTHS_TO_ORIGIN % months != 0).then_some(ORIGIN_OF_MONTHS_NS),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeBucket {
    signature: Signature,
    date_bin: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([width, time] | [width, time, _]) = types else { return wrong_arguments() };
        if !matches!(width, DataType::Interval(_)) && !width.is_string() {
            return wrong_arguments();
        }
        let time = match time {
            DataType::Timestamp(..) | DataType::Date32 => time.clone(),
            // As the column `time`.
            DataType::Null => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            kind if kind.is_string() => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            _ => return wrong_arguments(),
        };
        let mut coerced = vec![width.clone(), time.clone()];
        coerced.extend(types.get(2).and_then(|_| time_argument::nanoseconds(&time)));
        Ok(coerced)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.get(1).cloned().map_or_else(wrong_arguments, Ok)
    }

    /// Of constants; all else is simplified.
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ColumnarValue::Scalar(width) = &args.args[0] else {
            return exec_err!("the interval of {NAME} must be a constant, such as '5m'");
        };
        let width = Width::parse(width, NAME)?;
        let kind = args.args[1].data_type();
        let is_date = kind == DataType::Date32;
        let time = if is_date { args.args[1].cast_to(&timestamp(), None)? } else { args.args[1].clone() };
        let origin = args.args.get(2).cloned();
        let origin = origin.or_else(|| {
            let origin = default_origin(width)?;
            Some(ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(Some(origin), None)))
        });
        let width = ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(width.interval())));
        let args =
            ScalarFunctionArgs { args: [Some(width), Some(time), origin].into_iter().flatten().collect(), ..args };
        let begin = self.date_bin.invoke_with_args(args)?;
        if is_date { begin.cast_to(&kind, None) } else { Ok(begin) }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [Expr::Literal(width, _), time, rest @ ..] = &args[..] else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let width = Width::parse(width, NAME)?;
        let kind = info.get_data_type(time)?;
        let zone = if let DataType::Timestamp(_, zone) = &kind { zone.clone() } else { None };
        let origin = match rest {
            [] => default_origin(width)
                .map(|origin| Expr::Literal(ScalarValue::TimestampNanosecond(Some(origin), zone), None)),
            [origin @ Expr::Literal(..), ..] => Some(origin.clone()),
            _ => return Ok(ExprSimplifyResult::Original(args)),
        };
        let is_date = kind == DataType::Date32;
        let cast = |expr: Expr, to: DataType| Expr::Cast(Cast::new(Box::new(expr), to));
        let time = if is_date { cast(time.clone(), timestamp()) } else { time.clone() };
        let args = [Some(width.literal()), Some(time), origin].into_iter().flatten().collect();
        let call = Expr::ScalarFunction(ScalarFunction { func: Arc::clone(&self.date_bin), args });
        Ok(ExprSimplifyResult::Simplified(if is_date { cast(call, kind) } else { call }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            let section = DocSection { include: true, label: "Time and Date Functions", description: None };
            Documentation::builder(
                section,
                "The begin of the bucket in which a time lies, as in TimescaleDB.",
                "time_bucket(interval, time [, origin])",
            )
            .with_sql_example(
                "SELECT time_bucket('5m', time) AS bucket, avg(value) FROM load GROUP BY bucket ORDER BY bucket",
            )
            .with_argument("interval", "how long a bucket is: an INTERVAL, or a text such as '5m'")
            .with_argument("time", "a timestamp or a date; the result has its type")
            .with_argument("origin", "where a bucket begins; by default 2000-01-03, of months 2000-01-01")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, None)
}

fn wrong_arguments<T>() -> Result<T> {
    plan_err!("time_bucket takes an interval, a time and perhaps an origin: time_bucket('5m', time)")
}
