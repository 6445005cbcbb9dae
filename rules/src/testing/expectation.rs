//! What a test expects to fire, and how that differs from what does.

use std::sync::Arc;

use weir_model::{
    observation::Labels,
    yaml::{Fields, Item, Spanned},
};

use super::offset::Offset;
use crate::alert::{ALERT_NAME, Alert, Phase};

/// What fires of one alert at one time.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    pub(super) at: Spanned<Offset>,
    pub(super) alert: Spanned<String>,
    pub(super) instances: Vec<Expected>,
}

/// An instance that fires.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Without `alertname`.
    labels: Labels,
    /// Those that matter, by name.
    annotations: Vec<(String, String)>,
}

impl Expectation {
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields_of("an expectation")?;
        let at = fields.required_spanned::<Offset>("at");
        let alert = fields.required_spanned("alertname");
        let instances: Vec<_> = fields.required_list("expect").iter().map(Expected::read).collect();
        if let Some(before) = at.as_ref().filter(|at| at.value < Offset::default()) {
            fields.reader().error(before.mark, "rules are evaluated from 0m on");
        }
        fields.finish();
        Some(Self { at: at?, alert: alert?, instances: instances.into_iter().collect::<Option<_>>()? })
    }

    /// How the firing ones among `alerts`, all of this alert, differ from what is expected.
    pub(super) fn difference(&self, alerts: &[&Alert]) -> Option<String> {
        let mut unexpected: Vec<&Alert> =
            alerts.iter().copied().filter(|alert| matches!(alert.phase, Phase::Firing { .. })).collect();
        let mut text = String::new();
        for expected in &self.instances {
            let Some(at) = unexpected.iter().position(|alert| without_name(&alert.labels) == expected.labels) else {
                line(&mut text, "expected", &expected.labels, "", "");
                continue;
            };
            let got = unexpected.remove(at);
            for (name, wanted) in &expected.annotations {
                let is = got.annotations.get(name.as_str()).map_or("", String::as_str);
                if is != wanted {
                    line(&mut text, "expected", &expected.labels, name, wanted);
                    line(&mut text, "     got", &expected.labels, name, is);
                }
            }
        }
        for alert in unexpected {
            line(&mut text, "     got", &without_name(&alert.labels), "", "");
        }
        if text.is_empty() {
            return None;
        }
        for alert in alerts {
            waiting(&mut text, alert);
        }
        Some(text)
    }
}

impl Expected {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields_of("an expected instance")?;
        let labels = texts(fields.required_map("labels"));
        let annotations = texts(fields.map("annotations"));
        fields.finish();
        let labels = without_name(&Labels::new(labels));
        Some(Self { labels, annotations })
    }
}

fn texts(map: Option<Fields<'_>>) -> Vec<(String, String)> {
    let entries = map.map(Fields::entries).unwrap_or_default();
    entries.into_iter().filter_map(|(name, item)| Some((name.value, item.scalar::<String>()?.value))).collect()
}

fn without_name(labels: &Labels) -> Labels {
    let others = labels.iter().filter(|(name, _)| &***name != ALERT_NAME);
    Labels::new(others.map(|(name, value)| (Arc::clone(name), Arc::clone(value))))
}

/// A line about the instance, or about one annotation of it.
fn line(text: &mut String, what: &str, labels: &Labels, annotation: &str, value: &str) {
    *text += &format!("\n  {what}: {}", shown(labels));
    if !annotation.is_empty() {
        *text += &format!(" {annotation}: {value:?}");
    }
}

/// A line that explains why an instance does not fire, though its rule returned it.
fn waiting(text: &mut String, alert: &Alert) {
    let why = match alert.phase {
        Phase::Pending => format!("pending since {}", Offset::of(alert.active_at)),
        Phase::Resolved { at, .. } => format!("resolved at {}", Offset::of(at)),
        Phase::Firing { .. } | Phase::Inactive => return,
    };
    *text += &format!("\n    note: {} is {why}", shown(&without_name(&alert.labels)));
}

/// `{a="1", b="2"}`
fn shown(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
