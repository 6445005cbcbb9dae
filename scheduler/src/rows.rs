//! Events as rows: if SQL cannot answer "why did this group move to that site", it is a defect.

use std::sync::Arc;

use weir_model::{
    amount::Amount,
    finding::Finding,
    observation::{Labels, Row, Rows, TableName, merge},
    plan::{Plan, PlanReport, Reason, SHARE_UNIT},
};

use crate::{check::Violation, controller::Event, failover::FailoverReport};

/// The rows of one event.
pub fn of(event: &Event) -> Vec<Rows> {
    match event {
        Event::Finding(finding) => vec![self::finding(finding)],
        Event::Published { plan, report, failover } => published(plan, report.as_deref(), failover),
        Event::Refused { reason, violations, now } => refused(reason, violations, now.wall.0),
    }
}

/// A row of `ops.findings`.
fn finding(finding: &Finding) -> Rows {
    let labels = Labels::new([("subject", finding.subject.as_str()), ("id", finding.id.as_str())]);
    Row::new(TableName::new("ops", "findings"), finding.at.0, labels)
        .i64("number", as_i64(finding.number))
        .text("kind", finding.kind.as_str())
        .text("text", finding.text.as_str())
        .into_rows()
}

fn refused(reason: &str, violations: &[Violation], time: i64) -> Vec<Rows> {
    let row = |violation: &Violation| {
        let labels = Labels::new([("rule", violation.rule), ("reason", reason)]);
        Row::new(TableName::new("plan", "refusals"), time, labels).text("text", violation.text.as_str()).into_rows()
    };
    merge(violations.iter().map(row))
}

fn published(plan: &Plan, report: Option<&PlanReport>, failover: &FailoverReport) -> Vec<Rows> {
    let mut rows = vec![decision(plan, report, failover)];
    rows.extend(assignments(plan));
    rows.extend(failover_lists(plan));
    rows.extend(routes(plan));
    rows.extend(report.into_iter().flat_map(|report| candidates(plan, report)));
    rows.extend(report.into_iter().flat_map(|report| unserved(plan, report)));
    merge(rows)
}

/// A row of `plan.plans`: the decision itself.
fn decision(plan: &Plan, report: Option<&PlanReport>, failover: &FailoverReport) -> Rows {
    let out: Vec<&str> =
        plan.out_of_service.iter().map(|node| plan.directory.nodes[node.index()].id.as_str()).collect();
    let findings = match &plan.reason {
        Reason::Failover(findings) => findings.iter().map(u64::to_string).collect::<Vec<_>>().join(","),
        _ => String::new(),
    };
    let mut row = plan_row("plans", plan, Labels::default())
        .text("reason", plan.reason.as_str())
        .text("parent", plan.parent.map_or(String::new(), |parent| parent.to_string()))
        .text("findings", findings)
        .text("out_of_service", out.join(","))
        .i64("split_pairs", as_i64(plan.split_pairs() as u64))
        .i64("moved", as_i64(failover.moved.len() as u64))
        .f64("moved_mbps", failover.moved_mbps)
        .i64("overloaded", as_i64(failover.overloaded.len() as u64))
        .i64("stranded", as_i64(failover.stranded.len() as u64));
    if let Some(report) = report {
        row = row.amount("objective", Amount::of_float(report.objective)).amount("cost", Amount::of_float(report.cost));
    }
    row.into_rows()
}

/// Rows of `plan.assignments`: one per group, domain and site with a share.
fn assignments(plan: &Plan) -> Vec<Rows> {
    let slots = slots(plan).flat_map(|(slot, group, domain)| {
        plan.assignments[slot].shares.iter().map(move |share| (group, domain, share))
    });
    let row = |(group, domain, share): (&str, &str, &weir_model::plan::Share)| {
        let site = plan.directory.sites[share.site.index()].id.as_str();
        let labels = Labels::new([("client_group", group), ("domain", domain), ("site", site)]);
        plan_row("assignments", plan, labels).f64("share", f64::from(share.weight) / f64::from(SHARE_UNIT)).into_rows()
    };
    merge(slots.map(row))
}

