use weir_model::{
    id::SiteOrd,
    inventory,
    plan::{Assignment, Directory, PlanNumber, Reason},
    time::UnixNanos,
};

use super::*;

const T0: Mono = Mono(1_000_000_000_000);

/// A plan that sends everybody to these sites of the demo.
fn plan(estate: &Estate, parts: &[(&str, f64)], out: &[&str]) -> Arc<Plan> {
    let site = |name: &str| -> SiteOrd { estate.site_ord(name).unwrap() };
    let shares = Assignment::shares_of(parts.iter().map(|(name, part)| (site(name), *part)));
    let assignment = Arc::new(Assignment { shares, failover: vec![] });
    let slots = estate.groups.len() * estate.domains.len();
    Arc::new(Plan {
        number: PlanNumber { epoch: 1, generation: 1 },
        parent: None,
        made_at: UnixNanos(0),
        reason: Reason::Planned,
        directory: Directory::of(estate),
        assignments: vec![assignment; slots],
        routes: vec![],
        out_of_service: out.iter().map(|name| estate.node_ord(name).unwrap()).collect(),
    })
}

/// The part of slot 0 that goes to the node called `name`; `None`: nowhere.
fn part(caches: &Caches, estate: &Estate, name: Option<&str>, millis: u64) -> f64 {
    let wanted = name.map(|name| estate.node_ord(name).unwrap());
    let mut sum = 0.0;
    caches.visit(T0 + Duration::from_millis(millis), |slot, node, part| {
        if slot == 0 && node == wanted {
            sum += part;
        }
    });
    sum
}

#[test]
fn an_old_answer_fades_over_its_ttl() {
    let estate = inventory::parse("demo", crate::DEMO_ESTATE).unwrap();
    let mut caches = Caches::new(&estate);
    caches.apply(&plan(&estate, &[("fra", 1.0)], &[]), T0);
    caches.apply(&plan(&estate, &[("ber", 1.0)], &[]), T0 + Duration::from_secs(10));
    let old = [9_999, 10_000, 10_250, 10_900, 11_000].map(|at| part(&caches, &estate, Some("edge-1"), at));
    let new = [9_999, 10_000, 10_250, 10_900, 11_000].map(|at| part(&caches, &estate, Some("edge-2"), at));
    for ((old, new), expected) in old.iter().zip(&new).zip([1.0, 1.0, 0.75, 0.1, 0.0]) {
        assert!((old - expected).abs() < 1e-9 && (old + new - 1.0).abs() < 1e-9, "{old} {new} {expected}");
    }
    // All three domains have a TTL of a second.
    assert_eq!(caches.next_expiry(T0 + Duration::from_secs(10)), Some(T0 + Duration::from_secs(11)));
    assert_eq!(caches.next_expiry(T0 + Duration::from_secs(11)), None);
    caches.forget(T0 + Duration::from_secs(11));
    assert_eq!(caches.versions.len(), 1);
    assert_eq!(part(&caches, &estate, Some("edge-2"), 11_000), 1.0);
}

#[test]
fn shares_are_what_the_picker_makes_of_them() {
    let estate = inventory::parse("demo", crate::DEMO_ESTATE).unwrap();
    let mut caches = Caches::new(&estate);
    caches.apply(&plan(&estate, &[("fra", 3.0), ("ber", 1.0)], &[]), T0);
    let share = part(&caches, &estate, Some("edge-1"), 1);
    assert!((share - 0.75).abs() < 0.12 && (share * 128.0).fract() == 0.0, "{share}");
}

#[test]
fn a_site_that_nobody_replaces_is_answered_as_before() {
    let estate = inventory::parse("demo", crate::DEMO_ESTATE).unwrap();
    let mut caches = Caches::new(&estate);
    caches.apply(&plan(&estate, &[("fra", 1.0)], &["edge-1"]), T0);
    assert_eq!(part(&caches, &estate, Some("edge-1"), 1), 1.0);
}

#[test]
fn subnets_spread_over_every_prefix() {
    let estate = inventory::parse("demo", crate::DEMO_ESTATE).unwrap();
    let all = subnets(&estate.groups[0]);
    let text: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!((text.len(), text[0].as_str(), text[127].as_str()), (128, "10.1.0.0", "10.1.254.0"));
    let v6 = subnet("2001:db8:1::".parse().unwrap(), 48, 1, 128);
    assert_eq!(v6.to_string(), "2001:db8:1:200::");
}
