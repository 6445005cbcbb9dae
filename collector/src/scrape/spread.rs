//! When in its interval a target is scraped.

use std::time::Duration;

use weir_model::time::UnixNanos;

use super::{ScrapeTarget, relabel};

/// How long from `now` until the first scrape: each target has its own place in the interval, which depends on
/// nothing but itself, so that a thousand do not ask at once and a restart changes no rhythm.
pub(super) fn first_after(target: &ScrapeTarget, now: UnixNanos) -> Duration {
    let interval = target.interval().as_nanos().max(1);
    let mut identity = target.url().to_string();
    for (name, value) in target.labels().iter() {
        identity.extend(["\0", name, "\0", value]);
    }
    let place = u128::from(relabel::hash(&identity)) % interval;
    let since_epoch = u128::from(now.0.unsigned_abs()) % interval;
    let wait = (interval + place - since_epoch) % interval;
    Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: usize) -> ScrapeTarget {
        let every = Duration::from_secs(10);
        ScrapeTarget::new("node", &format!("http://10.0.{}.{}:9100/metrics", name / 250, name % 250), every, every)
            .unwrap()
    }

    /// 1,000 targets over 10 s: 100 a second if they were even, and no second has twice that.
    #[test]
    fn targets_are_spread_over_the_interval() {
        let now = UnixNanos(1_700_000_123_456_789_000);
        let mut seconds = [0; 10];
        for name in 0..1_000 {
            seconds[usize::try_from(first_after(&target(name), now).as_secs()).unwrap()] += 1;
        }
        assert!(seconds.iter().all(|count| (50..200).contains(count)), "{seconds:?}");
    }

    #[test]
    fn a_target_keeps_its_place() {
        let at = |nanos: i64| {
            (i128::from(nanos) + first_after(&target(1), UnixNanos(nanos)).as_nanos() as i128) % 10_000_000_000
        };
        let place = at(1_700_000_000_000_000_000);
        for nanos in [1_700_000_000_000_000_001, 1_700_000_003_000_000_000, 1_800_000_000_123_456_789] {
            assert_eq!(at(nanos), place);
        }
    }
}
