//! Events as rows of `ops.alerts`.

use std::sync::Arc;

use serde_json::{Map, Value};
use weir_model::observation::{Labels, Row, Rows, TableName, merge};

use super::AlertEvent;

/// Fields of `ops.alerts`, and the names of its time: labels with one of these names are called
/// `label_..`, as everywhere in SQL.
const TAKEN: [&str; 5] = ["time", "state", "value", "active_at", "annotations"];

/// Rows of `ops.alerts`: one for each time that an instance entered a phase.
///
/// `time` is that of the evaluation, the labels are the instance's (with `alertname`), and the
/// fields are `state` (`pending`, `firing`, `resolved`; `inactive` when it was pending and went
/// away), `value`, `active_at` (when it was first returned: nanoseconds since the epoch) and
/// `annotations` (a JSON object).
pub fn of(events: &[AlertEvent]) -> Vec<Rows> {
    merge(events.iter().map(row))
}

fn row(event: &AlertEvent) -> Rows {
    let alert = &event.alert;
    let annotations: Map<String, Value> =
        alert.annotations.iter().map(|(name, text)| (name.to_string(), text.as_str().into())).collect();
    Row::new(TableName::new("ops", "alerts"), event.at.0, columns(&alert.labels))
        .text("state", alert.phase.as_str())
        .f64("value", alert.value)
        .i64("active_at", alert.active_at.0)
        .text("annotations", Value::Object(annotations).to_string())
        .into_rows()
}

fn columns(labels: &Labels) -> Labels {
    Labels::new(labels.iter().map(|(name, value)| {
        let taken = TAKEN.contains(&&**name);
        (if taken { format!("label_{name}").into() } else { Arc::clone(name) }, Arc::clone(value))
    }))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use weir_model::{observation::Column, time::UnixNanos};

    use super::*;
    use crate::alert::{Alert, Phase};

    #[test]
    fn events_are_rows_and_labels_do_not_hide_fields() {
        let alert = |phase| Alert {
            labels: Labels::new([("alertname", "Down"), ("node", "edge-1"), ("state", "NY")]),
            annotations: Arc::new([("summary".into(), "\"edge-1\" is down".to_owned())].into()),
            value: 0.5,
            active_at: UnixNanos(7),
            phase,
        };
        let tables = of(&[
            AlertEvent { at: UnixNanos(7), alert: alert(Phase::Pending) },
            AlertEvent { at: UnixNanos(9), alert: alert(Phase::Firing { since: UnixNanos(9) }) },
        ]);
        let [table] = tables.as_slice() else { panic!("one table: {tables:?}") };
        let mut text = format!("{} at {:?}\n", table.table, table.time);
        text.extend(table.labels[1].iter().map(|(name, value)| format!("{name}={value}\n")));
        text.extend(table.fields.iter().map(|(name, column)| match column {
            Column::Text(values) => format!("{name}: {:?}\n", values.iter().flatten().collect::<Vec<_>>()),
            other => format!("{name}: {other:?}\n"),
        }));
        expect![[r#"
            ops.alerts at [7, 9]
            alertname=Down
            label_state=NY
            node=edge-1
            state: ["pending", "firing"]
            value: F64([Some(0.5), Some(0.5)])
            active_at: I64([Some(7), Some(7)])
            annotations: ["{\"summary\":\"\\\"edge-1\\\" is down\"}", "{\"summary\":\"\\\"edge-1\\\" is down\"}"]
        "#]]
        .assert_eq(&text);
    }
}
