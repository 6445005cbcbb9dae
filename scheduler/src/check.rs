//! The plan checker: validates every plan before it leaves the house, knowing nothing of how it
//! was made. One rule a file.

mod capacity;
mod completeness;
mod concentration;
mod health;
mod min_healthy;
mod placement;
mod shift;

use std::{collections::BTreeSet, sync::Arc};

use weir_model::{
    estate::Estate,
    id::NodeOrd,
    plan::{Assignment, Plan, Reason},
    time::UnixNanos,
};
use weir_rules::guard::Guards;

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// Who breaks it and how, with figures.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// What a plan is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What there is.
    pub estate: &'a Estate,
    /// What no plan may do.
    pub guards: &'a Guards,
    /// Nodes not to be used.
    pub out_of_service: &'a BTreeSet<NodeOrd>,
    /// What the plan is derived from: who would serve whom with everything in service.
    pub base: &'a [Arc<Assignment>],
    /// Mbit/s per slot.
    pub demand: &'a [f64],
    /// The plan in force; `None` before the first.
    pub previous: Option<&'a Plan>,
    /// Per slot: Mbit/s that the planner found no room for, and told so.
    pub unserved: &'a [f64],
    /// When it would come into force.
    pub now: UnixNanos,
}

/// Which slots are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// All.
    Whole,
    /// Those that differ from the plan in force, for a derived plan: that one has been checked.
    Changed,
}

impl Extent {
    fn slots(self, plan: &Plan, previous: Option<&Plan>) -> Vec<usize> {
        let all = 0..plan.assignments.len();
        match (self, previous) {
            (Self::Changed, Some(previous)) => {
                let differs = |slot: &usize| {
                    let (held, new) = (&previous.assignments[*slot], &plan.assignments[*slot]);
                    !Arc::ptr_eq(held, new) && held != new
                };
                all.filter(differs).collect()
            }
            _ => all.collect(),
        }
    }
}

/// Checks a plan. Empty: it may leave the house.
///
/// The order is that of the questions: is it a plan at all, may each share be where it is, do the
/// shares fit together, and may we go there from here.
pub fn check(plan: &Plan, context: &Context<'_>, extent: Extent) -> Vec<Violation> {
    let mut violations = completeness::check(plan, context);
    if !violations.is_empty() {
        return violations;
    }
    let slots = extent.slots(plan, context.previous);
    violations.extend(placement::check(plan, context, &slots));
    violations.extend(health::check(plan, context));
    violations.extend(concentration::check(plan, context, &slots));
    violations.extend(capacity::check(plan, context));
    violations.extend(min_healthy::check(plan, context));
    violations.extend(shift::check(plan, context));
    violations
}

/// Whether the plan moves users because it must, or because somebody said so.
fn is_emergency(plan: &Plan) -> bool {
    matches!(plan.reason, Reason::Failover(_) | Reason::Operator(_))
}

/// `group -> domain`, for messages.
fn slot_name(context: &Context<'_>, slot: usize) -> String {
    let domains = context.estate.domains.len();
    format!("{} -> {}", context.estate.groups[slot / domains].id, context.estate.domains[slot % domains].id)
}

#[cfg(test)]
mod tests;
