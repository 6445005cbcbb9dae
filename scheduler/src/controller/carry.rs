//! What a plan says, in the ordinals of another directory: rows that there are no more are left
//! out, new ones begin empty.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::{
    id::{NodeOrd, SiteOrd},
    plan::{Assignment, Directory, Plan, Route, Routes},
};

/// The assignments and routes of `plan` for `to`.
pub(super) fn over(plan: &Plan, to: &Directory) -> (Vec<Arc<Assignment>>, Vec<Arc<Routes>>) {
    let from = &*plan.directory;
    let sites: Vec<Option<SiteOrd>> =
        renamed(from.sites.iter().map(|s| s.id.as_str()), to.sites.iter().map(|s| s.id.as_str()))
            .map(|place| place.map(SiteOrd::of))
            .collect();
    let nodes: Vec<Option<NodeOrd>> =
        renamed(from.nodes.iter().map(|n| n.id.as_str()), to.nodes.iter().map(|n| n.id.as_str()))
            .map(|place| place.map(NodeOrd::of))
            .collect();
    let groups: Vec<Option<usize>> =
        renamed(to.groups.iter().map(|g| g.id.as_str()), from.groups.iter().map(|g| g.id.as_str())).collect();
    let domains: Vec<Option<usize>> =
        renamed(to.domains.iter().map(|d| d.id.as_str()), from.domains.iter().map(|d| d.id.as_str())).collect();
    let assignment = |group: &Option<usize>, domain: &Option<usize>| {
        let held = &plan.assignments[(*group)? * from.domains.len() + (*domain)?];
        Some(Arc::new(moved(held, &sites)))
    };
    let assignments = groups.iter().flat_map(|group| domains.iter().map(move |domain| (group, domain)));
    let assignments = assignments.map(|(group, domain)| assignment(group, domain).unwrap_or_default()).collect();
    let held_row: BTreeMap<&str, usize> =
        from.nodes.iter().filter(|node| node.edge).enumerate().map(|(row, node)| (node.id.as_str(), row)).collect();
    let route_list = |edge: &str, domain: &Option<usize>| {
        let held = &plan.routes[held_row.get(edge)? * from.domains.len() + (*domain)?];
        let place = |node: &NodeOrd| nodes[node.index()];
        let routes = held
            .routes
            .iter()
            .filter_map(|route| Some(Route { path: route.path.iter().map(place).collect::<Option<_>>()? }));
        Some(Arc::new(Routes { routes: routes.collect() }))
    };
    let edges = to.nodes.iter().filter(|node| node.edge);
    let rows = edges.flat_map(|edge| domains.iter().map(move |domain| (edge.id.as_str(), domain)));
    let routes = rows.map(|(edge, domain)| route_list(edge, domain).unwrap_or_default()).collect();
    (assignments, routes)
}

/// Per name of `of`: where it is in `among`.
fn renamed<'a>(
    of: impl Iterator<Item = &'a str>,
    among: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = Option<usize>> {
    let places: BTreeMap<&str, usize> = among.enumerate().map(|(place, name)| (name, place)).collect();
    of.map(move |name| places.get(name).copied())
}

fn moved(held: &Assignment, sites: &[Option<SiteOrd>]) -> Assignment {
    let place = |site: &SiteOrd| sites[site.index()];
    let parts = held.shares.iter().filter_map(|share| Some((place(&share.site)?, f64::from(share.weight))));
    Assignment { shares: Assignment::shares_of(parts), failover: held.failover.iter().filter_map(place).collect() }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use weir_model::{
        inventory,
        plan::{PlanNumber, Reason},
        time::UnixNanos,
    };

    use super::*;
    use crate::fixture::ESTATE;

    #[test]
    fn a_plan_is_read_by_name() {
        let before = Directory::of(&inventory::parse("before.yaml", ESTATE).unwrap());
        let shares = |parts: &[(u32, f64)]| {
            let shares = Assignment::shares_of(parts.iter().map(|(site, part)| (SiteOrd(*site), *part)));
            Arc::new(Assignment { shares, failover: vec![SiteOrd(0), SiteOrd(1), SiteOrd(2)] })
        };
        let node = |name: &str| NodeOrd::of(before.nodes.iter().position(|node| node.id.as_str() == name).unwrap());
        let path = |edge, mid| Route { path: vec![node(edge), node(mid), node("origin-1")] };
        let routes = |edge| Arc::new(Routes { routes: vec![path(edge, "mid-1"), path(edge, "mid-2")] });
        let plan = Plan {
            number: PlanNumber { epoch: 1, generation: 1 },
            parent: None,
            made_at: UnixNanos(0),
            reason: Reason::Planned,
            assignments: vec![shares(&[(0, 0.75), (1, 0.25)]), shares(&[(2, 1.0)])],
            routes: vec![routes("edge-1"), routes("edge-2"), routes("edge-3")],
            directory: Arc::clone(&before),
            out_of_service: Vec::new(),
        };
        assert_eq!(over(&plan, &before), (plan.assignments.clone(), plan.routes.clone()), "the same directory");
        // The first site and mid are gone, and a group comes first that nobody knew.
        let after: String = ESTATE
            .lines()
            .filter(|line| {
                !["{id: s1,", "id: edge-1,", "id: mid-1,", "e1m", "e2m1", "e3m1", "m1o1"]
                    .iter()
                    .any(|gone| line.contains(gone))
            })
            .map(|line| line.replace("s1: 10ms, ", "").replace("s1: 90ms, ", "") + "\n")
            .collect();
        let after = after.replace(
            "client_groups:\n",
            "client_groups:\n  - {id: new, region: eu, prefixes: [10.2.0.0/16], latency: {s2: 9ms}}\n",
        );
        let after = Directory::of(&inventory::parse("after.yaml", &after).unwrap());
        let (assignments, routes) = over(&plan, &after);
        let name = |site: &SiteOrd| after.sites[site.index()].id.to_string();
        let mut lines: Vec<String> = Vec::new();
        for (group, assignment) in after.groups.iter().zip(&assignments) {
            let shares: Vec<String> =
                assignment.shares.iter().map(|s| format!("{} {}", name(&s.site), s.weight)).collect();
            let list: Vec<String> = assignment.failover.iter().map(name).collect();
            lines.push(format!("{}: {} then {}", group.id, shares.join(", "), list.join(", ")));
        }
        for list in &routes {
            let path = |route: &Route| {
                route.path.iter().map(|node| after.nodes[node.index()].id.to_string()).collect::<Vec<_>>().join(" ")
            };
            lines.push(list.routes.iter().map(path).collect::<Vec<_>>().join("; "));
        }
        expect![[r#"
            new:  then 
            near: s2 1000000 then s2, s3
            far: s3 1000000 then s2, s3
            edge-2 mid-2 origin-1
            edge-3 mid-2 origin-1"#]]
        .assert_eq(&lines.join("\n"));
    }
}
