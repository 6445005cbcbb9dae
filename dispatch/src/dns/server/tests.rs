use std::str::FromStr;

use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{Name, RecordType},
};

use super::*;
use crate::{answers::fixture, dns::Zone};

fn question() -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_str("www.acme.test.").unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

#[tokio::test]
async fn udp_and_tcp_answer_from_the_plan_in_force_on_both_families() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let answers = Answers::default();
        let zones = Zones::new(vec![Zone::new("acme.test", &[]).unwrap()]);
        let server = DnsServer::bind(address.parse().unwrap(), 2, answers.clone(), zones).unwrap();
        let (address, counters) = (server.local_addr().unwrap(), server.counters());
        let serving = tokio::spawn(server.run());

        let udp = UdpSocket::bind((address.ip(), 0)).await.unwrap();
        let mut buffer = [0; 512];
        let mut codes = Vec::new();
        for plan in [None, Some(fixture::plan(1, 1))] {
            if let Some(plan) = plan {
                answers.install(plan).unwrap();
            }
            udp.send_to(&question(), address).await.unwrap();
            let (length, _) = udp.recv_from(&mut buffer).await.unwrap();
            codes.push(Message::from_vec(&buffer[..length]).unwrap().metadata.response_code);
        }
        assert_eq!(codes, [ResponseCode::ServFail, ResponseCode::NoError]);

        let mut tcp = TcpStream::connect(address).await.unwrap();
        for _ in 0..2 {
            tcp.write_u16(question().len() as u16).await.unwrap();
            tcp.write_all(&question()).await.unwrap();
            let length = tcp.read_u16().await.unwrap();
            let mut response = vec![0; length.into()];
            tcp.read_exact(&mut response).await.unwrap();
            assert_eq!(Message::from_vec(&response).unwrap().answers.len(), 1);
        }
        assert_eq!(counters.answered.load(Ordering::Relaxed), 4);
        serving.abort();
    }
}

/// A resolver of v4 that a socket of both families shows as `::ffff:127.0.0.1` is still of v4.
#[tokio::test]
async fn v4_resolvers_of_a_socket_of_both_families_find_their_group() {
    let answers = Answers::default();
    answers.install(fixture::loopback_plan()).unwrap();
    let zones = Zones::new(vec![Zone::new("acme.test", &[]).unwrap()]);
    let server = DnsServer::bind("[::]:0".parse().unwrap(), 1, answers, zones).unwrap();
    let port = server.local_addr().unwrap().port();
    let serving = tokio::spawn(server.run());
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(&question(), ("127.0.0.1", port)).await.unwrap();
    let mut buffer = [0; 512];
    let (length, _) = udp.recv_from(&mut buffer).await.unwrap();
    let response = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(response.answers[0].data.to_string(), "127.0.1.2", "what the group of 127.0.0.0/8 is given");
    serving.abort();
}

/// 40 name servers of 46 bytes each: more than any datagram of ours, and no trouble for TCP.
#[tokio::test]
async fn what_fits_no_datagram_is_truncated_and_whole_over_tcp() {
    let answers = Answers::default();
    answers.install(fixture::plan(1, 1)).unwrap();
    let servers: Vec<String> = (10..50).map(|at| format!("ns1.name-servers-of-provider-{at}.example")).collect();
    let zones =
        Zones::new(vec![Zone::new("acme.test", &servers).unwrap(), Zone::new("half.test", &servers[..20]).unwrap()]);
    let server = DnsServer::bind("127.0.0.1:0".parse().unwrap(), 1, answers, zones).unwrap();
    let address = server.local_addr().unwrap();
    let serving = tokio::spawn(server.run());
    let question = |apex: &str, payload: Option<u16>| {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_str(apex).unwrap(), RecordType::NS));
        if let Some(payload) = payload {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            message.set_edns(edns);
        }
        message.to_vec().unwrap()
    };
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut buffer = [0; 65_535];
    for (apex, payload, limit, whole) in [
        ("acme.test.", None, 512, None),
        ("acme.test.", Some(4_096), 1_232, None),
        // Of half as many: too long without EDNS, and with it not.
        ("half.test.", None, 512, None),
        ("half.test.", Some(512), 512, None),
        ("half.test.", Some(4_096), 1_232, Some(20)),
    ] {
        udp.send_to(&question(apex, payload), address).await.unwrap();
        let (length, _) = udp.recv_from(&mut buffer).await.unwrap();
        let response = Message::from_vec(&buffer[..length]).unwrap();
        let what = format!("{apex} with {payload:?}: {length} bytes");
        assert!(length <= limit, "{what}");
        assert_eq!(response.metadata.truncation, whole.is_none(), "{what}");
        assert_eq!(response.answers.len(), whole.unwrap_or(0), "{what}");
        assert_eq!(response.edns.map(|edns| edns.max_payload()), payload.map(|_| 1_232), "{what}");
    }
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let asked = question("acme.test.", None);
    tcp.write_u16(asked.len() as u16).await.unwrap();
    tcp.write_all(&asked).await.unwrap();
    let length: usize = tcp.read_u16().await.unwrap().into();
    tcp.read_exact(&mut buffer[..length]).await.unwrap();
    let response = Message::from_vec(&buffer[..length]).unwrap();
    assert!(length > 1_232 && !response.metadata.truncation);
    let named: Vec<String> = response.answers.iter().map(|record| record.data.to_string()).collect();
    assert_eq!(named, servers.iter().map(|server| format!("{server}.")).collect::<Vec<_>>());
    serving.abort();
}
