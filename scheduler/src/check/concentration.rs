//! No more of a demand on one site than its domain allows, as far as other sites could take it.

use weir_model::plan::{Plan, SHARE_UNIT};

use super::{Context, Violation, is_emergency, slot_name};

/// Rounding to millionths.
const TOLERANCE: f64 = 1e-5;

pub(super) fn check(plan: &Plan, context: &Context<'_>, slots: &[usize]) -> Vec<Violation> {
    // Away from the dead at once, over the limit where need be: the next plan spreads again.
    if is_emergency(plan) || !context.failover.moved.is_empty() {
        return Vec::new();
    }
    let estate = context.estate;
    let mut violations = Vec::new();
    for &slot in slots {
        let domain = &estate.domains[slot % estate.domains.len()];
        let assignment = &plan.assignments[slot];
        let limit = domain.site_share_max.max(1.0 / assignment.failover.len().max(1) as f64);
        for share in &assignment.shares {
            let part = f64::from(share.weight) / f64::from(SHARE_UNIT);
            // A demand of next to nothing harms nobody wherever it is, and is placed only so that
            // its first request has an answer.
            if part > limit + TOLERANCE && context.demand[slot] > 1.0 {
                let site = &estate.sites[share.site.index()].id;
                let text = format!("{}: {part:.3} on {site}, at most {limit:.3}", slot_name(context, slot));
                violations.push(Violation { rule: "concentration", text });
            }
        }
    }
    violations
}
