//! How large values are.

use arrow::{
    array::{Array, AsArray, OffsetSizeTrait},
    datatypes::DataType,
};
use datafusion::common::ScalarValue;

/// What any element takes besides its text: an offset, or a number.
const ELEMENT_BYTES: usize = 8;
/// The largest number, an interval or a decimal of 256 bits.
const NUMBER_BYTES_MAX: usize = 32;

/// Bytes of all values; each counts for something, so there are no more values than bytes.
pub(in crate::sql) fn total(array: &dyn Array) -> usize {
    let texts: usize = match array.data_type() {
        DataType::Utf8 => spread(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => spread(array.as_string::<i64>().value_offsets()),
        DataType::Binary => spread(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => spread(array.as_binary::<i64>().value_offsets()),
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(|length| length as usize).sum(),
        DataType::List(_) => inner(&**array.as_list::<i32>().values(), array.as_list::<i32>().value_offsets()),
        DataType::LargeList(_) => inner(&**array.as_list::<i64>().values(), array.as_list::<i64>().value_offsets()),
        DataType::Map(..) => inner(array.as_map().entries(), array.as_map().value_offsets()),
        DataType::Struct(_) => array.as_struct().columns().iter().map(|column| total(column)).sum(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let (keys, values) = (dictionary.normalized_keys(), dictionary.values());
            // Of each value only once how long it is.
            let lengths: Vec<usize> = (0..values.len()).map(|value| total(&*values.slice(value, 1))).collect();
            keys.into_iter().map(|key| lengths.get(key).copied().unwrap_or_default()).sum()
        }
        kind => array.len() * kind.primitive_width().unwrap_or(NUMBER_BYTES_MAX),
    };
    texts + array.len() * ELEMENT_BYTES
}

/// Bytes of the largest value.
pub(super) fn longest(array: &dyn Array) -> usize {
    let longest = match array.data_type() {
        DataType::Utf8 => widest(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => widest(array.as_string::<i64>().value_offsets()),
        DataType::Utf8View => array.as_string_view().lengths().max().unwrap_or_default() as usize,
        kind if kind.is_primitive() => return NUMBER_BYTES_MAX,
        _ => return (0..array.len()).map(|row| total(&*array.slice(row, 1))).max().unwrap_or_default(),
    };
    longest + ELEMENT_BYTES
}

/// Bytes of a constant.
pub(super) fn of_scalar(value: &ScalarValue) -> usize {
    // What cannot be an array is no value that a function gets.
    value.to_array_of_size(1).map_or(0, |array| total(&*array))
}

fn spread<O: OffsetSizeTrait>(offsets: &[O]) -> usize {
    let (first, last) = (offsets.first().copied().unwrap_or_default(), offsets.last().copied().unwrap_or_default());
    last.as_usize() - first.as_usize()
}

fn widest<O: OffsetSizeTrait>(offsets: &[O]) -> usize {
    offsets.windows(2).map(spread).max().unwrap_or_default()
}

fn inner<O: OffsetSizeTrait>(values: &dyn Array, offsets: &[O]) -> usize {
    let from = offsets.first().map_or(0, |first| first.as_usize());
    total(&*values.slice(from, spread(offsets)))
}
