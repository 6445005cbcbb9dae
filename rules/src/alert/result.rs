//! What the rows of a rule's query mean.

use weir_model::observation::{Labels, VALUE};

/// One row that a rule's query returned: one alert instance.
///
/// | column | is |
/// |---|---|
/// | of text (plain or dictionary) | a label called as the column; null and `''` mean that it is absent |
/// | `value`, of numbers | the value; null is NaN |
/// | anything else: other numbers, times, booleans | not looked at |
///
/// A query without a numeric `value` gives 1, as a comparison with `bool` does in Prometheus. In
/// names of labels, every character but ASCII letters, digits and `_` becomes `_`, because
/// Alertmanagers before 0.27 refuse it; a leading digit gets a `_` before it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultRow {
    /// What tells it from the rule's other instances.
    pub labels: Labels,
    /// For `{{ $value }}`.
    pub value: f64,
}

/// The entry of one column in one row, as far as rules care.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Of a column of text.
    Text(&'a str),
    /// Of a column of numbers: integers, floats, decimals.
    Number(f64),
    /// Nothing, in a column of numbers.
    NoNumber,
    /// Of a column of something else, or nothing in a column of text.
    Other,
}

impl ResultRow {
    /// The row with these columns, each with its name.
    pub fn of<'a>(columns: impl IntoIterator<Item = (&'a str, Cell<'a>)>) -> Self {
        let mut value = 1.0;
        let mut labels = Vec::new();
        for (name, cell) in columns {
            match cell {
                Cell::Text(text) => labels.push((label_name(name), text)),
                Cell::Number(number) if name == VALUE => value = number,
                Cell::NoNumber if name == VALUE => value = f64::NAN,
                Cell::Number(_) | Cell::NoNumber | Cell::Other => {}
            }
        }
        Self { labels: Labels::new(labels), value }
    }
}

fn label_name(column: &str) -> String {
    let first = column.starts_with(|c: char| c.is_ascii_digit()).then_some('_');
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    first.into_iter().chain(column.chars().map(allowed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_labels_and_value_is_the_value() {
        let row = ResultRow::of([
            ("node", Cell::Text("edge-1")),
            ("max(reason)", Cell::Text("lost")),
            ("5xx", Cell::Text("many")),
            ("site", Cell::Text("")),
            ("rtt_ms", Cell::Number(3.0)),
            ("time", Cell::Other),
            ("value", Cell::Number(0.5)),
        ]);
        let labels = Labels::new([("node", "edge-1"), ("max_reason_", "lost"), ("_5xx", "many")]);
        assert_eq!(row, ResultRow { labels, value: 0.5 });
    }

    #[test]
    fn without_a_number_the_value_is_one_and_null_is_nan() {
        let text = ResultRow::of([("value", Cell::Text("high"))]);
        assert_eq!(text, ResultRow { labels: Labels::new([("value", "high")]), value: 1.0 });
        assert!(ResultRow::of([("value", Cell::NoNumber)]).value.is_nan());
    }
}
