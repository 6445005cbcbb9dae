//! Fail static: DNS in a process of its own answers without its controller, also after its own restart.

use std::{net::IpAddr, str::FromStr};

use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{
        Name, RData, RecordType,
        rdata::opt::{ClientSubnet, EdnsCode, EdnsOption, NSIDPayload},
    },
};
use tokio::{net::UdpSocket, time::timeout};

use super::weir::{DNS, GRPC, LOOK_EVERY, Place, Process, until};

/// Users as resolvers show them: of both groups and both families, and of none.
const SUBNETS: [&str; 5] = ["10.1.7.0/24", "10.2.7.0/24", "2001:db8:1::/56", "2001:db8:2::/56", "198.51.100.0/24"];

fn question(subnet: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_str("www.acme.test.").unwrap(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::from_str(subnet).unwrap()));
    edns.options_mut().insert(EdnsOption::NSID(NSIDPayload::new(Vec::new()).unwrap()));
    message.set_edns(edns);
    message.to_vec().unwrap()
}

/// Addresses, scope, and which plan answered, in words; `None` without an answer from a plan.
async fn ask(place: &Place, subnet: &str, kind: RecordType) -> Option<String> {
    let socket = UdpSocket::bind((place.address, 0)).await.unwrap();
    socket.connect((place.address, DNS)).await.unwrap();
    socket.send(&question(subnet, kind)).await.ok()?;
    let mut buffer = [0; 1_232];
    // The datagram may have been lost to a process that was just beginning: asked again by the caller.
    let length = timeout(100 * LOOK_EVERY, socket.recv(&mut buffer)).await.ok()?.ok()?;
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    if answer.metadata.response_code != ResponseCode::NoError {
        return None;
    }
    let address = |data: &RData| match data {
        RData::A(address) => IpAddr::V4(address.0).to_string(),
        RData::AAAA(address) => IpAddr::V6(address.0).to_string(),
        other => panic!("{other}"),
    };
    let addresses: Vec<String> = answer.answers.iter().map(|record| address(&record.data)).collect();
    let edns = answer.edns.unwrap();
    let Some(EdnsOption::Subnet(echoed)) = edns.option(EdnsCode::Subnet) else { panic!("no subnet: {edns:?}") };
    let Some(EdnsOption::NSID(plan)) = edns.option(EdnsCode::NSID) else { panic!("no plan: {edns:?}") };
    let plan = String::from_utf8_lossy(plan.as_ref()).into_owned();
    Some(format!("{subnet} {kind}: {} scope {} by {plan}", addresses.join(" "), echoed.scope_prefix()))
}

async fn ask_all(place: &Place) -> Vec<String> {
    let mut answers = Vec::new();
    for subnet in SUBNETS {
        for kind in [RecordType::A, RecordType::AAAA] {
            answers.push(until("DNS answers", async || ask(place, subnet, kind).await).await);
        }
    }
    answers
}

fn dns(place: &Place) -> Process {
    place.start(place.weir(&["run", "--config", "weir.yaml", "--roles", "dns"]))
}

#[tokio::test]
async fn dns_alone_answers_from_its_last_plan_after_everything_was_killed() {
    let (there, here) = (Place::new(), Place::new());
    let roles = ["run", "--config", "weir.yaml", "--roles", "store,controller"];
    let mut controller = there.ready(there.start(there.weir(&roles))).await;
    here.configure(&format!("controller: http://{}:{GRPC}", there.address));
    let mut server = dns(&here);
    // An acknowledgement follows the plan's coming into force and its being on disk.
    let executor = format!("dns-{}:{DNS}", here.address);
    let applied = format!("SELECT plan FROM ops.acks WHERE executor = '{executor}' AND applied");
    let acknowledged = async || there.rows_so_far(&applied).await.pop();
    let plan = until("DNS acknowledges a plan", acknowledged).await;
    let before = ask_all(&here).await;
    let by = format!("by weir plan {}", plan[0].as_str().unwrap());
    assert_eq!(before[0], format!("10.1.7.0/24 A: 192.0.2.2 scope 16 {by}"), "easterners at the eastern edge");
    assert_eq!(before[3], format!("10.2.7.0/24 AAAA: 2001:db8:ffff::3 scope 16 {by}"));
    controller.kill();
    assert_eq!(ask_all(&here).await, before, "with the controller gone");
    server.kill();
    let _server = dns(&here);
    assert_eq!(ask_all(&here).await, before, "after its own restart");
}

#[tokio::test]
async fn a_daemon_that_starts_again_takes_over_its_last_plan() {
    let place = Place::new();
    let mut daemon = place.run_to_plan().await;
    let before = ask_all(&place).await;
    until("the plan is on disk", async || place.path("data/plan.json").exists().then_some(())).await;
    daemon.kill();
    let _daemon = place.run_to_plan().await;
    assert_eq!(ask_all(&place).await, before, "by the plan of before: nothing is known that makes a better one");
}
