//! The daemon's services, wired: store, controller, gRPC, DNS, HTTP.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use weir_analyzer::HistorySettings;
use weir_collector::{clock, host, otlp, sink::Sink, stream};
use weir_detect::quorum::QuorumPolicy;
use weir_dispatch::{
    answers::Answers,
    dns::{DnsServer, Zones},
    http302,
    httpdns::{self, HttpdnsState},
    plans::{self, Acknowledgement, Board},
    store::PlanStore,
};
use weir_model::{observation::Labels, plan::Plan};
use weir_scheduler::policy::Policy;

use crate::{
    api::{self, ApiState, Extra},
    config::{self, ClickHouse, Config, Listen, Retention, StoreConfig},
    control::{self, Control, ControlConfig, Input},
    epoch, executor, grpc, httpdns_key, https, inventory_file,
    link_state::LinkState,
    metrics::Sources,
    parts::{self, Parts},
    records::Records,
    reload::Reloader,
    store::Store,
    validate::validate,
    work::{Tools, Wanted, Work},
};

/// What agents said and the controller has not read: a change for each of 1,000 targets.
const HEARD_MAX: usize = 1_024;
/// Acknowledgements on their way to the controller.
const ACKS_MAX: usize = 1_024;
/// DNS workers: one per core of the smallest machine we run on.
const DNS_WORKERS: usize = 2;
/// How long the records of what happened may take to get into the store once the daemon is to stop: 256
/// batches at 10 ms a sync. On a full disk they would wait for ever.
const RECORDS_MAX: Duration = Duration::from_secs(5);

/// What is to be started.
#[derive(Debug)]
pub(crate) struct ServicesConfig {
    /// What a reload may change.
    pub(crate) wanted: Wanted,
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
    /// Where data is kept.
    pub(crate) data: PathBuf,
    /// How long observations are kept.
    pub(crate) retention: Retention,
    /// How they are kept.
    pub(crate) store: StoreConfig,
    /// The file of HTTPDNS's secret key.
    pub(crate) httpdns_key: PathBuf,
    /// How often this host's own metrics are read.
    pub(crate) host_every: Duration,
    /// Where history goes besides.
    pub(crate) history: Option<HistorySettings>,
}

impl ServicesConfig {
    /// What `config` asks for.
    pub(crate) fn of(config: &Config, with_dns: bool) -> anyhow::Result<Self> {
        let inventory: Arc<str> = config::read_file(&config.inventory)?.into();
        let estate = Arc::new(inventory_file::parse(&config.inventory.display().to_string(), &inventory)?);
        let wrong = validate(config, &estate);
        if !wrong.is_empty() {
            return Err(wrong.into());
        }
        Ok(Self {
            wanted: Wanted {
                estate,
                inventory,
                scrapes: config.scrapes.clone(),
                rules: config.rule_groups()?,
                alertmanager: config.alertmanager.clone(),
                traffic: config.traffic.clone(),
                anomalies: config.anomalies.clone(),
                forecasts: config.forecasts.clone(),
            },
            policy: config.policy.clone(),
            quorum: config.quorum,
            listen: config.listen.clone(),
            zones: executor::zones(&config.zones)?,
            with_dns,
            data: config.data.clone(),
            retention: config.retention.clone(),
            store: config.store,
            httpdns_key: config.httpdns_key.clone(),
            host_every: config.host_every,
            history: config.clickhouse.as_ref().map(ClickHouse::settings).transpose()?,
        })
    }
}

/// The services, running.
pub(crate) struct Services {
    /// The controller.
    pub(crate) control: Control,
    /// The engine.
    pub(crate) store: Store,
    sink: Arc<dyn Sink>,
    otlp: otlp::Receiver,
    /// Rows into the store, without waiting.
    pub(crate) records: Records,
    /// What contracts stand at, and what a demo adds, for the API to show.
    pub(crate) shown: watch::Sender<Extra>,
    sources: Sources,
    listen: Listen,
    httpdns_key: PathBuf,
    http: Option<TcpListener>,
    /// Dropped when the API is served no more.
    http_ended: Option<oneshot::Receiver<()>>,
    work: Option<Work>,
    parts: Parts,
    /// Apart: it outlives the parts that make records.
    recording: JoinHandle<()>,
    stop: CancellationToken,
}

