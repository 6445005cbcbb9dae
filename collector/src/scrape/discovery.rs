//! Where targets come from: written down, or looked up again and again. Each kind keeps the last list that was
//! good, and says so when it changes.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use super::relabel::LabelSet;

mod dns;
mod file;
mod groups;
mod http;

pub use self::{
    dns::{DnsSd, RecordKind},
    file::{FileSd, PatternProblem},
    groups::{GroupError, TargetGroup},
    http::HttpSd,
};

/// Most targets of one job: at 1,000 samples each and 15 s they bring 667,000 samples a second
/// (10,000 x 1,000 / 15), more than one process takes.
pub const TARGETS_MAX: usize = 10_000;

/// Largest answer, or file, of a discovery: as many targets as a job may have, with 1 KiB of labels each
/// (10,000 x 1 KiB = 10 MiB).
pub const ANSWER_BYTES_MAX: usize = TARGETS_MAX << 10;

/// What a discovery knows: the labels of each target, `__address__` among them.
pub(super) type Discovered = Arc<Vec<LabelSet>>;

/// A way to find targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Written in the configuration.
    Static(Vec<TargetGroup>),
    /// Written in files.
    File(FileSd),
    /// Asked of an HTTP server.
    Http(HttpSd),
    /// Asked of the DNS.
    Dns(DnsSd),
}

/// Where a discovery says what it knows: at the end of its first attempt, and whenever that changes.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    /// Which discovery of the job it is.
    pub(super) id: u64,
    /// The job.
    pub(super) job: mpsc::Sender<(u64, Discovered)>,
    /// The job's name, for the log.
    pub(super) name: Arc<str>,
}

impl Publisher {
    /// Hands `targets` on. Nobody listens once the job has gone, which ends this task as well.
    async fn publish(&self, targets: Vec<LabelSet>) {
        drop(self.job.send((self.id, Arc::new(targets))).await);
    }
}

impl Discovery {
    /// Looks for targets until dropped. `client` is what an HTTP server is asked with: a reload may bring another.
    pub(super) async fn run(self, client: watch::Receiver<reqwest::Client>, publisher: Publisher) {
        match self {
            Self::Static(groups) => publisher.publish(groups::flatten(groups, &[])).await,
            Self::File(files) => file::run(files, publisher).await,
            Self::Http(server) => http::run(server, client, publisher).await,
            Self::Dns(names) => dns::run(names, publisher).await,
        }
    }
}

/// Ticks at once and then every `interval`, with the same pause after a late one.
fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// An error and its causes, in one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries print their cause themselves.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
