//! What detectors conclude from observations.

use serde::{Deserialize, Serialize};

use crate::{health::Health, keywords, time::UnixNanos};

/// What kind of thing a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A node.
    Node,
    /// A link.
    Link,
    /// A site.
    Site,
    /// A provider.
    Provider,
    /// A domain.
    Domain,
    /// A client group.
    Group,
    /// A vantage.
    Vantage,
    /// A plan.
    Plan,
    /// A series of observations.
    Series,
}

keywords!(Subject {
    "node" => Node, "link" => Link, "site" => Site, "provider" => Provider, "domain" => Domain,
    "group" => Group, "vantage" => Vantage, "plan" => Plan, "series" => Series,
});

/// What was concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FindingKind {
    /// A quorum of vantages sees the subject so.
    Health(Health),
    /// A plan was refused by the checker or a guard.
    PlanRefused,
    /// Demand that no site may or can serve.
    Unserved,
    /// Too much looks dead to act on it.
    Panic,
    /// A series left its expected band.
    Anomaly,
    /// The likely cause of several targets being down.
    Suspected,
    /// What was found of the subject before, an anomaly or a suspicion, holds no longer.
    Cleared,
}

impl FindingKind {
    /// The kind's name, as in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Health(health) => health.as_str(),
            Self::PlanRefused => "plan_refused",
            Self::Unserved => "unserved",
            Self::Panic => "panic",
            Self::Anomaly => "anomaly",
            Self::Suspected => "suspected",
            Self::Cleared => "cleared",
        }
    }
}

/// A conclusion about one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Number within the controller's epoch; decisions name the finding they follow from.
    /// [`Finding::UNNUMBERED`] until the controller was told.
    pub number: u64,
    /// When it was concluded.
    pub at: UnixNanos,
    /// What kind of thing it is about.
    pub subject: Subject,
    /// Which one.
    pub id: String,
    /// What was concluded.
    pub kind: FindingKind,
    /// The evidence, in words an operator reads.
    pub text: String,
}

impl Finding {
    /// What detectors put for the number, which is the controller's to give.
    pub const UNNUMBERED: u64 = 0;
}
