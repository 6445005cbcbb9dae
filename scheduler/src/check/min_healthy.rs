//! The panic rule: when too many edges look dead, the measurement is what is broken.

use weir_model::{estate::Role, plan::Plan};

use super::{Context, Violation};

pub(super) fn check(_: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let is_edge = |node: &weir_model::estate::Node| node.role == Role::Edge;
    let total = context.estate.nodes.iter().filter(|node| is_edge(node)).count();
    let out = context.out_of_service.iter().filter(|node| is_edge(&context.estate.nodes[node.index()])).count();
    if context.guards.allows_out(out, total) {
        return Vec::new();
    }
    let least = context.guards.min_healthy * 100.0;
    let text = format!("{out} of {total} edges would be out of service, at least {least:.0} % must stay");
    vec![Violation { rule: "min_healthy", text }]
}
