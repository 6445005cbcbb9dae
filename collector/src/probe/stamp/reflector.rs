//! The Session-Reflector, with a delay for each sender that stands in for distance.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt, io,
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    time::{Instant, sleep_until},
};

use super::{
    ntp::NtpTime,
    packet::{PACKET_BYTES, Reply, Request},
};
use crate::{clock, counters::STAMP_PACKETS_DROPPED};

/// Longest packet reflected whole: an Ethernet frame's payload.
const PACKET_BYTES_MAX: usize = 1_500;

/// Most replies waiting at once: 650 senders at 100 packets/s, each delayed by 1 s. At the usual
/// 44 octets and 80 of bookkeeping that is 65,000 x 124 = 8 MB.
const WAITING_MAX: usize = 65_000;

/// Most sessions that a stateful reflector counts: 65,536 x about 60 bytes = 4 MB. The sessions
/// start again from zero when more come.
const SESSIONS_MAX: usize = 65_536;

/// What a reflector puts into its sequence number (RFC 8762, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The sender's number.
    Stateless,
    /// Its own count of the session's packets, from which a sender can tell in which direction
    /// one was lost. A session is a sender's address and port.
    Stateful,
}

/// Reflects packets until its task ends.
pub struct StampReflector {
    socket: UdpSocket,
    mode: Mode,
    delay: Box<dyn Fn(SocketAddr) -> Duration + Send>,
    next_sequence: BTreeMap<SocketAddr, u32>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    accepted: u64,
}

impl fmt::Debug for StampReflector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StampReflector").field("socket", &self.socket).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// A reply whose time has not come. Ordered by that, then by arrival.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    number: u64,
    to: SocketAddr,
    packet: Vec<u8>,
}

impl StampReflector {
    /// Listens on `address`, without state. Each reply leaves `delay(sender)` after its request,
    /// to the timer's millisecond.
    ///
    /// The delay is the path's, not the reflector's: both stamps are taken before it, so it
    /// stays in the round trip that the sender works out.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        delay: impl Fn(SocketAddr) -> Duration + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind(address).await?,
            mode: Mode::Stateless,
            delay: Box::new(delay),
            next_sequence: BTreeMap::new(),
            waiting: BinaryHeap::new(),
            accepted: 0,
        })
    }

    /// The same in another mode.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Reflects for ever.
    ///
    /// # Errors
    /// When the socket fails; it never returns `Ok`.
    pub async fn run(mut self) -> io::Result<std::convert::Infallible> {
        let mut packet = [0; PACKET_BYTES_MAX];
        loop {
            let due = self.waiting.peek().map(|Reverse(waiting)| waiting.due);
            tokio::select! {
                received = self.socket.recv_from(&mut packet) => {
                    let (bytes, from) = received?;
                    self.accept(&packet[..bytes], from);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            self.send_due();
        }
    }

    fn accept(&mut self, packet: &[u8], from: SocketAddr) {
        let received = NtpTime::from_unix(clock::wall());
        let Some(request) = Request::decode(packet).filter(|_| self.waiting.len() < WAITING_MAX) else {
            return STAMP_PACKETS_DROPPED.add(1);
        };
        let sequence = self.sequence(from, request.sequence);
        let timestamp = NtpTime::from_unix(clock::wall());
        let mut packet = packet.to_vec();
        // What follows the base packet goes back as it came (RFC 8762, section 4.3).
        packet[..PACKET_BYTES].copy_from_slice(&Reply { sequence, timestamp, received, request }.encode());
        self.accepted += 1;
        let due = Instant::now() + (self.delay)(from);
        self.waiting.push(Reverse(Waiting { due, number: self.accepted, to: from, packet }));
    }

    fn sequence(&mut self, session: SocketAddr, sender: u32) -> u32 {
        if self.mode == Mode::Stateless {
            return sender;
        }
        if self.next_sequence.len() >= SESSIONS_MAX && !self.next_sequence.contains_key(&session) {
            self.next_sequence.clear();
        }
        let next = self.next_sequence.entry(session).or_default();
        let sequence = *next;
        *next = next.wrapping_add(1);
        sequence
    }

    /// A reply that the socket does not take at once is dropped, as a full router would.
    fn send_due(&mut self) {
        let now = Instant::now();
        while self.waiting.peek().is_some_and(|Reverse(waiting)| waiting.due <= now) {
            let Some(Reverse(Waiting { to, packet, .. })) = self.waiting.pop() else { return };
            if self.socket.try_send_to(&packet, to).is_err() {
                STAMP_PACKETS_DROPPED.add(1);
            }
        }
    }
}
