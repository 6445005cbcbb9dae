//! No share on a site without an edge in service, unless nobody who may serve it lives.

use weir_model::plan::Plan;

use super::{Context, Violation, placement, slot_name};
use crate::failover::serving_capacity;

/// Looks at every slot, changed or not: what it is about is that the world changed.
pub(super) fn check(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let capacity = serving_capacity(context.estate, context.out_of_service);
    let mut violations = Vec::new();
    for (slot, assignment) in plan.assignments.iter().enumerate() {
        for share in assignment.shares.iter().filter(|share| capacity[share.site.index()].is_none()) {
            let mut refuges = context.estate.edge_sites().filter(|site| capacity[site.index()].is_some());
            if refuges.any(|site| placement::wrong(context, slot, site).is_none()) {
                let site = &context.estate.sites[share.site.index()].id;
                let text = format!("{} is on {site}, none of whose edges is in service", slot_name(context, slot));
                violations.push(Violation { rule: "health", text });
            }
        }
    }
    let listed = plan.out_of_service.iter().copied().collect::<std::collections::BTreeSet<_>>();
    if &listed != context.out_of_service {
        let text = "the plan's list of nodes out of service is not the controller's".to_owned();
        violations.push(Violation { rule: "health", text });
    }
    violations
}
