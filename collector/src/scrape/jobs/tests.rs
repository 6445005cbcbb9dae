//! Targets that appear and go, found in files and at a server on loopback.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc::UnboundedReceiver,
    time::timeout,
};
use weir_model::observation::{Column, Rows, STALE_NAN_BITS};

use super::*;
use crate::{
    scrape::{FileSd, Health, HttpSd, Scheme, TargetGroup, TargetSettings, job::tests::job},
    sink::recorder::Recorder,
};

/// Longer than loopback ever takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(20);

/// A target on loopback and how often it was asked.
async fn exposer() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let handler = get(move || async move { format!("asked {}\n", counter.fetch_add(1, SeqCst) + 1) });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", handler)).await.unwrap() });
    (address, asked)
}

fn quick(name: &str, discovery: Vec<Discovery>) -> ScrapeJob {
    ScrapeJob { interval: SOON, timeout: SOON, discovery, ..job(name) }
}

fn connected(jobs: Vec<ScrapeJob>) -> Vec<ConnectedJob> {
    let host = TlsClient::host_roots().unwrap();
    jobs.into_iter().map(|job| ConnectedJob::new(job, &host).unwrap()).collect()
}

fn fixed(targets: &[&str]) -> Discovery {
    let targets = targets.iter().map(|target| (*target).to_owned()).collect();
    Discovery::Static(vec![TargetGroup { targets, labels: BTreeMap::new() }])
}

/// The jobs and what they wrote: of each `instance`, the last value of `asked` and of `up`, bit for bit.
struct World {
    jobs: ScrapeJobs,
    batches: UnboundedReceiver<Vec<Rows>>,
    last: BTreeMap<(String, String), f64>,
    /// Instances of which any series was ever marked stale.
    marked: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let (sink, batches) = Recorder::new();
        Self { jobs: ScrapeJobs::new(Arc::new(sink)), batches, last: BTreeMap::new(), marked: BTreeSet::new() }
    }

    /// Reads batches until `done`.
    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let reading = async {
            while !done(self) {
                for rows in self.batches.recv().await.unwrap() {
                    let [(_, Column::F64(values))] = rows.fields.as_slice() else { panic!("{rows:?}") };
                    for (series, value) in rows.series.iter().zip(values) {
                        let instance = rows.labels[*series as usize].get("instance").to_owned();
                        if value.unwrap().to_bits() == STALE_NAN_BITS {
                            self.marked.insert(instance.clone());
                        }
                        self.last.insert((rows.table.name.to_string(), instance), value.unwrap());
                    }
                }
            }
        };
        if timeout(PATIENCE, reading).await.is_err() {
            panic!("never: {what}; {:?}", self.last);
        }
    }

    fn is_up(&self, instance: &str) -> bool {
        self.last.get(&("up".to_owned(), instance.to_owned())) == Some(&1.0)
    }

    /// Whether all its series ended.
    fn is_stale(&self, instance: &str) -> bool {
        let mut series = self.last.iter().filter(|((_, of), _)| of == instance).map(|(_, value)| value.to_bits());
        series.clone().count() == 6 && series.all(|value| value == STALE_NAN_BITS)
    }
}

fn write(file: &Path, targets: &[&str]) {
    let part = file.with_extension("part");
    std::fs::write(&part, format!("[{{\"targets\": {targets:?}, \"labels\": {{\"from\": \"file\"}}}}]")).unwrap();
    std::fs::rename(part, file).unwrap();
}

