//! What a quorum says, in words an operator reads.

use std::time::Duration;

use weir_model::{
    finding::{Finding, FindingKind, Subject},
    health::{Health, Target},
    id::VantageId,
    time::{Now, UnixNanos, Written},
};

use super::view::View;

/// Vantages named in a text; three show that they are independent, and fit on a line.
const NAMED_MAX: usize = 3;

/// The vantages together changed their mind about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// About whom.
    pub target: Target,
    /// The verdict before.
    pub from: Health,
    /// The verdict now.
    pub to: Health,
    /// Vantages that say so; of `Degraded`, those that say `Down` too.
    pub vantages_for: u32,
    /// Vantages that have an opinion and a say.
    pub vantages_total: u32,
    /// The evidence.
    pub text: String,
    /// When the quorum formed.
    pub at: UnixNanos,
}

impl Verdict {
    pub(super) fn new<'a>(
        target: &Target,
        from: Health,
        to: Health,
        supporters: impl Iterator<Item = (&'a VantageId, &'a str)>,
        vantages_total: u32,
        at: UnixNanos,
    ) -> Self {
        let supporters: Vec<_> = supporters.collect();
        // The vantages of one target: at most VANTAGES_MAX.
        let vantages_for = if to == Health::Unknown { 0 } else { supporters.len() as u32 };
        let text = match to {
            Health::Unknown => format!("no vantage has an opinion on {target}"),
            _ => format!(
                "{vantages_for} of {vantages_total} vantages see {target} {}: {}",
                to.as_str(),
                evidence(&supporters)
            ),
        };
        Self { target: target.clone(), from, to, vantages_for, vantages_total, text, at }
    }
}

/// `fra (3 of 3 probes lost), ams and 7 more`.
fn evidence(supporters: &[(&VantageId, &str)]) -> String {
    let named = supporters.iter().take(NAMED_MAX).map(|(vantage, reason)| match *reason {
        "" => vantage.to_string(),
        reason => format!("{vantage} ({reason})"),
    });
    let mut text = named.collect::<Vec<_>>().join(", ");
    if supporters.len() > NAMED_MAX {
        text += &format!(" and {} more", supporters.len() - NAMED_MAX);
    }
    text
}

/// Something about a vantage itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VantageNotice {
    /// Which.
    pub vantage: VantageId,
    /// The evidence.
    pub text: String,
    /// When it was noticed.
    pub at: UnixNanos,
}

/// What follows from a report or from silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuorumEvent {
    /// A verdict changed.
    Verdict(Verdict),
    /// A vantage sees nearly everything down and is not believed: its votes are suspended.
    VantageBlind(VantageNotice),
    /// A blind vantage is believed again.
    VantageSighted(VantageNotice),
    /// Nothing was heard of a vantage: its votes are dropped.
    VantageSilent(VantageNotice),
}

impl QuorumEvent {
    pub(super) fn sight(vantage: VantageId, blind: bool, view: &View, now: Now) -> Self {
        let View { opinions, down, compared, contradicted } = *view;
        let text = format!(
            "vantage {vantage} sees {down} of {opinions} targets down; \
             of the {compared} that others see too, they see {contradicted} alive"
        );
        let notice = VantageNotice { vantage, text, at: now.wall };
        if blind { Self::VantageBlind(notice) } else { Self::VantageSighted(notice) }
    }

    pub(super) fn silent(vantage: VantageId, silence: Duration, now: Now) -> Self {
        let text = format!("nothing was heard of vantage {vantage} for {}", Written(silence));
        Self::VantageSilent(VantageNotice { vantage, text, at: now.wall })
    }

    /// The event as a finding, not numbered yet. Of a vantage the health found is that of
    /// its sight: `Unknown` when blind, `Down` when silent.
    pub fn finding(&self) -> Finding {
        let (notice, health) = match self {
            Self::Verdict(Verdict { target, to, text, at, .. }) => {
                let subject = match target {
                    Target::Node(_) => Subject::Node,
                    Target::Link(_) => Subject::Link,
                };
                let (id, text, kind) = (target.id().to_owned(), text.clone(), FindingKind::Health(*to));
                return Finding { number: Finding::UNNUMBERED, at: *at, subject, id, kind, text };
            }
            Self::VantageBlind(notice) => (notice, Health::Unknown),
            Self::VantageSighted(notice) => (notice, Health::Up),
            Self::VantageSilent(notice) => (notice, Health::Down),
        };
        Finding {
            number: Finding::UNNUMBERED,
            at: notice.at,
            subject: Subject::Vantage,
            id: notice.vantage.to_string(),
            kind: FindingKind::Health(health),
            text: notice.text.clone(),
        }
    }
}
