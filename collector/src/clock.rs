//! Both clocks, read together. The pure rooms take [`Now`] as an argument; here it is made.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use weir_model::time::{Mono, Now, UnixNanos};

/// The origin of [`Mono`] in this process: the first time that anybody asked.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// This instant on both clocks.
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// Monotonic nanoseconds since the process first asked (584 years until they wrap).
pub fn mono() -> Mono {
    let origin = ORIGIN.get_or_init(Instant::now);
    Mono(u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// The wall clock; one that stands before 1970 reads as 1970.
pub fn wall() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_steps_back_and_the_wall_clock_is_of_this_century() {
        let (first, second) = (now(), now());
        assert!(second.mono >= first.mono);
        assert!(first.wall > UnixNanos::from_secs(1_700_000_000));
    }
}
