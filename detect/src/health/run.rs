//! A run: the evidence of a k-of-n decision.

use std::collections::VecDeque;

/// The longest stretch of latest outcomes that begins with a hit and holds at most `misses_max`
/// misses. "k hits among the last k + `misses_max`" holds exactly when the run has k hits, and what
/// is older than the run can have no part in the decision.
#[derive(Clone, Debug)]
pub(super) struct Run {
    outcomes: VecDeque<bool>,
    misses: u32,
    misses_max: u32,
}

impl Run {
    pub(super) fn new(misses_max: u32) -> Self {
        Self { outcomes: VecDeque::new(), misses: 0, misses_max }
    }

    /// How many outcomes it holds. Never past `u32`: the policy's checked counts bound it.
    pub(super) fn len(&self) -> u32 {
        self.outcomes.len() as u32
    }

    pub(super) fn hits(&self) -> u32 {
        self.len() - self.misses
    }

    /// Appends an outcome; [`Self::pop_settled`] must then be drained.
    pub(super) fn push(&mut self, hit: bool) {
        self.outcomes.push_back(hit);
        self.misses += u32::from(!hit);
    }

    /// Takes off the oldest outcome once it is no part of the run any more.
    pub(super) fn pop_settled(&mut self) -> Option<bool> {
        let begins_with_hit = *self.outcomes.front()?;
        if begins_with_hit && self.misses <= self.misses_max {
            return None;
        }
        self.pop()
    }

    /// Drops what is no part of the run any more.
    pub(super) fn settle(&mut self) {
        while self.pop_settled().is_some() {}
    }

    /// Drops the oldest outcomes beyond `len`.
    pub(super) fn keep_latest(&mut self, len: u32) {
        while self.len() > len {
            self.pop();
        }
        self.settle();
    }

    pub(super) fn clear(&mut self) {
        self.outcomes.clear();
        self.misses = 0;
    }

    fn pop(&mut self) -> Option<bool> {
        let hit = self.outcomes.pop_front()?;
        self.misses -= u32::from(!hit);
        Some(hit)
    }
}