#[tokio::test]
async fn targets_of_files_appear_and_go_and_the_others_go_on() {
    let ((a, a_asked), (b, _)) = (exposer().await, exposer().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.json");
    let files = FileSd::new(vec![folder.path().join("*.json")], SOON).unwrap();
    let mut world = World::new();
    world.jobs.apply(connected(vec![quick("files", vec![Discovery::File(files)])]));

    write(&file, &[&a]);
    world.until("a is up", |world| world.is_up(&a)).await;
    write(&file, &[&a, &b]);
    world.until("b is up", |world| world.is_up(&b)).await;
    let shown: Vec<(String, Health)> = world
        .jobs
        .board()
        .targets()
        .iter()
        .map(|target| (target.labels.get("from").to_owned(), target.health))
        .collect();
    assert_eq!(shown, [("file".to_owned(), Health::Up), ("file".to_owned(), Health::Up)]);

    write(&file, &[&a]);
    world.until("b is stale", |world| world.is_stale(&b)).await;
    assert!(world.is_up(&a) && !world.is_stale(&a));
    assert_eq!(world.jobs.board().targets().len(), 1);

    // Half a file is none: what was known stays.
    std::fs::write(&file, "[{\"targets\": [").unwrap();
    let asked = a_asked.load(SeqCst);
    world.until("a goes on", |_| a_asked.load(SeqCst) > asked + 5).await;
    assert!(world.is_up(&a));
    std::fs::remove_file(&file).unwrap();
    world.until("a is stale", |world| world.is_stale(&a)).await;
}

#[tokio::test]
async fn targets_of_a_server_appear_and_go_and_stay_while_it_fails() {
    let (a, a_asked) = exposer().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sd", listener.local_addr().unwrap());
    type Answer = Arc<Mutex<(StatusCode, &'static str, String)>>;
    let answer: Answer = Arc::new(Mutex::new((StatusCode::OK, "application/json", "[]".to_owned())));
    let (served, asked) = (Arc::clone(&answer), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&asked);
    let handler = get(move || async move {
        counter.fetch_add(1, SeqCst);
        let (status, kind, body) = served.lock().unwrap().clone();
        Response::into_response((status, [(CONTENT_TYPE, kind)], body).into_response())
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/sd", handler)).await.unwrap() });

    let mut world = World::new();
    let server = Discovery::Http(HttpSd::new(&url, SOON).unwrap());
    let mut job = quick("server", vec![server]);
    job.relabel = vec![copy("__meta_url", "sd")];
    world.jobs.apply(connected(vec![job]));
    *answer.lock().unwrap() =
        (StatusCode::OK, "application/json; charset=utf-8", format!("[{{\"targets\": [{a:?}]}}]"));
    world.until("a is up", |world| world.is_up(&a)).await;
    assert_eq!(world.jobs.board().targets()[0].labels.get("sd"), url);

    for bad in [
        (StatusCode::INTERNAL_SERVER_ERROR, "application/json", "[]".to_owned()),
        (StatusCode::OK, "text/html", "[]".to_owned()),
        (StatusCode::OK, "application/json", "{}".to_owned()),
    ] {
        *answer.lock().unwrap() = bad;
        let (before, scrapes) = (asked.load(SeqCst), a_asked.load(SeqCst));
        world.until("it fails twice", |_| asked.load(SeqCst) > before + 2 && a_asked.load(SeqCst) > scrapes + 1).await;
        assert!(world.is_up(&a));
    }
    *answer.lock().unwrap() = (StatusCode::OK, "application/json", "[]".to_owned());
    world.until("a is stale", |world| world.is_stale(&a)).await;
}

fn copy(from: &str, to: &str) -> crate::scrape::relabel::Rule {
    crate::scrape::relabel::Rule::new(crate::scrape::relabel::RuleText {
        source_labels: vec![from.to_owned()],
        target_label: Some(to.to_owned()),
        ..Default::default()
    })
    .unwrap()
}

/// A reload keeps what is unchanged: its series are not marked stale in between, and it is asked at its pace.
#[tokio::test]
async fn a_reload_disturbs_only_what_it_changes() {
    let ((a, a_asked), (b, _), (c, _)) = (exposer().await, exposer().await, exposer().await);
    let mut world = World::new();
    world.jobs.apply(connected(vec![quick("one", vec![fixed(&[&a, &b])]), quick("two", vec![fixed(&[&c])])]));
    world.until("all are up", |world| [&a, &b, &c].iter().all(|instance| world.is_up(instance))).await;

    let (d, _) = exposer().await;
    let (asked, ids) = (a_asked.load(SeqCst), world.jobs.board().targets());
    world.jobs.apply(connected(vec![quick("one", vec![fixed(&[&a]), fixed(&[&d])])]));
    world
        .until("b and c are stale, d is up", |world| world.is_stale(&b) && world.is_stale(&c) && world.is_up(&d))
        .await;
    world.until("a goes on", |_| a_asked.load(SeqCst) > asked + 2).await;
    assert_eq!(world.marked, BTreeSet::from([b.clone(), c.clone()]), "a was never marked");
    assert_eq!((ids.len(), world.jobs.board().targets().len()), (3, 2));

    // How it is scraped is another: it begins anew.
    let mut other = quick("one", vec![fixed(&[&a])]);
    other.settings = Arc::new(TargetSettings { sample_limit: Some(0), ..TargetSettings::default() });
    world.jobs.apply(connected(vec![other]));
    world
        .until("the limit counts", |world| {
            world.last.get(&("up".to_owned(), a.clone())) == Some(&0.0) && world.is_stale(&d)
        })
        .await;
    let status = &world.jobs.board().targets()[0];
    assert_eq!((status.health, &*status.last_error), (Health::Down, "more than the 0 samples of `sample_limit`"));
    world.jobs.apply(Vec::new());
    world.until("a is stale", |world| world.last[&("up".to_owned(), a.clone())].to_bits() == STALE_NAN_BITS).await;
    assert!(world.jobs.board().targets().is_empty());
}

/// Over TLS with the certificate of the fixtures: at `/sd` its own address as a target, and metrics elsewhere. Also
/// how often it was not trusted.
async fn tls_exposer() -> (String, Arc<AtomicUsize>) {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = include_bytes!("../../probe/fixtures/localhost.key.pem");
    let key = PrivateKeyDer::from_pem_slice(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (target, distrusted) = (address.clone(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&distrusted);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                counter.fetch_add(1, SeqCst);
                continue;
            };
            let mut request = vec![0; 4_096];
            let Ok(length) = stream.read(&mut request).await else { continue };
            let (kind, body) = match request[..length].starts_with(b"GET /sd ") {
                true => ("application/json", format!("[{{\"targets\": [{target:?}]}}]")),
                false => ("text/plain", "asked 1\n".to_owned()),
            };
            let head = format!("content-type: {kind}\r\ncontent-length: {}\r\nconnection: close", body.len());
            drop(stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    (address, distrusted)
}

const CERTIFICATE: &str = include_str!("../../probe/fixtures/localhost.cert.pem");

#[tokio::test]
async fn a_reload_reads_files_of_tls_again_and_leaves_them_where_they_are_taken_away() {
    let (address, distrusted) = tls_exposer().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, include_str!("../../probe/fixtures/other.cert.pem")).unwrap();
    let files = Some(TlsFiles { ca: Some(ca.clone()), identity: None });
    let job = |tls: Option<TlsFiles>| {
        let sd = HttpSd::new(&format!("https://{address}/sd"), SOON).unwrap().with_access(None, files.clone());
        // A handshake takes longer than a scrape in the clear.
        let interval = Duration::from_millis(500);
        ScrapeJob { scheme: Scheme::Https, interval, timeout: interval, tls, ..quick("tls", vec![Discovery::Http(sd)]) }
    };
    let mut world = World::new();
    world.jobs.apply(connected(vec![job(files.clone())]));
    let asked = async {
        while distrusted.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asked).await.expect("another authority is not trusted");
    assert!(world.jobs.board().targets().is_empty());

    std::fs::write(&ca, CERTIFICATE).unwrap();
    world.jobs.apply(connected(vec![job(files.clone())]));
    world.until("the list is read, and its target is up", |world| world.is_up(&address)).await;

    // The host does not trust that authority.
    world.jobs.apply(connected(vec![job(None)]));
    world.until("the target is down", |world| world.last[&("up".to_owned(), address.clone())] == 0.0).await;
}