impl Services {
    /// What reads the configuration in `file` anew; it is `config` that runs.
    pub(crate) fn reloader(&mut self, file: PathBuf, config: Config) -> anyhow::Result<Arc<Reloader>> {
        let work = self.work.take().context("there is a reloader already")?;
        Ok(Arc::new(Reloader::new(file, config, work, self.control.clone(), self.store.clone())))
    }

    /// Serves the API from now on, and the `acting` routes in it; where.
    pub(crate) fn serve_http(&mut self, reloader: Option<Arc<Reloader>>, acting: Router) -> anyhow::Result<SocketAddr> {
        let state = ApiState {
            control: self.control.clone(),
            store: self.store.clone(),
            sink: Arc::clone(&self.sink),
            otlp: self.otlp.clone(),
            records: self.records.clone(),
            sources: self.sources.clone(),
            reloader,
            extra: self.shown.subscribe(),
        };
        let signer = Arc::new(httpdns_key::signer(&self.httpdns_key)?);
        let public =
            httpdns::router(HttpdnsState { answers: self.sources.answers.clone(), signer, clock: clock::wall });
        let listener = self.http.take().context("the API is served already")?;
        let router = api::router(state, &self.listen, acting).merge(public);
        let address = listener.local_addr()?;
        let serving = https::serve(listener, self.listen.tls.as_ref(), router, self.stop.clone())?;
        self.http_ended = Some(serve_api(&mut self.parts, serving));
        tracing::info!(%address, "the API and the UI are served");
        Ok(address)
    }

    /// Waits until one of them ends, which none should: which, and why.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        tokio::select! {
            ended = self.parts.ended() => ended,
            ended = &mut self.recording => match ended {
                Ok(()) => anyhow::anyhow!("recording ended"),
                Err(error) => anyhow::anyhow!("recording failed: {}", parts::reason(error)),
            },
        }
    }

    /// Ends them: first who asks, then who acts, then, with everything that happened written, the store.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(ended) = self.http_ended.take() {
            // It has a limit of its own; an error says that it ended before.
            ended.await.unwrap_or_default();
        }
        drop(self.work);
        self.parts.shutdown().await;
        if !self.recording.is_finished() && timeout(RECORDS_MAX, self.records.written()).await.is_err() {
            tracing::error!("the store is too slow: what happened last is not recorded");
        }
        self.recording.abort();
        self.store.close().await;
    }
}

/// Sockets that are bound and not served yet.
struct Bound {
    grpc: TcpListener,
    http: TcpListener,
    redirect: TcpListener,
    dns: Option<DnsServer>,
}

impl Bound {
    async fn to(listen: &Listen, dns: Option<(Answers, Zones)>) -> anyhow::Result<Self> {
        let dns = dns.map(|(answers, zones)| DnsServer::bind(listen.dns, DNS_WORKERS, answers, zones));
        Ok(Self {
            grpc: bind("gRPC", listen.grpc).await?,
            http: bind("the API", listen.http).await?,
            redirect: bind("HTTP 302", listen.redirect).await?,
            dns: dns.transpose().with_context(|| in_use("DNS", listen.dns))?,
        })
    }
}

