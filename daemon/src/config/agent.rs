//! What `weir agent` is told.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;

use super::ClientTls;
use weir_collector::{
    probe::{HttpProbe, ProbeKind, ProbeSpec},
    tls::TlsClient,
};
use weir_detect::health::HealthPolicy;
use weir_model::{
    health::Target,
    id::{LinkId, NodeId, VantageId},
    keywords,
    yaml::{Diagnostics, Fields, Item, Reader, Spanned},
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
    Https,
    Stamp,
}

keywords!(Kind { "tcp" => Tcp, "http" => Http, "https" => Https, "stamp" => Stamp });

impl AgentConfig {
    /// Reads the configuration in `file`.
    ///
    /// # Errors
    /// When it cannot be read, or everything that is wrong with it.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        Self::parse(&file.display().to_string(), &super::read_file(file)?).context("the agent's configuration is wrong")
    }

    /// Reads the configuration in `text`. Paths in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Diagnostics> {
        let folder = Path::new(file).parent().unwrap_or(Path::new(".")).to_owned();
        Reader::read(file, text, |_, mut fields| {
            let config = read(&mut fields, &folder);
            fields.finish();
            config
        })
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
    let (mut probes, mut roots) = (Vec::new(), None);
    for item in fields.list("probes") {
        probes.extend(item.fields().and_then(|mut fields| {
            let probe = probe(&mut fields, &item, &mut roots);
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

/// A probe; `roots` are the host's, once a probe has needed them.
fn probe(fields: &mut Fields<'_>, item: &Item<'_>, roots: &mut Option<TlsClient>) -> Option<ProbeSpec> {
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
    let status = statuses(fields)?;
    let (target, kind, address) = (target?, kind?, address?);
    let mut built = || -> anyhow::Result<ProbeSpec> {
        let kind = match kind {
            Kind::Tcp => ProbeKind::Tcp { address },
            Kind::Stamp => ProbeKind::Stamp { address },
            Kind::Http | Kind::Https => {
                let host = host.clone().unwrap_or_else(|| default_host(address.ip()));
                let mut probe = HttpProbe::new(address, &host, &path)?;
                if let Kind::Https = kind {
                    let client = match roots {
                        Some(client) => client.clone(),
                        None => roots.insert(TlsClient::host_roots()?).clone(),
                    };
                    probe = probe.over_tls(client)?;
                }
                if !status.is_empty() {
                    probe = probe.expect_status(status.clone());
                }
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

/// The host that is asked for, and whom a certificate is for, where none is written.
fn default_host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// `status`: numbers and ranges of them, as `[200, 300-399]`; without it, what the probe itself expects.
fn statuses(fields: &mut Fields<'_>) -> Option<Vec<RangeInclusive<u16>>> {
    let mut statuses = Vec::new();
    let mut all_good = true;
    for text in fields.scalars::<String>("status") {
        let (first, last) = text.value.split_once('-').unwrap_or((&text.value, &text.value));
        let number = |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
        match number(first).zip(number(last)).filter(|(first, last)| first <= last) {
            Some((first, last)) => statuses.push(first..=last),
            None => {
                let message = format!("`{}` is no status of HTTP", text.value);
                fields.reader().error_with_hint(text.mark, message, "write them as [200, 300-399]");
                all_good = false;
            }
        }
    }
    all_good.then_some(statuses)
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
