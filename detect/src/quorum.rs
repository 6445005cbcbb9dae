//! The quorum: what the vantages together say of each target.
//!
//! A vantage reports its own state changes; a verdict needs a majority of those vantages that have
//! an opinion. Two kinds of vantage have no say:
//!
//! - a *silent* one, from which nothing was heard for a while. Its votes are dropped; when it comes
//!   back it must report every target anew;
//! - a *blind* one, that sees nearly everything down while the others see those targets alive: what
//!   is broken is its own uplink. Its votes are kept but suspended until its view agrees again.
//!
//! A vantage counts for a target once it has reported it, if only as `Unknown`. So an agent that
//! connects reports all of its targets, or a quorum of one may form before the second has spoken.

mod ballot;
mod policy;
mod verdict;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use weir_model::{
    health::{Health, StateChange, Target},
    id::VantageId,
    time::{Mono, Now},
};

use ballot::Ballot;
pub use policy::{QuorumPolicy, QuorumPolicyError};
pub use verdict::{QuorumEvent, VantageNotice, Verdict};
use view::View;

/// Vantages at most: an agent in each rack of 40 of DESIGN.md's 100,000 nodes is 2,500; 2^14 is six
/// times that.
pub const VANTAGES_MAX: usize = 1 << 14;

/// Targets at most: 100,000 nodes and 1,000,000 links (DESIGN.md, Scale), rounded up to 2^21.
pub const TARGETS_MAX: usize = 1 << 21;

/// Why a report was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuorumError {
    /// More vantages than [`VANTAGES_MAX`].
    #[error("{VANTAGES_MAX} vantages report already: retire some, or split the region")]
    TooManyVantages,
    /// More targets than [`TARGETS_MAX`].
    #[error("{TARGETS_MAX} targets are watched already: watch fewer, or split the region")]
    TooManyTargets,
}

#[derive(Debug)]
struct Vantage {
    heard: Mono,
    blind: bool,
    view: View,
    targets: BTreeSet<Target>,
}

/// Latest votes of all vantages on all targets, and the verdicts they form.
#[derive(Debug)]
pub struct Quorum {
    policy: QuorumPolicy,
    vantages: BTreeMap<VantageId, Vantage>,
    ballots: BTreeMap<Target, Ballot>,
    refused: u64,
}

impl Quorum {
    /// A quorum nobody has reported to.
    ///
    /// # Errors
    /// When `policy` contradicts itself.
    pub fn new(policy: QuorumPolicy) -> Result<Self, QuorumPolicyError> {
        policy.check()?;
        Ok(Self { policy, vantages: BTreeMap::new(), ballots: BTreeMap::new(), refused: 0 })
    }

