//! No site is given more than its edges in service can serve. In a failover a site may be
//! overloaded when the derivation says so: it had no other refuge.

use weir_model::plan::Plan;

use super::{Context, Violation};
use crate::{failover::serving_capacity, planner::loads};

/// Rounding to millionths, on a full site.
const TOLERANCE: f64 = 1e-4;

pub(super) fn check(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let estate = context.estate;
    let capacity = serving_capacity(estate, context.out_of_service);
    let before = context.previous.map(|previous| loads(estate.sites.len(), &previous.assignments, context.demand));
    let mut violations = Vec::new();
    for (index, load) in loads(estate.sites.len(), &plan.assignments, context.demand).into_iter().enumerate() {
        let Some(capacity) = capacity[index] else { continue };
        let excused = context.failover.overloaded.iter().any(|(site, _)| site.index() == index);
        // Demand outgrows plans in force: one that takes load off a full site is no worse for
        // leaving some.
        let eases = before.as_ref().is_some_and(|before| load <= before[index]);
        if load > capacity * (1.0 + TOLERANCE) && !excused && !eases {
            let text = format!("{} is given {load:.1} Mbit/s and can serve {capacity:.1}", estate.sites[index].id);
            violations.push(Violation { rule: "capacity", text });
        }
    }
    violations
}
