//! Active measurement: is a node or link there, how far away, how steady.
//!
//! One file per kind of probe. [`run()`] repeats a [`ProbeSpec`] for ever and sends what it finds
//! into a channel; [`rows()`] makes rows of it. Nothing is reused between two TCP or HTTP probes:
//! each pays the connection that a new user pays.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use weir_model::{
    health::Target,
    time::{Mono, UnixNanos},
};

mod http;
mod quality;
mod rows;
mod run;
pub mod stamp;
mod tcp;

pub use self::{http::HttpProbe, rows::rows, run::run};

/// Shortest interval: 100 probes/s. A TCP probe is 4 packets (SYN, SYN+ACK, ACK, RST) of at most
/// 74 bytes on the wire, so a target costs at most 100 x 4 x 74 x 8 = 237 kbit/s.
pub const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Most probes of one spec under way at once: a timeout of 1 s at the shortest interval, 1 s / 10 ms.
/// Each holds a socket, so 100 unreachable targets take at most 10,000 file descriptors.
pub const IN_FLIGHT_MAX: u128 = 100;

/// What to probe, how and how often.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    target: Target,
    kind: ProbeKind,
    interval: Duration,
    timeout: Duration,
    source: Option<IpAddr>,
}

/// How to probe.
#[derive(Clone, Debug)]
pub enum ProbeKind {
    /// Connect, then reset.
    Tcp {
        /// Where to.
        address: SocketAddr,
    },
    /// GET over HTTP/1.1, with or without TLS.
    Http(Box<HttpProbe>),
    /// RFC 8762, unauthenticated mode.
    Stamp {
        /// The Session-Reflector.
        address: SocketAddr,
    },
}

impl ProbeKind {
    /// The kind as rows name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "tcp",
            Self::Http(http) => http.scheme(),
            Self::Stamp { .. } => "stamp",
        }
    }

    /// Where its packets go.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Tcp { address } | Self::Stamp { address } => *address,
            Self::Http(http) => http.address(),
        }
    }
}

/// Why a probe cannot be run as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Too often.
    #[error("an interval of {0:?} is shorter than the least of {INTERVAL_MIN:?}")]
    Interval(Duration),
    /// No time to answer, or so much that too many probes would wait at once.
    #[error("a timeout of {timeout:?} must be above zero and at most {IN_FLIGHT_MAX} intervals of {interval:?}")]
    Timeout {
        /// As written.
        timeout: Duration,
        /// As written.
        interval: Duration,
    },
    /// The source address is IPv4 and the target IPv6, or the other way round.
    #[error("source {source_ip} cannot reach {address}: one is IPv4, the other IPv6")]
    Source {
        /// As written.
        source_ip: IpAddr,
        /// Where the probe goes.
        address: SocketAddr,
    },
    /// Not a host name, or not a path.
    #[error("{what} {text:?} cannot be sent in an HTTP request")]
    Http {
        /// `host` or `path`.
        what: &'static str,
        /// As written.
        text: String,
    },
}

impl ProbeSpec {
    /// A probe of `target` every `interval`, each lost after `timeout`, from any source address.
    ///
    /// # Errors
    /// When `interval` or `timeout` is out of bounds.
    pub fn new(target: Target, kind: ProbeKind, interval: Duration, timeout: Duration) -> Result<Self, SpecError> {
        if interval < INTERVAL_MIN {
            return Err(SpecError::Interval(interval));
        }
        let spec = Self { target, kind, interval, timeout, source: None };
        if timeout.is_zero() || spec.in_flight_max() > IN_FLIGHT_MAX {
            return Err(SpecError::Timeout { timeout, interval });
        }
        Ok(spec)
    }

    /// The same probe, sent from `source`: a link is chosen by the address that packets leave from.
    ///
    /// # Errors
    /// When `source` is of another family than the probe's address.
    pub fn from_source(mut self, source: IpAddr) -> Result<Self, SpecError> {
        let address = self.kind.address();
        if source.is_ipv4() != address.is_ipv4() {
            return Err(SpecError::Source { source_ip: source, address });
        }
        self.source = Some(source);
        Ok(self)
    }

    /// What is probed.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How.
    pub fn kind(&self) -> &ProbeKind {
        &self.kind
    }

    /// How many probes may wait for an answer at once: `timeout / interval`, rounded up.
    fn in_flight_max(&self) -> u128 {
        self.timeout.as_nanos().div_ceil(self.interval.as_nanos())
    }
}

/// What one probe found.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeResult {
    /// What was probed.
    pub target: Target,
    /// With which kind of probe ([`ProbeKind::name`]).
    pub probe: &'static str,
    /// When it was sent.
    pub at: UnixNanos,
    /// The same instant for spans. Results come in the order in which they are known, so a lost
    /// probe comes after later ones that were answered.
    pub sent_mono: Mono,
    /// What came of it.
    pub outcome: Outcome,
    /// Interarrival jitter of the round trips up to this one (RFC 3550, section 6.4.1); `None`
    /// before the second answer.
    pub jitter: Option<Duration>,
    /// Share of failures among the latest 100 probes, this one included: 0 to 1.
    pub loss: f64,
}

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The expected answer came in time.
    Ok {
        /// TCP: until connected. HTTP: until the headers, or the body where one is expected.
        /// STAMP: the round trip less the reflector's own time.
        rtt: Duration,
    },
    /// It did not.
    Fail {
        /// Why.
        reason: Reason,
    },
}

/// Why a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No answer within the timeout.
    Timeout,
    /// The host answered that nothing listens there.
    Refused,
    /// No route, or a router said so.
    Unreachable,
    /// An HTTP status that was not expected.
    BadStatus(u16),
    /// The expected text was not in the body.
    BadBody,
    /// The TLS handshake failed: certificate, name, or no TLS at all.
    Tls,
    /// Anything else, in a few words.
    Other(&'static str),
}

impl From<&io::Error> for Reason {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset => Self::Other("connection reset"),
            io::ErrorKind::UnexpectedEof => Self::Other("connection closed early"),
            io::ErrorKind::AddrNotAvailable => Self::Other("source address is not of this host"),
            io::ErrorKind::AddrInUse => Self::Other("no free source port"),
            io::ErrorKind::PermissionDenied => Self::Other("not permitted"),
            _ => Self::Other("i/o error"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timeout"),
            Self::Refused => f.write_str("refused"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::BadStatus(status) => write!(f, "status {status}"),
            Self::BadBody => f.write_str("unexpected body"),
            Self::Tls => f.write_str("tls"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests;
