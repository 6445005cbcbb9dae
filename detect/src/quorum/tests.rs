use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use weir_model::time::UnixNanos;

use super::*;

fn at(secs: u64) -> Now {
    Now { mono: Mono(secs * 1_000_000_000), wall: UnixNanos::from_secs(1_700_000_000 + secs as i64) }
}

fn change(vantage: &str, node: &str, to: Health) -> StateChange {
    let reason = match to {
        Health::Down => "3 of 3 probes lost",
        Health::Degraded => "16 of 300 probes lost",
        _ => "5 of 5 probes answered",
    };
    StateChange {
        vantage: vantage.into(),
        target: Target::Node(node.into()),
        from: Health::Unknown,
        to,
        reason: reason.into(),
        at: UnixNanos(0),
    }
}

fn line(event: &QuorumEvent) -> String {
    match event {
        QuorumEvent::Verdict(verdict) => {
            format!("{} -> {}: {}\n", verdict.from.as_str(), verdict.to.as_str(), verdict.text)
        }
        QuorumEvent::VantageBlind(notice) => format!("blind: {}\n", notice.text),
        QuorumEvent::VantageSighted(notice) => format!("sighted: {}\n", notice.text),
        QuorumEvent::VantageSilent(notice) => format!("silent: {}\n", notice.text),
    }
}

/// Reports `script`, words of vantage, node and health, and writes down what follows.
fn check(quorum: &mut Quorum, script: &str, expected: Expect) {
    let mut lines = String::new();
    for report in script.split(';') {
        let words: Vec<&str> = report.split_whitespace().collect();
        let [vantage, node, health] = words[..] else { panic!("three words: {report}") };
        let health = [Health::Unknown, Health::Up, Health::Degraded, Health::Down]
            .into_iter()
            .find(|known| known.as_str() == health)
            .unwrap();
        for event in quorum.handle_change(&change(vantage, node, health), at(0)).unwrap() {
            lines += &line(&event);
        }
    }
    expected.assert_eq(&lines);
}

fn quorum() -> Quorum {
    Quorum::new(QuorumPolicy::default()).unwrap()
}

