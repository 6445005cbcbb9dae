//! Root cause: the few faults that explain all that is down.
//!
//! Each candidate fault takes a set of targets down with it: a node its links, a site its nodes, a
//! provider its links and sites. The smallest sets of faults that cover all down targets are found
//! by greedy weighted set cover (Chvatal 1979, "A greedy heuristic for the set-covering problem"),
//! once from every promising first fault, so that rival explanations are found and not only one.
//! A fault that should have taken down what is in fact healthy pays for each such target: a
//! provider whose other links are healthy is no cause.

mod candidate;
mod cover;
mod suspicion;

pub use suspicion::Suspicion;

use std::collections::BTreeSet;

use weir_model::{
    estate::Estate,
    finding::Subject,
    graph::EstateGraph,
    id::{LinkOrd, NodeOrd, ProviderOrd, SiteOrd},
};

/// Down targets looked at, at most: the cover takes `SEEDS_MAX` x `CAUSES_MAX` passes over about
/// five memberships a target, 32 x 16 x 5 x 20,000 = 51 million steps, tenths of a second. Of more,
/// the first are looked at: what takes 20,000 down shows in any of them.
pub const DOWN_MAX: usize = 20_000;

/// A node or link of the estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// A node.
    Node(NodeOrd),
    /// A link.
    Link(LinkOrd),
}

/// What is seen of the estate.
#[derive(Clone, Debug, Default)]
pub struct Symptoms {
    /// What is down.
    pub down: BTreeSet<Member>,
    /// What nobody looks at or has an opinion on: it speaks neither for nor against a cause.
    /// All the rest is healthy.
    pub unknown: BTreeSet<Member>,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A link by itself.
    Link(LinkOrd),
    /// A node, with its links.
    Node(NodeOrd),
    /// A site, with its nodes.
    Site(SiteOrd),
    /// A provider, with its links and sites.
    Provider(ProviderOrd),
}

impl Cause {
    /// What it costs to believe it. Wider faults are rarer, but by far not as rare as the
    /// coincidence of what they explain: each costs less than the two narrower ones it replaces.
    fn cost(self) -> f64 {
        match self {
            Self::Link(_) | Self::Node(_) => 1.0,
            Self::Site(_) => 1.5,
            Self::Provider(_) => 1.9,
        }
    }

    /// Its kind and id.
    pub fn subject(self, estate: &Estate) -> (Subject, String) {
        match self {
            Self::Link(link) => (Subject::Link, estate.links[link.index()].id.to_string()),
            Self::Node(node) => (Subject::Node, estate.nodes[node.index()].id.to_string()),
            Self::Site(site) => (Subject::Site, estate.sites[site.index()].id.to_string()),
            Self::Provider(provider) => (Subject::Provider, estate.providers[provider.index()].id.to_string()),
        }
    }

    /// The same as text: `site fra`.
    pub fn name(self, estate: &Estate) -> String {
        let (subject, id) = self.subject(estate);
        format!("{subject} {id}")
    }
}

/// Faults that together explain the symptoms.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The faults, ascending.
    pub causes: Vec<Cause>,
    /// How plausible it is among all explanations found, 0 to 1; theirs sum to 1.
    pub score: f64,
    /// Down targets that the faults explain.
    pub explained: usize,
    /// Down targets that they do not, each then a fault of its own.
    pub unexplained: usize,
    /// Healthy targets that should be down if the faults were so.
    pub contradicted: usize,
    /// The same in words.
    pub text: String,
}

/// The `top` most plausible explanations of `symptoms`, best first; none when nothing is down.
/// `graph` is that of `estate` ([`weir_model::graph::of`]).
pub fn explain(estate: &Estate, graph: &EstateGraph, symptoms: &Symptoms, top: usize) -> Vec<Explanation> {
    let down: Vec<Member> = symptoms.down.iter().copied().take(DOWN_MAX).collect();
    let candidates = candidate::candidates(estate, graph, symptoms, &down);
    let covers = cover::covers(&candidates, down.len());
    // Costs are lengths of descriptions in nats: one more narrow fault is e times less plausible.
    let best = covers.iter().map(|cover| cover.cost).fold(f64::INFINITY, f64::min);
    let plausible = |cost: f64| libm::exp(best - cost);
    let all: f64 = covers.iter().map(|cover| plausible(cover.cost)).sum();
    let worded = covers.iter().map(|cover| Explanation {
        causes: cover.causes.clone(),
        score: plausible(cover.cost) / all,
        explained: down.len() - cover.unexplained,
        unexplained: cover.unexplained,
        contradicted: cover.contradicted,
        text: text(estate, cover, down.len()),
    });
    worded.take(top).collect()
}

fn text(estate: &Estate, cover: &cover::Cover, down: usize) -> String {
    let names: Vec<String> = cover.causes.iter().map(|cause| cause.name(estate)).collect();
    let mut text = format!("{}: {} of {down} down explained", names.join(" and "), down - cover.unexplained);
    if cover.contradicted > 0 {
        text += &format!(", {} healthy against it", cover.contradicted);
    }
    text
}

#[cfg(test)]
mod tests;
