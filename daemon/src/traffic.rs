//! Demand as measured, slot by slot, on its way to the controller.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd, SiteOrd},
    observation::{Column, Rows},
    unit::Bps,
};

/// Traffic of one slot, in the ordinals of the estate that it was measured in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    estate: Arc<Estate>,
    time: i64,
    demand: BTreeMap<(GroupOrd, DomainOrd), f64>,
    /// Bits/s that each site sent to users.
    pub(crate) sites: BTreeMap<SiteOrd, f64>,
}

/// Demand, in the ordinals of the estate that it was measured in.
#[derive(Clone, Debug)]
pub(crate) struct Demanded {
    estate: Arc<Estate>,
    demand: Vec<(GroupOrd, DomainOrd, Bps)>,
}

impl Demanded {
    /// In the ordinals of `estate`, without what is not in it.
    pub(crate) fn of(self, estate: &Arc<Estate>) -> Vec<(GroupOrd, DomainOrd, Bps)> {
        if Arc::ptr_eq(&self.estate, estate) {
            return self.demand;
        }
        let there = |(group, domain, rate): (GroupOrd, DomainOrd, Bps)| {
            let (group, domain) = pair(&self.estate, estate, group, domain)?;
            Some((group, domain, rate))
        };
        self.demand.into_iter().filter_map(there).collect()
    }
}

/// A pair of the estate `from`, in the ordinals of `to`.
fn pair(from: &Estate, to: &Estate, group: GroupOrd, domain: DomainOrd) -> Option<(GroupOrd, DomainOrd)> {
    let group = to.group_ord(from.groups[group.index()].id.as_str())?;
    Some((group, to.domain_ord(from.domains[domain.index()].id.as_str())?))
}

/// Adds up the rows of `metrics.demand`, which come edge by edge.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    open: Measured,
}

impl Demand {
    /// Takes rows in, and returns the slots that are over because a later one has begun. What
    /// comes late of a slot that is over is left out: the store has it.
    pub(crate) fn take(&mut self, estate: &Arc<Estate>, rows: &Rows) -> Vec<Measured> {
        self.open.go_over_to(estate);
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
        let estate = Arc::clone(&self.open.estate);
        let over = std::mem::replace(&mut self.open, Measured { estate, time, demand, sites: BTreeMap::new() });
        (!over.demand.is_empty()).then_some(over)
    }
}

impl Measured {
    /// As the controller takes it.
    pub(crate) fn demanded(&self) -> Demanded {
        let demand = self.demand.iter().map(|((group, domain), bps)| (*group, *domain, Bps(*bps))).collect();
        Demanded { estate: Arc::clone(&self.estate), demand }
    }

    /// Goes over to the ordinals of `estate`; what is not in it is left out.
    fn go_over_to(&mut self, estate: &Arc<Estate>) {
        if Arc::ptr_eq(&self.estate, estate) {
            return;
        }
        let from = std::mem::replace(&mut self.estate, Arc::clone(estate));
        let demand = std::mem::take(&mut self.demand).into_iter();
        self.demand =
            demand.filter_map(|((group, domain), bps)| Some((pair(&from, estate, group, domain)?, bps))).collect();
        let sites = std::mem::take(&mut self.sites).into_iter();
        let site = |site: SiteOrd| estate.site_ord(from.sites[site.index()].id.as_str());
        self.sites = sites.filter_map(|(ord, bps)| Some((site(ord)?, bps))).collect();
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
        let estate = Arc::new(weir_model::inventory::parse("demo.yaml", weir_sim::DEMO_ESTATE).unwrap());
        let mut demand = Demand::default();
        assert!(demand.take(&estate, &row(&estate, 10, 2, 5.0)).is_empty());
        assert!(demand.take(&estate, &row(&estate, 10, 3, 7.0)).is_empty());
        let over = demand.take(&estate, &row(&estate, 20, 2, 1.0));
        assert_eq!(over[0].demanded().demand, [(GroupOrd::of(0), DomainOrd::of(0), Bps(12.0))]);
        assert_eq!(over[0].sites, BTreeMap::from([(SiteOrd::of(2), 5.0), (SiteOrd::of(3), 7.0)]));
        assert!(demand.take(&estate, &row(&estate, 10, 2, 9.0)).is_empty(), "late");
        // A slot that only another pair is heard in.
        let mut other = row(&estate, 30, 2, 3.0);
        other.labels[0] = Labels::new([
            ("client_group", estate.groups[1].id.as_str()),
            ("domain", estate.domains[0].id.as_str()),
            ("site", estate.sites[2].id.as_str()),
        ]);
        assert_eq!(demand.take(&estate, &other)[0].demanded().demand[0].2, Bps(1.0));
        let over = demand.take(&estate, &row(&estate, 40, 2, 1.0));
        assert_eq!(over[0].demanded().demand[0], (GroupOrd::of(0), DomainOrd::of(0), Bps(0.0)));
    }

    #[test]
    fn a_slot_that_is_open_when_the_estate_changes_keeps_its_pairs() {
        let before = Arc::new(weir_model::inventory::parse("demo.yaml", weir_sim::DEMO_ESTATE).unwrap());
        let mut after = (*before).clone();
        let gone = after.groups.remove(0);
        after.sites.swap(2, 3);
        let after = Arc::new(Estate::clone(&after));
        let mut demand = Demand::default();
        let mut second = row(&before, 10, 2, 7.0);
        second.labels[0] = Labels::new([
            ("client_group", before.groups[1].id.as_str()),
            ("domain", before.domains[0].id.as_str()),
            ("site", before.sites[2].id.as_str()),
        ]);
        demand.take(&before, &row(&before, 10, 2, 5.0));
        demand.take(&before, &second);
        let queued = demand.open.demanded();
        let over = demand.take(&after, &row(&after, 20, 2, 1.0));
        assert_eq!(over[0].demanded().demand, [(GroupOrd::of(0), DomainOrd::of(0), Bps(7.0))], "not {}", gone.id);
        assert_eq!(over[0].sites, BTreeMap::from([(SiteOrd::of(3), 12.0)]));
        assert_eq!(queued.of(&after), over[0].demanded().demand);
    }
}
