//! What is scraped and how it went last, for whoever asks.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use weir_model::{keywords, observation::Labels, time::UnixNanos};

use super::ScrapeTarget;

/// Whether the last scrape of a target brought samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// None has ended yet.
    Unknown,
    /// It did.
    Up,
    /// It did not.
    Down,
}

keywords!(Health { "unknown" => Unknown, "up" => Up, "down" => Down });

/// A target and its last scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// Its job in the configuration, which relabelling does not change.
    pub job: Arc<str>,
    /// Where it is fetched.
    pub url: String,
    /// What its samples get, `job` and `instance` among them.
    pub labels: Labels,
    /// How the last scrape went.
    pub health: Health,
    /// Why it brought nothing; empty when it brought something.
    pub last_error: String,
    /// When it began.
    pub last_scrape: Option<UnixNanos>,
    /// How long it took.
    pub last_duration: Option<Duration>,
}

/// All targets. Cloned handles share it.
#[derive(Clone, Debug, Default)]
pub struct TargetBoard(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// In the order in which they were started.
    targets: Mutex<BTreeMap<u64, TargetStatus>>,
    next: AtomicU64,
}

impl TargetBoard {
    /// Every target now, by job, then by labels.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let mut targets: Vec<TargetStatus> = self.lock().values().cloned().collect();
        targets.sort_by(|a, b| (&a.job, &a.labels, &a.url).cmp(&(&b.job, &b.labels, &b.url)));
        targets
    }

    /// Shows a target until the entry is dropped.
    pub(super) fn enter(&self, job: &Arc<str>, target: &ScrapeTarget) -> Entry {
        let status = TargetStatus {
            job: Arc::clone(job),
            url: target.url().to_string(),
            labels: target.labels().clone(),
            health: Health::Unknown,
            last_error: String::new(),
            last_scrape: None,
            last_duration: None,
        };
        let id = self.0.next.fetch_add(1, Relaxed);
        self.lock().insert(id, status);
        Entry { id, board: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, TargetStatus>> {
        // Nothing in here panics half way through a change.
        self.0.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A target's place on the board.
#[derive(Debug)]
pub(super) struct Entry {
    id: u64,
    board: TargetBoard,
}

impl Entry {
    /// A scrape begun `at` ended so.
    pub(super) fn report(&self, at: UnixNanos, took: Duration, error: Option<&dyn fmt::Display>) {
        if let Some(status) = self.board.lock().get_mut(&self.id) {
            status.health = if error.is_none() { Health::Up } else { Health::Down };
            status.last_error = error.map(ToString::to_string).unwrap_or_default();
            status.last_scrape = Some(at);
            status.last_duration = Some(took);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.board.lock().remove(&self.id);
    }
}
