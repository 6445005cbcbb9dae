//! What the tier is told.

use std::{fmt, time::Duration};

/// A ClickHouse server, and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct HistorySettings {
    /// Its HTTP interface: `http://127.0.0.1:8123`.
    pub url: String,
    /// Where the tables are; made when it is missing.
    pub database: String,
    /// Who we are there.
    pub user: String,
    /// And how we prove it; empty where none is asked for.
    pub password: String,
    /// Most bytes of expired files that are held because they are not exported. 16 GiB are some 8 G rows of
    /// 2 bytes: nine days of 10,000 rows a second.
    pub hold_bytes: u64,
    /// The pause after the first failure; it doubles with each further one.
    pub retry_min: Duration,
}

impl HistorySettings {
    /// The server at `url`, the rest as a fresh ClickHouse has it.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            database: "weir".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            hold_bytes: 16 << 30,
            retry_min: Duration::from_secs(1),
        }
    }
}

/// Without the password.
impl fmt::Debug for HistorySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, database, user, .. } = self;
        write!(f, "{user} at {url}, database {database}")
    }
}
