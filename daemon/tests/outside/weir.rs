//! A place of its own for each test: a folder, a loopback address that nobody else uses, and the
//! processes started there, killed when they are dropped.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// How long anything may take that a test waits for: a start takes well under a second, and a
/// machine that builds something else meanwhile is some ten times slower.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Where the API, gRPC, DNS and HTTP 302 listen at a place's address. All below 32768: no
/// connection has one of them as its source port.
pub(crate) const HTTP: u16 = 7080;
pub(crate) const GRPC: u16 = 7081;
pub(crate) const REDIRECT: u16 = 7082;
pub(crate) const DNS: u16 = 7053;

/// Two edges at two sites, an origin that both reach, two groups of users, each near another site.
const ESTATE: &str = "\
providers: [{id: own, tier: S}]
sites:
  - {id: core, kind: idc, region: middle, provider: own}
  - {id: east, kind: idc, region: east, provider: own}
  - {id: west, kind: idc, region: west, provider: own}
nodes:
  - {id: origin, site: core, role: origin, addresses: [192.0.2.1], port: 80, capacity: 1Gbps}
  - {id: edge-east, site: east, role: edge, addresses: [192.0.2.2, '2001:db8:ffff::2'], port: 80, capacity: 1Gbps}
  - {id: edge-west, site: west, role: edge, addresses: [192.0.2.3, '2001:db8:ffff::3'], port: 80, capacity: 1Gbps}
links:
  - {id: east-core, kind: backbone, from: edge-east, to: origin, provider: own, capacity: 1Gbps, latency: 4ms}
  - {id: west-core, kind: backbone, from: edge-west, to: origin, provider: own, capacity: 1Gbps, latency: 4ms}
customers: [{id: acme}]
domains:
  - {id: www.acme.test, customer: acme, latency_max: 80ms, ttl: 5s, origins: [origin], protocols: [dns, httpdns, http302]}
client_groups:
  - {id: easterners, region: east, isp: telco, prefixes: [10.1.0.0/16, '2001:db8:1::/48'], latency: {east: 5ms, west: 50ms}}
  - {id: westerners, region: west, isp: telco, prefixes: [10.2.0.0/16, '2001:db8:2::/48'], latency: {east: 50ms, west: 5ms}}
";

/// A loopback address of this process's own: 15 bits of its id, and a count of places.
fn address() -> Ipv4Addr {
    static PLACES: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let place = PLACES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |place| place.checked_add(1));
    Ipv4Addr::new(127, high | 0x80, low, place.expect("a test binary has at most 254 places"))
}

/// Looks until `look` sees something, at most [`PATIENCE`].
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A folder and an address.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) address: Ipv4Addr,
}

impl Place {
    /// A new place, with an estate and a configuration in its folder.
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), address: address() };
        place.write("estate.yaml", ESTATE);
        place.configure("");
        place
    }

    /// The path of `name` in the folder.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes `weir.yaml`: everything listens at this place, and `more` keys.
    pub(crate) fn configure(&self, more: &str) {
        let at = |port| format!("'{}:{port}'", self.address);
        let (http, grpc, dns, redirect) = (at(HTTP), at(GRPC), at(DNS), at(REDIRECT));
        self.write(
            "weir.yaml",
            format!(
                "inventory: estate.yaml\nlisten: {{http: {http}, grpc: {grpc}, dns: {dns}, redirect: {redirect}}}\n\
                 zones: [{{apex: acme.test}}]\n{more}\n"
            ),
        );
    }

    /// `weir` with `args` here.
    pub(crate) fn weir(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(args);
        self.here(command)
    }

    /// `command` run in the folder, without what the caller's environment says to `weir`.
    pub(crate) fn here(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path()).env_remove("WEIR_LOG").env_remove("WEIR_TOKEN");
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command.env("WEIR_URL", self.url(""));
        command
    }

    /// Starts a command; what it says goes into files.
    pub(crate) fn start(&self, mut command: Command) -> Process {
        let file = |kind| tempfile::Builder::new().prefix(kind).tempfile_in(&self.folder).unwrap().keep().unwrap();
        let ((out, out_path), (err, err_path)) = (file("out-"), file("err-"));
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Process { child: command.spawn().unwrap(), out: out_path, err: err_path }
    }

    /// Starts `weir run`, and waits until it answers.
    pub(crate) async fn run(&self) -> Process {
        self.run_as(self.weir(&["run", "--config", "weir.yaml"])).await
    }

    /// Starts this command for `weir run`, and waits until it answers.
    pub(crate) async fn run_as(&self, command: Command) -> Process {
        self.answering("/healthz", self.start(command)).await
    }

    /// Starts `weir run`, and waits until there is a plan.
    pub(crate) async fn run_to_plan(&self) -> Process {
        self.ready(self.start(self.weir(&["run", "--config", "weir.yaml"]))).await
    }

    /// Waits until the daemon `process` has a plan.
    pub(crate) async fn ready(&self, process: Process) -> Process {
        self.answering("/readyz", process).await
    }

    async fn answering(&self, path: &str, mut process: Process) -> Process {
        let client = client();
        let look = async || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}");
            }
            client.get(self.url(path)).send().await.is_ok_and(|answer| answer.status().is_success()).then_some(())
        };
        until("the daemon answers", look).await;
        process
    }

    /// Runs `weir` to its end: exit code, standard output, standard error.
    pub(crate) async fn ends(&self, args: &[&str]) -> (i32, String, String) {
        self.finishes(self.weir(args)).await
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    pub(crate) async fn finishes(&self, command: Command) -> (i32, String, String) {
        let mut process = self.start(command);
        let status = until("the command ends", async || process.child.try_wait().unwrap()).await;
        let read = |path| fs::read_to_string(path).unwrap();
        (status.code().unwrap_or(-1), read(&process.out), read(&process.err))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}:{HTTP}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, self.url(path))
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::POST, path).body(body).send().await.unwrap()
    }

    /// The rows that a query gives.
    pub(crate) async fn sql(&self, query: &str) -> Vec<Vec<Value>> {
        let answer = self.post("/api/v1/sql", query.to_owned()).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{query}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        serde_json::from_value(answer["rows"].clone()).unwrap()
    }

    /// The rows that a query gives, none where its table does not exist yet.
    pub(crate) async fn rows_so_far(&self, query: &str) -> Vec<Vec<Value>> {
        let answer = self.post("/api/v1/sql", query.to_owned()).await;
        if answer.status() == StatusCode::OK { self.sql(query).await } else { Vec::new() }
    }
}

/// An HTTP client that no environment diverts.
pub(crate) fn client() -> reqwest::Client {
    client_of(|builder| builder)
}

/// As [`client`], with more settings.
pub(crate) fn client_of(set: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> reqwest::Client {
    // Chosen by another test already: the same one.
    drop(rustls::crypto::ring::default_provider().install_default());
    set(reqwest::Client::builder().no_proxy()).build().unwrap()
}

/// A process, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn ask_to_stop(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it wrote on standard error so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("process {} said:\n{}", self.child.id(), self.said());
        }
    }
}
