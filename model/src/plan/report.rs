//! Why a plan is as it is.

use serde::{Deserialize, Serialize};

use crate::{
    id::{DomainOrd, GroupOrd, SiteOrd},
    unit::{Bps, Millis},
};

/// What became of a candidate site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// It serves this part of the demand (0 to 1).
    Chosen(f64),
    /// It may serve, but others are cheaper or nearer.
    Dearer,
    /// It may serve, but it is full.
    Full,
    /// The domain is not offered there.
    NotOffered,
    /// Its provider takes no new traffic.
    ProviderRestricted,
    /// The domain's data may not be served from its zone.
    Residency,
    /// The group does not reach it.
    Unreachable,
    /// Beyond the domain's latency objective, and nearer sites can serve.
    TooFar,
    /// None of its edges is in service.
    OutOfService,
    /// No route leads from it to an origin of the domain.
    NoRoute,
}

impl Verdict {
    /// The verdict's name, as in SQL.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Chosen(_) => "chosen",
            Self::Dearer => "dearer",
            Self::Full => "full",
            Self::NotOffered => "not_offered",
            Self::ProviderRestricted => "provider_restricted",
            Self::Residency => "residency",
            Self::Unreachable => "unreachable",
            Self::TooFar => "too_far",
            Self::OutOfService => "out_of_service",
            Self::NoRoute => "no_route",
        }
    }
}

/// A site looked at for a demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub site: SiteOrd,
    /// Round-trip time from the group; `None`: out of reach.
    pub latency: Option<Millis>,
    /// What one more Mbit/s of this demand there would cost a month, in the estate's accounting
    /// currency, shadow prices of full sites and latency penalty included.
    pub marginal_cost: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Why one demand is served as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssignmentReport {
    /// Whose.
    pub group: GroupOrd,
    /// For what.
    pub domain: DomainOrd,
    /// How much.
    pub demand: Bps,
    /// Every site, in the estate's order.
    pub candidates: Vec<Candidate>,
}

/// Demand that is not served, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unserved {
    /// Whose.
    pub group: GroupOrd,
    /// For what.
    pub domain: DomainOrd,
    /// How much of it.
    pub demand: Bps,
    /// The constraint that stands in the way, and what would remove it.
    pub why: String,
}

/// What the planner did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[must_use = "a plan's report says what could not be served"]
pub struct PlanReport {
    /// One for each demand.
    pub assignments: Vec<AssignmentReport>,
    /// What could not be served.
    pub unserved: Vec<Unserved>,
    /// The solver's objective, per month in the accounting currency.
    pub objective: f64,
    /// What of it is money (the rest is latency and shortage penalties).
    pub cost: f64,
}
