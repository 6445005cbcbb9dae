//! What was sent, what was acknowledged, and whether SQL says so.

use std::collections::{HashMap, HashSet};

use anyhow::Context;

use super::{
    http::Connection,
    sample::{Key, Sample, Table},
};

/// Findings of one kind that are described; the others are counted.
const DESCRIBED_MAX: usize = 5;

#[derive(Clone, Copy, Debug)]
struct Entry {
    value: f64,
    acknowledged: bool,
}

/// Everything that was sent to one folder.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: HashMap<Key, Entry>,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged samples that were looked for.
    pub(crate) acknowledged: u64,
    /// Of those, not found.
    pub(crate) lost: u64,
    /// Found more than once.
    pub(crate) duplicates: u64,
    /// Found with another value than was sent, or never sent.
    pub(crate) wrong: u64,
    /// The first of each.
    pub(crate) described: Vec<String>,
}

impl Verdict {
    /// Whether everything is as it should be.
    pub(crate) fn is_good(&self) -> bool {
        self.lost + self.duplicates + self.wrong == 0
    }

    /// With what another comparison found.
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.wrong += other.wrong;
        self.described.extend(other.described);
    }

    fn describe(&mut self, count: u64, what: &str, key: &Key) {
        if count <= DESCRIBED_MAX as u64 {
            self.described.push(format!("{what}: {key:?}"));
        }
    }
}

impl Ledger {
    /// Samples are about to be sent.
    pub(crate) fn sent(&mut self, samples: &[Sample]) {
        for Sample { key, value } in samples {
            self.entries.entry(*key).or_insert(Entry { value: *value, acknowledged: false });
        }
    }

    /// They were acknowledged.
    pub(crate) fn acknowledged(&mut self, samples: &[Sample]) {
        for sample in samples {
            if let Some(entry) = self.entries.get_mut(&sample.key) {
                entry.acknowledged = true;
            }
        }
    }

    /// Compares with what the daemon answers; `counting`, also with what SQL counts itself.
    pub(crate) fn check(&self, connection: &mut Connection, counting: bool) -> anyhow::Result<Verdict> {
        let mut verdict = Verdict::default();
        for table in Table::all() {
            let rows = rows(connection, table)?;
            verdict.add(self.check_table(table, &rows));
            if counting {
                verdict.add(check_counts(connection, table, rows.len())?);
            }
        }
        Ok(verdict)
    }

    fn check_table(&self, table: Table, rows: &[(Key, f64)]) -> Verdict {
        let (mut verdict, mut seen) = (Verdict::default(), HashSet::new());
        for (key, value) in rows {
            if self.entries.get(key).is_none_or(|entry| entry.value.to_bits() != value.to_bits()) {
                verdict.wrong += 1;
                verdict.describe(verdict.wrong, "wrong", key);
            }
            if !seen.insert(*key) {
                verdict.duplicates += 1;
                verdict.describe(verdict.duplicates, "twice", key);
            }
        }
        let promised =
            |(key, entry): &(&Key, &Entry)| key.table == table && entry.acknowledged && key.table != Table::Expiring;
        let mut lost: Vec<&Key> = Vec::new();
        for (key, _) in self.entries.iter().filter(promised) {
            verdict.acknowledged += 1;
            if !seen.contains(key) {
                lost.push(key);
            }
        }
        lost.sort();
        for key in lost {
            verdict.lost += 1;
            verdict.describe(verdict.lost, "lost", key);
        }
        verdict
    }
}

