//! The three stores, with the same rows.

use std::{path::Path, time::Instant};

use anyhow::{bail, ensure};

use super::{
    answer::Answer,
    dialect::Dialect,
    embedded::Embedded,
    latency::median_of_medians,
    question::{Kind, Question},
};
use crate::{devops::Size, outcome::say, process::bytes_below, server::Server, weir_sql::WeirSql};

/// Timed runs of each question, after one that warms up.
const RUNS: usize = 5;

/// Weir and its peers.
#[derive(Debug)]
pub(super) struct Stores {
    server: Server,
    weir: WeirSql,
    duckdb: Embedded,
    chdb: Embedded,
}

/// Milliseconds of one kind of question.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Latencies {
    pub(super) weir: Option<f64>,
    pub(super) duckdb: Option<f64>,
    pub(super) chdb: Option<f64>,
}

impl Latencies {
    /// The faster peer and its figure.
    pub(super) fn better_peer(&self) -> (&'static str, Option<f64>) {
        let (duckdb, chdb) = (self.duckdb.unwrap_or(f64::INFINITY), self.chdb.unwrap_or(f64::INFINITY));
        if duckdb <= chdb { ("DuckDB", self.duckdb) } else { ("ClickHouse", self.chdb) }
    }
}

impl Stores {
    /// Loads the peers, beside a Weir that has the rows already.
    pub(super) fn start(python: &Path, csv: &Path, server: Server, size: Size) -> anyhow::Result<Self> {
        let load = |store| {
            let mut embedded = Embedded::start(python, store)?;
            let (rows, seconds) = embedded.load(csv)?;
            ensure!(rows == size.rows(), "{store} has {rows} of {} rows", size.rows());
            say(&format!(
                "{store} {}: {rows} rows loaded in {seconds:.1} s, {:.2} bytes/value",
                embedded.version(),
                bytes_below(&embedded.data()) as f64 / size.values() as f64
            ));
            Ok(embedded)
        };
        let (duckdb, chdb) = (load("duckdb")?, load("chdb")?);
        let mut weir = WeirSql::connect(server.address())?;
        let rows = weir.count("SELECT count(*) FROM cpu")?;
        ensure!(rows == size.rows(), "Weir has {rows} of {} rows", size.rows());
        Ok(Self { server, weir, duckdb, chdb })
    }

    /// Asks everything once, and fails at the first answer that differs.
    pub(super) fn compare(&mut self, questions: &[Vec<Question>]) -> anyhow::Result<()> {
        for question in questions.iter().flatten() {
            // Where the kind has a column of time, it is the first.
            let times: &[usize] = if question.kind == Kind::LastPoint { &[] } else { &[0] };
            let ours = Dialect::Weir.sql(question)?;
            let ours = (Answer::of(&self.weir.query(&ours)?, times)?, ours);
            for (peer, dialect) in [(&mut self.duckdb, Dialect::DuckDb), (&mut self.chdb, Dialect::ClickHouse)] {
                let theirs = dialect.sql(question)?;
                let answer = Answer::of(&peer.query(&theirs)?, times)?;
                if let Some(difference) = ours.0.difference(&answer) {
                    let (name, kind) = (peer.name(), question.kind.name());
                    bail!("{kind}: Weir and {name} differ at {difference}\nWeir: {}\n{name}: {theirs}", ours.1);
                }
            }
            let must_have_rows = !matches!(question.kind, Kind::HighCpu { .. });
            ensure!(!must_have_rows || ours.0.len() > 0, "no store has rows for {}", ours.1);
        }
        Ok(())
    }

    /// Times everything; all stores are asked a question before the next one.
    pub(super) fn time(&mut self, questions: &[Vec<Question>]) -> anyhow::Result<Vec<Latencies>> {
        let mut all = Vec::new();
        for questions in questions {
            let mut runs: [Vec<Vec<f64>>; 3] = Default::default();
            for question in questions {
                runs[0].push(time_weir(&mut self.weir, &Dialect::Weir.sql(question)?, RUNS)?);
                runs[1].push(time_peer(&mut self.duckdb, &Dialect::DuckDb.sql(question)?)?);
                runs[2].push(time_peer(&mut self.chdb, &Dialect::ClickHouse.sql(question)?)?);
            }
            let [weir, duckdb, chdb] = runs.map(|runs| median_of_medians(&runs));
            let show = |figure: Option<f64>| figure.map_or_else(|| "none".to_owned(), |ms| format!("{ms:.2} ms"));
            let name = questions.first().map(|question| question.kind.name()).unwrap_or_default();
            say(&format!(
                "{name:<24} Weir {:>10} DuckDB {:>10} ClickHouse {:>10}",
                show(weir),
                show(duckdb),
                show(chdb)
            ));
            all.push(Latencies { weir, duckdb, chdb });
        }
        Ok(all)
    }

    /// Ends the peers.
    pub(super) fn into_weir(self) -> Server {
        self.server
    }
}

/// Milliseconds of `runs` requests, after one.
pub(super) fn time_weir(weir: &mut WeirSql, sql: &str, runs: usize) -> anyhow::Result<Vec<f64>> {
    weir.query(sql)?;
    let run = |_| {
        let begun = Instant::now();
        weir.query(sql)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    (0..runs).map(run).collect()
}

fn time_peer(peer: &mut Embedded, sql: &str) -> anyhow::Result<Vec<f64>> {
    peer.time(sql, 1)?;
    peer.time(sql, RUNS)
}
