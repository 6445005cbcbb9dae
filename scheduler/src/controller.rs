//! The controller: a state machine that decides *when*. Inputs come in through `handle_*`, what
//! is to be done comes out of `poll_*`; solving is handed out as a [`Problem`] and taken back as a
//! [`Solution`]. It never waits: the same code runs in the daemon and in the simulator.
//!
//! Two loops share one state. The slow one states a problem now and then, drafts a plan from its
//! solution and ramps towards it. The fast one derives a plan from the base (what the slow loop
//! last published) whenever what is out of service changes. What is in force is always
//! `derive(base, out of service)`.

mod carry;
mod publish;
mod service;
mod slow_loop;
mod timer;

pub use timer::Timer;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use weir_model::{
    estate::Estate,
    finding::{Finding, FindingKind, Subject},
    graph::{self, EstateGraph},
    health::{Health, Target},
    id::{DomainOrd, GroupOrd, NodeOrd},
    plan::{Assignment, Directory, Plan, PlanReport, Reason, Routes},
    time::{Mono, Now},
    unit::{Bps, Millis},
};

use crate::{
    candidates::{LinkState, World},
    check::Violation,
    failover::{FailoverReport, Outage},
    planner::Stated,
    policy::Policy,
    problem::Problem,
};
use service::remember;
use timer::Timers;

/// Commands and events that may wait to be polled: a shell that polls after every input leaves
/// none; 65,536 is a finding for each of 10,000 nodes six times over.
pub const QUEUE_MAX: usize = 65_536;

/// Something the shell shall do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Solve this on a worker and bring the solution back.
    Solve(Problem),
    /// Give this plan to every executor.
    Publish(Arc<Plan>),
}

/// Something that happened, to be stored as rows.
#[derive(Clone, Debug)]
pub enum Event {
    /// A conclusion about one subject.
    Finding(Finding),
    /// A plan came into force.
    Published {
        /// The plan.
        plan: Arc<Plan>,
        /// Why its shares are as they are; `None` for a plan derived without a solver.
        report: Option<Arc<PlanReport>>,
        /// What the failover in it did.
        failover: FailoverReport,
    },
    /// A plan was refused; what was in force stays.
    Refused {
        /// What it would have been made for.
        reason: &'static str,
        /// The rules it breaks.
        violations: Vec<Violation>,
        /// When.
        now: Now,
    },
}

/// What the slow loop last put in place.
#[derive(Clone, Debug)]
struct Base {
    assignments: Vec<Arc<Assignment>>,
    routes: Vec<Arc<Routes>>,
    /// Why; `None` for what another controller made.
    report: Option<Arc<PlanReport>>,
}

/// How long a controller that took over a plan leaves it as it is when nobody measures demand: the
/// longest slot in which demand is measured, 5 minutes, and a minute for its rows to arrive.
const DEMAND_WAIT: Duration = Duration::from_secs(6 * 60);

/// The controller of one estate.
#[derive(Debug)]
pub struct Controller {
    estate: Arc<Estate>,
    graph: EstateGraph,
    directory: Arc<Directory>,
    policy: Policy,
    epoch: u64,
    generation: u64,
    findings: u64,
    health: Vec<Health>,
    links: Vec<LinkState>,
    drained: BTreeSet<NodeOrd>,
    /// Mbit/s per slot, smoothed.
    demand: Vec<f64>,
    demand_known: bool,
    base: Option<Base>,
    /// Where the ramp leads.
    target: Option<Base>,
    in_force: Option<Arc<Plan>>,
    /// What the plan in force goes around.
    avoided: Outage,
    /// Whether more looks dead than may be.
    panics: bool,
    /// The slow loop does nothing before.
    plan_from: Mono,
    problems: u64,
    solving: Option<Stated>,
    timers: Timers,
    commands: VecDeque<Command>,
    events: VecDeque<Event>,
    overflowed: u64,
}

impl Controller {
    /// A controller of `estate` in `epoch`, which whoever takes the controller lease has raised
    /// above all before it. It asks for its first plan at once.
    pub fn new(estate: Arc<Estate>, policy: Policy, epoch: u64, now: Now) -> Self {
        let slots = estate.groups.len() * estate.domains.len();
        let mut timers = Timers::default();
        timers.set(Timer::Plan, now.mono);
        Self {
            graph: graph::of(&estate),
            directory: Directory::of(&estate),
            health: vec![Health::Unknown; estate.nodes.len()],
            links: vec![LinkState::default(); estate.links.len()],
            drained: BTreeSet::new(),
            demand: vec![0.0; slots],
            demand_known: false,
            estate,
            policy,
            epoch,
            generation: 0,
            findings: 0,
            base: None,
            target: None,
            in_force: None,
            avoided: Outage::default(),
            panics: false,
            plan_from: now.mono,
            problems: 0,
            solving: None,
            timers,
            commands: VecDeque::new(),
            events: VecDeque::new(),
            overflowed: 0,
        }
    }

