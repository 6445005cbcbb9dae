//! How a target's health is judged.

use std::time::Duration;

use thiserror::Error;

/// Most outcomes that any window may hold: 2^16 probes at one a second are 18 hours; at 1 byte an
/// outcome and 16 bytes a round trip one machine then weighs 1.1 MiB (and 1 KiB by default).
pub const WINDOW_MAX: u32 = 1 << 16;

/// `count` of the last `of` outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// How many must agree.
    pub count: u32,
    /// Among how many.
    pub of: u32,
}

impl Threshold {
    /// `count` outcomes in a row.
    pub const fn in_a_row(count: u32) -> Self {
        Self { count, of: count }
    }

    /// How many of `of` may disagree.
    pub const fn misses(self) -> u32 {
        self.of.saturating_sub(self.count)
    }
}

/// How a target's health is judged. Every default is the comment's last word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthPolicy {
    /// Losses that mean `Down` on a target that usually loses nothing: 3 of 3.
    pub down: Threshold,
    /// Answers that mean `Up` after `Down` or `Unknown`: 5 of 5.
    pub up: Threshold,
    /// How improbable a `Down` by chance must be when a run of losses begins, given the target's
    /// usual loss p: `down.count` grows to the k with p^k <= `false_alarm`: 1e-6.
    pub false_alarm: f64,
    /// Where that growth ends: 20, because 0.5^20 = 1e-6: who loses more than half is as good as down.
    pub down_count_max: u32,
    /// Outcomes before the measured loss is trusted: 20. Three losses in a row at the very start
    /// would otherwise be `Down` by chance for 2.7 % of the targets that lose 30 %.
    pub warm_up: u32,
    /// The loss assumed until then, at least: 0.3, so 12 losses in a row.
    pub warm_up_loss: f64,
    /// Outcomes of the longer window that loss is measured over: 300.
    pub loss_window: u32,
    /// Loss from which on the target is `Degraded`: 0.05.
    pub loss_enter: f64,
    /// Loss down to which it stays so: 0.02. Three standard deviations of the measurement apart
    /// (sqrt(0.035 x 0.965 / 300) = 0.011), or chance would cross both.
    pub loss_leave: f64,
    /// Median round trip above which, with 4 x the mean deviation added (RFC 6298, section 2), the
    /// target is `Degraded`; it stays so until the median is no longer above this alone: 250 ms.
    pub latency_max: Duration,
    /// Answers that the median is taken over; it is judged from half of them on: 31.
    pub latency_window: u32,
    /// Without any outcome for so long the target is `Unknown`: 30 s.
    pub silence: Duration,
    /// Hold after the second outage within `flap_window`; each further one doubles it: 10 s.
    /// A lone outage is not held.
    pub hold_min: Duration,
    /// Longest hold: 5 min.
    pub hold_max: Duration,
    /// Outages nearer to each other than this are flapping; each such span without one takes one
    /// doubling back: 10 min.
    pub flap_window: Duration,
    /// `Degraded` is kept at least so long: 30 s.
    pub degraded_hold: Duration,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            down: Threshold::in_a_row(3),
            up: Threshold::in_a_row(5),
            false_alarm: 1e-6,
            down_count_max: 20,
            warm_up: 20,
            warm_up_loss: 0.3,
            loss_window: 300,
            loss_enter: 0.05,
            loss_leave: 0.02,
            latency_max: Duration::from_millis(250),
            latency_window: 31,
            silence: Duration::from_secs(30),
            hold_min: Duration::from_secs(10),
            hold_max: Duration::from_secs(300),
            flap_window: Duration::from_secs(600),
            degraded_hold: Duration::from_secs(30),
        }
    }
}

/// Why a [`HealthPolicy`] cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum HealthPolicyError {
    /// A threshold that is always or never met.
    #[error(
        "`{name}` asks for {} of {} probes: give a count from 1 to `of`, and at most {WINDOW_MAX}",
        .threshold.count, .threshold.of
    )]
    Threshold {
        /// `down` or `up`.
        name: &'static str,
        /// As given.
        threshold: Threshold,
    },
    /// The grown count would be smaller than the count.
    #[error("`down_count_max` is {max}, less than `down`'s {count} or more than {WINDOW_MAX}")]
    DownCountMax {
        /// As given.
        max: u32,
        /// `down.count`.
        count: u32,
    },
    /// Not strictly between 0 and 1.
    #[error("`{name}` is {value}: give a fraction between 0 and 1, such as 0.05 for 5 %")]
    Fraction {
        /// Which.
        name: &'static str,
        /// As given.
        value: f64,
    },
    /// A window that holds nothing or too much.
    #[error("`{name}` holds {len} probes: give 1 to {WINDOW_MAX}")]
    Window {
        /// Which.
        name: &'static str,
        /// As given.
        len: u32,
    },
    /// The measured loss would never be trusted.
    #[error("`warm_up` ({warm_up}) is longer than `loss_window` ({loss_window}): make it shorter")]
    WarmUp {
        /// `warm_up`.
        warm_up: u32,
        /// `loss_window`.
        loss_window: u32,
    },
    /// Without hysteresis the target would flutter.
    #[error("`loss_leave` ({leave}) is not below `loss_enter` ({enter}): leave a gap, such as 0.02 and 0.05")]
    LossOrder {
        /// `loss_enter`.
        enter: f64,
        /// `loss_leave`.
        leave: f64,
    },
    /// A span that must not be zero.
    #[error("`{name}` is zero: give a span, such as 30s")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// The first hold is longer than the longest.
    #[error("`hold_min` is longer than `hold_max`: make it the shorter one")]
    HoldOrder,
}

impl HealthPolicy {
    /// Whether it can be followed.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), HealthPolicyError> {
        for (name, threshold) in [("down", self.down), ("up", self.up)] {
            if threshold.count == 0 || threshold.count > threshold.of || threshold.of > WINDOW_MAX {
                return Err(HealthPolicyError::Threshold { name, threshold });
            }
        }
        if self.down_count_max < self.down.count || self.down_count_max > WINDOW_MAX {
            return Err(HealthPolicyError::DownCountMax { max: self.down_count_max, count: self.down.count });
        }
        self.check_fractions()?;
        for (name, len) in [("loss_window", self.loss_window), ("latency_window", self.latency_window)] {
            if !(1..=WINDOW_MAX).contains(&len) {
                return Err(HealthPolicyError::Window { name, len });
            }
        }
        if self.warm_up > self.loss_window {
            return Err(HealthPolicyError::WarmUp { warm_up: self.warm_up, loss_window: self.loss_window });
        }
        for (name, span) in [("silence", self.silence), ("flap_window", self.flap_window)] {
            if span.is_zero() {
                return Err(HealthPolicyError::Zero { name });
            }
        }
        if self.hold_min > self.hold_max {
            return Err(HealthPolicyError::HoldOrder);
        }
        Ok(())
    }

    fn check_fractions(&self) -> Result<(), HealthPolicyError> {
        let fractions = [
            ("false_alarm", self.false_alarm),
            ("warm_up_loss", self.warm_up_loss),
            ("loss_enter", self.loss_enter),
            ("loss_leave", self.loss_leave),
        ];
        for (name, value) in fractions {
            // Written so that NaN fails too.
            if !(value > 0.0 && value < 1.0) {
                return Err(HealthPolicyError::Fraction { name, value });
            }
        }
        if self.loss_leave >= self.loss_enter {
            return Err(HealthPolicyError::LossOrder { enter: self.loss_enter, leave: self.loss_leave });
        }
        Ok(())
    }
}
