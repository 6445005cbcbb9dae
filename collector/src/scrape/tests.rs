//! Scrapes of a real server on loopback.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::timeout,
};
use weir_model::observation::{Labels, Rows};

use super::*;
use crate::{
    exposition::Limits,
    sink::{
        SinkError,
        recorder::{Recorder, render},
    },
    tls::TlsClient,
};

/// Longer than loopback ever takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves what `answer` makes of the number of requests before.
async fn serve(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let handler = get(move || {
        let response = answer(requests.fetch_add(1, SeqCst));
        async { response }
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", handler)).await.unwrap() });
    format!("http://{address}/metrics")
}

fn target(url: &str) -> ScrapeTarget {
    ScrapeTarget::new("edge", url, Duration::from_millis(50), Duration::from_millis(50)).unwrap()
}

struct Running {
    batches: UnboundedReceiver<Vec<Rows>>,
    sink: Arc<Recorder>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

fn start(target: ScrapeTarget) -> Running {
    let (sink, batches) = Recorder::new();
    let sink = Arc::new(sink);
    let (stop, stopped) = oneshot::channel();
    let client = client(&TlsClient::host_roots().unwrap()).unwrap();
    let stopped = async { drop(stopped.await) };
    let task = tokio::spawn(run(target, client, Arc::clone(&sink) as Arc<dyn Sink>, stopped));
    Running { batches, sink, stop, task }
}

impl Running {
    /// The next batch, with the port and the clock's figures left out.
    async fn next(&mut self) -> String {
        render(timeout(PATIENCE, self.batches.recv()).await.expect("a batch in time").expect("the loop runs"))
    }
}

/// What a scrape of this one answer makes of `up`.
async fn up(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static, limits: Limits) -> bool {
    let settings = TargetSettings { body_bytes_max: 100, limits, ..TargetSettings::default() };
    let target = target(&serve(answer).await).with_settings(settings);
    let batch = start(target).next().await;
    let line = batch.lines().find(|line| line.starts_with("metrics.up{")).unwrap().to_owned();
    line.contains("value=1 ")
}

#[test]
fn targets_are_checked() {
    let new = |url, timeout| ScrapeTarget::new("j", url, Duration::from_secs(10), Duration::from_secs(timeout));
    assert!(matches!(new("http://a/m", 11), Err(TargetError::Timeout { .. })));
    assert!(matches!(new("http://a/m", 0), Err(TargetError::Timeout { .. })));
    for url in ["", "a:80/metrics", "ftp://a/", "unix:/run/a"] {
        assert!(matches!(new(url, 5), Err(TargetError::Url(_))), "{url}");
    }
    let target = new("https://a.example/metrics", 5).unwrap().with_labels(&Labels::new([("site", "fra")]));
    assert_eq!(*target.labels(), Labels::new([("instance", "a.example:443"), ("job", "j"), ("site", "fra")]));
}

#[tokio::test]
async fn scrapes_label_fail_recover_and_stop() {
    let url = serve(|request| match request {
        1 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => ([(CONTENT_TYPE, OPENMETRICS)], "hits_total{instance=\"own\"} 7\n# EOF\n").into_response(),
    })
    .await;
    let mut running = start(target(&url));
    let instance = url.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    let series = format!("metrics.hits_total{{exported_instance=\"own\",instance=\"{instance}\",job=\"edge\"}}");
    let first = running.next().await;
    assert!(first.starts_with(&format!("{series} value=7 @")), "{first}");
    assert!(first.contains(&format!("metrics.up{{instance=\"{instance}\",job=\"edge\"}} value=1 @")), "{first}");
    let second = running.next().await;
    assert!(second.starts_with(&format!("{series} value=NaN @")) && second.contains("} value=0 @"), "{second}");
    assert!(running.next().await.starts_with(&format!("{series} value=7 @")));

    running.stop.send(()).unwrap();
    timeout(PATIENCE, running.task).await.expect("it stops").unwrap();
    let mut last = String::new();
    while let Ok(batch) = running.batches.try_recv() {
        last = render(batch);
    }
    assert_eq!(last.matches("value=NaN").count(), 6, "{last}");
}

#[tokio::test]
async fn what_cannot_be_trusted_counts_as_down() {
    let limits = Limits::default();
    let typed = |content_type, body: &'static str| move |_| ([(CONTENT_TYPE, content_type)], body).into_response();
    assert!(up(typed("text/plain", "a 1\n"), limits).await);
    assert!(up(typed("text/plain; version=0.0.4", "a 1\n"), limits).await);
    assert!(!up(typed(OPENMETRICS, "a 1\n"), limits).await, "cut off");
    assert!(!up(typed("text/html", "a 1\n"), limits).await, "a web page");
    assert!(!up(typed("text/plain", "a one\n"), limits).await, "malformed");
    assert!(!up(typed("text/plain", "a 1\nb 1\n"), Limits { samples: 1, ..limits }).await, "too many samples");
    assert!(!up(|_| "a 1\n".repeat(26).into_response(), limits).await, "104 bytes of 100");
    assert!(!up(|_| vec![0xff].into_response(), limits).await, "not UTF-8");
}

#[tokio::test]
async fn a_target_that_hangs_or_is_away_is_down_and_a_refusing_sink_does_not_end_the_loop() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", silent.local_addr().unwrap());
    let mut running = start(target(&url));
    assert!(running.next().await.contains("metrics.up{"));
    let before = SCRAPE_ROWS_LOST.get();
    running.sink.answer(Err(SinkError::Closed));
    let lost = async {
        while SCRAPE_ROWS_LOST.get() < before + 5 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, lost).await.expect("lost rows are counted");
    running.sink.answer(Ok(crate::sink::Written::default()));
    let down = running.next().await;
    assert!(down.lines().any(|line| line.starts_with("metrics.up{") && line.contains("value=0 ")), "{down}");
}

#[tokio::test]
async fn secrets_are_read_from_their_files_for_every_scrape() {
    use axum::http::{HeaderMap, header::AUTHORIZATION};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let handler = get(|headers: HeaderMap| async move {
        let shown = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        format!("shown{{as={shown:?}}} 1\n").replace("Some(", "").replace("\")", "\"")
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", handler)).await.unwrap() });
    let with = |auth| target(&url).with_settings(TargetSettings { auth: Some(auth), ..TargetSettings::default() });
    let credentials = Auth::Credentials { scheme: "Bearer".to_owned(), file: file.clone() };
    let basic = Auth::Basic { username: "weir".to_owned(), password_file: file.clone() };

    assert!(start(with(credentials.clone())).next().await.contains("} value=0 "), "there is no such file yet");
    std::fs::write(&file, "token\n").unwrap();
    let mut running = start(with(credentials));
    assert!(running.next().await.contains("as=\"Bearer token\""));
    std::fs::write(&file, "other").unwrap();
    let next = async { while !running.next().await.contains("as=\"Bearer other\"") {} };
    timeout(PATIENCE, next).await.expect("the file is read anew");
    assert!(start(with(basic)).next().await.contains("as=\"Basic d2VpcjpvdGhlcg==\""));
}
