//! Input tables: YAML into rows.

use std::{sync::Arc, time::Duration};

use weir_model::{
    amount::Amount,
    keywords,
    observation::{Column, Labels, Rows, TableName},
    yaml::{Fields, Item, Keyword, Mark, Reader, Scalar, Spanned, nearest},
};

use super::{ROWS_MAX, notation, offset::Offset};

/// The types of fields, called as in messages about [`Column`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldType {
    Float,
    Integer,
    Boolean,
    Text,
    Decimal,
}

keywords!(FieldType { "float" => Float, "integer" => Integer, "boolean" => Boolean, "text" => Text,
    "decimal" => Decimal });

/// The keys of an entry that are no columns: of single rows, and of series.
const TIME: &str = "time";
const START_KEY: &str = "start";

/// The columns of a table: labels and typed fields.
#[derive(Default)]
struct Columns {
    labels: Vec<String>,
    fields: Vec<(Arc<str>, FieldType)>,
}

/// What one field is in the rows of one entry.
#[derive(Clone)]
enum Values {
    /// One per row; `None` beyond the end.
    Samples(Vec<Option<f64>>),
    /// The same in all rows.
    Word(Arc<str>),
}

/// Reads one table of `input`; samples of series are `interval` apart.
pub(super) fn read(item: &Item<'_>, interval: Duration) -> Option<Rows> {
    let mut fields = item.fields_of("a table")?;
    let reader = fields.reader();
    let name = fields.required_spanned::<String>("table");
    let columns = Columns::read(&mut fields);
    let (series, rows) = (fields.list("series"), fields.list("rows"));
    let mut table = columns.empty(table_name(reader, name.as_ref()?)?);
    fields.finish();
    for entry in &series {
        columns.append(&mut table, entry, START_KEY, interval)?;
    }
    for entry in &rows {
        columns.append(&mut table, entry, TIME, interval)?;
    }
    if table.len() > ROWS_MAX {
        reader.error(name?.mark, format!("the table has {} rows, at most {ROWS_MAX} are allowed", table.len()));
        return None;
    }
    Some(table)
}

fn table_name(reader: &Reader, name: &Spanned<String>) -> Option<TableName> {
    match name.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => Some(TableName::new(schema, table)),
        _ => {
            reader.error_with_hint(name.mark, "`table` names no schema", format!("write `metrics.{}`", name.value));
            None
        }
    }
}

