//! Samples being gathered, one table per metric.

use std::sync::Arc;

use indexmap::IndexMap;
use weir_model::{
    observation::{Labels, Rows, TableName},
    time::UnixNanos,
};

/// Samples of one instant and one host.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    at: UnixNanos,
    host: &'a Labels,
    tables: IndexMap<Arc<str>, Rows>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(at: UnixNanos, host: &'a Labels) -> Self {
        Self { at, host, tables: IndexMap::new() }
    }

    /// Appends a sample of the metric `name`; its labels win over the host's.
    pub(super) fn push(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let host = self.host.iter().map(|(name, value)| (&**name, &**value));
        let labels = Labels::new(host.chain(labels.iter().copied()));
        if !self.tables.contains_key(name) {
            self.tables.insert(name.into(), Rows::empty(TableName::metric(name)));
        }
        if let Some(rows) = self.tables.get_mut(name) {
            rows.push_sample(&labels, self.at.0, value);
        }
    }

    pub(super) fn into_rows(self) -> Vec<Rows> {
        self.tables.into_values().collect()
    }
}

/// For tests: what `fill` gathers, as text.
#[cfg(test)]
pub(super) fn gathered(fill: impl FnOnce(&mut Samples<'_>)) -> String {
    let host = Labels::default();
    let mut samples = Samples::new(UnixNanos(0), &host);
    fill(&mut samples);
    let text = crate::sink::recorder::render(samples.into_rows());
    text.replace("metrics.", "").replace(" @0\n", "\n").replace("value=", "")
}
