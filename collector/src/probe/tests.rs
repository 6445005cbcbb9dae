//! Probes against real sockets on loopback.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{Router, http::StatusCode, routing::get};
use expect_test::expect;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, UdpSocket},
    sync::mpsc,
    task::JoinHandle,
};
use weir_model::id::VantageId;

use super::{
    stamp::{Mode, StampReflector},
    *,
};
use crate::{sink::recorder::render, tls::TlsClient};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longer than loopback ever takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

fn node() -> Target {
    Target::Node("edge-1".into())
}

fn spec(kind: ProbeKind) -> ProbeSpec {
    ProbeSpec::new(node(), kind, Duration::from_millis(250), Duration::from_secs(5)).unwrap()
}

/// Runs the probe until it has this many results, in order of sending.
async fn results(spec: ProbeSpec, count: usize) -> Vec<ProbeResult> {
    let (sender, mut receiver) = mpsc::channel(1_000);
    let probing = tokio::spawn(run(spec, sender));
    let mut results = Vec::new();
    while results.len() < count {
        let result = tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("a result in time");
        results.push(result.expect("the probe runs on"));
    }
    drop(receiver);
    tokio::time::timeout(PATIENCE, probing).await.expect("the probe ends with its reader").unwrap();
    results.sort_by_key(|result| result.sent_mono);
    results
}

async fn outcome(kind: ProbeKind) -> Outcome {
    results(spec(kind), 1).await[0].outcome
}

fn reason(outcome: Outcome) -> Option<Reason> {
    match outcome {
        Outcome::Ok { .. } => None,
        Outcome::Fail { reason } => Some(reason),
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address on which nothing listens.
async fn closed() -> SocketAddr {
    listen().await.1
}

#[test]
fn specs_out_of_bounds_are_refused() {
    let address = SocketAddr::new(LOCALHOST, 80);
    let spec = |interval, timeout| {
        let (interval, timeout) = (Duration::from_millis(interval), Duration::from_millis(timeout));
        ProbeSpec::new(node(), ProbeKind::Tcp { address }, interval, timeout)
    };
    assert_eq!(spec(9, 5).unwrap_err(), SpecError::Interval(Duration::from_millis(9)));
    assert!(matches!(spec(10, 0), Err(SpecError::Timeout { .. })));
    assert!(matches!(spec(10, 1_001), Err(SpecError::Timeout { .. })));
    let spec = spec(10, 1_000).unwrap();
    assert_eq!(spec.in_flight_max(), 100);
    assert!(matches!(spec.from_source("::1".parse().unwrap()), Err(SpecError::Source { .. })));
    assert!(matches!(HttpProbe::new(address, "a\nb", "/"), Err(SpecError::Http { what: "host", .. })));
    assert!(matches!(HttpProbe::new(address, "a", "health"), Err(SpecError::Http { what: "path", .. })));
}

#[tokio::test]
async fn tcp_connects_from_the_source_address_and_is_refused_where_nothing_listens() {
    let (listener, address) = listen().await;
    let peer = tokio::spawn(async move { listener.accept().await.unwrap().1.ip() });
    let source: IpAddr = "127.0.0.9".parse().unwrap();
    let spec = spec(ProbeKind::Tcp { address }).from_source(source).unwrap();
    assert!(matches!(results(spec, 1).await[0].outcome, Outcome::Ok { rtt } if rtt > Duration::ZERO));
    assert_eq!(peer.await.unwrap(), source);

    let refused = outcome(ProbeKind::Tcp { address: closed().await }).await;
    assert_eq!(reason(refused), Some(Reason::Refused));
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_and_probes_overlap_no_more_than_timeout_over_interval() {
    let (listener, address) = listen().await;
    let (open, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open_now, peak_now) = (Arc::clone(&open), Arc::clone(&peak));
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            peak_now.fetch_max(open_now.fetch_add(1, SeqCst) + 1, SeqCst);
            let open_now = Arc::clone(&open_now);
            // Reads the request and on, until the probe gives up.
            tokio::spawn(async move {
                while matches!(stream.read(&mut [0; 1024]).await, Ok(read) if read > 0) {}
                open_now.fetch_sub(1, SeqCst);
            });
        }
    });
    let probe = HttpProbe::new(address, "localhost", "/").unwrap();
    let (interval, timeout) = (Duration::from_millis(20), Duration::from_millis(70));
    let spec = ProbeSpec::new(node(), ProbeKind::Http(Box::new(probe)), interval, timeout).unwrap();
    let found = results(spec, 12).await;
    server.abort();
    assert!(found.iter().all(|result| reason(result.outcome) == Some(Reason::Timeout)));
    assert_eq!(found[11].loss, 1.0);
    // One more than ceil(70 / 20): the server may see a close later than the next connection.
    let peak = peak.load(SeqCst);
    assert!((2..=5).contains(&peak), "{peak} at once");
}

