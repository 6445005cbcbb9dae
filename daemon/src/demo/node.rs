//! A server of the demo: origin, mid or edge. Real HTTP; only distance is pretended, by waiting.

mod counters;
mod serve;
mod upstream;

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use weir_collector::probe::stamp::StampReflector;
use weir_dispatch::{
    answers::Answers,
    plans::{Follow, follow},
};
use weir_model::{
    estate::{Estate, Role},
    id::{NodeOrd, SiteOrd},
    plan::PlanNumber,
};

use super::estate;
use counters::Counters;
use upstream::Upstream;

/// Arguments of a server.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Which node of the demo's estate
    #[arg(long)]
    node: String,
    /// Where plans are had
    #[arg(long)]
    plans: SocketAddr,
    /// The process to die with
    #[arg(long)]
    parent: i32,
}

/// What was done to this server.
#[derive(Debug, Default)]
struct Faults {
    slow_millis: AtomicU64,
    /// In millionths.
    loss: AtomicU32,
    drawn: AtomicU64,
}

impl Faults {
    fn delay(&self) -> Duration {
        Duration::from_millis(self.slow_millis.load(Ordering::Relaxed))
    }

    /// Whether this request is dropped: SplitMix64 over a counter, so that a run is like the last.
    fn drops(&self) -> bool {
        let loss = self.loss.load(Ordering::Relaxed);
        let mut x = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % 1_000_000 < u64::from(loss)
    }
}

#[derive(Debug)]
struct Server {
    estate: Arc<Estate>,
    node: NodeOrd,
    site: SiteOrd,
    role: Role,
    faults: Faults,
    counters: Counters,
    answers: Answers,
    upstream: Upstream,
}

/// Runs the server until its parent dies.
pub(crate) fn run(args: NodeArgs) -> anyhow::Result<ExitCode> {
    crate::shell::log_to_stderr("warn");
    die_with(args.parent)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

/// Asks for SIGKILL on the parent's death. A parent that died before the asking is not ours any more.
fn die_with(parent: i32) -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL)).context("asking for the parent-death signal")?;
    anyhow::ensure!(getppid() == Pid::from_raw(parent), "the demo ended before its server began");
    Ok(())
}

async fn serve(args: NodeArgs) -> anyhow::Result<ExitCode> {
    let estate = estate::load()?;
    let node = estate.node_ord(&args.node).with_context(|| format!("the demo has no node `{}`", args.node))?;
    let row = &estate.nodes[node.index()];
    let (ip, port, site, role) = (row.addresses[0], row.port, row.site, row.role);
    let server = Arc::new(Server {
        node,
        site,
        role,
        faults: Faults::default(),
        counters: Counters::new(&estate),
        answers: Answers::default(),
        upstream: Upstream::new(ip),
        estate,
    });
    let busy = || format!("{ip}:{port} is in use: does another demo run?");
    let listener = TcpListener::bind((ip, port)).await.with_context(busy)?;
    let reflecting = Arc::clone(&server);
    let delay = move |from: SocketAddr| reflecting.distance(from) + reflecting.faults.delay();
    let reflector = StampReflector::bind((ip, estate::STAMP_PORT).into(), delay).await.with_context(busy)?;
    tokio::spawn(reflector.run());
    if role == Role::Edge {
        tokio::spawn(follow_plans(Arc::clone(&server), args.plans));
    }
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        // What is small goes out at once; a failure here only makes it slower.
        drop(stream.set_nodelay(true));
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| server.answer(request, peer));
            // The client went away, or a loss was injected: nothing to tell anybody.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn follow_plans(server: Arc<Server>, plans: SocketAddr) {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{plans}")) else { return };
    let who =
        Follow { executor: server.estate.nodes[server.node.index()].id.to_string(), kind: "edge".into(), token: None };
    let apply = |plan| server.answers.install(plan).map(drop).map_err(|stale| stale.to_string());
    follow(endpoint, who, PlanNumber::default(), apply).await;
}

impl Server {
    /// The round trip that `from` stands at: that of the link from the node with that address.
    fn distance(&self, from: SocketAddr) -> Duration {
        let nodes = &self.estate.nodes;
        let Some(from) = nodes.iter().position(|node| node.addresses.contains(&from.ip())) else {
            return Duration::ZERO;
        };
        let link = self.estate.links.iter().find(|link| link.from.index() == from && link.to == self.node);
        link.map_or(Duration::ZERO, |link| Duration::from_secs_f64(2.0 * link.latency.0 / 1e3))
    }
}
