//! A share is only where the domain is offered, its data may reside, and the group reaches.

use weir_model::plan::Plan;

use super::{Context, Violation, slot_name};

pub(super) fn check(plan: &Plan, context: &Context<'_>, slots: &[usize]) -> Vec<Violation> {
    let estate = context.estate;
    let mut violations = Vec::new();
    for &slot in slots {
        let domain = &estate.domains[slot % estate.domains.len()];
        let group = &estate.groups[slot / estate.domains.len()];
        for share in &plan.assignments[slot].shares {
            let site = &estate.sites[share.site.index()];
            let resides = |zone: &String| site.residency.as_ref() == Some(zone);
            let wrong = if domain.sites.binary_search(&share.site).is_err() {
                "which does not offer the domain"
            } else if !domain.residency.is_empty() && !domain.residency.iter().any(resides) {
                "outside the domain's residency zones"
            } else if !group.latency.contains_key(&share.site) {
                "which the group does not reach"
            } else {
                continue;
            };
            let text = format!("{} is on {}, {wrong}", slot_name(context, slot), site.id);
            violations.push(Violation { rule: "placement", text });
        }
    }
    violations
}
