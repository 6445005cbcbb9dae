//! The length of `range` and `generate_series`.

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array},
    compute::cast,
    datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit},
};
use datafusion::{common::Result, logical_expr::ColumnarValue};

/// A number, a date or a time.
const ELEMENT_BYTES: u128 = 16;
const DAY_NS: i128 = 86_400_000_000_000;
/// The shortest month.
const MONTH_NS: i128 = 28 * DAY_NS;
/// Beyond all limits.
const ENDLESS: u128 = u64::MAX as u128;

/// At least the bytes of the lists that the function returns; what it refuses itself may be anything.
pub(super) fn bytes(args: &[ColumnarValue], rows: usize) -> u128 {
    elements(args, rows).map_or(0, |elements| elements * ELEMENT_BYTES)
}

fn elements(args: &[ColumnarValue], rows: usize) -> Result<u128> {
    let arrays = args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
    let (start, stop, step) = match &arrays[..] {
        [stop] => (None, numbers(stop)?, None),
        [start, stop, rest @ ..] => (Some(numbers(start)?), numbers(stop)?, rest.first()),
        [] => return Ok(0),
    };
    let step = step.map(steps).transpose()?;
    let of_row = |row: usize| {
        let start = start.as_ref().map_or(0, |start| i128::from(start.0.value(row)) * start.1);
        let way = (i128::from(stop.0.value(row)) * stop.1).abs_diff(start);
        let step = step.as_ref().map_or(1, |step| step.get(row).copied().unwrap_or_default());
        // A step that leads nowhere is refused by the function, or has no end.
        way.checked_div(step).map_or(ENDLESS, |steps| steps + 1)
    };
    Ok((0..rows).map(of_row).sum::<u128>().min(ENDLESS))
}

/// Whole numbers, and what one of them is worth: 1, or nanoseconds.
fn numbers(array: &ArrayRef) -> Result<(Int64Array, i128)> {
    let (array, unit) = match array.data_type() {
        DataType::Date32 => (cast(array, &DataType::Int32)?, DAY_NS),
        DataType::Timestamp(..) => {
            let zone = None;
            (cast(&cast(array, &DataType::Timestamp(TimeUnit::Nanosecond, zone))?, &DataType::Int64)?, 1)
        }
        _ => (ArrayRef::clone(array), 1),
    };
    Ok((cast(&array, &DataType::Int64)?.as_primitive().clone(), unit))
}

/// How far the shortest step leads, per row.
fn steps(array: &ArrayRef) -> Result<Vec<u128>> {
    if let DataType::Interval(unit) = array.data_type() {
        let intervals = match unit {
            IntervalUnit::MonthDayNano => ArrayRef::clone(array),
            _ => cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?,
        };
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
        return Ok(intervals
            .values()
            .iter()
            .map(|step| {
                let parts =
                    [i128::from(step.months) * MONTH_NS, i128::from(step.days) * DAY_NS, i128::from(step.nanoseconds)];
                let (ahead, back) = (parts.iter().any(|part| *part > 0), parts.iter().any(|part| *part < 0));
                // There and back again may lead nowhere.
                if ahead && back { 0 } else { parts.iter().sum::<i128>().unsigned_abs() }
            })
            .collect());
    }
    Ok(numbers(array)?.0.values().iter().map(|step| u128::from(step.unsigned_abs())).collect())
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use super::*;

    fn of(args: &[ScalarValue]) -> u128 {
        let args: Vec<ColumnarValue> = args.iter().cloned().map(ColumnarValue::Scalar).collect();
        elements(&args, 1).unwrap()
    }

    #[test]
    fn elements_are_counted_before_they_are_there() {
        let int = |number: i64| ScalarValue::Int64(Some(number));
        assert_eq!(of(&[int(10)]), 11);
        assert_eq!(of(&[int(5), int(10)]), 6);
        assert_eq!(of(&[int(i64::MIN), int(i64::MAX)]), ENDLESS.min(1 << 64));
        assert_eq!(of(&[int(10), int(-10), int(-5)]), 5);
        assert_eq!(of(&[int(0), int(1), int(0)]), ENDLESS);
        let date = |days| ScalarValue::Date32(Some(days));
        let interval = |months, days, nanoseconds| ScalarValue::new_interval_mdn(months, days, nanoseconds);
        assert_eq!(of(&[date(0), date(28), interval(1, 0, 0)]), 2);
        assert_eq!(of(&[date(0), date(28), interval(0, 7, 0)]), 5);
        assert_eq!(of(&[date(0), date(28), interval(1, -28, 0)]), ENDLESS);
        let time = |ns| ScalarValue::TimestampNanosecond(Some(ns), None);
        assert_eq!(of(&[time(0), time(1_000), interval(0, 0, 1)]), 1_001);
    }
}
