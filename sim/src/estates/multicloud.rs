//! An estate over measured grids: every region is a site, three hold origins, the others edges.

use std::{collections::BTreeSet, fmt::Write};

use super::grid::{Grid, GridError};

/// Regions with an origin: one of each provider, one on each of three continents.
const ORIGINS: [&str; 3] = ["aws:us-east-1", "azure:westeurope", "gcp:asia-southeast1"];
/// Round trip inside a region, which nobody measured: zones of a region are about 1 ms apart.
const LOCAL_RTT_MS: f64 = 1.0;
/// What an edge or link can do when neither its region nor its provider was measured: 5 Gbit/s,
/// about the median of all.
const THROUGHPUT_BPS: f64 = 5e9;
/// Names, objectives and cache hits of the domains: what is watched, read and called.
const DOMAINS: &str = "domains:
  - {id: video.example.test, customer: example, latency_max: 150ms, ttl: 30s, priority: 50, hit_ratio: 0.95, origins: [ORIGINS]}
  - {id: www.example.test, customer: example, latency_max: 100ms, ttl: 30s, priority: 100, hit_ratio: 0.8, origins: [ORIGINS]}
  - {id: api.example.test, customer: example, latency_max: 60ms, ttl: 10s, priority: 200, hit_ratio: 0.2, origins: [ORIGINS]}
";

/// The inventory over these grids, as YAML.
///
/// Regions are those that have a price and a round trip. A region's users are a client group, its
/// round trips that group's. An edge sends to users at the region's egress price to the Internet
/// (the median of its prices to other providers' regions), and can send what one machine there
/// could: the median of its measured throughputs, or its provider's. Content comes from origins
/// at the price and throughput of that pair.
///
/// # Errors
/// When a line is malformed, or a region lacks a price or a round trip.
pub fn inventory_of(prices: &str, rtt: &str, throughput: &str) -> Result<String, GridError> {
    let grids = Grids {
        prices: Grid::parse("price", prices)?,
        rtt: Grid::parse("round-trip", rtt)?,
        throughput: Grid::parse("throughput", throughput)?,
    };
    let known = grids.rtt.regions();
    let regions: Vec<&str> = grids.prices.regions().into_iter().filter(|region| known.contains(region)).collect();
    let edges: Vec<&str> = regions.iter().copied().filter(|region| !ORIGINS.contains(region)).collect();
    let sections = [
        providers(&regions),
        contracts(&grids, &edges)?,
        places(&grids, &regions),
        links(&grids, &edges)?,
        "customers: [{id: example}]\n".to_owned(),
        DOMAINS.replace("ORIGINS", &ORIGINS.map(|region| format!("origin-{}", id(region))).join(", ")),
        groups(&grids, &regions, &edges)?,
    ];
    Ok(sections.concat())
}

struct Grids<'a> {
    prices: Grid<'a>,
    rtt: Grid<'a>,
    throughput: Grid<'a>,
}

impl Grids<'_> {
    fn throughput(&self, from: &str, to: &str) -> f64 {
        self.throughput.get(from, to).unwrap_or_else(|| self.egress_bps(from))
    }

    /// What one machine in `region` can send.
    fn egress_bps(&self, region: &str) -> f64 {
        let own = self.throughput.median(|from, _| from == region);
        let peers = || self.throughput.median(|from, _| provider(from) == provider(region));
        own.or_else(peers).unwrap_or(THROUGHPUT_BPS)
    }
}

fn provider(region: &str) -> &str {
    region.split(':').next().unwrap_or(region)
}

/// A region's name as an id.
fn id(region: &str) -> String {
    region.replace(':', "-")
}

fn providers(regions: &[&str]) -> String {
    let names: BTreeSet<&str> = regions.iter().map(|region| provider(region)).collect();
    let rows: Vec<String> = names.iter().map(|name| format!("  - {{id: {name}, tier: A}}\n")).collect();
    format!("providers:\n{}", rows.concat())
}

/// What the content of an origin costs on its way to an edge: one contract for each price.
fn transfer_contract(grids: &Grids<'_>, origin: &str, edge: &str) -> Result<(String, f64), GridError> {
    let price = grids.prices.at(origin, edge)?;
    Ok((format!("transfer-{}-{price}", id(origin)), price))
}

