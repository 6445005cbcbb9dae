//! The two test packets (RFC 8762, sections 4.2.1 and 4.3.1), 44 octets each.

use super::ntp::NtpTime;

/// Octets of a base packet in unauthenticated mode.
pub(crate) const PACKET_BYTES: usize = 44;

/// S = 0: not synchronised to UTC, for all we know. Z = 0: NTP format. Scale 0, multiplier 5:
/// the clock counts nanoseconds, and 5 x 2^-32 s = 1.16 ns (RFC 4656, section 4.1.2).
const ERROR_ESTIMATE: u16 = 5;

/// What stands for a TTL that was not fetched (RFC 5357, section 4.2.1, on which STAMP builds).
const TTL_UNKNOWN: u8 = 255;

/// What a Session-Sender says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) sequence: u32,
    pub(crate) timestamp: NtpTime,
    pub(crate) error_estimate: u16,
}

/// What a Session-Reflector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The reflector's own count, or a copy of the sender's, as its mode is.
    pub(crate) sequence: u32,
    /// T3: when the answer left.
    pub(crate) timestamp: NtpTime,
    /// T2: when the request came.
    pub(crate) received: NtpTime,
    /// The request, copied.
    pub(crate) request: Request,
}

impl Request {
    pub(crate) fn new(sequence: u32, timestamp: NtpTime) -> Self {
        Self { sequence, timestamp, error_estimate: ERROR_ESTIMATE }
    }

    pub(crate) fn encode(self) -> [u8; PACKET_BYTES] {
        let mut packet = [0; PACKET_BYTES];
        self.write(&mut packet[..14]);
        packet
    }

    /// `None` for a packet that is too short. What follows the base packet is the caller's.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        (packet.len() >= PACKET_BYTES).then(|| Self::read(&packet[..14]))
    }

    /// Sequence number, timestamp, error estimate: 14 octets, which a reply repeats.
    fn write(self, to: &mut [u8]) {
        to[..4].copy_from_slice(&self.sequence.to_be_bytes());
        to[4..12].copy_from_slice(&self.timestamp.0.to_be_bytes());
        to[12..14].copy_from_slice(&self.error_estimate.to_be_bytes());
    }

    fn read(from: &[u8]) -> Self {
        Self {
            sequence: u32::from_be_bytes(octets(from, 0)),
            timestamp: NtpTime(u64::from_be_bytes(octets(from, 4))),
            error_estimate: u16::from_be_bytes(octets(from, 12)),
        }
    }
}

impl Reply {
    pub(crate) fn encode(self) -> [u8; PACKET_BYTES] {
        let mut packet = [0; PACKET_BYTES];
        Request::new(self.sequence, self.timestamp).write(&mut packet[..14]);
        packet[16..24].copy_from_slice(&self.received.0.to_be_bytes());
        self.request.write(&mut packet[24..38]);
        packet[40] = TTL_UNKNOWN;
        packet
    }

    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let own = Request::decode(packet)?;
        Some(Self {
            sequence: own.sequence,
            timestamp: own.timestamp,
            received: NtpTime(u64::from_be_bytes(octets(packet, 16))),
            request: Request::read(&packet[24..38]),
        })
    }
}

/// `N` octets from `at`; the callers' slices are long enough by their checks.
fn octets<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    let mut octets = [0; N];
    octets.copy_from_slice(&from[at..at + N]);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_lies_on_the_wire_as_figure_4_draws_it() {
        let request = Request::new(0x0102_0304, NtpTime(0x1111_1111_2222_2222));
        let reply = Reply {
            sequence: 0xa,
            timestamp: NtpTime(0x5555_5555_6666_6666),
            received: NtpTime(0x3333_3333_4444_4444),
            request,
        };
        let hex: String = reply.encode().iter().map(|octet| format!("{octet:02x}")).collect();
        let drawn = [
            "0000000a",         // Sequence Number
            "5555555566666666", // Timestamp
            "00050000",         // Error Estimate, MBZ
            "3333333344444444", // Receive Timestamp
            "01020304",         // Session-Sender Sequence Number
            "1111111122222222", // Session-Sender Timestamp
            "00050000",         // Session-Sender Error Estimate, MBZ
            "ff000000",         // Session-Sender TTL, MBZ
        ];
        assert_eq!(hex, drawn.concat());
        assert_eq!(Reply::decode(&reply.encode()), Some(reply));
    }

    #[test]
    fn a_request_is_padded_to_the_length_of_its_reply_and_shorter_ones_are_none() {
        let request = Request::new(7, NtpTime(9));
        assert_eq!(Request::decode(&request.encode()), Some(request));
        assert_eq!(Request::decode(&request.encode()[..43]), None);
        assert_eq!(Reply::decode(&[0; 43]), None);
    }
}
