//! An HTTP/1.1 client on one persistent connection. Small on purpose: senders share two cores with the server that is
//! measured.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail, ensure};

/// How long an answer may take: a count of 20 M samples takes seconds, a merge of all parts a minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// Headers of an answer; servers send about ten.
const HEADERS_MAX: usize = 100;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    /// The server has said that it closes this one: VictoriaMetrics does so after two minutes.
    is_closing: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
    /// Whether no other request may follow on its connection.
    closes: bool,
}

impl Answer {
    /// The body, when the request succeeded.
    pub(crate) fn ok(self) -> anyhow::Result<Vec<u8>> {
        ensure!((200..300).contains(&self.status), "answered {}: {}", self.status, self.text());
        Ok(self.body)
    }

    /// The beginning of the body, to be shown.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(400).collect()
    }
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), address, is_closing: false })
    }

    /// A request without a body.
    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.exchange("GET", path, &[], &[])
    }

    /// A request with a body.
    pub(crate) fn post(&mut self, path: &str, headers: &[&str], body: &[u8]) -> anyhow::Result<Answer> {
        self.exchange("POST", path, headers, body)
    }

    fn exchange(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> anyhow::Result<Answer> {
        if self.is_closing {
            *self = Self::open(self.address)?;
        }
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.address, body.len());
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let to = self.stream.get_mut();
        to.write_all(head.as_bytes())?;
        to.write_all(body)?;
        let answer = read_answer(&mut self.stream);
        let answer = answer.with_context(|| format!("the answer of {} to {method} {path}", self.address))?;
        self.is_closing = answer.closes;
        Ok(answer)
    }
}

/// How the body of an answer is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

fn read_answer(from: &mut impl BufRead) -> anyhow::Result<Answer> {
    let line = read_line(from)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status: u16 = status.with_context(|| format!("`{line}` is no status line"))?;
    let (mut framing, mut closes) = (Framing::Length(0), false);
    for _ in 0..HEADERS_MAX {
        let line = read_line(from)?;
        if line.is_empty() {
            return Ok(Answer { status, body: read_body(from, framing)?, closes });
        }
        let (name, value) = line.split_once(':').context("a header without `:`")?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            framing = Framing::Length(value.parse().context("the content length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    bail!("more than {HEADERS_MAX} headers")
}

fn read_body(from: &mut impl BufRead, framing: Framing) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    match framing {
        Framing::Length(length) => {
            from.take(length as u64).read_to_end(&mut body)?;
            ensure!(body.len() == length, "the body ended after {} of {length} bytes", body.len());
        }
        Framing::Chunked => loop {
            let line = read_line(from)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).with_context(|| format!("`{line}` is no size of a chunk"))?;
            let before = body.len();
            from.take(size as u64).read_to_end(&mut body)?;
            ensure!(body.len() - before == size, "a chunk ended early");
            ensure!(read_line(from)?.is_empty(), "a chunk without its end");
            if size == 0 {
                break;
            }
        },
    }
    Ok(body)
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// `text` for a query string: everything but letters, digits and `-._~` escaped (RFC 3986, 2.3).
pub(crate) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(answer: &str, expect: Expect) {
        let read = read_answer(&mut answer.as_bytes());
        expect.assert_eq(&match read {
            Ok(answer) => format!("{} {}", answer.status, answer.text()),
            Err(error) => format!("{error:#}"),
        });
    }

    #[test]
    fn answers_are_read_by_length_and_by_chunks() {
        check("HTTP/1.1 200 OK\r\nContent-length: 2\r\n\r\nok and more", expect!["200 ok"]);
        check("HTTP/1.1 204 No Content\r\n\r\n", expect!["204 "]);
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
            expect!["200 abc0123456789"],
        );
        check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", expect!["the body ended after 2 of 9 bytes"]);
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", expect!["a chunk ended early"]);
        check("", expect!["unexpected end of file"]);
    }

    #[test]
    fn a_connection_that_the_server_closes_is_opened_again() {
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            for _ in 0..2 {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                while !read_line(&mut stream).unwrap().is_empty() {}
                stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            }
        });
        let mut connection = Connection::open(address).unwrap();
        let statuses = [connection.get("/").unwrap().status, connection.get("/").unwrap().status];
        assert_eq!(statuses, [204, 204]);
        server.join().unwrap();
    }

    #[test]
    fn query_strings_are_escaped() {
        expect!["sum%28a%7Bb%3D%22c%22%7D%29"].assert_eq(&escaped(r#"sum(a{b="c"})"#));
    }
}
