//! What is sent to a server.

use std::path::PathBuf;

use crate::{
    sender::{self, Orders, Sending, Sent},
    server::{Kind, Server},
};

/// As Prometheus sends it.
pub(crate) const REMOTE_WRITE_HEADERS: [&str; 4] = [
    "Content-Type: application/x-protobuf",
    "Content-Encoding: snappy",
    "X-Prometheus-Remote-Write-Version: 0.1.0",
    "User-Agent: weir-bench",
];
/// Where every server takes it.
pub(crate) const REMOTE_WRITE_PATH: &str = "/api/v1/write";

/// What is sent, and what must be there afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    path: &'static str,
    headers: &'static [&'static str],
    files: Vec<PathBuf>,
    /// Values in it.
    pub(crate) values: u64,
}

impl Load {
    /// Remote write 1.0; `files` of bodies, one for each sender.
    pub(crate) fn remote_write(files: Vec<PathBuf>, values: u64) -> Self {
        Self { path: REMOTE_WRITE_PATH, headers: &REMOTE_WRITE_HEADERS, files, values }
    }

    /// Line protocol.
    pub(crate) fn line_protocol(to: Kind, files: Vec<PathBuf>, values: u64) -> Self {
        let path = if to == Kind::Weir { "/api/v2/write?org=bench&bucket=bench&precision=ns" } else { "/write" };
        Self { path, headers: &[], files, values }
    }

    /// Sends everything as fast as `server` takes it.
    pub(crate) fn send(&self, server: &Server) -> anyhow::Result<Sent> {
        sender::start(&self.orders(server, None))?.wait()
    }

    /// Begins to send everything, evenly over so many seconds.
    pub(crate) fn start_over(&self, server: &Server, seconds: f64) -> anyhow::Result<Sending> {
        sender::start(&self.orders(server, Some(seconds)))
    }

    fn orders(&self, server: &Server, seconds: Option<f64>) -> Orders {
        Orders {
            address: server.address(),
            path: self.path.to_owned(),
            headers: self.headers.iter().map(|&header| header.to_owned()).collect(),
            files: self.files.clone(),
            seconds,
        }
    }
}
