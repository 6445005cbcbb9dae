//! The inventory file: parsed text -> checked [`Estate`].
//!
//! Two passes over one tree: each section reads its rows (every row's ids become ordinals at
//! once), then references between rows are resolved. All errors of both passes are reported
//! together, with file, line and a hint.

mod contracts;
mod demand_side;
mod places;
mod references;

use crate::{
    estate::Estate,
    prefix::PrefixTable,
    yaml::{Diagnostics, Fields, Reader},
};
use references::Names;

/// Rows of one kind that an inventory may hold: the sizing target of DESIGN.md is 1,000,000
/// links; ten times that is a mistake in a generator, and 10^7 rows x about 200 bytes is what 2 GiB hold.
pub const ROWS_MAX: usize = 10_000_000;

/// Reads the inventory in `text`; `file` is its name in messages.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn parse(file: &str, text: &str) -> Result<Estate, Diagnostics> {
    Reader::read(file, text, |reader, mut fields| {
        let estate = read(reader, &mut fields);
        fields.finish();
        Some(estate)
    })
}

/// The keys of an inventory, in the order that references need them.
fn read(reader: &Reader, fields: &mut Fields<'_>) -> Estate {
    let mut estate = Estate::default();
    let providers = Names::collect(reader, "provider", fields.required_list("providers"));
    let contracts = Names::collect(reader, "contract", fields.list("contracts"));
    let sites = Names::collect(reader, "site", fields.required_list("sites"));
    let nodes = Names::collect(reader, "node", fields.required_list("nodes"));
    let links = Names::collect(reader, "link", fields.list("links"));
    let customers = Names::collect(reader, "customer", fields.required_list("customers"));
    let domains = Names::collect_as(reader, "domain", fields.required_list("domains"), demand_side::dns_name);
    let groups = Names::collect(reader, "client group", fields.required_list("client_groups"));

    estate.providers = providers.rows(places::provider);
    estate.contracts = contracts.rows(contracts::contract);
    estate.sites = sites.rows(|fields, id| places::site(fields, id, &providers, &contracts));
    estate.nodes = nodes.rows(|fields, id| places::node(fields, id, &sites));
    estate.links = links.rows(|fields, id| places::link(fields, id, &nodes, &providers, &contracts));
    estate.customers = customers.rows(demand_side::customer);
    estate.domains = domains.rows(|fields, id| demand_side::domain(fields, id, &customers, &sites, &nodes, &estate));
    let mut owners = demand_side::PrefixOwners::default();
    estate.groups = groups.rows(|fields, id| demand_side::client_group(fields, id, &sites, &mut owners));
    estate.prefixes = PrefixTable::new(owners.into_prefixes());

    // Only a whole estate may be indexed by ordinal; what is short of rows has errors.
    let whole = estate.sites.len() == sites.len() && estate.nodes.len() == nodes.len();
    if whole {
        for (index, node) in estate.nodes.iter().enumerate() {
            estate.sites[node.site.index()].nodes.push(crate::id::NodeOrd::of(index));
        }
    }
    estate
}

#[cfg(test)]
mod tests;
