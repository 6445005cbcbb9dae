//! The sockets of the DNS server. Each worker has its own UDP socket on the same address
//! (`SO_REUSEPORT`), so that the kernel spreads the load.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::{Transport, Zones, respond};
use crate::answers::Answers;

/// Open TCP connections: at 64 KiB of buffers each, 64 MiB. More are closed at once.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a TCP client may be silent (RFC 7766, section 6.2.3: "a few seconds").
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Longest datagram read: no question of ours is longer; what is cut off fails to parse.
const DATAGRAM_MAX: usize = 4_096;

/// What the server did, for `/metrics`.
#[derive(Debug, Default)]
pub struct DnsCounters {
    /// Messages answered.
    pub answered: AtomicU64,
    /// Messages dropped without an answer.
    pub dropped: AtomicU64,
    /// TCP connections closed because there were too many.
    pub refused_connections: AtomicU64,
}

/// A bound server.
#[derive(Debug)]
pub struct DnsServer {
    udp: Vec<UdpSocket>,
    tcp: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    answers: Answers,
    zones: Zones,
    counters: Arc<DnsCounters>,
}

impl DnsServer {
    /// Binds UDP (`workers` times) and TCP on `address`; port 0 picks one for both.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr, workers: usize, answers: Answers, zones: Zones) -> io::Result<Self> {
        let (first, listener) = both(address)?;
        let bound = first.local_addr()?;
        let mut udp = vec![first];
        for _ in 1..workers.max(1) {
            udp.push(reusable_udp(bound)?);
        }
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared { answers, zones, counters: Arc::default() });
        Ok(Self { udp, tcp: TcpListener::from_std(listener)?, shared })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket cannot say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Its counters.
    pub fn counters(&self) -> Arc<DnsCounters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until the future is dropped.
    pub async fn run(self) {
        let mut tasks = JoinSet::new();
        for socket in self.udp {
            tasks.spawn(serve_udp(socket, Arc::clone(&self.shared)));
        }
        tasks.spawn(serve_tcp(self.tcp, Arc::clone(&self.shared)));
        while tasks.join_next().await.is_some() {}
    }
}

/// A socket for datagrams and one for connections, on the same port.
fn both(address: SocketAddr) -> io::Result<(UdpSocket, std::net::TcpListener)> {
    /// A port that is free for datagrams is taken for connections about once in a thousand times.
    const ATTEMPTS: usize = 10;
    let mut attempts = 0;
    loop {
        let udp = reusable_udp(address)?;
        match std::net::TcpListener::bind(udp.local_addr()?) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && address.port() == 0 && attempts < ATTEMPTS => {
                attempts += 1;
            }
            listener => return Ok((udp, listener?)),
        }
    }
}

fn reusable_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        // An error here belongs to an earlier datagram (ICMP), not to the socket.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        match shared.respond(&buffer[..length], client, Transport::Udp) {
            Some(response) => drop(socket.send_to(&response, client).await),
            None => shared.count_dropped(),
        }
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, client)) = listener.accept().await else {
            // Out of file descriptors: let those in use be closed first.
            tokio::task::yield_now().await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            shared.counters.refused_connections.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _place = place;
            // The peer went away or was silent: nothing to tell anybody.
            drop(serve_stream(stream, client, &shared).await);
        });
    }
}

/// Answers questions in order until the client closes or is silent (RFC 7766).
async fn serve_stream(mut stream: TcpStream, client: SocketAddr, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Ok(length) = timeout(IDLE_MAX, stream.read_u16()).await?.map(usize::from) {
        buffer.resize(length, 0);
        timeout(IDLE_MAX, stream.read_exact(&mut buffer)).await??;
        let Some(response) = shared.respond(&buffer, client, Transport::Tcp) else {
            shared.count_dropped();
            return Ok(());
        };
        let length = u16::try_from(response.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(&response);
        timeout(IDLE_MAX, stream.write_all(&framed)).await??;
    }
    Ok(())
}

impl Shared {
    fn respond(&self, request: &[u8], client: SocketAddr, transport: Transport) -> Option<Vec<u8>> {
        let picker = self.answers.load();
        // A socket of both families shows v4 clients as ::ffff:a.b.c.d, which is in no prefix.
        let resolver = client.ip().to_canonical();
        let response = respond(picker.as_deref(), &self.zones, request, resolver, transport)?;
        self.counters.answered.fetch_add(1, Ordering::Relaxed);
        Some(response)
    }

    fn count_dropped(&self) {
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
