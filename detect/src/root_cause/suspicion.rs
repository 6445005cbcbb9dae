//! Suspicion: from what is down, as it changes, to findings about what may have caused it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use weir_model::{
    estate::Estate,
    finding::{Finding, FindingKind, Subject},
    graph,
    health::Health,
    id::{LinkOrd, NodeOrd},
    time::{Mono, Now, UnixNanos},
};

use super::{Explanation, Member, Symptoms, candidate::takes_down, explain};

/// From the first change to the look at all of them: what one fault takes down goes down within the
/// three probes that it takes to tell, apart by at most their interval, which is seldom above 1 s.
const SETTLE: Duration = Duration::from_secs(3);

/// Targets that a cause must explain to be one: of a single target it is its own finding.
const EXPLAINED_MIN: usize = 2;

/// A cause as findings call it: so it is known again when ordinals changed.
type Suspect = (Subject, String);

/// Watches what is down for common causes.
#[derive(Debug, Default)]
pub struct Suspicion {
    symptoms: Symptoms,
    due: Option<Mono>,
    /// What is suspected now.
    suspected: BTreeSet<Suspect>,
}

impl Symptoms {
    /// What the verdicts on nodes and links, by ordinal, show. Who is degraded answers, but badly:
    /// that speaks neither for nor against a fault.
    pub fn of(nodes: &[Health], links: &[Health]) -> Self {
        let nodes = nodes.iter().enumerate().map(|(index, health)| (Member::Node(NodeOrd::of(index)), health));
        let links = links.iter().enumerate().map(|(index, health)| (Member::Link(LinkOrd::of(index)), health));
        let mut symptoms = Self::default();
        for (member, health) in nodes.chain(links) {
            match health {
                Health::Down => symptoms.down.insert(member),
                Health::Unknown | Health::Degraded => symptoms.unknown.insert(member),
                Health::Up => false,
            };
        }
        symptoms
    }
}

impl Suspicion {
    /// What is seen now.
    pub fn handle_symptoms(&mut self, symptoms: Symptoms, now: Mono) {
        // Who is unknown only tells rivals apart; what must be explained is what is down.
        if symptoms.down != self.symptoms.down {
            self.due.get_or_insert(now + SETTLE);
        }
        self.symptoms = symptoms;
    }

    /// When [`Self::handle_timeout`] must be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        Some((self.due?, "symptoms settle"))
    }

    /// Causes newly suspected, and those that are no more. `estate` is that of the symptoms. With
    /// thousands down it takes tenths of a second.
    pub fn handle_timeout(&mut self, estate: &Estate, now: Now) -> Vec<Finding> {
        if self.due.is_none_or(|due| now.mono < due) {
            return Vec::new();
        }
        self.due = None;
        let causes = self.causes(estate);
        let gone = self.suspected.iter().filter(|cause| !causes.contains_key(*cause));
        let cleared = |cause: &Suspect| {
            finding(cause, FindingKind::Cleared, now.wall, "no longer the likely cause of what is down")
        };
        let new = causes.iter().filter(|(cause, _)| !self.suspected.contains(*cause));
        let suspected = |(cause, text): (&Suspect, &String)| finding(cause, FindingKind::Suspected, now.wall, text);
        let findings = gone.map(cleared).chain(new.map(suspected)).collect();
        self.suspected = causes.into_keys().collect();
        findings
    }

    /// The causes in the most plausible explanation that explain several targets, with the evidence.
    fn causes(&self, estate: &Estate) -> BTreeMap<Suspect, String> {
        if self.symptoms.down.len() < EXPLAINED_MIN {
            return BTreeMap::new();
        }
        let graph = graph::of(estate);
        let explained = |cause| takes_down(estate, &graph, cause).intersection(&self.symptoms.down).count();
        let best = explain(estate, &graph, &self.symptoms, 1);
        let causes = best.iter().flat_map(|best| best.causes.iter().map(move |cause| (best, *cause)));
        causes
            .filter(|(_, cause)| explained(*cause) >= EXPLAINED_MIN)
            .map(|(best, cause)| (cause.subject(estate), evidence(best)))
            .collect()
    }
}

fn evidence(best: &Explanation) -> String {
    format!("{} ({:.0} % plausible)", best.text, best.score * 100.0)
}

fn finding((subject, id): &Suspect, kind: FindingKind, at: UnixNanos, text: &str) -> Finding {
    Finding { number: Finding::UNNUMBERED, at, subject: *subject, id: id.clone(), kind, text: text.to_owned() }
}

#[cfg(test)]
mod tests;
