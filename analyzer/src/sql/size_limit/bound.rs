//! Upper bounds of what functions return.

use arrow::{
    compute::{cast, max},
    datatypes::{DataType, Int64Type},
};
use datafusion::logical_expr::ColumnarValue;

use super::{bytes, series, text_concat};

/// Digits of the longest number, 1.8e308 written out, for each of its 8 bytes.
const DIGITS_PER_BYTE: u128 = 42;
/// The longest character.
const CHARACTER_BYTES_MAX: u128 = 4;
/// The longest part of a date, for the two characters that ask for it (`%+`: 35 characters).
const DATE_BYTES_PER_BYTE: u128 = 20;
/// What an element of a list takes besides its text.
const ELEMENT_BYTES: u128 = 16;

/// Whether the function of that name can return much more than it is given.
pub(super) fn grows(name: &str) -> bool {
    matches!(
        name,
        "array_append"
            | "array_concat"
            | "array_prepend"
            | "array_repeat"
            | "array_replace"
            | "array_replace_all"
            | "array_replace_n"
            | "array_resize"
            | "array_to_string"
            | "array_union"
            | "arrays_zip"
            | "arrow_cast"
            | "arrow_try_cast"
            | "concat"
            | "concat_ws"
            | "generate_series"
            | "lpad"
            | "make_array"
            | "map"
            | "named_struct"
            | "overlay"
            | "range"
            | "regexp_replace"
            | "repeat"
            | "replace"
            | "rpad"
            | "string_to_array"
            | "struct"
            | "to_char"
            | "translate"
            | text_concat::NAME
    )
}

/// At least the bytes that `name` returns of `args`.
pub(super) fn bytes(name: &str, args: &[ColumnarValue], rows: usize) -> u128 {
    let args = Args { args, rows };
    let (rows, first) = (rows as u128, args.total(0));
    match name {
        "repeat" | "array_repeat" => (first + rows * ELEMENT_BYTES) * args.largest_number(1),
        "lpad" | "rpad" => first + rows * args.largest_number(1) * CHARACTER_BYTES_MAX,
        "array_resize" => first + rows * args.largest_number(1) * (ELEMENT_BYTES + args.longest(2)),
        "range" | "generate_series" => series::bytes(args.args, args.rows),
        // At most one replacement before each byte and at the end, also where nothing is replaced by something.
        "replace" => first + (first + rows) * args.longest(2),
        // A replacement may name the match again and again.
        "regexp_replace" => first + (2 * first + rows) * args.longest(2),
        "translate" => first * CHARACTER_BYTES_MAX,
        "array_to_string" => first * (DIGITS_PER_BYTE + args.longest(1) + args.longest(2)),
        "string_to_array" => first * (ELEMENT_BYTES + 1),
        "array_replace" | "array_replace_n" | "array_replace_all" => first * (1 + args.longest(2)),
        "to_char" => rows * (args.longest(1) + ELEMENT_BYTES) * DATE_BYTES_PER_BYTE,
        "concat_ws" => args.sum() + rows * args.args.len() as u128 * args.longest(0),
        // The shorter lists are filled up with nulls.
        "arrays_zip" => args.sum() * args.args.len() as u128,
        _ => args.sum(),
    }
}

struct Args<'a> {
    args: &'a [ColumnarValue],
    rows: usize,
}

impl Args<'_> {
    /// Bytes of an argument, for all rows.
    fn total(&self, index: usize) -> u128 {
        match self.args.get(index) {
            None => 0,
            Some(ColumnarValue::Array(array)) => bytes::total(array) as u128,
            Some(ColumnarValue::Scalar(value)) => bytes::of_scalar(value) as u128 * self.rows as u128,
        }
    }

    fn sum(&self) -> u128 {
        (0..self.args.len()).map(|index| self.total(index)).sum()
    }

    /// Bytes of its largest value.
    fn longest(&self, index: usize) -> u128 {
        match self.args.get(index) {
            None => 0,
            Some(ColumnarValue::Array(array)) => bytes::longest(array) as u128,
            Some(ColumnarValue::Scalar(value)) => bytes::of_scalar(value) as u128,
        }
    }

    /// The largest of whole numbers; without any, none.
    fn largest_number(&self, index: usize) -> u128 {
        let Some(argument) = self.args.get(index) else { return 0 };
        let rows = if let ColumnarValue::Array(_) = argument { self.rows } else { 1 };
        let numbers = argument.to_array(rows).and_then(|array| Ok(cast(&array, &DataType::Int64)?));
        // What is no whole number the function refuses itself, unless it is beyond all limits.
        numbers.map_or(u128::from(u64::MAX), |numbers| {
            use arrow::array::AsArray;
            max(numbers.as_primitive::<Int64Type>()).map_or(0, |largest| largest.max(0) as u128)
        })
    }
}
