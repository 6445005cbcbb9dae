//! Providers, sites, nodes and links.

use super::references::Names;
use crate::{
    estate::{CarbonFactor, Link, LinkKind, Node, Ownership, Provider, Role, Site, SiteKind, Tier},
    id::*,
    unit::Millis,
    yaml::{Fields, Item},
};

/// A provider row: `id`, `tier` (S, A, B or C; default B), `restricted` (default false).
pub(super) fn provider(fields: &mut Fields<'_>, id: ProviderId) -> Option<Provider> {
    let tier = fields.or("tier", Tier::B);
    let restricted = fields.or("restricted", false);
    Some(Provider { id, tier, restricted })
}

/// A site row.
pub(super) fn site(
    fields: &mut Fields<'_>,
    id: SiteId,
    providers: &Names<'_, ProviderId>,
    contracts: &Names<'_, ContractId>,
) -> Option<Site> {
    let kind: Option<SiteKind> = fields.required("kind");
    let ownership = fields.or("ownership", Ownership::Leased);
    let region: Option<String> = fields.required("region");
    let provider = providers.required(fields, "provider", ProviderOrd::of);
    let contract = contracts.optional(fields, "contract", ContractOrd::of);
    let pue = fields.optional_spanned::<f64>("pue");
    if let Some(pue) = pue.as_ref().filter(|pue| pue.value < 1.0) {
        fields.reader().error_with_hint(
            pue.mark,
            format!("a PUE of {} would make energy", pue.value),
            "PUE is power at the meter per power at the machines: 1 or more",
        );
    }
    let power_price = fields.optional("power_price");
    let mut carbon = carbon(fields);
    carbon.sort_by_key(|factor| factor.from);
    let residency = fields.optional("residency");
    Some(Site {
        id,
        kind: kind?,
        ownership,
        region: region?,
        provider: provider?,
        contract,
        pue: pue.map_or(1.0, |pue| pue.value),
        power_price,
        carbon,
        residency,
        nodes: Vec::new(),
    })
}

fn carbon(fields: &mut Fields<'_>) -> Vec<CarbonFactor> {
    let mut factors = Vec::new();
    for item in fields.list("carbon") {
        let Some(mut fields) = item.fields() else { continue };
        let from = fields.required("from");
        let g_per_kwh = fields.required("g_per_kwh");
        fields.finish();
        if let (Some(from), Some(g_per_kwh)) = (from, g_per_kwh) {
            factors.push(CarbonFactor { from, g_per_kwh });
        }
    }
    factors
}

/// A node row.
pub(super) fn node(fields: &mut Fields<'_>, id: NodeId, sites: &Names<'_, SiteId>) -> Option<Node> {
    /// The port of plain HTTP.
    const HTTP_PORT: u16 = 80;
    let site = sites.required(fields, "site", SiteOrd::of);
    let role: Option<Role> = fields.required("role");
    let given = fields.any("addresses");
    let items = fields.list("addresses");
    // One without brackets has been reported as that.
    if items.is_empty() && given.is_none_or(|given| given.text().is_none()) {
        let mark = given.map_or_else(|| fields.mark(), |given| given.mark());
        fields.reader().error_with_hint(mark, format!("node `{id}` has no `addresses`"), "give at least one, v4 or v6");
    }
    let addresses = items.iter().filter_map(Item::scalar).map(|address| address.value).collect();
    let port = fields.or("port", HTTP_PORT);
    let capacity = fields.required("capacity");
    Some(Node { id, site: site?, role: role?, addresses, port, capacity: capacity? })
}

/// A link row.
pub(super) fn link(
    fields: &mut Fields<'_>,
    id: LinkId,
    nodes: &Names<'_, NodeId>,
    providers: &Names<'_, ProviderId>,
    contracts: &Names<'_, ContractId>,
) -> Option<Link> {
    let kind: Option<LinkKind> = fields.required("kind");
    let from = nodes.required(fields, "from", NodeOrd::of);
    let to = nodes.required(fields, "to", NodeOrd::of);
    if from.is_some() && from == to {
        fields.reader().error(fields.mark(), format!("link `{id}` leads from a node to itself"));
    }
    let provider = providers.required(fields, "provider", ProviderOrd::of);
    let capacity = fields.required("capacity");
    let latency = fields.or("latency", Millis(0.0));
    let contract = contracts.optional(fields, "contract", ContractOrd::of);
    Some(Link { id, kind: kind?, from: from?, to: to?, provider: provider?, capacity: capacity?, latency, contract })
}
