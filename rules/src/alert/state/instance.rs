//! The state machine of one instance.

use std::sync::Arc;

use weir_model::{observation::Labels, time::UnixNanos};

use super::{Alert, AlertEvent, Annotations, Notice, Phase, RESEND_DELAY, RESOLVED_RETENTION};
use crate::alert::AlertRule;

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) alert: Alert,
    /// The phase that the last event told of.
    told: Option<Phase>,
    /// Since when it is firing without being returned.
    missing_since: Option<UnixNanos>,
    /// When the last message was handed out.
    sent_at: Option<UnixNanos>,
}

impl Instance {
    pub(super) fn new(labels: Labels, value: f64, annotations: Arc<Annotations>, now: UnixNanos) -> Self {
        let alert = Alert { labels, annotations, value, active_at: now, phase: Phase::Pending };
        Self { alert, told: None, missing_since: None, sent_at: None }
    }

    /// Pending or firing.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.alert.phase, Phase::Pending | Phase::Firing { .. })
    }

    /// Takes over what the newest row says.
    pub(super) fn renew(&mut self, value: f64, annotations: Arc<Annotations>) {
        self.alert.value = value;
        self.alert.annotations = annotations;
    }

    /// Moves on to the phase of `now`. Whether the instance is to be kept.
    pub(super) fn step(&mut self, rule: &AlertRule, returned: bool, now: UnixNanos) -> bool {
        self.begin_waits_anew(now);
        match self.alert.phase {
            Phase::Pending if !returned => self.end(now),
            Phase::Pending if now.since(self.alert.active_at) >= rule.hold => {
                self.alert.phase = Phase::Firing { since: now };
            }
            Phase::Firing { .. } if returned => self.missing_since = None,
            Phase::Firing { .. } => {
                let missing_since = *self.missing_since.get_or_insert(now);
                // Without `keep_firing_for`, zero is not below zero: resolved at once.
                if now.since(missing_since) >= rule.keep_firing {
                    self.end(now);
                }
            }
            Phase::Resolved { at, .. } => return now.since(at) <= RESOLVED_RETENTION,
            Phase::Pending | Phase::Inactive => {}
        }
        self.alert.phase != Phase::Inactive
    }

    /// After the clock has stepped back, what began later than now began nobody knows how long ago. It would be
    /// waited for until the clock is there again.
    fn begin_waits_anew(&mut self, now: UnixNanos) {
        if self.alert.phase == Phase::Pending {
            self.alert.active_at = self.alert.active_at.min(now);
        }
        self.missing_since = self.missing_since.map(|since| since.min(now));
    }

    /// Ends what is active.
    pub(super) fn end(&mut self, now: UnixNanos) {
        self.alert.phase = match self.alert.phase {
            Phase::Pending | Phase::Inactive => Phase::Inactive,
            Phase::Firing { since } => Phase::Resolved { fired: since, at: now },
            resolved @ Phase::Resolved { .. } => resolved,
        };
    }

    /// What is to be told since the last event.
    pub(super) fn event(&mut self, now: UnixNanos) -> Option<AlertEvent> {
        let phase = Some(self.alert.phase);
        (std::mem::replace(&mut self.told, phase) != phase).then(|| AlertEvent { at: now, alert: self.alert.clone() })
    }

    /// The message due at `now` (Prometheus: `Alert.needsSending`).
    pub(super) fn take_due(&mut self, valid_until: UnixNanos, now: UnixNanos) -> Option<Notice> {
        let (starts_at, ends_at, resolved) = match self.alert.phase {
            Phase::Firing { since } => (since, valid_until, None),
            Phase::Resolved { fired, at } => (fired, at, Some(at)),
            Phase::Pending | Phase::Inactive => return None,
        };
        // What was sent later than now was sent before the clock stepped back.
        let sent_at = self.sent_at.filter(|sent| *sent <= now);
        let due = sent_at.is_none_or(|sent| resolved.is_some_and(|at| at > sent) || sent + RESEND_DELAY < now);
        due.then(|| {
            self.sent_at = Some(now);
            // Alertmanager refuses what ends before it starts.
            Notice { alert: self.alert.clone(), starts_at: starts_at.min(now), ends_at }
        })
    }

    /// The last message was not taken.
    pub(super) fn handle_unsent(&mut self) {
        self.sent_at = None;
    }
}
