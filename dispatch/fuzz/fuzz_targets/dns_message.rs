//! Any bytes as a DNS message, over both transports: dropped, or answered with a response that carries
//! their id and fits what it travels in.
#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, LazyLock},
};

use libfuzzer_sys::fuzz_target;
use weir_dispatch::dns::{Transport, Zone, Zones, respond};
use weir_model::{
    id::SiteOrd,
    inventory,
    picker::Picker,
    plan::{Assignment, Directory, Plan, PlanNumber, Reason, Routes},
    time::UnixNanos,
};

const ESTATE: &str = "\
providers: [{id: own}]
sites:
  - {id: s1, kind: edge, region: eu, provider: own}
  - {id: s2, kind: edge, region: eu, provider: own}
nodes:
  - {id: edge-1, site: s1, role: edge, addresses: [127.0.1.1, '::1'], port: 8080, capacity: 1Gbps}
  - {id: edge-2, site: s2, role: edge, addresses: [127.0.1.2], port: 8080, capacity: 1Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, ttl: 1s}]
client_groups: [{id: one, region: eu, prefixes: [0.0.0.0/1, '2001:db8::/32'], latency: {s1: 1ms, s2: 1ms}}]
";

/// The only group is split between two sites.
static SERVER: LazyLock<(Picker, Zones)> = LazyLock::new(|| {
    let estate = inventory::parse("fuzz.yaml", ESTATE).unwrap();
    let shares = Assignment::shares_of([(SiteOrd(0), 0.5), (SiteOrd(1), 0.5)]);
    let plan = Plan {
        number: PlanNumber { epoch: 1, generation: 1 },
        parent: None,
        made_at: UnixNanos(0),
        reason: Reason::Planned,
        directory: Directory::of(&estate),
        assignments: vec![Arc::new(Assignment { shares, failover: vec![] })],
        routes: (0..2).map(|_| Arc::new(Routes::default())).collect(),
        out_of_service: vec![],
    };
    (Picker::new(Arc::new(plan)), Zones::new(vec![Zone::new("acme.test", &[]).unwrap()]))
});

fuzz_target!(|bytes: &[u8]| {
    let (picker, zones) = &*SERVER;
    let resolver = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (transport, longest) in [(Transport::Udp, 1_232), (Transport::Tcp, usize::from(u16::MAX))] {
        if let Some(answer) = respond(Some(picker), zones, bytes, resolver, transport) {
            assert!(answer.len() <= longest, "{} bytes", answer.len());
            assert_eq!(answer[..2], bytes[..2], "the id");
            assert!(answer[2] & 0x80 != 0, "a response");
        }
    }
});
