//! Why the health changed, in words an operator reads.

use std::{fmt, time::Duration};

use weir_model::{health::Health, time::Mono, unit::Millis};

use super::HealthMachine;

impl HealthMachine {
    /// Why it is about to enter `next`.
    pub(super) fn reason(&self, next: Health, now: Mono) -> String {
        match next {
            Health::Down => self.reason_down(now),
            Health::Degraded => self.reason_degraded(),
            Health::Up => self.reason_up(),
            Health::Unknown => format!("no probe result for {}", Span(self.policy.silence)),
        }
    }

    fn reason_down(&self, now: Mono) -> String {
        let mut reason = format!("{} of {} probes lost", self.losing.hits(), self.losing.len());
        if self.losing.hits() > self.policy.down.count {
            let usual = match self.loss.len() < self.policy.warm_up {
                true => "nothing is known of its usual loss yet".to_owned(),
                false => format!("it usually loses {}", Percent(self.loss.fraction())),
            };
            reason += &format!(", more than chance ({usual})");
        }
        match self.answered {
            Some(answered) => reason + &format!(", last good reply {} ago", Span(now.since(answered))),
            None => reason + ", no reply ever",
        }
    }

    fn reason_degraded(&self) -> String {
        if self.loss.is_lossy() {
            let (lost, of) = (self.loss.lost(), self.loss.len());
            return format!("{lost} of {of} probes lost, limit {}", Percent(self.policy.loss_enter));
        }
        let median = millis(self.latency.median().unwrap_or_default());
        let (limit, deviation) = (millis(self.policy.latency_max), millis(self.latency.deviation()));
        format!("median latency {median}, limit {limit} + 4 x {deviation} of jitter")
    }

    fn reason_up(&self) -> String {
        if self.health == Health::Degraded {
            let loss = Percent(self.loss.fraction());
            return match self.latency.median() {
                Some(median) => format!("loss {loss} and median latency {} within limits", millis(median)),
                None => format!("loss {loss} within limits"),
            };
        }
        let answered = format!("{} of {} probes answered", self.answering.hits(), self.answering.len());
        match self.flap.hold() {
            Duration::ZERO => answered,
            hold => format!("{answered}, after a hold of {} for flapping", Span(hold)),
        }
    }
}

fn millis(span: Duration) -> Millis {
    Millis(span.as_secs_f64() * 1e3)
}

/// A fraction as people write it.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0 * 100.0)
    }
}

/// A span to three digits or so: an operator compares it, nothing reads it back.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            secs @ 1..120 => write!(f, "{secs}.{} s", self.0.subsec_millis() / 100),
            secs @ 120..7_200 => write!(f, "{} min", secs / 60),
            secs => write!(f, "{} h", secs / 3_600),
        }
    }
}
