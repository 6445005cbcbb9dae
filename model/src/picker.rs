//! How a plan is read: address -> group -> weighted choice -> answer. Pure, so that DNS, HTTPDNS,
//! HTTP 302 and the simulator give the same answer to the same question.
//!
//! RFC 7871 demands that an answer be the same for every address inside the scope returned with
//! it. A group with one target is answered as wide as its prefix allows. A split group hashes the
//! client's /24 (v4) or /56 (v6), or its narrower uniform block, and returns that as the scope.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    estate::Protocol,
    id::{DomainId, DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    plan::{Plan, PlanNumber, Share},
    prefix::PrefixTable,
};

/// Scope of the answers of a split group for v4 (RFC 7871, section 11.1: what resolvers may send).
pub const SPLIT_SCOPE_V4: u8 = 24;
/// Scope of the answers of a split group for v6.
pub const SPLIT_SCOPE_V6: u8 = 56;
/// Addresses in one answer: eight AAAA records of 28 bytes with a 255-byte question stay below the
/// 1,232 bytes of an EDNS answer, so no answer of ours is truncated over UDP.
pub const ADDRESSES_MAX: usize = 8;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A client subnet, as EDNS client subnet or HTTPDNS gives it; host bits are zero.
    Subnet(IpAddr),
    /// Nothing but the resolver's own address is known.
    Resolver(IpAddr),
}

impl Client {
    /// The address that is looked up.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Subnet(address) | Self::Resolver(address) => address,
        }
    }
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// The group the client belongs to; `None`: in no known prefix.
    pub group: Option<GroupOrd>,
    /// Who shall serve it.
    pub site: SiteOrd,
    /// Bits of the client's address that the answer holds for; 0 when only the resolver is known.
    pub scope: u8,
    /// How the hash orders the site's nodes.
    rotation: u64,
}

/// A plan made ready for answering: what does not depend on the question is computed once.
#[derive(Debug)]
pub struct Picker {
    plan: Arc<Plan>,
    domains: BTreeMap<DomainId, DomainOrd>,
    /// Names that have a domain of DNS below them.
    parents: BTreeSet<String>,
    /// Per site: its edge nodes in service; all of them where none is.
    serving: Vec<Vec<NodeOrd>>,
    /// Per domain: shares for clients in no known prefix.
    fallback: Vec<Vec<Share>>,
    site_keys: Vec<u64>,
    domain_keys: Vec<u64>,
}

impl Picker {
    /// Makes `plan` ready. A plan that came from outside is to be asked first whether it
    /// [fits](Plan::fits): one that does not makes this panic, or a later question.
    pub fn new(plan: Arc<Plan>) -> Self {
        let directory = &plan.directory;
        // A directory that was read builds its table once, behind a lock: here, not in the first query.
        let _: &PrefixTable = directory.prefixes();
        let domains = directory.domains.iter().enumerate();
        let domains = domains.map(|(index, domain)| (domain.id.clone(), DomainOrd::of(index))).collect();
        let by_dns = directory.domains.iter().filter(|domain| domain.protocols.contains(&Protocol::Dns));
        let parents = by_dns.flat_map(|domain| parents(domain.id.as_str())).map(str::to_owned).collect();
        let serving: Vec<Vec<NodeOrd>> = directory.sites.iter().map(|site| serving(&plan, &site.edges)).collect();
        let fallback = (0..directory.domains.len()).map(|domain| fallback(&plan, DomainOrd::of(domain))).collect();
        let site_keys = directory.sites.iter().map(|site| hash_text(site.id.as_str())).collect();
        let domain_keys = directory.domains.iter().map(|domain| hash_text(domain.id.as_str())).collect();
        Self { domains, parents, serving, fallback, site_keys, domain_keys, plan }
    }

    /// The plan it reads.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The number of the plan it reads.
    pub fn number(&self) -> PlanNumber {
        self.plan.number
    }

    /// The domain called `name` (lower case, no final dot).
    pub fn domain(&self, name: &str) -> Option<DomainOrd> {
        self.domains.get(name).copied()
    }

    /// As [`Picker::domain`], when answers for it may be given by `protocol`.
    pub fn domain_by(&self, name: &str, protocol: Protocol) -> Option<DomainOrd> {
        self.domain(name).filter(|domain| {
            let domain = &self.plan.directory.domains[domain.index()];
            domain.protocols.contains(&protocol)
        })
    }

    /// Whether a domain that may be answered by DNS lies below `name` (lower case, no final dot): then
    /// the name exists, even if it is no domain itself (RFC 8020, section 2).
    pub fn is_above_a_domain(&self, name: &str) -> bool {
        self.parents.contains(name)
    }

    /// How long an answer for `domain` may be kept.
    pub fn ttl(&self, domain: DomainOrd) -> Duration {
        self.plan.directory.domains[domain.index()].ttl
    }

