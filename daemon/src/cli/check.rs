//! `weir check`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
        let text = crate::config::read_file(file)?;
        let (inventory, rules) = Config::named_files(file, &text);
        inventories.extend(inventory);
        found = found.and(Config::parse(file, &text).err().unwrap_or_default());
        for file in &rules {
            found = found.and(checked(file, alert::parse).err().unwrap_or_default());
        }
    }
    for file in &inventories {
        match checked(file, weir_model::inventory::parse) {
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

/// What `parse` makes of a file; one that cannot be read is wrong, too.
fn checked<T>(file: &Path, parse: impl FnOnce(&str, &str) -> Result<T, Diagnostics>) -> Result<T, Diagnostics> {
    let name = file.display().to_string();
    match fs::read_to_string(file) {
        Ok(text) => parse(&name, &text),
        Err(error) => Err(Diagnostics::of_file(&name, format!("it cannot be read: {error}"))),
    }
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
