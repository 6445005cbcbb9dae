//! What to scrape, and how.

use std::{sync::Arc, time::Duration};

use reqwest::Url;
use weir_model::{observation::Labels, time::Written};

use super::{auth::Auth, relabel::Rule};
use crate::exposition::Limits;

/// Largest body by default: 1,000,000 samples of 64 bytes, the limit of the parser at the usual
/// length of a line (1,000,000 x 64 = 64 MB).
pub const BODY_BYTES_MAX: usize = 64_000_000;

/// A target, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeTarget {
    url: Url,
    labels: Labels,
    interval: Duration,
    timeout: Duration,
    settings: Arc<TargetSettings>,
}

/// How a target is scraped; those of one job share it.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSettings {
    /// Labels of samples win over the target's.
    pub honor_labels: bool,
    /// Samples keep the time that their exposer gives them.
    pub honor_timestamps: bool,
    /// Most samples that may be left after relabelling; more, and the scrape failed.
    pub sample_limit: Option<usize>,
    /// Rules for samples.
    pub metric_relabel: Vec<Rule>,
    /// What is shown to the target.
    pub auth: Option<Auth>,
    /// Largest body.
    pub body_bytes_max: usize,
    /// What the parser takes.
    pub limits: Limits,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            honor_labels: false,
            honor_timestamps: true,
            sample_limit: None,
            metric_relabel: Vec::new(),
            auth: None,
            body_bytes_max: BODY_BYTES_MAX,
            limits: Limits::default(),
        }
    }
}

/// Why a target cannot be scraped as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL, or not of a web server.
    #[error("{0:?} is not an http or https URL with a host")]
    Url(String),
    /// No label `__address__` is left.
    #[error("no `__address__`: `relabel` removed it")]
    NoAddress,
    /// A path in what should be a host and port.
    #[error("{0:?} is not a host and port, nor an http or https URL")]
    Address(String),
    /// A label that is read as a duration, and is none.
    #[error("`{label}` is {value:?}, which is not a duration")]
    Duration {
        /// Its name.
        label: &'static str,
        /// As it is after relabelling.
        value: String,
    },
    /// Not above zero, or the timeout above the interval.
    #[error(
        "a timeout of {} must be above zero and at most the interval of {}",
        Written(*timeout),
        Written(*interval)
    )]
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
        let url = web_url(url)?;
        let labels = Labels::new([("job", job), ("instance", &address_of(&url))]);
        Self::at(url, labels, interval, timeout, Arc::default())
    }

    /// The target at `url` with these labels.
    pub(super) fn at(
        url: Url,
        labels: Labels,
        interval: Duration,
        timeout: Duration,
        settings: Arc<TargetSettings>,
    ) -> Result<Self, TargetError> {
        if timeout.is_zero() || timeout > interval {
            return Err(TargetError::Timeout { timeout, interval });
        }
        Ok(Self { url, labels, interval, timeout, settings })
    }

    /// The same with more labels; one called `job` or `instance` replaces that.
    #[must_use]
    pub fn with_labels(mut self, more: &Labels) -> Self {
        let pairs = self.labels.iter().chain(more.iter()).map(|(name, value)| (Arc::clone(name), Arc::clone(value)));
        self.labels = Labels::new(pairs);
        self
    }

    /// The same, scraped as `settings` say.
    #[must_use]
    pub fn with_settings(mut self, settings: TargetSettings) -> Self {
        self.settings = Arc::new(settings);
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

    /// How it is scraped.
    pub fn settings(&self) -> &Arc<TargetSettings> {
        &self.settings
    }
}

/// `text` as the URL of a web server.
pub(super) fn web_url(text: &str) -> Result<Url, TargetError> {
    let url: Option<Url> = text.parse().ok();
    url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| TargetError::Url(text.to_owned()))
}

/// Host and port of a URL, the port also where it is not written.
pub(super) fn address_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
