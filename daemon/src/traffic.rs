//! Demand as measured, slot by slot, on its way to the controller.

use std::collections::BTreeMap;

use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd, SiteOrd},
    observation::{Column, Rows},
    unit::Bps,
};

/// Traffic of one slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    time: i64,
    demand: BTreeMap<(GroupOrd, DomainOrd), f64>,
    /// Bits/s that each site sent to users.
    pub(crate) sites: BTreeMap<SiteOrd, f64>,
}

/// Adds up the rows of `metrics.demand`, which come edge by edge.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    open: Measured,
}

impl Demand {
    /// Takes rows in, and returns the slots that are over because a later one has begun. What
    /// comes late of a slot that is over is left out: the store has it.
    pub(crate) fn take(&mut self, estate: &Estate, rows: &Rows) -> Vec<Measured> {
        let mut over = Vec::new();
        let Some((_, Column::F64(bps))) = rows.fields.iter().find(|(name, _)| &**name == "bps") else { return over };
        for ((series, time), bps) in rows.series.iter().zip(&rows.time).zip(bps) {
            let labels = &rows.labels[*series as usize];
            let group = estate.group_ord(labels.get("client_group"));
            let (domain, site) = (estate.domain_ord(labels.get("domain")), estate.site_ord(labels.get("site")));
            let (Some(group), Some(domain), Some(site), Some(bps)) = (group, domain, site, bps) else { continue };
            if *time > self.open.time {
                over.extend(self.next(*time));
            }
            if *time == self.open.time {
                *self.open.demand.entry((group, domain)).or_default() += bps;
                *self.open.sites.entry(site).or_default() += bps;
            }
        }
        over
    }

    /// Closes the open slot. Pairs that it knew of begin the next one at zero: who stops asking
    /// must be seen to.
    fn next(&mut self, time: i64) -> Option<Measured> {
        let demand = self.open.demand.keys().map(|pair| (*pair, 0.0)).collect();
        let over = std::mem::replace(&mut self.open, Measured { time, demand, sites: BTreeMap::new() });
        (!over.demand.is_empty()).then_some(over)
    }
}

impl Measured {
    /// As the controller takes it.
    pub(crate) fn demand(&self) -> Vec<(GroupOrd, DomainOrd, Bps)> {
        self.demand.iter().map(|((group, domain), bps)| (*group, *domain, Bps(*bps))).collect()
    }
}

#[cfg(test)]
mod tests {
    use weir_model::observation::{Labels, Row, TableName};

    use super::*;

    fn row(estate: &Estate, time: i64, site: usize, bps: f64) -> Rows {
        let labels = Labels::new([
            ("client_group", estate.groups[0].id.as_str()),
            ("domain", estate.domains[0].id.as_str()),
            ("site", estate.sites[site].id.as_str()),
        ]);
        Row::new(TableName::metric("demand"), time, labels).f64("bps", bps).into_rows()
    }

    #[test]
    fn edges_are_added_up_and_silence_is_zero() {
        let estate = weir_model::inventory::parse("demo.yaml", weir_sim::DEMO_ESTATE).unwrap();
        let mut demand = Demand::default();
        assert_eq!(demand.take(&estate, &row(&estate, 10, 2, 5.0)), []);
        assert_eq!(demand.take(&estate, &row(&estate, 10, 3, 7.0)), []);
        let over = demand.take(&estate, &row(&estate, 20, 2, 1.0));
        assert_eq!(over[0].demand(), [(GroupOrd::of(0), DomainOrd::of(0), Bps(12.0))]);
        assert_eq!(over[0].sites, BTreeMap::from([(SiteOrd::of(2), 5.0), (SiteOrd::of(3), 7.0)]));
        assert_eq!(demand.take(&estate, &row(&estate, 10, 2, 9.0)), [], "late");
        // A slot that only another pair is heard in.
        let mut other = row(&estate, 30, 2, 3.0);
        other.labels[0] = Labels::new([
            ("client_group", estate.groups[1].id.as_str()),
            ("domain", estate.domains[0].id.as_str()),
            ("site", estate.sites[2].id.as_str()),
        ]);
        assert_eq!(demand.take(&estate, &other)[0].demand()[0].2, Bps(1.0));
        let over = demand.take(&estate, &row(&estate, 40, 2, 1.0));
        assert_eq!(over[0].demand()[0], (GroupOrd::of(0), DomainOrd::of(0), Bps(0.0)));
    }
}
