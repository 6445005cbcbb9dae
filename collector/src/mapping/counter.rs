//! What a counter counted between two polls.

/// How many bits a counter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// Starts again from 0 after 2^32 - 1 (`Counter32`, RFC 2578, section 7.1.6).
    Bits32,
    /// Never gets there: 2^64 bytes at 1 Tbit/s take 4.7 years.
    Bits64,
}

/// How a counter behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kind {
    pub(super) width: Width,
    /// The most that it can count in a second; `None` when nothing limits it.
    pub(super) per_second_max: Option<f64>,
}

/// How far above its capacity a link may seem to carry: polls are dated when they are asked for,
/// and answered up to half an interval later.
const PLAUSIBLE: f64 = 1.5;

/// 2^32.
const WRAP: u64 = 1 << 32;

/// A counter's value at a time in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) time: i64,
    pub(super) count: u64,
}

impl Reading {
    /// `None` when `value` is no count. Fractions are cut.
    pub(super) fn new(time: i64, value: f64) -> Option<Self> {
        (0.0..18_446_744_073_709_551_616.0).contains(&value).then_some(Self { time, count: value as u64 })
    }

    /// What was counted since `earlier`; `None` when that cannot be known.
    pub(super) fn since(self, earlier: Self, kind: Kind, gap_max: i64) -> Option<u64> {
        let nanos = self.time.checked_sub(earlier.time).filter(|span| (1..=gap_max).contains(span))?;
        let can_count = kind.per_second_max.map_or(f64::INFINITY, |rate| rate * nanos as f64 / 1e9);
        let is_plausible = |count: &u64| *count as f64 <= can_count * PLAUSIBLE;
        if kind.width == Width::Bits32 {
            if can_count >= WRAP as f64 {
                return None;
            }
            let wrapped = earlier.count.checked_sub(self.count).and_then(|down| WRAP.checked_sub(down));
            if let Some(count) = wrapped.filter(|count| *count < WRAP).filter(is_plausible) {
                return Some(count);
            }
        }
        match self.count.checked_sub(earlier.count) {
            Some(count) => Some(count),
            None => Some(self.count).filter(is_plausible),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: i64 = 100_000_000_000;

    /// From one count to the next within so many seconds, at most so many a second.
    fn counted(from: u64, to: u64, seconds: i64, width: Width, per_second_max: Option<f64>) -> Option<u64> {
        let reading = |time: i64, count| Reading { time: time * 1_000_000_000, count };
        reading(seconds, to).since(reading(0, from), Kind { width, per_second_max }, GAP)
    }

    #[test]
    fn growth_resets_and_gaps() {
        let counted = |from, to, seconds| counted(from, to, seconds, Width::Bits64, None);
        assert_eq!(counted(100, 350, 10), Some(250));
        assert_eq!(counted(100, 100, 10), Some(0));
        assert_eq!(counted(1_000, 30, 10), Some(30), "started again");
        assert_eq!(counted(100, 350, 100), Some(250));
        assert_eq!(counted(100, 350, 101), None, "a gap");
        assert_eq!((counted(100, 350, 0), counted(100, 350, -5)), (None, None));
    }

    #[test]
    fn only_narrow_counters_wrap_and_only_to_rates_that_the_link_has() {
        let near_end = WRAP - 1_000;
        let mbps = Some(125_000.0);
        assert_eq!(counted(near_end, 500, 10, Width::Bits32, mbps), Some(1_500));
        assert_eq!(counted(near_end, 500, 10, Width::Bits64, mbps), Some(500));
        // Half way round in 10 s is 1.7 Gbit/s: on a link of 1 Mbit/s the device started again.
        assert_eq!(counted(WRAP / 2, 500, 10, Width::Bits32, mbps), Some(500));
        // And neither that nor a restart can be where the link carries neither.
        assert_eq!(counted(WRAP / 2, WRAP / 4, 10, Width::Bits32, mbps), None);
    }

    #[test]
    fn a_narrow_counter_that_may_have_gone_round_is_not_believed() {
        // 10 Gbit/s go round in 3.4 s.
        let ten_gbps = Some(1.25e9);
        assert_eq!(counted(100, 350, 3, Width::Bits32, ten_gbps), Some(250));
        assert_eq!(counted(100, 350, 4, Width::Bits32, ten_gbps), None);
        assert_eq!(counted(100, 350, 4, Width::Bits64, ten_gbps), Some(250));
    }

    #[test]
    fn what_is_no_count_is_no_reading() {
        for value in [f64::NAN, f64::INFINITY, -1.0, 1.9e19] {
            assert_eq!(Reading::new(0, value), None, "{value}");
        }
        assert_eq!(Reading::new(5, 7.9), Some(Reading { time: 5, count: 7 }));
    }
}
