//! How many series each source has: whoever is named by the label of [`SOURCE_LABELS`].

use std::{collections::HashMap, sync::Arc};

use weir_model::observation::Labels;

use super::Refused;
use crate::settings::Limits;

/// Labels that say where a series comes from, the first that is there: scraped targets, hosts of Telegraf and
/// of TSBS, resources of OpenTelemetry.
const SOURCE_LABELS: [&str; 5] = ["instance", "host", "hostname", "service.instance.id", "host.name"];

/// Series by source.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    series: HashMap<Arc<str>, usize>,
}

impl Sources {
    /// Whether a source may have one more series.
    pub(super) fn admit(&self, labels: &Labels, limits: &Limits) -> Result<(), Refused> {
        match source(labels) {
            Some((label, source))
                if self.series.get(source).is_some_and(|count| *count >= limits.series_per_source) =>
            {
                let most = limits.series_per_source;
                Err(Refused::Cardinality(format!("the source with {label} '{source}' has {most} series, the limit")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn add(&mut self, labels: &Labels) {
        if let Some((_, source)) = source(labels) {
            match self.series.get_mut(source) {
                Some(count) => *count += 1,
                None => drop(self.series.insert(source.into(), 1)),
            }
        }
    }

    pub(super) fn remove(&mut self, labels: &Labels) {
        let Some((_, source)) = source(labels) else { return };
        let left = self.series.get_mut(source).map_or(0, |count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == 0 {
            self.series.remove(source);
        }
    }

    /// Sources with how many series they have.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.series.iter().map(|(source, count)| (source, *count))
    }
}

/// The label that names a series' source, and its value.
fn source(labels: &Labels) -> Option<(&'static str, &str)> {
    SOURCE_LABELS.into_iter().map(|label| (label, labels.get(label))).find(|(_, value)| !value.is_empty())
}
