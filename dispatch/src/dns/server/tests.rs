use std::str::FromStr;

use hickory_proto::{
    op::{Message, Query, ResponseCode},
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
