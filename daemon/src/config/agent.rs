//! What `weir agent` is told.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;

use super::ClientTls;
use weir_collector::probe::{HttpProbe, ProbeKind, ProbeSpec};
use weir_detect::health::HealthPolicy;
use weir_model::{
    health::Target,
    id::{LinkId, NodeId, VantageId},
    keywords,
    yaml::{Fields, Item, Reader, Spanned},
};

/// An agent's configuration.
#[derive(Clone, Debug)]
pub(crate) struct AgentConfig {
    /// Its name, which is its vantage.
    pub(crate) name: VantageId,
    /// The daemon's gRPC address, as a URL.
    pub(crate) daemon: String,
    /// The daemon's token.
    pub(crate) token: Option<String>,
    /// How the daemon is trusted, and this agent by it.
    pub(crate) tls: Option<ClientTls>,
    /// Where batches go while the daemon is away.
    pub(crate) spool: PathBuf,
    /// How often host metrics are read.
    pub(crate) host_every: Duration,
    /// What is probed.
    pub(crate) probes: Vec<ProbeSpec>,
    /// Where STAMP is reflected for other agents.
    pub(crate) reflect: Option<SocketAddr>,
    /// How health is judged.
    pub(crate) policy: HealthPolicy,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Tcp,
    Http,
    Stamp,
}

keywords!(Kind { "tcp" => Tcp, "http" => Http, "stamp" => Stamp });

impl AgentConfig {
    /// Reads the configuration in `file`.
    ///
    /// # Errors
    /// When it cannot be read, or everything that is wrong with it.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let text = super::read_file(file)?;
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let read = Reader::read(&file.display().to_string(), &text, |_, mut fields| {
            let config = read(&mut fields, &folder);
            fields.finish();
            config
        });
        read.context("the agent's configuration is wrong")
    }
}

fn read(fields: &mut Fields<'_>, folder: &Path) -> Option<AgentConfig> {
    /// What node-exporter's users have.
    const HOST_EVERY: Duration = Duration::from_secs(15);
    let name = fields.required("name");
    let daemon = fields.or("daemon", "http://127.0.0.1:7081".to_owned());
    let token = fields.optional("token");
    let tls = ClientTls::read(fields, "tls", folder);
    let spool = folder.join(fields.or("spool", "spool".to_owned()));
    let host_every = fields.or("host_every", HOST_EVERY);
    let mut probes = Vec::new();
    for item in fields.list("probes") {
        probes.extend(item.fields().and_then(|mut fields| {
            let probe = probe(&mut fields, &item);
            fields.finish();
            probe
        }));
    }
    let reflect = fields.optional_spanned::<String>("reflect").and_then(|text| address(fields.reader(), &text));
    let policy = fields.map("health").map_or_else(HealthPolicy::default, |mut health| {
        let defaults = HealthPolicy::default();
        let policy = HealthPolicy {
            latency_max: health.or("latency_max", defaults.latency_max),
            hold_min: health.or("hold_min", defaults.hold_min),
            hold_max: health.or("hold_max", defaults.hold_max),
            silence: health.or("silence", defaults.silence),
            ..defaults
        };
        health.finish();
        policy
    });
    Some(AgentConfig { name: name?, daemon, token, tls, spool, host_every, probes, reflect, policy })
}

fn probe(fields: &mut Fields<'_>, item: &Item<'_>) -> Option<ProbeSpec> {
    /// Ten a second find a dead target in 300 ms.
    const INTERVAL: Duration = Duration::from_millis(100);
    let target = target(fields, item);
    let kind: Option<Kind> = fields.required("kind");
    let address = fields.required_spanned::<String>("address").and_then(|text| address(fields.reader(), &text));
    let interval = fields.or("interval", INTERVAL);
    let timeout = fields.or("timeout", interval * 3);
    let source: Option<IpAddr> = fields.optional("source");
    let path = fields.or("path", "/".to_owned());
    let host = fields.optional::<String>("host");
    let expected = fields.optional::<String>("body");
    let (target, kind, address) = (target?, kind?, address?);
    let built = || -> anyhow::Result<ProbeSpec> {
        let kind = match kind {
            Kind::Tcp => ProbeKind::Tcp { address },
            Kind::Stamp => ProbeKind::Stamp { address },
            Kind::Http => {
                let host = host.clone().unwrap_or_else(|| address.ip().to_string());
                let probe = HttpProbe::new(address, &host, &path)?;
                ProbeKind::Http(Box::new(match &expected {
                    Some(text) => probe.expect_body(text),
                    None => probe,
                }))
            }
        };
        let spec = ProbeSpec::new(target.clone(), kind, interval, timeout)?;
        Ok(match source {
            Some(source) => spec.from_source(source)?,
            None => spec,
        })
    };
    built().map_err(|error| fields.reader().error(item.mark(), format!("{error:#}"))).ok()
}

fn target(fields: &mut Fields<'_>, item: &Item<'_>) -> Option<Target> {
    let node: Option<NodeId> = fields.optional("node");
    let link: Option<LinkId> = fields.optional("link");
    match (node, link) {
        (Some(node), None) => Some(Target::Node(node)),
        (None, Some(link)) => Some(Target::Link(link)),
        _ => {
            fields.reader().error_with_hint(item.mark(), "a probe is of one `node` or one `link`", "give one of them");
            None
        }
    }
}

fn address(reader: &Reader, text: &Spanned<String>) -> Option<SocketAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is not an address with a port", text.value);
        reader.error_with_hint(text.mark, message, "write it as 192.0.2.1:80 or [2001:db8::1]:80");
    }
    address
}
