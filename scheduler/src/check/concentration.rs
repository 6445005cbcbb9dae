//! No more of a demand on one site than its domain allows, as far as other sites could take it.

use weir_model::{
    id::{DomainOrd, SiteOrd},
    plan::{Plan, SHARE_UNIT},
};

use super::{Context, Violation, is_emergency, placement, slot_name};

/// Rounding to millionths.
const TOLERANCE: f64 = 1e-5;

pub(super) fn check(plan: &Plan, context: &Context<'_>, slots: &[usize]) -> Vec<Violation> {
    // Away from the dead at once, over the limit where need be: the next plan spreads again.
    if is_emergency(plan) {
        return Vec::new();
    }
    let estate = context.estate;
    let mut violations = Vec::new();
    for &slot in slots {
        let wanted = estate.domains[slot % estate.domains.len()].site_share_max;
        let assignment = &plan.assignments[slot];
        // A demand of next to nothing harms nobody wherever it is, and is placed only so that its
        // first request has an answer.
        if context.demand[slot] <= 1.0 || assignment.shares != context.base[slot].shares {
            continue;
        }
        for share in &assignment.shares {
            let part = f64::from(share.weight) / f64::from(SHARE_UNIT);
            if part <= wanted + TOLERANCE {
                continue;
            }
            let limit = wanted.max(1.0 / able(plan, context, slot).max(1) as f64);
            if part > limit + TOLERANCE {
                let site = &estate.sites[share.site.index()].id;
                let text = format!("{}: {part:.3} on {site}, at most {limit:.3}", slot_name(context, slot));
                violations.push(Violation { rule: "concentration", text });
            }
        }
    }
    violations
}

/// How many sites can serve a demand: they may, an edge of theirs is in service and has a route.
/// With no route anywhere, caches still answer: then routes rule nobody out.
fn able(plan: &Plan, context: &Context<'_>, slot: usize) -> usize {
    let domain = DomainOrd::of(slot % context.estate.domains.len());
    let serving = |site: SiteOrd| {
        let edges = plan.directory.sites[site.index()].edges.iter().copied();
        edges.filter(|edge| !context.out_of_service.contains(edge))
    };
    let routed = |site: SiteOrd| {
        serving(site).any(|edge| plan.routes_of(edge, domain).is_some_and(|routes| !routes.routes.is_empty()))
    };
    let may = |site: &SiteOrd| placement::wrong(context, slot, *site).is_none() && serving(*site).next().is_some();
    let sites: Vec<SiteOrd> = context.estate.edge_sites().filter(may).collect();
    match sites.iter().filter(|site| routed(**site)).count() {
        0 => sites.len(),
        routed => routed,
    }
}
