//! The daemon's services, wired: store, controller, gRPC, DNS, HTTP.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use weir_collector::{
    clock, remote_write,
    scrape::{self, ScrapeTarget},
    sink::Sink,
    stream,
    tls::TlsClient,
};
use weir_detect::quorum::QuorumPolicy;
use weir_dispatch::{
    answers::Answers,
    dns::{DnsServer, Zones},
    http302,
    httpdns::{self, HttpdnsState, Signer},
    plans::{self, Acknowledgement, Board},
    store::PlanStore,
};
use weir_model::{estate::Estate, plan::Plan};
use weir_rules::alert::RuleGroup;
use weir_scheduler::policy::Policy;

use crate::{
    alerts::{self, Alerting},
    api::{self, ApiState, Extra},
    config::{Config, Listen, Scrape},
    control::{self, Control, ControlConfig, Input},
    epoch, executor, grpc, https,
    link_state::LinkState,
    records::Records,
    store::Store,
};

/// What agents said and the controller has not read: a change for each of 1,000 targets.
const HEARD_MAX: usize = 1_024;
/// Acknowledgements on their way to the controller.
const ACKS_MAX: usize = 1_024;
/// DNS workers: one per core of the smallest machine we run on.
const DNS_WORKERS: usize = 2;

/// What is to be started.
#[derive(Debug)]
pub(crate) struct ServicesConfig {
    /// What there is.
    pub(crate) estate: Arc<Estate>,
    /// What is wanted of the scheduler.
    pub(crate) policy: Policy,
    /// How vantages form a verdict.
    pub(crate) quorum: QuorumPolicy,
    /// Addresses, certificates and tokens.
    pub(crate) listen: Listen,
    /// Zones that DNS is authoritative for.
    pub(crate) zones: Zones,
    /// Whether DNS is answered in this process.
    pub(crate) with_dns: bool,
    /// What is scraped.
    pub(crate) scrapes: Vec<Scrape>,
    /// Alert rules.
    pub(crate) rules: Vec<RuleGroup>,
    /// Where alerts are sent.
    pub(crate) alertmanager: Option<String>,
    /// Where data is kept.
    pub(crate) data: PathBuf,
    /// How long observations are kept.
    pub(crate) retention: Duration,
}

impl ServicesConfig {
    /// What `config` asks for.
    pub(crate) fn of(config: &Config, with_dns: bool) -> anyhow::Result<Self> {
        Ok(Self {
            estate: config.estate()?,
            policy: config.policy.clone(),
            quorum: config.quorum,
            listen: config.listen.clone(),
            zones: executor::zones(&config.zones)?,
            with_dns,
            scrapes: config.scrapes.clone(),
            rules: config.rule_groups()?,
            alertmanager: config.alertmanager.clone(),
            data: config.data.clone(),
            retention: config.retention,
        })
    }
}

/// The services, running.
pub(crate) struct Services {
    /// The controller.
    pub(crate) control: Control,
    /// The engine.
    pub(crate) store: Store,
    /// Rows into the store, without waiting.
    pub(crate) records: Records,
    estate: Arc<Estate>,
    answers: Answers,
    listen: Listen,
    http: Option<TcpListener>,
    tasks: JoinSet<()>,
}

impl Services {
    /// Serves the API, and what `more` brings, from now on.
    pub(crate) fn serve_http(&mut self, extra: watch::Receiver<Extra>, more: Router) -> anyhow::Result<()> {
        let state = ApiState { control: self.control.clone(), estate: Arc::clone(&self.estate), extra };
        let signer = Arc::new(Signer::new("k1", &random_key()?));
        let public = httpdns::router(HttpdnsState { answers: self.answers.clone(), signer, clock: clock::wall });
        let more = more.merge(remote_write::router(self.store.sink())).merge(self.store.router());
        let listener = self.http.take().context("the API is served already")?;
        let router = api::router(state, &self.listen, more).merge(public);
        self.tasks.spawn(https::serve(listener, self.listen.tls.as_ref(), router)?);
        Ok(())
    }

    /// Ends them.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.store.close().await;
    }
}

