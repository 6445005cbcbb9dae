//! The fields of a line.

use super::{
    Limits,
    layout::Layout,
    line::Cursor,
    names,
    number::{self, Number},
    problem::{LineProblem, excerpt},
};

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    F64(f64),
    I64(i64),
    Bool(bool),
    /// What is between the quotes, and whether there is a backslash in it.
    Text(&'a str, bool),
}

/// A field's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    F64,
    I64,
    Bool,
    Text,
}

impl Value<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::F64(_) => Kind::F64,
            Self::I64(_) => Kind::I64,
            Self::Bool(_) => Kind::Bool,
            Self::Text(..) => Kind::Text,
        }
    }
}

/// The fields of the line that was read last: keys as sent, values.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) keys: Vec<&'a [u8]>,
    pub(super) values: Vec<Value<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads the fields at the cursor. Whether they are those of `expected`: same keys, order and types.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'a>,
        expected: Option<&Layout>,
        limits: &Limits,
    ) -> Result<bool, LineProblem> {
        self.keys.clear();
        self.values.clear();
        let mut is_expected = true;
        loop {
            let index = self.keys.len();
            if index == limits.fields {
                return Err(LineProblem::TooMany { what: "fields", limit: limits.fields });
            }
            let expected = expected.and_then(|layout| layout.field(index));
            let key = match expected {
                Some((key, _)) if cursor.rest().starts_with(key) => {
                    let start = cursor.at;
                    cursor.at += key.len();
                    &cursor.bytes[start..cursor.at - 1]
                }
                _ => {
                    is_expected = false;
                    key(cursor)?
                }
            };
            let value = value(cursor, key, limits)?;
            is_expected &= expected.is_some_and(|(_, kind)| kind == value.kind());
            self.keys.push(key);
            self.values.push(value);
            if cursor.peek() != Some(b',') {
                break;
            }
            cursor.at += 1;
        }
        Ok(is_expected && expected.is_some_and(|layout| layout.len() == self.keys.len()))
    }
}

/// A key as sent, up to its `=`.
fn key<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], LineProblem> {
    let start = cursor.at;
    loop {
        match cursor.peek() {
            None | Some(b'\n' | b'\r') => break,
            Some(b'=' | b' ' | b',') if !names::is_escaped(cursor.bytes, start, cursor.at) => break,
            Some(_) => cursor.at += 1,
        }
    }
    let key = &cursor.bytes[start..cursor.at];
    if key.is_empty() {
        return Err(LineProblem::NoKey("field"));
    }
    if cursor.peek() != Some(b'=') {
        return Err(LineProblem::NoValue("field", excerpt(key)));
    }
    cursor.at += 1;
    Ok(key)
}

/// The value of `key`; then stands behind it, at a comma or the fields' end.
fn value<'a>(cursor: &mut Cursor<'a>, key: &[u8], limits: &Limits) -> Result<Value<'a>, LineProblem> {
    let start = cursor.at;
    let value = match cursor.peek() {
        Some(b'"') => text(cursor, key, limits)?,
        Some(b'0'..=b'9' | b'-' | b'.') => {
            let (number, length) = number::read(cursor.rest());
            cursor.at += length;
            match number {
                Number::F64(value) => Value::F64(value),
                Number::I64(value) => Value::I64(value),
                Number::Range(kind) => {
                    let value = excerpt(&cursor.bytes[start..cursor.at]);
                    return Err(LineProblem::Range { key: excerpt(key), value, kind });
                }
                Number::None => return Err(no_type(cursor, start, key)),
            }
        }
        Some(b't' | b'T' | b'f' | b'F') => {
            let word = token(cursor);
            cursor.at += word.len();
            match word {
                b"t" | b"T" | b"true" | b"True" | b"TRUE" => Value::Bool(true),
                b"f" | b"F" | b"false" | b"False" | b"FALSE" => Value::Bool(false),
                _ => return Err(no_type(cursor, start, key)),
            }
        }
        _ => return Err(no_type(cursor, start, key)),
    };
    match cursor.peek() {
        None | Some(b',' | b' ' | b'\n' | b'\r' | b'\t') => Ok(value),
        Some(_) => Err(no_type(cursor, start, key)),
    }
}

/// What is left of a value that is no string.
fn token<'a>(cursor: &Cursor<'a>) -> &'a [u8] {
    let word = cursor.word();
    &word[..word.iter().position(|byte| *byte == b',').unwrap_or(word.len())]
}

fn no_type(cursor: &mut Cursor<'_>, start: usize, key: &[u8]) -> LineProblem {
    let end = cursor.at + token(cursor).len();
    match &cursor.bytes[start..end] {
        [] => LineProblem::NoValue("field", excerpt(key)),
        value => LineProblem::NoType { key: excerpt(key), value: excerpt(value) },
    }
}

/// A string, which may hold line breaks.
fn text<'a>(cursor: &mut Cursor<'a>, key: &[u8], limits: &Limits) -> Result<Value<'a>, LineProblem> {
    cursor.at += 1;
    let start = cursor.at;
    let Some((end, has_escapes)) = cursor.closing_quote() else {
        return Err(LineProblem::OpenString(excerpt(key)));
    };
    cursor.at = end + 1;
    let bytes = &cursor.bytes[start..end];
    if bytes.len() > limits.text_bytes {
        let limit = limits.text_bytes;
        return Err(LineProblem::TooLong { what: "the text of field", start: excerpt(key), limit });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| LineProblem::NotUtf8("a string"))?;
    Ok(Value::Text(text, has_escapes))
}

/// A string's text: of `\"` and `\\` the second byte, any other backslash stands for itself.
pub(super) fn unescape_text(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('\\', Some(next @ ('"' | '\\'))) => {
                unescaped.push(*next);
                chars.next();
            }
            _ => unescaped.push(char),
        }
    }
    unescaped
}
