//! What one vantage sees of all its targets, and whether that is to be believed.

use std::ops::{AddAssign, SubAssign};

use super::QuorumPolicy;

/// Targets seen down that others must have an opinion on too before they can contradict it: one
/// disagreement is an outage of one path.
const COMPARED_MIN: u32 = 2;

/// Counts over the targets of a vantage; also what one target adds to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// Targets it has an opinion on.
    pub(super) opinions: u32,
    /// Of these, seen down.
    pub(super) down: u32,
    /// Of those, with an opinion of another vantage.
    pub(super) compared: u32,
    /// Of those, seen alive by most of the others.
    pub(super) contradicted: u32,
}

impl View {
    /// Whether it is its own eyes that fail: nearly everything is down, and the others mostly see it
    /// alive. `blind` is what was thought before: it takes more to lose sight than to stay without.
    pub(super) fn is_blind(&self, policy: &QuorumPolicy, blind: bool) -> bool {
        let share = if blind { policy.sighted_share } else { policy.blind_share };
        self.opinions >= policy.blind_targets_min.max(1)
            && f64::from(self.down) > share * f64::from(self.opinions)
            && self.compared >= COMPARED_MIN
            && self.contradicted * 2 > self.compared
    }
}

impl AddAssign for View {
    fn add_assign(&mut self, other: Self) {
        self.opinions += other.opinions;
        self.down += other.down;
        self.compared += other.compared;
        self.contradicted += other.contradicted;
    }
}

impl SubAssign for View {
    fn sub_assign(&mut self, other: Self) {
        self.opinions -= other.opinions;
        self.down -= other.down;
        self.compared -= other.compared;
        self.contradicted -= other.contradicted;
    }
}