#[test]
fn down_takes_a_majority_of_at_least_two() {
    let mut quorum = quorum();
    check(
        &mut quorum,
        "fra n up; ams n up; lon n up",
        expect![[r#"
        unknown -> up: 1 of 1 vantages see node n up: fra
    "#]],
    );
    check(&mut quorum, "fra n down", expect![[""]]);
    check(
        &mut quorum,
        "ams n down",
        expect![[r#"
        up -> down: 2 of 3 vantages see node n down: ams (3 of 3 probes lost), fra (3 of 3 probes lost)
    "#]],
    );
    check(&mut quorum, "lon n down; fra n up", expect![[""]]);
    check(
        &mut quorum,
        "ams n up",
        expect![[r#"
        down -> up: 2 of 3 vantages see node n up: ams, fra
    "#]],
    );
}

#[test]
fn one_of_two_vantages_is_no_quorum_and_the_only_one_is() {
    check(&mut quorum(), "fra n unknown; ams n unknown; fra n down; ams n up", expect![[""]]);
    check(
        &mut quorum(),
        "fra n unknown; fra n down",
        expect![[r#"
        unknown -> down: 1 of 1 vantages see node n down: fra (3 of 3 probes lost)
    "#]],
    );
}

#[test]
fn down_counts_as_at_least_degraded() {
    check(
        &mut quorum(),
        "fra n up; ams n up; lon n up; fra n down; ams n degraded",
        expect![[r#"
        unknown -> up: 1 of 1 vantages see node n up: fra
        up -> degraded: 2 of 3 vantages see node n degraded: ams (16 of 300 probes lost), fra (3 of 3 probes lost)
    "#]],
    );
}

#[test]
fn a_tie_keeps_the_verdict() {
    let mut quorum = quorum();
    check(
        &mut quorum,
        "fra n down; ams n down",
        expect![[r#"
        unknown -> down: 1 of 1 vantages see node n down: fra (3 of 3 probes lost)
    "#]],
    );
    check(&mut quorum, "ams n up", expect![[""]]);
    check(
        &mut quorum,
        "fra n unknown",
        expect![[r#"
        down -> up: 1 of 1 vantages see node n up: ams
    "#]],
    );
}

#[test]
fn a_vantage_that_loses_its_uplink_is_blind_until_it_sees_again() {
    let mut quorum = quorum();
    for node in ["a", "b", "c", "d"] {
        for vantage in ["fra", "ams"] {
            quorum.handle_change(&change(vantage, node, Health::Up), at(0)).unwrap();
        }
    }
    check(
        &mut quorum,
        "fra a down; fra b down; fra c down",
        expect![[r#"
        blind: vantage fra sees 3 of 4 targets down; of the 3 that others see too, they see 3 alive
    "#]],
    );
    assert!(quorum.is_blind(&"fra".into()));
    // Alone with a say, the other one decides.
    check(
        &mut quorum,
        "fra d down; ams d down",
        expect![[r#"
        up -> down: 1 of 1 vantages see node d down: ams (3 of 3 probes lost)
    "#]],
    );
    check(
        &mut quorum,
        "fra a up; fra b up",
        expect![[r#"
        sighted: vantage fra sees 2 of 4 targets down; of the 2 that others see too, they see 1 alive
    "#]],
    );
    assert!(!quorum.is_blind(&"fra".into()));
}

#[test]
fn who_sees_everything_down_with_the_others_is_not_blind() {
    let mut quorum = quorum();
    for node in ["a", "b", "c", "d"] {
        for vantage in ["fra", "ams"] {
            quorum.handle_change(&change(vantage, node, Health::Up), at(0)).unwrap();
        }
    }
    // The first to notice is doubted until the second notices too.
    check(
        &mut quorum,
        "fra a down; fra b down; fra c down; fra d down; ams a down; ams b down; ams c down; ams d down",
        expect![[r#"
            blind: vantage fra sees 3 of 4 targets down; of the 3 that others see too, they see 3 alive
            up -> down: 1 of 1 vantages see node a down: ams (3 of 3 probes lost)
            sighted: vantage fra sees 4 of 4 targets down; of the 4 that others see too, they see 2 alive
            up -> down: 2 of 2 vantages see node b down: ams (3 of 3 probes lost), fra (3 of 3 probes lost)
            up -> down: 2 of 2 vantages see node c down: ams (3 of 3 probes lost), fra (3 of 3 probes lost)
            up -> down: 2 of 2 vantages see node d down: ams (3 of 3 probes lost), fra (3 of 3 probes lost)
        "#]],
    );
    assert!(quorum.verdicts().all(|(_, health)| health == Health::Down));
}

#[test]
fn silent_vantages_have_no_say() {
    let mut quorum = quorum();
    check(
        &mut quorum,
        "fra n up; ams n up; lon n down",
        expect![[r#"
        unknown -> up: 1 of 1 vantages see node n up: fra
    "#]],
    );
    assert_eq!(quorum.poll_timeout(), Some((at(30).mono, "vantage silence")));
    quorum.handle_heard(&"lon".into(), at(20));
    assert_eq!(quorum.handle_timeout(at(29)), []);
    let lines: String = quorum.handle_timeout(at(30)).iter().map(line).collect();
    expect![[r#"
        silent: nothing was heard of vantage ams for 30s
        silent: nothing was heard of vantage fra for 30s
        up -> down: 1 of 1 vantages see node n down: lon (3 of 3 probes lost)
    "#]]
    .assert_eq(&lines);
    let lines: String = quorum.handle_timeout(at(50)).iter().map(line).collect();
    expect![[r#"
        silent: nothing was heard of vantage lon for 30s
        down -> unknown: no vantage has an opinion on node n
    "#]]
    .assert_eq(&lines);
    assert_eq!((quorum.poll_timeout(), quorum.verdicts().count()), (None, 0));
}

#[test]
fn events_are_findings() {
    let mut quorum = quorum();
    let events = quorum.handle_change(&change("fra", "n", Health::Down), at(7)).unwrap();
    let finding = events[0].finding();
    expect![[r#"Finding { number: 0, at: UnixNanos(1700000007000000000), subject: Node, id: "n", kind: Health(Down), text: "1 of 1 vantages see node n down: fra (3 of 3 probes lost)" }"#]].assert_eq(&format!("{finding:?}"));
}

/// The definition, over all votes at once.
struct Reference {
    votes: BTreeMap<(VantageId, Target), Health>,
    verdicts: BTreeMap<Target, Health>,
    blind: BTreeSet<VantageId>,
}

impl Reference {
    fn others(&self, vantage: &VantageId, target: &Target, wanted: &[Health]) -> usize {
        let is_other = |(id, about): &(VantageId, Target)| id != vantage && about == target;
        self.votes.iter().filter(|(key, health)| is_other(key) && wanted.contains(health)).count()
    }

    fn is_blind(&self, vantage: &VantageId) -> bool {
        let own = self.votes.iter().filter(|((id, _), health)| id == vantage && **health != Health::Unknown);
        let (opinions, down): (Vec<_>, Vec<_>) =
            (own.clone().collect(), own.filter(|(_, h)| **h == Health::Down).collect());
        let share = if self.blind.contains(vantage) { 0.5 } else { 0.7 };
        let count = |wanted: fn(usize, usize) -> bool| {
            let of = |target: &Target| {
                let alive = self.others(vantage, target, &[Health::Up, Health::Degraded]);
                wanted(alive, self.others(vantage, target, &[Health::Down]))
            };
            down.iter().filter(|((_, target), _)| of(target)).count()
        };
        let (compared, contradicted) = (count(|alive, dead| alive + dead > 0), count(|alive, dead| alive > dead));
        opinions.len() >= 4
            && down.len() as f64 > share * opinions.len() as f64
            && compared >= 2
            && contradicted * 2 > compared
    }

    fn verdict(&self, target: &Target) -> Health {
        let has_say = |id: &VantageId| !self.blind.contains(id);
        let votes: Vec<Health> = self
            .votes
            .iter()
            .filter(|((id, about), _)| about == target && has_say(id))
            .map(|(_, health)| *health)
            .collect();
        let count = |wanted: &[Health]| votes.iter().filter(|health| wanted.contains(health)).count();
        let opinions = count(&[Health::Up, Health::Degraded, Health::Down]);
        let required = votes.len().min(2);
        let agreed = |wanted: &[Health], least: usize| count(wanted) * 2 > opinions && count(wanted) >= least;
        match () {
            () if opinions == 0 => Health::Unknown,
            () if agreed(&[Health::Down], required) => Health::Down,
            () if agreed(&[Health::Down, Health::Degraded], required) => Health::Degraded,
            () if agreed(&[Health::Up], 0) => Health::Up,
            () => self.verdicts.get(target).copied().unwrap_or(Health::Unknown),
        }
    }

    fn settle(&mut self) {
        let vantages: BTreeSet<VantageId> = self.votes.keys().map(|(id, _)| id.clone()).collect();
        self.blind = vantages.into_iter().filter(|id| self.is_blind(id)).collect();
        let targets: BTreeSet<Target> = self.votes.keys().map(|(_, target)| target.clone()).collect();
        self.verdicts = targets.into_iter().map(|target| (target.clone(), self.verdict(&target))).collect();
    }
}

/// A vantage reports one target; or loses its uplink, or finds it again; or falls silent.
#[derive(Clone, Debug)]
enum Transition {
    Report(u8, u8, Health),
    Sweep(u8, Health),
    Silence(u8),
}

fn transitions() -> impl Strategy<Value = Vec<Transition>> {
    let health =
        || proptest::sample::select(vec![Health::Unknown, Health::Up, Health::Up, Health::Degraded, Health::Down]);
    let transition = prop_oneof![
        8 => (0u8..4, 0u8..6, health()).prop_map(|(v, t, health)| Transition::Report(v, t, health)),
        2 => (0u8..4, health()).prop_map(|(v, health)| Transition::Sweep(v, health)),
        1 => (0u8..4).prop_map(Transition::Silence),
    ];
    proptest::collection::vec(transition, 1..60)
}

proptest! {
    #[test]
    fn it_agrees_with_the_count_over_all_votes(transitions in transitions()) {
        let mut quorum = quorum();
        let mut reference = Reference { votes: BTreeMap::new(), verdicts: BTreeMap::new(), blind: BTreeSet::new() };
        for (second, transition) in transitions.into_iter().enumerate() {
            let now = at(1000 * second as u64);
            let vantages: Vec<VantageId> = quorum.vantages.keys().cloned().collect();
            vantages.iter().for_each(|id| quorum.handle_heard(id, now));
            let reports = match transition {
                Transition::Report(vantage, target, health) => vec![(vantage, target, health)],
                Transition::Sweep(vantage, health) => (0..6).map(|target| (vantage, target, health)).collect(),
                Transition::Silence(vantage) => {
                    let id = VantageId::from(format!("v{vantage}").as_str());
                    let silent = now + Duration::from_secs(30);
                    let others = vantages.iter().filter(|other| **other != id);
                    others.for_each(|other| quorum.handle_heard(other, silent));
                    quorum.handle_timeout(silent);
                    reference.votes.retain(|(voter, _), _| *voter != id);
                    reference.settle();
                    vec![]
                }
            };
            for (vantage, target, health) in reports {
                let change = change(&format!("v{vantage}"), &format!("n{target}"), health);
                quorum.handle_change(&change, now).unwrap();
                reference.votes.insert((change.vantage, change.target), health);
                reference.settle();
            }
            let blind: BTreeSet<VantageId> = quorum.vantages.keys().filter(|id| quorum.is_blind(id)).cloned().collect();
            prop_assert_eq!(&blind, &reference.blind);
            let verdicts: BTreeMap<Target, Health> = quorum.verdicts().map(|(t, health)| (t.clone(), health)).collect();
            prop_assert_eq!(&verdicts, &reference.verdicts);
        }
    }

    #[test]
    fn an_event_is_a_change_and_chains_to_the_one_before(transitions in transitions()) {
        let mut quorum = quorum();
        let mut told: BTreeMap<Target, Health> = BTreeMap::new();
        for transition in transitions {
            let Transition::Report(vantage, target, health) = transition else { continue };
            let change = change(&format!("v{vantage}"), &format!("n{target}"), health);
            for event in quorum.handle_change(&change, at(0)).unwrap() {
                let QuorumEvent::Verdict(verdict) = event else { continue };
                let before = told.insert(verdict.target.clone(), verdict.to).unwrap_or(Health::Unknown);
                prop_assert_eq!(verdict.from, before);
                prop_assert!(verdict.from != verdict.to && verdict.vantages_for <= verdict.vantages_total);
            }
        }
    }
}
