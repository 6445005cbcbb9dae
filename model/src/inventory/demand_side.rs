//! Customers, their domains, and the client groups that ask for them.

use std::{collections::BTreeMap, time::Duration};

use ipnet::IpNet;

use super::references::Names;
use crate::{
    estate::{ClientGroup, Customer, Domain, Estate, Protocol, Role},
    id::*,
    unit::Millis,
    yaml::{Fields, Mark, Scalar, Spanned},
};

/// A customer row: `id`.
pub(super) fn customer(_: &mut Fields<'_>, id: CustomerId) -> Option<Customer> {
    Some(Customer { id })
}

/// A ratio from 0 to 1 under `key`.
fn ratio(fields: &mut Fields<'_>, key: &'static str, default: f64) -> f64 {
    match fields.optional_spanned::<f64>(key) {
        Some(ratio) if !(0.0..=1.0).contains(&ratio.value) => {
            let message = format!("`{key}` is {}, which is not between 0 and 1", ratio.value);
            fields.reader().error_with_hint(ratio.mark, message, "write 99.9 % as 0.999");
            default
        }
        Some(ratio) => ratio.value,
        None => default,
    }
}

/// A DNS name as it is compared: lower case, without the final dot.
pub(super) fn dns_name(name: &str) -> String {
    name.to_ascii_lowercase().trim_end_matches('.').to_owned()
}

/// A domain row. `sites` is a list, or absent for every site with an edge.
pub(super) fn domain(
    fields: &mut Fields<'_>,
    id: DomainId,
    customers: &Names<'_, CustomerId>,
    sites: &Names<'_, SiteId>,
    nodes: &Names<'_, NodeId>,
    estate: &Estate,
) -> Option<Domain> {
    /// What CDN operators publish as usual for steered names: short enough to move, long enough to cache.
    const TTL: Duration = Duration::from_secs(30);
    /// Longest TTL (RFC 2181, section 8), in seconds.
    const TTL_SECS_MAX: u64 = (1 << 31) - 1;
    let customer = customers.required(fields, "customer", CustomerOrd::of);
    let mut serving = sites.list(fields, "sites", SiteOrd::of);
    if !fields.has("sites") {
        let edges = estate.nodes.iter().filter(|node| node.role == Role::Edge).map(|node| node.site);
        serving = edges.collect();
    }
    serving.sort_unstable();
    serving.dedup();
    let latency_max = fields.or("latency_max", Millis(f64::from(u16::MAX)));
    let residency = fields.scalars("residency").into_iter().map(|zone| zone.value).collect();
    let ttl = fields.optional_spanned("ttl").unwrap_or(Spanned { value: TTL, mark: Mark::START });
    if ttl.value.as_secs() > TTL_SECS_MAX || (ttl.value.subsec_nanos() != 0) {
        fields.reader().error(ttl.mark, format!("a TTL is whole seconds, at most {TTL_SECS_MAX} (RFC 2181)"));
    }
    let mut protocols: Vec<Protocol> = fields.scalars("protocols").into_iter().map(|word| word.value).collect();
    if protocols.is_empty() {
        protocols.push(Protocol::Dns);
    }
    let slo = ratio(fields, "slo", 0.999);
    let origins = origins(fields, nodes, estate);
    let site_share_max = ratio(fields, "site_share_max", 1.0);
    let priority = fields.or("priority", 100u32);
    let hit_ratio = ratio(fields, "hit_ratio", 0.9);
    let id = DomainId::from(dns_name(id.as_str()).as_str());
    if id.as_str().is_empty() {
        fields
            .reader()
            .error(fields.mark(), "the root is no domain to be served: give a name such as `www.example.com`");
    }
    Some(Domain {
        id,
        customer: customer?,
        sites: serving,
        latency_max,
        residency,
        ttl: ttl.value,
        protocols,
        slo,
        origins,
        site_share_max,
        priority,
        hit_ratio,
    })
}

fn origins(fields: &mut Fields<'_>, nodes: &Names<'_, NodeId>, estate: &Estate) -> Vec<NodeOrd> {
    let mut origins = Vec::new();
    for name in fields.scalars::<NodeId>("origins") {
        let Some(ord) = nodes.resolve(&name, NodeOrd::of) else { continue };
        match estate.nodes.get(ord.index()) {
            Some(node) if node.role != Role::Origin && node.id == name.value => fields.reader().error_with_hint(
                name.mark,
                format!("node `{}` has role `{}`, so it is no origin", node.id, node.role),
                "name nodes of role `origin`",
            ),
            _ => origins.push(ord),
        }
    }
    origins
}

/// Which group each prefix was given to: a prefix belongs to one.
#[derive(Debug, Default)]
pub(super) struct PrefixOwners {
    owners: BTreeMap<IpNet, (GroupId, usize)>,
    groups: u32,
    prefixes: Vec<(IpNet, GroupOrd)>,
}

impl PrefixOwners {
    pub(super) fn into_prefixes(self) -> Vec<(IpNet, GroupOrd)> {
        self.prefixes
    }

    fn claim(&mut self, fields: &Fields<'_>, prefix: &Spanned<IpNet>, id: &GroupId) {
        match self.owners.get(&prefix.value) {
            Some((owner, line)) => fields.reader().error_with_hint(
                prefix.mark,
                format!("prefix {} already belongs to client group `{owner}`", prefix.value),
                format!("it was given on line {line}; a longer prefix may take a part of it"),
            ),
            None => {
                self.owners.insert(prefix.value, (id.clone(), prefix.mark.line));
                self.prefixes.push((prefix.value, GroupOrd(self.groups)));
            }
        }
    }
}

/// A client group row.
pub(super) fn client_group(
    fields: &mut Fields<'_>,
    id: GroupId,
    sites: &Names<'_, SiteId>,
    owners: &mut PrefixOwners,
) -> Option<ClientGroup> {
    let region: Option<String> = fields.required("region");
    let isp = fields.or("isp", String::new());
    let prefixes: Vec<Spanned<IpNet>> = fields.scalars("prefixes");
    if prefixes.is_empty() {
        let hint = "give the users' address prefixes, e.g. `prefixes: [192.0.2.0/24]`";
        fields.reader().error_with_hint(fields.mark(), format!("client group `{id}` has no `prefixes`"), hint);
    }
    for prefix in &prefixes {
        owners.claim(fields, prefix, &id);
    }
    owners.groups += 1;
    let mut latency = BTreeMap::new();
    if let Some(by_site) = fields.required_map("latency") {
        for (name, value) in by_site.entries() {
            let site = SiteId::parse(&name.value).map(|value| Spanned { value, mark: name.mark });
            if site.is_none() {
                let message = format!("`latency` names `{}`, which is not {}", name.value, SiteId::expected());
                fields.reader().error_with_hint(name.mark, message, "its keys are the ids of sites");
            }
            let site = site.and_then(|site| sites.resolve(&site, SiteOrd::of));
            let value = value.scalar::<Millis>();
            if let (Some(site), Some(value)) = (site, value) {
                latency.insert(site, value.value);
            }
        }
    }
    Some(ClientGroup { id, region: region?, isp, prefixes: prefixes.into_iter().map(|p| p.value).collect(), latency })
}
