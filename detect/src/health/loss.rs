//! Usual loss, and how many losses in a row it explains.

use std::collections::VecDeque;

use super::HealthPolicy;

/// Outcomes that a young window counts as having: those missing count as answered, so that one
/// early loss is not read as a loss of 100 %. At 100, `loss_enter` = 0.05 takes 5 losses at least.
const FRACTION_BASE: u32 = 100;

/// Standard deviations that the cautious estimate lies above the measured loss (97.7 % one-sided).
const CAUTION_Z: f64 = 2.0;

/// The latest outcomes that no outage and no current run of losses has a part in.
#[derive(Clone, Debug)]
pub(super) struct LossWindow {
    outcomes: VecDeque<bool>,
    len_max: u32,
    lost: u32,
    enter: f64,
    leave: f64,
    lossy: bool,
}

impl LossWindow {
    pub(super) fn new(len_max: u32, enter: f64, leave: f64) -> Self {
        Self { outcomes: VecDeque::new(), len_max, lost: 0, enter, leave, lossy: false }
    }

    pub(super) fn push(&mut self, lost: bool) {
        if self.len() == self.len_max {
            self.lost -= u32::from(self.outcomes.pop_front() == Some(true));
        }
        self.outcomes.push_back(lost);
        self.lost += u32::from(lost);
        let fraction = self.fraction();
        self.lossy = if self.lossy { fraction > self.leave } else { fraction >= self.enter };
    }

    /// How many outcomes it holds: at most `len_max`, so within `u32`.
    pub(super) fn len(&self) -> u32 {
        self.outcomes.len() as u32
    }

    pub(super) fn lost(&self) -> u32 {
        self.lost
    }

    /// The lost part, 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        f64::from(self.lost) / f64::from(self.len().max(FRACTION_BASE.min(self.len_max)))
    }

    /// Whether the loss is above its limits, with hysteresis.
    pub(super) fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// How many losses, with the misses that `policy.down` forgives among them, are too improbable
    /// to be this window's usual loss.
    pub(super) fn losses_for_down(&self, policy: &HealthPolicy) -> u32 {
        let loss = self.cautious_loss(policy);
        (policy.down.count..policy.down_count_max)
            .find(|count| chance_of_losses(*count, policy.down.misses(), loss) <= policy.false_alarm)
            .unwrap_or(policy.down_count_max)
    }

    /// An upper bound of the usual loss: Wilson's score interval (Wilson 1927, "Probable inference",
    /// JASA 22). The plain fraction is too low half of the time, and then k is too small. A warm
    /// window without any loss is taken at its word: its target is clean.
    fn cautious_loss(&self, policy: &HealthPolicy) -> f64 {
        let cold = self.len() < policy.warm_up;
        if self.lost == 0 {
            return if cold { policy.warm_up_loss } else { 0.0 };
        }
        let (n, z2) = (f64::from(self.len()), CAUTION_Z * CAUTION_Z);
        let p = f64::from(self.lost) / n;
        let spread = CAUTION_Z * libm::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
        let upper = (p + z2 / (2.0 * n) + spread) / (1.0 + z2 / n);
        if cold { upper.max(policy.warm_up_loss) } else { upper }
    }
}

/// The chance that at least `count` of `count + misses` probes are lost when each is lost with
/// probability `loss` by itself. With no miss this is loss^count, so the smallest count that stays
/// within a chance alpha is ceil(ln alpha / ln loss).
fn chance_of_losses(count: u32, misses: u32, loss: f64) -> f64 {
    if loss <= 0.0 {
        return 0.0;
    }
    let probes = f64::from(count) + f64::from(misses);
    let mut term = libm::pow(loss, probes);
    let mut chance = term;
    for answered in 0..misses {
        let answered = f64::from(answered);
        term *= (probes - answered) / (answered + 1.0) * (1.0 - loss) / loss;
        chance += term;
    }
    chance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Threshold;

    fn window(lost: u32, of: u32) -> LossWindow {
        let mut window = LossWindow::new(1000, 0.05, 0.02);
        (0..of).for_each(|index| window.push(index < lost));
        window
    }

    #[test]
    fn without_misses_the_count_is_the_quotient_of_logarithms() {
        for loss in [0.001f64, 0.01, 0.05, 0.1, 0.3, 0.45] {
            let expected = (1e-6f64.ln() / loss.ln()).ceil() as u32;
            let found = (1..100).find(|count| chance_of_losses(*count, 0, loss) <= 1e-6 * (1.0 + 1e-9));
            assert_eq!(found, Some(expected), "{loss}");
        }
    }

    #[test]
    fn with_misses_the_chance_is_the_binomial_tail() {
        // P(at least 2 of 3) at 0.25 = 3 x 0.25^2 x 0.75 + 0.25^3.
        assert!((chance_of_losses(2, 1, 0.25) - (3.0 * 0.0625 * 0.75 + 0.015625)).abs() < 1e-15);
        assert!((chance_of_losses(1, 4, 0.5) - (1.0 - 0.03125)).abs() < 1e-15);
    }

    #[test]
    fn losses_for_down_grow_with_the_usual_loss_and_are_capped() {
        let policy = HealthPolicy::default();
        let count = |lost, of| window(lost, of).losses_for_down(&policy);
        let counts = [(0, 0), (0, 19), (0, 20), (0, 1000), (1, 1000), (10, 1000), (50, 1000), (300, 1000), (700, 1000)];
        assert_eq!(counts.map(|(lost, of)| count(lost, of)), [12, 12, 3, 3, 3, 4, 6, 13, 20]);
        let forgiving = HealthPolicy { down: Threshold { count: 3, of: 4 }, ..policy };
        assert!(window(300, 1000).losses_for_down(&forgiving) > count(300, 1000));
    }

    #[test]
    fn loss_has_hysteresis_and_young_windows_are_not_trusted() {
        let mut window = LossWindow::new(100, 0.05, 0.02);
        (0..4).for_each(|_| window.push(true));
        assert!(!window.is_lossy());
        window.push(true);
        assert!(window.is_lossy());
        (0..97).for_each(|_| window.push(false));
        assert!(window.is_lossy(), "3 of 100 is between the limits");
        window.push(false);
        assert!(!window.is_lossy());
    }
}
