//! The query of a rule, and the one placeholder in it.

use std::sync::Arc;

use weir_model::{time::UnixNanos, yaml::nearest};

use crate::rfc3339::rfc3339;

/// Stands for the instant of evaluation.
const NOW: &str = "now";

/// Functions that ask the engine for the time.
const CLOCK_FUNCTIONS: [&str; 6] =
    ["now", "current_timestamp", "current_date", "current_time", "localtimestamp", "today"];

/// A query over the tables of the SQL surface.
///
/// `$now` in it stands for the instant of evaluation and is replaced by a literal before the query
/// runs ([`Query::at`]), so that a rule says the same about the same data whenever it is asked:
/// in a unit test, over history, and live. That is why the engine's own clock is refused. To
/// mean the same over history, a query must also ignore what came later: `time <= $now`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: Arc<str>,
    /// Where `$now` begins, ascending.
    places: Vec<usize>,
}

/// What is wrong with a query, as far as that can be seen without an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It does not begin with `SELECT` or `WITH`.
    #[error("a rule only reads: its query begins with SELECT or WITH, not with `{0}`")]
    NoQuery(String),
    /// Something follows a semicolon.
    #[error("a rule is one query, and something follows its `;`")]
    SecondStatement,
    /// A placeholder other than `$now`.
    #[error("there is no placeholder `${0}`, only `$now`{hint}", hint = if nearest(.0, [NOW]).is_some() { ": did you mean that?" } else { "" })]
    UnknownPlaceholder(String),
    /// The engine's clock is asked.
    #[error("`{0}` asks the engine's clock, so the rule could not be tested: write `$now`")]
    Clock(String),
    /// A quote or comment has no end.
    #[error("{0} has no end")]
    Unclosed(&'static str),
}

