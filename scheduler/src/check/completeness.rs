//! A plan is complete: one assignment a slot, shares that add up, ordinals that exist, routes that lead somewhere.

use weir_model::plan::{Plan, SHARE_UNIT};

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
    let mut violations = Vec::new();
    for (slot, assignment) in plan.assignments.iter().enumerate() {
        let shares = &assignment.shares;
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let ascending = shares.windows(2).all(|pair| pair[0].site < pair[1].site);
        let exist = shares.iter().all(|share| share.site.index() < directory.sites.len() && share.weight > 0);
        let is_empty_by_right = shares.is_empty() && assignment.failover.is_empty();
        if !(is_empty_by_right || total == u64::from(SHARE_UNIT) && ascending && exist) {
            let text = format!("{}: shares add up to {total} of {SHARE_UNIT}", slot_name(context, slot));
            violations.push(Violation { rule: RULE, text });
        }
    }
    violations
}
