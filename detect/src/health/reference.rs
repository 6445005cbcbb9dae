//! The health machine as slow as its definition: it keeps every outcome and looks at all of them
//! each time. No window, run or back-off is kept up to date step by step.

use std::time::Duration;

use weir_model::{health::Health, time::Mono};

use super::{HealthPolicy, ProbeOutcome};

#[derive(Clone, Copy)]
struct Seen {
    lost: bool,
    round_trip: Duration,
    /// Part of an outage, or cut off by silence: never counted as usual loss.
    excluded: bool,
}

pub(super) struct Reference {
    policy: HealthPolicy,
    pub(super) health: Health,
    seen: Vec<Seen>,
    /// Where the outcomes that may form a run of losses, a run of answers and a median begin.
    run_from: usize,
    answers_from: usize,
    latency_from: usize,
    entered: Mono,
    heard: Option<Mono>,
    outages: Vec<Mono>,
    held_until: Option<Mono>,
    outage: bool,
    slow: bool,
    lossy: bool,
}

impl Reference {
    pub(super) fn new(policy: HealthPolicy) -> Self {
        Self {
            policy,
            health: Health::Unknown,
            seen: vec![],
            run_from: 0,
            answers_from: 0,
            latency_from: 0,
            entered: Mono(0),
            heard: None,
            outages: vec![],
            held_until: None,
            outage: false,
            slow: false,
            lossy: false,
        }
    }