impl Query {
    /// Checks `text` and finds the placeholders in it. What stands in quotes or comments is left
    /// as it is.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut places = Vec::new();
        let (mut at, mut first, mut ended) = (0, true, false);
        while let Some((token, length)) = token(&text[at..])? {
            if ended && token != Token::Blank {
                return Err(QueryError::SecondStatement);
            }
            match token {
                Token::Blank | Token::Quoted | Token::Sign => {}
                Token::End => ended = true,
                Token::Placeholder(NOW) => places.push(at),
                Token::Placeholder(name) => return Err(QueryError::UnknownPlaceholder(name.to_owned())),
                Token::Word(word) if first && !is_any(word, &["select", "with"]) => {
                    return Err(QueryError::NoQuery(word.to_owned()));
                }
                Token::Word(word) if asks_clock(word, &text[at + length..]) => {
                    return Err(QueryError::Clock(word.to_owned()));
                }
                Token::Word(_) => {}
            }
            first &= !matches!(token, Token::Word(_));
            at += length;
        }
        if first {
            return Err(QueryError::NoQuery(text.trim().to_owned()));
        }
        Ok(Self { text: text.trim_end().trim_end_matches(';').into(), places })
    }

    /// The SQL to run at `now`: every `$now` is `TIMESTAMP '2026-01-31T10:03:00Z'`.
    pub fn at(&self, now: UnixNanos) -> String {
        let literal = format!("TIMESTAMP '{}'", rfc3339(now));
        let mut sql = String::with_capacity(self.text.len() + self.places.len() * literal.len());
        let mut rest = 0;
        for place in &self.places {
            sql.push_str(&self.text[rest..*place]);
            sql.push_str(&literal);
            rest = place + 1 + NOW.len();
        }
        sql.push_str(&self.text[rest..]);
        sql
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// White space or a comment.
    Blank,
    /// A string or a quoted name.
    Quoted,
    /// A keyword, name or number.
    Word(&'a str),
    /// `$` and a word, without the `$`.
    Placeholder(&'a str),
    /// `;`
    End,
    /// Anything else.
    Sign,
}

/// The first token of `text` and its length in bytes; `None` at the end.
fn token(text: &str) -> Result<Option<(Token<'_>, usize)>, QueryError> {
    let Some(first) = text.chars().next() else { return Ok(None) };
    // Doubled quotes inside quotes read as two quoted texts beside each other: the end is the same.
    let until = |open: &str, close: &str, what| {
        let end = text[open.len()..].find(close).ok_or(QueryError::Unclosed(what))?;
        Ok(open.len() + end + close.len())
    };
    let found = match first {
        '\'' => (Token::Quoted, until("'", "'", "a string")?),
        '"' => (Token::Quoted, until("\"", "\"", "a quoted name")?),
        '-' if text.starts_with("--") => (Token::Blank, text.find('\n').unwrap_or(text.len())),
        '/' if text.starts_with("/*") => (Token::Blank, until("/*", "*/", "a comment")?),
        ';' => (Token::End, 1),
        '$' if word(&text[1..]) > 0 => (Token::Placeholder(&text[1..=word(&text[1..])]), 1 + word(&text[1..])),
        _ if word(text) > 0 => (Token::Word(&text[..word(text)]), word(text)),
        _ if first.is_whitespace() => (Token::Blank, first.len_utf8()),
        _ => (Token::Sign, first.len_utf8()),
    };
    Ok(Some(found))
}

/// How many bytes of `text` are a word.
fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn is_any(word: &str, words: &[&str]) -> bool {
    words.iter().any(|one| word.eq_ignore_ascii_case(one))
}

/// Whether `word` calls a clock: `now` only as a function, so that a column may have that name.
fn asks_clock(word: &str, rest: &str) -> bool {
    is_any(word, &CLOCK_FUNCTIONS) && (word.contains('_') || rest.trim_start().starts_with('('))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expect: Expect) {
        let at = UnixNanos::from_secs(1_767_225_600);
        expect.assert_eq(&Query::parse(text).map_or_else(|error| error.to_string(), |query| query.at(at)));
    }

    #[test]
    fn now_is_a_literal_outside_of_quotes_and_comments() {
        check(
            "SELECT '$now', \"$now\" FROM t -- $now\nWHERE time > $now - INTERVAL '1 minute' AND time<=$now /* $now */ ;\n",
            expect![[r#"
                SELECT '$now', "$now" FROM t -- $now
                WHERE time > TIMESTAMP '2026-01-01T00:00:00Z' - INTERVAL '1 minute' AND time<=TIMESTAMP '2026-01-01T00:00:00Z' /* $now */ "#]],
        );
        check(
            "with a as (select 'it''s $no') select now from a",
            expect!["with a as (select 'it''s $no') select now from a"],
        );
        check(
            "SELECT 'größer' AS \"Länge\" FROM t WHERE a ~ '^x$'",
            expect![[r#"SELECT 'größer' AS "Länge" FROM t WHERE a ~ '^x$'"#]],
        );
    }

    #[test]
    fn what_is_no_testable_query_is_refused() {
        check(
            "DELETE FROM ops.findings",
            expect!["a rule only reads: its query begins with SELECT or WITH, not with `DELETE`"],
        );
        check(
            " -- nothing\n",
            expect!["a rule only reads: its query begins with SELECT or WITH, not with `-- nothing`"],
        );
        check("SELECT 1; DROP TABLE t", expect!["a rule is one query, and something follows its `;`"]);
        check("SELECT $nwo", expect!["there is no placeholder `$nwo`, only `$now`: did you mean that?"]);
        check("SELECT $interval", expect!["there is no placeholder `$interval`, only `$now`"]);
        check("SELECT $nowhere", expect!["there is no placeholder `$nowhere`, only `$now`"]);
        check("SELECT NOW ()", expect!["`NOW` asks the engine's clock, so the rule could not be tested: write `$now`"]);
        check(
            "SELECT current_date",
            expect!["`current_date` asks the engine's clock, so the rule could not be tested: write `$now`"],
        );
        check("SELECT 'a", expect!["a string has no end"]);
        check("SELECT 1 /*/", expect!["a comment has no end"]);
        check("SELECT 1 /*/ $nwo */", expect!["SELECT 1 /*/ $nwo */"]);
        check("SELECT 1 /**/", expect!["SELECT 1 /**/"]);
    }
}