    /// Every target with its verdict.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Target, Health)> {
        self.ballots.iter().map(|(target, ballot)| (target, ballot.verdict))
    }

    /// Whether the votes of `vantage` are suspended.
    #[cfg(test)]
    fn is_blind(&self, vantage: &VantageId) -> bool {
        self.vantages.get(vantage).is_some_and(|vantage| vantage.blind)
    }

    /// How many reports were refused because a limit was reached.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// A vantage changed its mind, or reports a target for the first time. What follows is returned:
    /// vantages that became blind or sighted first, then the verdicts that changed.
    ///
    /// # Errors
    /// When a limit is reached; the report is counted as refused and changes nothing.
    pub fn handle_change(&mut self, change: &StateChange, now: Now) -> Result<Vec<QuorumEvent>, QuorumError> {
        self.admit(change, now).inspect_err(|_| self.refused += 1)?;
        let vote = ballot::Vote::of(change);
        self.recount(&change.target, |ballot| ballot.cast(change.vantage.clone(), vote));
        let mut events = Vec::new();
        let mut affected = BTreeSet::from([change.target.clone()]);
        self.judge_vantages(&mut affected, now, &mut events);
        self.judge_targets(&affected, now, &mut events);
        Ok(events)
    }

    /// Anything else arrived from a vantage: it is not silent.
    pub fn handle_heard(&mut self, vantage: &VantageId, now: Now) {
        if let Some(vantage) = self.vantages.get_mut(vantage) {
            vantage.heard = now.mono;
        }
    }

    /// Drops the votes of vantages that fell silent.
    pub fn handle_timeout(&mut self, now: Now) -> Vec<QuorumEvent> {
        let mut events = Vec::new();
        let mut affected = BTreeSet::new();
        let is_silent = |vantage: &Vantage| vantage.heard + self.policy.silence <= now.mono;
        let silent = self.vantages.iter().filter(|(_, vantage)| is_silent(vantage)).map(|(id, _)| id.clone());
        for id in silent.collect::<Vec<_>>() {
            affected.append(&mut self.drop_vantage(&id));
            events.push(QuorumEvent::silent(id, self.policy.silence, now));
        }
        self.judge_vantages(&mut affected, now, &mut events);
        self.judge_targets(&affected, now, &mut events);
        events
    }

    /// When [`Self::handle_timeout`] must be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let heard = self.vantages.values().map(|vantage| vantage.heard).min()?;
        Some((heard + self.policy.silence, "vantage silence"))
    }

    /// Forgets a target that left the estate; there is no verdict on it any more.
    pub fn forget(&mut self, target: &Target) {
        self.recount(target, |ballot| ballot.votes.clear());
        self.ballots.remove(target);
        for vantage in self.vantages.values_mut() {
            vantage.targets.remove(target);
        }
    }

    /// Makes room for the report of `change`, within the limits.
    fn admit(&mut self, change: &StateChange, now: Now) -> Result<(), QuorumError> {
        let known = self.vantages.contains_key(&change.vantage);
        if !known && self.vantages.len() >= VANTAGES_MAX {
            return Err(QuorumError::TooManyVantages);
        }
        if !self.ballots.contains_key(&change.target) && self.ballots.len() >= TARGETS_MAX {
            return Err(QuorumError::TooManyTargets);
        }
        self.ballots.entry(change.target.clone()).or_default();
        let fresh = || Vantage { heard: now.mono, blind: false, view: View::default(), targets: BTreeSet::new() };
        let vantage = self.vantages.entry(change.vantage.clone()).or_insert_with(fresh);
        vantage.heard = now.mono;
        vantage.targets.insert(change.target.clone());
        Ok(())
    }

    /// Removes a vantage with its votes; returns the targets it voted on.
    fn drop_vantage(&mut self, id: &VantageId) -> BTreeSet<Target> {
        let targets = self.vantages.get(id).map(|vantage| vantage.targets.clone()).unwrap_or_default();
        for target in &targets {
            self.recount(target, |ballot| {
                ballot.votes.remove(id);
            });
        }
        self.vantages.remove(id);
        targets
    }

    /// Changes the votes on one target and keeps the views of its voters in step: a view is a sum
    /// over targets, so what this target adds is taken off before and put on after.
    fn recount(&mut self, target: &Target, change: impl FnOnce(&mut Ballot)) {
        let Some(ballot) = self.ballots.get_mut(target) else { return };
        for (voter, glimpse) in ballot.glimpses() {
            if let Some(vantage) = self.vantages.get_mut(voter) {
                vantage.view -= glimpse;
            }
        }
        change(ballot);
        for (voter, glimpse) in ballot.glimpses() {
            if let Some(vantage) = self.vantages.get_mut(voter) {
                vantage.view += glimpse;
            }
        }
    }

    /// Suspends and reinstates the voters on `affected`; adds the targets whose votes so changed.
    fn judge_vantages(&mut self, affected: &mut BTreeSet<Target>, now: Now, events: &mut Vec<QuorumEvent>) {
        let voters = affected.iter().filter_map(|target| self.ballots.get(target)).flat_map(|b| b.votes.keys());
        let voters: BTreeSet<VantageId> = voters.cloned().collect();
        for id in voters {
            let Some(vantage) = self.vantages.get_mut(&id) else { continue };
            let blind = vantage.view.is_blind(&self.policy, vantage.blind);
            if blind != vantage.blind {
                vantage.blind = blind;
                affected.extend(vantage.targets.iter().cloned());
                events.push(QuorumEvent::sight(id, blind, &vantage.view, now));
            }
        }
    }

    /// Forms the verdicts on `affected` anew.
    fn judge_targets(&mut self, affected: &BTreeSet<Target>, now: Now, events: &mut Vec<QuorumEvent>) {
        for target in affected {
            let Some(ballot) = self.ballots.get_mut(target) else { continue };
            let has_say = |id: &VantageId| self.vantages.get(id).is_some_and(|vantage| !vantage.blind);
            let verdict = ballot.form(target, &self.policy, has_say, now.wall);
            if ballot.votes.is_empty() {
                self.ballots.remove(target);
            }
            events.extend(verdict.map(QuorumEvent::Verdict));
        }
    }
}

#[cfg(test)]
mod tests;
