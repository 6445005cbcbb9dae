//! An outcome as rows of the schema `sim`: `sim.runs` and `sim.results`.

use std::sync::Arc;

use weir_model::{
    amount::Amount,
    observation::{Column, Labels, Row, Rows, TableName},
    time::UnixNanos,
};

use super::{Outcome, Table};

impl Outcome {
    /// A row of `sim.runs` and a row of `sim.results` for every figure, dated `at` and labelled
    /// with the run's name `run`. Money is in
    /// `amount`, other numbers in `value`, the rest in `text`.
    pub fn rows(&self, run: &str, at: UnixNanos) -> Vec<Rows> {
        let (summary, total) = (&self.summary, self.total());
        let labels = Labels::new([("run", run), ("scenario", summary.name.as_str())]);
        let runs = Row::new(TableName::new("sim", "runs"), at.0, labels)
            .text("seed", summary.seed.to_string())
            .i64("starts", summary.starts.0)
            .f64("duration_s", summary.duration.as_secs_f64())
            .f64("requests_asked", total.asked)
            .f64("requests_lost", total.lost_in_all())
            .f64("availability", total.availability())
            .i64("solves", i64::try_from(summary.control.solves).unwrap_or(i64::MAX))
            .f64("moved_mbps", summary.control.moved_mbps);
        vec![runs.into_rows(), results(&Table::from(self), run, at)]
    }
}

fn results(table: &Table, run: &str, at: UnixNanos) -> Rows {
    let mut rows = Rows::empty(TableName::new("sim", "results"));
    let (mut values, mut texts, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
    for (index, entry) in table.entries.iter().enumerate() {
        let labels = [("run", run), ("table", &entry.table), ("key", &entry.key), ("metric", &entry.metric)];
        rows.labels.push(Labels::new(labels));
        rows.series.push(index as u32);
        rows.time.push(at.0);
        let amount = entry.is_money().then(|| Amount::of(entry.value.parse().ok()?)).flatten();
        let number = entry.value.parse::<f64>().ok();
        texts.push(number.is_none().then(|| Arc::from(entry.value.as_str())));
        values.push(number.filter(|_| amount.is_none()));
        amounts.push(amount);
    }
    rows.fields = vec![
        ("value".into(), Column::F64(values)),
        ("amount".into(), Column::Amount(amounts)),
        ("text".into(), Column::Text(texts)),
    ];
    rows
}
