//! The command line. Each command is a file of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo;

/// Weir: observability and intelligent scheduling for hybrid infrastructure.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a hybrid estate on loopback with real traffic, and steer it
    Demo(demo::DemoArgs),
    /// A server of the demo's estate (started by `weir demo`)
    #[command(hide = true)]
    DemoNode(demo::NodeArgs),
}

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::DemoNode(args) => demo::run_node(args),
    }
}
