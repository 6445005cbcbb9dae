//! Names asked of a server on loopback.

use expect_test::{Expect, expect};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Record,
        rdata::{A, AAAA, CNAME, SRV},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

use super::*;

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

/// What the server says: `web.example` has addresses, `many.example` more than a datagram holds,
/// `broken.example` is a failure, all else is unknown.
fn answer(question: &[u8], is_udp: bool) -> Vec<u8> {
    let query = Message::from_vec(question).unwrap();
    let asked = query.queries[0].clone();
    let mut response = query.into_response();
    let add = |response: &mut Message, data: RData| {
        response.add_answer(Record::from_rdata(asked.name().clone(), 60, data));
    };
    match (asked.name().to_ascii().as_str(), asked.query_type()) {
        ("web.example.", RecordType::A) => {
            add(&mut response, RData::CNAME(CNAME(name("www.example."))));
            add(&mut response, RData::A(A::new(192, 0, 2, 2)));
            add(&mut response, RData::A(A::new(192, 0, 2, 1)));
        }
        ("web.example.", RecordType::AAAA) => {
            add(&mut response, RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)))
        }
        ("_db._tcp.example.", RecordType::SRV) => {
            for (port, target) in [(3306, "db1.example."), (3307, "db2.example.")] {
                add(&mut response, RData::SRV(SRV::new(0, 0, port, name(target))));
            }
        }
        ("many.example.", _) if is_udp => response.metadata.truncation = true,
        ("many.example.", _) => (1..=100).for_each(|last| add(&mut response, RData::A(A::new(192, 0, 2, last)))),
        ("broken.example.", _) => response.metadata.response_code = ResponseCode::ServFail,
        ("web.example.", _) => {}
        _ => response.metadata.response_code = ResponseCode::NXDomain,
    }
    response.to_vec().unwrap()
}

/// A name server on loopback, over UDP and TCP.
async fn server() -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // A port that is free for UDP may be taken for TCP.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, client) = udp.recv_from(&mut buffer).await.unwrap();
            udp.send_to(b"not an answer", client).await.unwrap();
            udp.send_to(&answer(&buffer[..length], true), client).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut question = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question, false);
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address
}

async fn resolver() -> Resolver {
    let mut conf = resolv_conf::ResolvConf::parse("search example\n");
    conf.servers = vec![server().await];
    Resolver::new(conf)
}

async fn check(resolver: &Resolver, name: &str, kind: RecordKind, expect: Expect) {
    let sd = DnsSd { names: Vec::new(), kind, port: 9100, refresh_interval: Duration::from_secs(30) };
    let shown = match look_up(resolver, &sd, name).await {
        Err(error) => error.to_string().replace(&resolver_port(resolver), "PORT"),
        Ok(targets) => {
            let line = |labels: &LabelSet| {
                labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
            };
            targets.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    };
    expect.assert_eq(&shown);
}

fn resolver_port(resolver: &Resolver) -> String {
    resolver.servers()[0].port().to_string()
}

#[tokio::test]
async fn records_are_targets_with_prometheus_labels() {
    let resolver = resolver().await;
    check(
        &resolver,
        "web.example.",
        RecordKind::A,
        expect![[r#"
            __address__=192.0.2.1:9100 __meta_dns_name=web.example.
            __address__=192.0.2.2:9100 __meta_dns_name=web.example."#]],
    )
    .await;
    check(&resolver, "web", RecordKind::Aaaa, expect!["__address__=[2001:db8::1]:9100 __meta_dns_name=web"]).await;
    check(
        &resolver,
        "_db._tcp.example",
        RecordKind::Srv,
        expect![[r#"
            __address__=db1.example:3306 __meta_dns_name=_db._tcp.example __meta_dns_srv_record_port=3306 __meta_dns_srv_record_target=db1.example.
            __address__=db2.example:3307 __meta_dns_name=_db._tcp.example __meta_dns_srv_record_port=3307 __meta_dns_srv_record_target=db2.example."#]],
    )
    .await;
}

#[tokio::test]
async fn what_a_datagram_does_not_hold_comes_over_tcp() {
    let found = resolver().await.look_up("many.example", RecordType::A).await.unwrap();
    assert_eq!(found.len(), 100);
}

/// No name is an answer: its targets are gone. A failure is none: they stay.
#[tokio::test]
async fn no_such_name_is_an_empty_list_and_a_failure_is_an_error() {
    let resolver = resolver().await;
    check(&resolver, "nowhere", RecordKind::A, expect![""]).await;
    check(&resolver, "web.example", RecordKind::Srv, expect![""]).await;
    check(
        &resolver,
        "broken.example",
        RecordKind::A,
        expect!["broken.example. at 127.0.0.1:PORT: the server says Server Failure"],
    )
    .await;
    check(
        &resolver,
        &"a".repeat(64),
        RecordKind::A,
        expect![[r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example." is not a name"#]],
    )
    .await;
}