async fn serve_http() -> (JoinHandle<()>, SocketAddr) {
    let (listener, address) = listen().await;
    let app = Router::new()
        .route("/ok", get(|| async { "all systems go" }))
        .route("/big", get(|| async { format!("{}needle", "x".repeat(http::BODY_BYTES_MAX)) }))
        .route("/sick", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    (tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }), address)
}

#[tokio::test]
async fn http_expects_a_status_and_a_text() {
    let (server, address) = serve_http().await;
    let ask = async |path: &str, expect: fn(HttpProbe) -> HttpProbe| {
        let probe = HttpProbe::new(address, "localhost", path).unwrap();
        reason(outcome(ProbeKind::Http(Box::new(expect(probe)))).await)
    };
    assert_eq!(ask("/ok", |probe| probe).await, None);
    assert_eq!(ask("/ok", |probe| probe.expect_body("systems")).await, None);
    assert_eq!(ask("/ok", |probe| probe.expect_body("nothing")).await, Some(Reason::BadBody));
    assert_eq!(ask("/big", |probe| probe.expect_body("xxx")).await, None);
    assert_eq!(ask("/big", |probe| probe.expect_body("needle")).await, Some(Reason::BadBody));
    assert_eq!(ask("/sick", |probe| probe).await, Some(Reason::BadStatus(503)));
    assert_eq!(ask("/sick", |probe| probe.expect_status([200..=204, 500..=503])).await, None);
    server.abort();
}

#[tokio::test]
async fn http_tells_a_closed_connection_from_a_wrong_protocol() {
    for (answer, expected) in [
        (&b""[..], Reason::Other("connection closed early")),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Reason::Other("not an HTTP answer")),
    ] {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        });
        let probe = HttpProbe::new(address, "localhost", "/").unwrap();
        assert_eq!(reason(outcome(ProbeKind::Http(Box::new(probe))).await), Some(expected));
        server.await.unwrap();
    }
}

/// For `localhost` and 127.0.0.1, its own root.
fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(include_bytes!("fixtures/localhost.cert.pem")).unwrap()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trusting() -> TlsClient {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    TlsClient::new(config.with_root_certificates(roots).with_no_client_auth())
}

async fn serve_https() -> (JoinHandle<()>, SocketAddr) {
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/localhost.key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        }
    });
    (server, address)
}

#[tokio::test]
async fn https_verifies_the_certificate_and_the_name() {
    let (server, address) = serve_https().await;
    let ask = async |host: &str, client: TlsClient, address| {
        let probe = HttpProbe::new(address, host, "/").unwrap().expect_body("ok").over_tls(client).unwrap();
        reason(outcome(ProbeKind::Http(Box::new(probe))).await)
    };
    assert_eq!(ask("localhost", trusting(), address).await, None);
    assert_eq!(ask("127.0.0.1:443", trusting(), address).await, None);
    assert_eq!(ask("elsewhere.example", trusting(), address).await, Some(Reason::Tls));
    assert_eq!(ask("localhost", TlsClient::host_roots().unwrap(), address).await, Some(Reason::Tls));
    let (plain, plain_address) = serve_http().await;
    assert_eq!(ask("localhost", trusting(), plain_address).await, Some(Reason::Tls));
    server.abort();
    plain.abort();
}

/// A reflector that is 30 ms away from 127.0.0.3 and next to everybody else.
async fn reflector(mode: Mode) -> (JoinHandle<()>, SocketAddr) {
    let far: IpAddr = "127.0.0.3".parse().unwrap();
    let delay = move |from: SocketAddr| Duration::from_millis(if from.ip() == far { 30 } else { 0 });
    let reflector = StampReflector::bind(SocketAddr::new(LOCALHOST, 0), delay).await.unwrap().with_mode(mode);
    let address = reflector.local_addr().unwrap();
    (tokio::spawn(async move { drop(reflector.run().await) }), address)
}

fn fast(address: SocketAddr) -> ProbeSpec {
    ProbeSpec::new(node(), ProbeKind::Stamp { address }, Duration::from_millis(10), Duration::from_secs(1)).unwrap()
}

#[tokio::test]
async fn stamp_measures_each_sources_distance_without_one_holding_up_another() {
    let (server, address) = reflector(Mode::Stateless).await;
    let source = |text: &str| fast(address).from_source(text.parse().unwrap()).unwrap();
    let (far, near) = tokio::join!(results(source("127.0.0.3"), 10), results(source("127.0.0.2"), 10));
    let shortest = |results: &[ProbeResult]| {
        let rtt = |result: &ProbeResult| match result.outcome {
            Outcome::Ok { rtt } => rtt,
            Outcome::Fail { reason } => panic!("{reason}"),
        };
        results.iter().map(rtt).min().unwrap()
    };
    assert!(shortest(&far) >= Duration::from_millis(30), "{:?}", shortest(&far));
    assert!(shortest(&near) < Duration::from_millis(30), "{:?}", shortest(&near));
    assert!(far[0].jitter.is_none() && far[9].jitter.is_some());
    server.abort();
}