/// Whether SQL, counting by itself, finds nothing twice, and as many rows as it gave.
fn check_counts(connection: &mut Connection, table: Table, rows: usize) -> anyhow::Result<Verdict> {
    let name = table.name();
    let twice = format!("(SELECT 1 FROM metrics.{name} GROUP BY sender, part, time HAVING count(*) > 1)");
    // What expires may do so between two queries.
    let expected = [(twice, Some(0)), (format!("metrics.{name}"), (table != Table::Expiring).then_some(rows))];
    let mut verdict = Verdict::default();
    for (counted, expected) in expected {
        let answer = csv(connection, &format!("SELECT count(*) FROM {counted}"))?;
        let count: usize = answer.first().map_or(Ok(0), |row| row.parse()).context("a count")?;
        if let Some(expected) = expected.filter(|expected| *expected != count) {
            verdict.duplicates += count.abs_diff(expected) as u64;
            verdict.described.push(format!("{count} rows in {counted}, not {expected}"));
        }
    }
    Ok(verdict)
}

/// All rows of a table, none where there is no table.
fn rows(connection: &mut Connection, table: Table) -> anyhow::Result<Vec<(Key, f64)>> {
    let name = table.name();
    let query = format!("SELECT sender, part, CAST(time AS BIGINT), value FROM metrics.{name}");
    csv(connection, &query)?.iter().map(|row| row_of(table, row)).collect()
}

fn row_of(table: Table, row: &str) -> anyhow::Result<(Key, f64)> {
    let parsed = || {
        let mut parts = row.split(',');
        let (sender, part) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let time_ns: i64 = parts.next()?.parse().ok()?;
        let value = parts.next()?.parse().ok()?;
        (time_ns % 1_000_000 == 0).then_some((Key { table, sender, part, time_ms: time_ns / 1_000_000 }, value))
    };
    parsed().with_context(|| format!("a row that nobody sent: {row}"))
}

/// The lines of an answer without its head; none where the table does not exist.
fn csv(connection: &mut Connection, query: &str) -> anyhow::Result<Vec<String>> {
    let answer = connection.ask("POST /api/v1/sql", "Accept: text/csv\r\n", query.as_bytes())?;
    let text = String::from_utf8(answer.body).context("an answer in UTF-8")?;
    match answer.status {
        200 => Ok(text.lines().skip(1).map(str::to_owned).collect()),
        _ if text.contains("no table") || text.contains("not found") => Ok(Vec::new()),
        status => anyhow::bail!("{query}: {status} {text}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_is_lost_twice_or_wrong_is_told() {
        let table = Table::Metric(0);
        let sample = |time_ms, value| Sample { key: Key { table, sender: 1, part: 2, time_ms }, value };
        let mut ledger = Ledger::default();
        let samples: Vec<Sample> = (0..4).map(|time| sample(time, time as f64)).collect();
        ledger.sent(&samples);
        ledger.acknowledged(&samples[..3]);
        let row = |time: i64, value: f64| row_of(table, &format!("1,2,{time}000000,{value:?}")).unwrap();
        let check = |rows: &[(Key, f64)]| {
            let Verdict { acknowledged, lost, duplicates, wrong, described } = ledger.check_table(table, rows);
            format!("{lost} of {acknowledged} lost, {duplicates} twice, {wrong} wrong\n{}", described.join("\n"))
        };
        // What was not acknowledged may be there or not.
        expect!["0 of 3 lost, 0 twice, 0 wrong\n"].assert_eq(&check(&[row(0, 0.0), row(1, 1.0), row(2, 2.0)]));
        expect![[r#"
            1 of 3 lost, 1 twice, 2 wrong
            twice: Key { table: Metric(0), sender: 1, part: 2, time_ms: 0 }
            wrong: Key { table: Metric(0), sender: 1, part: 2, time_ms: 1 }
            wrong: Key { table: Metric(0), sender: 1, part: 2, time_ms: 9 }
            lost: Key { table: Metric(0), sender: 1, part: 2, time_ms: 2 }"#]]
        .assert_eq(&check(&[row(0, 0.0), row(0, 0.0), row(1, 1.5), row(3, 3.0), row(9, 9.0)]));
        assert!(row_of(table, "1,2,7,1.0").is_err(), "no sample has a time in nanoseconds");
    }
}
