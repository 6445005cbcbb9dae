//! The demo from start to end.

mod inject;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    net::TcpStream,
    sync::{broadcast::error::RecvError, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tonic::transport::Endpoint;
use weir_billing::usage::Slot;
use weir_collector::{
    clock,
    stream::{UplinkConfig, uplink},
};
use weir_model::{
    estate::Estate,
    id::{NodeOrd, SiteOrd},
    time::UnixNanos,
};
use weir_rules::{
    PACKS,
    alert::{self, RuleGroup},
};

use super::{
    DemoArgs, estate,
    faults::Fault,
    meter,
    nursery::{Nursery, NurseryConfig},
    report::{Facts, Report},
    status::StatusLine,
    tally::Tally,
    traffic::Users,
};
use crate::{
    alerts::SHIPPED,
    api::Extra,
    config::Listen,
    control::{Announcement, Control},
    executor,
    ledgers::{self, Ledgers},
    services::{self, Services, ServicesConfig},
    store::Store,
    work::Wanted,
};

/// Seconds of the demo's month in each second: a slot of 5 minutes.
const MONTH_ACCELERATION: u64 = 300;
/// How long servers, agents and the first plan may take.
const START_MAX: Duration = Duration::from_secs(30);
/// How often what the UI shows of the demo is renewed.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// How often this host's own metrics are read.
const HOST_EVERY: Duration = Duration::from_secs(5);
/// How long users wait before they set out, for demand to be placed by the first plan.
const PAUSE: Duration = Duration::from_millis(500);

/// The parts of a running demo.
pub(super) struct Demo {
    estate: Mutex<Arc<Estate>>,
    nursery: Nursery,
    control: Control,
    store: Store,
    users: Arc<Users>,
    tally: Arc<Mutex<Tally>>,
    ledgers: Arc<Mutex<Ledgers>>,
    injected: Mutex<Vec<String>>,
    /// Servers that serve nobody, because of a fault.
    unserviceable: Mutex<BTreeSet<NodeOrd>>,
    /// Pairs that the plan in force split when the first fault came.
    split_before: OnceLock<usize>,
    /// Milliseconds that queries took.
    sql_times: Mutex<Vec<f64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside are counters: whole at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the demo until its duration ends or Ctrl-C.
pub(super) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let estate = estate::load()?;
    let folder = scratch_folder(&args)?;
    let mut services = services::start(services_config(&args, &estate, &folder)?).await?;
    let nursery = Nursery::new(NurseryConfig { binary: std::env::current_exe()?, plans: args.grpc })?;
    for node in &estate.nodes {
        nursery.start(node.id.as_str()).await?;
    }
    wait_for_servers(&estate).await?;
    let mut tasks = JoinSet::new();
    start_agents(&mut tasks, &estate, &args, &folder.path)?;
    let tally = Arc::<Mutex<Tally>>::default();
    tasks.spawn(keep_tally(services.control.clone(), Arc::clone(&tally)));
    let ledgers = Arc::new(Mutex::new(Ledgers::open(&estate, clock::wall())?));
    start_meter(&mut tasks, &estate, &services, &ledgers)?;
    wait_for_plan(&services.control).await?;
    let users = Arc::new(Users::new(Arc::clone(&estate), args.dns, Arc::clone(&tally)));
    let demo = Arc::new(Demo {
        estate: Mutex::new(Arc::clone(&estate)),
        nursery,
        control: services.control.clone(),
        store: services.store.clone(),
        users: Arc::clone(&users),
        tally,
        ledgers,
        injected: Mutex::default(),
        unserviceable: Mutex::default(),
        split_before: OnceLock::new(),
        sql_times: Mutex::default(),
    });
    services.serve_http(None, super::faults::router(Arc::clone(&demo)))?;
    tasks.spawn(keep_shown(Arc::clone(&demo), services.shown.clone()));
    sleep(PAUSE).await;
    tasks.spawn(Arc::clone(&users).run(args.rate));
    let started = Instant::now();
    schedule(&mut tasks, &demo, &args.faults, started);
    say(&format!(
        "Weir's demo runs: http://{} shows it. DNS is at {}. Faults: weir demo fault kill edge-3\n\
         A second here is {MONTH_ACCELERATION} seconds of the demo's month, so bills grow as fast. Ctrl-C ends it.",
        args.http, args.dns
    ));
    let asking = tokio::spawn(ask(services.store.clone(), Arc::clone(&demo)));
    watch(&demo, args.duration).await;
    asking.abort();
    let report = demo.report(started.elapsed());
    say(&report.summary());
    if let Some(path) = &args.report {
        report.write(path)?;
    }
    tasks.shutdown().await;
    // Before the daemon, whose end they would report as an outage.
    demo.nursery.close().await?;
    services.stop().await;
    drop(folder);
    Ok(ExitCode::SUCCESS)
}

/// The daemon as the demo runs it.
fn services_config(args: &DemoArgs, estate: &Arc<Estate>, folder: &Folder) -> anyhow::Result<ServicesConfig> {
    Ok(ServicesConfig {
        wanted: Wanted {
            estate: Arc::clone(estate),
            inventory: weir_sim::DEMO_ESTATE.into(),
            scrapes: Vec::new(),
            rules: rules()?,
            alertmanager: None,
            traffic: None,
            anomalies: Vec::new(),
            forecasts: Vec::new(),
        },
        policy: estate::policy(),
        quorum: estate::quorum_policy(),
        listen: Listen {
            http: args.http,
            grpc: args.grpc,
            dns: args.dns,
            redirect: args.redirect,
            tls: None,
            tokens: Vec::new(),
            external_url: None,
        },
        zones: executor::zones(&estate::zones())?,
        with_dns: true,
        data: folder.path.clone(),
        retention: Duration::from_secs(86_400).into(),
        store: crate::config::StoreConfig::default(),
        httpdns_key: folder.path.join("httpdns.key"),
        host_every: HOST_EVERY,
        history: None,
    })
}

/// The shipped rules.
fn rules() -> anyhow::Result<Vec<RuleGroup>> {
    let mut groups = Vec::new();
    for (name, text) in PACKS {
        groups.extend(alert::parse(&format!("{SHIPPED}{name}"), text)?);
    }
    Ok(groups)
}

/// A data folder, removed at the end when the user named none.
struct Folder {
    path: std::path::PathBuf,
    is_ours: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_ours {
            // What stays behind is in the temporary folder.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}

fn scratch_folder(args: &DemoArgs) -> anyhow::Result<Folder> {
    let folder = match &args.data {
        Some(path) => Folder { path: path.clone(), is_ours: false },
        None => Folder { path: std::env::temp_dir().join(format!("weir-demo-{}", std::process::id())), is_ours: true },
    };
    std::fs::create_dir_all(&folder.path).with_context(|| format!("making {}", folder.path.display()))?;
    Ok(folder)
}

fn start_agents(
    tasks: &mut JoinSet<()>,
    estate: &Estate,
    args: &DemoArgs,
    data: &std::path::Path,
) -> anyhow::Result<()> {
    /// An hour of a demo agent's batches.
    const SPOOL_BYTES_MAX: u64 = 64 << 20;
    for plan in estate::agents(estate)? {
        let config = UplinkConfig {
            agent: plan.vantage.to_string(),
            spool: data.join("spool").join(plan.vantage.as_str()),
            spool_bytes_max: SPOOL_BYTES_MAX,
            token: None,
        };
        let endpoint = Endpoint::from_shared(format!("http://{}", args.grpc))?;
        let (uplink, running) = uplink(config, endpoint)?;
        tasks.spawn(running);
        tasks.spawn(async move {
            if let Err(error) = crate::agent::run(plan, uplink).await {
                tracing::error!(error = &*error, "an agent ended");
            }
        });
    }
    Ok(())
}

fn start_meter(
    tasks: &mut JoinSet<()>,
    estate: &Arc<Estate>,
    services: &Services,
    ledgers: &Arc<Mutex<Ledgers>>,
) -> anyhow::Result<()> {
    let (derived, scraping) = meter::start(estate, services.store.sink())?;
    tasks.spawn(scraping);
    let (ledgers, records) = (Arc::clone(ledgers), services.records.clone());
    // The demo's month began when the demo did, on a border of 5 minutes.
    let slot_nanos = 300 * 1_000_000_000;
    let began = clock::wall().0 / slot_nanos * slot_nanos;
    let mut counted: BTreeMap<usize, i64> = BTreeMap::new();
    let usage = move |site: SiteOrd, bps: f64| {
        let slot = counted.entry(site.index()).or_default();
        let start = UnixNanos(began + *slot * slot_nanos);
        *slot += 1;
        let out_bytes = (bps / 8.0 * 300.0) as u64;
        let mut ledgers = lock(&ledgers);
        if let Err(error) = ledgers.record_site(site, Slot { start, in_bytes: 0, out_bytes }) {
            tracing::warn!(error = &error as &dyn std::error::Error, "usage was not billed");
        }
        if *slot % 5 == 0 && site == SiteOrd::of(2) {
            records.push(ledgers::rows(&ledgers.standings(), clock::wall()));
        }
    };
    tasks.spawn(meter::follow(Arc::clone(estate), derived, services.control.clone(), usage));
    Ok(())
}

/// Waits until every server listens: an agent that began before would learn of losses there were not.
async fn wait_for_servers(estate: &Estate) -> anyhow::Result<()> {
    let listen = async {
        for node in &estate.nodes {
            while TcpStream::connect((node.addresses[0], node.port)).await.is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(START_MAX, listen).await.context("not every server listened within 30 s")
}

async fn wait_for_plan(control: &Control) -> anyhow::Result<()> {
    let mut known = control.known();
    let planned = known.wait_for(|known| known.plan.is_some());
    tokio::time::timeout(START_MAX, planned).await.context("no plan within 30 s")?.context("the controller ended")?;
    Ok(())
}

/// Counts what the controller announces.
async fn keep_tally(control: Control, tally: Arc<Mutex<Tally>>) {
    let mut announcements = control.listen();
    if let Some(plan) = control.known().borrow().plan.as_ref() {
        lock(&tally).plan(plan);
    }
    loop {
        match announcements.recv().await {
            Ok(Announcement::Plan(plan)) => lock(&tally).plan(&plan),
            Ok(Announcement::Finding(finding, at)) => lock(&tally).finding(&finding, at),
            Ok(Announcement::Acknowledged(ack, at)) if ack.refused.is_none() && ack.kind == "edge" => {
                lock(&tally).applied(ack.plan, at);
            }
            Ok(Announcement::Acknowledged(..) | Announcement::Estate) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Questions a person at a dashboard asks, over and over.
const QUESTIONS: [&str; 4] = [
    "SELECT target, avg(value) AS health FROM node_health WHERE time > now() - INTERVAL '10 seconds' GROUP BY target",
    "SELECT time, id, kind, text FROM ops.findings ORDER BY time DESC LIMIT 20",
    "SELECT site, sum(bps) / 1e6 AS mbps FROM demand WHERE time > now() - INTERVAL '5 seconds' GROUP BY site",
    "SELECT client_group, domain, site, share FROM plan.assignments WHERE time = (SELECT max(time) FROM plan.plans)",
];
/// How often one of them is asked.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Asks the questions in turn, and keeps how long each took.
async fn ask(store: Store, demo: Arc<Demo>) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for question in QUESTIONS.iter().cycle() {
        ticks.tick().await;
        let asked = Instant::now();
        match store.count_rows(question).await {
            Ok(_) => lock(&demo.sql_times).push(asked.elapsed().as_secs_f64() * 1e3),
            // A table exists from its first row on.
            Err(error) => tracing::debug!(%error, question, "a question was not answered"),
        }
    }
}

/// Injects each fault at its time after `started`.
fn schedule(tasks: &mut JoinSet<()>, demo: &Arc<Demo>, faults: &[Fault], started: Instant) {
    for fault in faults.iter().cloned() {
        let demo = Arc::clone(demo);
        tasks.spawn(async move {
            sleep_until(started + fault.at).await;
            if let Err(error) = demo.inject(&fault).await {
                tracing::error!(error = &*error, %fault, "the fault could not be injected");
            }
        });
    }
}

/// Keeps what the demo adds to snapshots fresh.
async fn keep_shown(demo: Arc<Demo>, show: watch::Sender<Extra>) {
    let mut ticks = interval(SHOW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (requests, failed_requests) = {
            let tally = lock(&demo.tally);
            (tally.requests, tally.failed)
        };
        let standings = lock(&demo.ledgers).standings();
        let faults = lock(&demo.injected).clone();
        show.send_replace(Extra { standings, requests, failed_requests, faults, is_demo: true });
    }
}

/// Shows the status until the duration ends or Ctrl-C.
async fn watch(demo: &Demo, duration: Option<Duration>) {
    let mut line = StatusLine::new();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + duration.unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let known = demo.control.known().borrow().clone();
                let Some(plan) = known.plan else { continue };
                let out: Vec<&str> = plan.out_of_service.iter().map(|n| plan.directory.nodes[n.index()].id.as_str()).collect();
                line.show(&lock(&demo.tally), &plan.number.to_string(), &out.join(", "));
            }
            () = sleep_until(end) => break,
            // Without a handler Ctrl-C would end us all the same, uncleanly.
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    line.end();
}

impl Demo {
    fn split_pairs(&self) -> usize {
        self.control.known().borrow().plan.as_ref().map_or(0, |plan| plan.split_pairs())
    }

    fn report(&self, duration: Duration) -> Report {
        let known = self.control.known().borrow().clone();
        let estate = Arc::clone(&lock(&self.estate));
        let standings = lock(&self.ledgers).standings();
        let facts = Facts {
            estate: &estate,
            duration,
            split_pairs: self.split_before.get().copied().unwrap_or_else(|| self.split_pairs()),
            plans: known.plan.as_ref().map_or(0, |plan| plan.number.generation),
            standings: &standings,
            sql_ms: &mut lock(&self.sql_times).clone(),
            month_acceleration: MONTH_ACCELERATION,
        };
        Report::new(&lock(&self.tally), facts)
    }
}

#[allow(clippy::print_stdout, reason = "the demo talks to the person who started it")]
fn say(text: &str) {
    println!("{text}");
}
