//! The daemon's services, wired: store, controller, gRPC, DNS, HTTP.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context;
use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tonic::transport::{Server, server::TcpIncoming};
use weir_collector::{clock, remote_write, sink::Sink, stream};
use weir_detect::quorum::QuorumPolicy;
use weir_dispatch::{
    answers::Answers,
    dns::{DnsServer, Zone, Zones},
    http302,
    httpdns::{self, HttpdnsState, Signer},
    plans::{self, Acknowledgement, Board},
};
use weir_model::{estate::Estate, plan::Plan};
use weir_scheduler::policy::Policy;

use crate::{
    api::{self, ApiState, Extra},
    control::{self, Control, ControlConfig, Input},
    link_state::LinkState,
    records::Records,
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
    /// Where the API listens.
    pub(crate) http: SocketAddr,
    /// Where users are redirected.
    pub(crate) redirect: SocketAddr,
    /// Where agents and executors connect.
    pub(crate) grpc: SocketAddr,
    /// Where DNS is answered.
    pub(crate) dns: SocketAddr,
    /// Zones that DNS is authoritative for.
    pub(crate) zones: Vec<String>,
    /// Where data is kept.
    pub(crate) data: PathBuf,
}

/// The services, running.
pub(crate) struct Services {
    /// The controller.
    pub(crate) control: Control,
    /// Rows into the store, durably.
    pub(crate) sink: Arc<dyn Sink>,
    /// Rows into the store, without waiting.
    pub(crate) records: Records,
    estate: Arc<Estate>,
    answers: Answers,
    http: Option<TcpListener>,
    tasks: JoinSet<()>,
}

impl Services {
    /// Serves the API, and what `more` brings, from now on.
    pub(crate) fn serve_http(&mut self, extra: watch::Receiver<Extra>, more: Router) -> anyhow::Result<()> {
        let state = ApiState { control: self.control.clone(), estate: Arc::clone(&self.estate), extra };
        let signer = Arc::new(Signer::new("k1", &random_key()?));
        let httpdns = HttpdnsState { answers: self.answers.clone(), signer, clock: clock::wall };
        let more = more.merge(httpdns::router(httpdns)).merge(remote_write::router(Arc::clone(&self.sink)));
        let listener = self.http.take().context("the API is served already")?;
        let listening = listener.local_addr()?;
        let router = api::router(state, listening, more).into_make_service_with_connect_info::<SocketAddr>();
        self.tasks.spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(())
    }

    /// Ends them.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Starts everything, binding all ports first.
pub(crate) async fn start(config: ServicesConfig) -> anyhow::Result<Services> {
    let in_use = |what: &str, address: SocketAddr| format!("{what} cannot listen on {address}: is it in use?");
    let grpc = TcpListener::bind(config.grpc).await.with_context(|| in_use("gRPC", config.grpc))?;
    let http = TcpListener::bind(config.http).await.with_context(|| in_use("the API", config.http))?;
    let redirect = TcpListener::bind(config.redirect).await.with_context(|| in_use("HTTP 302", config.redirect))?;
    let zones = config.zones.iter().map(|apex| Zone::new(apex, &[])).collect::<Result<Vec<_>, _>>()?;
    let answers = Answers::default();
    let dns = DnsServer::bind(config.dns, DNS_WORKERS, answers.clone(), Zones::new(zones))
        .with_context(|| in_use("DNS", config.dns))?;

    let sink: Arc<dyn Sink> = crate::store::open(&config.data)?;
    let (records, recording) = Records::new(Arc::clone(&sink));
    let (acknowledgements, mut acknowledged) = mpsc::channel(ACKS_MAX);
    let board = Board::new(acknowledgements);
    let (heard, hearing) = mpsc::channel(HEARD_MAX);
    let (control, controlling) = control::start(
        ControlConfig {
            estate: Arc::clone(&config.estate),
            policy: config.policy,
            quorum: config.quorum,
            epoch: 1,
            apply: Box::new(apply_here(answers.clone(), board.clone())),
            board: board.clone(),
            records: records.clone(),
        },
        hearing,
    )?;
    let mut tasks = JoinSet::new();
    tasks.spawn(recording);
    tasks.spawn(async move { drop(controlling.await) });
    tasks.spawn(dns.run());
    let telling = control.clone();
    tasks.spawn(async move {
        while let Some(acknowledgement) = acknowledged.recv().await {
            telling.tell(Input::Acknowledged(acknowledgement)).await;
        }
    });
    let watched = Arc::new(LinkState::new(Arc::clone(&sink), control.clone()));
    let telemetry = stream::Telemetry::new(watched, heard);
    let serving = Server::builder().add_service(plans::service(board)).add_service(stream::service(telemetry));
    tasks.spawn(async move { drop(serving.serve_with_incoming(TcpIncoming::from(grpc)).await) });
    let redirecting = http302::router(answers.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move { drop(axum::serve(redirect, redirecting).await) });
    Ok(Services { control, sink, records, estate: config.estate, answers, http: Some(http), tasks })
}

/// A key of this run.
fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").context("opening /dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut key).context("reading /dev/urandom")?;
    Ok(key)
}

/// Applies plans to the DNS of this process, and says so.
fn apply_here(answers: Answers, board: Board) -> impl Fn(&Arc<Plan>) + Send + Sync {
    move |plan| {
        let refused = answers.install(Arc::clone(plan)).err().map(|stale| stale.to_string());
        let acknowledgement =
            Acknowledgement { executor: "dns".into(), kind: "dns".into(), plan: plan.number, refused };
        let board = board.clone();
        tokio::spawn(async move { board.acknowledge(acknowledgement).await });
    }
}
