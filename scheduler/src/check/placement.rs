//! A share is only where the domain is offered, its data may reside, and the group reaches; and so
//! is every site of a failover list, which nobody asks again before it is followed.

use weir_model::{id::SiteOrd, plan::Plan};

use super::{Context, Violation, slot_name};

pub(super) fn check(plan: &Plan, context: &Context<'_>, slots: &[usize]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for &slot in slots {
        let assignment = &plan.assignments[slot];
        let shares = assignment.shares.iter().map(|share| ("is on", share.site));
        let prepared = assignment.failover.iter().map(|site| ("would fail over to", *site));
        for (verb, site) in shares.chain(prepared) {
            if let Some(wrong) = wrong(context, slot, site) {
                let site = &context.estate.sites[site.index()].id;
                let text = format!("{} {verb} {site}, {wrong}", slot_name(context, slot));
                violations.push(Violation { rule: "placement", text });
            }
        }
    }
    violations
}

/// Why a demand may not be served from `site`, whatever the state of things.
pub(super) fn wrong(context: &Context<'_>, slot: usize, site: SiteOrd) -> Option<&'static str> {
    let estate = context.estate;
    let domain = &estate.domains[slot % estate.domains.len()];
    let group = &estate.groups[slot / estate.domains.len()];
    let place = &estate.sites[site.index()];
    let resides = |zone: &String| place.residency.as_ref() == Some(zone);
    if domain.sites.binary_search(&site).is_err() {
        Some("which does not offer the domain")
    } else if !domain.residency.is_empty() && !domain.residency.iter().any(resides) {
        Some("outside the domain's residency zones")
    } else if estate.providers[place.provider.index()].restricted {
        Some("whose provider is restricted")
    } else if !group.latency.contains_key(&site) {
        Some("which the group does not reach")
    } else {
        None
    }
}
