//! The protobuf wire format, walked without copying (protobuf.dev/programming-guides/encoding).

/// Not a message: cut short, a field of another type than its schema has, or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf")]
pub(super) struct Malformed;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of a message, in the order in which they were written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    /// Where in the message the next field begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next field's number and value.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Malformed> {
        if self.at == self.message.len() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(Malformed),
        };
        // Field numbers begin at 1.
        if key < 8 { Err(Malformed) } else { Ok(Some((key >> 3, value))) }
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let taken = self.message.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(taken)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        match self.message.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.message[self.at..].iter().take(10).enumerate() {
            // The tenth byte holds the last of 64 bits.
            if index == 9 && *byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

impl<'a> Value<'a> {
    #[inline]
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    #[inline]
    pub(super) fn uint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(Malformed),
        }
    }

    /// An `int64`, and an `int32` or `enum` before it is cut to its bits.
    #[inline]
    pub(super) fn int(self) -> Result<i64, Malformed> {
        self.uint().map(|value| value as i64)
    }

    /// A `sint64`, and a `sint32` before it is cut to its bits.
    pub(super) fn zigzag(self) -> Result<i64, Malformed> {
        self.uint().map(zigzag)
    }

    #[inline]
    pub(super) fn double(self) -> Result<f64, Malformed> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(Malformed),
        }
    }

    /// A repeated number's occurrence: packed, or one that stands alone.
    pub(super) fn varints(self, mut each: impl FnMut(u64)) -> Result<(), Malformed> {
        match self {
            Self::Varint(value) => each(value),
            Self::Bytes(bytes) => {
                let mut packed = Fields::new(bytes);
                while packed.at < bytes.len() {
                    each(packed.varint()?);
                }
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// As [`Value::varints`], of doubles.
    pub(super) fn doubles(self, into: &mut Vec<f64>) -> Result<(), Malformed> {
        match self {
            Self::Fixed64(bits) => into.push(f64::from_bits(bits)),
            Self::Bytes(bytes) => {
                let (values, []) = bytes.as_chunks() else { return Err(Malformed) };
                into.extend(values.iter().map(|value| f64::from_le_bytes(*value)));
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends a field of bytes to a message.
pub(super) fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    put_length(message, bytes.len());
    message.extend_from_slice(bytes);
}

pub(super) fn put_length(message: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
}

/// Bytes of a length's varint.
pub(super) fn length_bytes(length: usize) -> usize {
    (length | 1).ilog2() as usize / 7 + 1
}
