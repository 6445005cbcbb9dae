//! How long rows are kept: `retention: 30d`, or `retention: {default: 30d, tables: {metrics.up: 7d}}`.

use std::{collections::BTreeMap, time::Duration};

use weir_model::{
    observation::TableName,
    time::Written,
    yaml::{Fields, Mark, Spanned},
};

use crate::accounts::KEPT_MIN;

/// Two months and a bit: this month's bills and the last one's.
const DEFAULT: Duration = Duration::from_secs(70 * 86_400);

/// How long rows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Of all tables but those below.
    pub(crate) default: Duration,
    /// Of tables that are kept for less.
    pub(crate) tables: BTreeMap<TableName, Duration>,
}

impl From<Duration> for Retention {
    fn from(default: Duration) -> Self {
        Self { default, tables: BTreeMap::new() }
    }
}

/// What is written, where.
#[derive(Debug)]
pub(super) struct AsWritten {
    default: Option<Spanned<Duration>>,
    tables: Vec<(TableName, Spanned<Duration>)>,
}

impl AsWritten {
    /// Reads the key.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let mut written = Self { default: None, tables: Vec::new() };
        let Some(item) = fields.any("retention") else { return written };
        if item.text().is_some() {
            written.default = item.scalar();
            return written;
        }
        let Some(mut fields) = item.fields() else { return written };
        written.default = fields.optional_spanned("default");
        let entries = fields.map("tables").map(Fields::entries).unwrap_or_default();
        written.tables = entries.iter().filter_map(|(name, age)| Some((table(&name.value), age.scalar()?))).collect();
        fields.finish();
        written
    }

    /// As used; what makes no sense is noted. Bills need some of it when there `is_billed` anything.
    pub(super) fn check(self, fields: &Fields<'_>, is_billed: bool) -> Retention {
        let default = self.default.as_ref().map_or(DEFAULT, |default| default.value);
        let keeps_bills = |age: Duration, mark: Mark, what: &str| {
            if is_billed && age < KEPT_MIN {
                let message = format!("a `retention` of {}{what} does not keep what `traffic` bills", Written(age));
                let hint = "62d or more hold the month in the making and the one before";
                fields.reader().error_with_hint(mark, message, hint);
            }
        };
        if let Some(default) = &self.default {
            keeps_bills(default.value, default.mark, "");
        }
        for (table, age) in &self.tables {
            if age.value > default {
                let (age_text, most) = (Written(age.value), Written(default));
                let message = format!("`{table}` is to be kept for {age_text}, longer than the default of {most}");
                let hint = "tables share files, which go after the default: raise that, and give others less";
                fields.reader().error_with_hint(age.mark, message, hint);
            } else if *table == TableName::new("cost", "usage_5min") {
                keeps_bills(age.value, age.mark, " of its usage");
            }
        }
        Retention { default, tables: self.tables.into_iter().map(|(table, age)| (table, age.value)).collect() }
    }
}

/// `schema.name`; without a schema the name of a metric.
fn table(text: &str) -> TableName {
    text.split_once('.').map_or_else(|| TableName::metric(text), |(schema, name)| TableName::new(schema, name))
}
