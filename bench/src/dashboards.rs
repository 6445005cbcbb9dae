//! Ten questions that dashboards ask about node metrics, all of them every half second.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use arrow::array::RecordBatch;

use crate::{
    node_metrics::{MANY_SERIES, ONE_COUNTER, ONE_GAUGE, instance_of, name_of},
    outcome::percentile,
    weir_sql::WeirSql,
};

/// Between two refreshes: several people look at a dashboard that is refreshed every few seconds.
const REFRESH: Duration = Duration::from_millis(500);
/// Windows end at whole buckets of this many seconds where all their rows are known.
pub(crate) const ALIGNED_S: i64 = 300;

/// A question.
#[derive(Debug)]
pub(crate) struct Question {
    /// What it asks for.
    pub(crate) name: &'static str,
    sql: String,
    /// Rows of the answer where the window is full and its end is aligned.
    rows: usize,
    /// And at most, where its end is not.
    rows_max: usize,
}

/// What is known of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// All rows: windows are full and aligned.
    AllRows,
    /// Not more rows than there can be: windows move with what comes in, and that may be late.
    NotMore,
    /// Any rows: targets come and go.
    Any,
}

/// How long answers took.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// Milliseconds of each question's answers.
    questions: Vec<(&'static str, Vec<f64>)>,
    /// Answers without rows: what they asked for came late.
    pub(crate) empty: usize,
}

impl Latencies {
    /// The questions and the percentile `of` their answers.
    pub(crate) fn each(&self, of: f64) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        self.questions.iter().map(move |(name, runs)| (*name, percentile(runs, of)))
    }

    /// The percentile `of` all answers.
    pub(crate) fn all(&self, of: f64) -> Option<f64> {
        percentile(&self.questions.iter().flat_map(|(_, runs)| runs).copied().collect::<Vec<_>>(), of)
    }

    /// How many answers.
    pub(crate) fn count(&self) -> usize {
        self.questions.iter().map(|(_, runs)| runs.len()).sum()
    }

    fn add(&mut self, name: &'static str, ms: f64) {
        match self.questions.iter_mut().find(|(known, _)| *known == name) {
            Some((_, runs)) => runs.push(ms),
            None => self.questions.push((name, vec![ms])),
        }
    }
}

/// Asks all questions again and again, until `is_over`: one of `targets` after the other goes into `about`, which says
/// which target that is now, and where the newest window ends, in seconds since the epoch.
pub(crate) fn ask_until(
    sql: &mut WeirSql,
    is_over: &AtomicBool,
    targets: usize,
    about: impl Fn(usize) -> (usize, i64),
    expect: Expect,
) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    for number in 0.. {
        let begun = Instant::now();
        let (target, end) = about(number % targets);
        for question in questions(targets, target, end) {
            let asked = Instant::now();
            let answer = sql.query(&question.sql)?;
            latencies.add(question.name, asked.elapsed().as_secs_f64() * 1e3);
            if question.check(&answer, expect)? == 0 {
                latencies.empty += 1;
            }
        }
        if is_over.load(Relaxed) {
            break;
        }
        thread::sleep(REFRESH.saturating_sub(begun.elapsed()));
    }
    Ok(latencies)
}

impl Question {
    fn check(&self, answer: &[RecordBatch], expect: Expect) -> anyhow::Result<usize> {
        let rows: usize = answer.iter().map(RecordBatch::num_rows).sum();
        let wanted = match expect {
            Expect::AllRows => self.rows..=self.rows,
            Expect::NotMore => 0..=self.rows_max,
            Expect::Any => 0..=usize::MAX,
        };
        ensure!(wanted.contains(&rows), "{rows} rows instead of {wanted:?} answer {}", self.sql);
        Ok(rows)
    }
}

/// The questions; `end` is where the newest window ends, in seconds since the epoch.
fn questions(targets: usize, target: usize, end: i64) -> Vec<Question> {
    let [gauge, counter, many] = [ONE_GAUGE, ONE_COUNTER, MANY_SERIES].map(name_of);
    let instance = instance_of(target);
    let since = |seconds: i64| format!("time >= '{}'", rfc3339(end - seconds));
    let within = |seconds: i64| format!("{} AND time < '{}'", since(seconds), rfc3339(end));
    let (minutes_5, minutes_15, hour) = (within(300), within(900), within(3_600));
    let regions = targets.min(4);
    let of = |name, sql, rows, rows_max| Question { name, sql, rows, rows_max };
    vec![
        of(
            "last values",
            format!("SELECT instance, last(value, time) FROM {gauge} WHERE {} GROUP BY instance", since(300)),
            targets,
            targets,
        ),
        of(
            "one series",
            format!("SELECT time, value FROM {gauge} WHERE instance = '{instance}' AND {minutes_15} ORDER BY time"),
            90,
            90,
        ),
        of(
            "rate by instance",
            format!(
                "SELECT instance, sum(rate) FROM (SELECT instance, device, mode, mountpoint, rate(value, time) AS rate \
                 FROM {many} WHERE {minutes_5} GROUP BY instance, device, mode, mountpoint) GROUP BY instance"
            ),
            targets,
            targets,
        ),
        of(
            "top ten",
            format!(
                "SELECT instance, rate(value, time) AS rate FROM {counter} WHERE {minutes_5} GROUP BY instance \
                 ORDER BY rate DESC LIMIT 10"
            ),
            targets.min(10),
            targets.min(10),
        ),
        of("picker", format!("SELECT DISTINCT instance FROM {many}"), targets, targets),
        of("picker of an instance", format!("SELECT DISTINCT device FROM {many} WHERE instance = '{instance}'"), 8, 8),
        of(
            "count by job",
            format!("SELECT job, count(DISTINCT instance) FROM {gauge} WHERE {} GROUP BY job", since(60)),
            1,
            1,
        ),
        of(
            "averages of an hour",
            format!(
                "SELECT time_bucket('5m', time) AS bucket, avg(value) FROM {gauge} WHERE {hour} GROUP BY bucket \
                 ORDER BY bucket"
            ),
            12,
            13,
        ),
        of(
            "maxima by region",
            format!(
                "SELECT region, time_bucket('1m', time) AS bucket, max(value) FROM {gauge} WHERE {minutes_15} \
                 GROUP BY region, bucket ORDER BY region, bucket"
            ),
            regions * 15,
            regions * 16,
        ),
        of("newest", format!("SELECT time, instance, value FROM {gauge} ORDER BY time DESC LIMIT 20"), 20, 20),
    ]
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}
