//! The controller's shell: waits, reads, hands over, applies. What to do is decided in
//! `weir-detect` (the quorum) and `weir-scheduler` (the controller).

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use weir_collector::{clock, stream::Heard};
use weir_detect::quorum::{Quorum, QuorumEvent, QuorumPolicy};
use weir_dispatch::plans::{Acknowledgement, Board};
use weir_model::{
    estate::Estate,
    finding::Finding,
    health::{Health, Target},
    id::{NodeId, NodeOrd},
    observation::{Labels, Row, TableName},
    plan::{Plan, PlanReport},
    time::{Mono, Now},
    unit::Millis,
};
use weir_scheduler::{
    controller::{Command, Controller, Event},
    policy::Policy,
    problem::Solution,
    rows,
    solve::{self, SolveError},
};

use crate::{parts::reason, records::Records, traffic::Demanded};

/// Announcements a slow listener may fall behind by: it is told that it missed some.
const BEHIND_MAX: usize = 4_096;
/// Inputs waiting for the controller: demand of a second, and a human's commands.
const INPUTS_MAX: usize = 1_024;

/// What the rest of the daemon tells the controller.
#[derive(Debug)]
pub(crate) enum Input {
    /// Traffic over the last interval.
    Demand(Demanded),
    /// A link was measured.
    Link(String, Option<Millis>, f64),
    /// The estate changed.
    Estate(Arc<Estate>),
    /// What is wanted changed.
    Policy(Box<Policy>),
    /// A node is drained by hand, or no longer.
    Drain(NodeId, bool),
    /// An executor acknowledged or refused a plan.
    Acknowledged(Acknowledgement),
    /// A detector beside the controller concluded something.
    Found(Finding),
}

/// What the controller tells the rest of the daemon.
#[derive(Clone, Debug)]
pub(crate) enum Announcement {
    /// What there is changed.
    Estate,
    /// A conclusion.
    Finding(Arc<Finding>, Mono),
    /// A plan came into force.
    Plan(Arc<Plan>),
    /// An executor applied or refused a plan.
    Acknowledged(Acknowledgement, Mono),
}

/// What is known of the controller from outside, replaced whole.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// What there is.
    pub(crate) estate: Arc<Estate>,
    /// The plan in force. Its ordinals are those of its directory: the estate may have changed since it was made.
    pub(crate) plan: Option<Arc<Plan>>,
    /// Why it is as it is.
    pub(crate) report: Option<Arc<PlanReport>>,
    /// Mbit/s per slot.
    pub(crate) demand: Vec<f64>,
    /// Per node: what the quorum thinks of it.
    pub(crate) nodes: Vec<Health>,
    /// Per link: what the quorum thinks of it.
    pub(crate) links: Vec<Health>,
    /// Commands and events that the controller dropped.
    pub(crate) dropped: u64,
}

impl Known {
    /// Nothing but the estate.
    fn of(estate: Arc<Estate>) -> Self {
        Self { estate, plan: None, report: None, demand: Vec::new(), nodes: Vec::new(), links: Vec::new(), dropped: 0 }
    }
}

/// Handle to the controller.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    inputs: mpsc::Sender<Input>,
    announcements: broadcast::Sender<Announcement>,
    known: watch::Receiver<Known>,
}

impl Control {
    /// Tells the controller something.
    pub(crate) async fn tell(&self, input: Input) {
        // The controller ended: the daemon is going down.
        drop(self.inputs.send(input).await);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }

    /// What is known now.
    pub(crate) fn known(&self) -> watch::Receiver<Known> {
        self.known.clone()
    }
}

/// Applies a plan in this process.
pub(crate) type Apply = Box<dyn Fn(&Arc<Plan>) + Send + Sync>;

/// What the controller needs.
pub(crate) struct ControlConfig {
    /// What there is.
    pub(crate) estate: Arc<Estate>,
    /// What is wanted.
    pub(crate) policy: Policy,
    /// How vantages form a verdict.
    pub(crate) quorum: QuorumPolicy,
    /// Above all epochs before.
    pub(crate) epoch: u64,
    /// The plan that executors answer from already.
    pub(crate) held: Option<Arc<Plan>>,
    /// Applies a plan in this process, at once.
    pub(crate) apply: Apply,
    /// For executors that run apart.
    pub(crate) board: Board,
    /// Where rows go.
    pub(crate) records: Records,
}

