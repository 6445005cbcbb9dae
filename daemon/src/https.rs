//! Serving HTTP, with TLS where a certificate is given: limits for what strangers may hold, and a
//! graceful end.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::config::Tls;

/// Connections of one listener: at most 16 KiB of headers each while nothing is asked, so 64 MiB. One
/// process of an operating system's default of 1,024 file descriptors has half of them.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a client may take for a TLS handshake or the headers of a request, and may stay without a
/// request: senders and pollers come back every 15 s.
const HEADERS_MAX: Duration = Duration::from_secs(30);
/// How often a client that speaks HTTP/2 is asked whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long requests under way may take once the daemon is to stop: a write waits for one sync of the disk,
/// a follower of events would stay for ever.
const FINISH_MAX: Duration = Duration::from_secs(3);
/// Pause after an error that is not one connection's: no file descriptors, mostly.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Connections of all listeners now.
pub(crate) static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
/// Connections closed for being too many.
pub(crate) static REFUSED: AtomicU64 = AtomicU64::new(0);

/// The future that serves `router` on `listener`. Once `stop` is cancelled it takes no more connections, and
/// ends when the requests under way are answered, at the latest after [`FINISH_MAX`].
///
/// # Errors
/// When the certificate cannot be used.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<&Tls>,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let tls = tls.map(server_config).transpose()?;
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    Ok(accept(listener, Server { tls, router, stop, headers_max: HEADERS_MAX }, connections_max()))
}

/// The certificate that HTTP is served with.
///
/// # Errors
/// When it cannot be used, with its files.
pub(crate) fn server_config(tls: &Tls) -> anyhow::Result<ServerConfig> {
    let read = || -> anyhow::Result<ServerConfig> {
        let chain = CertificateDer::pem_file_iter(&tls.certificate)?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&tls.key)?;
        Ok(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?)
    };
    let files = || format!("TLS with {} and {}", tls.certificate.display(), tls.key.display());
    let mut config = read().with_context(files)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// [`CONNECTIONS_MAX`], or half of the file descriptors where there are fewer.
fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(usize::MAX).clamp(1, CONNECTIONS_MAX)
}

#[derive(Clone)]
struct Server {
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
    headers_max: Duration,
}

async fn accept(listener: TcpListener, server: Server, connections_max: usize) {
    let (places, connections) = (Arc::new(Semaphore::new(connections_max)), TaskTracker::new());
    // What is left when time is up ends with this.
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    let mut is_full = false;
    loop {
        let (stream, address) = tokio::select! {
            () = server.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            REFUSED.fetch_add(1, Relaxed);
            if !std::mem::replace(&mut is_full, true) {
                tracing::warn!(
                    connections_max,
                    "connections are closed: as many as may are open (weir_http_connections_refused_total)"
                );
            }
            continue;
        };
        is_full = false;
        let (server, end) = (server.clone(), end.clone());
        connections.spawn(async move {
            let _place = (place, Counted::new());
            tokio::select! {
                () = server.connection(stream, address) => {}
                () = end.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if timeout(FINISH_MAX, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "connections are cut: they did not end by themselves");
    }
}

/// One of [`CONNECTIONS`].
struct Counted;

impl Counted {
    fn new() -> Self {
        CONNECTIONS.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CONNECTIONS.fetch_sub(1, Relaxed);
    }
}

impl Server {
    /// Serves one connection to its end. Its errors are the client's: it went, or it spoke no HTTP.
    async fn connection(self, stream: TcpStream, address: SocketAddr) {
        drop(stream.set_nodelay(true));
        let Some(tls) = &self.tls else { return self.http1(stream, address).await };
        let Ok(Ok(stream)) = timeout(self.headers_max, tls.accept(stream)).await else { return };
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => self.http2(stream, address).await,
            _ => self.http1(stream, address).await,
        }
    }

    async fn http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin, address: SocketAddr) {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.headers_max);
        let service = service_fn(|request| self.answer(request, address));
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return drop(ended),
            () = self.stop.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin, address: SocketAddr) {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY);
        let server = self.clone();
        let service = service_fn(move |request| {
            let server = server.clone();
            async move { server.answer(request, address).await }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return drop(ended),
            () = self.stop.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
        address: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = Result<axum::response::Response, Infallible>> + Send>> {
        request.extensions_mut().insert(ConnectInfo(address));
        // A router is always ready.
        Box::pin(self.router.clone().call(request))
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn serving(
        connections_max: usize,
        headers_max: Duration,
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router =
            Router::new().route("/", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.to_string()));
        let server = Server { tls: None, router, stop: stop.clone(), headers_max };
        (address, stop, tokio::spawn(accept(listener, server, connections_max)))
    }

    async fn ask(stream: &mut TcpStream, more: &str) -> String {
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: x\r\n{more}\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 1_024];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed_and_counted() {
        let (address, _stop, _serving) = serving(2, HEADERS_MAX).await;
        let mut kept = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        for stream in &mut kept {
            assert!(ask(stream, "").await.ends_with(&stream.local_addr().unwrap().to_string()));
        }
        let refused = REFUSED.load(Relaxed);
        let mut third = TcpStream::connect(address).await.unwrap();
        assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed unanswered");
        assert!(REFUSED.load(Relaxed) > refused);
        assert!(ask(&mut kept[0], "connection: close\r\n").await.starts_with("HTTP/1.1 200"));
        assert_eq!(kept[0].read(&mut [0; 1]).await.unwrap(), 0);
        assert!(ask(&mut kept[1], "").await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn who_does_not_finish_its_headers_is_cut() {
        let (address, _stop, _serving) = serving(2, Duration::from_millis(20)).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn stopping_waits_for_the_request_under_way_and_not_for_idle_connections() {
        let (address, stop, serving) = serving(2, HEADERS_MAX).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut idle, "").await.starts_with("HTTP/1.1 200"));
        stop.cancel();
        serving.await.unwrap();
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