impl Columns {
    fn read(fields: &mut Fields<'_>) -> Self {
        let reader = fields.reader();
        let mut columns = Self::default();
        for written in fields.required_list("columns").iter().filter_map(Item::scalar::<String>) {
            let (name, kind) = written.split_once(' ').map_or((written.as_str(), None), |(n, k)| (n, Some(k.trim())));
            let known = FieldType::WORDS.iter().find(|(word, _)| Some(*word) == kind);
            match (kind, known) {
                _ if columns.names().any(|known| known == name) => {
                    reader.error(written.mark, format!("column `{name}` is given twice"));
                }
                _ if [TIME, START_KEY].contains(&name) => {
                    reader.error(written.mark, format!("`{name}` is no column here: entries give it anyway"));
                }
                (None, _) => columns.labels.push(name.to_owned()),
                (Some(_), Some((_, kind))) => columns.fields.push((name.into(), *kind)),
                (Some(kind), None) => {
                    let message = format!("`{kind}` is no type of a field, only {}", FieldType::NAMES.join(", "));
                    reader.error(written.mark, message);
                    // Known by any type, so that its entries are no errors as well.
                    columns.fields.push((name.into(), FieldType::Text));
                }
            }
        }
        columns
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str).chain(self.fields.iter().map(|(name, _)| &**name))
    }

    fn empty(&self, name: TableName) -> Rows {
        let column = |kind| match kind {
            FieldType::Float => Column::F64(Vec::new()),
            FieldType::Integer => Column::I64(Vec::new()),
            FieldType::Boolean => Column::Bool(Vec::new()),
            FieldType::Text => Column::Text(Vec::new()),
            FieldType::Decimal => Column::Amount(Vec::new()),
        };
        let fields = self.fields.iter().map(|(name, kind)| (Arc::clone(name), column(*kind))).collect();
        Rows { fields, ..Rows::empty(name) }
    }

    /// Appends the rows of one entry. `begin` is the key of its (first) time.
    fn append(&self, table: &mut Rows, entry: &Item<'_>, begin: &str, interval: Duration) -> Option<()> {
        let map = entry.fields_of("an entry")?;
        let reader = map.reader();
        let mut at = Offset::default();
        let mut labels = Vec::new();
        let mut values = vec![None; self.fields.len()];
        for (key, item) in map.entries() {
            if *key == begin {
                at = begins(reader, begin, &item)?;
            } else if self.labels.contains(&key) {
                labels.push((key.value, item.scalar::<String>()?.value));
            } else if let Some(field) = self.fields.iter().position(|(name, _)| **name == *key.value) {
                values[field] = Some(self.values(reader, field, &item, begin == TIME)?);
            } else {
                self.unknown(reader, &key, begin);
                return None;
            }
        }
        push(table, Labels::new(labels), &values, at, interval);
        Some(())
    }

    fn unknown(&self, reader: &Reader, key: &Spanned<String>, begin: &str) {
        let message = format!("the table has no column `{}`", key.value);
        match nearest(key, self.names().chain([begin])) {
            Some(known) => reader.error_with_hint(key.mark, message, format!("did you mean `{known}`?")),
            None => reader.error_with_hint(key.mark, message, "its columns are listed in `columns`"),
        }
    }

    /// What an entry gives for a field; `single` entries have one sample.
    fn values(&self, reader: &Reader, field: usize, item: &Item<'_>, single: bool) -> Option<Values> {
        let (name, kind) = &self.fields[field];
        let text = item.scalar::<String>()?;
        let refuse = |mark: Mark, message: String| {
            reader.error(mark, format!("`{name}`: {message}"));
            None
        };
        let written = match (kind, text.as_str()) {
            (FieldType::Text, word) => return Some(Values::Word(word.into())),
            (FieldType::Boolean, "true") => "1",
            (FieldType::Boolean, "false") => "0",
            (_, text) => text,
        };
        let samples = match notation::samples(written) {
            Ok(samples) => samples,
            Err(error) => return refuse(text.mark, error.to_string()),
        };
        let fits = |sample: &f64| match kind {
            FieldType::Boolean => [0.0, 1.0].contains(sample),
            FieldType::Integer => sample.fract() == 0.0,
            FieldType::Decimal => Amount::of_float(*sample).is_some(),
            FieldType::Float | FieldType::Text => true,
        };
        if let Some(stray) = samples.iter().flatten().find(|sample| !fits(sample)) {
            return refuse(text.mark, format!("{stray} is no {kind}"));
        }
        if single && samples.len() != 1 {
            return refuse(text.mark, format!("a row has one value, and this is {}", samples.len()));
        }
        Some(Values::Samples(samples))
    }
}

fn begins(reader: &Reader, key: &str, item: &Item<'_>) -> Option<Offset> {
    let text = item.scalar::<String>()?;
    let offset = Offset::parse(&text);
    if offset.is_none() {
        reader.error(text.mark, format!("`{key}` is `{}`, which is not {}", text.value, Offset::expected()));
    }
    offset
}

/// Appends a row for each step at which some number is given, or the one row that has only words.
fn push(table: &mut Rows, labels: Labels, values: &[Option<Values>], at: Offset, interval: Duration) {
    let given = |values: &Option<Values>, step: usize| match values {
        Some(Values::Samples(samples)) => samples.get(step).copied().flatten(),
        _ => None,
    };
    let longest = values.iter().flatten().filter_map(|values| match values {
        Values::Samples(samples) => Some(samples.len()),
        Values::Word(_) => None,
    });
    let (steps, only_words) = longest.max().map_or((1, true), |steps| (steps, false));
    let series = table.labels.len() as u32;
    table.labels.push(labels);
    let mut time = at;
    for step in 0..steps {
        if only_words || values.iter().any(|values| given(values, step).is_some()) {
            table.series.push(series);
            table.time.push(time.time().0);
            for ((_, column), values) in table.fields.iter_mut().zip(values) {
                let word = if let Some(Values::Word(word)) = values { Some(word) } else { None };
                push_cell(column, given(values, step), word);
            }
        }
        time = time.after(interval);
    }
}

fn push_cell(column: &mut Column, number: Option<f64>, word: Option<&Arc<str>>) {
    match column {
        Column::F64(values) => values.push(number),
        Column::I64(values) => values.push(number.map(|number| number as i64)),
        Column::Bool(values) => values.push(number.map(|number| number != 0.0)),
        Column::Text(values) => values.push(word.cloned()),
        Column::Amount(values) => values.push(number.and_then(Amount::of_float)),
    }
}

#[cfg(test)]
mod tests;
