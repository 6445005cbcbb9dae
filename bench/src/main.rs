//! Benchmarks: `cargo run --release -p weir-bench -- NAME [--json FILE] [--full]`.
//!
//! Each builds what it starts, runs ours and the peers in the same run, prints a table and, with `--json`, writes it.

mod binary;
mod bodies;
mod cardinality;
mod crash;
mod dashboards;
mod demo;
mod devops;
mod http;
mod ingest;
mod live;
mod load;
mod node_metrics;
mod outcome;
mod peers;
mod process;
mod programs;
mod restart;
mod scale;
mod sender;
mod server;
mod soak;
mod taken;
mod tsbs;
mod weir_sql;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use scale::Scale;

#[derive(Debug, Parser)]
#[command(about, after_help = "Example:\n  cargo run --release -p weir-bench -- demo --json demo.json")]
struct Arguments {
    /// Which
    bench: Bench,
    /// Write the outcome here as well
    #[arg(long)]
    json: Option<PathBuf>,
    /// More runs; takes longer than 15 minutes
    #[arg(long)]
    full: bool,
    /// Next to nothing: whether everything works, not how fast
    #[arg(long, conflicts_with = "full")]
    smoke: bool,
    /// What `crash` draws its chances from; it prints the one that it took
    #[arg(long)]
    seed: Option<u64>,
    /// Power cuts of `crash`, where it is not to prove anything but to find something
    #[arg(long)]
    rounds: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bench {
    /// A million active series, beside VictoriaMetrics: memory, what it takes to take them in, label pickers
    Cardinality,
    /// Power cuts: nothing acknowledged is lost, and each acknowledgement follows its fsync
    Crash,
    /// Failover, accuracy and SQL of the demo estate, over several runs
    Demo,
    /// Remote write and line protocol, against VictoriaMetrics and Prometheus
    Ingest,
    /// Half of what can be taken in comes in: when it is seen by SQL, and what dashboards take meanwhile
    Live,
    /// From a start with 10 M samples to the first correct answer, after SIGKILL and after a clean end
    Restart,
    /// Ten minutes of everything at once: memory stays where it is
    Soak,
    /// Queries of TSBS's devops cpu-only, against DuckDB and ClickHouse
    Tsbs,
    /// Sends what standard input says: a part of other benches
    #[value(hide = true)]
    Sender,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let scale = match (arguments.smoke, arguments.full) {
        (true, _) => Scale::Smoke,
        (_, true) => Scale::Full,
        _ => Scale::Usual,
    };
    let outcome = match arguments.bench {
        Bench::Cardinality => cardinality::run(scale)?,
        Bench::Crash => crash::run(arguments.full, arguments.seed, arguments.rounds)?,
        Bench::Demo => demo::run(scale)?,
        Bench::Ingest => ingest::run(scale)?,
        Bench::Live => live::run(scale)?,
        Bench::Restart => restart::run(scale)?,
        Bench::Soak => soak::run(scale)?,
        Bench::Tsbs => tsbs::run(scale)?,
        Bench::Sender => {
            sender::run()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    outcome.print();
    if let Some(file) = &arguments.json {
        outcome.write(file)?;
    }
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