/// Starts the controller. It runs until its handle and `heard` are gone.
pub(crate) fn start(config: ControlConfig, heard: mpsc::Receiver<Heard>) -> anyhow::Result<(Control, JoinHandle<()>)> {
    let (inputs, told) = mpsc::channel(INPUTS_MAX);
    let announcements = broadcast::Sender::new(BEHIND_MAX);
    let (publish, known) = watch::channel(Known::of(Arc::clone(&config.estate)));
    let (solved, solutions) = mpsc::channel(1);
    let mut controller = Controller::new(config.estate, config.policy, config.epoch, clock::now());
    if let Some(held) = &config.held {
        controller.resume(held, clock::now());
        // For executors that come without it.
        config.board.post(held)?;
    }
    let shell = Shell {
        quorum: Quorum::new(config.quorum)?,
        controller,
        apply: config.apply,
        board: config.board,
        records: config.records,
        announcements: announcements.clone(),
        known: publish,
        solved,
    };
    shell.make_known();
    let running = tokio::spawn(shell.run(heard, told, solutions));
    Ok((Control { inputs, announcements, known }, running))
}

/// Hands on what a solver found. One that panics found nothing: the controller, which waits for it, goes on.
async fn solve_to_its_end(
    solving: JoinHandle<Result<Solution, SolveError>>,
    solved: mpsc::Sender<Result<Solution, SolveError>>,
) {
    let failed = |error| Err(SolveError::Unusable { status: format!("a defect: {}", reason(error)) });
    // Nobody listens: the daemon is going down.
    drop(solved.send(solving.await.unwrap_or_else(failed)).await);
}

struct Shell {
    quorum: Quorum,
    controller: Controller,
    apply: Apply,
    board: Board,
    records: Records,
    announcements: broadcast::Sender<Announcement>,
    known: watch::Sender<Known>,
    solved: mpsc::Sender<Result<Solution, SolveError>>,
}

impl Shell {
    async fn run(
        mut self,
        mut heard: mpsc::Receiver<Heard>,
        mut told: mpsc::Receiver<Input>,
        mut solutions: mpsc::Receiver<Result<Solution, SolveError>>,
    ) {
        loop {
            self.follow_up();
            let due = self.due();
            tokio::select! {
                // What agents say first: a death is left before anything else is looked at.
                biased;
                said = heard.recv() => match said {
                    Some(said) => self.hear(said),
                    None => return,
                },
                Some(solution) = solutions.recv() => match solution {
                    Ok(solution) => self.controller.handle_solution(&solution, clock::now()),
                    Err(error) => self.controller.handle_solve_error(&error, clock::now()),
                },
                input = told.recv() => match input {
                    Some(input) => self.take(input),
                    None => return,
                },
                () = sleep_until(due) => self.wake(),
            }
        }
    }

    /// When the machines want to be woken.
    fn due(&self) -> Instant {
        let now = clock::mono();
        let machines = [self.controller.poll_timeout(), self.quorum.poll_timeout()];
        let next = machines.into_iter().flatten().map(|(due, _)| due.since(now)).min();
        Instant::now() + next.unwrap_or(Duration::from_secs(3_600))
    }

    fn wake(&mut self) {
        let now = clock::now();
        let events = self.quorum.handle_timeout(now);
        self.conclude(events, now);
        self.controller.handle_timeout(now);
    }

