//! Flap back-off: the more often a target goes down, the longer it must wait to be believed.

use std::time::Duration;

use weir_model::time::Mono;

use super::HealthPolicy;

/// Doublings of `hold_min` at most: 2^20 x 1 ns is a millisecond, and any sensible `hold_max` is
/// reached long before; it only keeps the shift in range.
const DOUBLINGS_MAX: u32 = 20;

/// Counts outages that follow each other within the policy's `flap_window`.
#[derive(Clone, Debug, Default)]
pub(super) struct FlapBackoff {
    /// Outages in quick succession, those that decayed taken off.
    outages: u32,
    /// From when on the next decay is counted.
    since: Mono,
    /// Until when `Up` is not believed; `None` when no hold is in force.
    held_until: Option<Mono>,
    /// How long that hold is.
    hold: Duration,
}

impl FlapBackoff {
    /// An outage began.
    pub(super) fn note_outage(&mut self, policy: &HealthPolicy, now: Mono) {
        let decayed = now.since(self.since).as_nanos() / policy.flap_window.as_nanos();
        self.outages = self.outages.saturating_sub(u32::try_from(decayed).unwrap_or(u32::MAX));
        self.hold = hold(policy, self.outages);
        // Past the longest hold nothing is added, or decay would take as long as the flapping did.
        if self.hold < policy.hold_max && self.outages <= DOUBLINGS_MAX {
            self.outages += 1;
        }
        self.since = now;
        self.held_until = (!self.hold.is_zero()).then(|| now + self.hold);
    }

    /// `Up` was believed: no hold is in force.
    pub(super) fn release(&mut self) {
        self.held_until = None;
    }

    pub(super) fn held_until(&self) -> Option<Mono> {
        self.held_until
    }

    /// The hold in force; zero when there is none.
    pub(super) fn hold(&self) -> Duration {
        self.held_until.map_or(Duration::ZERO, |_| self.hold)
    }
}

/// The hold after an outage that follows `earlier` others.
fn hold(policy: &HealthPolicy, earlier: u32) -> Duration {
    match earlier.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => policy.hold_min.saturating_mul(1 << doublings.min(DOUBLINGS_MAX)).min(policy.hold_max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_double_up_to_the_longest_and_decay_one_step_a_window() {
        let policy = HealthPolicy::default();
        let mut flap = FlapBackoff::default();
        let mut hold_at = |secs: u64| {
            flap.note_outage(&policy, Mono(secs * 1_000_000_000));
            flap.hold().as_secs()
        };
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8].map(&mut hold_at), [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(hold_at(8 + 3 * 600), 40, "three windows take three doublings back: 300 = 320 capped, 160, 80, 40");
        assert_eq!(hold_at(100_000), 0);
    }
}