    /// Takes over from another controller, whose plan `held` the executors answer from. It stays in
    /// force until something is known that makes a better one: what it keeps out of service is dead
    /// until somebody sees it alive, and the slow loop waits for demand to be measured.
    pub fn resume(&mut self, held: &Arc<Plan>, now: Now) {
        let known = |node: &NodeOrd| self.estate.node_ord(held.directory.nodes.get(node.index())?.id.as_str());
        self.avoided.nodes = held.out_of_service.iter().filter_map(known).collect();
        for node in &self.avoided.nodes {
            self.health[node.index()] = Health::Down;
        }
        self.in_force = Some(Arc::clone(held));
        self.base = Some(self.held_base(held));
        self.plan_from = now.mono + DEMAND_WAIT;
        self.timers.set(Timer::Plan, self.plan_from);
    }

    /// The estate it controls.
    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.in_force.as_ref()
    }

    /// Why the base of the plan in force is as it is.
    pub fn report(&self) -> Option<&Arc<PlanReport>> {
        self.base.as_ref().and_then(|base| base.report.as_ref())
    }

    /// Smoothed demand, Mbit/s per slot.
    pub fn demand(&self) -> &[f64] {
        &self.demand
    }

    /// What the quorum thinks of a node.
    pub fn health_of(&self, node: NodeOrd) -> Health {
        self.health[node.index()]
    }

    /// What is known of each link.
    pub fn link_states(&self) -> &[LinkState] {
        &self.links
    }

    /// Commands and events dropped because nobody polled.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// The quorum changed its mind about a target. A node or link that is down is left at once; what
    /// is degraded is left by the slow loop. What is down stays so until somebody sees it alive: that
    /// nobody says anything any more is no sign of life.
    pub fn handle_health(&mut self, target: &Target, health: Health, evidence: &str, now: Now) {
        let subject = match target {
            Target::Node(id) => match self.estate.node_ord(id.as_str()) {
                Some(node) => {
                    remember(&mut self.health[node.index()], health);
                    Subject::Node
                }
                None => return,
            },
            Target::Link(id) => match self.estate.link_ord(id.as_str()) {
                Some(link) => {
                    remember(&mut self.links[link.index()].health, health);
                    Subject::Link
                }
                None => return,
            },
        };
        let finding = self.find(subject, target.id(), FindingKind::Health(health), evidence, now);
        self.follow_service(Reason::Failover(vec![finding]), now);
        self.plan_soon(now);
    }

    /// The latency and loss of a link were measured.
    pub fn handle_link(&mut self, link: &str, latency: Option<Millis>, loss: f64) {
        if let Some(link) = self.estate.link_ord(link) {
            let state = &mut self.links[link.index()];
            state.latency = latency.or(state.latency);
            state.loss = loss;
        }
    }

    /// The traffic of (group, domain) pairs over the last interval. Pairs not named keep what is
    /// known of them.
    pub fn handle_demand(&mut self, measured: &[(GroupOrd, DomainOrd, Bps)], now: Now) {
        for (group, domain, rate) in measured {
            let slot = group.index() * self.estate.domains.len() + domain.index();
            let Some(known) = self.demand.get_mut(slot) else { continue };
            if !(rate.0.is_finite() && rate.0 >= 0.0) {
                continue;
            }
            let weight = if self.demand_known { self.policy.demand_weight } else { 1.0 };
            *known += (rate.mbps() - *known) * weight;
        }
        if !self.demand_known && !measured.is_empty() {
            // The first plan knew no demand: make one that does.
            self.demand_known = true;
            self.plan_from = now.mono;
            self.plan_soon(now);
        }
    }

    /// Takes a node out of service by hand, or lets it return.
    pub fn handle_drain(&mut self, node: NodeOrd, drained: bool, now: Now) {
        let changed = if drained { self.drained.insert(node) } else { self.drained.remove(&node) };
        if changed {
            let text = if drained { "drained by hand" } else { "no longer drained" };
            let id = self.estate.nodes[node.index()].id.clone();
            self.find(Subject::Node, id.as_str(), FindingKind::Health(self.health[node.index()]), text, now);
            self.follow_service(Reason::Operator(format!("{id} {text}")), now);
            self.plan_soon(now);
        }
    }

    /// The estate changed: prices, capacities, or what there is. Rows that keep their place keep
    /// their state; with others, the plan is made anew.
    pub fn handle_estate(&mut self, estate: Arc<Estate>, now: Now) {
        let same = Directory::of(&estate);
        let keeps_place = *same == *self.directory && estate.links.len() == self.estate.links.len();
        self.graph = graph::of(&estate);
        if !keeps_place {
            self.carry_over(&estate);
            self.directory = same;
            (self.target, self.solving) = (None, None);
        }
        self.estate = estate;
        if !keeps_place {
            // Failover goes on from what is in force, in the new ordinals, until the next base.
            self.base = self.in_force.clone().map(|held| self.held_base(&held));
        }
        self.plan_by(now.mono);
    }

    /// A detector beside the controller concluded something: it is numbered and told on.
    pub fn handle_finding(&mut self, finding: Finding) {
        self.findings += 1;
        self.event(Event::Finding(Finding { number: self.findings, ..finding }));
    }

    /// What is wanted changed: plans from now on follow it.
    pub fn handle_policy(&mut self, policy: Policy, now: Now) {
        self.policy = policy;
        self.plan_by(now.mono);
    }

    /// Moves what is known of nodes, links and demands to their new ordinals.
    fn carry_over(&mut self, estate: &Estate) {
        let old = Arc::clone(&self.estate);
        let health = |node: &weir_model::estate::Node| {
            old.node_ord(node.id.as_str()).map_or(Health::Unknown, |ord| self.health[ord.index()])
        };
        let new_health = estate.nodes.iter().map(health).collect();
        let link = |link: &weir_model::estate::Link| {
            old.link_ord(link.id.as_str()).map_or_else(LinkState::default, |ord| self.links[ord.index()])
        };
        let new_links = estate.links.iter().map(link).collect();
        let renamed = |node: &NodeOrd| estate.node_ord(old.nodes[node.index()].id.as_str());
        let new_drained = self.drained.iter().filter_map(renamed).collect();
        self.avoided.nodes = self.avoided.nodes.iter().filter_map(renamed).collect();
        let mut demand = vec![0.0; estate.groups.len() * estate.domains.len()];
        for (g, group) in estate.groups.iter().enumerate() {
            for (d, domain) in estate.domains.iter().enumerate() {
                let known = old.group_ord(group.id.as_str()).zip(old.domain_ord(domain.id.as_str()));
                if let Some((group, domain)) = known {
                    demand[g * estate.domains.len() + d] =
                        self.demand[group.index() * old.domains.len() + domain.index()];
                }
            }
        }
        (self.health, self.links, self.drained, self.demand) = (new_health, new_links, new_drained, demand);
    }

    /// Time has passed; call it when [`Controller::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.expired(now.mono) {
            match timer {
                Timer::Plan => self.state_problem(now),
                Timer::Ramp => self.ramp(now),
            }
        }
    }

    /// What to do next.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Controller::handle_timeout`] wants to be called, and what for.
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        self.timers.next()
    }

    fn with_world<T>(&self, out: &BTreeSet<NodeOrd>, look: impl FnOnce(&World<'_>) -> T) -> T {
        look(&World {
            estate: &self.estate,
            graph: &self.graph,
            links: &self.links,
            health: &self.health,
            out_of_service: out,
            demand: &self.demand,
        })
    }

    fn find(&mut self, subject: Subject, id: &str, kind: FindingKind, text: &str, now: Now) -> u64 {
        let (number, id, text) = (Finding::UNNUMBERED, id.to_owned(), text.to_owned());
        self.handle_finding(Finding { number, at: now.wall, subject, id, kind, text });
        self.findings
    }

    fn event(&mut self, event: Event) {
        if self.events.len() < QUEUE_MAX {
            self.events.push_back(event);
        } else {
            self.overflowed += 1;
        }
    }

    fn command(&mut self, command: Command) {
        // Of plans only the newest matters; of problems only one is ever out.
        if self.commands.len() >= QUEUE_MAX {
            self.overflowed += u64::from(self.commands.pop_front().is_some());
        }
        self.commands.push_back(command);
    }
}

#[cfg(test)]
mod tests;
