//! No plan moves more users voluntarily than `max_shift`, and none at all during a freeze. Moves
//! off sites that died, and back from them, are not voluntary.

use weir_model::plan::Plan;

use super::{Context, Violation, is_emergency};
use crate::ramp;

/// Rounding to millionths.
const TOLERANCE: f64 = 1e-5;

pub(super) fn check(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let Some(previous) = context.previous else { return Vec::new() };
    if is_emergency(plan) || previous.out_of_service != plan.out_of_service {
        return Vec::new();
    }
    let moved = ramp::distance(&previous.assignments, &plan.assignments, context.demand);
    let mut violations = Vec::new();
    if moved > context.guards.max_shift + TOLERANCE {
        let text =
            format!("moves {:.1} % of all demand, at most {:.1} %", moved * 100.0, context.guards.max_shift * 100.0);
        violations.push(Violation { rule: "max_shift", text });
    }
    if let Some(freeze) = context.guards.frozen(context.now).filter(|_| moved > TOLERANCE) {
        let text = format!("moves {:.1} % of all demand during a freeze ({})", moved * 100.0, freeze.reason);
        violations.push(Violation { rule: "freeze", text });
    }
    violations
}
