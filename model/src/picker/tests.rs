use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::{
    estate::Protocol,
    plan::{Assignment, Directory, DirectoryDomain, DirectoryGroup, DirectoryNode, DirectorySite, Reason},
    time::UnixNanos,
};

/// Groups with these prefixes, one domain, `sites` sites of two edges each.
fn plan(prefixes: Vec<Vec<&str>>, sites: u32, shares: Vec<Vec<Share>>) -> Arc<Plan> {
    let mut directory = Directory::default();
    for site in 0..sites {
        let edges = vec![NodeOrd(2 * site), NodeOrd(2 * site + 1)];
        for node in &edges {
            directory.nodes.push(DirectoryNode {
                id: format!("edge-{}", node.0).as_str().into(),
                edge: true,
                addresses: vec![
                    Ipv4Addr::new(127, 0, 1, node.0 as u8).into(),
                    Ipv6Addr::from_bits(1 + u128::from(node.0)).into(),
                ],
                port: 80,
            });
        }
        directory.sites.push(DirectorySite { id: format!("site-{site}").as_str().into(), edges });
    }
    let (id, ttl) = ("www.acme.test".into(), Duration::from_secs(1));
    directory.domains.push(DirectoryDomain { id, ttl, protocols: vec![Protocol::Dns, Protocol::Http302] });
    for (index, prefixes) in prefixes.into_iter().enumerate() {
        let prefixes = prefixes.into_iter().map(|prefix| prefix.parse().unwrap()).collect();
        directory.groups.push(DirectoryGroup { id: format!("g{index}").as_str().into(), prefixes });
    }
    Arc::new(Plan {
        number: PlanNumber { epoch: 1, generation: 1 },
        parent: None,
        made_at: UnixNanos(0),
        reason: Reason::Planned,
        directory: Arc::new(directory),
        assignments: shares.into_iter().map(|shares| Arc::new(Assignment { shares, failover: vec![] })).collect(),
        routes: vec![],
        out_of_service: vec![],
    })
}

fn halves() -> Vec<Share> {
    Assignment::shares_of([(SiteOrd(0), 1.0), (SiteOrd(1), 1.0)])
}

fn one(site: u32) -> Vec<Share> {
    Assignment::shares_of([(SiteOrd(site), 1.0)])
}

#[test]
fn a_group_with_one_target_is_answered_as_wide_as_its_prefix() {
    let picker = Picker::new(plan(vec![vec!["10.0.0.0/8"], vec!["10.64.0.0/10"]], 2, vec![one(0), halves()]));
    let pick = |address: &str| picker.pick(DomainOrd(0), Client::Subnet(address.parse().unwrap())).unwrap();
    assert_eq!((pick("10.128.0.0").site, pick("10.128.0.0").scope), (SiteOrd(0), 9));
    assert_eq!(pick("10.64.1.0").scope, SPLIT_SCOPE_V4);
    let resolver = picker.pick(DomainOrd(0), Client::Resolver("10.64.1.9".parse().unwrap())).unwrap();
    assert_eq!(resolver.scope, 0);
}

#[test]
fn shares_are_met_and_a_small_change_moves_few_subnets() {
    let sites = |first: f64| {
        let shares = Assignment::shares_of([(SiteOrd(0), first), (SiteOrd(1), 1.0 - first)]);
        let picker = Picker::new(plan(vec![vec!["10.0.0.0/8"]], 2, vec![shares]));
        let pick = |subnet: u32| {
            picker.pick(DomainOrd(0), Client::Subnet(Ipv4Addr::from_bits(10 << 24 | subnet << 8).into())).unwrap().site
        };
        (0..65_536).map(pick).collect::<Vec<_>>()
    };
    let (before, after) = (sites(0.30), sites(0.35));
    let on_first = before.iter().filter(|site| **site == SiteOrd(0)).count() as f64 / 65_536.0;
    assert!((on_first - 0.30).abs() < 0.01, "{on_first}");
    let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count() as f64 / 65_536.0;
    assert!((moved - 0.05).abs() < 0.01, "{moved} of the subnets moved for a change of 0.05");
}