/// Rows of `plan.failover_lists`: one per group, domain and prepared site, `position` from 1.
fn failover_lists(plan: &Plan) -> Vec<Rows> {
    let slots = slots(plan).flat_map(|(slot, group, domain)| {
        plan.assignments[slot].failover.iter().enumerate().map(move |(at, site)| (group, domain, at, *site))
    });
    let row = |(group, domain, at, site): (&str, &str, usize, weir_model::id::SiteOrd)| {
        let site = plan.directory.sites[site.index()].id.as_str();
        let labels = Labels::new([("client_group", group), ("domain", domain), ("site", site)]);
        plan_row("failover_lists", plan, labels).i64("position", as_i64(at as u64 + 1)).into_rows()
    };
    merge(slots.map(row))
}

/// Rows of `plan.routes`: one per edge, domain and prepared route, `position` from 1.
fn routes(plan: &Plan) -> Vec<Rows> {
    let directory = &plan.directory;
    let edges = directory.nodes.iter().filter(|node| node.edge).enumerate();
    let lists = edges.flat_map(|(row, edge)| {
        directory.domains.iter().enumerate().map(move |(d, domain)| {
            (edge.id.as_str(), domain.id.as_str(), &plan.routes[row * directory.domains.len() + d])
        })
    });
    let rows = lists.flat_map(|(edge, domain, routes)| {
        routes.routes.iter().enumerate().map(move |(at, route)| {
            let path: Vec<&str> = route.path.iter().map(|node| directory.nodes[node.index()].id.as_str()).collect();
            let labels = Labels::new([("edge", edge), ("domain", domain), ("path", path.join(" > ").as_str())]);
            plan_row("routes", plan, labels).i64("position", as_i64(at as u64 + 1)).into_rows()
        })
    });
    merge(rows)
}

/// Rows of `plan.reports`: one per group, domain and candidate site.
fn candidates(plan: &Plan, report: &PlanReport) -> Vec<Rows> {
    let directory = &plan.directory;
    let rows = report.assignments.iter().flat_map(|assignment| {
        assignment.candidates.iter().map(move |candidate| {
            let labels = Labels::new([
                ("client_group", directory.groups[assignment.group.index()].id.as_str()),
                ("domain", directory.domains[assignment.domain.index()].id.as_str()),
                ("site", directory.sites[candidate.site.index()].id.as_str()),
            ]);
            let share = if let weir_model::plan::Verdict::Chosen(share) = candidate.verdict { share } else { 0.0 };
            plan_row("reports", plan, labels)
                .f64("demand_bps", assignment.demand.0)
                .text("verdict", candidate.verdict.as_str())
                .f64("share", share)
                .f64("latency_ms", candidate.latency.map_or(f64::NAN, |latency| latency.0))
                .amount("marginal_cost", candidate.marginal_cost.and_then(Amount::of_float))
                .into_rows()
        })
    });
    merge(rows)
}

/// Rows of `plan.unserved`.
fn unserved(plan: &Plan, report: &PlanReport) -> Vec<Rows> {
    let directory = &plan.directory;
    let row = |unserved: &weir_model::plan::Unserved| {
        let labels = Labels::new([
            ("client_group", directory.groups[unserved.group.index()].id.as_str()),
            ("domain", directory.domains[unserved.domain.index()].id.as_str()),
        ]);
        plan_row("unserved", plan, labels).f64("bps", unserved.demand.0).text("why", unserved.why.as_str()).into_rows()
    };
    merge(report.unserved.iter().map(row))
}

fn slots(plan: &Plan) -> impl Iterator<Item = (usize, &str, &str)> {
    let directory: &Arc<_> = &plan.directory;
    let domains = directory.domains.len();
    (0..plan.assignments.len()).map(move |slot| {
        (slot, directory.groups[slot / domains].id.as_str(), directory.domains[slot % domains].id.as_str())
    })
}

/// A row dated by the plan and naming it: `plan` is `epoch.generation`.
fn plan_row(table: &str, plan: &Plan, labels: Labels) -> Row {
    Row::new(TableName::new("plan", table), plan.made_at.0, labels)
        .text("plan", plan.number.to_string())
        .i64("epoch", as_i64(plan.number.epoch))
        .i64("generation", as_i64(plan.number.generation))
}

fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
