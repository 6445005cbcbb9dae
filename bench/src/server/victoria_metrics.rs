//! VictoriaMetrics, single node, as Debian has it.

use std::{net::SocketAddr, path::Path};

use super::DATA;

/// What it is started with: defaults, but that what was just written can be queried at once.
pub(super) fn arguments(folder: &Path, address: SocketAddr) -> Vec<String> {
    let data = folder.join(DATA);
    let data = data.display();
    vec![
        format!("-storageDataPath={data}"),
        format!("-httpListenAddr={address}"),
        "-search.latencyOffset=0s".to_owned(),
        // A million series in one count, which is asked for after everything was measured.
        "-search.maxUniqueTimeseries=2000000".to_owned(),
        "-search.maxQueryDuration=120s".to_owned(),
        "-loggerLevel=ERROR".to_owned(),
    ]
}
