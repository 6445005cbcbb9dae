//! Numbers, as fields have them: integers end in `i` or `u`, everything else is a float.

/// What stands where a number should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    F64(f64),
    I64(i64),
    /// An integer, unsigned integer or float that its 64 bits do not hold.
    Range(&'static str),
    /// Not a number.
    None,
}

/// Digits that any 64-bit integer holds, whatever they are.
const DIGITS_MAX: usize = 18;

/// Digits of whole numbers that a float holds exactly.
const EXACT_DIGITS_MAX: usize = 15;

/// The number at the beginning of `bytes`, and how many bytes it has. What follows it is the
/// caller's to look at.
pub(super) fn read(bytes: &[u8]) -> (Number, usize) {
    let is_negative = bytes.first() == Some(&b'-');
    let first = usize::from(is_negative);
    let (magnitude, digits) = digits(&bytes[first..]);
    let end = first + digits;
    let signed = if is_negative { (magnitude as i64).wrapping_neg() } else { magnitude as i64 };
    match bytes.get(end) {
        Some(b'i') if (1..=DIGITS_MAX).contains(&digits) => (Number::I64(signed), end + 1),
        Some(b'u') if (1..=DIGITS_MAX).contains(&digits) && !is_negative => (Number::I64(signed), end + 1),
        Some(b'i') if digits > 0 => (long(&bytes[..end], "integer"), end + 1),
        // Unsigned integers are kept as signed ones: the upper half has no place.
        Some(b'u') if digits > 0 && !is_negative => (long(&bytes[..end], "integer, as which it is stored"), end + 1),
        None | Some(b',' | b' ' | b'\n' | b'\r') if (1..=EXACT_DIGITS_MAX).contains(&digits) => {
            let magnitude = magnitude as f64;
            (Number::F64(if is_negative { -magnitude } else { magnitude }), end)
        }
        _ => float(bytes, first),
    }
}

/// The value of the leading digits, wrapped when there are more than 19, and how many there are.
fn digits(bytes: &[u8]) -> (u64, usize) {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return (value, index);
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    (value, bytes.len())
}

/// A number with so many digits that it may not fit.
fn long(text: &[u8], kind: &'static str) -> Number {
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    value.map_or(Number::Range(kind), Number::I64)
}

fn float(bytes: &[u8], first: usize) -> (Number, usize) {
    // Keeps out `-inf` and `nan`, which the protocol does not have.
    if !bytes.get(first).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return (Number::None, 0);
    }
    match lexical_core::parse_partial::<f64>(bytes) {
        Ok((value, length)) if value.is_finite() => (Number::F64(value), length),
        Ok((_, length)) => (Number::Range("float"), length),
        Err(_) => (Number::None, 0),
    }
}
