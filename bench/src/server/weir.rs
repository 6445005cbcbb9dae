//! Weir itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::{DATA, free_address};

/// Where a binary is that is not to be built: while a bench is developed.
const BINARY: &str = "WEIR_BIN";

/// An estate that nothing happens in: what is measured is the engine.
const ESTATE: &str = "\
providers: [{id: own, tier: S}]
sites: [{id: core, kind: idc, region: middle, provider: own}]
nodes: [{id: origin, site: core, role: origin, addresses: [192.0.2.1], port: 80, capacity: 1Gbps}]
";

/// Builds the release, as `make release` does, and says where it is.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    if let Some(binary) = std::env::var_os(BINARY) {
        return std::path::absolute(PathBuf::from(binary)).context(BINARY);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| home.join(".cache/weir-target"), PathBuf::from);
    let built = Command::new("make").arg("release").env("CARGO_TARGET_DIR", &target).status();
    ensure!(built.context("running make")?.success(), "`make release` failed");
    Ok(target.join("release/weir"))
}

/// What it is started with: defaults, fsync before every acknowledgement among them. Its own host is not read, so that
/// rows counted are rows sent.
pub(super) fn arguments(folder: &Path, http: SocketAddr) -> anyhow::Result<Vec<String>> {
    let (grpc, dns, redirect) = (free_address()?, free_address()?, free_address()?);
    let config = format!(
        "inventory: estate.yaml\ndata: {DATA}\nhost_every: 1h\n\
         listen: {{http: '{http}', grpc: '{grpc}', dns: '{dns}', redirect: '{redirect}'}}\n"
    );
    std::fs::write(folder.join("estate.yaml"), ESTATE).context("writing an estate")?;
    std::fs::write(folder.join("weir.yaml"), config).context("writing a configuration")?;
    Ok(["run", "--config", "weir.yaml"].map(str::to_owned).to_vec())
}
