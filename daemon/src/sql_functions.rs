//! Functions that SQL has from outside the engine, because they ask the scheduler's state.

use std::sync::Arc;

use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{ScalarValue, plan_err},
    error::DataFusionError,
    logical_expr::Expr,
};
use tokio::sync::watch;
use weir_model::{
    amount::Amount,
    id::{DomainOrd, NodeOrd},
    plan::{AssignmentReport, Verdict},
};

use crate::{
    control::Known,
    infra::{amounts, floats, memory, table, text},
};

/// `SELECT * FROM explain_assignment('group', 'domain')`: every site looked at by the plan in
/// force, and what became of it.
#[derive(Debug)]
pub(crate) struct ExplainAssignment {
    pub(crate) known: watch::Receiver<Known>,
}

/// `SELECT * FROM best_route('edge', 'domain')`: the plan's routes, best first.
#[derive(Debug)]
pub(crate) struct BestRoute {
    pub(crate) known: watch::Receiver<Known>,
}

/// The two texts a function was called with.
fn two_texts(function: &str, arguments: &[Expr]) -> Result<(String, String), DataFusionError> {
    let text = |argument: &Expr| match argument {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text.clone()),
        _ => None,
    };
    match arguments {
        [first, second] => match (text(first), text(second)) {
            (Some(first), Some(second)) => Ok((first, second)),
            _ => plan_err!("{function} takes two texts in quotes"),
        },
        _ => plan_err!("{function} takes two texts in quotes"),
    }
}

impl TableFunctionImpl for ExplainAssignment {
    fn call_with_args(&self, arguments: TableFunctionArgs) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let (group, domain) = two_texts("explain_assignment(client_group, domain)", arguments.exprs())?;
        let known = self.known.borrow().clone();
        let Some(group_ord) = known.estate.group_ord(&group) else {
            return plan_err!("there is no client group `{group}`");
        };
        let Some(domain_ord) = known.estate.domain_ord(&domain) else {
            return plan_err!("there is no domain `{domain}`");
        };
        // A report is of the estate there is: the controller drops it when that changes.
        let Some(report) = &known.report else {
            return plan_err!("no plan was made yet of the estate as it is: ask again in a moment");
        };
        let of_pair = |assignment: &&AssignmentReport| assignment.group == group_ord && assignment.domain == domain_ord;
        let candidates = report.assignments.iter().find(of_pair).map(|a| a.candidates.clone()).unwrap_or_default();
        let share = |verdict: &Verdict| if let Verdict::Chosen(share) = verdict { *share } else { 0.0 };
        memory(table([
            ("site", text(candidates.iter().map(|c| known.estate.sites[c.site.index()].id.as_str()))),
            ("verdict", text(candidates.iter().map(|c| c.verdict.as_str()))),
            ("share", floats(candidates.iter().map(|c| Some(share(&c.verdict))))),
            ("latency_ms", floats(candidates.iter().map(|c| c.latency.map(|latency| latency.0)))),
            ("marginal_cost", amounts(candidates.iter().map(|c| c.marginal_cost.and_then(Amount::of_float)))?),
        ])?)
    }
}

impl TableFunctionImpl for BestRoute {
    fn call_with_args(&self, arguments: TableFunctionArgs) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let (edge, domain) = two_texts("best_route(edge, domain)", arguments.exprs())?;
        let known = self.known.borrow().clone();
        let Some(plan) = &known.plan else { return plan_err!("there is no plan yet") };
        // What the plan speaks of: the estate may have changed since it was made.
        let directory = &plan.directory;
        let Some(edge_ord) = directory.nodes.iter().position(|node| node.id.as_str() == edge).map(NodeOrd::of) else {
            return plan_err!("there is no node `{edge}` in plan {}", plan.number);
        };
        let place = directory.domains.iter().position(|known| known.id.as_str() == domain);
        let Some(domain_ord) = place.map(DomainOrd::of) else {
            return plan_err!("there is no domain `{domain}` in plan {}", plan.number);
        };
        let Some(routes) = plan.routes_of(edge_ord, domain_ord) else { return plan_err!("`{edge}` is no edge") };
        let path = |route: &weir_model::plan::Route| {
            let names: Vec<&str> = route.path.iter().map(|node| directory.nodes[node.index()].id.as_str()).collect();
            names.join(" > ")
        };
        memory(table([
            ("position", floats((0..routes.routes.len()).map(|at| Some(at as f64 + 1.0)))),
            ("path", text(routes.routes.iter().map(path))),
        ])?)
    }
}
