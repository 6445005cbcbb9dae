//! No site is given more than its edges in service can serve, but for what the planner told it
//! found no room for, and for users of dead sites when no survivor has room.

use std::collections::BTreeSet;

use weir_model::{
    estate::Role,
    id::SiteOrd,
    plan::{Plan, SHARE_UNIT},
};

use super::{Context, Violation, is_emergency, slot_name};
use crate::{failover::serving_capacity, planner::loads};

/// Rounding to millionths, on a full site.
const TOLERANCE: f64 = 1e-4;

pub(super) fn check(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let estate = context.estate;
    let capacity = serving_capacity(estate, context.out_of_service);
    let sites = estate.sites.len();
    let placed = loads(sites, &plan.assignments, context.demand);
    let served: Vec<f64> = context.demand.iter().zip(context.unserved).map(|(all, missed)| all - missed).collect();
    let served = loads(sites, &plan.assignments, &served);
    // Demand outgrows plans in force: one that takes load off a full site is no worse for leaving some.
    let load_of = |assignments: &[_]| loads(sites, assignments, context.demand);
    let before = context.previous.map(|previous| load_of(&previous.assignments));
    let meant = is_emergency(plan).then(|| load_of(context.base));
    let eases = |site: usize| [&before, &meant].into_iter().flatten().any(|loads| placed[site] <= loads[site]);
    let room =
        |site: SiteOrd| capacity[site.index()].map_or(0.0, |room| room * (1.0 - TOLERANCE) - placed[site.index()]);
    let refugees = Refugees::of(plan, context);
    let mut violations = Vec::new();
    for (index, load) in served.into_iter().enumerate() {
        let Some(capacity) = capacity[index] else { continue };
        if load <= capacity * (1.0 + TOLERANCE) || eases(index) {
            continue;
        }
        let id = &estate.sites[index].id;
        let text = if load - refugees.mbps[index] > capacity * (1.0 + TOLERANCE) {
            format!("{id} is given {load:.1} Mbit/s and can serve {capacity:.1}")
        } else if let Some((slot, site)) = refugees.better_home(plan, index, room) {
            let (name, better) = (slot_name(context, slot), &estate.sites[site.index()].id);
            format!("{id} is given {load:.1} Mbit/s and can serve {capacity:.1}: {name} has room on {better}")
        } else {
            continue;
        };
        violations.push(Violation { rule: "capacity", text });
    }
    violations
}

/// Who was moved off sites that lost edges, and where to.
struct Refugees {
    /// Per site: Mbit/s they brought.
    mbps: Vec<f64>,
    /// Their slots, with a site each came to.
    arrivals: Vec<(usize, SiteOrd)>,
}

impl Refugees {
    fn of(plan: &Plan, context: &Context<'_>) -> Self {
        let mut refugees = Self { mbps: vec![0.0; context.estate.sites.len()], arrivals: Vec::new() };
        let edges = context.out_of_service.iter().map(|node| &context.estate.nodes[node.index()]);
        let hurt: BTreeSet<SiteOrd> = edges.filter(|node| node.role == Role::Edge).map(|node| node.site).collect();
        for (slot, (meant, given)) in context.base.iter().zip(&plan.assignments).enumerate() {
            if !meant.shares.iter().any(|share| hurt.contains(&share.site)) {
                continue;
            }
            for share in &given.shares {
                let more = share.weight.saturating_sub(meant.weight_of(share.site));
                if more > 0 {
                    refugees.mbps[share.site.index()] += context.demand[slot] * f64::from(more) / f64::from(SHARE_UNIT);
                    refugees.arrivals.push((slot, share.site));
                }
            }
        }
        refugees
    }

    /// A demand that was moved to the full `site` although another of its failover list has room.
    fn better_home(&self, plan: &Plan, site: usize, room: impl Fn(SiteOrd) -> f64) -> Option<(usize, SiteOrd)> {
        let came = self.arrivals.iter().filter(|(_, to)| to.index() == site);
        let better = |slot: usize| plan.assignments[slot].failover.iter().copied().find(|other| room(*other) > 0.0);
        came.filter_map(|(slot, _)| Some((*slot, better(*slot)?))).next()
    }
}
