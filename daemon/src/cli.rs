//! The command line. Each command is a file of its own.

mod agent;
mod check;
mod delete;
mod output;
mod questions;
mod remote;
mod run;
mod sim;
mod sql;

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
    /// Run the daemon
    Run(run::RunArgs),
    /// Run an agent: probes, health and host metrics
    Agent(agent::AgentArgs),
    /// Delete rows: hidden at once, gone from the disk soon after
    Delete(delete::DeleteArgs),
    /// Ask SQL, once or in a session
    Sql(sql::SqlArgs),
    /// Check configuration, inventory and rules; exits with 2 when something is wrong
    Check(check::CheckArgs),
    /// Show how the daemon and its estate are
    Status(questions::StatusArgs),
    /// Show or explain the plan in force
    #[command(subcommand)]
    Plan(questions::PlanCommand),
    /// Show what contracts stand at this month
    Bill(questions::BillArgs),
    /// Replay an estate in a virtual world
    #[command(subcommand)]
    Sim(sim::SimCommand),
    /// A server of the demo's estate (started by `weir demo`)
    #[command(hide = true)]
    DemoNode(demo::NodeArgs),
}

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Run(args) => run::run(&args),
        Command::Agent(args) => agent::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Sql(args) => sql::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Status(args) => questions::status(&args),
        Command::Plan(command) => questions::plan(&command),
        Command::Bill(args) => questions::bill(&args),
        Command::Sim(command) => sim::run(&command),
        Command::DemoNode(args) => demo::run_node(args),
    }
}
