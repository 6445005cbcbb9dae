//! Latency of the latest answers.

use std::{collections::VecDeque, time::Duration};

/// Deviations added to the limit (RFC 6298, section 2: K = 4).
const DEVIATIONS: u32 = 4;

/// Round trips of the latest answers, their median, and their mean deviation as RFC 6298 smooths it.
#[derive(Clone, Debug)]
pub(super) struct LatencyWindow {
    round_trips: VecDeque<Duration>,
    len_max: usize,
    limit: Duration,
    /// SRTT and RTTVAR; `None` before the first answer.
    smoothed: Option<(Duration, Duration)>,
    slow: bool,
}

impl LatencyWindow {
    pub(super) fn new(len_max: u32, limit: Duration) -> Self {
        Self { round_trips: VecDeque::new(), len_max: len_max as usize, limit, smoothed: None, slow: false }
    }

    pub(super) fn push(&mut self, round_trip: Duration) {
        self.smoothed = Some(match self.smoothed {
            // RFC 6298, (2.2) and (2.3).
            None => (round_trip, round_trip / 2),
            Some((mean, deviation)) => {
                let deviation = deviation - deviation / 4 + mean.abs_diff(round_trip) / 4;
                (mean - mean / 8 + round_trip / 8, deviation)
            }
        });
        if self.round_trips.len() == self.len_max {
            self.round_trips.pop_front();
        }
        self.round_trips.push_back(round_trip);
        if let Some(median) = self.median() {
            let limit = if self.slow { self.limit } else { self.limit.saturating_add(self.deviation() * DEVIATIONS) };
            self.slow = median > limit;
        }
    }

    /// The lower median; `None` until half of the window is filled.
    pub(super) fn median(&self) -> Option<Duration> {
        if self.round_trips.len() < self.len_max.div_ceil(2) {
            return None;
        }
        let mut sorted: Vec<Duration> = self.round_trips.iter().copied().collect();
        let middle = (sorted.len() - 1) / 2;
        Some(*sorted.select_nth_unstable(middle).1)
    }

    /// The mean deviation, RTTVAR.
    pub(super) fn deviation(&self) -> Duration {
        self.smoothed.map_or(Duration::ZERO, |(_, deviation)| deviation)
    }

    /// Whether the median is above its limit, with hysteresis.
    pub(super) fn is_slow(&self) -> bool {
        self.slow
    }

    pub(super) fn clear(&mut self) {
        self.round_trips.clear();
        self.smoothed = None;
        self.slow = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow_after(round_trips: impl IntoIterator<Item = u64>) -> bool {
        let mut window = LatencyWindow::new(31, Duration::from_millis(250));
        round_trips.into_iter().for_each(|millis| window.push(Duration::from_millis(millis)));
        window.is_slow()
    }

    #[test]
    fn a_steady_median_above_the_limit_is_slow() {
        assert!(slow_after([260; 31]));
        assert!(!slow_after([250; 31]));
        assert!(!slow_after([260; 15]), "half of the window is not filled");
    }

    #[test]
    fn jitter_widens_the_limit() {
        // Median 280 ms; the mean deviation is near 100 ms, so the limit is near 650 ms.
        assert!(!slow_after((0..31).map(|index| if index % 2 == 0 { 280 } else { 80 })));
        assert!(slow_after((0..62).map(|index| if index % 2 == 0 { 280 } else { 278 })));
    }

    #[test]
    fn spikes_are_not_slow_and_slowness_has_hysteresis() {
        assert!(!slow_after((0..62).map(|index| if index % 4 == 0 { 3000 } else { 20 })));
        let around = (0..62).map(|_| 300).chain((0..31).map(|index| if index % 2 == 0 { 251 } else { 300 }));
        assert!(slow_after(around.clone()), "above the limit itself, though within limit + jitter");
        assert!(!slow_after(around.chain([249; 31])));
    }
}
