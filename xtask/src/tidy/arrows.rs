//! Which room may use which: the table of `DESIGN.md`, held against `cargo metadata`.

use std::{path::Path, process::Command};

use anyhow::Context;
use serde_json::Value;

/// Room and the rooms it may use. `None`: all.
const ROOMS: [(&str, Option<&[&str]>); 13] = [
    ("weir-model", Some(&[])),
    ("weir-billing", Some(&["weir-model"])),
    ("weir-rules", Some(&["weir-model"])),
    ("weir-detect", Some(&["weir-model"])),
    ("weir-scheduler", Some(&["weir-model", "weir-rules", "weir-billing"])),
    ("weir-collector", Some(&["weir-model"])),
    ("weir-analyzer", Some(&["weir-model", "weir-rules", "weir-billing"])),
    ("weir-dispatch", Some(&["weir-model"])),
    ("weir-dashboards", Some(&["weir-model"])),
    ("weir-sim", Some(&["weir-model", "weir-rules", "weir-billing", "weir-detect", "weir-scheduler"])),
    ("weir-daemon", None),
    ("weir-bench", None),
    ("xtask", Some(&[])),
];

/// Rooms that nobody may use.
const ROOFS: [&str; 3] = ["weir-daemon", "weir-bench", "xtask"];

/// Crates that pull a clock, a socket or an engine into rooms that must not have one.
const BANNED: [(&str, &[&str]); 7] = [
    ("weir-model", &["tokio", "datafusion", "arrow"]),
    ("weir-billing", &["tokio", "datafusion", "arrow"]),
    ("weir-rules", &["tokio", "datafusion", "arrow"]),
    ("weir-detect", &["tokio", "datafusion", "arrow"]),
    ("weir-scheduler", &["tokio", "datafusion", "arrow"]),
    ("weir-sim", &["tokio", "datafusion"]),
    ("weir-collector", &["datafusion"]),
];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(std::env::var("CARGO").unwrap_or("cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    anyhow::ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    Ok(packages.iter().flat_map(faults_of).collect())
}

fn faults_of(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == name) else {
        return vec![format!("room `{name}` is in no table: add it to DESIGN.md's and to xtask/src/tidy/arrows.rs")];
    };
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut faults = Vec::new();
    for dependency in dependencies.iter().filter(|dependency| dependency["kind"] != "dev") {
        let used = dependency["name"].as_str().unwrap_or_default();
        let is_room = ROOMS.iter().any(|(room, _)| *room == used);
        if is_room && (ROOFS.contains(&used) || allowed.is_some_and(|allowed| !allowed.contains(&used))) {
            faults.push(format!("`{name}` uses `{used}`: DESIGN.md's table of rooms does not allow that arrow"));
        }
        if BANNED.iter().any(|(room, banned)| *room == name && banned.contains(&used)) {
            faults.push(format!("`{name}` depends on `{used}`, which that room must not know"));
        }
    }
    faults
}
