//! Weir's binary, built before it is started: never a stale one.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, ensure};

/// Makes `target` of the Makefile, and says where the binary of `profile` is then.
pub(crate) fn build(target: &str, profile: &str) -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| home.join(".cache/weir-target"), PathBuf::from);
    let built = Command::new("make").arg(target).env("CARGO_TARGET_DIR", &folder).status();
    ensure!(built.context("running make")?.success(), "`make {target}` failed");
    Ok(folder.join(profile).join("weir"))
}
