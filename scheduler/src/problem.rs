//! The assignment problem on dense ordinals: demands, sites, and what each pairing costs.
//! Stated apart from the solver, so that solvers can be compared and replaced.

use crate::cost::Segment;

/// A site a demand may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    /// Index into [`Problem::sites`].
    pub site: usize,
    /// What a Mbit/s costs a month besides the site's own curve: latency, distance, back-origin.
    pub price: f64,
}

/// Traffic to be placed. Splittable.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Mbit/s, above 0.
    pub mbps: f64,
    /// The most of it that one site may take, in Mbit/s.
    pub site_mbps_max: f64,
    /// Where it may go, ascending by site. Empty: nowhere.
    pub arcs: Vec<Arc>,
}

/// A site's capacity and cost curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Convex, ascending prices; the widths add up to what the site may carry, in Mbit/s.
    pub segments: Vec<Segment>,
}

impl Site {
    /// What it may carry, in Mbit/s.
    pub fn capacity(&self) -> f64 {
        self.segments.iter().map(|segment| segment.width).sum()
    }
}

/// Which demand goes where at the least cost?
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Names the problem; its solution carries the same number.
    pub number: u64,
    /// What is to be placed.
    pub demands: Vec<Demand>,
    /// Where it can go.
    pub sites: Vec<Site>,
    /// What a Mbit/s left out costs.
    pub unserved_price: f64,
    /// Work budget.
    pub iterations_max: u32,
}

/// Who got what. Flows are indexed as the problem's demands and arcs.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The problem's number.
    pub number: u64,
    /// Mbit/s per demand and arc.
    pub flows: Vec<Vec<f64>>,
    /// Mbit/s per demand that found no place.
    pub unserved: Vec<f64>,
    /// What one more Mbit/s of a demand would cost if it had to use an arc, per demand and arc:
    /// the arc's price, the site's slope, and the shadow price of what is full.
    pub marginal: Vec<Vec<f64>>,
    /// The objective, penalties included.
    pub objective: f64,
    /// Simplex iterations taken.
    pub iterations: u64,
}