#[tokio::test]
async fn a_stateful_reflector_counts_by_itself_and_copies_what_follows_the_base_packet() {
    for (mode, expected) in [(Mode::Stateless, [7, 9]), (Mode::Stateful, [0, 1])] {
        let (server, address) = reflector(mode).await;
        let socket = UdpSocket::bind((LOCALHOST, 0)).await.unwrap();
        for (sent, expected) in [7, 9].into_iter().zip(expected) {
            let request = stamp::packet::Request::new(sent, stamp::ntp::NtpTime(1));
            let packet = [&request.encode()[..], b"extra"].concat();
            socket.send_to(b"too short", address).await.unwrap();
            socket.send_to(&packet, address).await.unwrap();
            let mut answer = [0; 100];
            let (bytes, _) = tokio::time::timeout(PATIENCE, socket.recv_from(&mut answer)).await.unwrap().unwrap();
            let reply = stamp::packet::Reply::decode(&answer[..bytes]).unwrap();
            assert_eq!((reply.sequence, reply.request), (expected, request), "{mode:?}");
            assert_eq!(&answer[stamp::packet::PACKET_BYTES..bytes], b"extra");
        }
        server.abort();
    }
}

#[tokio::test]
async fn stamp_is_refused_by_a_closed_port_and_times_out_on_a_silent_one() {
    let address = UdpSocket::bind((LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let refused = results(fast(address), 3).await;
    assert!(refused.iter().all(|result| reason(result.outcome) == Some(Reason::Refused)), "{refused:?}");

    let silent = UdpSocket::bind((LOCALHOST, 0)).await.unwrap();
    let kind = ProbeKind::Stamp { address: silent.local_addr().unwrap() };
    let spec = ProbeSpec::new(node(), kind, Duration::from_millis(10), Duration::from_millis(30)).unwrap();
    let lost = results(spec, 3).await;
    assert!(lost.iter().all(|result| reason(result.outcome) == Some(Reason::Timeout)), "{lost:?}");
}

#[tokio::test]
async fn a_source_that_is_not_of_this_host_fails_every_probe_and_is_tried_again() {
    for kind in [ProbeKind::Stamp { address: closed().await }, ProbeKind::Tcp { address: closed().await }] {
        let spec = ProbeSpec::new(node(), kind, INTERVAL_MIN, PATIENCE / 100).unwrap();
        // TEST-NET-1 (RFC 5737): nobody's.
        let found = results(spec.from_source("192.0.2.1".parse().unwrap()).unwrap(), 2).await;
        let expected = Some(Reason::Other("source address is not of this host"));
        assert!(found.iter().all(|result| reason(result.outcome) == expected), "{found:?}");
    }
}

#[test]
fn results_become_rows_with_nulls_where_nothing_was_measured() {
    let result = |probe, outcome, jitter| ProbeResult {
        target: node(),
        probe,
        at: UnixNanos::from_secs(1_700_000_000),
        sent_mono: Mono(0),
        outcome,
        jitter,
        loss: 0.0,
    };
    let rtt = Duration::from_micros(12_500);
    let failed = Outcome::Fail { reason: Reason::BadStatus(502) };
    let results = [
        result("http", Outcome::Ok { rtt }, None),
        result("tcp", Outcome::Ok { rtt }, Some(Duration::from_millis(1))),
        result("http", failed, Some(Duration::from_millis(2))),
    ];
    let rows = rows(&VantageId::from("fra"), &results);
    assert_eq!((rows[0].labels.len(), rows[0].series.clone()), (2, vec![0, 1, 0]));
    expect![[r#"
        metrics.link_probe{probe="http",target="edge-1",target_kind="node",vantage="fra"} ok=true rtt_ms=12.5 jitter_ms=null reason=null @1700000000
        metrics.link_probe{probe="tcp",target="edge-1",target_kind="node",vantage="fra"} ok=true rtt_ms=12.5 jitter_ms=1 reason=null @1700000000
        metrics.link_probe{probe="http",target="edge-1",target_kind="node",vantage="fra"} ok=false rtt_ms=null jitter_ms=2 reason="status 502" @1700000000
    "#]]
    .assert_eq(&render(rows));
    assert!(super::rows(&VantageId::from("fra"), &[]).is_empty());
}
