//! Deriving, checking and publishing: the one door through which plans leave the house.

use std::sync::Arc;

use weir_model::{
    finding::{FindingKind, Subject},
    plan::{Assignment, Plan, PlanNumber, Reason},
    time::Now,
};

use super::{Base, Command, Controller, Event};
use crate::{
    check::{self, Context, Extent, Violation},
    failover::{self, Derived},
};

impl Controller {
    /// Puts a new base in place and publishes what it means with what is out of service now. A
    /// plan that breaks a rule is refused, and the base stays as it was.
    pub(super) fn adopt(&mut self, base: Base, reason: Reason, now: Now) {
        if self.publish(&base, reason, now) {
            self.base = Some(base);
        } else {
            self.target = None;
        }
    }

    /// Derives, checks, numbers and hands out a plan, unless it says what the one in force says.
    /// Whether it is in force.
    pub(super) fn publish(&mut self, base: &Base, reason: Reason, now: Now) -> bool {
        let outage = self.outage();
        let start = failover::Base { assignments: &base.assignments, routes: &base.routes };
        let Derived { assignments, routes, report: failover } =
            failover::derive(&self.estate, start, &outage, &self.demand);
        let number = PlanNumber { epoch: self.epoch, generation: self.generation + 1 };
        let is_derived = matches!(reason, Reason::Failover(_) | Reason::Operator(_));
        let plan = Plan {
            number,
            parent: self.in_force.as_ref().map(|plan| plan.number),
            made_at: now.wall,
            reason,
            directory: Arc::clone(&self.directory),
            assignments,
            routes,
            out_of_service: outage.nodes.iter().copied().collect(),
        };
        if self.in_force.as_ref().is_some_and(|held| says_the_same(held, &plan)) {
            self.avoided = outage;
            return true;
        }
        let unserved = self.unserved(base);
        let context = Context {
            estate: &self.estate,
            guards: &self.policy.guards,
            out_of_service: &outage.nodes,
            base: &base.assignments,
            demand: &self.demand,
            previous: self.in_force.as_deref().filter(|plan| plan.directory == self.directory),
            unserved: &unserved,
            now: now.wall,
        };
        // The plan in force has been checked whole; a derived one differs from it in few slots.
        let extent = if is_derived { Extent::Changed } else { Extent::Whole };
        let violations = check::check(&plan, &context, extent);
        if !violations.is_empty() {
            self.refuse(plan.reason.as_str(), violations, now);
            return false;
        }
        let plan = Arc::new(plan);
        self.generation = number.generation;
        self.avoided = outage;
        self.in_force = Some(Arc::clone(&plan));
        self.command(Command::Publish(Arc::clone(&plan)));
        let report = base.report.clone().filter(|_| !is_derived);
        self.event(Event::Published { plan, report, failover });
        true
    }

    /// Per slot: Mbit/s for which the planner of `base` found no room.
    fn unserved(&self, base: &Base) -> Vec<f64> {
        let mut unserved = vec![0.0; self.demand.len()];
        for missed in base.report.iter().flat_map(|report| &report.unserved) {
            let slot = missed.group.index() * self.estate.domains.len() + missed.domain.index();
            unserved[slot] = missed.demand.mbps().min(self.demand[slot]);
        }
        unserved
    }

    /// Keeps what is in force and says why.
    pub(super) fn refuse(&mut self, reason: &'static str, violations: Vec<Violation>, now: Now) {
        let panics = violations.iter().any(|violation| violation.rule == "min_healthy");
        let kind = if panics { FindingKind::Panic } else { FindingKind::PlanRefused };
        let text = violations.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("; ");
        self.find(Subject::Plan, reason, kind, &text, now);
        self.event(Event::Refused { reason, violations, now });
    }
}

/// Whether executors would do the same under both plans.
fn says_the_same(held: &Plan, plan: &Plan) -> bool {
    let same_shares = |(held, new): (&Arc<Assignment>, &Arc<Assignment>)| held.shares == new.shares;
    held.directory == plan.directory
        && held.out_of_service == plan.out_of_service
        && held.routes == plan.routes
        && held.assignments.len() == plan.assignments.len()
        && held.assignments.iter().zip(&plan.assignments).all(same_shares)
}
