//! The Session-Sender's socket.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::ControlFlow,
    time::Duration,
};

use tokio::{net::UdpSocket, time::sleep};

use super::{packet::PACKET_BYTES, session::Session};
use crate::{
    clock,
    probe::{
        ProbeSpec, Reason,
        run::{Reporter, ticks},
    },
};

/// Sends packets and reports what comes back, until nobody reads the reports.
pub(in crate::probe) async fn run(spec: &ProbeSpec, address: SocketAddr, reporter: Reporter<'_>) {
    let socket = Socket { connected: None, address, source: spec.source };
    let mut sender = Sender { session: Session::new(spec.timeout), socket, reporter };
    let mut ticks = ticks(spec);
    let mut packet = [0; PACKET_BYTES];
    loop {
        let expiry = sender.until_expiry();
        let flow = tokio::select! {
            // Answers first: one that waits in the socket is not yet lost, however late we look.
            biased;
            received = sender.socket.receive(&mut packet) => sender.receive(received.map(|bytes| &packet[..bytes])),
            _ = ticks.tick() => sender.send().await,
            () = sleep(expiry.unwrap_or_default()), if expiry.is_some() => sender.expire(),
        };
        if flow.is_break() {
            return;
        }
    }
}

struct Sender<'a> {
    session: Session,
    socket: Socket,
    reporter: Reporter<'a>,
}

impl Sender<'_> {
    async fn send(&mut self) -> ControlFlow<()> {
        let packet = self.session.send(clock::now());
        let failed = match self.socket.send(&packet).await {
            Ok(()) => None,
            Err(error) => self.session.handle_unsent(Reason::from(&error)),
        };
        failed.map_or(ControlFlow::Continue(()), |attempt| self.reporter.report(attempt))
    }

    fn receive(&mut self, received: io::Result<&[u8]>) -> ControlFlow<()> {
        let attempt = match received {
            Ok(packet) => self.session.handle_reply(packet, clock::mono()),
            Err(error) => self.session.handle_refusal(Reason::from(&error)),
        };
        attempt.map_or(ControlFlow::Continue(()), |attempt| self.reporter.report(attempt))
    }

    fn until_expiry(&self) -> Option<Duration> {
        self.session.poll_timeout().map(|deadline| deadline.since(clock::mono()))
    }

    fn expire(&mut self) -> ControlFlow<()> {
        while let Some(attempt) = self.session.handle_timeout(clock::mono()) {
            self.reporter.report(attempt)?;
        }
        ControlFlow::Continue(())
    }
}

/// A UDP socket that is opened when first needed, and again after it could not be: the source
/// address may appear only when its interface comes up.
struct Socket {
    connected: Option<UdpSocket>,
    address: SocketAddr,
    source: Option<IpAddr>,
}

impl Socket {
    async fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let socket = match self.connected.take() {
            Some(socket) => socket,
            None => open(self.address, self.source).await?,
        };
        // The refusal of an earlier packet is reported by the next call on the socket, be it this one.
        let sent = socket.send(packet).await;
        self.connected = Some(socket);
        sent.map(drop)
    }

    /// Waits for ever while the socket is closed.
    async fn receive(&self, packet: &mut [u8]) -> io::Result<usize> {
        match &self.connected {
            Some(socket) => socket.recv(packet).await,
            None => std::future::pending().await,
        }
    }
}

/// Connected, so that the kernel drops packets from elsewhere and hands on ICMP errors.
async fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}
