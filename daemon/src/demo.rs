//! `weir demo`: a hybrid estate on loopback, with real servers, real traffic and real faults.
//!
//! Servers are child processes, so that they can be killed; everything else is this process: the
//! daemon, three agents, and the users.

mod estate;
mod faults;
mod meter;
mod node;
mod nursery;
mod report;
mod resolver;
mod run;
mod status;
mod tally;
mod traffic;

pub(crate) use node::{NodeArgs, run as run_node};

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use weir_model::time::parse_duration;

use faults::Fault;

/// Arguments of `weir demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir demo\n  weir demo --fault 'kill edge-3 at 8s' --fault 'restore edge-3 at 20s'\n  \
                        weir demo --duration 30s --report report.json\n  weir demo fault kill edge-3"
)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// Run headless for this long, then stop
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Write the report here (JSON)
    #[arg(long)]
    report: Option<PathBuf>,
    /// A fault: '<verb> <target> [<arg>] at <time>', verbs kill, restore, slow, loss, price, surge
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// Requests per second of all users together
    #[arg(long, default_value_t = 700.0)]
    rate: f64,
    /// Where the API and the UI listen
    #[arg(long, default_value = "127.0.0.1:7080")]
    http: SocketAddr,
    /// Where agents and executors connect
    #[arg(long, default_value = "127.0.0.1:7081")]
    grpc: SocketAddr,
    /// Where DNS is answered
    #[arg(long, default_value = "127.0.0.1:7053")]
    dns: SocketAddr,
    /// Where users are redirected (HTTP 302)
    #[arg(long, default_value = "127.0.0.1:7082")]
    redirect: SocketAddr,
    /// Keep data here (default: a folder that is removed at the end)
    #[arg(long)]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Inject a fault into the demo that runs in another terminal
    Fault {
        /// '<verb> <target> [<arg>]', e.g. kill edge-3
        #[arg(required = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("`{text}` is no duration: write it as 30s or 5m"))
}

/// Runs the command.
pub(crate) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    crate::shell::log_to_stderr("warn");
    // A person at a terminal and a script in CI get the same traffic and the same faults.
    match &args.action {
        Some(Action::Fault { words }) => crate::shell::block_on(faults::send(args.http, words.join(" "))),
        None => crate::shell::block_on(run::run(args)),
    }
}
