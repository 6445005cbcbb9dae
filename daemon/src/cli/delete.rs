//! `weir delete`.

use std::{
    io::{IsTerminal, Write, stdin, stdout},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::remote::Remote;

/// Arguments of `weir delete`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir delete metrics.cpu --where \"host = 'web-1'\"\n  weir delete logs --until 2026-01-01 --yes\n\nRows written later stay. What ClickHouse has, stays there."
)]
pub(crate) struct DeleteArgs {
    /// The table: `schema.name`, or the name of a metric
    table: String,
    /// Only rows that satisfy this condition in SQL, on labels
    #[arg(long = "where")]
    condition: Option<String>,
    /// Only rows at or after this time, as 2026-01-01T00:00:00Z
    #[arg(long)]
    from: Option<String>,
    /// Only rows before this time
    #[arg(long)]
    until: Option<String>,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the command.
#[allow(clippy::print_stdout, reason = "the command's result")]
pub(super) fn run(args: &DeleteArgs) -> anyhow::Result<ExitCode> {
    crate::shell::block_on(async {
        let (found, what) = ask(args, true).await?;
        if found == 0 {
            println!("nothing is deleted: no series of {what}");
            return Ok(ExitCode::SUCCESS);
        }
        if !args.yes && !is_confirmed(&format!("Delete rows of {found} series of {what}?"))? {
            println!("nothing is deleted");
            return Ok(ExitCode::FAILURE);
        }
        let (series, what) = ask(args, false).await?;
        println!("deleted: rows of {series} series of {what}");
        Ok(ExitCode::SUCCESS)
    })
}

/// Asks the daemon; of how many series rows are deleted, and of what.
async fn ask(args: &DeleteArgs, dry_run: bool) -> anyhow::Result<(u64, String)> {
    let asked = [("where", &args.condition), ("from", &args.from), ("until", &args.until)];
    let mut body: Map<String, Value> =
        asked.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into()))).collect();
    body.insert("table".to_owned(), args.table.clone().into());
    body.insert("dry_run".to_owned(), dry_run.into());
    let answer = args.remote.post("/api/v1/delete", &body.into()).await?;
    let series = answer["series"].as_u64().context("the answer does not say how many series there are")?;
    if !dry_run && let Some(note) = answer["note"].as_str() {
        eprintln!("note: {note}");
    }
    let table = answer["table"].as_str().unwrap_or(&args.table);
    let parts = asked.into_iter().filter_map(|(key, value)| Some(format!(" {key} {}", value.as_ref()?)));
    Ok((series, parts.fold(table.to_owned(), |what, part| what + &part)))
}

#[allow(clippy::print_stdout, reason = "a question at a terminal")]
fn is_confirmed(question: &str) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("{question} Nobody can be asked here: give --yes");
    }
    print!("{question} [y/N] ");
    stdout().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
