//! Which row a counter belongs to, and the rows themselves.

use std::sync::Arc;

use weir_model::{
    id::{ContractId, DomainId, GroupId, LinkId, SiteId},
    observation::{Column, Labels, Rows, TableName},
};

use super::meter::Closed;

/// A series of one of the three tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Link(LinkId),
    Usage { contract: ContractId, meter: MeteredAt },
    Demand { group: GroupId, domain: DomainId, site: SiteId },
}

/// What a contract is metered at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MeteredAt {
    Link(LinkId),
    Site(SiteId),
}

impl Key {
    /// Whether its counters are listed in the configuration.
    pub(super) fn is_configured(&self) -> bool {
        !matches!(self, Self::Demand { .. })
    }

    fn labels(&self) -> Labels {
        match self {
            Self::Link(link) => Labels::new([("link", link.as_str())]),
            Self::Usage { contract, meter } => {
                let metered_at = match meter {
                    MeteredAt::Link(link) => ("link", link.as_str()),
                    MeteredAt::Site(site) => ("site", site.as_str()),
                };
                Labels::new([("contract", contract.as_str()), metered_at])
            }
            Self::Demand { group, domain, site } => {
                Labels::new([("client_group", group.as_str()), ("domain", domain.as_str()), ("site", site.as_str())])
            }
        }
    }
}

/// Slots that are over, by table.
#[derive(Debug, Default)]
pub(super) struct Slotted {
    link_traffic: Vec<(Key, Closed)>,
    usage: Vec<(Key, Closed)>,
    demand: Vec<(Key, Closed)>,
}

/// Bits in a byte.
const BITS: f64 = 8.0;

impl Slotted {
    /// Slots without a figure are no rows.
    pub(super) fn extend(&mut self, key: &Key, closed: Vec<Closed>) {
        let table = match key {
            Key::Link(_) => &mut self.link_traffic,
            Key::Usage { .. } => &mut self.usage,
            Key::Demand { .. } => &mut self.demand,
        };
        let measured = closed.into_iter().filter(|slot| slot.counts.iter().any(Option::is_some));
        table.extend(measured.map(|slot| (key.clone(), slot)));
    }

    pub(super) fn into_rows(self) -> Vec<Rows> {
        let rates = |slots: &[(Key, Closed)], field: usize, unit: f64| {
            let rate = |slot: &Closed| slot.counts[field].map(|count| count as f64 * unit / (slot.length as f64 / 1e9));
            Column::F64(slots.iter().map(|(_, slot)| rate(slot)).collect())
        };
        let bytes = |slots: &[(Key, Closed)], field: usize| {
            let whole = |slot: &Closed| slot.counts[field].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
            Column::I64(slots.iter().map(|(_, slot)| whole(slot)).collect())
        };
        let (links, usage, demand) = (&self.link_traffic, &self.usage, &self.demand);
        let tables = [
            rows(
                "metrics",
                "link_traffic",
                links,
                [("in_bps", rates(links, 0, BITS)), ("out_bps", rates(links, 1, BITS))],
            ),
            rows("cost", "usage_5min", usage, [("in_bytes", bytes(usage, 0)), ("out_bytes", bytes(usage, 1))]),
            rows("metrics", "demand", demand, [("bps", rates(demand, 0, BITS)), ("rps", rates(demand, 1, 1.0))]),
        ];
        tables.into_iter().filter(|rows| !rows.is_empty()).collect()
    }
}

fn rows(schema: &str, name: &str, slots: &[(Key, Closed)], fields: [(&str, Column); 2]) -> Rows {
    let mut rows = Rows::empty(TableName::new(schema, name));
    for (index, (key, slot)) in slots.iter().enumerate() {
        if index == 0 || slots[index - 1].0 != *key {
            rows.labels.push(key.labels());
        }
        rows.series.push(rows.labels.len() as u32 - 1);
        rows.time.push(slot.start);
    }
    rows.fields = fields.into_iter().map(|(name, column)| (Arc::from(name), column)).collect();
    rows
}
