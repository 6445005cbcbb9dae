//! A user's resolver: asks Weir's DNS over UDP with the user's subnet, and keeps answers for
//! their TTL and inside their scope (RFC 7871, section 7.3.1).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{
        Name, RData, RecordType,
        rdata::opt::{ClientSubnet, EdnsCode, EdnsOption, NSIDPayload},
    },
};
use tokio::{net::UdpSocket, time::timeout};
use weir_model::plan::PlanNumber;

/// When an answer counts as lost.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// Bits of the user's address that are sent: what RFC 7871, section 11.1, recommends.
const SOURCE_BITS: u8 = 24;

/// An answer, kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolved {
    /// Where to go.
    pub(super) address: IpAddr,
    /// The plan that said so.
    pub(super) plan: PlanNumber,
    until: Instant,
}

/// Keeps answers by domain and scope.
#[derive(Debug)]
pub(super) struct Resolver {
    server: SocketAddr,
    kept: Mutex<HashMap<(usize, u32, u8), Resolved>>,
}

impl Resolver {
    /// Asks `server`.
    pub(super) fn new(server: SocketAddr) -> Self {
        Self { server, kept: Mutex::default() }
    }

    /// The answer for `user`, from memory while it may be kept.
    pub(super) async fn resolve(&self, domain: usize, name: &str, user: Ipv4Addr) -> anyhow::Result<Resolved> {
        if let Some(kept) = self.kept(domain, user) {
            return Ok(kept);
        }
        let (resolved, scope) = self.ask(name, user).await?;
        let key = (domain, masked(user, scope), scope);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, resolved);
        Ok(resolved)
    }

    fn kept(&self, domain: usize, user: Ipv4Addr) -> Option<Resolved> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Any scope that holds the user; the longest says most. Servers answer at /24 or wider.
        (0..=SOURCE_BITS)
            .rev()
            .filter_map(|scope| kept.get(&(domain, masked(user, scope), scope)))
            .find(|resolved| resolved.until > now)
            .copied()
    }

    async fn ask(&self, name: &str, user: Ipv4Addr) -> anyhow::Result<(Resolved, u8)> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(self.server).await?;
        socket.send(&question(name, user)?).await?;
        let mut buffer = [0; 1_500];
        let length = timeout(ANSWER_MAX, socket.recv(&mut buffer)).await.context("DNS did not answer")??;
        read(&buffer[..length])
    }
}

fn masked(user: Ipv4Addr, bits: u8) -> u32 {
    user.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn question(name: &str, user: Ipv4Addr) -> anyhow::Result<Vec<u8>> {
    let mut message = Message::query();
    let mut name = Name::from_str(name)?;
    name.set_fqdn(true);
    message.add_query(Query::query(name, RecordType::A));
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    let subnet = Ipv4Addr::from_bits(masked(user, SOURCE_BITS));
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(subnet.into(), SOURCE_BITS, 0)));
    edns.options_mut().insert(EdnsOption::NSID(NSIDPayload::new(Vec::new())?));
    message.set_edns(edns);
    Ok(message.to_vec()?)
}

fn read(bytes: &[u8]) -> anyhow::Result<(Resolved, u8)> {
    let message = Message::from_vec(bytes)?;
    if message.metadata.response_code != ResponseCode::NoError {
        bail!("DNS said {}", message.metadata.response_code);
    }
    let address = message.answers.iter().find_map(|record| match record.data {
        RData::A(address) => Some((IpAddr::V4(address.0), record.ttl)),
        _ => None,
    });
    let (address, ttl) = address.context("DNS answered without an address")?;
    let edns = message.edns.context("DNS answered without EDNS")?;
    let scope = match edns.option(EdnsCode::Subnet) {
        Some(EdnsOption::Subnet(subnet)) => subnet.scope_prefix(),
        _ => bail!("DNS answered without the client's subnet"),
    };
    let plan = match edns.option(EdnsCode::NSID) {
        Some(EdnsOption::NSID(id)) => plan_of(id.as_ref()).context("DNS did not say which plan answered")?,
        _ => bail!("DNS did not say which plan answered"),
    };
    let until = Instant::now() + Duration::from_secs(ttl.into());
    Ok((Resolved { address, plan, until }, scope))
}

/// `weir plan 1.42`
fn plan_of(id: &[u8]) -> Option<PlanNumber> {
    let (epoch, generation) = str::from_utf8(id).ok()?.strip_prefix("weir plan ")?.split_once('.')?;
    Some(PlanNumber { epoch: epoch.parse().ok()?, generation: generation.parse().ok()? })
}
