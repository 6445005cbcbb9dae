//! What is counted while traffic flows.

use weir_model::keywords;

/// Why a request was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// It was sent to a node that answers nobody.
    Dead,
    /// It was dropped by a node that loses some.
    Dropped,
    /// The node had no capacity for it.
    Full,
    /// The edge had no copy, and no route to one answered.
    NoRoute,
    /// Nobody said where to send it.
    Unanswered,
}

keywords!(Loss {
    "dead" => Dead, "dropped" => Dropped, "full" => Full, "no_route" => NoRoute, "unanswered" => Unanswered,
});

impl Loss {
    /// All of them, in order of their ordinals.
    pub const ALL: [Self; 5] = [Self::Dead, Self::Dropped, Self::Full, Self::NoRoute, Self::Unanswered];
}

/// Traffic of one (client group, domain) so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairTally {
    /// Requests.
    pub asked: f64,
    /// Of these, answered.
    pub served: f64,
    /// Of these, lost, by [`Loss`].
    pub lost: [f64; Loss::ALL.len()],
    /// Bits asked for.
    pub bits_asked: f64,
    /// Of these, sent.
    pub bits_served: f64,
    /// Of these, lost.
    pub bits_lost: f64,
    /// Milliseconds that answers took, summed over `served`.
    pub millis: f64,
}

impl PairTally {
    /// Requests lost, whyever.
    pub fn lost_in_all(&self) -> f64 {
        self.lost.iter().sum()
    }

    /// The part of the requests that was answered; 1 when there were none.
    pub fn availability(&self) -> f64 {
        if self.asked > 0.0 { self.served / self.asked } else { 1.0 }
    }

    /// Milliseconds that an answer took on the mean; `None` when there was none.
    pub fn mean_millis(&self) -> Option<f64> {
        (self.served > 0.0).then(|| self.millis / self.served)
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.asked += other.asked;
        self.served += other.served;
        self.lost.iter_mut().zip(&other.lost).for_each(|(lost, more)| *lost += more);
        self.bits_asked += other.bits_asked;
        self.bits_served += other.bits_served;
        self.bits_lost += other.bits_lost;
        self.millis += other.millis;
        self
    }

    /// Counts requests and bits, of which the parts `served` (taking `millis` each) and `lost`.
    pub(crate) fn count(&mut self, (requests, bits): (f64, f64), served: f64, millis: f64, lost: &[(Loss, f64)]) {
        self.served += requests * served;
        self.millis += requests * served * millis;
        self.bits_served += bits * served;
        for (why, part) in lost {
            self.lost[*why as usize] += requests * part;
            self.bits_lost += bits * part;
        }
    }
}

/// Traffic of one site so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SiteTally {
    /// Bits sent to users.
    pub bits: f64,
    /// Of these, in the current slot of 5 minutes.
    pub(crate) slot_bits: f64,
    /// The largest slot's.
    pub peak_slot_bits: f64,
    /// Requests answered.
    pub served: f64,
    /// Requests lost because it was full.
    pub shed: f64,
}
