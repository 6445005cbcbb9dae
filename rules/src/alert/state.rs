//! From rows to alerts: pending, firing, resolved, as in Prometheus (rules/alerting.go).

mod instance;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use weir_model::{observation::Labels, time::UnixNanos};

use self::instance::Instance;
use super::{ALERT_NAME, AlertRule, ResultRow, RuleGroup, RuleId};

/// How long a resolved instance is kept, and said to be resolved again, because the message or
/// the Alertmanager may have been lost (Prometheus: `resolvedRetention`).
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);

/// How long after a message about an instance the next one is due (Prometheus:
/// `--rules.alert.resend-delay`).
pub const RESEND_DELAY: Duration = Duration::from_secs(60);

/// A message says that its alert holds for this many evaluations or resends, whichever are further
/// apart: three may be lost before the Alertmanager takes it for resolved (Prometheus: rules/manager.go).
const VALID_FOR: u32 = 4;

/// Instances kept per rule. One takes about 1 kB with its texts: 10 MB, for more rows than anybody
/// reads. Prometheus drops all instances of a rule that exceeds its limit; in the largest outage
/// that would be silence, so here those beyond are left out and counted ([`Evaluation::left_out`]).
pub const INSTANCES_MAX: usize = 10_000;

/// Texts for people, by name.
pub type Annotations = BTreeMap<Arc<str>, String>;

/// One instance of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The row's labels, the rule's, and `alertname`. No other instance of the rule has the same.
    pub labels: Labels,
    /// The rule's annotations, as of when it was last returned.
    pub annotations: Arc<Annotations>,
    /// The value when it was last returned.
    pub value: f64,
    /// When it was first returned, without a gap since.
    pub active_at: UnixNanos,
    /// Where it stands.
    pub phase: Phase,
}

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Returned, but not yet for as long as the rule's `for` asks.
    Pending,
    /// Returned for long enough, or kept firing since.
    Firing {
        /// Since when.
        since: UnixNanos,
    },
    /// It fired and is not returned any more.
    Resolved {
        /// When it began to fire.
        fired: UnixNanos,
        /// When it was first missing, or had been missing for `keep_firing_for`.
        at: UnixNanos,
    },
    /// It was pending and is not returned any more: nobody was told of it. Only in events.
    Inactive,
}

impl Phase {
    /// The phase's name, as in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing { .. } => "firing",
            Self::Resolved { .. } => "resolved",
            Self::Inactive => "inactive",
        }
    }
}

/// An instance entered a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvent {
    /// At which evaluation.
    pub at: UnixNanos,
    /// The instance, in its new phase.
    pub alert: Alert,
}

/// What one evaluation of one rule changed.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "events are to be recorded"]
pub struct Evaluation {
    /// In the order of their labels. At most one of each instance; one that fires at once was
    /// never pending.
    pub events: Vec<AlertEvent>,
    /// New instances that had no room ([`INSTANCES_MAX`]), the last ones by labels. They come in
    /// as others leave.
    pub left_out: usize,
    /// Resolved instances forgotten before their time, to make room.
    pub forgotten: usize,
}

/// A message to be sent about an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Firing or resolved.
    pub alert: Alert,
    /// Since when it fires.
    pub starts_at: UnixNanos,
    /// When it was resolved; of a firing one, until when it holds if no further message comes.
    pub ends_at: UnixNanos,
}

/// Every instance of every rule.
///
/// A row's instance is told by the labels it has in the end, so by the row's labels, the rule's
/// and the name. Rows that become equal by that are one instance, with the greatest of their
/// values (Prometheus fails the evaluation). A failed query is not evaluated: all stays as it is,
/// and firing instances go on to be sent.
#[derive(Clone, Debug, Default)]
pub struct AlertStates {
    rules: BTreeMap<RuleId, BTreeMap<Labels, Instance>>,
}

impl AlertStates {
    /// Takes in what the query of `rule` returned at `now`.
    pub fn evaluate(&mut self, rule: &AlertRule, results: &[ResultRow], now: UnixNanos) -> Evaluation {
        let instances = self.rules.entry(rule.id.clone()).or_default();
        let returned = by_labels(rule, results);
        let forgotten = make_room(instances, &returned);
        let left_out = take_in(instances, rule, &returned, now);
        let mut events = Vec::new();
        instances.retain(|labels, instance| {
            let kept = instance.step(rule, returned.contains_key(labels), now);
            events.extend(instance.event(now));
            kept
        });
        Evaluation { events, left_out, forgotten }
    }

