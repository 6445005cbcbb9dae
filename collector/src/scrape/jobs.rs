//! Jobs under way: a task for each, which follows its discoveries and has one task for each target. What stays
//! as it was goes on undisturbed, whatever happens beside it.

use std::{collections::HashMap, sync::Arc};

use reqwest::{Client, Url};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinError, JoinSet},
};
use weir_model::observation::Labels;

use super::{
    Auth, Scraper, SecretError,
    board::TargetBoard,
    client,
    discovery::{Discovered, Discovery, Publisher},
    job::{Populated, ScrapeJob, identity},
    spread,
    target::ScrapeTarget,
};
use crate::{
    clock,
    counters::SCRAPE_TARGETS_REFUSED,
    sink::Sink,
    tls::{TlsClient, TlsFiles, TlsFilesError},
};

/// Lists that were discovered and wait for their job: one of each of 16 discoveries. More wait in their tasks.
const DISCOVERED_MAX: usize = 16;

/// A job and what it needs to connect, so that nothing of it can fail later.
#[derive(Clone, Debug)]
pub struct ConnectedJob {
    job: ScrapeJob,
    client: Client,
    /// One for each discovery; those that ask nobody have the job's.
    discovery_clients: Vec<Client>,
}

/// Why a job cannot connect: what a file it names has.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A file cannot be used.
    #[error(transparent)]
    Files(#[from] TlsFilesError),
    /// The files do not make a client.
    #[error("TLS cannot be used")]
    Client(#[from] reqwest::Error),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl ScrapeJob {
    /// Whether the files of certificates and secrets that it names can be used now.
    ///
    /// # Errors
    /// At the first that cannot.
    pub fn check_files(&self) -> Result<(), ConnectError> {
        let servers = self.discovery.iter().filter_map(|discovery| match discovery {
            Discovery::Http(server) => Some((&server.auth, &server.tls)),
            _ => None,
        });
        for (auth, tls) in servers.chain([(&self.settings.auth, &self.tls)]) {
            auth.as_ref().map_or(Ok(()), Auth::check)?;
            if let Some(files) = tls {
                client(&TlsClient::from_files(files)?)?;
            }
        }
        Ok(())
    }
}

impl ConnectedJob {
    /// Reads the files that `job` names; without any it trusts as `host` does.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(job: ScrapeJob, host: &TlsClient) -> Result<Self, ConnectError> {
        let connect = |files: &Option<TlsFiles>| match files {
            Some(files) => Ok::<_, ConnectError>(client(&TlsClient::from_files(files)?)?),
            None => Ok(client(host)?),
        };
        let own = connect(&job.tls)?;
        let discovery_clients = job.discovery.iter().map(|discovery| match discovery {
            Discovery::Http(server) => connect(&server.tls),
            _ => Ok(own.clone()),
        });
        Ok(Self { discovery_clients: discovery_clients.collect::<Result<_, _>>()?, client: own, job })
    }
}

/// All jobs.
#[derive(Debug)]
pub struct ScrapeJobs {
    sink: Arc<dyn Sink>,
    board: TargetBoard,
    /// What each follows; one whose sender is dropped ends, with its series marked stale.
    wanted: HashMap<Arc<str>, watch::Sender<Arc<ConnectedJob>>>,
    tasks: JoinSet<()>,
}

impl ScrapeJobs {
    /// No jobs, into `sink`. Dropped, they end at once, and mark nothing stale: who restarts goes on.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self { sink, board: TargetBoard::default(), wanted: HashMap::new(), tasks: JoinSet::new() }
    }

    /// What is scraped.
    pub fn board(&self) -> &TargetBoard {
        &self.board
    }

    /// Goes over to `jobs`, of which no two have one name. Targets that stay as they were keep their rhythm and
    /// their series; those of jobs that are gone are marked stale.
    pub fn apply(&mut self, jobs: Vec<ConnectedJob>) {
        while self.tasks.try_join_next().is_some() {}
        let mut before = std::mem::take(&mut self.wanted);
        for job in jobs {
            let name = Arc::clone(&job.job.name);
            let job = Arc::new(job);
            let sender = before.remove(&name).filter(|sender| !sender.is_closed());
            let sender = match sender {
                Some(sender) => {
                    sender.send_replace(job);
                    sender
                }
                None => {
                    let (sender, wanted) = watch::channel(job);
                    let running = RunningJob::new(wanted, Arc::clone(&self.sink), self.board.clone());
                    self.tasks.spawn(running.run());
                    sender
                }
            };
            self.wanted.insert(name, sender);
        }
    }
}

/// A discovery under way.
#[derive(Debug)]
struct Following {
    discovery: Discovery,
    client: watch::Sender<Client>,
    id: u64,
    task: AbortHandle,
    /// `None` until its first attempt ended.
    discovered: Option<Discovered>,
}

/// A target under way; it stops when `_stop` is dropped.
#[derive(Debug)]
struct Scraped {
    target: ScrapeTarget,
    _stop: oneshot::Sender<()>,
}

#[derive(Debug)]
struct RunningJob {
    wanted: watch::Receiver<Arc<ConnectedJob>>,
    sink: Arc<dyn Sink>,
    board: TargetBoard,
    /// With which targets connect: a reload may bring another.
    client: watch::Sender<Client>,
    /// Whether it is of the job's own files.
    has_files: bool,
    following: Vec<Following>,
    next_id: u64,
    sender: mpsc::Sender<(u64, Discovered)>,
    discoveries: JoinSet<()>,
    targets: HashMap<(Url, Labels), Scraped>,
    scrapers: JoinSet<()>,
}

