//! A plan is complete: one assignment a slot, shares that add up, ordinals that exist, routes that lead somewhere.

use std::collections::BTreeSet;

use weir_model::{
    estate::{Domain, Role},
    id::{NodeOrd, SiteOrd},
    plan::{Plan, Routes, SHARE_UNIT},
};

use super::{Context, Violation, slot_name};

const RULE: &str = "completeness";

pub(super) fn check(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let directory = &plan.directory;
    let slots = directory.groups.len() * directory.domains.len();
    let same_estate = directory.groups.len() == context.estate.groups.len()
        && directory.domains.len() == context.estate.domains.len()
        && directory.sites.len() == context.estate.sites.len()
        && directory.nodes.len() == context.estate.nodes.len();
    if !same_estate || plan.assignments.len() != slots || context.demand.len() != slots {
        let text = format!("{} assignments for {slots} demands, or another estate's directory", plan.assignments.len());
        return vec![Violation { rule: RULE, text }];
    }
    if plan.routes.len() != directory.edge_count() * directory.domains.len() {
        let text = format!("{} route lists for {} edges", plan.routes.len(), directory.edge_count());
        return vec![Violation { rule: RULE, text }];
    }
    let mut violations = routes(plan, context);
    for (slot, assignment) in plan.assignments.iter().enumerate() {
        let shares = &assignment.shares;
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let ascending = shares.windows(2).all(|pair| pair[0].site < pair[1].site);
        let exists = |site: &SiteOrd| site.index() < directory.sites.len();
        let exist = shares.iter().all(|share| exists(&share.site) && share.weight > 0)
            && assignment.failover.iter().all(exists);
        let is_empty_by_right = shares.is_empty() && assignment.failover.is_empty();
        if !(is_empty_by_right || total == u64::from(SHARE_UNIT) && ascending && exist) {
            let text = format!("{}: shares add up to {total} of {SHARE_UNIT}", slot_name(context, slot));
            violations.push(Violation { rule: RULE, text });
        }
    }
    violations
}

/// Each route leads from its edge over links that there are to an origin of the domain.
fn routes(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let estate = context.estate;
    let hops: BTreeSet<(NodeOrd, NodeOrd)> = estate.links.iter().map(|link| (link.from, link.to)).collect();
    let edges = (0..estate.nodes.len()).map(NodeOrd::of).filter(|node| estate.nodes[node.index()].role == Role::Edge);
    let rows = edges.flat_map(|edge| estate.domains.iter().map(move |domain| (edge, domain)));
    let leads = |routes: &Routes, edge: NodeOrd, domain: &Domain| {
        routes.routes.iter().all(|route| {
            route.path.first() == Some(&edge)
                && route.path.last().is_some_and(|last| domain.origins.contains(last))
                && route.path.windows(2).all(|hop| hops.contains(&(hop[0], hop[1])))
        })
    };
    let astray = rows.zip(&plan.routes).filter(|((edge, domain), routes)| !leads(routes, *edge, domain));
    let told = astray.map(|((edge, domain), _)| {
        let text = format!("a route of {} for {} leads nowhere", estate.nodes[edge.index()].id, domain.id);
        Violation { rule: RULE, text }
    });
    told.collect()
}
