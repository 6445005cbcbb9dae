//! The slow loop: state a problem, take its solution back, ramp towards it.

use std::{sync::Arc, time::Duration};

use weir_model::{
    plan::{Assignment, Plan, Reason},
    time::{Mono, Now},
};

use super::{Base, Command, Controller, Timer};
use crate::{planner, problem::Solution, ramp, solve::SolveError};

/// How long the slow loop waits after a change for others to join it: the findings of one cause
/// (a dead provider) arrive within a probe interval of each other.
const GATHER: Duration = Duration::from_millis(500);
/// Part of a site's capacity above which users are moved off it whatever that costs.
const FULL: f64 = 0.98;
/// Load below which a site that should have none is left alone, in Mbit/s: floors of demands that
/// nobody has asked for yet add up to less.
const NOISE_MBPS: f64 = 1e-3;

impl Controller {
    /// Plans again soon, whatever the interval says.
    pub(super) fn plan_soon(&mut self, now: Now) {
        self.plan_by(now.mono + GATHER);
    }

    /// Plans at `at`, or as soon as it may.
    pub(super) fn plan_by(&mut self, at: Mono) {
        self.timers.set_at_latest(Timer::Plan, at.max(self.plan_from));
    }

    /// States the problem of the world as it is and hands it out, unless one is out already.
    pub(super) fn state_problem(&mut self, now: Now) {
        self.timers.set(Timer::Plan, now.mono + self.policy.plan_every);
        if self.solving.is_some() {
            return;
        }
        self.problems += 1;
        let number = self.problems;
        let out = self.out_of_service();
        let stated = self.with_world(&out, |world| planner::state(world, &self.policy, number));
        self.command(Command::Solve(stated.problem.clone()));
        self.solving = Some(stated);
    }

    /// A solution came back. It is dropped when its problem is no longer the one asked for.
    pub fn handle_solution(&mut self, solution: &Solution, now: Now) {
        let Some(stated) = self.solving.take_if(|stated| stated.problem.number == solution.number) else { return };
        let out = self.out_of_service();
        let draft = self.with_world(&out, |world| planner::draft(world, &self.policy, stated, solution));
        let target =
            Base { assignments: draft.assignments, routes: draft.routes, report: Some(Arc::new(draft.report)) };
        let Some(plan) = self.comparable_plan() else {
            self.adopt(target, Reason::Planned, now);
            return;
        };
        if !self.is_worth_moving(&plan.assignments, &target.assignments) {
            // Routes and failover lists follow the measured world all the same; users stay.
            self.refresh(target, now);
            return;
        }
        self.target = Some(target);
        self.ramp(now);
    }

    /// The solver failed: what is in force stays, and the next interval tries again.
    pub fn handle_solve_error(&mut self, error: &SolveError, now: Now) {
        self.solving = None;
        let violations = vec![crate::check::Violation { rule: "solver", text: error.to_string() }];
        self.refuse("plan", violations, now);
    }

    /// The plan in force, as long as its ordinals mean what the estate's do.
    fn comparable_plan(&self) -> Option<Arc<Plan>> {
        self.in_force.clone().filter(|plan| plan.directory == self.directory)
    }

    /// Whether the move between two sets of assignments pays for disturbing users.
    fn is_worth_moving(&self, from: &[Arc<Assignment>], to: &[Arc<Assignment>]) -> bool {
        let distance = ramp::distance(from, to, &self.demand);
        if distance == 0.0 {
            return false;
        }
        let out = self.out_of_service();
        let capacity = crate::failover::serving_capacity(&self.estate, &out);
        let loads = planner::loads(capacity.len(), from, &self.demand);
        // What is left on the dead or the overfull must go, whatever it saves.
        let overfull = |(load, room): (&f64, &Option<f64>)| *load > room.unwrap_or(0.0) * FULL + NOISE_MBPS;
        let must_move = loads.iter().zip(&capacity).any(overfull);
        let (before, after) = self.with_world(&out, |world| {
            let worth = |assignments| planner::worth(world, &self.policy, assignments);
            (worth(from), worth(to))
        });
        let saving = (before - after) / before.abs().max(f64::MIN_POSITIVE);
        must_move || distance >= self.policy.move_min && saving >= self.policy.saving_min
    }

    /// Takes the next step of the ramp.
    pub(super) fn ramp(&mut self, now: Now) {
        let (Some(target), Some(plan)) = (self.target.clone(), self.comparable_plan()) else { return };
        if let Some(freeze) = self.policy.guards.frozen(now.wall) {
            let wait = freeze.until.since(now.wall);
            self.timers.set(Timer::Ramp, now.mono + wait);
            return;
        }
        let step = ramp::step(&plan.assignments, &target.assignments, &self.demand, self.policy.guards.max_shift);
        let reason = if step.is_last { Reason::Planned } else { Reason::Ramp };
        if step.is_last {
            self.target = None;
        } else {
            self.timers.set(Timer::Ramp, now.mono + self.policy.ramp_every);
        }
        let next = Base { assignments: step.assignments, routes: target.routes, report: target.report };
        self.adopt(next, reason, now);
    }

    /// Takes over the routes, failover lists and report of `target`; users stay where they are.
    fn refresh(&mut self, target: Base, now: Now) {
        let Some(plan) = self.comparable_plan() else { return };
        let keep = |(kept, fresh): (&Arc<Assignment>, &Arc<Assignment>)| {
            let shares = kept.shares.clone();
            Arc::new(Assignment { shares, failover: fresh.failover.clone() })
        };
        let assignments = plan.assignments.iter().zip(&target.assignments).map(keep).collect();
        self.adopt(Base { assignments, routes: target.routes, report: target.report }, Reason::Planned, now);
    }
}