    /// The messages due about instances of `rule`, evaluated every `interval`; they count as sent.
    pub fn take_due(&mut self, rule: &RuleId, interval: Duration, now: UnixNanos) -> Vec<Notice> {
        let valid_until = now + VALID_FOR * interval.max(RESEND_DELAY);
        let instances = self.rules.get_mut(rule).into_iter().flat_map(BTreeMap::values_mut);
        instances.filter_map(|instance| instance.take_due(valid_until, now)).collect()
    }

    /// Messages about instances of `rule` that nobody took: they are due again at once.
    pub fn handle_unsent(&mut self, rule: &RuleId, notices: &[Notice]) {
        let Some(instances) = self.rules.get_mut(rule) else { return };
        for notice in notices {
            if let Some(instance) = instances.get_mut(&notice.alert.labels) {
                instance.handle_unsent();
            }
        }
    }

    /// Forgets every rule that is not in `groups` any more, after a reload. Its instances end now
    /// in the record; nobody is told, so Alertmanagers take them for resolved when their last
    /// message runs out.
    pub fn retain(&mut self, groups: &[RuleGroup], now: UnixNanos) -> Vec<AlertEvent> {
        let known = |id: &RuleId| groups.iter().flat_map(|group| &group.rules).any(|rule| rule.id == *id);
        let mut events = Vec::new();
        self.rules.retain(|id, instances| {
            let known = known(id);
            if !known {
                events.extend(instances.values_mut().filter_map(|instance| {
                    instance.end(now);
                    instance.event(now)
                }));
            }
            known
        });
        events
    }

    /// Every instance kept: pending, firing, and lately resolved.
    pub fn alerts(&self) -> impl Iterator<Item = (&RuleId, &Alert)> {
        self.rules.iter().flat_map(|(id, instances)| instances.values().map(move |instance| (id, &instance.alert)))
    }
}

/// The rows by the labels of their instances.
fn by_labels<'a>(rule: &AlertRule, results: &'a [ResultRow]) -> BTreeMap<Labels, &'a ResultRow> {
    let mut rows: BTreeMap<Labels, &ResultRow> = BTreeMap::new();
    for row in results {
        let kept = rows.entry(labels_of(rule, row)).or_insert(row);
        if row.value.total_cmp(&kept.value).is_gt() {
            *kept = row;
        }
    }
    rows
}

/// Of one name the last one wins: the alert's name over the rule's labels over the row's.
fn labels_of(rule: &AlertRule, row: &ResultRow) -> Labels {
    let of_row = row.labels.iter().map(|(name, value)| (Arc::clone(name), Arc::clone(value)));
    let of_rule = rule.labels.iter().map(|(name, text)| (Arc::clone(name), Arc::from(text.render(row))));
    Labels::new(of_row.chain(of_rule).chain([(ALERT_NAME.into(), Arc::clone(&rule.alert))]))
}

fn annotations_of(rule: &AlertRule, row: &ResultRow) -> Arc<Annotations> {
    Arc::new(rule.annotations.iter().map(|(name, text)| (Arc::clone(name), text.render(row))).collect())
}

/// Forgets the resolved instances that new ones need the room of, the oldest first.
fn make_room(instances: &mut BTreeMap<Labels, Instance>, returned: &BTreeMap<Labels, &ResultRow>) -> usize {
    let new = returned.keys().filter(|labels| !instances.contains_key(*labels)).count();
    let excess = (instances.len() + new).saturating_sub(INSTANCES_MAX);
    if excess == 0 {
        return 0;
    }
    let gone = instances.iter().filter(|(labels, _)| !returned.contains_key(*labels));
    let mut resolved: Vec<(UnixNanos, Labels)> = gone
        .filter_map(|(labels, instance)| match instance.alert.phase {
            Phase::Resolved { at, .. } => Some((at, labels.clone())),
            _ => None,
        })
        .collect();
    resolved.sort();
    resolved.truncate(excess);
    for (_, labels) in &resolved {
        instances.remove(labels);
    }
    resolved.len()
}

/// Renews the instances that were returned and begins new ones. How many had no room.
fn take_in(
    instances: &mut BTreeMap<Labels, Instance>,
    rule: &AlertRule,
    returned: &BTreeMap<Labels, &ResultRow>,
    now: UnixNanos,
) -> usize {
    let mut left_out = 0;
    for (labels, row) in returned {
        let full = instances.len() >= INSTANCES_MAX;
        match instances.entry(labels.clone()) {
            Entry::Occupied(mut known) if known.get().is_active() => {
                known.get_mut().renew(row.value, annotations_of(rule, row));
            }
            Entry::Vacant(_) if full => left_out += 1,
            entry => {
                let instance = Instance::new(labels.clone(), row.value, annotations_of(rule, row), now);
                entry.insert_entry(instance);
            }
        }
    }
    left_out
}

#[cfg(test)]
mod tests;
