//! Sharing out what was counted between two polls over the slots between them.

/// What a slot gets of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The slot's number: its start divided by its length.
    pub(super) slot: i64,
    /// Its part of the count.
    pub(super) count: u64,
    /// How much of the slot lies between the polls, in nanoseconds.
    pub(super) covered: i64,
}

/// Shares `count` over the time `from..to`, evenly. The counter's value at each border is rounded
/// down, so that the shares add up to `count`, and consecutive polls' shares to the whole.
pub(super) fn share(from: i64, to: i64, count: u64, slot: i64) -> impl Iterator<Item = Share> {
    let at =
        move |time: i64| (u128::from(count) * (time.abs_diff(from) as u128) / to.abs_diff(from).max(1) as u128) as u64;
    (from.div_euclid(slot)..=to.saturating_sub(1).div_euclid(slot)).map(move |number| {
        let start = number.saturating_mul(slot).max(from);
        let end = number.saturating_add(1).saturating_mul(slot).min(to);
        Share { slot: number, count: at(end) - at(start), covered: end - start }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(from: i64, to: i64, count: u64) -> Vec<(i64, u64, i64)> {
        share(from, to, count, 300).map(|share| (share.slot, share.count, share.covered)).collect()
    }

    #[test]
    fn borders_are_interpolated() {
        assert_eq!(shares(300, 600, 7), [(1, 7, 300)]);
        assert_eq!(shares(270, 330, 60), [(0, 30, 30), (1, 30, 30)]);
        assert_eq!(shares(290, 910, 620), [(0, 10, 10), (1, 300, 300), (2, 300, 300), (3, 10, 10)]);
        assert_eq!(shares(-10, 10, 3), [(-1, 1, 10), (0, 2, 10)]);
        assert_eq!(shares(0, 1, u64::MAX), [(0, u64::MAX, 1)]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_added(from in -2_000i64..2_000, span in 1i64..2_000, count in any::<u64>()) {
            let shares = shares(from, from + span, count);
            prop_assert_eq!(shares.iter().map(|(_, count, _)| u128::from(*count)).sum::<u128>(), u128::from(count));
            prop_assert_eq!(shares.iter().map(|(.., covered)| covered).sum::<i64>(), span);
            prop_assert!(shares.iter().all(|(.., covered)| (1..=300).contains(covered)));
        }
    }
}
