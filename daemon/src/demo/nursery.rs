//! The child processes of the demo. They die with this process, however it dies: each asks the
//! kernel for a signal on its parent's death, and all are started by one thread that lives as long
//! as the demo, because that signal follows the death of the *thread* that forked.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use anyhow::Context;
use tokio::sync::oneshot;

/// How servers are started.
#[derive(Clone, Debug)]
pub(super) struct NurseryConfig {
    /// This binary.
    pub(super) binary: PathBuf,
    /// Where plans are had.
    pub(super) plans: SocketAddr,
}

#[derive(Debug)]
enum Order {
    Start(String, oneshot::Sender<anyhow::Result<()>>),
    Kill(String, oneshot::Sender<anyhow::Result<()>>),
    Close(oneshot::Sender<anyhow::Result<()>>),
}

/// Starts and kills servers by name.
#[derive(Clone, Debug)]
pub(super) struct Nursery {
    orders: mpsc::Sender<Order>,
}

impl Nursery {
    /// An empty nursery. When all its handles are gone, the children are killed.
    pub(super) fn new(config: NurseryConfig) -> anyhow::Result<Self> {
        let (orders, received) = mpsc::channel();
        thread::Builder::new().name("nursery".into()).spawn(move || tend(&config, &received))?;
        Ok(Self { orders })
    }

    /// Starts the server `node`, unless it runs.
    pub(super) async fn start(&self, node: &str) -> anyhow::Result<()> {
        self.order(|done| Order::Start(node.to_owned(), done)).await
    }

    /// Kills the server `node` (SIGKILL) and waits until it is gone.
    pub(super) async fn kill(&self, node: &str) -> anyhow::Result<()> {
        self.order(|done| Order::Kill(node.to_owned(), done)).await
    }

    /// Kills all servers and waits until they are gone.
    pub(super) async fn close(&self) -> anyhow::Result<()> {
        self.order(Order::Close).await
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<anyhow::Result<()>>) -> Order) -> anyhow::Result<()> {
        let (done, outcome) = oneshot::channel();
        self.orders.send(order(done)).context("the nursery is closed")?;
        outcome.await.context("the nursery is closed")?
    }
}

fn tend(config: &NurseryConfig, orders: &mpsc::Receiver<Order>) {
    let mut children: BTreeMap<String, Child> = BTreeMap::new();
    while let Ok(order) = orders.recv() {
        // An asker that has gone does not need the outcome.
        match order {
            Order::Start(node, done) => drop(done.send(start(config, &mut children, node))),
            Order::Kill(node, done) => drop(done.send(kill(&mut children, &node))),
            Order::Close(done) => {
                end_all(&mut children);
                drop(done.send(Ok(())));
            }
        }
    }
    end_all(&mut children);
}

fn end_all(children: &mut BTreeMap<String, Child>) {
    while let Some((node, mut child)) = children.pop_first() {
        if let Err(error) = end(&mut child) {
            tracing::warn!(node, %error, "a server could not be ended");
        }
    }
}

fn start(config: &NurseryConfig, children: &mut BTreeMap<String, Child>, node: String) -> anyhow::Result<()> {
    if children.contains_key(&node) {
        return Ok(());
    }
    let child = Command::new(&config.binary)
        .args(["demo-node", "--node", &node, "--plans", &config.plans.to_string()])
        .args(["--parent", &std::process::id().to_string()])
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("starting server {node}"))?;
    children.insert(node, child);
    Ok(())
}

fn kill(children: &mut BTreeMap<String, Child>, node: &str) -> anyhow::Result<()> {
    let mut child = children.remove(node).with_context(|| format!("server {node} does not run"))?;
    end(&mut child).with_context(|| format!("killing server {node}"))
}

fn end(child: &mut Child) -> std::io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}
