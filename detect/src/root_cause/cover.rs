//! Greedy weighted set cover, begun from each promising candidate.

use super::{Cause, candidate::Candidate};

/// First faults tried: rivals beyond the 32 that explain most for their price are never in a top ten.
const SEEDS_MAX: usize = 32;

/// Faults in one explanation at most: more than 16 at once is no root cause but a list of symptoms.
const CAUSES_MAX: usize = 16;

/// Price of a healthy target that a fault should have taken down: that of a narrow fault, because
/// it takes a coincidence of its own to be healthy.
const CONTRADICTION: f64 = 1.0;

/// Price of a down target left unexplained: a fault of its own.
const UNEXPLAINED: f64 = 1.0;

/// Faults, and what they leave open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cover {
    /// Ascending.
    pub(super) causes: Vec<Cause>,
    pub(super) unexplained: usize,
    pub(super) contradicted: usize,
    /// Less is more plausible.
    pub(super) cost: f64,
}

/// Covers of `down` targets by `candidates`, cheapest first, each set of faults once.
pub(super) fn covers(candidates: &[Candidate], down: usize) -> Vec<Cover> {
    let mut seeds: Vec<usize> = (0..candidates.len()).collect();
    let by_rate = |index: &usize| rate(&candidates[*index], candidates[*index].explains.len());
    seeds.sort_by(|a, b| by_rate(a).total_cmp(&by_rate(b)).then(a.cmp(b)));
    let mut covers: Vec<Cover> =
        seeds.iter().take(SEEDS_MAX).map(|seed| weighed(candidates, complete(candidates, *seed, down), down)).collect();
    covers.sort_by(|a, b| a.cost.total_cmp(&b.cost).then_with(|| a.causes.cmp(&b.causes)));
    covers.dedup_by(|a, b| a.causes == b.causes);
    covers
}

fn price(candidate: &Candidate) -> f64 {
    candidate.cause.cost() + CONTRADICTION * candidate.contradicted as f64
}

/// The price of a candidate for each target that it newly explains.
fn rate(candidate: &Candidate, explained: usize) -> f64 {
    price(candidate) / explained as f64
}

/// Adds the best candidate to `seed` until all is explained, then drops what became superfluous.
fn complete(candidates: &[Candidate], seed: usize, down: usize) -> Vec<usize> {
    let mut times_explained = vec![0u32; down];
    let mut chosen = Vec::new();
    let mut next = Some(seed);
    while let Some(index) = next.filter(|_| chosen.len() < CAUSES_MAX) {
        chosen.push(index);
        candidates[index].explains.iter().for_each(|target| times_explained[*target as usize] += 1);
        next = best(candidates, &times_explained);
    }
    // Oldest first: the seed was forced, so it goes if the others do without it.
    chosen.retain(|index| {
        let explains = &candidates[*index].explains;
        let superfluous = explains.iter().all(|target| times_explained[*target as usize] > 1);
        if superfluous {
            explains.iter().for_each(|target| times_explained[*target as usize] -= 1);
        }
        !superfluous
    });
    chosen
}

/// The candidate that explains most of what is left for its price, if it is worth it; of equals the
/// narrower and earlier.
fn best(candidates: &[Candidate], times_explained: &[u32]) -> Option<usize> {
    let news = |candidate: &Candidate| {
        candidate.explains.iter().filter(|target| times_explained[**target as usize] == 0).count()
    };
    let rated = candidates.iter().enumerate().filter_map(|(index, candidate)| match news(candidate) {
        0 => None,
        explained => Some((rate(candidate, explained), index)),
    });
    let best = rated.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
    (best.0 <= UNEXPLAINED).then_some(best.1)
}

fn weighed(candidates: &[Candidate], chosen: Vec<usize>, down: usize) -> Cover {
    let mut explained = vec![false; down];
    for index in &chosen {
        candidates[*index].explains.iter().for_each(|target| explained[*target as usize] = true);
    }
    let unexplained = explained.iter().filter(|explained| !**explained).count();
    let prices: f64 = chosen.iter().map(|index| price(&candidates[*index])).sum();
    let mut causes: Vec<Cause> = chosen.iter().map(|index| candidates[*index].cause).collect();
    causes.sort_unstable();
    Cover {
        causes,
        unexplained,
        contradicted: chosen.iter().map(|index| candidates[*index].contradicted).sum(),
        cost: prices + UNEXPLAINED * unexplained as f64,
    }
}

/// The cost of the cheapest of all subsets of `candidates`, found by trying them.
#[cfg(test)]
pub(super) fn cheapest_by_trying_all(candidates: &[Candidate], down: usize) -> f64 {
    let subset = |bits: u32| (0..candidates.len()).filter(|index| bits >> index & 1 == 1).collect();
    (0..1u32 << candidates.len()).map(|bits| weighed(candidates, subset(bits), down).cost).fold(f64::INFINITY, f64::min)
}
