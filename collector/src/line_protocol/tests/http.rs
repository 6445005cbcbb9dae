//! Requests as clients of both versions make them.

use std::{io::Write, sync::Arc, time::Duration};

use expect_test::{Expect, expect};
use flate2::{Compression, write::GzEncoder};
use reqwest::{Method, StatusCode};
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use weir_model::observation::{Rows, TableName};

use super::super::{Limits, server::with_limits};
use crate::{
    forgotten::heard_after_sending,
    series_cache::SeriesCache,
    sink::{
        Rejection, Sink, SinkError, Written,
        recorder::{Recorder, render},
    },
};

const V2: &str = "/api/v2/write?org=ops&bucket=hosts&precision=s";
const V1: &str = "/write?db=telegraf&precision=s";

struct Server {
    url: String,
    sink: Arc<Recorder>,
    batches: UnboundedReceiver<Vec<Rows>>,
    client: reqwest::Client,
}

async fn serve(limits: Limits) -> Server {
    let (sink, batches) = Recorder::new();
    let sink = Arc::new(sink);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = with_limits(Arc::clone(&sink) as Arc<dyn Sink>, Arc::new(SeriesCache::default()), limits);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = crate::scrape::client(&crate::tls::TlsClient::host_roots().unwrap()).unwrap();
    Server { url, sink, batches, client }
}

