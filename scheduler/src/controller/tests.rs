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
        0ns finding 3: plan min_healthy panic (2 of 3 edges look dead, at least 50 % must stay: no more are taken out)"#]]);
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

#[test]
fn what_detectors_beside_it_find_is_numbered_with_the_rest() {
    let mut bench = Bench::new(policy());
    bench.controller.handle_finding(Finding {
        number: Finding::UNNUMBERED,
        at: bench.now.wall,
        subject: Subject::Series,
        id: "traffic".to_owned(),
        kind: FindingKind::Anomaly,
        text: "far above".to_owned(),
    });
    bench.health("edge-1", Health::Degraded);
    bench.check(expect![[r#"
        0ns finding 1: series traffic anomaly (far above)
        0ns finding 2: node edge-1 degraded (told so)"#]]);
}

#[test]
fn silence_is_no_return() {
    let mut bench = Bench::new(policy());
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    bench.health("edge-1", Health::Down);
    bench.health("edge-1", Health::Unknown);
    assert!(bench.controller.plan().unwrap().out_of_service.len() == 1);
    bench.health("edge-1", Health::Degraded);
    assert!(bench.controller.plan().unwrap().out_of_service.is_empty());
}

#[test]
fn a_dead_link_is_gone_around_at_once() {
    let mut bench = Bench::new(policy());
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    let mids = |bench: &Bench| {
        let plan = bench.controller.plan().unwrap();
        let first = plan.routes[0].routes[0].path[1];
        (plan.reason.as_str(), plan.directory.nodes[first.index()].id.to_string())
    };
    assert_eq!(mids(&bench), ("planned", "mid-1".to_owned()));
    let mut link = |health| {
        bench.controller.handle_health(&Target::Link("e1m1".into()), health, "told so", bench.now);
        bench.settle();
        mids(&bench)
    };
    assert_eq!(link(Health::Down), ("failover", "mid-2".to_owned()));
    assert_eq!(link(Health::Unknown), ("failover", "mid-2".to_owned()));
    assert_eq!(link(Health::Up), ("failover", "mid-1".to_owned()));
}

/// Another controller, which takes over what the first left.
fn successor(bench: &Bench, estate: &str) -> Bench {
    let estate = Arc::new(inventory::parse("fixture.yaml", estate).unwrap());
    let mut controller = Controller::new(estate, policy(), 4, bench.now);
    controller.resume(bench.controller.plan().unwrap(), bench.now);
    Bench { controller, now: bench.now, lines: Vec::new() }
}

#[test]
fn a_successor_leaves_what_is_in_force_until_it_knows_better() {
    let mut bench = Bench::new(policy());
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    bench.health("edge-1", Health::Down);
    let mut next = successor(&bench, ESTATE);
    assert_eq!(next.controller.plan(), bench.controller.plan());
    next.run(Duration::from_secs(30));
    next.health("edge-3", Health::Up);
    next.run(Duration::from_secs(30));
    next.check(expect!["30s finding 1: node edge-3 up (told so)"]);
    next.demand(60.0, 60.0);
    next.run(Duration::from_secs(1));
    next.health("edge-1", Health::Up);
    next.run(Duration::from_secs(30));
    next.check(expect![[r#"
        61s finding 2: node edge-1 up (told so)
        61s plan 4.1 failover s2:1000 s3:1000 moved []
        61.5s plan 4.2 ramp s1:400+s2:600 s3:1000 moved []
        63.5s plan 4.3 ramp s1:800+s2:200 s3:1000 moved []
        65.5s plan 4.4 planned s1:1000 s3:1000 moved []"#]]);
}

#[test]
fn a_successor_that_hears_nothing_plans_in_the_end() {
    let mut bench = Bench::new(policy());
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    let mut next = successor(&bench, ESTATE);
    next.run(DEMAND_WAIT - Duration::from_secs(1));
    assert_eq!(next.controller.plan().unwrap().number.epoch, 3);
    next.run(Duration::from_secs(1));
    assert!(next.controller.poll_timeout().is_some_and(|(due, _)| due > next.now.mono));
}

#[test]
fn failover_works_while_the_first_plan_of_a_new_estate_is_made() {
    let wider = ESTATE.replace(
        "client_groups:\n",
        "client_groups:\n  - {id: asia, region: ap, prefixes: [10.2.0.0/16], latency: {s2: 90ms}}\n",
    );
    let mut bench = Bench::new(policy());
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    let wider = Arc::new(inventory::parse("fixture.yaml", &wider).unwrap());
    bench.controller.handle_estate(wider, bench.now);
    bench.health("edge-1", Health::Down);
    bench.check(expect![[r#"
        0ns plan 3.1 planned s1:1000 s3:1000 moved []
        0ns finding 1: node edge-1 down (told so)
        0ns plan 3.2 failover  s2:1000 s3:1000 moved [1]"#]]);
}

#[test]
fn a_dead_mid_is_left_though_most_edges_look_dead() {
    let mut policy = policy();
    policy.guards.min_healthy = 0.5;
    let mut bench = Bench::new(policy);
    bench.demand(60.0, 60.0);
    bench.run(Duration::ZERO);
    for node in ["edge-1", "edge-2", "mid-1"] {
        bench.health(node, Health::Down);
    }
    let out: Vec<String> = {
        let plan = bench.controller.plan().unwrap();
        plan.out_of_service.iter().map(|node| plan.directory.nodes[node.index()].id.to_string()).collect()
    };
    assert_eq!(out, ["edge-1", "mid-1"]);
    bench.health("edge-2", Health::Up);
    bench.check(expect![[r#"
        0ns plan 3.1 planned s1:1000 s3:1000 moved []
        0ns finding 1: node edge-1 down (told so)
        0ns plan 3.2 failover s2:1000 s3:1000 moved [0]
        0ns finding 2: node edge-2 down (told so)
        0ns finding 3: plan min_healthy panic (2 of 3 edges look dead, at least 50 % must stay: no more are taken out)
        0ns finding 4: node mid-1 down (told so)
        0ns plan 3.3 failover s2:1000 s3:1000 moved [0]
        0ns finding 5: node edge-2 up (told so)
        0ns finding 6: plan min_healthy cleared (1 of 3 edges are out of service, at least 50 % must stay)"#]]);
}
