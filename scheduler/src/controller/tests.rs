use std::time::Duration;

use expect_test::{Expect, expect};
use weir_model::{id::NodeId, inventory, time::UnixNanos};

use super::*;
use crate::{fixture::ESTATE, solve};

/// A controller with its clock, solving on the spot as the simulator does.
struct Bench {
    controller: Controller,
    now: Now,
    lines: Vec<String>,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let estate = Arc::new(inventory::parse("fixture.yaml", ESTATE).unwrap());
        let now = Now { mono: Mono(0), wall: UnixNanos::from_secs(1_000) };
        Self { controller: Controller::new(estate, policy, 3, now), now, lines: Vec::new() }
    }

    /// Runs until `span` later, taking every timeout on the way.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.settle();
            match self.controller.poll_timeout() {
                Some((due, _)) if due <= end.mono => {
                    self.now = self.now + due.since(self.now.mono);
                    self.controller.handle_timeout(self.now);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn settle(&mut self) {
        while let Some(command) = self.controller.poll_command() {
            if let Command::Solve(problem) = command {
                let solution = solve::solve(&problem).unwrap();
                self.controller.handle_solution(&solution, self.now);
            }
        }
        while let Some(event) = self.controller.poll_event() {
            let at = self.now.mono.since(Mono(0));
            self.lines.push(format!("{at:?} {}", describe(&event)));
        }
    }

    fn health(&mut self, node: &str, health: Health) {
        self.controller.handle_health(&Target::Node(NodeId::from(node)), health, "told so", self.now);
        self.settle();
    }

    fn demand(&mut self, near: f64, far: f64) {
        let measured = [near, far].into_iter().enumerate();
        let measured: Vec<_> =
            measured.map(|(group, mbps)| (GroupOrd::of(group), DomainOrd(0), Bps(mbps * 1e6))).collect();
        self.controller.handle_demand(&measured, self.now);
    }

    fn check(&mut self, expect: Expect) {
        expect.assert_eq(&std::mem::take(&mut self.lines).join("\n"));
    }
}

fn describe(event: &Event) -> String {
    match event {
        Event::Finding(finding) => {
            format!(
                "finding {}: {} {} {} ({})",
                finding.number,
                finding.subject,
                finding.id,
                finding.kind.as_str(),
                finding.text
            )
        }
        Event::Published { plan, failover, .. } => {
            let shares = plan.assignments.iter().map(|assignment| {
                let shares = assignment.shares.iter().map(|s| format!("s{}:{}", s.site.0 + 1, s.weight / 1_000));
                shares.collect::<Vec<_>>().join("+")
            });
            let shares: Vec<String> = shares.collect();
            format!("plan {} {} {} moved {:?}", plan.number, plan.reason.as_str(), shares.join(" "), failover.moved)
        }
        Event::Refused { reason, violations, .. } => format!("refused {reason}: {}", violations[0]),
    }
}

fn policy() -> Policy {
    let mut policy =
        Policy { plan_every: Duration::from_secs(10), ramp_every: Duration::from_secs(2), ..Policy::default() };
    policy.guards.min_healthy = 0.3;
    policy
}

#[test]
fn a_death_is_left_at_once_and_a_return_is_ramped() {
    let mut bench = Bench::new(policy());
    bench.run(Duration::ZERO);
    bench.demand(60.0, 60.0);
    bench.run(Duration::from_secs(11));
    bench.health("edge-1", Health::Down);
    bench.run(Duration::from_secs(11));
    bench.health("edge-1", Health::Up);
    bench.run(Duration::from_secs(25));
    bench.check(expect![[r#"
        0ns plan 3.1 planned s1:1000 s3:1000 moved []
        11s finding 1: node edge-1 down (told so)
        11s plan 3.2 failover s2:1000 s3:1000 moved [0]
        22s finding 2: node edge-1 up (told so)
        22s plan 3.3 failover s2:1000 s3:1000 moved []
        22.5s plan 3.4 ramp s1:400+s2:600 s3:1000 moved []
        24.5s plan 3.5 ramp s1:800+s2:200 s3:1000 moved []
        26.5s plan 3.6 planned s1:1000 s3:1000 moved []"#]]);
}

#[test]
fn when_most_looks_dead_nothing_moves() {
    let mut policy = policy();
    policy.guards.min_healthy = 0.5;
    let mut bench = Bench::new(policy);
    bench.run(Duration::ZERO);
    bench.health("edge-1", Health::Down);
    bench.health("edge-2", Health::Down);
    bench.check(expect![[r#"
        0ns plan 3.1 planned s1:1000 s3:1000 moved []
        0ns finding 1: node edge-1 down (told so)
        0ns plan 3.2 failover s2:1000 s3:1000 moved [0]
        0ns finding 2: node edge-2 down (told so)
        0ns finding 3: plan failover panic (min_healthy: 2 of 3 edges would be out of service, at least 50 % must stay)
        0ns refused failover: min_healthy: 2 of 3 edges would be out of service, at least 50 % must stay"#]]);
}

#[test]
fn a_degraded_site_is_left_in_steps() {
    let mut bench = Bench::new(policy());
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    bench.health("edge-1", Health::Degraded);
    bench.run(Duration::from_secs(9));
    bench.check(expect![[r#"
        0ns plan 3.1 planned s1:1000 s3:1000 moved []
        0ns finding 1: node edge-1 degraded (told so)
        500ms plan 3.2 ramp s1:600+s2:400 s3:1000 moved []
        2.5s plan 3.3 ramp s1:200+s2:800 s3:1000 moved []
        4.5s plan 3.4 planned s2:1000 s3:1000 moved []"#]]);
}

#[test]
fn an_answer_to_an_old_problem_is_dropped() {
    let mut bench = Bench::new(policy());
    bench.controller.handle_timeout(bench.now);
    let Some(Command::Solve(problem)) = bench.controller.poll_command() else { panic!("no problem was stated") };
    let mut solution = solve::solve(&problem).unwrap();
    solution.number += 1;
    bench.controller.handle_solution(&solution, bench.now);
    assert!(bench.controller.poll_command().is_none());
    solution.number -= 1;
    bench.controller.handle_solution(&solution, bench.now);
    assert!(matches!(bench.controller.poll_command(), Some(Command::Publish(_))));
}
