//! What to scrape.

use std::{sync::Arc, time::Duration};

use reqwest::Url;
use weir_model::observation::Labels;

use crate::exposition::Limits;

/// Largest body by default: 1,000,000 samples of 64 bytes, the limit of the parser at the usual
/// length of a line (1,000,000 x 64 = 64 MB).
pub const BODY_BYTES_MAX: usize = 64_000_000;

/// A target, checked.
#[derive(Clone, Debug)]
pub struct ScrapeTarget {
    url: Url,
    labels: Labels,
    interval: Duration,
    timeout: Duration,
    body_bytes_max: usize,
    limits: Limits,
}

/// Why a target cannot be scraped as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL, or not of a web server.
    #[error("{0:?} is not an http or https URL with a host")]
    Url(String),
    /// Not above zero, or the timeout above the interval.
    #[error("a timeout of {timeout:?} must be above zero and at most the interval of {interval:?}")]
    Timeout {
        /// As written.
        timeout: Duration,
        /// As written.
        interval: Duration,
    },
}

impl ScrapeTarget {
    /// The target at `url`, with labels `job` and `instance` (the URL's host and port).
    ///
    /// # Errors
    /// When the URL is none, or the timeout is zero or above the interval.
    pub fn new(job: &str, url: &str, interval: Duration, timeout: Duration) -> Result<Self, TargetError> {
        if timeout.is_zero() || timeout > interval {
            return Err(TargetError::Timeout { timeout, interval });
        }
        let refused = || TargetError::Url(url.to_owned());
        let url: Url = url.parse().map_err(|_| refused())?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(refused());
        }
        let host = url.host_str().ok_or_else(refused)?;
        let port = url.port_or_known_default().ok_or_else(refused)?;
        let labels = Labels::new([("job", job), ("instance", &format!("{host}:{port}"))]);
        let limits = Limits::default();
        Ok(Self { url, labels, interval, timeout, body_bytes_max: BODY_BYTES_MAX, limits })
    }

    /// The same with more labels; one called `job` or `instance` replaces that.
    #[must_use]
    pub fn with_labels(mut self, more: &Labels) -> Self {
        let pairs = self.labels.iter().chain(more.iter()).map(|(name, value)| (Arc::clone(name), Arc::clone(value)));
        self.labels = Labels::new(pairs);
        self
    }

    /// The same with other limits on what a scrape may bring.
    #[must_use]
    pub fn with_limits(mut self, body_bytes_max: usize, limits: Limits) -> Self {
        (self.body_bytes_max, self.limits) = (body_bytes_max, limits);
        self
    }

    /// Where to fetch.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What every sample gets.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How often.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long a fetch may take, the body included.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }
}
