//! A store that lives in a Python process: DuckDB, or ClickHouse as chdb. The script says what the two lines of JSON are.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, bail};
use arrow::{array::RecordBatch, ipc::reader::StreamReader};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    devops::{FIELDS, TAGS},
    peers,
};

/// A store and its process, killed with the handle.
#[derive(Debug)]
pub(super) struct Embedded {
    name: &'static str,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    folder: TempDir,
    version: String,
}

#[derive(Debug, Serialize)]
struct LoadRequest<'a> {
    load: &'a Path,
    tags: &'a [&'a str],
    fields: &'a [&'a str],
}

#[derive(Debug, Serialize)]
struct QueryRequest<'a> {
    sql: &'a str,
    runs: usize,
    into: Option<&'a Path>,
}

/// Everything that the script may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    version: Option<String>,
    rows: u64,
    seconds: f64,
    ms: Vec<f64>,
    error: Option<String>,
}

impl Embedded {
    /// Starts `store` (as the script calls it) on an empty folder.
    pub(super) fn start(python: &Path, store: &'static str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("weir-bench-").tempdir().context("a folder for a store")?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data).context("a folder for a store")?;
        let mut child = Command::new(python)
            .arg(peers::scripts().join("sql_peer.py"))
            .arg(store)
            .arg(&data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", python.display()))?;
        let to = child.stdin.take().context("standard input")?;
        let from = BufReader::new(child.stdout.take().context("standard output")?);
        let mut embedded = Self { name: store, child, to, from, folder, version: String::new() };
        embedded.version = embedded.listen()?.version.unwrap_or_default();
        Ok(embedded)
    }

    /// Its name, for tables.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Which version it is.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Where its data is.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Loads a CSV file; the rows it then has, and the seconds it took.
    pub(super) fn load(&mut self, csv: &Path) -> anyhow::Result<(u64, f64)> {
        let said = self.ask(&LoadRequest { load: csv, tags: &TAGS, fields: &FIELDS })?;
        Ok((said.rows, said.seconds))
    }

    /// What a query gives.
    pub(super) fn query(&mut self, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
        let into = self.folder.path().join("answer.arrow");
        self.ask(&QueryRequest { sql, runs: 1, into: Some(&into) })?;
        let file = File::open(&into).with_context(|| format!("opening {}", into.display()))?;
        let batches = StreamReader::try_new_buffered(file, None)?;
        Ok(batches.collect::<Result<Vec<_>, _>>()?)
    }

    /// Milliseconds of each of `runs` runs.
    pub(super) fn time(&mut self, sql: &str, runs: usize) -> anyhow::Result<Vec<f64>> {
        Ok(self.ask(&QueryRequest { sql, runs, into: None })?.ms)
    }

    fn ask(&mut self, request: &impl Serialize) -> anyhow::Result<Said> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.to.write_all(&line).with_context(|| format!("asking {}", self.name))?;
        self.to.flush()?;
        let said = self.listen()?;
        if let Some(error) = said.error {
            bail!("{} failed at {}: {error}", self.name, String::from_utf8_lossy(&line).trim_end());
        }
        Ok(said)
    }

    fn listen(&mut self) -> anyhow::Result<Said> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("{} said `{}`", self.name, line.trim_end()))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