impl RunningJob {
    fn new(wanted: watch::Receiver<Arc<ConnectedJob>>, sink: Arc<dyn Sink>, board: TargetBoard) -> Self {
        let client = watch::Sender::new(wanted.borrow().client.clone());
        // The receiver is made by `run`.
        let (sender, _) = mpsc::channel(1);
        Self {
            wanted,
            sink,
            board,
            client,
            has_files: false,
            following: Vec::new(),
            next_id: 0,
            sender,
            discoveries: JoinSet::new(),
            targets: HashMap::new(),
            scrapers: JoinSet::new(),
        }
    }

    /// Until nobody wants the job.
    async fn run(mut self) {
        let (sender, mut discovered) = mpsc::channel(DISCOVERED_MAX);
        self.sender = sender;
        self.wanted.mark_changed();
        loop {
            tokio::select! {
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.handle_wanted(),
                    Err(_) => break,
                },
                Some((id, list)) = discovered.recv() => self.handle_discovered(id, list),
                Some(ended) = self.scrapers.join_next(), if !self.scrapers.is_empty() => report_defect(ended),
                Some(ended) = self.discoveries.join_next(), if !self.discoveries.is_empty() => report_defect(ended),
            }
        }
        self.discoveries.abort_all();
        self.targets.clear();
        while self.scrapers.join_next().await.is_some() {}
    }

    /// Keeps discoveries that stay, starts new ones, and applies the job to what is known already.
    fn handle_wanted(&mut self) {
        let wanted = Arc::clone(&self.wanted.borrow_and_update());
        let has_files = wanted.job.tls.is_some();
        // What is in the files may be other by now, or their job may go without.
        if std::mem::replace(&mut self.has_files, has_files) || has_files {
            self.client.send_replace(wanted.client.clone());
        }
        let mut before = std::mem::take(&mut self.following);
        for (discovery, client) in wanted.job.discovery.iter().zip(&wanted.discovery_clients) {
            let place = before.iter().position(|following| following.discovery == *discovery);
            let following = match place {
                Some(place) => {
                    let following = before.swap_remove(place);
                    following.client.send_replace(client.clone());
                    following
                }
                None => self.follow(&wanted.job.name, discovery.clone(), client.clone()),
            };
            self.following.push(following);
        }
        before.iter().for_each(|gone| gone.task.abort());
        self.populate(&wanted.job);
    }

    fn follow(&mut self, name: &Arc<str>, discovery: Discovery, client: Client) -> Following {
        let id = self.next_id;
        self.next_id += 1;
        let publisher = Publisher { id, job: self.sender.clone(), name: Arc::clone(name) };
        let client = watch::Sender::new(client);
        let task = self.discoveries.spawn(discovery.clone().run(client.subscribe(), publisher));
        Following { discovery, client, id, task, discovered: None }
    }

    fn handle_discovered(&mut self, id: u64, list: Discovered) {
        // None has it when it came from one that a reload has ended.
        if let Some(following) = self.following.iter_mut().find(|following| following.id == id) {
            following.discovered = Some(list);
            let wanted = Arc::clone(&self.wanted.borrow());
            self.populate(&wanted.job);
        }
    }

    /// Starts targets that are new, and stops those that are gone, unless a discovery may yet name them.
    fn populate(&mut self, job: &ScrapeJob) {
        let known = self.following.iter().filter_map(|following| following.discovered.as_ref());
        let Populated { targets, refused, beyond } = job.populate(known);
        report(job, &refused, beyond);
        let all_known = self.following.iter().all(|following| following.discovered.is_some());
        let mut before = std::mem::take(&mut self.targets);
        for target in targets {
            let identity = identity(&target);
            let scraped = before.remove(&identity).filter(|scraped| scraped.target == target);
            let scraped = scraped.unwrap_or_else(|| self.start(&job.name, target));
            self.targets.insert(identity, scraped);
        }
        if !all_known {
            before.into_iter().for_each(|(identity, scraped)| drop(self.targets.insert(identity, scraped)));
        }
    }

    fn start(&mut self, job: &Arc<str>, target: ScrapeTarget) -> Scraped {
        let (stop, stopped) = oneshot::channel::<()>();
        let scraper = Scraper {
            entry: Some(self.board.enter(job, &target)),
            wait: spread::first_after(&target, clock::wall()),
            target: target.clone(),
            client: self.client.subscribe(),
            sink: Arc::clone(&self.sink),
        };
        self.scrapers.spawn(scraper.run(async move {
            // Nothing is ever sent: that it is dropped says it.
            drop(stopped.await);
        }));
        Scraped { target, _stop: stop }
    }
}

/// Tasks end when they are stopped; one that panics has a defect, and the others go on.
fn report_defect(ended: Result<(), JoinError>) {
    if let Some(error) = ended.err().filter(JoinError::is_panic) {
        tracing::error!(%error, "a task of scraping failed");
    }
}

fn report(job: &ScrapeJob, refused: &[(String, super::TargetError)], beyond: usize) {
    SCRAPE_TARGETS_REFUSED.add((refused.len() + beyond) as u64);
    if let Some((address, error)) = refused.first() {
        let job = &*job.name;
        tracing::warn!(job, address, %error, more = refused.len() - 1, "a target cannot be scraped");
    }
    if beyond > 0 {
        let limit = super::discovery::TARGETS_MAX;
        tracing::warn!(job = &*job.name, beyond, limit, "too many targets: split the job");
    }
}

#[cfg(test)]
mod tests;
