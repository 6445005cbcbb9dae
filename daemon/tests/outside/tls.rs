//! TLS on the API and on gRPC, and agents and executors that show a certificate.

use std::{fs, io::Read, net::TcpStream, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::StatusCode;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::CertificateDer};

use super::weir::{DNS, GRPC, HTTP, LOOK_EVERY, Place, Process, client_of, until};

/// An authority, what it signed for the daemon at `place`, and for its clients.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Writes `<name>.pem` and `<name>-key.pem`, for the subject `at`.
    fn sign(&self, place: &Place, name: &str, at: String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![at]).unwrap().signed_by(&key, &self.issuer).unwrap();
        place.write(&format!("{name}.pem"), certificate.pem());
        place.write(&format!("{name}-key.pem"), key.serialize_pem());
    }

    fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }
}

/// A place whose daemon speaks TLS and asks clients on gRPC for a certificate.
fn place(authority: &Authority) -> Place {
    let place = Place::new();
    authority.sign(&place, "daemon", place.address.to_string());
    authority.sign(&place, "client", "client.test".into());
    place.write("ca.pem", authority.issuer.pem());
    place.configure("tls: {certificate: daemon.pem, key: daemon-key.pem, client_ca: ca.pem}");
    place
}

/// Starts the daemon; a client that trusts the authority.
async fn run(place: &Place) -> (Process, reqwest::Client) {
    let daemon = place.start(place.weir(&["run", "--config", "weir.yaml"]));
    let authority = reqwest::Certificate::from_pem(&fs::read(place.path("ca.pem")).unwrap()).unwrap();
    let client = client_of(|builder| builder.tls_certs_only([authority]));
    let url = format!("https://{}:{HTTP}/readyz", place.address);
    let look = async || client.get(&url).send().await.is_ok_and(|a| a.status() == StatusCode::OK).then_some(());
    until("the daemon answers over TLS", look).await;
    (daemon, client)
}

#[tokio::test]
async fn https_is_served_to_those_who_trust_the_certificate_only() {
    let place = place(&Authority::new());
    let (_daemon, client) = run(&place).await;
    let url = format!("https://{}:{HTTP}/api/v1/sql", place.address);
    let answer = client.post(&url).header("accept", "text/csv").body("SELECT 7 AS seven").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "seven\n7\n");
    let rebound = client.post(&url).header("host", "rebound.example").body("SELECT 7").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN, "on loopback, over TLS as without");
    let plain = client.get(place.url("/healthz")).send().await;
    assert!(!plain.is_ok_and(|answer| answer.status().is_success()), "without TLS nothing is served");
    let stranger = client_of(|builder| builder.tls_certs_only([])).post(&url).body("SELECT 1").send().await;
    assert!(stranger.unwrap_err().is_connect());
    // The command line trusts what the host trusts.
    let mut command = place.weir(&["sql", "--output", "csv", "SELECT 7 AS seven"]);
    command.env("WEIR_URL", format!("https://{}:{HTTP}", place.address)).env("SSL_CERT_FILE", place.path("ca.pem"));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "seven\n7\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_ends_the_start() {
    let place = Place::new();
    place.configure("tls: {certificate: nowhere.pem, key: nowhere-key.pem}");
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("nowhere.pem"), "{said}");
}

/// What gRPC says to a client that trusts the daemon and has no certificate.
fn without_certificate(place: &Place, authority: &Authority) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    let name = std::net::IpAddr::from(place.address).into();
    let stream = TcpStream::connect((place.address, GRPC)).unwrap();
    stream.set_read_timeout(Some(1_000 * LOOK_EVERY)).unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    tls.read(&mut [0; 1]).unwrap_err().to_string()
}

