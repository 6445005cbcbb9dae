use expect_test::{Expect, expect};
use proptest::prelude::*;
use weir_model::time::UnixNanos;

use super::{reference::Reference, *};

/// Between probes.
const INTERVAL: Duration = Duration::from_millis(200);

/// A machine, its clock, and what it said.
struct World {
    machine: HealthMachine,
    now: Now,
    said: Vec<StateChange>,
}

impl World {
    fn new(policy: HealthPolicy) -> Self {
        let machine = HealthMachine::new("fra".into(), Target::Node("edge-1".into()), policy).unwrap();
        // The two clocks begin far apart: a decision that mixes them shows.
        let now = Now { mono: Mono(5_000_000_000), wall: UnixNanos::from_secs(1_700_000_000) };
        Self { machine, now, said: vec![] }
    }

    /// `count` outcomes, one each interval; deadlines on the way are kept.
    fn probes(&mut self, count: u32, outcome: ProbeOutcome) -> &mut Self {
        (0..count).for_each(|_| self.probe(outcome));
        self
    }

    fn probe(&mut self, outcome: ProbeOutcome) {
        self.pass(INTERVAL);
        self.said.extend(self.machine.handle_probe(outcome, self.now));
    }

    /// Lets time pass, and calls the machine at each deadline that it named.
    fn pass(&mut self, span: Duration) -> &mut Self {
        let end = self.now + span;
        while let Some((deadline, _)) = self.machine.poll_timeout().filter(|(deadline, _)| *deadline <= end.mono) {
            self.now = self.now + deadline.since(self.now.mono);
            self.said.extend(self.machine.handle_timeout(self.now));
            let next = self.machine.poll_timeout();
            assert!(next.is_none_or(|(next, _)| next > self.now.mono), "a deadline that is over comes back: {next:?}");
        }
        self.now = end;
        self
    }

