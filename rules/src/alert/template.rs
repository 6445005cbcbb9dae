//! Texts with places for labels and the value, in Prometheus's notation.

mod humanize;

use std::fmt;

use weir_model::{observation::Labels, yaml::nearest};

use self::humanize::Format;
use super::{ResultRow, rule::is_label_name};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const LABELS: &str = "$labels";
const VALUE: &str = "$value";

/// A text with `{{ $labels.name }}` and `{{ $value }}` in it.
///
/// A label that a row has not got renders as nothing. The value renders as the shortest decimal
/// that reads back the same (`1000000`; Go would write `1e+06`), or through one of Prometheus's
/// functions: `{{ $value | humanize }}`, `humanize1024`, `humanizePercentage`, `humanizeDuration`.
/// Nothing else of Go's template language exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Label(String),
    Value(Option<Format>),
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` in `{0}` is never closed with `}}}}`")]
    Unclosed(String),
    /// What stands between the braces is neither a label nor the value.
    #[error("`{{{{ {0} }}}}` is neither a label, `{{{{ $labels.name }}}}`, nor `{{{{ $value }}}}`{hint}", hint = did_you_mean(.0, [LABELS, VALUE]))]
    Unknown(String),
    /// `$labels` without a name that a label can have.
    #[error("`{{{{ {0} }}}}` names no label: write `{{{{ $labels.name }}}}`")]
    NoLabelName(String),
    /// A function that does not exist.
    #[error("there is no function `{0}`: there are {known}{hint}", known = Format::names(), hint = did_you_mean(.0, Format::NAMES))]
    UnknownFunction(String),
    /// Labels are text, and the functions write numbers.
    #[error("`{{{{ {0} }}}}`: functions write numbers, and a label is text")]
    LabelIsText(String),
}

fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let word = text.split(['.', ' ', '|']).next().unwrap_or_default();
    nearest(word, known).map_or_else(String::new, |known| format!(": did you mean `{known}`?"))
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once(OPEN) {
            let unclosed = || TemplateError::Unclosed(format!("{OPEN}{from}").trim_end().to_owned());
            let (action, after) = from.split_once(CLOSE).ok_or_else(unclosed)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(self::action(action.trim())?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The text for one row.
    pub fn render(&self, row: &ResultRow) -> String {
        self.parts.iter().map(|part| part.render(&row.labels, row.value)).collect()
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What stands between braces.
fn action(text: &str) -> Result<Part, TemplateError> {
    let (what, function) = match text.split_once('|') {
        Some((what, function)) => (what.trim(), Some(function.trim())),
        None => (text, None),
    };
    let format = function
        .map(|name| Format::named(name).ok_or_else(|| TemplateError::UnknownFunction(name.to_owned())))
        .transpose()?;
    let label = what.strip_prefix(LABELS).filter(|rest| rest.is_empty() || rest.starts_with('.'));
    match (what, label) {
        (VALUE, _) => Ok(Part::Value(format)),
        (_, Some(_)) if format.is_some() => Err(TemplateError::LabelIsText(text.to_owned())),
        (_, Some(name)) => match name.strip_prefix('.') {
            Some(name) if is_label_name(name) => Ok(Part::Label(name.to_owned())),
            _ => Err(TemplateError::NoLabelName(text.to_owned())),
        },
        _ => Err(TemplateError::Unknown(text.to_owned())),
    }
}

impl Part {
    fn render(&self, labels: &Labels, value: f64) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Label(name) => labels.get(name).to_owned(),
            Self::Value(None) => humanize::plain(value),
            Self::Value(Some(format)) => format.write(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expect: Expect) {
        let row = ResultRow { labels: Labels::new([("node", "edge-1"), ("site", "fra")]), value: 0.0525 };
        let text = Template::parse(text).map_or_else(|error| error.to_string(), |template| template.render(&row));
        expect.assert_eq(&text);
    }

    #[test]
    fn places_are_filled() {
        check("plain } text {", expect!["plain } text {"]);
        check("{{ $labels.node }}@{{$labels.site}}: {{ $value }}", expect!["edge-1@fra: 0.0525"]);
        check("{{ $value | humanizePercentage }} lost", expect!["5.25% lost"]);
        check("[{{ $labels.unheard_of }}]", expect!["[]"]);
    }

    #[test]
    fn errors_say_what_was_meant() {
        check("a {{ $value", expect!["`{{` in `{{ $value` is never closed with `}}`"]);
        check(
            "{{ $lables.node }}",
            expect![
                "`{{ $lables.node }}` is neither a label, `{{ $labels.name }}`, nor `{{ $value }}`: did you mean `$labels`?"
            ],
        );
        check("{{ .Value }}", expect!["`{{ .Value }}` is neither a label, `{{ $labels.name }}`, nor `{{ $value }}`"]);
        check("{{ }}", expect!["`{{  }}` is neither a label, `{{ $labels.name }}`, nor `{{ $value }}`"]);
        check("{{ $labels }}", expect!["`{{ $labels }}` names no label: write `{{ $labels.name }}`"]);
        check("{{ $labels.a-b }}", expect!["`{{ $labels.a-b }}` names no label: write `{{ $labels.name }}`"]);
        check(
            "{{ $value | humanise }}",
            expect![
                "there is no function `humanise`: there are `humanize`, `humanize1024`, `humanizePercentage`, `humanizeDuration`: did you mean `humanize`?"
            ],
        );
        check(
            "{{ $labels.node | humanize }}",
            expect!["`{{ $labels.node | humanize }}`: functions write numbers, and a label is text"],
        );
    }
}
