//! `weir check`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use weir_collector::scrape::Discovery;
use weir_model::{estate::Estate, yaml::Diagnostics};
use weir_rules::alert;

use crate::{
    config::{AgentConfig, Config, read_file},
    inventory_file,
    rule_tests::{Suite, beside},
    validate::{validate, validate_agent},
};

/// Arguments of `weir check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  weir check --config /etc/weir/weir.yaml
  weir check --inventory estate.yaml
  weir check --agent /etc/weir/agent.yaml
  weir check --test --config /etc/weir/weir.yaml
  weir check --test rules/links.test.yaml")]
pub(crate) struct CheckArgs {
    /// The daemon's configuration, with the inventory and rules it names
    #[arg(long)]
    config: Option<PathBuf>,
    /// An inventory alone
    #[arg(long)]
    inventory: Option<PathBuf>,
    /// An agent's configuration
    #[arg(long)]
    agent: Option<PathBuf>,
    /// Run unit tests of alert rules: those in FILES, or else those of the shipped rules and, with
    /// --config, of its rule files (links.yaml has its tests in links.test.yaml); 1 when some fail
    #[arg(long, num_args = 0.., value_name = "FILES")]
    test: Option<Vec<PathBuf>>,
}

/// What `weir check` exits with when its input is wrong. With 1 it exits when it could not look, and
/// when tests failed.
const WRONG: u8 = 2;

/// Runs the command.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    match &args.test {
        Some(files) => Ok(test(files, args.config.as_deref()).unwrap_or_else(|error| {
            eprintln!("{error:#}");
            ExitCode::from(WRONG)
        })),
        None => check(args),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.config.is_some() || args.inventory.is_some() || args.agent.is_some(),
        "nothing to check: give --config, --inventory, --agent or --test"
    );
    let mut found = Diagnostics::default();
    let mut inventories: Vec<PathBuf> = args.inventory.iter().cloned().collect();
    let mut configured = None;
    if let Some(file) = &args.config {
        let text = read_file(file)?;
        let (inventory, rules) = Config::named_files(file, &text);
        inventories.extend(inventory);
        match Config::parse(file, &text) {
            Ok(config) => {
                found = found.and(wrong_targets(&config));
                configured = Some(config);
            }
            Err(diagnostics) => found = found.and(diagnostics),
        }
        for file in &rules {
            found = found.and(checked(file, alert::parse).err().unwrap_or_default());
        }
    }
    let mut estates = Vec::new();
    for file in &inventories {
        match checked(file, inventory_file::parse) {
            Ok(estate) => {
                if let Some(config) = configured.as_ref().filter(|config| config.inventory == *file) {
                    found = found.and(validate(config, &estate));
                }
                estates.push(estate);
            }
            Err(diagnostics) => found = found.and(diagnostics),
        }
    }
    if let Some(file) = &args.agent {
        found = found.and(match checked(file, AgentConfig::parse) {
            Ok(config) => validate_agent(&file.display().to_string(), &config),
            Err(diagnostics) => diagnostics,
        });
    }
    estates.iter().for_each(describe);
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

/// What is wrong in files of scrape targets. A daemon that runs, or starts, keeps what it knows instead.
fn wrong_targets(config: &Config) -> Diagnostics {
    let mut found = Diagnostics::default();
    for discovery in config.scrapes.iter().flat_map(|job| &job.discovery) {
        let Discovery::File(files) = discovery else { continue };
        for (file, error) in files.check_files() {
            found = found.and(Diagnostics::of_file(&file.display().to_string(), error));
        }
    }
    found
}

/// Runs the tests in `files`, or those that ship and those of the rules of `config`.
fn test(files: &[PathBuf], config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut suites = if files.is_empty() { Suite::shipped()? } else { Vec::new() };
    let mut files = files.to_vec();
    if let Some(config) = config {
        files.extend(tests_of(&Config::load(config)?));
    }
    // Read all before running any: what is wrong is found at once.
    let mut wrong = Vec::new();
    for file in &files {
        match Suite::read(file) {
            Ok(suite) => suites.push(suite),
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut passed = true;
    for suite in &suites {
        passed &= run_suite(suite)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The test files beside the rule files of `config`.
#[allow(clippy::print_stdout, reason = "the command's result")]
fn tests_of(config: &Config) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for rules in &config.rules {
        let tests = beside(rules);
        if tests.exists() {
            files.push(tests);
        } else {
            println!("{} is not tested: there is no {}", rules.display(), tests.display());
        }
    }
    files
}

/// Runs the tests of one file and says how they went; whether all passed.
#[allow(clippy::print_stdout, reason = "the command's result")]
fn run_suite(suite: &Suite) -> anyhow::Result<bool> {
    println!("Unit testing: {}", suite.name);
    let failures = suite.run()?;
    for alert in suite.untested() {
        println!("  note: no test sees {alert} firing");
    }
    if failures.is_empty() {
        println!("  SUCCESS: {} tests", suite.len());
        return Ok(true);
    }
    println!("  FAILED");
    for failure in &failures {
        println!("{failure}");
    }
    Ok(false)
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