fn contracts(grids: &Grids<'_>, edges: &[&str]) -> Result<String, GridError> {
    let mut rows = Vec::new();
    for edge in edges {
        let elsewhere = |from: &str, to: &str| from == *edge && provider(from) != provider(to);
        let missing = || GridError::Missing { grid: "price", from: (*edge).to_owned(), to: "elsewhere".to_owned() };
        rows.push((format!("egress-{}", id(edge)), grids.prices.median(elsewhere).ok_or_else(missing)?));
        for origin in ORIGINS {
            rows.push(transfer_contract(grids, origin, edge)?);
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.dedup_by(|a, b| a.0 == b.0);
    let row = |(id, price): &(String, f64)| {
        format!("  - {{id: {id}, currency: USD, kind: per_gb, direction: out, price: {price}}}\n")
    };
    Ok(format!("contracts:\n{}", rows.iter().map(row).collect::<String>()))
}

fn places(grids: &Grids<'_>, regions: &[&str]) -> String {
    let (mut sites, mut nodes) = (String::from("sites:\n"), String::from("nodes:\n"));
    for (index, region) in regions.iter().enumerate() {
        let (name, provider) = (id(region), provider(region));
        let is_origin = ORIGINS.contains(region);
        let contract = if is_origin { String::new() } else { format!(", contract: egress-{name}") };
        let (role, capacity) = if is_origin { ("origin", 1e12) } else { ("edge", grids.egress_bps(region)) };
        // 198.18.0.0/15 is for benchmarks (RFC 2544).
        let text = format!("  - {{id: {name}, kind: cloud, region: {name}, provider: {provider}{contract}}}\n");
        sites += &text;
        let address = format!("198.18.{index}.1");
        let capacity = format!("{capacity:.0}bps");
        nodes += &format!(
            "  - {{id: {role}-{name}, site: {name}, role: {role}, addresses: [{address}], capacity: {capacity}}}\n"
        );
    }
    sites + &nodes
}

fn links(grids: &Grids<'_>, edges: &[&str]) -> Result<String, GridError> {
    let mut links = String::from("links:\n");
    for edge in edges {
        for origin in ORIGINS {
            let (contract, _) = transfer_contract(grids, origin, edge)?;
            let (from, to) = (format!("edge-{}", id(edge)), format!("origin-{}", id(origin)));
            let latency = format!("{:.3}ms", grids.rtt.at(edge, origin)? / 2.0);
            let capacity = format!("{:.0}bps", grids.throughput(origin, edge));
            let ends = format!("from: {from}, to: {to}, provider: {}", provider(origin));
            links += &format!(
                "  - {{id: {from}-{to}, kind: transit, {ends}, capacity: {capacity}, latency: {latency}, contract: {contract}}}\n"
            );
        }
    }
    Ok(links)
}

fn groups(grids: &Grids<'_>, regions: &[&str], edges: &[&str]) -> Result<String, GridError> {
    let mut groups = String::from("client_groups:\n");
    for (index, region) in regions.iter().enumerate() {
        let mut latency = Vec::new();
        for edge in edges {
            let rtt = if edge == region { LOCAL_RTT_MS } else { grids.rtt.at(region, edge)? };
            latency.push(format!("{}: {rtt}ms", id(edge)));
        }
        let (name, latency) = (id(region), latency.join(", "));
        let written = writeln!(
            groups,
            "  - {{id: {name}, region: {name}, prefixes: [10.{index}.0.0/16], latency: {{{latency}}}}}"
        );
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use weir_model::inventory;

    use super::*;

    #[test]
    fn every_region_is_a_site_and_a_group() {
        let estate = inventory::parse("multicloud", &crate::estates::multicloud().unwrap()).unwrap();
        assert_eq!((estate.sites.len(), estate.groups.len(), estate.edge_sites().count()), (62, 62, 59));
        assert_eq!(estate.links.len(), 59 * 3);
        let site = estate.site_ord("aws-eu-central-1").unwrap();
        let group = &estate.groups[estate.group_ord("aws-us-east-1").unwrap().index()];
        // The grid's own line: aws:us-east-1,aws:eu-central-1,93.084 and so on.
        let grid = Grid::parse("rtt", include_str!("../../estates/multicloud/rtt.csv")).unwrap();
        assert_eq!(Some(group.latency[&site].0), grid.get("aws:us-east-1", "aws:eu-central-1"));
    }

    #[test]
    fn a_malformed_line_is_named() {
        let error = inventory_of("src_region,dst_region,usd_per_gb\na:x,b:y,cheap\n", "", "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 of the price grid is `a:x,b:y,cheap`: it must be `src_region,dst_region,number`"
        );
    }
}
