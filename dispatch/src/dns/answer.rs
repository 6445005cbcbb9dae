//! One DNS message in, one out. Pure: sockets are elsewhere.

use std::net::IpAddr;

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, RData, Record, RecordType,
        rdata::{
            self,
            opt::{ClientSubnet, EdnsCode, EdnsOption, NSIDPayload},
        },
    },
};
use weir_model::{
    estate::Protocol,
    picker::{Client, Picker},
};

use super::{
    client_subnet::{self, Malformed, Subnet},
    zones::{Zone, Zones},
};

/// UDP payload we announce and fill: what crosses any path without fragments (DNS flag day 2020).
pub(super) const EDNS_PAYLOAD: u16 = 1_232;
/// UDP payload without EDNS (RFC 1035, section 4.2.1).
const PLAIN_PAYLOAD: usize = 512;
/// Bytes of a DNS header.
const HEADER: usize = 12;
/// Longest message over TCP: its length is 16 bits.
const TCP_PAYLOAD: usize = u16::MAX as usize;

/// How the question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the answer may have to be truncated.
    Udp,
    /// On a stream.
    Tcp,
}

/// Answers `request` from `resolver`. `None`: to be dropped without an answer (too short to carry
/// an id, or itself a response: answering those makes loops).
pub fn respond(
    picker: Option<&Picker>,
    zones: &Zones,
    request: &[u8],
    resolver: IpAddr,
    transport: Transport,
) -> Option<Vec<u8>> {
    let is_response = request.get(2)? & 0x80 != 0;
    if request.len() < HEADER || is_response {
        return None;
    }
    let subnet = client_subnet::read(request);
    let decodable = subnet.ok().flatten().and_then(|subnet| subnet.decodable(request));
    let Ok(query) = Message::from_vec(decodable.as_deref().unwrap_or(request)) else {
        return Some(format_error(request));
    };
    let mut response = Message::response(query.metadata.id, query.metadata.op_code);
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.queries.clone_from(&query.queries);
    let context = Question { picker, zones, resolver, subnet, query: &query };
    let outcome = context.answer(&mut response);
    if let Some(edns) = &query.edns {
        response.set_edns(context.edns(edns, &outcome));
    }
    response.metadata.response_code = outcome.code;
    let limit = match transport {
        Transport::Udp => {
            query.edns.as_ref().map_or(PLAIN_PAYLOAD, |edns| usize::from(edns.max_payload().clamp(512, EDNS_PAYLOAD)))
        }
        Transport::Tcp => TCP_PAYLOAD,
    };
    encode(response, limit)
}

/// What became of a question.
#[derive(Debug)]
struct Outcome {
    code: ResponseCode,
    /// Scope to return with the client subnet, when the question had one.
    scope: u8,
}

impl Outcome {
    fn of(code: ResponseCode) -> Self {
        Self { code, scope: 0 }
    }
}

#[derive(Debug)]
struct Question<'a> {
    picker: Option<&'a Picker>,
    zones: &'a Zones,
    resolver: IpAddr,
    subnet: Result<Option<Subnet>, Malformed>,
    query: &'a Message,
}

impl Question<'_> {
    /// Fills the sections of `response`, in the order of RFC 1034, section 4.3.2: is it a question
    /// at all, is it ours, does the name exist, does it have the type.
    fn answer(&self, response: &mut Message) -> Outcome {
        if self.query.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return Outcome::of(ResponseCode::BADVERS);
        }
        if self.query.metadata.op_code != OpCode::Query {
            return Outcome::of(ResponseCode::NotImp);
        }
        let [question] = self.query.queries.as_slice() else { return Outcome::of(ResponseCode::FormErr) };
        let Ok(client) = self.client() else { return Outcome::of(ResponseCode::FormErr) };
        let ours = question.query_class() == DNSClass::IN || question.query_class() == DNSClass::ANY;
        let Some(zone) = self.zones.find(question.name()).filter(|_| ours) else {
            return Outcome::of(ResponseCode::Refused);
        };
        let Some(picker) = self.picker else { return Outcome::of(ResponseCode::ServFail) };
        response.metadata.authoritative = true;
        let outcome = named(picker, zone, question, client, response);
        if response.answers.is_empty() {
            response.add_authority(zone.soa(picker.number().generation));
        }
        outcome
    }

    /// Whom the answer is for. A source length of 0 asks us not to use the client's address
    /// (RFC 7871, section 7.1.2).
    fn client(&self) -> Result<Client, Malformed> {
        let net = self.subnet?.and_then(|subnet| subnet.net).filter(|net| net.prefix_len() > 0);
        Ok(net.map_or(Client::Resolver(self.resolver), |net| Client::Subnet(net.addr())))
    }

    /// The OPT record of the response: our payload, the scope, and on request (RFC 5001) which
    /// plan answered: `dig +nsid` shows it.
    fn edns(&self, asked: &Edns, outcome: &Outcome) -> Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_PAYLOAD);
        edns.set_version(0);
        if let Ok(Some(subnet)) = self.subnet
            && outcome.code != ResponseCode::FormErr
        {
            edns.options_mut().insert(echo(subnet, outcome.scope));
        }
        if asked.option(EdnsCode::NSID).is_some()
            && let Some(picker) = self.picker
            && let Ok(payload) = NSIDPayload::new(format!("weir plan {}", picker.number()))
        {
            edns.options_mut().insert(EdnsOption::NSID(payload));
        }
        edns
    }
}

