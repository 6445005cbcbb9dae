//! When vantages form a quorum.

use std::time::Duration;

use thiserror::Error;

/// When vantages form a quorum. Every default is the comment's last word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuorumPolicy {
    /// Vantages that must agree on `Down` or `Degraded`, or all of a target's when it has fewer: 2.
    pub min_vantages: u32,
    /// Part of its own targets that a vantage must see down to be suspected of blindness: 0.7.
    pub blind_share: f64,
    /// Part down to which it stays so: 0.5.
    pub sighted_share: f64,
    /// Targets that a vantage must have an opinion on to be suspected: 4.
    pub blind_targets_min: u32,
    /// A vantage not heard of for so long has no say: 30 s. Agents let themselves be heard of
    /// several times within it, changes or not.
    pub silence: Duration,
}

impl Default for QuorumPolicy {
    fn default() -> Self {
        Self {
            min_vantages: 2,
            blind_share: 0.7,
            sighted_share: 0.5,
            blind_targets_min: 4,
            silence: Duration::from_secs(30),
        }
    }
}

/// Why a [`QuorumPolicy`] cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum QuorumPolicyError {
    /// Nobody need agree.
    #[error("`min_vantages` is 0: give 1 or more")]
    MinVantages,
    /// Shares out of order or out of range.
    #[error("`sighted_share` ({sighted}) and `blind_share` ({blind}) must ascend within 0 to 1, such as 0.5 and 0.7")]
    Shares {
        /// `sighted_share`.
        sighted: f64,
        /// `blind_share`.
        blind: f64,
    },
    /// Everybody is always silent.
    #[error("`silence` is zero: give a span, such as 30s")]
    Silence,
}

impl QuorumPolicy {
    /// Whether it can be followed.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), QuorumPolicyError> {
        let (sighted, blind) = (self.sighted_share, self.blind_share);
        if self.min_vantages == 0 {
            return Err(QuorumPolicyError::MinVantages);
        }
        // Written so that NaN fails too.
        if !(0.0 <= sighted && sighted <= blind && blind <= 1.0) {
            return Err(QuorumPolicyError::Shares { sighted, blind });
        }
        if self.silence.is_zero() {
            return Err(QuorumPolicyError::Silence);
        }
        Ok(())
    }
}
