//! The controller's timers: all that it ever waits for.

use weir_model::time::Mono;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The slow loop plans again.
    Plan,
    /// The ramp takes its next step.
    Ramp,
}

impl Timer {
    const ALL: [Self; 2] = [Self::Plan, Self::Ramp];

    /// The reason, for whoever asks what the controller is waiting for.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Plan => "slow loop: plan again",
            Self::Ramp => "ramp: next step",
        }
    }
}

/// One deadline per timer.
#[derive(Debug, Default)]
pub(super) struct Timers([Option<Mono>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Mono) {
        self.0[timer as usize] = Some(at);
    }

    /// Sets it to `at` unless it is due earlier.
    pub(super) fn set_at_latest(&mut self, timer: Timer, at: Mono) {
        let due = &mut self.0[timer as usize];
        *due = Some(due.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// A timer whose deadline has come; it is stopped.
    pub(super) fn expired(&mut self, now: Mono) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().find(|timer| self.0[*timer as usize].is_some_and(|due| due <= now))?;
        self.stop(timer);
        Some(timer)
    }

    pub(super) fn next(&self) -> Option<(Mono, &'static str)> {
        let due = Timer::ALL.into_iter().filter_map(|timer| Some((self.0[timer as usize]?, timer.reason())));
        due.min_by_key(|(at, _)| *at)
    }
}
