//! The peers' programs, brought by `bench/scripts/peers` where they are missing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

/// The programs of `group`, by name.
pub(crate) fn programs(group: &str) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let script = scripts().join("peers");
    let output = Command::new(&script).arg(group).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("running {}", script.display()))?;
    ensure!(output.status.success(), "{} {group} failed", script.display());
    let text = String::from_utf8(output.stdout).context("what the peers' script says")?;
    let programs = text.lines().filter_map(|line| line.split_once('='));
    Ok(programs.map(|(name, path)| (name.to_owned(), PathBuf::from(path))).collect())
}

/// Where the scripts of the benches are. Asked at run time: checkouts that share a target folder share this binary.
pub(crate) fn scripts() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| "bench".into(), PathBuf::from).join("scripts")
}
