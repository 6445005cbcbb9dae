//! Regular expressions as Prometheus's users write them: RE2's, matched against the whole text.

use std::ops::Deref;

use regex::{Regex, RegexBuilder};

/// Longest expression: generated lists of 400 names of 20 letters (400 x 20 = 8,000).
const TEXT_BYTES_MAX: usize = 8_192;
/// Largest compiled one: 8,000 bytes of text become about 64 bytes each (512 KiB), twice that.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A regular expression that matches whole texts.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    regex: Regex,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than the limit.
    #[error("the regular expression has more than {TEXT_BYTES_MAX} bytes: split the rule")]
    TooLong,
    /// Compiled it would be larger than the limit.
    #[error("the regular expression is larger than {COMPILED_BYTES_MAX} bytes when compiled: repeat less in it")]
    TooLarge,
    /// Not an expression; why, in one line.
    #[error("not a regular expression: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Compiles `written`.
    ///
    /// # Errors
    /// When it is none, or too large a one.
    pub fn new(written: &str) -> Result<Self, PatternError> {
        if written.len() > TEXT_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        // Alone first: a stray parenthesis must not close the anchoring group. Messages are of this one.
        build(&from_re2(written))?;
        let regex = build(&format!("^(?s:{})$", from_re2(written)))?;
        Ok(Self { written: written.to_owned(), regex })
    }

    /// As written.
    pub fn written(&self) -> &str {
        &self.written
    }
}

impl Deref for Pattern {
    type Target = Regex;
    fn deref(&self) -> &Regex {
        &self.regex
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

fn build(text: &str) -> Result<Regex, PatternError> {
    let built = RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
        // The other lines draw where, with the text of all of it.
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            PatternError::Syntax(last.trim_start_matches("error: ").to_owned())
        }
    })
}

/// Writes RE2's syntax (github.com/google/re2/wiki/Syntax) as the crate `regex` reads it, where they differ:
/// Perl's classes are ASCII, `\Q...\E` quotes, and in a class `[`, `&&` and `~~` are plain.
fn from_re2(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    // How many characters of the class were read; `None` outside of one.
    let mut in_class: Option<usize> = None;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let read = in_class.map(|read| read + 1);
        if c == '\\' {
            let Some(escaped) = after.chars().next() else {
                text.push(c);
                break;
            };
            rest = &after[escaped.len_utf8()..];
            in_class = read;
            if escaped == 'Q' && in_class.is_none() {
                let (quoted, beyond) = rest.split_once("\\E").unwrap_or((rest, ""));
                text += &regex::escape(quoted);
                rest = beyond;
            } else if let Some(class) = perl_class(escaped) {
                text += class;
            } else {
                text.extend([c, escaped]);
            }
            continue;
        }
        match (c, in_class) {
            ('[', None) => in_class = Some(0),
            // `[:alpha:]` is a class in the class.
            ('[', Some(_)) if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").map_or(0, |at| at + 2);
                text.push('[');
                text += &after[..end];
                rest = &after[end..];
                in_class = read;
                continue;
            }
            ('[' | '&' | '~', Some(_)) => {
                text.push('\\');
                in_class = read;
            }
            // The first `]` of a class is plain; `^` before it does not count.
            (']', Some(1..)) => in_class = None,
            ('^', Some(0)) => {}
            (_, Some(_)) => in_class = read,
            (_, None) => {}
        }
        text.push(c);
        rest = after;
    }
    text
}

fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().is_match(text)
    }

    #[test]
    fn the_whole_text_is_matched() {
        assert!(matches("a|b", "b") && !matches("a|b", "ab") && !matches("b", "abc"));
        assert!(matches("a.b", "a\nb"), "a dot is any character");
        assert!(matches("", "") && !matches("", "a"));
        assert!(matches("^a$", "a") && !matches("a$", "a\n"));
    }

    #[test]
    fn re2_is_understood() {
        assert!(matches(r"\d+", "42") && !matches(r"\d+", "٤٢"), "digits are ASCII");
        assert!(!matches(r"\w", "é") && matches(r"[\w.]+", "a.b") && matches(r"[^\d]", "x"));
        assert!(matches(r"\Qa.b\E.c", "a.bxc") && !matches(r"\Qa.b\E", "axb"));
        assert!(matches("[[a]+", "[a") && matches("[]a]+", "]a") && matches("[^]]+", "a") && !matches("[^]]", "]"));
        assert!(matches("[a&&b]+", "a&b") && matches("[[:alpha:]_]+", "ab_") && matches(r"[\]a]+", "]"));
        assert!(matches("(?i)ab", "AB") && matches("a{2,3}", "aaa") && matches(r"\pL", "é"));
    }

    #[test]
    fn what_is_none_or_too_large_is_told() {
        let error = |pattern: &str| Pattern::new(pattern).unwrap_err().to_string();
        assert_eq!(error("a)(b"), "not a regular expression: unopened group");
        assert_eq!(error("(a"), "not a regular expression: unclosed group");
        assert!(error("((a{1000}){1000}){10}").contains("when compiled"));
        assert!(error(&"a".repeat(8_193)).contains("8192 bytes"));
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_an_error(text in "[\\[\\]\\\\^&~:a(){}|*QE.-]{0,24}|\\PC{0,40}") {
            drop(Pattern::new(&text));
        }
    }
}
