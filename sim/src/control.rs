//! The shell of the real controller: solves on the spot, and hands plans to the executors, who
//! answer by them a little later.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use weir_model::{
    estate::Estate,
    health::{Health, Target},
    id::{DomainOrd, GroupOrd},
    plan::{Plan, Reason},
    time::{Mono, Now},
    unit::Bps,
};
use weir_scheduler::{
    controller::{Command, Controller, Event},
    policy::Policy,
    ramp, solve,
};

/// What the controller did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ControlTally {
    /// Problems solved.
    pub solves: u64,
    /// Simplex iterations of all of them.
    pub iterations: u64,
    /// Problems that could not be solved.
    pub solve_errors: u64,
    /// Plans of the slow loop.
    pub planned: u64,
    /// Steps of ramps.
    pub ramps: u64,
    /// Plans derived because something died or came back.
    pub failovers: u64,
    /// Plans that the checker refused.
    pub refused: u64,
    /// Conclusions.
    pub findings: u64,
    /// Demand that plans moved from site to site, in Mbit/s, summed over plans.
    pub moved_mbps: f64,
}

/// The controller, its executors, and what lies between them.
#[derive(Debug)]
pub(crate) struct Control {
    controller: Controller,
    policy: Policy,
    epoch: u64,
    delay: Duration,
    /// Plans on their way to the executors, with the time they were made.
    under_way: VecDeque<(Mono, Arc<Plan>)>,
    /// The last plan published, by this controller or the one before.
    published: Option<Arc<Plan>>,
    tally: ControlTally,
}

impl Control {
    /// A controller that begins at `now`, knowing nothing.
    pub(crate) fn new(estate: Arc<Estate>, policy: &Policy, delay: Duration, now: Now) -> Self {
        Self {
            controller: Controller::new(estate, policy.clone(), 1, now),
            policy: policy.clone(),
            epoch: 1,
            delay,
            under_way: VecDeque::new(),
            published: None,
            tally: ControlTally::default(),
        }
    }

    /// What it did so far.
    pub(crate) fn tally(&self) -> &ControlTally {
        &self.tally
    }

    /// Another takes over at once: the next epoch, knowing nothing but the estate and the plan that
    /// executors hold.
    pub(crate) fn restart(&mut self, now: Now) {
        self.epoch += 1;
        let estate = Arc::clone(self.controller.estate());
        self.controller = Controller::new(estate, self.policy.clone(), self.epoch, now);
        if let Some(held) = &self.published {
            self.controller.resume(held, now);
        }
        self.follow_up(now);
    }

    /// The quorum changed its mind.
    pub(crate) fn hear(&mut self, target: &Target, health: Health, text: &str, now: Now) {
        self.controller.handle_health(target, health, text, now);
        self.follow_up(now);
    }

    /// Edges measured demand.
    pub(crate) fn measure(&mut self, demand: &[(GroupOrd, DomainOrd, Bps)], now: Now) {
        self.controller.handle_demand(demand, now);
        self.follow_up(now);
    }

    /// Prices changed.
    pub(crate) fn reprice(&mut self, estate: Arc<Estate>, now: Now) {
        self.controller.handle_estate(estate, now);
        self.follow_up(now);
    }

    /// When the controller or an executor has something to do next.
    pub(crate) fn next(&self) -> Option<Mono> {
        let arrives = self.under_way.front().map(|(made, _)| *made + self.delay);
        let due = self.controller.poll_timeout().map(|(due, _)| due);
        [arrives, due].into_iter().flatten().min()
    }

    /// Lets the controller do what is due at `now`.
    pub(crate) fn wake(&mut self, now: Now) {
        if self.controller.poll_timeout().is_some_and(|(due, _)| due <= now.mono) {
            self.controller.handle_timeout(now);
            self.follow_up(now);
        }
    }

    /// A plan that has reached the executors by `now`, and when it was made.
    pub(crate) fn arrived(&mut self, now: Mono) -> Option<(Mono, Arc<Plan>)> {
        self.under_way.pop_front_if(|(made, _)| *made + self.delay <= now)
    }

    /// The first plan: it has been in force for long when a run begins.
    pub(crate) fn first_plan(&mut self) -> Option<Arc<Plan>> {
        self.under_way.drain(..).next_back().map(|(_, plan)| plan)
    }

    fn follow_up(&mut self, now: Now) {
        while let Some(command) = self.controller.poll_command() {
            match command {
                Command::Publish(plan) => self.publish(plan, now),
                Command::Solve(problem) => match solve::solve(&problem) {
                    Ok(solution) => {
                        self.tally.solves += 1;
                        self.tally.iterations += solution.iterations;
                        self.controller.handle_solution(&solution, now);
                    }
                    Err(error) => {
                        self.tally.solve_errors += 1;
                        self.controller.handle_solve_error(&error, now);
                    }
                },
            }
        }
        while let Some(event) = self.controller.poll_event() {
            match event {
                Event::Finding(_) => self.tally.findings += 1,
                Event::Refused { .. } => self.tally.refused += 1,
                // Counted when it was handed out.
                Event::Published { .. } => {}
            }
        }
    }

    fn publish(&mut self, plan: Arc<Plan>, now: Now) {
        match plan.reason {
            Reason::Planned | Reason::Operator(_) => self.tally.planned += 1,
            Reason::Ramp => self.tally.ramps += 1,
            Reason::Failover(_) => self.tally.failovers += 1,
        }
        if let Some(before) = &self.published {
            let demand = self.controller.demand();
            let moved = ramp::distance(&before.assignments, &plan.assignments, demand);
            self.tally.moved_mbps += moved * demand.iter().sum::<f64>();
        }
        self.published = Some(Arc::clone(&plan));
        self.under_way.push_back((now.mono, plan));
    }
}
