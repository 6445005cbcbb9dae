//! What is left of a body that is refused.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// How long the rest may take; who is slower hears nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads on and forgets, up to `bytes_max`: many clients read no answer before they have sent everything,
/// and to be told they must hear.
pub(crate) async fn forget(body: &mut Body, bytes_max: usize) {
    let reading = async {
        let mut forgotten = 0;
        while let Some(Ok(frame)) = body.frame().await {
            forgotten += frame.data_ref().map_or(0, Bytes::len);
            if forgotten > bytes_max {
                return;
            }
        }
    };
    timeout(TIMEOUT, reading).await.unwrap_or_default();
}

/// The status that a client hears which sends everything before it listens: a POST with these lines of a head, and
/// a body that is more than the buffers of both sides hold.
#[cfg(test)]
pub(crate) async fn heard_after_sending(url: &str, head: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = vec![b'\n'; 16 << 20];
    let head = format!("POST /{path} HTTP/1.1\r\nhost: weir\r\ncontent-length: {}\r\n{head}\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    String::from_utf8(status.to_vec()).unwrap()
}
