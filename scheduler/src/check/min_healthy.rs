//! The panic rule: when too many edges look dead, the measurement is what is broken, and no plan
//! takes out another one.

use weir_model::{estate::Role, id::NodeOrd, plan::Plan};

use super::{Context, Violation};

pub(super) fn check(_: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let is_edge = |node: &NodeOrd| context.estate.nodes[node.index()].role == Role::Edge;
    let total = context.estate.nodes.iter().filter(|node| node.role == Role::Edge).count();
    let out = context.out_of_service.iter().filter(|node| is_edge(node)).count();
    let is_held = |node: &NodeOrd| context.previous.is_some_and(|previous| !previous.in_service(*node));
    let takes_out_more = context.out_of_service.iter().any(|node| is_edge(node) && !is_held(node));
    if !takes_out_more || context.guards.allows_out(out, total) {
        return Vec::new();
    }
    let least = context.guards.min_healthy * 100.0;
    let text = format!("{out} of {total} edges would be out of service, at least {least:.0} % must stay");
    vec![Violation { rule: "min_healthy", text }]
}
