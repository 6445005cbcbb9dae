//! Asks name servers, as the host is configured: over UDP, and over TCP what a datagram does not hold.

use std::{io, net::SocketAddr, str::FromStr, time::Duration};

use hickory_proto::rr::{Name, RData, RecordType};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{
    message::{Answer, AnswerError, EDNS_PAYLOAD, Question},
    resolv_conf::ResolvConf,
};

/// How long one server may take: the C library's 5 s.
const TIMEOUT: Duration = Duration::from_secs(5);
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Whom to ask.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    conf: ResolvConf,
}

/// Why nothing is known of a name.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    #[error("{0:?} is not a name")]
    Name(String),
    #[error("{name} at {server}: {error}")]
    Server { name: String, server: SocketAddr, error: ServerError },
}

/// Why a server's answer cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("the answer is truncated over TCP as well")]
    Truncated,
}

impl Resolver {
    /// As the host asks, read anew each time: that may change under a running daemon.
    pub(super) async fn of_host() -> Self {
        Self::new(ResolvConf::parse(&tokio::fs::read_to_string(RESOLV_CONF).await.unwrap_or_default()))
    }

    pub(super) fn new(conf: ResolvConf) -> Self {
        Self { conf }
    }

    #[cfg(test)]
    pub(super) fn servers(&self) -> &[SocketAddr] {
        &self.conf.servers
    }

    /// The records of `name`, searched for under the host's domains. None, when every server that was needed
    /// says that there is no such name.
    ///
    /// # Errors
    /// When for some form of the name no server gave an answer that can be used, and no other form is known: then
    /// there may be records.
    pub(super) async fn look_up(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, LookupError> {
        let mut failed = None;
        for name in self.conf.names(name) {
            let parsed = Name::from_str(&name).map_err(|_| LookupError::Name(name.clone()))?;
            match self.ask_any(&name, &parsed, kind).await {
                Ok(Some(records)) => return Ok(records),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(Vec::new()), Err)
    }

    /// What the first server says that can be used; `None`: there is no such name.
    async fn ask_any(&self, text: &str, name: &Name, kind: RecordType) -> Result<Option<Vec<RData>>, LookupError> {
        let mut failed = LookupError::Name(text.to_owned());
        for server in &self.conf.servers {
            let Some(question) = Question::new(name.clone(), kind) else { break };
            let answer = timeout(TIMEOUT, ask(*server, &question)).await.unwrap_or(Err(ServerError::Timeout));
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => failed = LookupError::Server { name: text.to_owned(), server: *server, error },
            }
        }
        Err(failed)
    }
}

async fn ask(server: SocketAddr, question: &Question) -> Result<Option<Vec<RData>>, ServerError> {
    let mut answer = ask_udp(server, question).await?;
    if answer == Answer::Truncated {
        answer = ask_tcp(server, question).await?;
    }
    match answer {
        Answer::Records(records) => Ok(Some(records)),
        Answer::NoName => Ok(None),
        Answer::Truncated => Err(ServerError::Truncated),
    }
}

/// From a port of its own, and only from the server it is connected to; what answers another question is
/// somebody else's, or late.
async fn ask_udp(server: SocketAddr, question: &Question) -> Result<Answer, ServerError> {
    let here: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(here).await?;
    socket.connect(server).await?;
    socket.send(&question.bytes).await?;
    let mut buffer = [0; EDNS_PAYLOAD as usize];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match question.read(&buffer[..length]) {
            Err(AnswerError::OtherQuestion | AnswerError::Malformed) => {}
            answer => return Ok(answer?),
        }
    }
}

async fn ask_tcp(server: SocketAddr, question: &Question) -> Result<Answer, ServerError> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.bytes.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&question.bytes);
    stream.write_all(&framed).await?;
    let mut buffer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut buffer).await?;
    Ok(question.read(&buffer)?)
}