/// Starts everything, binding all ports first.
pub(crate) async fn start(config: ServicesConfig) -> anyhow::Result<Services> {
    let listen = config.listen;
    let grpc = bind("gRPC", listen.grpc).await?;
    let http = bind("the API", listen.http).await?;
    let redirect = bind("HTTP 302", listen.redirect).await?;
    let answers = Answers::default();
    let dns = config.with_dns.then(|| DnsServer::bind(listen.dns, DNS_WORKERS, answers.clone(), config.zones));
    let dns = dns.transpose().with_context(|| in_use("DNS", listen.dns))?;
    let kept = PlanStore::in_folder(&config.data);
    // From the last good plan, until the controller has made one.
    executor::recover(&kept, &answers);

    let store = Store::open(&config.data, config.retention)?;
    let sink = store.sink();
    let (records, recording) = Records::new(Arc::clone(&sink));
    let (acknowledgements, acknowledged) = mpsc::channel(ACKS_MAX);
    let board = Board::new(acknowledgements);
    let (keep, newest) = watch::channel(None);
    let (heard, hearing) = mpsc::channel(HEARD_MAX);
    let (control, controlling) = control::start(
        ControlConfig {
            estate: Arc::clone(&config.estate),
            policy: config.policy,
            quorum: config.quorum,
            epoch: epoch::raise(&config.data)?,
            apply: Box::new(apply_here(answers.clone(), board.clone(), keep)),
            board: board.clone(),
            records: records.clone(),
        },
        hearing,
    )?;
    store.show(&config.estate, &control.known())?;
    let mut tasks = JoinSet::new();
    tasks.spawn(recording);
    tasks.spawn(keep_plans(kept, newest));
    tasks.spawn(async move { drop(controlling.await) });
    if let Some(dns) = dns {
        tasks.spawn(dns.run());
    }
    tasks.spawn(tell_acknowledgements(acknowledged, control.clone()));
    let watched = Arc::new(LinkState::new(Arc::clone(&sink), control.clone()));
    let telemetry = stream::Telemetry::new(watched, heard);
    let serving = grpc::serve(grpc, &listen, plans::service(board), stream::service(telemetry))?;
    tasks.spawn(serving);
    let redirecting = http302::router(answers.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move { drop(axum::serve(redirect, redirecting).await) });
    scrape(&mut tasks, &config.scrapes, &sink)?;
    let alerting = Alerting {
        store: store.clone(),
        records: records.clone(),
        alertmanager: config.alertmanager,
        external_url: format!("http://{}", listen.http),
    };
    alerts::start(&mut tasks, &alerting, config.rules);
    Ok(Services { control, store, records, estate: config.estate, answers, listen, http: Some(http), tasks })
}

fn in_use(what: &str, address: SocketAddr) -> String {
    format!("{what} cannot listen on {address}: is it in use?")
}

async fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| in_use(what, address))
}

/// Scrapes every target of every job into `sink`.
fn scrape(tasks: &mut JoinSet<()>, jobs: &[Scrape], sink: &Arc<dyn Sink>) -> anyhow::Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let client = scrape::client(&TlsClient::host_roots()?)?;
    for job in jobs {
        for url in &job.targets {
            let target = ScrapeTarget::new(&job.job, url, job.interval, job.interval)?;
            tasks.spawn(scrape::run(target, client.clone(), Arc::clone(sink), std::future::pending()));
        }
    }
    Ok(())
}

/// Hands what executors say on to the controller.
async fn tell_acknowledgements(mut acknowledged: mpsc::Receiver<Acknowledgement>, control: Control) {
    while let Some(acknowledgement) = acknowledged.recv().await {
        control.tell(Input::Acknowledged(acknowledgement)).await;
    }
}

/// Applies plans to the DNS of this process, says so, and has them kept.
fn apply_here(
    answers: Answers,
    board: Board,
    keep: watch::Sender<Option<Arc<Plan>>>,
) -> impl Fn(&Arc<Plan>) + Send + Sync {
    move |plan| {
        let refused = answers.install(Arc::clone(plan)).err().map(|stale| stale.to_string());
        let acknowledgement =
            Acknowledgement { executor: "dns".into(), kind: "dns".into(), plan: plan.number, refused };
        let board = board.clone();
        tokio::spawn(async move { board.acknowledge(acknowledgement).await });
        keep.send_replace(Some(Arc::clone(plan)));
    }
}

/// Keeps the newest plan on disk, one at a time.
async fn keep_plans(plans: PlanStore, mut newest: watch::Receiver<Option<Arc<Plan>>>) {
    while newest.changed().await.is_ok() {
        let Some(plan) = newest.borrow_and_update().clone() else { continue };
        let plans = plans.clone();
        match tokio::task::spawn_blocking(move || plans.save(&plan)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = &error as &dyn std::error::Error, "the plan is not on disk"),
            Err(_) => return,
        }
    }
}

/// A key of this run.
fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").context("opening /dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut key).context("reading /dev/urandom")?;
    Ok(key)
}
