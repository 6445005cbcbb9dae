//! Whether a plan that came from outside fits together: what reads plans indexes by their ordinals.

use super::Plan;
use crate::id::{NodeOrd, SiteOrd};

/// What of a plan does not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A list is shorter or longer than the directory makes it.
    #[error("`{list}` has {length} rows, and {by} x {domains} domains need {needed}")]
    Length {
        /// Which list.
        list: &'static str,
        /// How long it is.
        length: usize,
        /// What it has a row of domains for, counted.
        by: String,
        /// How many domains there are.
        domains: usize,
        /// How long it should be.
        needed: usize,
    },
    /// An ordinal points past the end of the directory's table.
    #[error("`{place}` names {kind} {ordinal}, and there are {rows}")]
    Ordinal {
        /// Where it is written.
        place: String,
        /// Of what.
        kind: &'static str,
        /// The ordinal.
        ordinal: usize,
        /// How many rows the table has.
        rows: usize,
    },
    /// A route without an edge at its head.
    #[error("`{place}` leads nowhere: a route has at least its edge")]
    EmptyRoute {
        /// Where it is written.
        place: String,
    },
    /// A list that is searched is not sorted.
    #[error("`out_of_service` does not ascend")]
    Unsorted,
}

impl Plan {
    /// Whether every list is as long as the directory says and every ordinal points into it, so
    /// that reading the plan cannot fail. Plans made here do; plans received or read from disk are
    /// to be asked first.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn fits(&self) -> Result<(), Unfit> {
        let directory = &self.directory;
        let (groups, edges) = (directory.groups.len(), directory.edge_count());
        self.length_fits("assignments", self.assignments.len(), groups, "groups")?;
        self.length_fits("routes", self.routes.len(), edges, "edge nodes")?;
        for (index, site) in directory.sites.iter().enumerate() {
            self.nodes_fit(&site.edges, || format!("directory.sites[{index}].edges"))?;
        }
        for (index, assignment) in self.assignments.iter().enumerate() {
            for share in &assignment.shares {
                self.site_fits(share.site, || format!("assignments[{index}].shares"))?;
            }
            for site in &assignment.failover {
                self.site_fits(*site, || format!("assignments[{index}].failover"))?;
            }
        }
        for (index, routes) in self.routes.iter().enumerate() {
            for route in &routes.routes {
                self.nodes_fit(&route.path, || format!("routes[{index}]"))?;
                if route.path.is_empty() {
                    return Err(Unfit::EmptyRoute { place: format!("routes[{index}]") });
                }
            }
        }
        self.nodes_fit(&self.out_of_service, || "out_of_service".to_owned())?;
        if self.out_of_service.is_sorted() { Ok(()) } else { Err(Unfit::Unsorted) }
    }

    fn length_fits(&self, list: &'static str, length: usize, rows: usize, what: &str) -> Result<(), Unfit> {
        let domains = self.directory.domains.len();
        let needed = rows.saturating_mul(domains);
        let fits = length == needed;
        if fits { Ok(()) } else { Err(Unfit::Length { list, length, by: format!("{rows} {what}"), domains, needed }) }
    }

    fn site_fits(&self, site: SiteOrd, place: impl Fn() -> String) -> Result<(), Unfit> {
        ordinal_fits(site.index(), self.directory.sites.len(), "site", place)
    }

    fn nodes_fit(&self, nodes: &[NodeOrd], place: impl Fn() -> String) -> Result<(), Unfit> {
        nodes.iter().try_for_each(|node| ordinal_fits(node.index(), self.directory.nodes.len(), "node", &place))
    }
}

fn ordinal_fits(ordinal: usize, rows: usize, kind: &'static str, place: impl Fn() -> String) -> Result<(), Unfit> {
    if ordinal < rows { Ok(()) } else { Err(Unfit::Ordinal { place: place(), kind, ordinal, rows }) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        inventory,
        plan::{Assignment, Directory, PlanNumber, Reason, Route, Routes, SHARE_UNIT, Share},
        time::UnixNanos,
    };

    fn plan() -> Plan {
        let estate = inventory::parse(
            "fixture.yaml",
            r"
providers: [{id: own}]
sites: [{id: s1, kind: edge, region: eu, provider: own}]
nodes: [{id: edge-1, site: s1, role: edge, addresses: [127.0.1.1], capacity: 1Gbps}]
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme}]
client_groups: [{id: one, region: eu, prefixes: [10.0.0.0/16], latency: {s1: 1ms}}]
",
        );
        let shares = vec![Share { site: SiteOrd(0), weight: SHARE_UNIT }];
        Plan {
            number: PlanNumber { epoch: 1, generation: 1 },
            parent: None,
            made_at: UnixNanos(0),
            reason: Reason::Planned,
            directory: Directory::of(&estate.unwrap()),
            assignments: vec![Arc::new(Assignment { shares, failover: vec![SiteOrd(0)] })],
            routes: vec![Arc::new(Routes { routes: vec![Route { path: vec![NodeOrd(0)] }] })],
            out_of_service: vec![NodeOrd(0)],
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        assert_eq!(plan().fits(), Ok(()));
        type Break = (fn(&mut Plan), &'static str);
        let breaks: [Break; 8] = [
            (|p| p.assignments.clear(), "`assignments` has 0 rows, and 1 groups x 1 domains need 1"),
            (|p| p.routes.clear(), "`routes` has 0 rows, and 1 edge nodes x 1 domains need 1"),
            (
                |p| Arc::make_mut(&mut p.assignments[0]).shares[0].site = SiteOrd(1),
                "`assignments[0].shares` names site 1, and there are 1",
            ),
            (
                |p| Arc::make_mut(&mut p.assignments[0]).failover[0] = SiteOrd(9),
                "`assignments[0].failover` names site 9, and there are 1",
            ),
            (
                |p| Arc::make_mut(&mut p.routes[0]).routes[0].path.push(NodeOrd(7)),
                "`routes[0]` names node 7, and there are 1",
            ),
            (
                |p| Arc::make_mut(&mut p.routes[0]).routes[0].path.clear(),
                "`routes[0]` leads nowhere: a route has at least its edge",
            ),
            (|p| p.out_of_service.push(NodeOrd(1)), "`out_of_service` names node 1, and there are 1"),
            (
                |p| {
                    let text = serde_json::to_string(&p.directory).unwrap().replace(r#""edges":[0]"#, r#""edges":[3]"#);
                    p.directory = serde_json::from_str(&text).unwrap();
                },
                "`directory.sites[0].edges` names node 3, and there are 1",
            ),
        ];
        for (break_it, says) in breaks {
            let mut plan = plan();
            break_it(&mut plan);
            assert_eq!(plan.fits().unwrap_err().to_string(), says);
        }
    }
}
