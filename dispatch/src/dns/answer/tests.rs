use std::str::FromStr;

use expect_test::{Expect, expect};
use hickory_proto::rr::Name;
use proptest::prelude::*;

use super::*;
use crate::answers::fixture;

fn zones() -> Zones {
    Zones::new(vec![Zone::new("acme.test", &["ns1.acme.test 192.0.2.53 2001:db8::53".to_owned()]).unwrap()])
}

fn question(name: &str, kind: RecordType, subnet: Option<&str>) -> Message {
    let mut message = Message::query();
    message.metadata.id = 7;
    // Unlike `from_str`, this keeps the case.
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    if let Some(subnet) = subnet {
        let mut edns = Edns::new();
        edns.set_max_payload(4_096);
        edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::from_str(subnet).unwrap()));
        edns.options_mut().insert(EdnsOption::NSID(NSIDPayload::new(vec![]).unwrap()));
        message.set_edns(edns);
    }
    message
}

fn ask(request: &[u8]) -> Option<Message> {
    let picker = Picker::new(fixture::plan(1, 4));
    let resolver = "10.0.0.53".parse().unwrap();
    let bytes = respond(Some(&picker), &zones(), request, resolver, Transport::Udp)?;
    Some(Message::from_vec(&bytes).unwrap())
}