/// The option of a response: family, source length and address as they came (RFC 7871, section 7.2.1).
fn echo(subnet: Subnet, scope: u8) -> EdnsOption {
    match subnet.net {
        Some(net) => EdnsOption::Subnet(ClientSubnet::new(net.addr(), net.prefix_len(), scope)),
        None => EdnsOption::Unknown(EdnsCode::Subnet.into(), vec![0, 0, 0, 0]),
    }
}

/// Answers for a name in a zone of ours.
fn named(picker: &Picker, zone: &Zone, question: &Query, client: Client, response: &mut Message) -> Outcome {
    let name = question.name();
    let is_apex = *name == zone.apex;
    if is_apex && matches!(question.query_type(), RecordType::SOA | RecordType::NS) {
        match question.query_type() {
            RecordType::SOA => drop(response.add_answer(zone.soa(picker.number().generation))),
            _ => {
                response.add_answers(zone.ns());
                response.add_additionals(zone.glue());
            }
        }
        return Outcome::of(ResponseCode::NoError);
    }
    let text = name.to_ascii().to_ascii_lowercase();
    // A domain that does not list DNS does not exist here: NXDOMAIN, which a resolver keeps for every type
    // at once, and at which a client turns to its other protocol; after NODATA it would ask for each type.
    let Some(domain) = picker.domain_by(text.trim_end_matches('.'), Protocol::Dns) else {
        return beside_domains(picker, zone, question, response);
    };
    // RFC 2181, section 8: whole seconds, 31 bits; the inventory refuses others.
    let ttl = u32::try_from(picker.ttl(domain).as_secs()).unwrap_or(u32::MAX >> 1);
    let want_v6 = match question.query_type() {
        RecordType::A => false,
        RecordType::AAAA => true,
        RecordType::ANY => {
            // RFC 8482, section 4.2: a synthesised HINFO rather than everything.
            let hinfo = rdata::HINFO::new("RFC8482".to_owned(), String::new());
            response.add_answer(Record::from_rdata(name.clone(), ttl, RData::HINFO(hinfo)));
            return Outcome::of(ResponseCode::NoError);
        }
        _ => return Outcome::of(ResponseCode::NoError),
    };
    let Some(picked) = picker.pick(domain, client) else { return Outcome::of(ResponseCode::ServFail) };
    for address in picker.addresses(&picked, want_v6) {
        let data = match address {
            IpAddr::V4(v4) => RData::A(v4.into()),
            IpAddr::V6(v6) => RData::AAAA(v6.into()),
        };
        response.add_answer(Record::from_rdata(name.clone(), ttl, data));
    }
    Outcome { code: ResponseCode::NoError, scope: picked.scope }
}

/// Answers for a name that is no domain: a name server's addresses; nothing, for a name that exists
/// because it is the apex or something lies below it (RFC 8020, section 2); else that it does not exist.
fn beside_domains(picker: &Picker, zone: &Zone, question: &Query, response: &mut Message) -> Outcome {
    let name = question.name();
    if let Some(server) = zone.name_server(name) {
        let kind = question.query_type();
        let asked = |record: &Record| kind == record.record_type() || kind == RecordType::ANY;
        response.add_answers(server.records(name).filter(asked));
        return Outcome::of(ResponseCode::NoError);
    }
    let text = name.to_ascii().to_ascii_lowercase();
    let is_above = picker.is_above_a_domain(text.trim_end_matches('.')) || zone.is_above_a_server(name);
    let exists = *name == zone.apex || is_above;
    Outcome::of(if exists { ResponseCode::NoError } else { ResponseCode::NXDomain })
}

/// The response's bytes. When they do not fit, first what is only beside the answer is left out (RFC
/// 2181, section 9), then every record, and the response is marked truncated.
fn encode(mut response: Message, limit: usize) -> Option<Vec<u8>> {
    let mut bytes = response.to_vec().ok()?;
    if bytes.len() > limit && !response.additionals.is_empty() {
        response.additionals.clear();
        bytes = response.to_vec().ok()?;
    }
    if bytes.len() <= limit { Some(bytes) } else { response.truncate().to_vec().ok() }
}

/// FORMERR with the request's id and opcode: all that can be trusted of it.
fn format_error(request: &[u8]) -> Vec<u8> {
    let id = u16::from_be_bytes([request[0], request[1]]);
    let op_code = OpCode::from_u8((request[2] >> 3) & 0x0f);
    let mut response = Message::new(id, MessageType::Response, op_code);
    response.metadata.response_code = ResponseCode::FormErr;
    response.to_vec().unwrap_or_default()
}

#[cfg(test)]
mod tests;
