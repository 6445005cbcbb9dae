//! Prometheus as a receiver of remote write, as Debian has it.

use std::{net::SocketAddr, path::Path};

use anyhow::Context;

use super::DATA;

/// What it is started with: defaults, and a configuration that scrapes nothing.
pub(super) fn arguments(folder: &Path, address: SocketAddr) -> anyhow::Result<Vec<String>> {
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, "scrape_configs: []\n").with_context(|| format!("writing {}", file.display()))?;
    Ok(vec![
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", folder.join(DATA).display()),
        format!("--web.listen-address={address}"),
        "--web.enable-remote-write-receiver".to_owned(),
        "--log.level=warn".to_owned(),
    ])
}