    /// Who shall serve `client` for `domain`; `None` when nobody may.
    pub fn pick(&self, domain: DomainOrd, client: Client) -> Option<Picked> {
        let address = client.address();
        let located = self.plan.directory.prefixes().locate(address);
        let shares = match located.group {
            Some(group) => &self.plan.assignment(group, domain).shares,
            None => &self.fallback[domain.index()],
        };
        let (split_scope, width) = match address {
            IpAddr::V4(_) => (SPLIT_SCOPE_V4, 32),
            IpAddr::V6(_) => (SPLIT_SCOPE_V6, 128),
        };
        let scope = match (client, shares.len()) {
            (Client::Resolver(_), _) => width,
            (Client::Subnet(_), 0 | 1) => located.scope,
            (Client::Subnet(_), _) => located.scope.max(split_scope),
        };
        let subnet = hash_subnet(address, scope) ^ self.domain_keys[domain.index()];
        let site = match shares.as_slice() {
            [] => return None,
            [only] => only.site,
            several => self.rendezvous(several, subnet),
        };
        let answered_scope = if matches!(client, Client::Resolver(_)) { 0 } else { scope };
        Some(Picked { group: located.group, site, scope: answered_scope, rotation: mix(subnet) })
    }

    /// The addresses of a picked site's nodes in service, of the family asked for, in the order
    /// that spreads clients over them; at most [`ADDRESSES_MAX`].
    pub fn addresses(&self, picked: &Picked, want_v6: bool) -> impl Iterator<Item = IpAddr> + '_ {
        self.endpoints(picked, want_v6).map(|endpoint| endpoint.ip())
    }

    /// As [`Picker::addresses`], with the port that each node serves HTTP on.
    pub fn endpoints(&self, picked: &Picked, want_v6: bool) -> impl Iterator<Item = SocketAddr> + '_ {
        let nodes = &self.serving[picked.site.index()];
        let start = (picked.rotation % (nodes.len().max(1) as u64)) as usize;
        (0..nodes.len())
            .map(move |step| nodes[(start + step) % nodes.len()])
            .map(|node| &self.plan.directory.nodes[node.index()])
            .flat_map(|node| node.addresses.iter().map(|address| SocketAddr::new(*address, node.port)))
            .filter(move |endpoint| endpoint.is_ipv6() == want_v6)
            .take(ADDRESSES_MAX)
    }

    /// Whether `site` may be answered with.
    pub fn serves(&self, site: SiteOrd) -> bool {
        !self.serving[site.index()].is_empty()
    }

    /// Weighted rendezvous hashing: the site with the least `-ln(u) / weight`, `u` being the hash
    /// of (site, subnet) in (0, 1) (Schindelhauer and Schomaker, "Weighted distributed hash
    /// tables", SPAA 2005, the logarithmic method). A changed weight moves only what it must.
    fn rendezvous(&self, shares: &[Share], subnet: u64) -> SiteOrd {
        let score = |share: &Share| {
            let hash = mix(subnet ^ self.site_keys[share.site.index()]);
            let uniform = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            -libm::log(uniform) / f64::from(share.weight)
        };
        let mut best = (shares[0].site, score(&shares[0]));
        for share in &shares[1..] {
            let scored = score(share);
            if scored < best.1 {
                best = (share.site, scored);
            }
        }
        best.0
    }
}

/// The names above `name`: without its first label, without its first two, and so on.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    let above = |name: &str| name.find('.').map(|dot| dot + 1);
    std::iter::successors(above(name).map(|at| &name[at..]), move |name| above(name).map(|at| &name[at..]))
}

/// The edges of a site that answers name. A plan leaves users on a site without any in service only
/// when nobody else may serve them: then they are answered as before, because nothing better is known.
fn serving(plan: &Plan, edges: &[NodeOrd]) -> Vec<NodeOrd> {
    let living: Vec<NodeOrd> = edges.iter().copied().filter(|node| plan.in_service(*node)).collect();
    if living.is_empty() { edges.to_vec() } else { living }
}

/// Shares for clients in no known prefix: what all groups together get of each site.
fn fallback(plan: &Plan, domain: DomainOrd) -> Vec<Share> {
    let mut weights = vec![0.0; plan.directory.sites.len()];
    for group in 0..plan.directory.groups.len() {
        for share in &plan.assignment(GroupOrd::of(group), domain).shares {
            weights[share.site.index()] += f64::from(share.weight);
        }
    }
    crate::plan::Assignment::shares_of(
        weights.into_iter().enumerate().map(|(site, weight)| (SiteOrd::of(site), weight)),
    )
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every input bit moves every
/// output bit.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// FNV-1a (RFC 9923), mixed. Stable: answers must survive a restart and an upgrade.
fn hash_text(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(fnv)
}

/// The hash of the first `bits` of `address`.
fn hash_subnet(address: IpAddr, bits: u8) -> u64 {
    match address {
        IpAddr::V4(v4) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            mix(u64::from(v4.to_bits() & kept) | 4 << 32)
        }
        IpAddr::V6(v6) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            let masked = v6.to_bits() & kept;
            mix(mix((masked >> 64) as u64) ^ masked as u64 ^ 6)
        }
    }
}

#[cfg(test)]
mod tests;