#[tokio::test]
async fn agents_and_executors_show_a_certificate() {
    let authority = Authority::new();
    let place = place(&authority);
    let (_daemon, client) = run(&place).await;
    assert_eq!(without_certificate(&place, &authority), "received fatal alert: CertificateRequired");

    let address = place.address;
    let shown = "{ca: ca.pem, certificate: client.pem, key: client-key.pem}";
    let config = format!(
        "name: fra-1\ndaemon: 'https://{address}:{GRPC}'\ntls: {shown}\n\
         probes: [{{node: edge-east, kind: tcp, address: '{address}:{HTTP}', interval: 20ms}}]\n"
    );
    place.write("agent.yaml", config);
    let _agent = place.start(place.weir(&["agent", "--config", "agent.yaml"]));
    let dns = Place::new();
    for file in ["ca.pem", "client.pem", "client-key.pem"] {
        fs::copy(place.path(file), dns.path(file)).unwrap();
    }
    dns.configure(&format!("controller: 'https://{address}:{GRPC}'\ncontroller_tls: {shown}"));
    let _executor = dns.start(dns.weir(&["run", "--config", "weir.yaml", "--roles", "dns"]));
    let asked = async |query: &str| {
        let url = format!("https://{address}:{HTTP}/api/v1/sql");
        let answer = client.post(url).header("accept", "text/csv").body(query.to_owned()).send().await.unwrap();
        let found = answer.status() == StatusCode::OK;
        found.then_some(answer.text().await.unwrap()).filter(|text| text.lines().count() > 1)
    };
    let heard = until("the agent is heard", async || asked("SELECT DISTINCT vantage FROM node_health").await).await;
    assert_eq!(heard, "vantage\nfra-1\n");
    let query = format!("SELECT DISTINCT applied FROM ops.acks WHERE executor = 'dns-{}:{DNS}'", dns.address);
    assert_eq!(until("the executor applies a plan", async || asked(&query).await).await, "applied\ntrue\n");
}

#[tokio::test]
async fn without_an_authority_of_its_own_an_agent_trusts_what_the_host_trusts() {
    let authority = Authority::new();
    let place = place(&authority);
    place.configure("tls: {certificate: daemon.pem, key: daemon-key.pem}");
    let (_daemon, client) = run(&place).await;
    let address = place.address;
    let agent = |name: &str, more: &str| {
        let config = format!("name: {name}\ndaemon: 'https://{address}:{GRPC}'\nspool: spool-{name}\n{more}\n");
        place.write(&format!("{name}.yaml"), config);
        let mut command = place.weir(&["agent", "--config", &format!("{name}.yaml")]);
        command.env("SSL_CERT_FILE", place.path("ca.pem"));
        place.start(command)
    };
    // And its probes speak TLS too: the daemon's own API is what they ask.
    let probe = |link: &str, expected: &str| {
        format!(
            "{{link: {link}, kind: https, address: '{address}:{HTTP}', path: /healthz, interval: 100ms, timeout: 5s, {expected}}}"
        )
    };
    let probes = [
        probe("good", "status: [200], body: ok"),
        probe("coded", "status: [404, 500-599]"),
        probe("worded", "body: no"),
    ];
    let _agents =
        [agent("plain", &format!("probes: [{}]", probes.join(", "))), agent("section", "tls: {}\nprobes: []")];
    let asked = async |query: &str, rows: usize| {
        let url = format!("https://{address}:{HTTP}/api/v1/sql");
        let answer = client.post(url).header("accept", "text/csv").body(query.to_owned()).send().await.unwrap();
        let found = answer.status() == StatusCode::OK;
        found.then_some(answer.text().await.unwrap()).filter(|text| text.lines().count() > rows)
    };
    let query = "SELECT DISTINCT target, probe, ok, reason FROM link_probe ORDER BY target";
    let seen = until("probes are answered", async || asked(query, 3).await).await;
    assert_eq!(
        seen,
        "target,probe,ok,reason\ncoded,https,false,status 200\ngood,https,true,\nworded,https,false,unexpected body\n"
    );
    let query = "SELECT DISTINCT instance FROM node_load1 WHERE instance <> 'weir' ORDER BY 1";
    assert_eq!(until("both agents are heard", async || asked(query, 2).await).await, "instance\nplain\nsection\n");

    place.write(
        "clear.yaml",
        format!("name: clear\ndaemon: 'http://{address}:{GRPC}'\ntls: {{ca: ca.pem}}\nprobes: []\n"),
    );
    let (code, _, said) = place.ends(&["agent", "--config", "clear.yaml"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("would be asked without TLS, and TLS is configured for it: write it as https://"), "{said}");
}
