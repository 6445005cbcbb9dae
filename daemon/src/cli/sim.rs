//! `weir sim`.

use std::{
    fs,
    io::IsTerminal,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use arrow::record_batch::RecordBatch;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use weir_sim::{
    demand::Demand,
    outcome::{Delta, Table, compare},
    run,
    scenario::Scenario,
};

use super::output::Output;
use crate::{
    demand_file,
    infra::{floats, table, text},
};

/// `weir sim ...`
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Run a scenario
    #[command(
        after_help = "Example:\n  weir sim run sim/scenarios/demo-month.yaml --seed 1 --output csv --save before"
    )]
    Run(RunArgs),
    /// What differs between two saved runs
    #[command(after_help = "Example:\n  weir sim compare before after")]
    Compare {
        /// The folder that `--save` wrote
        before: PathBuf,
        /// Another
        after: PathBuf,
        /// How rows are printed
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Arguments of `weir sim run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scenario
    scenario: PathBuf,
    /// The seed; without it the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// How rows are printed; csv is one long table
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Keep the result in this folder
    #[arg(long)]
    save: Option<PathBuf>,
}

/// The file in a saved run's folder.
const RESULT: &str = "result.csv";
/// What a wrong scenario exits with, as `weir check` does.
const WRONG: u8 = 2;

/// Runs the command.
pub(super) fn run(command: &SimCommand) -> anyhow::Result<ExitCode> {
    match command {
        SimCommand::Run(args) => simulate(args),
        SimCommand::Compare { before, after, output } => {
            let deltas = compare(&saved(before)?, &saved(after)?);
            output.print(&delta_rows(&deltas)?.into())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn simulate(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let file = &args.scenario;
    let folder = file.parent().unwrap_or(Path::new("."));
    // Files that a scenario names are beside it.
    let files = |name: &str| fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let mut scenario = match Scenario::read(&file.display().to_string(), &crate::config::read_file(file)?, &files) {
        Ok(scenario) => scenario,
        Err(diagnostics) => {
            eprintln!("{diagnostics}\nweir: {} errors", diagnostics.len());
            return Ok(ExitCode::from(WRONG));
        }
    };
    if let Demand::Unread(name) = &scenario.demand {
        match demand_file::read(&folder.join(name), &scenario.estate) {
            Ok(replay) => scenario.demand = Demand::Replayed(replay),
            Err(error) => {
                eprintln!("weir: {error:#}");
                return Ok(ExitCode::from(WRONG));
            }
        }
    }
    let bar = progress_bar();
    let outcome = run::run(&scenario, args.seed.unwrap_or(scenario.seed), &mut |done| {
        bar.set_position((done * 1_000.0) as u64);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let result = Table::from(&outcome?);
    if let Some(folder) = &args.save {
        save(folder, &result)?;
    }
    match args.output {
        // Byte for byte what is saved and compared.
        Output::Csv => print(&result.to_csv()),
        output => output.print(&result_rows(&result)?.into())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1_000);
    match ProgressStyle::with_template("{bar:40} {percent}% {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Written aside and renamed: a run that was killed leaves nothing that looks complete.
fn save(folder: &Path, result: &Table) -> anyhow::Result<()> {
    let doing = || format!("saving the result in {}", folder.display());
    fs::create_dir_all(folder).with_context(doing)?;
    let aside = folder.join("result.csv.new");
    fs::write(&aside, result.to_csv()).with_context(doing)?;
    fs::rename(&aside, folder.join(RESULT)).with_context(doing)
}

fn saved(folder: &Path) -> anyhow::Result<Table> {
    let file = folder.join(RESULT);
    Table::from_csv(&crate::config::read_file(&file)?).with_context(|| format!("reading {}", file.display()))
}

#[allow(clippy::print_stdout, reason = "the command's result")]
fn print(csv: &str) {
    print!("{csv}");
}

fn result_rows(result: &Table) -> anyhow::Result<RecordBatch> {
    let rows = || result.entries.iter();
    Ok(table([
        ("table", text(rows().map(|row| &row.table))),
        ("key", text(rows().map(|row| &row.key))),
        ("metric", text(rows().map(|row| &row.metric))),
        ("value", text(rows().map(|row| &row.value))),
    ])?)
}

fn delta_rows(deltas: &[Delta]) -> anyhow::Result<RecordBatch> {
    let rows = || deltas.iter();
    Ok(table([
        ("table", text(rows().map(|row| &row.table))),
        ("key", text(rows().map(|row| &row.key))),
        ("metric", text(rows().map(|row| &row.metric))),
        ("before", text(rows().map(|row| row.before.as_deref().unwrap_or("")))),
        ("after", text(rows().map(|row| row.after.as_deref().unwrap_or("")))),
        ("change", floats(rows().map(|row| row.change))),
    ])?)
}
