//! Which types a time may have.

use arrow::datatypes::{DataType, TimeUnit};

/// What an argument of type `kind` is turned into to count nanoseconds; `None` for what is no time.
pub(super) fn nanoseconds(kind: &DataType) -> Option<DataType> {
    match kind {
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Nanosecond, zone.clone())),
        DataType::Date32 | DataType::Date64 | DataType::Null => Some(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        _ => None,
    }
}
