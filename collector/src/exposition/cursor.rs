//! A place in a line.

use super::Problem;

/// How much of a line an error repeats.
const FOUND_CHARS_MAX: usize = 40;

/// The rest of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { rest: line }
    }

    pub(super) fn is_at_end(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(self) -> &'a str {
        self.rest
    }

    pub(super) fn starts_with(self, c: char) -> bool {
        self.rest.starts_with(c)
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Steps over `c` if it is next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let after = self.rest.strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Steps over `c`, with blanks before it.
    pub(super) fn require(&mut self, c: char, expected: &'static str) -> Result<(), Problem> {
        self.skip_blanks();
        if self.eat(c) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, for metrics with `:` as well.
    pub(super) fn name(&mut self, colons: bool, expected: &'static str) -> Result<&'a str, Problem> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
        let length = self.rest.find(|c| !allowed(c)).unwrap_or(self.rest.len());
        if length == 0 || self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.expected(expected));
        }
        Ok(self.advance(length))
    }

    /// Everything up to a blank.
    pub(super) fn word(&mut self) -> &'a str {
        self.advance(self.rest.find([' ', '\t']).unwrap_or(self.rest.len()))
    }

    /// A text in double quotes, its escapes resolved.
    pub(super) fn quoted(&mut self) -> Result<String, Problem> {
        let start = *self;
        self.require('"', "a quoted label value")?;
        let mut escaped = false;
        for (index, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'"' if !escaped => {
                    let text = unescape(self.advance(index));
                    self.eat('"');
                    return Ok(text);
                }
                _ => escaped = byte == b'\\' && !escaped,
            }
        }
        Err(start.expected("a closing quote after"))
    }

    /// The text up to the end of a series, `name` or `name{..}`, and the rest.
    pub(super) fn split_series(self) -> (&'a str, Self) {
        let (series, rest) = self.rest.split_at(series_end(self.rest));
        (series, Self { rest })
    }

    pub(super) fn expected(self, expected: &'static str) -> Problem {
        Problem::Expected { expected, found: self.rest.chars().take(FOUND_CHARS_MAX).collect() }
    }

    /// Steps over `bytes` bytes and returns them. Callers stop at ASCII, so never inside a character.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }
}

/// Where a series ends: after its name, or after the `}` that is in no quotes. Only ASCII is looked for, so it
/// is never inside a character.
fn series_end(line: &str) -> usize {
    let bytes = line.as_bytes();
    let is_blank = |byte: u8| byte == b' ' || byte == b'\t';
    let name = bytes.iter().position(|byte| is_blank(*byte) || *byte == b'{').unwrap_or(bytes.len());
    let blanks = bytes[name..].iter().take_while(|byte| is_blank(**byte)).count();
    if bytes.get(name + blanks) != Some(&b'{') {
        return name;
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate().skip(name + blanks + 1) {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b'}' if !quoted => return at + 1,
            _ => {}
        }
        escaped = *byte == b'\\' && !escaped;
    }
    bytes.len()
}

/// Resolves `\\`, `\"` and `\n`. Any other backslash stands for itself, as Prometheus reads it.
pub(super) fn unescape(text: &str) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some('n')) => resolved.push('\n'),
            ('\\', Some(literal @ ('\\' | '"'))) => resolved.push(literal),
            _ => {
                resolved.push(c);
                continue;
            }
        }
        chars.next();
    }
    resolved
}
