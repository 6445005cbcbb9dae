//! `infra.scrape_targets`: what is scraped, and how the last scrape of each target went, as it is when asked.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, TimestampNanosecondArray},
    record_batch::RecordBatch,
};
use datafusion::error::DataFusionError;
use serde_json::{Map, Value};
use weir_analyzer::Computed;
use weir_collector::scrape::{TargetBoard, TargetStatus};

use crate::infra::{floats, text};

/// Of what is on `board`.
pub(crate) fn table(board: TargetBoard) -> Result<Computed, DataFusionError> {
    Computed::new(move || rows(&board.targets()))
}

fn rows(targets: &[TargetStatus]) -> Result<RecordBatch, DataFusionError> {
    let rows = || targets.iter();
    let last: TimestampNanosecondArray = rows().map(|row| row.last_scrape.map(|time| time.0)).collect();
    let last: ArrayRef = Arc::new(last.with_timezone("UTC"));
    let columns: [(&str, ArrayRef, bool); 8] = [
        ("job", text(rows().map(|row| &row.job)), false),
        ("instance", text(rows().map(|row| row.labels.get("instance"))), false),
        ("url", text(rows().map(|row| &row.url)), false),
        ("labels", text(rows().map(json)), false),
        ("health", text(rows().map(|row| row.health.as_str())), false),
        ("last_error", text(rows().map(|row| &row.last_error)), false),
        ("last_scrape", last, true),
        ("last_scrape_duration_s", floats(rows().map(|row| Some(row.last_duration?.as_secs_f64()))), true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

/// Labels as a JSON object.
fn json(row: &TargetStatus) -> String {
    let pairs = row.labels.iter().map(|(name, value)| (name.to_string(), Value::from(&**value)));
    Value::Object(pairs.collect::<Map<_, _>>()).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_collector::scrape::Health;
    use weir_model::{observation::Labels, time::UnixNanos};

    use super::*;

    /// The schema must not depend on which rows there are.
    #[test]
    fn a_target_that_was_not_scraped_yet_has_nulls() {
        let new = TargetStatus {
            job: "node".into(),
            url: "http://a:1/metrics".to_owned(),
            labels: Labels::new([("instance", "a:1"), ("job", "node")]),
            health: Health::Unknown,
            last_error: String::new(),
            last_scrape: None,
            last_duration: None,
        };
        let (last_scrape, last_duration) = (Some(UnixNanos::from_secs(1)), Some(Duration::from_millis(5)));
        let up = TargetStatus { health: Health::Up, last_scrape, last_duration, ..new.clone() };
        let batch = rows(&[new, up]).unwrap();
        assert_eq!(batch.schema(), rows(&[]).unwrap().schema());
        let shown = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
        expect_test::expect![[r#"
            +------+----------+--------------------+---------------------------------+---------+------------+----------------------+------------------------+
            | job  | instance | url                | labels                          | health  | last_error | last_scrape          | last_scrape_duration_s |
            +------+----------+--------------------+---------------------------------+---------+------------+----------------------+------------------------+
            | node | a:1      | http://a:1/metrics | {"instance":"a:1","job":"node"} | unknown |            |                      |                        |
            | node | a:1      | http://a:1/metrics | {"instance":"a:1","job":"node"} | up      |            | 1970-01-01T00:00:01Z | 0.005                  |
            +------+----------+--------------------+---------------------------------+---------+------------+----------------------+------------------------+"#]].assert_eq(&shown);
    }
}