impl Server {
    /// Status, `Retry-After` and text of the answer.
    async fn send(&self, path: &str, body: impl Into<reqwest::Body>, encoding: Option<&str>) -> (u16, String, String) {
        let mut request = self.client.post(format!("{}{path}", self.url)).body(body);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        let response = request.send().await.unwrap();
        let retry_after = response.headers().get("retry-after").map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status().as_u16(), retry_after, response.text().await.unwrap())
    }

    /// Posts lines to the path of version 2.
    async fn post(&self, lines: &str) -> (u16, String, String) {
        self.send(V2, lines.to_owned(), None).await
    }

    fn written(&mut self) -> String {
        self.batches.try_recv().map_or_else(|_| "nothing".to_owned(), render)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn good_lines_are_in_the_sink_before_their_204() {
    let mut server = serve(Limits::default()).await;
    let lines = "cpu,host=a user=1.5 7\ncpu,host=b user=2.5 8\nup value=1 9\n";
    let done = (204, String::new(), String::new());
    let row = "metrics.up{} value=1 @9\nmetrics.cpu{host=\"a\"} user=1.5 @7\nmetrics.cpu{host=\"b\"} user=2.5 @8\n";
    for path in [V2, V1, "/write?precision=s", "/api/v2/write?precision=s"] {
        assert_eq!(server.send(path, lines, None).await, done, "{path}");
        assert_eq!(server.written(), row);
    }
    assert_eq!(server.send(V2, lines, Some("identity")).await, done);
    assert_eq!(server.written(), row);
    assert_eq!(server.send(V2, gzip(lines.as_bytes()), Some("gzip")).await, done);
    assert_eq!(server.written(), row);
    // Members one after another are one body (RFC 1952, section 2.2).
    let (first, second) = lines.as_bytes().split_at(11);
    assert_eq!(server.send(V2, [gzip(first), gzip(second)].concat(), Some("gzip")).await, done);
    assert_eq!(server.written(), row);
    // Without a length, as Telegraf sends.
    let chunks = lines.as_bytes().chunks(5).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let body = reqwest::Body::wrap(http_body_util::StreamBody::new(futures::stream::iter(
        chunks.map(|chunk| chunk.map(|bytes| hyper::body::Frame::data(bytes::Bytes::from(bytes)))).collect::<Vec<_>>(),
    )));
    assert_eq!(server.send(V2, body, None).await, done);
    assert_eq!(server.written(), row);
    for empty in ["", "\n", "# nothing\n"] {
        assert_eq!(server.post(empty).await, done);
        assert_eq!(server.written(), "nothing");
    }
}

#[tokio::test]
async fn bad_lines_are_a_400_and_the_others_are_written() {
    let mut server = serve(Limits::default()).await;
    let lines = "cpu user=1 7\ncpu user=x 7\ncpu\n";
    let (status, _, text) = server.send(V2, lines, None).await;
    assert_eq!(status, 400);
    expect![[r#"{"code":"invalid","line":2,"message":"partial write: 1 lines written, 2 rejected\nline 2: field `user`: `x` is no number, boolean or quoted string\nline 3: there are no fields; after measurement and tags comes a space and `key=value`"}"#]].assert_eq(&text);
    assert_eq!(server.written(), "metrics.cpu{} user=1 @7\n");

    let (status, _, text) = server.send(V1, lines, None).await;
    assert_eq!(status, 400);
    expect![[r#"{"error":"partial write: 1 lines written, 2 rejected\nline 2: field `user`: `x` is no number, boolean or quoted string\nline 3: there are no fields; after measurement and tags comes a space and `key=value`"}"#]].assert_eq(&text);
    assert_eq!(server.written(), "metrics.cpu{} user=1 @7\n");

    let (status, _, text) = server.post(&"bad\n".repeat(12)).await;
    assert_eq!(status, 400);
    assert!(
        text.contains("partial write: 0 lines written, 12 rejected\\nline 1: ") && text.contains("\\nand 2 more lines"),
        "{text}"
    );
    assert_eq!(server.written(), "nothing");
}

#[tokio::test]
async fn what_the_store_rejects_is_told() {
    let server = serve(Limits::default()).await;
    let reason = "field 'user' is float in this table, not integer";
    let rejection = Rejection { table: TableName::metric("cpu"), rows: 1, reason: reason.into() };
    server.sink.answer(Ok(Written { rows: 0, rejected: vec![rejection] }));
    let (status, _, text) = server.post("cpu user=1 7\ncpu user=2i 7\nbad").await;
    assert_eq!(status, 400);
    expect![[r#"{"code":"invalid","line":3,"message":"partial write: 1 lines written, 2 rejected\nline 3: there are no fields; after measurement and tags comes a space and `key=value`\nmetrics.cpu: 1 field 'user' is float in this table, not integer"}"#]].assert_eq(&text);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let mut server = serve(Limits { body_bytes: 64, compressed_bytes: 48, ..Limits::default() }).await;
    let told = async |path: &str, body: Vec<u8>, encoding, expect: Expect| {
        let (status, retry_after, text) = server.send(path, body, encoding).await;
        assert_eq!(retry_after, "");
        expect.assert_eq(&format!("{status} {text}"));
    };
    let line = b"cpu user=1 7\n".to_vec();
    told(
        "/api/v2/write?precision=m",
        line.clone(),
        None,
        expect![[r#"400 {"code":"invalid","message":"there is no precision `m`; use ns, us, ms or s"}"#]],
    )
    .await;
    told(
        "/write?precision=d",
        line.clone(),
        None,
        expect![[r#"400 {"error":"there is no precision `d`; use n, u, ms, s, m or h"}"#]],
    )
    .await;
    told(
        V2,
        line.clone(),
        Some("deflate"),
        expect![[r#"415 {"code":"invalid","message":"content encoding must be gzip or identity"}"#]],
    )
    .await;
    told(V2, line.clone(), Some("gzip"), expect![[r#"400 {"code":"invalid","message":"the body is not gzip, though Content-Encoding says so: invalid gzip header"}"#]]).await;
    let cut = gzip(&line);
    told(V2, cut[..cut.len() - 9].to_vec(), Some("gzip"), expect![[r#"400 {"code":"invalid","message":"the body is not gzip, though Content-Encoding says so: incomplete deflate stream"}"#]]).await;
    told(V2, vec![b'\n'; 65], None, expect![[r#"413 {"code":"request too large","message":"the body has more than 64 bytes; send fewer lines at a time"}"#]]).await;
    told(
        V1,
        vec![b'\n'; 65],
        None,
        expect![[r#"413 {"error":"the body has more than 64 bytes; send fewer lines at a time"}"#]],
    )
    .await;
    told(V2, vec![b'\n'; 49], Some("gzip"), expect![[r#"413 {"code":"request too large","message":"the body has more than 48 bytes; send fewer lines at a time"}"#]]).await;
    told(
        V2,
        gzip(&[b'\n'; 65]),
        Some("gzip"),
        expect![[
            r#"413 {"code":"request too large","message":"the lines have more than 64 bytes; send fewer at a time"}"#
        ]],
    )
    .await;
    assert_eq!(server.send(V2, gzip(&[b'\n'; 64]), Some("gzip")).await.0, 204);
    assert_eq!(server.send(V2, vec![b'\n'; 64], None).await.0, 204);
    assert_eq!(server.written(), "nothing");
}

#[tokio::test]
async fn who_sends_everything_before_listening_is_told_what_is_wrong() {
    let mut server = serve(Limits { body_bytes: 64, ..Limits::default() }).await;
    let url = format!("{}/write", server.url);
    assert_eq!(heard_after_sending(&url, "").await, "HTTP/1.1 413");
    assert_eq!(heard_after_sending(&url, "content-encoding: zstd\r\n").await, "HTTP/1.1 415");
    assert_eq!(heard_after_sending(&format!("{url}?precision=d"), "").await, "HTTP/1.1 400");
    assert_eq!(server.written(), "nothing");
}

#[test]
fn a_gzip_bomb_is_inflated_to_the_limit_only() {
    use super::super::inflate::{Encoding, inflate};
    let limits = Limits { body_bytes: 16 << 10, ..Limits::default() };
    // 1 MiB of line breaks, which is 1 KiB.
    let bomb = gzip(&vec![b'\n'; 1 << 20]);
    assert!(bomb.len() < 2 << 10);
    let error = inflate(bomb.into(), Encoding::Gzip, &limits).unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(error.to_string(), "the lines have more than 16384 bytes; send fewer at a time");
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let server = serve(Limits::default()).await;
    for (error, retry_after) in [
        (SinkError::Overloaded { retry_after: Duration::from_millis(500) }, "1"),
        (SinkError::DiskFull { retry_after: Duration::from_secs(60) }, "60"),
        (SinkError::Closed, "1"),
    ] {
        server.sink.answer(Err(error.clone()));
        let text = format!(r#"{{"code":"unavailable","message":"{error}"}}"#);
        assert_eq!(server.post("cpu user=1 7").await, (503, retry_after.to_owned(), text));
        let text = format!(r#"{{"error":"{error}"}}"#);
        assert_eq!(server.send(V1, "cpu user=1 7", None).await, (503, retry_after.to_owned(), text));
    }
    server.sink.answer(Err(SinkError::Invalid("no".into())));
    assert_eq!(server.post("cpu user=1 7").await.0, 400);
}

#[tokio::test]
async fn requests_are_turned_away_while_there_is_no_room() {
    use super::super::{
        body::{ReadError, Room},
        inflate::Encoding,
    };
    let (room, limits) = (Room::with_kib(1024), Limits::default());
    let read = async |bytes: usize| room.read(vec![b'\n'; bytes].into(), Encoding::Identity, &limits).await;
    let first = read(512 << 10).await.unwrap();
    let second = read(300 << 10).await.unwrap();
    assert!(matches!(read(1).await, Err(ReadError::Busy)));
    drop(second);
    assert!(matches!(read(600 << 10).await, Err(ReadError::Busy)));
    let third = read(512 << 10).await.unwrap();
    assert_eq!((first.bytes.len(), third.bytes.len()), (512 << 10, 512 << 10));
}

#[tokio::test]
async fn clients_ask_who_is_there() {
    let server = serve(Limits::default()).await;
    let ask = async |method: Method, path: &str| {
        let response = server.client.request(method, format!("{}{path}", server.url)).send().await.unwrap();
        let version = response.headers().get("x-influxdb-version").map(|value| value.to_str().unwrap().to_owned());
        (response.status(), version, response.text().await.unwrap())
    };
    let there = (StatusCode::NO_CONTENT, Some("2.7.0".to_owned()), String::new());
    assert_eq!(ask(Method::GET, "/ping").await, there);
    assert_eq!(ask(Method::HEAD, "/ping").await, there);
    let (status, _, text) = ask(Method::GET, "/ping?verbose=true").await;
    assert_eq!((status, &*text), (StatusCode::OK, r#"{"version":"2.7.0"}"#));
    let (status, _, text) = ask(Method::GET, "/health").await;
    assert_eq!(status, StatusCode::OK);
    expect![[
        r#"{"checks":[],"commit":"","message":"ready for writes","name":"weir","status":"pass","version":"2.7.0"}"#
    ]]
    .assert_eq(&text);
}
