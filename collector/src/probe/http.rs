//! The HTTP probe: GET over HTTP/1.1 on a connection of its own, then the status and, where one
//! is expected, a text in the body.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use futures::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONNECTION, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::{Reason, SpecError, tcp};
use crate::tls::TlsClient;

/// How much of a body is looked through: a health page's text stands in its first kilobytes, and
/// 100 probes under way hold at most 100 x 64 KiB = 6.4 MiB.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// What to ask, and what to expect.
#[derive(Clone, Debug)]
pub struct HttpProbe {
    address: SocketAddr,
    host: HeaderValue,
    path: Uri,
    tls: Option<(TlsClient, ServerName<'static>)>,
    status: Vec<RangeInclusive<u16>>,
    body: Option<Vec<u8>>,
}

impl HttpProbe {
    /// `GET path` of `host` (which may name a port) from the server at `address`, whatever DNS
    /// says; any status from 200 to 299 will do.
    ///
    /// # Errors
    /// When `host` or `path` cannot stand in a request.
    pub fn new(address: SocketAddr, host: &str, path: &str) -> Result<Self, SpecError> {
        let refuse = |what, text: &str| SpecError::Http { what, text: text.to_owned() };
        Ok(Self {
            address,
            host: HeaderValue::from_str(host).map_err(|_| refuse("host", host))?,
            path: path.parse().ok().filter(|_| path.starts_with('/')).ok_or_else(|| refuse("path", path))?,
            tls: None,
            status: vec![200..=299],
            body: None,
        })
    }

    /// The same over TLS; the certificate must be for the host.
    ///
    /// # Errors
    /// When the host is neither a DNS name nor an address.
    pub fn over_tls(mut self, client: TlsClient) -> Result<Self, SpecError> {
        let host = self.host.to_str().unwrap_or_default();
        let bare = host.parse::<hyper::http::uri::Authority>().ok();
        let bare = bare.as_ref().map_or(host, |authority| authority.host().trim_matches(['[', ']']));
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| SpecError::Http { what: "host", text: host.to_owned() })?;
        self.tls = Some((client, name));
        Ok(self)
    }

    /// The same, but the status must be in one of these.
    #[must_use]
    pub fn expect_status(mut self, any_of: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        self.status = any_of.into_iter().collect();
        self
    }

    /// The same, but `text` must stand in the first 64 KiB of the body.
    #[must_use]
    pub fn expect_body(mut self, text: &str) -> Self {
        self.body = Some(text.into());
        self
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("weir-probe"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        request
    }
}

/// Asks once; `Ok` when everything expected was there.
pub(super) async fn get(probe: &HttpProbe, source: Option<IpAddr>) -> Result<(), Reason> {
    let stream = tcp::connect(probe.address, source).await?;
    match &probe.tls {
        None => exchange(probe, stream).await,
        Some((client, name)) => {
            let connector = TlsConnector::from(client.config());
            let stream = connector.connect(name.clone(), stream).await.map_err(|_| Reason::Tls)?;
            exchange(probe, stream).await
        }
    }
}

async fn exchange(probe: &HttpProbe, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Reason> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| reason(&error))?;
    let answer = std::pin::pin!(async {
        let response = sender.send_request(probe.request()).await.map_err(|error| reason(&error))?;
        check(probe, response.status().as_u16(), response.into_body()).await
    });
    // The connection moves the bytes; it ends first when the server closes, with the answer complete.
    match select(answer, connection).await {
        Either::Left((checked, _)) => checked,
        Either::Right((_, answer)) => answer.await,
    }
}

async fn check(probe: &HttpProbe, status: u16, body: Incoming) -> Result<(), Reason> {
    if !probe.status.iter().any(|range| range.contains(&status)) {
        return Err(Reason::BadStatus(status));
    }
    match &probe.body {
        Some(text) if !contains(&beginning(body).await?, text) => Err(Reason::BadBody),
        _ => Ok(()),
    }
}

/// The body, or its first [`BODY_BYTES_MAX`].
async fn beginning(mut body: Incoming) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| reason(&error))?.into_data() {
            let room = BODY_BYTES_MAX - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if bytes.len() == BODY_BYTES_MAX {
                break;
            }
        }
    }
    Ok(bytes)
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// hyper wraps what the socket said; what it says itself is about the protocol.
fn reason(error: &hyper::Error) -> Reason {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Reason::from(io);
        }
        cause = inner.source();
    }
    match error.is_incomplete_message() {
        true => Reason::Other("connection closed early"),
        false => Reason::Other("not an HTTP answer"),
    }
}
