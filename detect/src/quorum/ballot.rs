//! The votes on one target.

use std::collections::BTreeMap;

use weir_model::{
    health::{Health, StateChange, Target},
    id::VantageId,
    time::UnixNanos,
};

use super::{QuorumPolicy, verdict::Verdict, view::View};

/// What a vantage thinks of the target.
#[derive(Clone, Debug)]
pub(super) struct Vote {
    pub(super) health: Health,
    /// Why; empty for `Up`, which needs no evidence and is nearly all of them.
    pub(super) reason: String,
}

impl Vote {
    pub(super) fn of(change: &StateChange) -> Self {
        let reason = if change.to == Health::Up { String::new() } else { change.reason.clone() };
        Self { health: change.to, reason }
    }
}

#[derive(Debug)]
pub(super) struct Ballot {
    pub(super) verdict: Health,
    pub(super) votes: BTreeMap<VantageId, Vote>,
}

impl Default for Ballot {
    fn default() -> Self {
        Self { verdict: Health::Unknown, votes: BTreeMap::new() }
    }
}

/// Votes by kind. A vote for `Down` is one for at least `Degraded` too.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    voters: u32,
    up: u32,
    degraded: u32,
    down: u32,
}

impl Tally {
    fn of<'a>(votes: impl Iterator<Item = &'a Vote>) -> Self {
        votes.fold(Self::default(), |mut tally, vote| {
            tally.voters += 1;
            match vote.health {
                Health::Unknown => {}
                Health::Up => tally.up += 1,
                Health::Degraded => tally.degraded += 1,
                Health::Down => tally.down += 1,
            }
            tally
        })
    }

    fn opinions(self) -> u32 {
        self.up + self.degraded + self.down
    }

    /// How many votes support a verdict of `health`.
    fn support(self, health: Health) -> u32 {
        match health {
            Health::Unknown => self.voters - self.opinions(),
            Health::Up => self.up,
            Health::Degraded => self.degraded + self.down,
            Health::Down => self.down,
        }
    }

    /// What the votes say; `before` when they say nothing clear.
    fn verdict(self, policy: &QuorumPolicy, before: Health) -> Health {
        let required = policy.min_vantages.min(self.voters);
        let majority = |health| self.support(health) * 2 > self.opinions();
        if self.opinions() == 0 {
            Health::Unknown
        } else if majority(Health::Down) && self.down >= required {
            Health::Down
        } else if majority(Health::Degraded) && self.support(Health::Degraded) >= required {
            Health::Degraded
        } else if majority(Health::Up) {
            Health::Up
        } else {
            before
        }
    }
}

impl Ballot {
    pub(super) fn cast(&mut self, vantage: VantageId, vote: Vote) {
        self.votes.insert(vantage, vote);
    }

    /// What this target adds to the view of each of its voters. Suspended votes are compared too:
    /// when two vantages see the same, a third must not be taken for their majority.
    pub(super) fn glimpses(&self) -> impl Iterator<Item = (&VantageId, View)> {
        let tally = Tally::of(self.votes.values());
        self.votes.iter().map(move |(voter, vote)| {
            let down = vote.health == Health::Down;
            // Of the others, when this one says down.
            let (alive, dead) = (tally.up + tally.degraded, tally.down.saturating_sub(1));
            let glimpse = View {
                opinions: u32::from(vote.health != Health::Unknown),
                down: u32::from(down),
                compared: u32::from(down && alive + dead > 0),
                contradicted: u32::from(down && alive > dead),
            };
            (voter, glimpse)
        })
    }

    /// Forms the verdict anew from the votes of those that have a say; returned when it changed.
    pub(super) fn form(
        &mut self,
        target: &Target,
        policy: &QuorumPolicy,
        has_say: impl Fn(&VantageId) -> bool,
        at: UnixNanos,
    ) -> Option<Verdict> {
        let counted: Vec<(&VantageId, &Vote)> = self.votes.iter().filter(|(id, _)| has_say(id)).collect();
        let tally = Tally::of(counted.iter().map(|(_, vote)| *vote));
        let (from, to) = (self.verdict, tally.verdict(policy, self.verdict));
        if from == to {
            return None;
        }
        self.verdict = to;
        let supports = |vote: &Vote| match to {
            Health::Degraded => matches!(vote.health, Health::Degraded | Health::Down),
            _ => vote.health == to,
        };
        let supporters =
            counted.iter().filter(|(_, vote)| supports(vote)).map(|(id, vote)| (*id, vote.reason.as_str()));
        Some(Verdict::new(target, from, to, supporters, tally.opinions(), at))
    }
}