    pub(super) fn handle_probe(&mut self, outcome: ProbeOutcome, now: Mono) {
        self.heard = Some(now);
        let (lost, round_trip) = match outcome {
            ProbeOutcome::Answered { round_trip } => (false, round_trip),
            ProbeOutcome::Lost => (true, Duration::ZERO),
        };
        if self.outage && !lost {
            self.outage = false;
            self.run_from = self.seen.len();
        }
        let settled_before = self.settled().len();
        self.seen.push(Seen { lost, round_trip, excluded: self.outage });
        if !self.outage {
            self.update_lossy(settled_before);
            let run = self.run();
            let losses = self.seen[run..].iter().filter(|seen| seen.lost).count() as u32;
            if losses >= self.losses_for_down() {
                self.outage = true;
                self.seen[run..].iter_mut().for_each(|seen| seen.excluded = true);
            }
        }
        if !lost {
            self.update_slow();
        }
        self.judge(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Mono) {
        match self.heard {
            Some(heard) if self.health != Health::Unknown && heard + self.policy.silence <= now => {
                self.enter(Health::Unknown, now);
            }
            _ => self.judge(now),
        }
    }

    /// The first outcome of the longest stretch that begins with a loss and forgives enough answers.
    fn run(&self) -> usize {
        let fits = |from: usize| {
            let answers = self.seen[from..].iter().filter(|seen| !seen.lost).count() as u32;
            self.seen[from].lost && answers <= self.policy.down.misses()
        };
        (self.run_from..self.seen.len()).find(|from| fits(*from)).unwrap_or(self.seen.len())
    }

    /// Outcomes that count as usual: not excluded, and older than the current run.
    fn settled(&self) -> Vec<bool> {
        self.seen[..self.run()].iter().filter(|seen| !seen.excluded).map(|seen| seen.lost).collect()
    }

    fn window_of(&self, settled: &[bool]) -> (f64, f64) {
        let window = &settled[settled.len().saturating_sub(self.policy.loss_window as usize)..];
        (window.iter().filter(|lost| **lost).count() as f64, window.len() as f64)
    }

    /// Hysteresis sees every outcome that settles, one after the other.
    fn update_lossy(&mut self, settled_before: usize) {
        let settled = self.settled();
        for end in settled_before + 1..=settled.len() {
            let (lost, len) = self.window_of(&settled[..end]);
            let fraction = lost / len.max(f64::from(self.policy.loss_window.min(100)));
            let (enter, leave) = (self.policy.loss_enter, self.policy.loss_leave);
            self.lossy = fraction >= enter || (self.lossy && fraction > leave);
        }
    }

    fn losses_for_down(&self) -> u32 {
        let (lost, n) = self.window_of(&self.settled());
        let p = lost / n.max(1.0);
        // Wilson, z = 2.
        let upper = (p + 2.0 / n + 2.0 * (p * (1.0 - p) / n + 1.0 / (n * n)).sqrt()) / (1.0 + 4.0 / n);
        let loss = match (lost > 0.0, n < f64::from(self.policy.warm_up)) {
            (false, true) => self.policy.warm_up_loss,
            (false, false) => 0.0,
            (true, true) => upper.max(self.policy.warm_up_loss),
            (true, false) => upper,
        };
        let mut count = self.policy.down.count;
        while count < self.policy.down_count_max && self.chance(count, loss) > self.policy.false_alarm {
            count += 1;
        }
        count
    }

    /// P(at least `count` of `count + misses` are lost), one probe after the other.
    fn chance(&self, count: u32, loss: f64) -> f64 {
        let probes = count + self.policy.down.misses();
        let mut by_lost = vec![0.0; probes as usize + 2];
        by_lost[0] = 1.0;
        for _ in 0..probes {
            for lost in (0..=probes as usize).rev() {
                by_lost[lost + 1] += by_lost[lost] * loss;
                by_lost[lost] *= 1.0 - loss;
            }
        }
        by_lost[count as usize..].iter().sum()
    }

    fn update_slow(&mut self) {
        let nanos = |seen: &Seen| seen.round_trip.as_nanos() as u64;
        let all: Vec<u64> = self.seen[self.latency_from..].iter().filter(|seen| !seen.lost).map(nanos).collect();
        let mut window = all[all.len().saturating_sub(self.policy.latency_window as usize)..].to_vec();
        if window.len() < (self.policy.latency_window as usize).div_ceil(2) {
            return;
        }
        window.sort_unstable();
        let median = window[(window.len() - 1) / 2];
        let (mut mean, mut deviation) = (all[0], all[0] / 2);
        for sample in &all[1..] {
            deviation = deviation - deviation / 4 + mean.abs_diff(*sample) / 4;
            mean = mean - mean / 8 + sample / 8;
        }
        let limit = self.policy.latency_max.as_nanos() as u64;
        self.slow = median > if self.slow { limit } else { limit + 4 * deviation };
    }

    fn answers_again(&self) -> bool {
        let answers = &self.seen[self.answers_from..];
        let up = self.policy.up;
        let latest = &answers[answers.len().saturating_sub(up.of as usize)..];
        let count = |seen: &[Seen]| seen.iter().filter(|seen| !seen.lost).count() as u32;
        count(latest) >= up.count || (self.health == Health::Unknown && self.lossy && count(answers) >= up.count)
    }

    fn judge(&mut self, now: Mono) {
        let held = self.held_until.is_some_and(|until| now < until);
        let was_down = matches!(self.health, Health::Down | Health::Unknown);
        let rests = self.health == Health::Degraded && now < self.entered + self.policy.degraded_hold;
        if self.outage {
            self.enter(Health::Down, now);
        } else if !was_down || (!held && self.answers_again()) {
            self.enter(if self.lossy || self.slow || rests { Health::Degraded } else { Health::Up }, now);
        }
    }

    fn enter(&mut self, next: Health, now: Mono) {
        if next == self.health {
            return;
        }
        let from = std::mem::replace(&mut self.health, next);
        self.entered = now;
        self.answers_from = self.seen.len();
        if matches!(next, Health::Up | Health::Degraded) {
            self.held_until = None;
            return;
        }
        self.latency_from = self.seen.len();
        self.slow = false;
        if next == Health::Unknown {
            let run = self.run();
            self.seen[run..].iter_mut().for_each(|seen| seen.excluded = true);
            self.run_from = self.seen.len();
            self.outage = false;
        } else if from != Health::Unknown {
            self.outages.push(now);
            let hold = self.hold();
            self.held_until = (!hold.is_zero()).then(|| now + hold);
        }
    }

    /// The hold after the latest outage, from all of them.
    fn hold(&self) -> Duration {
        let mut doublings = 0u32;
        let mut hold = Duration::ZERO;
        let mut before = Mono(0);
        for at in &self.outages {
            let windows = at.since(before).as_nanos() / self.policy.flap_window.as_nanos();
            doublings = doublings.saturating_sub(windows as u32);
            hold = match doublings {
                0 => Duration::ZERO,
                _ => (self.policy.hold_min * 2u32.pow(doublings - 1)).min(self.policy.hold_max),
            };
            doublings += u32::from(hold < self.policy.hold_max);
            before = *at;
        }
        hold
    }
}
