//! What a row of round trips says about a path: how much they vary, how many are missing.

use std::time::Duration;

use super::Outcome;

/// How many of the latest probes the loss is a share of; a multiple of 1 %, within a `u128`'s bits.
const LOSS_WINDOW: u32 = 100;

/// Jitter and loss of one series of probes.
#[derive(Clone, Debug, Default)]
pub(super) struct Quality {
    last_rtt: Option<Duration>,
    jitter: Option<Duration>,
    /// The latest outcomes, newest in the lowest bit; a bit is set where a probe failed.
    failures: u128,
    seen: u32,
}

impl Quality {
    /// Takes the next outcome in.
    pub(super) fn observe(&mut self, outcome: Outcome) {
        let failed = match outcome {
            Outcome::Ok { rtt } => {
                self.observe_rtt(rtt);
                false
            }
            Outcome::Fail { .. } => true,
        };
        self.failures = (self.failures << 1 | u128::from(failed)) & ((1 << LOSS_WINDOW) - 1);
        self.seen = LOSS_WINDOW.min(self.seen + 1);
    }

    /// RFC 3550, section 6.4.1: `J += (|D(i-1, i)| - J) / 16`, in order of arrival. D is the
    /// difference of two transit times; of round trips it needs no synchronised clocks.
    fn observe_rtt(&mut self, rtt: Duration) {
        if let Some(last) = self.last_rtt.replace(rtt) {
            let (jitter, difference) = (self.jitter.unwrap_or_default(), rtt.abs_diff(last));
            self.jitter = Some(if difference >= jitter {
                jitter + (difference - jitter) / 16
            } else {
                jitter - (jitter - difference) / 16
            });
        }
    }

    /// The jitter; `None` before the second answer.
    pub(super) fn jitter(&self) -> Option<Duration> {
        self.jitter
    }

    /// Share of failures in the window; 0 before the first probe.
    pub(super) fn loss(&self) -> f64 {
        f64::from(self.failures.count_ones()) / f64::from(self.seen.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Reason;

    fn after(outcomes: impl IntoIterator<Item = Outcome>) -> Quality {
        let mut quality = Quality::default();
        outcomes.into_iter().for_each(|outcome| quality.observe(outcome));
        quality
    }

    fn ok(millis: u64) -> Outcome {
        Outcome::Ok { rtt: Duration::from_millis(millis) }
    }

    const LOST: Outcome = Outcome::Fail { reason: Reason::Timeout };

    #[test]
    fn jitter_moves_a_sixteenth_of_the_way_to_each_difference() {
        assert_eq!(after([ok(20)]).jitter(), None);
        assert_eq!(after([ok(20), ok(36)]).jitter(), Some(Duration::from_millis(1)));
        // 1 ms + (16 - 1) / 16 ms, the lost probe between them changing nothing.
        assert_eq!(after([ok(20), ok(36), LOST, ok(20)]).jitter(), Some(Duration::from_nanos(1_937_500)));
        // And back: D = 0.
        assert_eq!(after([ok(20), ok(36), ok(36)]).jitter(), Some(Duration::from_nanos(937_500)));
    }

    #[test]
    fn loss_is_a_share_of_the_window_only() {
        assert_eq!(after([]).loss(), 0.0);
        assert_eq!(after([LOST, ok(1), ok(1), ok(1)]).loss(), 0.25);
        assert_eq!(after(std::iter::repeat_n(LOST, 100).chain(std::iter::repeat_n(ok(1), 75))).loss(), 0.25);
    }
}