    fn hear(&mut self, heard: Heard) {
        let now = clock::now();
        match heard {
            Heard::Came(vantage) | Heard::Alive(vantage) => self.quorum.handle_heard(&vantage, now),
            Heard::Change(change) => match self.quorum.handle_change(&change, now) {
                Ok(events) => self.conclude(events, now),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, refused_so_far = self.quorum.refused(), "a report was refused");
                }
            },
            // Its silence says the same, later: an agent that restarts comes back before.
            Heard::Went(_) => {}
        }
    }

    fn conclude(&mut self, events: Vec<QuorumEvent>, now: Now) {
        for event in events {
            match event {
                QuorumEvent::Verdict(verdict) => {
                    self.controller.handle_health(&verdict.target, verdict.to, &verdict.text, now);
                }
                notice => self.controller.handle_finding(notice.finding()),
            }
        }
    }

    fn take(&mut self, input: Input) {
        let now = clock::now();
        match input {
            Input::Demand(measured) => {
                let measured = measured.of(self.controller.estate());
                self.controller.handle_demand(&measured, now);
                self.make_known();
            }
            Input::Link(link, latency, loss) => self.controller.handle_link(&link, latency, loss),
            Input::Estate(estate) => {
                self.forget_all_but(&estate);
                self.controller.handle_estate(estate, now);
                self.make_known();
                self.announce(Announcement::Estate);
            }
            Input::Policy(policy) => self.controller.handle_policy(*policy, now),
            // Gone since it was asked for: there is nothing to drain.
            Input::Drain(node, drained) => {
                if let Some(node) = self.controller.estate().node_ord(node.as_str()) {
                    self.controller.handle_drain(node, drained, now);
                }
            }
            Input::Acknowledged(acknowledgement) => self.acknowledged(acknowledgement, now),
            Input::Found(finding) => self.controller.handle_finding(finding),
        }
    }

    /// Drops the votes on what is not in `estate` any more.
    fn forget_all_but(&mut self, estate: &Estate) {
        let is_gone = |target: &Target| match target {
            Target::Node(id) => estate.node_ord(id.as_str()).is_none(),
            Target::Link(id) => estate.link_ord(id.as_str()).is_none(),
        };
        let gone: Vec<Target> = self.quorum.verdicts().map(|(target, _)| target.clone()).filter(is_gone).collect();
        for target in gone {
            self.quorum.forget(&target);
        }
    }

    /// Does what the controller asks for, then tells what happened: executors before listeners,
    /// listeners before the store.
    fn follow_up(&mut self) {
        while let Some(command) = self.controller.poll_command() {
            match command {
                Command::Publish(plan) => self.publish(&plan),
                Command::Solve(problem) => {
                    let solving = tokio::task::spawn_blocking(move || solve::solve(&problem));
                    tokio::spawn(solve_to_its_end(solving, self.solved.clone()));
                }
            }
        }
        while let Some(event) = self.controller.poll_event() {
            if let Event::Finding(finding) = &event {
                self.make_known();
                tracing::info!(finding.id, kind = finding.kind.as_str(), finding.text, "finding");
                self.announce(Announcement::Finding(Arc::new(finding.clone()), clock::mono()));
            }
            self.records.push(rows::of(&event));
        }
    }

    fn publish(&self, plan: &Arc<Plan>) {
        (self.apply)(plan);
        if let Err(error) = self.board.post(plan) {
            tracing::error!(error = &error as &dyn std::error::Error, "the plan cannot be sent to executors");
        }
        tracing::info!(plan = %plan.number, reason = plan.reason.as_str(), "plan in force");
        // Listeners of the announcement find the plan known.
        self.make_known();
        self.announce(Announcement::Plan(Arc::clone(plan)));
        let labels = Labels::new([("command", "publish")]);
        let row =
            Row::new(TableName::new("ops", "commands"), clock::wall().0, labels).text("plan", plan.number.to_string());
        self.records.push(vec![row.into_rows()]);
    }

    fn make_known(&self) {
        let nodes = 0..self.controller.estate().nodes.len();
        self.known.send_replace(Known {
            estate: Arc::clone(self.controller.estate()),
            plan: self.controller.plan().cloned(),
            report: self.controller.report().cloned(),
            demand: self.controller.demand().to_vec(),
            nodes: nodes.map(|node| self.controller.health_of(NodeOrd::of(node))).collect(),
            links: self.controller.link_states().iter().map(|link| link.health).collect(),
            dropped: self.controller.overflowed(),
        });
    }

    fn acknowledged(&self, ack: Acknowledgement, now: Now) {
        let labels = Labels::new([("executor", ack.executor.as_str()), ("kind", ack.kind.as_str())]);
        let row = Row::new(TableName::new("ops", "acks"), now.wall.0, labels)
            .text("plan", ack.plan.to_string())
            .bool("applied", ack.refused.is_none())
            .text("refused", ack.refused.clone().unwrap_or_default());
        self.records.push(vec![row.into_rows()]);
        self.announce(Announcement::Acknowledged(ack, now.mono));
    }

    fn announce(&self, announcement: Announcement) {
        // Nobody listens: nothing to tell.
        drop(self.announcements.send(announcement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_solver_that_panics_is_an_error_and_not_silence() {
        let (solved, mut solutions) = mpsc::channel(1);
        let solving = tokio::task::spawn_blocking(|| panic!("no basis"));
        solve_to_its_end(solving, solved).await;
        let error = solutions.recv().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the solver ended as a defect: no basis");
    }
}
