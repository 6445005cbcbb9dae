//! The Session-Sender's bookkeeping: which packets are out, and what a reply says of the path.
//! No socket and no clock.

use std::{collections::VecDeque, time::Duration};

use weir_model::time::{Mono, Now};

use super::{
    ntp::NtpTime,
    packet::{PACKET_BYTES, Reply, Request},
};
use crate::probe::{Outcome, Reason, run::Attempt};

#[derive(Clone, Copy, Debug)]
struct Pending {
    request: Request,
    sent: Now,
}

/// A test session. Packets are pending in the order in which they were sent, all with the same
/// timeout, so the front is always the next to expire; the sequence number may wrap.
#[derive(Debug)]
pub(super) struct Session {
    timeout: Duration,
    next_sequence: u32,
    pending: VecDeque<Pending>,
}

impl Session {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, next_sequence: 0, pending: VecDeque::new() }
    }

    /// The next packet, sent `now`.
    pub(super) fn send(&mut self, now: Now) -> [u8; PACKET_BYTES] {
        let request = Request::new(self.next_sequence, NtpTime::from_unix(now.wall));
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.pending.push_back(Pending { request, sent: now });
        request.encode()
    }

    /// A packet came. `None` when it answers nothing that is pending: late, twice, or not ours.
    ///
    /// The round trip is `(T4 - T1) - (T3 - T2)`: the first from our monotonic clock, the second
    /// from the reflector's stamps, so no two clocks are compared. Where the reflector's clock
    /// stepped between its stamps (T3 before T2, or longer apart than the whole trip) nothing is
    /// subtracted.
    pub(super) fn handle_reply(&mut self, packet: &[u8], now: Mono) -> Option<Attempt> {
        let reply = Reply::decode(packet)?;
        let index = self.pending.iter().position(|pending| pending.request == reply.request)?;
        let sent = self.pending.remove(index)?.sent;
        let trip = now.since(sent.mono);
        let at_reflector = reply.timestamp.since(reply.received).filter(|span| *span <= trip).unwrap_or_default();
        Some(Attempt { sent, outcome: Outcome::Ok { rtt: trip - at_reflector } })
    }

    /// The network refused a packet; which one it does not say, so the oldest it is.
    pub(super) fn handle_refusal(&mut self, reason: Reason) -> Option<Attempt> {
        let Pending { sent, .. } = self.pending.pop_front()?;
        Some(Attempt { sent, outcome: Outcome::Fail { reason } })
    }

    /// The latest packet could not be sent.
    pub(super) fn handle_unsent(&mut self, reason: Reason) -> Option<Attempt> {
        let Pending { sent, .. } = self.pending.pop_back()?;
        Some(Attempt { sent, outcome: Outcome::Fail { reason } })
    }

    /// When the oldest packet counts as lost.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.pending.front().map(|pending| pending.sent.mono + self.timeout)
    }

    /// The oldest packet, if it counts as lost by `now`.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> Option<Attempt> {
        self.poll_timeout().filter(|deadline| *deadline <= now)?;
        self.handle_refusal(Reason::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use weir_model::time::UnixNanos;

    use super::*;

    const MS: u64 = 1_000_000;

    fn at(millis: u64) -> Now {
        Now { mono: Mono(millis * MS), wall: UnixNanos::from_millis(1_700_000_000_000 + millis as i64) }
    }

    /// What a reflector answers that received the packet at `received` ms and answered at `sent` ms.
    fn reflect(packet: &[u8], received: i64, sent: i64) -> [u8; PACKET_BYTES] {
        let request = Request::decode(packet).unwrap();
        let stamp = |millis| NtpTime::from_unix(UnixNanos::from_millis(millis));
        Reply { sequence: request.sequence, timestamp: stamp(sent), received: stamp(received), request }.encode()
    }

    fn rtt_ms(attempt: Option<Attempt>) -> Option<f64> {
        match attempt?.outcome {
            // Stamps are rounded to 2^-32 s.
            Outcome::Ok { rtt } => Some((rtt.as_secs_f64() * 1e6).round() / 1e3),
            Outcome::Fail { .. } => None,
        }
    }

    #[test]
    fn the_reflectors_own_time_is_subtracted_whatever_its_clock_says() {
        let mut session = Session::new(Duration::from_millis(100));
        let packet = session.send(at(0));
        assert_eq!(rtt_ms(session.handle_reply(&reflect(&packet, 500, 507), at(30).mono)), Some(23.0));
        // Its clock stepped back, or forward, between the two stamps.
        for (received, sent) in [(500, 400), (500, 9_000)] {
            let packet = session.send(at(40));
            assert_eq!(rtt_ms(session.handle_reply(&reflect(&packet, received, sent), at(70).mono)), Some(30.0));
        }
    }

    #[test]
    fn an_answer_counts_once_and_only_for_what_was_sent() {
        let mut session = Session::new(Duration::from_millis(100));
        let (first, second) = (session.send(at(0)), session.send(at(10)));
        let reply = reflect(&second, 0, 0);
        assert!(session.handle_reply(&reply, at(20).mono).is_some());
        assert!(session.handle_reply(&reply, at(21).mono).is_none());
        let mut forged = reflect(&first, 0, 0);
        forged[30] ^= 1;
        assert!(session.handle_reply(&forged, at(22).mono).is_none());
        assert!(session.handle_reply(&reflect(&first, 0, 0), at(22).mono).is_some());
    }

    #[test]
    fn lost_packets_expire_in_order() {
        let mut session = Session::new(Duration::from_millis(100));
        session.send(at(0));
        session.send(at(10));
        assert_eq!(session.poll_timeout(), Some(at(100).mono));
        assert_eq!(session.handle_timeout(at(99).mono), None);
        let lost = session.handle_timeout(at(105).mono).unwrap();
        assert_eq!(lost, Attempt { sent: at(0), outcome: Outcome::Fail { reason: Reason::Timeout } });
        assert_eq!(session.handle_timeout(at(105).mono), None);
        assert_eq!(session.poll_timeout(), Some(at(110).mono));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut session = Session::new(Duration::from_millis(100));
        session.next_sequence = u32::MAX;
        let (last, first) = (session.send(at(0)), session.send(at(10)));
        assert_eq!((&last[..4], &first[..4]), (&[0xff; 4][..], &[0; 4][..]));
        assert_eq!(session.poll_timeout(), Some(at(100).mono));
    }
}
