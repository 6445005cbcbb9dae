//! From attributes to labels.

use std::sync::Arc;

use weir_model::observation::Labels;

use super::{
    Problem,
    limits::{LABELS_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX},
    wire::attributes::{InstrumentationScope, KeyValue, Resource},
};
use crate::{column_name, counters::OTLP_ATTRIBUTES_LEFT_OUT};

/// The label that names the scope.
const SCOPE_NAME: &str = "otel_scope_name";
/// The label with its version.
const SCOPE_VERSION: &str = "otel_scope_version";

/// Labels in ascending precedence: of a name that is there twice the later one counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Precedence(Vec<(Arc<str>, Arc<str>)>);

impl Precedence {
    /// Of everything that a resource sent. An attribute of it that is too long, as a process's command line may be, is
    /// left out and not everything with it.
    pub(super) fn of_resource(resource: Resource) -> Result<Self, Problem> {
        let mut labels = Self::default();
        for attribute in resource.attributes {
            match labels.push_attribute(attribute) {
                Err(Problem::AttributeTooLong(_)) => OTLP_ATTRIBUTES_LEFT_OUT.add(1),
                pushed => pushed?,
            }
        }
        Ok(labels)
    }

    /// With those of a scope of it.
    pub(super) fn and_scope(&self, scope: InstrumentationScope) -> Result<Self, Problem> {
        let mut labels = self.clone().and_attributes(scope.attributes)?;
        labels.push(SCOPE_NAME, scope.name)?;
        labels.push(SCOPE_VERSION, scope.version)?;
        Ok(labels)
    }

    /// With attributes of something in it.
    pub(super) fn and_attributes(mut self, attributes: Vec<KeyValue>) -> Result<Self, Problem> {
        for attribute in attributes {
            self.push_attribute(attribute)?;
        }
        Ok(self)
    }

    fn push_attribute(&mut self, KeyValue { key, value }: KeyValue) -> Result<(), Problem> {
        if key.is_empty() {
            return Err(Problem::UnnamedAttribute);
        }
        self.push(&key, value.map(|value| value.into_text()).unwrap_or_default())
    }

    /// With one more. An empty value hides what the name had before: no such label.
    pub(super) fn push(&mut self, name: &str, value: impl AsRef<str>) -> Result<(), Problem> {
        let value = value.as_ref();
        if name.len() > NAME_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(Problem::AttributeTooLong(name.chars().take(100).collect()));
        }
        // Three levels may each bring as many, mostly the same.
        if self.0.len() == 3 * LABELS_MAX {
            return Err(Problem::TooManyLabels);
        }
        self.0.push((column_name::of_label(name).into(), value.into()));
        Ok(())
    }

    /// The labels.
    pub(super) fn labels(&self) -> Result<Labels, Problem> {
        let labels = Labels::new(self.0.iter().map(|(name, value)| (Arc::clone(name), Arc::clone(value))));
        if labels.len() > LABELS_MAX { Err(Problem::TooManyLabels) } else { Ok(labels) }
    }
}
