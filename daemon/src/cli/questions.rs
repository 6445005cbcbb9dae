//! Questions with a command of their own; each is SQL that anybody could ask.

use std::process::ExitCode;

use arrow::util::display::array_value_to_string;
use clap::{Args, Subcommand, ValueEnum};

use super::{output::Output, remote::Remote};

/// Where and how.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    #[command(flatten)]
    remote: Remote,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Arguments of `weir status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  weir status\n  weir status --output json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    remote: Remote,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    output: StatusOutput,
}

/// How the status is printed: it is no table of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum StatusOutput {
    /// For people.
    #[default]
    Table,
    /// All that `/api/v1/state` says.
    Json,
}

/// `weir plan ...`
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// The shares of the plan in force; who finds no place, and why, on standard error
    #[command(after_help = "Example:\n  weir plan show --output csv")]
    Show(Asked),
    /// Why a group is served for a domain as it is: every site, and what ruled it out
    #[command(after_help = "Example:\n  weir plan explain north-telco www.aurora.test")]
    Explain {
        /// The client group
        group: String,
        /// The domain
        domain: String,
        #[command(flatten)]
        asked: Asked,
    },
}

/// Arguments of `weir bill`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  weir bill\n  weir bill fra-transit --output json")]
pub(crate) struct BillArgs {
    /// One contract; all without
    contract: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// A text in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Says whom the last plan made with a solver does not serve, and why.
async fn name_unserved(remote: &Remote) -> anyhow::Result<()> {
    // A table exists from its first row on: before, everybody is served.
    let exists = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'plan' AND table_name = 'unserved'";
    if remote.sql(exists).await?.batches.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(());
    }
    let query = "SELECT client_group || ' ' || domain || ': ' || why FROM plan.unserved \
                 WHERE time = (SELECT max(time) FROM plan.reports) ORDER BY 1";
    for batch in remote.sql(query).await?.batches {
        for row in 0..batch.num_rows() {
            eprintln!("unserved: {}", array_value_to_string(batch.column(0), row)?);
        }
    }
    Ok(())
}

fn ask(asked: &Asked, query: &str) -> anyhow::Result<ExitCode> {
    crate::shell::block_on(async {
        asked.output.print(&asked.remote.sql(query).await?)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Runs `weir plan`.
pub(super) fn plan(command: &PlanCommand) -> anyhow::Result<ExitCode> {
    match command {
        PlanCommand::Show(asked) => crate::shell::block_on(async {
            let query = "SELECT a.plan, a.client_group, a.domain, a.site, a.share FROM plan.assignments a \
                         WHERE a.time = (SELECT max(time) FROM plan.plans) ORDER BY 2, 3, 5 DESC";
            asked.output.print(&asked.remote.sql(query).await?)?;
            name_unserved(&asked.remote).await?;
            Ok(ExitCode::SUCCESS)
        }),
        PlanCommand::Explain { group, domain, asked } => {
            let (group, domain) = (quoted(group), quoted(domain));
            ask(
                asked,
                &format!(
                    "SELECT plan, site, verdict, share, latency_ms, marginal_cost, demand_bps FROM plan.reports \
                     WHERE client_group = {group} AND domain = {domain} AND time = (SELECT max(time) FROM plan.reports \
                     WHERE client_group = {group} AND domain = {domain}) ORDER BY share DESC, marginal_cost"
                ),
            )
        }
    }
}

/// Runs `weir bill`.
pub(super) fn bill(args: &BillArgs) -> anyhow::Result<ExitCode> {
    let only = args.contract.as_ref().map_or(String::new(), |contract| format!("AND contract = {}", quoted(contract)));
    let query = format!(
        "SELECT contract, kind, amount, forecast, currency, headroom_mbps, free_slots FROM cost.month_to_date \
         WHERE time = (SELECT max(time) FROM cost.month_to_date) {only} ORDER BY contract"
    );
    ask(&args.asked, &query)
}

/// Runs `weir status`.
#[allow(clippy::print_stdout, reason = "the command's result")]
pub(super) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    crate::shell::block_on(async {
        let state = args.remote.get("/api/v1/state").await?;
        if args.output == StatusOutput::Json {
            println!("{state:#}");
            return Ok(ExitCode::SUCCESS);
        }
        let count = |table: &str, health: &str| {
            let rows = state[table].as_array().map(Vec::as_slice).unwrap_or_default();
            rows.iter().filter(|row| row["health"] == health).count()
        };
        match state["plan"].as_object() {
            Some(plan) => println!(
                "plan      {} ({}), {} pairs split",
                text(&plan["number"]),
                text(&plan["reason"]),
                plan["split_pairs"]
            ),
            None => println!("plan      none yet"),
        }
        for table in ["nodes", "links"] {
            let counts =
                ["up", "degraded", "down", "unknown"].map(|health| format!("{} {health}", count(table, health)));
            println!("{table:<9} {}", counts.join(", "));
        }
        for site in state["sites"].as_array().into_iter().flatten() {
            let (planned, capacity) =
                (site["planned_mbps"].as_f64().unwrap_or(0.0), site["capacity_mbps"].as_f64().unwrap_or(0.0));
            println!("site      {:<12} {planned:>10.2} of {capacity:.0} Mbit/s", text(&site["id"]));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or("?")
}