#[test]
fn nodes_out_of_service_are_not_answered_unless_all_are() {
    let answered = |out: &[u32]| {
        let mut changed = (*plan(vec![vec!["10.0.0.0/8"]], 1, vec![one(0)])).clone();
        changed.out_of_service = out.iter().copied().map(NodeOrd).collect();
        let picker = Picker::new(Arc::new(changed));
        let picked = picker.pick(DomainOrd(0), Client::Subnet("10.1.2.0".parse().unwrap())).unwrap();
        [false, true].map(|v6| {
            let mut addresses: Vec<String> = picker.addresses(&picked, v6).map(|address| address.to_string()).collect();
            addresses.sort();
            addresses.join(" ")
        })
    };
    assert_eq!(answered(&[0]), ["127.0.1.1", "::2"]);
    assert_eq!(answered(&[0, 1]), ["127.0.1.0 127.0.1.1", "::1 ::2"], "nobody else may serve them");
}

#[test]
fn clients_in_no_prefix_are_spread_as_all_groups_together() {
    let picker = Picker::new(plan(vec![vec!["10.0.0.0/8"], vec!["11.0.0.0/8"]], 2, vec![one(0), one(1)]));
    let picked = picker.pick(DomainOrd(0), Client::Subnet("192.0.2.0".parse().unwrap())).unwrap();
    assert_eq!((picked.group, picked.scope), (None, SPLIT_SCOPE_V4));
}

#[test]
fn what_a_read_plan_has_to_build_is_built_before_the_first_question() {
    let text = serde_json::to_string(&plan(vec![vec!["10.0.0.0/8"]], 1, vec![one(0)])).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert!(!read.directory.has_prefixes());
    assert!(Picker::new(Arc::new(read)).plan().directory.has_prefixes());
}

#[test]
fn domains_are_offered_by_the_protocols_that_they_list() {
    let offered = |plan: Plan| {
        let picker = Picker::new(Arc::new(plan));
        [Protocol::Dns, Protocol::Httpdns, Protocol::Http302].map(|by| picker.domain_by("www.acme.test", by).is_some())
    };
    let plan = plan(vec![vec!["10.0.0.0/8"]], 1, vec![one(0)]);
    assert_eq!(offered((*plan).clone()), [true, false, true]);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(offered(serde_json::from_str(&text).unwrap()), [true, false, true]);
    let older = text.replace(r#","protocols":["dns","http302"]"#, "");
    assert_ne!(older, text);
    assert_eq!(offered(serde_json::from_str(&older).unwrap()), [true; 3], "a plan of before");
}

proptest! {
    /// RFC 7871: whatever is answered holds for every address inside the scope returned.
    #[test]
    fn an_answer_is_the_same_all_over_its_scope(
        nets in prop::collection::vec((0u32..16, 2u8..=32), 1..6),
        v6_nets in prop::collection::vec((0u32..16, 2u8..=128), 0..4),
        weights in prop::collection::vec(prop::collection::vec(0u32..4, 3), 6),
        seed in any::<u128>(), others in prop::collection::vec(any::<u128>(), 32), v6 in any::<bool>(),
    ) {
        let spread = |bits: u32| bits << 28 | bits << 12 | bits;
        let mut prefixes: Vec<Vec<String>> = nets.iter()
            .map(|(bits, length)| vec![ipnet::IpNet::new(Ipv4Addr::from_bits(spread(*bits)).into(), *length).unwrap().trunc().to_string()])
            .collect();
        for (index, (bits, length)) in v6_nets.iter().enumerate() {
            let address = Ipv6Addr::from_bits(u128::from(spread(*bits)) << 96 | u128::from(spread(*bits)));
            let at = index % prefixes.len();
            prefixes[at].push(ipnet::IpNet::new(address.into(), *length).unwrap().trunc().to_string());
        }
        let shares = (0..prefixes.len())
            .map(|group| Assignment::shares_of(weights[group].iter().enumerate().map(|(site, w)| (SiteOrd::of(site), f64::from(*w)))))
            .collect();
        let prefixes: Vec<Vec<&str>> = prefixes.iter().map(|list| list.iter().map(String::as_str).collect()).collect();
        let picker = Picker::new(plan(prefixes, 3, shares));
        let address = |bits: u128| -> IpAddr {
            if v6 { Ipv6Addr::from_bits(bits).into() } else { Ipv4Addr::from_bits(bits as u32).into() }
        };
        let answer = |bits: u128| {
            let picked = picker.pick(DomainOrd(0), Client::Subnet(address(bits)))?;
            let nodes: Vec<IpAddr> = picker.addresses(&picked, false).collect();
            Some((picked, nodes))
        };
        let Some(first) = answer(seed) else { return Ok(()) };
        let width = if v6 { 128 } else { 32 };
        let free = u128::MAX.checked_shr(128 - (width - u32::from(first.0.scope))).unwrap_or(0);
        for other in others {
            prop_assert_eq!(answer((seed & !free) | (other & free)), Some(first.clone()));
        }
    }
}