/// Starts everything: first the data folder is taken, then all ports are bound.
pub(crate) async fn start(config: ServicesConfig) -> anyhow::Result<Services> {
    let held = weir_analyzer::lock::take(&config.data)?;
    let listen = config.listen;
    let answers = Answers::default();
    let dns = config.with_dns.then(|| (answers.clone(), config.zones));
    let Bound { grpc, http, redirect, dns } = Bound::to(&listen, dns).await?;
    let sources = Sources { answers: answers.clone(), dns: dns.as_ref().map(DnsServer::counters) };
    let kept = PlanStore::in_folder(&config.data);
    let (mut parts, stop) = (Parts::default(), CancellationToken::new());
    // From the last good plan, until the controller has made one; also while the log is replayed.
    executor::recover(&kept, &answers);
    let in_force = answers.load().map(|picker| Arc::clone(picker.plan()));
    if let Some(dns) = dns {
        parts.spawn("DNS", dns.run());
    }
    let store = Store::open(held, config.store.settings(config.retention, config.history))?;
    let (records, recording) = Records::new(store.sink());
    let recording = tokio::spawn(recording);
    let (acknowledgements, acknowledged) = mpsc::channel(ACKS_MAX);
    let board = Board::new(acknowledgements);
    let (keep, newest) = watch::channel(None);
    parts.spawn("keeping plans", keep_plans(kept, newest));
    let (heard, hearing) = mpsc::channel(HEARD_MAX);
    let (control, controlling) = control::start(
        ControlConfig {
            estate: Arc::clone(&config.wanted.estate),
            policy: config.policy,
            quorum: config.quorum,
            epoch: epoch::raise(&config.data)?,
            held: in_force,
            apply: Box::new(apply_here(answers.clone(), board.clone(), keep)),
            board: board.clone(),
            records: records.clone(),
        },
        hearing,
    )?;
    parts.spawn("the controller", parts::joined(controlling));
    store.show_estate(&config.wanted.estate)?;
    store.show_plans(&control.known());
    parts.spawn("acknowledging", tell_acknowledgements(acknowledged, control.clone()));

    let (shown, _) = watch::channel(Extra::default());
    let mut work = Work::new(tools(&store, &records, &control, &shown, &listen), parts.unnamed())?;
    let prepared = work.prepare(config.wanted).await?;
    work.apply(prepared);
    let sink = work.sink();
    let otlp = otlp::Receiver::new(Arc::clone(&sink), Arc::default());
    let watched = Arc::new(LinkState::new(Arc::clone(&sink), control.clone()));
    let telemetry = stream::service(stream::Telemetry::new(watched, heard));
    parts.spawn("gRPC", grpc::serve(grpc, &listen, plans::service(board), telemetry, otlp.clone())?);
    parts.spawn("HTTP 302", https::serve(redirect, None, http302::router(answers), stop.clone())?);
    let itself = Labels::new([("instance", "weir")]);
    let (every, host_sink) = (config.host_every, Arc::clone(&sink));
    parts.spawn("host metrics", async move { host::run(itself, every, host_sink).await });
    Ok(Services {
        control,
        store,
        sink,
        otlp,
        records,
        shown,
        sources,
        listen,
        httpdns_key: config.httpdns_key,
        http: Some(http),
        http_ended: None,
        work: Some(work),
        parts,
        recording,
        stop,
    })
}

fn tools(store: &Store, records: &Records, control: &Control, shown: &watch::Sender<Extra>, listen: &Listen) -> Tools {
    Tools {
        store: store.clone(),
        records: records.clone(),
        control: control.clone(),
        shown: shown.clone(),
        external_url: listen.url(),
    }
}

/// Serves the API as one of `parts`; what is dropped at its end.
fn serve_api(parts: &mut Parts, serving: impl Future<Output = ()> + Send + 'static) -> oneshot::Receiver<()> {
    let (serves, ended) = oneshot::channel();
    parts.spawn("the API", async move {
        let _serves: oneshot::Sender<()> = serves;
        serving.await;
    });
    ended
}

fn in_use(what: &str, address: SocketAddr) -> String {
    format!("{what} cannot listen on {address}: is it in use?")
}

async fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| in_use(what, address))
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
            Err(error) => tracing::error!(error = parts::reason(error), "the plan is not on disk"),
        }
    }
}
