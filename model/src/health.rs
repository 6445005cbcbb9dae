//! Health as vantages report it.

use serde::{Deserialize, Serialize};

use crate::{
    id::{LinkId, NodeId, VantageId},
    keywords,
    time::UnixNanos,
};

/// What a vantage thinks of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Health {
    /// Not measured enough to say.
    Unknown,
    /// Answers as it should.
    Up,
    /// Answers, but too slowly or too seldom.
    Degraded,
    /// Does not answer.
    Down,
}

keywords!(Health { "unknown" => Unknown, "up" => Up, "degraded" => Degraded, "down" => Down });

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A node's service.
    Node(NodeId),
    /// A link.
    Link(LinkId),
}

impl Target {
    /// `node` or `link`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Node(_) => "node",
            Self::Link(_) => "link",
        }
    }

    /// The target's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Node(id) => id.as_str(),
            Self::Link(id) => id.as_str(),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

/// A vantage changed its mind about a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Who saw it.
    pub vantage: VantageId,
    /// About whom.
    pub target: Target,
    /// What it thought before.
    pub from: Health,
    /// What it thinks now.
    pub to: Health,
    /// Why, in words an operator reads: "3 of 3 probes lost".
    pub reason: String,
    /// When it came to think so.
    pub at: UnixNanos,
}
