//! `weir check`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use weir_model::{estate::Estate, yaml::Diagnostics};
use weir_rules::alert;

use crate::config::Config;

/// Arguments of `weir check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  weir check --config /etc/weir/weir.yaml\n  weir check --inventory estate.yaml")]
pub(crate) struct CheckArgs {
    /// The daemon's configuration, with the inventory and rules it names
    #[arg(long)]
    config: Option<PathBuf>,
    /// An inventory alone
    #[arg(long)]
    inventory: Option<PathBuf>,
}

/// What `weir check` exits with when something is wrong (1 is for when it could not look).
const WRONG: u8 = 2;

/// Runs the command.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.config.is_some() || args.inventory.is_some(),
        "nothing to check: give --config or --inventory"
    );
    let mut found = Diagnostics::default();
    let mut inventories: Vec<PathBuf> = args.inventory.iter().cloned().collect();
    if let Some(file) = &args.config {
        match Config::parse(file, &crate::config::read_file(file)?) {
            Ok(config) => {
                for rules in &config.rules {
                    if let Err(diagnostics) =
                        alert::parse(&rules.display().to_string(), &crate::config::read_file(rules)?)
                    {
                        found = found.and(diagnostics);
                    }
                }
                inventories.push(config.inventory);
            }
            Err(diagnostics) => found = found.and(diagnostics),
        }
    }
    for file in &inventories {
        match weir_model::inventory::parse(&file.display().to_string(), &crate::config::read_file(file)?) {
            Ok(estate) => describe(&estate),
            Err(diagnostics) => found = found.and(diagnostics),
        }
    }
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{found}");
    eprintln!("weir: {} errors", found.len());
    Ok(ExitCode::from(WRONG))
}

#[allow(clippy::print_stdout, reason = "the command's result")]
fn describe(estate: &Estate) {
    println!(
        "{} sites, {} nodes, {} links, {} contracts, {} domains, {} client groups with {} prefixes",
        estate.sites.len(),
        estate.nodes.len(),
        estate.links.len(),
        estate.contracts.len(),
        estate.domains.len(),
        estate.groups.len(),
        estate.prefixes.len()
    );
}