fn check(message: &Message, expect: Expect) {
    let response = ask(&message.to_vec().unwrap()).unwrap();
    let mut lines = vec![format!("{} aa={}", response.metadata.response_code, response.metadata.authoritative)];
    lines.extend(response.answers.iter().map(|record| record.to_string()));
    lines.extend(response.authorities.iter().map(|record| format!("authority {record}")));
    lines.extend(response.additionals.iter().map(|record| format!("additional {record}")));
    if let Some(EdnsOption::Subnet(subnet)) = response.edns.as_ref().and_then(|edns| edns.option(EdnsCode::Subnet)) {
        lines.push(format!("{}/{} scope {}", subnet.addr(), subnet.source_prefix(), subnet.scope_prefix()));
    }
    if let Some(EdnsOption::NSID(id)) = response.edns.as_ref().and_then(|edns| edns.option(EdnsCode::NSID)) {
        lines.push(String::from_utf8_lossy(id.as_ref()).into_owned());
    }
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn one_target_is_answered_wide_and_a_split_group_narrow() {
    check(
        &question("wWw.acme.test.", RecordType::A, Some("10.0.7.0/24")),
        expect![[r#"
            No Error aa=true
            wWw.acme.test. 1 IN A 127.0.1.1
            10.0.7.0/24 scope 16
            weir plan 1.4"#]],
    );
    check(
        &question("www.acme.test.", RecordType::A, Some("10.1.7.0/24")),
        expect![[r#"
        No Error aa=true
        www.acme.test. 1 IN A 127.0.1.2
        10.1.7.0/24 scope 24
        weir plan 1.4"#]],
    );
    check(
        &question("www.acme.test.", RecordType::AAAA, Some("10.0.7.0/24")),
        expect![[r#"
        No Error aa=true
        www.acme.test. 1 IN AAAA ::1
        10.0.7.0/24 scope 16
        weir plan 1.4"#]],
    );
}

#[test]
fn without_a_subnet_the_resolver_is_the_client_and_the_scope_is_zero() {
    check(
        &question("www.acme.test.", RecordType::A, None),
        expect![[r#"
        No Error aa=true
        www.acme.test. 1 IN A 127.0.1.1"#]],
    );
    check(
        &question("www.acme.test.", RecordType::A, Some("0.0.0.0/0")),
        expect![[r#"
        No Error aa=true
        www.acme.test. 1 IN A 127.0.1.1
        0.0.0.0/0 scope 0
        weir plan 1.4"#]],
    );
}

#[test]
fn names_and_types_without_an_answer() {
    check(
        &question("www.acme.test.", RecordType::TXT, None),
        expect![[r#"
        No Error aa=true
        authority acme.test. 5 IN SOA ns1.acme.test. hostmaster.acme.test. 4 3600 600 86400 5"#]],
    );
    check(
        &question("nope.acme.test.", RecordType::A, None),
        expect![[r#"
        Non-Existent Domain aa=true
        authority acme.test. 5 IN SOA ns1.acme.test. hostmaster.acme.test. 4 3600 600 86400 5"#]],
    );
    check(&question("www.other.test.", RecordType::A, None), expect!["Query Refused aa=false"]);
    check(
        &question("www.acme.test.", RecordType::ANY, None),
        expect![[r#"
        No Error aa=true
        www.acme.test. 1 IN HINFO RFC8482 "#]],
    );
    check(
        &question("acme.test.", RecordType::NS, None),
        expect![[r#"
            No Error aa=true
            acme.test. 3600 IN NS ns1.acme.test.
            additional ns1.acme.test. 3600 IN A 192.0.2.53
            additional ns1.acme.test. 3600 IN AAAA 2001:db8::53"#]],
    );
    check(
        &question("acme.test.", RecordType::SOA, None),
        expect![[r#"
        No Error aa=true
        acme.test. 5 IN SOA ns1.acme.test. hostmaster.acme.test. 4 3600 600 86400 5"#]],
    );
}

#[test]
fn names_above_a_domain_exist() {
    let estate = fixture::ESTATE.replace("www.acme.test", "a.b.acme.test");
    let number = weir_model::plan::PlanNumber { epoch: 1, generation: 4 };
    let picker = Picker::new(fixture::plan_of(&estate, number, &[&[(0, 1.0)], &[(0, 1.0)]]));
    let zones = Zones::new(vec![Zone::new("acme.test", &["ns1.dns.acme.test".to_owned()]).unwrap()]);
    let code = |name: &str| {
        let request = question(name, RecordType::A, None).to_vec().unwrap();
        let bytes = respond(Some(&picker), &zones, &request, "10.0.0.53".parse().unwrap(), Transport::Udp).unwrap();
        let response = Message::from_vec(&bytes).unwrap();
        assert_eq!(response.authorities.len(), 1, "{name}: a negative answer has the SOA");
        response.metadata.response_code
    };
    for name in ["B.acme.test.", "acme.test.", "dns.acme.test."] {
        assert_eq!(code(name), ResponseCode::NoError, "{name}");
    }
    for name in ["c.acme.test.", "x.b.acme.test.", "x.a.b.acme.test.", "ns2.dns.acme.test."] {
        assert_eq!(code(name), ResponseCode::NXDomain, "{name}");
    }
}

#[test]
fn name_servers_inside_the_zone_have_addresses() {
    check(
        &question("acme.test.", RecordType::NS, None),
        expect![[r#"
        No Error aa=true
        acme.test. 3600 IN NS ns1.acme.test.
        additional ns1.acme.test. 3600 IN A 192.0.2.53
        additional ns1.acme.test. 3600 IN AAAA 2001:db8::53"#]],
    );
    check(
        &question("Ns1.acme.test.", RecordType::A, None),
        expect![[r#"
            No Error aa=true
            Ns1.acme.test. 3600 IN A 192.0.2.53"#]],
    );
    check(
        &question("ns1.acme.test.", RecordType::AAAA, None),
        expect![[r#"
        No Error aa=true
        ns1.acme.test. 3600 IN AAAA 2001:db8::53"#]],
    );
    check(
        &question("ns1.acme.test.", RecordType::ANY, None),
        expect![[r#"
        No Error aa=true
        ns1.acme.test. 3600 IN A 192.0.2.53
        ns1.acme.test. 3600 IN AAAA 2001:db8::53"#]],
    );
    check(
        &question("ns1.acme.test.", RecordType::MX, None),
        expect![[r#"
        No Error aa=true
        authority acme.test. 5 IN SOA ns1.acme.test. hostmaster.acme.test. 4 3600 600 86400 5"#]],
    );
}

#[test]
fn glue_that_does_not_fit_is_left_out() {
    // 512 bytes hold 20 name servers of 18 bytes, and not their addresses as well.
    let servers: Vec<String> = (0..20).map(|at| format!("n{at:02}.acme.test 192.0.2.{at}")).collect();
    let zones = Zones::new(vec![Zone::new("acme.test", &servers).unwrap()]);
    let picker = Picker::new(fixture::plan(1, 4));
    let request = question("acme.test.", RecordType::NS, None).to_vec().unwrap();
    for (transport, addresses) in [(Transport::Udp, 0), (Transport::Tcp, 20)] {
        let bytes = respond(Some(&picker), &zones, &request, "10.0.0.53".parse().unwrap(), transport).unwrap();
        let response = Message::from_vec(&bytes).unwrap();
        assert_eq!((response.answers.len(), response.additionals.len()), (20, addresses), "{transport:?}");
        assert!(!response.metadata.truncation, "the answer is whole (RFC 2181, section 9)");
    }
}

#[test]
fn a_domain_that_does_not_list_dns_does_not_exist() {
    let picker = Picker::new(fixture::plan_without(Protocol::Dns));
    let request = question("www.acme.test.", RecordType::A, None).to_vec().unwrap();
    let bytes = respond(Some(&picker), &zones(), &request, "10.0.0.53".parse().unwrap(), Transport::Udp).unwrap();
    let response = Message::from_vec(&bytes).unwrap();
    assert_eq!(response.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(response.authorities[0].record_type(), RecordType::SOA, "or it could not be kept (RFC 2308)");
}

/// A question with a client subnet option of these bytes: family, source length, scope, address. By
/// hand, since the encoder would not write most of them.
fn with_subnet(option: &[u8]) -> Vec<u8> {
    let mut message = question("www.acme.test.", RecordType::A, None);
    let mut edns = Edns::new();
    edns.options_mut().insert(EdnsOption::Unknown(8, option.to_vec()));
    message.set_edns(edns);
    message.to_vec().unwrap()
}

#[test]
fn a_malformed_subnet_is_a_format_error() {
    let code = |request: &[u8]| ask(request).unwrap().metadata.response_code;
    let well_formed = [0, 1, 24, 0, 10, 0, 1];
    assert_eq!(code(&with_subnet(&well_formed)), ResponseCode::NoError);
    let malformed: [(&str, &[u8]); 10] = [
        ("bits beyond the source length", &[0, 1, 23, 0, 10, 0, 1]),
        ("a scope in a question", &[0, 1, 24, 8, 10, 0, 1]),
        ("an unknown family", &[0, 3, 24, 0, 10, 0, 1]),
        ("a longer prefix than addresses have", &[0, 1, 33, 0, 10, 0, 1, 1, 1]),
        ("an octet too many", &[0, 1, 24, 0, 10, 0, 1, 0]),
        ("an octet too few", &[0, 1, 24, 0, 10, 0]),
        ("an address of no bits", &[0, 1, 0, 0, 10]),
        ("family 0 with an address", &[0, 0, 8, 0, 10]),
        ("family 0 with a scope", &[0, 0, 0, 8]),
        ("no source length", &[0, 1]),
    ];
    for (what, option) in malformed {
        assert_eq!(code(&with_subnet(option)), ResponseCode::FormErr, "{what}");
    }
    let mut cut = with_subnet(&well_formed);
    // The option's own length, one more than there is.
    let at = cut.len() - well_formed.len() - 1;
    cut[at] += 1;
    assert_eq!(code(&cut), ResponseCode::FormErr, "an option beyond its record");
}

#[test]
fn a_subnet_of_family_0_asks_for_none_and_is_echoed() {
    let picker = Picker::new(fixture::plan(1, 4));
    let request = with_subnet(&[0, 0, 0, 0]);
    let mut bytes = respond(Some(&picker), &zones(), &request, "10.0.0.53".parse().unwrap(), Transport::Udp).unwrap();
    assert!(bytes.ends_with(&[0, 8, 0, 4, 0, 0, 0, 0]), "{bytes:?}");
    // As family 1, which the decoder knows.
    let family_at = bytes.len() - 3;
    bytes[family_at] = 1;
    let response = Message::from_vec(&bytes).unwrap();
    assert_eq!(response.metadata.response_code, ResponseCode::NoError);
    assert_eq!(response.answers[0].data.to_string(), "127.0.1.1", "for the resolver, 10.0.0.53");
}

#[test]
fn the_question_is_echoed_in_the_case_it_came_in() {
    let asked = question("wWw.aCme.test.", RecordType::A, None);
    let response = ask(&asked.to_vec().unwrap()).unwrap();
    assert!(response.queries[0].name().eq_case(asked.queries[0].name()), "0x20 bits carry entropy");
}

#[test]
fn other_opcodes_versions_and_counts_are_named() {
    let mut update = question("www.acme.test.", RecordType::A, None);
    update.metadata.op_code = OpCode::Status;
    assert_eq!(ask(&update.to_vec().unwrap()).unwrap().metadata.response_code, ResponseCode::NotImp);
    let mut version = question("www.acme.test.", RecordType::A, Some("10.0.0.0/24"));
    version.edns.as_mut().unwrap().set_version(1);
    // BADVERS and BADSIG share the number 16.
    assert_eq!(u16::from(ask(&version.to_vec().unwrap()).unwrap().metadata.response_code), 16);
    let mut two = question("www.acme.test.", RecordType::A, None);
    two.add_query(Query::query(Name::from_str("a.acme.test.").unwrap(), RecordType::A));
    assert_eq!(ask(&two.to_vec().unwrap()).unwrap().metadata.response_code, ResponseCode::FormErr);
    let mut response = question("www.acme.test.", RecordType::A, None);
    response.metadata.message_type = MessageType::Response;
    assert!(ask(&response.to_vec().unwrap()).is_none());
}

#[test]
fn without_a_plan_the_server_fails_and_says_so() {
    let request = question("www.acme.test.", RecordType::A, None).to_vec().unwrap();
    let bytes = respond(None, &zones(), &request, "10.0.0.53".parse().unwrap(), Transport::Udp).unwrap();
    assert_eq!(Message::from_vec(&bytes).unwrap().metadata.response_code, ResponseCode::ServFail);
}

proptest! {
    #[test]
    fn garbage_is_answered_or_dropped_and_never_crashes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(response) = ask(&bytes) {
            prop_assert_eq!(response.metadata.message_type, MessageType::Response);
        }
    }

    #[test]
    fn a_damaged_question_never_crashes(at in 0usize..80, byte in any::<u8>(), cut in 0usize..80) {
        let mut bytes = question("www.acme.test.", RecordType::A, Some("10.1.7.0/24")).to_vec().unwrap();
        let end = bytes.len();
        bytes[at % end] = byte;
        bytes.truncate(end - cut % end);
        if let Some(response) = ask(&bytes) {
            prop_assert_eq!(response.metadata.message_type, MessageType::Response);
        }
    }
}
