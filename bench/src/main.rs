//! Benchmarks: `cargo run --release -p weir-bench -- NAME [--json FILE] [--full]`.
//!
//! Each builds what it starts, runs ours and the peers in the same run, prints a table and, with `--json`, writes it.

mod demo;
mod outcome;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

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
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bench {
    /// Failover, accuracy and SQL of the demo estate, over several runs
    Demo,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let outcome = match arguments.bench {
        Bench::Demo => demo::run(arguments.full)?,
    };
    outcome.print();
    if let Some(file) = &arguments.json {
        outcome.write(file)?;
    }
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
