//! The width of a bucket: an interval with one length, or of whole months.

use arrow::{compute::kernels::cast_utils::parse_interval_month_day_nano, datatypes::IntervalMonthDayNano};
use datafusion::{
    common::{Result, ScalarValue, plan_err},
    logical_expr::Expr,
};

const DAY_NS: i64 = 86_400_000_000_000;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Nanoseconds(i64),
    /// Of the calendar, so of no one length.
    Months(i32),
}

impl Width {
    /// From an INTERVAL, or a text such as `5m` or `1 hour 30 minutes`; `of` names the function in errors.
    pub(super) fn parse(value: &ScalarValue, of: &str) -> Result<Self> {
        let interval = match value {
            ScalarValue::IntervalMonthDayNano(Some(interval)) => *interval,
            ScalarValue::IntervalDayTime(Some(interval)) => {
                let nanoseconds = i64::from(interval.milliseconds) * 1_000_000;
                IntervalMonthDayNano { months: 0, days: interval.days, nanoseconds }
            }
            ScalarValue::IntervalYearMonth(Some(months)) => {
                IntervalMonthDayNano { months: *months, days: 0, nanoseconds: 0 }
            }
            value => match value.try_as_str() {
                Some(Some(text)) => parse_text(text, of)?,
                _ => return plan_err!("the interval of {of} must be an interval such as '5m' or INTERVAL '1 hour'"),
            },
        };
        Self::of(interval, of)
    }

    fn of(interval: IntervalMonthDayNano, of: &str) -> Result<Self> {
        let IntervalMonthDayNano { months, days, nanoseconds } = interval;
        if months != 0 && (days != 0 || nanoseconds != 0) {
            return plan_err!(
                "the interval of {of} mixes months with days or hours: months differ in length, use either"
            );
        }
        let width = match months {
            0 => i64::from(days)
                .checked_mul(DAY_NS)
                .and_then(|days| days.checked_add(nanoseconds))
                .map(Self::Nanoseconds),
            months => Some(Self::Months(months)),
        };
        match width {
            Some(width @ (Self::Nanoseconds(1..) | Self::Months(1..))) => Ok(width),
            Some(_) => plan_err!("the interval of {of} must be more than nothing"),
            None => plan_err!("the interval of {of} is longer than 292 years"),
        }
    }

    /// As DataFusion's functions take it.
    pub(super) fn interval(self) -> IntervalMonthDayNano {
        match self {
            Self::Nanoseconds(nanoseconds) => IntervalMonthDayNano { months: 0, days: 0, nanoseconds },
            Self::Months(months) => IntervalMonthDayNano { months, days: 0, nanoseconds: 0 },
        }
    }

    /// As a literal.
    pub(super) fn literal(self) -> Expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(self.interval())), None)
    }
}

fn parse_text(text: &str, of: &str) -> Result<IntervalMonthDayNano> {
    // Arrow takes a number without a unit for months.
    let has_unit = text.contains(|c: char| c.is_ascii_alphabetic()) || text.contains(':');
    match parse_interval_month_day_nano(&spaced(text)) {
        Ok(interval) if has_unit => Ok(interval),
        _ => plan_err!(
            "{of} cannot read the interval '{text}': write a number with a unit, such as '30s', '5m', '1 hour' or '1 month'"
        ),
    }
}

/// With a space between a unit and the number after it: `1h 30m`.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    let mut was_letter = false;
    for c in text.chars() {
        if was_letter && c.is_ascii_digit() {
            out.push(' ');
        }
        out.push(c);
        was_letter = c.is_ascii_alphabetic();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Width) {
        assert_eq!(Width::parse(&ScalarValue::from(text), "f").unwrap(), expected, "{text}");
    }

    fn refused(text: &str) -> String {
        Width::parse(&ScalarValue::from(text), "f").unwrap_err().message().to_string()
    }

    #[test]
    fn intervals_are_read_as_prometheus_and_postgres_write_them() {
        const SECOND: i64 = 1_000_000_000;
        check("5m", Width::Nanoseconds(300 * SECOND));
        check("30s", Width::Nanoseconds(30 * SECOND));
        check("1 hour", Width::Nanoseconds(3_600 * SECOND));
        check("1h30m", Width::Nanoseconds(5_400 * SECOND));
        check("250ms", Width::Nanoseconds(SECOND / 4));
        check("1w", Width::Nanoseconds(7 * 86_400 * SECOND));
        check("1 day", Width::Nanoseconds(86_400 * SECOND));
        check("3 months", Width::Months(3));
        check("1y", Width::Months(12));
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in ["", "5", "m", "5 parsecs", "1 month 1 day", "0s", "-5m", "-1 month"] {
            assert!(refused(text).contains("interval"), "{text}: {}", refused(text));
        }
    }
}