    fn check(&self, expected: Expect) {
        let lines = self.said.iter().map(|change| {
            let at = change.at.since(UnixNanos::from_secs(1_700_000_000)).as_millis();
            format!("{at} ms {} -> {}: {}\n", change.from.as_str(), change.to.as_str(), change.reason)
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    fn count(&self, health: Health) -> usize {
        self.said.iter().filter(|change| change.to == health).count()
    }
}

fn answered(millis: u64) -> ProbeOutcome {
    ProbeOutcome::Answered { round_trip: Duration::from_millis(millis) }
}

/// Knuth's MMIX generator: the upper half of its state is random enough to lose probes.
struct Lcg(u64);

impl Lcg {
    fn chance(&mut self, probability: f64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 32) as f64) < probability * 4_294_967_296.0
    }

    fn outcome(&mut self, loss: f64) -> ProbeOutcome {
        if self.chance(loss) { ProbeOutcome::Lost } else { answered(20) }
    }
}

#[test]
fn a_clean_target_is_down_after_exactly_three_losses_and_up_after_five_answers() {
    let mut world = World::new(HealthPolicy::default());
    world.probes(25, answered(20)).probes(2, ProbeOutcome::Lost);
    assert_eq!(world.machine.health(), Health::Up);
    world.probes(1, ProbeOutcome::Lost);
    assert_eq!(world.machine.health(), Health::Down);
    world.probes(40, ProbeOutcome::Lost).probes(4, answered(20));
    assert_eq!(world.machine.health(), Health::Down);
    world.probes(1, answered(20));
    assert_eq!(world.machine.loss(), 0.0, "an outage is no loss");
    world.check(expect![[r#"
        1000 ms unknown -> up: 5 of 5 probes answered
        5600 ms up -> down: 3 of 3 probes lost, last good reply 600 ms ago
        14600 ms down -> up: 5 of 5 probes answered
    "#]]);
}

#[test]
fn a_cold_target_is_not_down_by_chance() {
    let mut world = World::new(HealthPolicy::default());
    world.probes(2, answered(20)).probes(11, ProbeOutcome::Lost);
    assert_eq!(world.machine.health(), Health::Unknown);
    world.probes(1, ProbeOutcome::Lost);
    world.check(expect![[r#"
          2800 ms unknown -> down: 12 of 12 probes lost, more than chance (nothing is known of its usual loss yet), last good reply 2.4 s ago
    "#]]);
}

#[test]
fn random_loss_of_30_percent_is_degraded_and_never_down() {
    for seed in [1, 2, 3] {
        let mut world = World::new(HealthPolicy::default());
        let mut lcg = Lcg(seed);
        (0..200_000).for_each(|_| world.probe(lcg.outcome(0.3)));
        assert_eq!(world.count(Health::Down), 0, "seed {seed}: {:?}", world.said);
        assert_eq!(world.machine.health(), Health::Degraded);
        assert!(world.said.len() <= 2, "seed {seed}: {:?}", world.said);
        // And when it dies for good it is down as soon as chance is ruled out.
        world.probes(20, ProbeOutcome::Lost);
        assert_eq!(world.machine.health(), Health::Down);
    }
}

#[test]
fn the_running_failure_does_not_raise_its_own_bar() {
    let mut world = World::new(HealthPolicy::default());
    let mut lcg = Lcg(7);
    (0..400).for_each(|_| world.probe(lcg.outcome(0.1)));
    world.probes(1, answered(20));
    let bar = world.machine.losses_for_down();
    world.probes(bar - 1, ProbeOutcome::Lost);
    assert_eq!((world.machine.losses_for_down(), world.machine.health()), (bar, Health::Degraded));
    world.probes(1, ProbeOutcome::Lost);
    assert_eq!(world.machine.health(), Health::Down);
    assert!((6..=10).contains(&bar), "{bar}");
}

#[test]
fn loss_that_sets_in_is_learnt_while_down() {
    let mut downs = 0;
    for seed in 1..=20 {
        let mut world = World::new(HealthPolicy::default());
        world.probes(400, answered(20));
        let mut lcg = Lcg(seed);
        (0..2_000).for_each(|_| world.probe(lcg.outcome(0.3)));
        assert_eq!(world.machine.health(), Health::Degraded, "seed {seed}");
        assert!(world.count(Health::Down) <= 3, "seed {seed}: {:?}", world.said);
        downs += world.count(Health::Down);
    }
    assert!(downs <= 25, "{downs} outages seen in 20 onsets of loss");
}

#[test]
fn slowness_and_recovery_in_words() {
    let mut world = World::new(HealthPolicy::default());
    world.probes(40, answered(20)).probes(60, answered(300)).probes(400, answered(21));
    world.check(expect![[r#"
        1000 ms unknown -> up: 5 of 5 probes answered
        13800 ms up -> degraded: median latency 300.0 ms, limit 250.0 ms + 4 x 11.5 ms of jitter
        43800 ms degraded -> up: loss 0.0 % and median latency 21.0 ms within limits
    "#]]);
}

#[test]
fn loss_and_recovery_in_words() {
    let mut world = World::new(HealthPolicy::default());
    world.probes(300, answered(20));
    for _ in 0..16 {
        world.probes(9, answered(20)).probes(1, ProbeOutcome::Lost);
    }
    world.probes(400, answered(20));
    world.check(expect![[r#"
        1000 ms unknown -> up: 5 of 5 probes answered
        90200 ms up -> degraded: 15 of 300 probes lost, limit 5.0 %
        140000 ms degraded -> up: loss 2.0 % and median latency 20.0 ms within limits
    "#]]);
}

#[test]
fn silence_is_unknown() {
    let mut world = World::new(HealthPolicy::default());
    assert_eq!(world.machine.poll_timeout(), None);
    world.probes(5, answered(20)).pass(Duration::from_millis(29_999));
    assert_eq!(world.machine.health(), Health::Up);
    world.pass(Duration::from_millis(1)).probes(4, answered(20));
    assert_eq!(world.machine.health(), Health::Unknown);
    world.probes(1, answered(20));
    world.check(expect![[r#"
        1000 ms unknown -> up: 5 of 5 probes answered
        31000 ms up -> unknown: no probe result for 30.0 s
        32000 ms unknown -> up: 5 of 5 probes answered
    "#]]);
}

#[test]
fn flapping_is_held_down_and_ends_at_the_deadline() {
    let mut world = World::new(HealthPolicy::default());
    world.probes(30, answered(20));
    for _ in 0..3 {
        world.probes(3, ProbeOutcome::Lost).probes(120, answered(20));
    }
    assert_eq!(world.machine.health(), Health::Up);
    world.check(expect![[r#"
        1000 ms unknown -> up: 5 of 5 probes answered
        6600 ms up -> down: 3 of 3 probes lost, last good reply 600 ms ago
        7600 ms down -> up: 5 of 5 probes answered
        31200 ms up -> down: 3 of 3 probes lost, last good reply 600 ms ago
        41200 ms down -> up: 5 of 5 probes answered, after a hold of 10.0 s for flapping
        55800 ms up -> down: 3 of 3 probes lost, last good reply 600 ms ago
        75800 ms down -> up: 5 of 5 probes answered, after a hold of 20.0 s for flapping
    "#]]);
}

#[test]
fn flap_back_off_bounds_transitions_per_hour() {
    // Whoever wants it to flap loses 3 as soon as it is believed to be up.
    let mut world = World::new(HealthPolicy::default());
    world.probes(30, answered(20));
    world.said.clear();
    let hour = world.now.mono + Duration::from_secs(3600);
    while world.now.mono < hour {
        let alive = matches!(world.machine.health(), Health::Up | Health::Degraded);
        world.probe(if alive { ProbeOutcome::Lost } else { answered(20) });
    }
    // Holds of 0, 10, 20, 40, 80, 160 s = 310 s, then (3600 - 310) / 300 = 11 more.
    let downs = world.count(Health::Down);
    assert!((12..=18).contains(&downs), "{downs} in an hour");
    assert!(world.said.len() <= 2 * 18 + 2, "{} transitions in an hour", world.said.len());
}

#[test]
fn degraded_is_kept_for_its_span() {
    // 40 fast and 40 slow answers in turn: slow for a part of every 16 s.
    let policy = HealthPolicy { latency_window: 3, ..HealthPolicy::default() };
    let mut world = World::new(policy);
    (0..100).for_each(|_| {
        world.probes(40, answered(20)).probes(40, answered(400));
    });
    let degraded: Vec<_> = world.said.windows(2).filter(|pair| pair[0].to == Health::Degraded).collect();
    assert!(degraded.len() >= 20, "{:?}", world.said);
    for pair in degraded {
        assert!(pair[1].at.since(pair[0].at) >= policy.degraded_hold, "{pair:?}");
    }
}

#[test]
fn policies_that_contradict_themselves_are_refused() {
    let sane = HealthPolicy::default();
    let check = |policy: HealthPolicy, expected: Expect| {
        expected.assert_eq(&policy.check().map_or_else(|error| error.to_string(), |()| "fine".into()));
    };
    check(sane, expect!["fine"]);
    check(
        HealthPolicy { down: Threshold { count: 4, of: 3 }, ..sane },
        expect!["`down` asks for 4 of 3 probes: give a count from 1 to `of`, and at most 65536"],
    );
    check(
        HealthPolicy { down_count_max: 2, ..sane },
        expect!["`down_count_max` is 2, less than `down`'s 3 or more than 65536"],
    );
    check(
        HealthPolicy { false_alarm: f64::NAN, ..sane },
        expect!["`false_alarm` is NaN: give a fraction between 0 and 1, such as 0.05 for 5 %"],
    );
    check(
        HealthPolicy { loss_leave: 0.05, ..sane },
        expect!["`loss_leave` (0.05) is not below `loss_enter` (0.05): leave a gap, such as 0.02 and 0.05"],
    );
    check(
        HealthPolicy { warm_up: 301, ..sane },
        expect!["`warm_up` (301) is longer than `loss_window` (300): make it shorter"],
    );
    check(HealthPolicy { latency_window: 0, ..sane }, expect!["`latency_window` holds 0 probes: give 1 to 65536"]);
    check(HealthPolicy { silence: Duration::ZERO, ..sane }, expect!["`silence` is zero: give a span, such as 30s"]);
    check(
        HealthPolicy { hold_min: Duration::from_secs(301), ..sane },
        expect!["`hold_min` is longer than `hold_max`: make it the shorter one"],
    );
}

/// Runs of like outcomes: single random outcomes would hardly ever reach a threshold.
fn outcomes() -> impl Strategy<Value = Vec<(ProbeOutcome, u64)>> {
    let kind = prop_oneof![
        3 => (10u64..60).prop_map(answered),
        2 => Just(ProbeOutcome::Lost),
        1 => (200u64..500).prop_map(answered),
    ];
    let gap = prop_oneof![20 => Just(200u64), 5 => 1u64..4_000, 1 => 25_000u64..40_000, 1 => Just(700_000)];
    let stretch = (kind, 1usize..25, gap).prop_map(|(kind, len, gap)| vec![(kind, gap); len]);
    proptest::collection::vec(stretch, 1..30).prop_map(|stretches| stretches.concat())
}

fn policies() -> impl Strategy<Value = HealthPolicy> {
    let threshold = || (1u32..5, 0u32..3).prop_map(|(count, misses)| Threshold { count, of: count + misses });
    (threshold(), threshold(), 10u32..120, 1u32..20, 0u32..10).prop_map(
        |(down, up, loss_window, latency_window, warm_up)| HealthPolicy {
            down,
            up,
            loss_window,
            latency_window,
            warm_up,
            ..HealthPolicy::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_agrees_with_the_slow_reference(policy in policies(), outcomes in outcomes()) {
        let mut world = World::new(policy);
        let mut reference = Reference::new(policy);
        for (outcome, gap) in outcomes {
            let end = world.now + Duration::from_millis(gap);
            while let Some((deadline, _)) = world.machine.poll_timeout().filter(|(at, _)| *at <= end.mono) {
                world.pass(deadline.since(world.now.mono));
                reference.handle_timeout(deadline);
                prop_assert_eq!(world.machine.health(), reference.health);
            }
            world.now = end;
            let before = world.machine.health();
            let change = world.machine.handle_probe(outcome, end);
            reference.handle_probe(outcome, end.mono);
            prop_assert_eq!(world.machine.health(), reference.health);
            let expected = (before != reference.health).then_some((before, reference.health));
            prop_assert_eq!(change.map(|change| (change.from, change.to)), expected);
        }
    }

    #[test]
    fn the_wall_clock_decides_nothing(outcomes in outcomes(), steps in proptest::collection::vec(-1e15..1e15, 1..9)) {
        let (mut steady, mut stepping) = (World::new(HealthPolicy::default()), World::new(HealthPolicy::default()));
        for (index, (outcome, gap)) in outcomes.into_iter().enumerate() {
            stepping.now.wall = UnixNanos(steps[index % steps.len()] as i64);
            for world in [&mut steady, &mut stepping] {
                world.pass(Duration::from_millis(gap));
                world.probe(outcome);
            }
            prop_assert_eq!(steady.machine.health(), stepping.machine.health());
        }
    }
}
