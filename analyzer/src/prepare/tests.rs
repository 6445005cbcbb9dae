use std::time::Duration;

use expect_test::{Expect, expect};
use weir_model::observation::{Labels, Row, merge};

use super::*;
use crate::settings::Clock;

const NOW: i64 = 10_000_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

fn check(batch: impl IntoIterator<Item = Rows>, expected: Expect) {
    let limits = Limits { values_per_label: 2, text_bytes: 5, ..Limits::default() };
    let retention = Duration::from_secs(3_600);
    let settings = Settings { limits, retention, clock: Clock::new(|| NOW), ..Settings::default() };
    let (preparer, mut catalog) = (Preparer::new(&settings), Catalog::default());
    let mut lines = Vec::new();
    for rows in batch {
        let prepared = preparer.prepare(vec![rows].into(), &mut catalog);
        lines.push(format!("{} kept", prepared.rows));
        lines.extend(prepared.rejected.into_iter().map(|rejected| {
            format!("  {} of {}: {}: {}", rejected.rows, rejected.table, rejected.kind.name(), rejected.reason)
        }));
    }
    lines.push(format!("{} tables, {} series", catalog.tables().count(), catalog.series_count()));
    expected.assert_eq(&lines.join("\n"));
}

fn row(table: &str, time: i64, node: &str) -> Row {
    Row::new(TableName::metric(table), time, Labels::new([("node", node)]))
}

#[test]
fn times_out_of_range_leave_nothing_behind() {
    check(
        [
            row("a", NOW + HOUR, "x").f64("value", 1.0).into_rows(),
            row("b", NOW + HOUR + 1, "x").f64("value", 1.0).into_rows(),
            row("b", NOW - HOUR - 1, "x").f64("value", 1.0).into_rows(),
        ],
        expect![[r#"
            1 kept
            0 kept
              1 of metrics.b: time: the time is more than 3600 s in the future
            0 kept
              1 of metrics.b: time: the time is before everything that is retained
            1 tables, 1 series"#]],
    );
}

#[test]
fn a_label_bomb_costs_its_own_rows_only() {
    let nodes = ["x", "y", "z", "x", "w"];
    check(
        merge(nodes.map(|node| row("a", NOW, node).f64("value", 1.0).into_rows())),
        expect![[r#"
            3 kept
              2 of metrics.a: cardinality: label 'node' has 2 values in this table, the limit
            1 tables, 2 series"#]],
    );
}

#[test]
fn a_field_keeps_its_type() {
    check(
        [
            row("a", NOW, "x").f64("v", 1.0).into_rows(),
            row("a", NOW, "x").i64("new", 1).text("v", "1").into_rows(),
            row("a", NOW, "y").i64("new", 1).into_rows(),
        ],
        expect![[r#"
            1 kept
            0 kept
              1 of metrics.a: field_type: field 'v' is float in this table, not text
            1 kept
            1 tables, 2 series"#]],
    );
}

#[test]
fn long_texts_are_refused() {
    check(
        [
            row("a", NOW, "x").text("note", "123456").into_rows(),
            row("a", NOW, "a longer name").text("note", "12345").into_rows(),
        ],
        expect![[r#"
            0 kept
              1 of metrics.a: size: field 'note' is longer than 5 bytes
            0 kept
              1 of metrics.a: size: label 'node' is longer than 5 bytes
            1 tables, 0 series"#]],
    );
}
