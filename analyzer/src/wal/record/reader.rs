//! Reads what `record` describes; every method is `None` where the bytes do not go on as they should.

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn ordinal(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    /// A number of things, each of at least one byte: so never more than bytes are left, and
    /// nothing is reserved for a count that damage made up.
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= self.rest.len())
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub(super) fn float(&mut self) -> Option<f64> {
        let bits = self.bytes(8)?.try_into().ok()?;
        Some(f64::from_bits(u64::from_le_bytes(bits)))
    }

    pub(super) fn wide(&mut self) -> Option<i128> {
        Some(i128::from_le_bytes(self.bytes(16)?.try_into().ok()?))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    pub(super) fn repeat<T>(&mut self, count: usize, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..count).map(|_| one(self)).collect()
    }

    pub(super) fn list<T>(&mut self, one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        self.repeat(count, one)
    }

    pub(super) fn presence(&mut self, rows: usize) -> Option<Vec<bool>> {
        if self.byte()? == 1 {
            return Some(vec![true; rows]);
        }
        let bits = self.bytes(rows.div_ceil(8))?;
        Some((0..rows).map(|row| bits[row / 8] >> (row % 8) & 1 == 1).collect())
    }

    pub(super) fn optional<T>(
        &mut self,
        present: &[bool],
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        present.iter().map(|present| if *present { one(self).map(Some) } else { Some(None) }).collect()
    }
}
