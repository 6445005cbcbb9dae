//! A line's outer parts: where measurement and tags end, the time, the end of the line.

use memchr::{memchr, memchr2};

use super::{
    Precision,
    problem::{LineProblem, excerpt},
};

/// A position in a body. After an error it stands where the trouble is.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// To the beginning of the next line that says something; whether there is one.
    pub(super) fn next_line(&mut self) -> bool {
        loop {
            match self.peek() {
                None => return false,
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0) => self.at += 1,
                Some(b'#') => self.skip_comment(),
                Some(_) => return true,
            }
        }
    }

    fn skip_comment(&mut self) {
        self.at += memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
    }

    /// From where a line is wrong to its end, over line breaks in the strings of its other fields.
    pub(super) fn skip_line(&mut self) {
        loop {
            self.at += memchr2(b'"', b'\n', self.rest()).unwrap_or(self.rest().len());
            if self.peek() != Some(b'"') {
                return;
            }
            let is_string = self.at > 0 && self.bytes[self.at - 1] == b'=';
            self.at += 1;
            if is_string && let Some((end, _)) = self.closing_quote() {
                self.at = end + 1;
            }
        }
    }

    /// Where the string ends whose first byte is at the cursor, and whether it has backslashes. One takes
    /// the next byte with it, whatever that is.
    pub(super) fn closing_quote(&self) -> Option<(usize, bool)> {
        let (mut at, mut has_escapes) = (self.at, false);
        loop {
            let rest = self.bytes.get(at..)?;
            let found = memchr2(b'"', b'\\', rest)?;
            if rest[found] == b'"' {
                return Some((at + found, has_escapes));
            }
            has_escapes = true;
            at += found + 2;
        }
    }

    /// Measurement and tags as sent, up to the space that ends them; then stands at the first field.
    pub(super) fn key(&mut self) -> Result<&'a [u8], LineProblem> {
        let start = self.at;
        loop {
            self.at += memchr2(b' ', b'\n', self.rest()).unwrap_or(self.rest().len());
            match self.peek() {
                Some(b' ') if self.bytes[self.at - 1] == b'\\' => self.at += 1,
                Some(b' ') => break,
                _ => return Err(LineProblem::NoFields),
            }
        }
        let key = &self.bytes[start..self.at];
        self.skip_blanks();
        match self.peek() {
            None | Some(b'\n' | b'\r') => Err(LineProblem::NoFields),
            Some(_) => Ok(key),
        }
    }

    /// The time in nanoseconds, when the line has one; then stands at the line's end.
    pub(super) fn time(&mut self, precision: Precision) -> Result<Option<i64>, LineProblem> {
        self.skip_blanks();
        let text = self.word();
        if text.is_empty() {
            return self.end().map(|()| None);
        }
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(LineProblem::NoTime { time: excerpt(text), precision });
        }
        let count = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        let nanos = count.and_then(|count| count.checked_mul(precision.nanos()));
        let nanos = nanos.ok_or_else(|| LineProblem::TimeRange { time: excerpt(text), precision })?;
        self.at += text.len();
        self.end().map(|()| Some(nanos))
    }

    fn end(&mut self) -> Result<(), LineProblem> {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            None | Some(b'\n') => Ok(()),
            Some(_) => Err(LineProblem::AfterTime(excerpt(self.word()))),
        }
    }

    /// What is left of the line up to a blank.
    pub(super) fn word(&self) -> &'a [u8] {
        let rest = self.rest();
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        &rest[..rest.iter().position(is_end).unwrap_or(rest.len())]
    }
}
