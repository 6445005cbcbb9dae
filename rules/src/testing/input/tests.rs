use expect_test::{Expect, expect};

use super::*;

/// Writes a table as one line per row: seconds from the start, labels, fields.
fn lines(rows: &Rows) -> String {
    let mut text = format!("{}\n", rows.table);
    for (index, time) in rows.time.iter().enumerate() {
        let labels: Vec<String> =
            rows.labels[rows.series[index] as usize].iter().map(|(name, value)| format!("{name}={value}")).collect();
        let fields: Vec<String> =
            rows.fields.iter().map(|(name, column)| format!("{name}={}", cell(column, index))).collect();
        text.push_str(&format!(
            "{}s {} {}\n",
            (time - crate::testing::START.0) / 1_000_000_000,
            labels.join(","),
            fields.join(",")
        ));
    }
    text
}

fn cell(column: &Column, index: usize) -> String {
    match column {
        Column::F64(values) => format!("{:?}", values[index]),
        Column::I64(values) => format!("{:?}", values[index]),
        Column::Bool(values) => format!("{:?}", values[index]),
        Column::Text(values) => format!("{:?}", values[index]),
        Column::Amount(values) => values[index].map_or("None".to_owned(), |amount| amount.to_string()),
    }
}

fn check(text: &str, expect: Expect) {
    let read = Reader::read("t.yaml", text, |_, mut fields| {
        let tables: Vec<Option<Rows>> =
            fields.list("input").iter().map(|item| read(item, Duration::from_secs(60))).collect();
        fields.finish();
        tables.into_iter().collect::<Option<Vec<Rows>>>()
    });
    expect.assert_eq(&read.map_or_else(|found| found.to_string(), |tables| tables.iter().map(lines).collect()));
}

#[test]
fn series_and_rows_become_rows() {
    check(
        "input:
  - table: metrics.t
    columns: [a, b, x float, n integer, ok boolean, why text, cost decimal]
    series:
      - {a: '1', b: '', x: 0+0.5x2, n: 7 _x2 8, ok: 1x1 0, why: since, cost: 0.1+0.2x1}
      - {a: '2', start: -2m, ok: _ 1}
    rows:
      - {time: -30s, a: '3', x: -1e-3, ok: true, why: 'two words'}
      - {b: only}
",
        expect![[r#"
            metrics.t
            0s a=1 x=Some(0.0),n=Some(7),ok=Some(true),why=Some("since"),cost=0.100000000
            60s a=1 x=Some(0.5),n=None,ok=Some(true),why=Some("since"),cost=0.300000000
            120s a=1 x=Some(1.0),n=None,ok=Some(false),why=Some("since"),cost=None
            180s a=1 x=None,n=Some(8),ok=None,why=Some("since"),cost=None
            -60s a=2 x=None,n=None,ok=Some(true),why=None,cost=None
            -30s a=3 x=Some(-0.001),n=None,ok=Some(true),why=Some("two words"),cost=None
            0s b=only x=None,n=None,ok=None,why=None,cost=None
        "#]],
    );
}

#[test]
fn errors_name_table_column_and_type() {
    check(
        "input:
  - {table: t, columns: []}
  - {table: metrics.t, columns: [a, a, time, x flot, n integer, ok boolean], rows: []}
  - table: metrics.t
    columns: [a, n integer, ok boolean]
    row: []
    rows:
      - {aa: 1}
  - {table: metrics.t, columns: [n integer], rows: [{n: 0.5}]}
  - {table: metrics.t, columns: [n integer], rows: [{n: 1x3}]}
  - {table: metrics.t, columns: [ok boolean], series: [{ok: 1 2}]}
  - {table: metrics.t, columns: [ok boolean], series: [{ok: yes}]}
  - {table: metrics.t, columns: [x float], series: [{start: 5, x: 1}]}
  - {table: metrics.t, columns: [x float], series: [{x: 1x60000}, {x: 1x60000}]}
",
        expect![[r#"
            t.yaml:2:13: `table` names no schema
                hint: write `metrics.t`
            t.yaml:3:37: column `a` is given twice
            t.yaml:3:40: `time` is no column here: entries give it anyway
            t.yaml:3:46: `flot` is no type of a field, only float, integer, boolean, text, decimal
            t.yaml:6:5: a table has no key `row`
                hint: did you mean `rows`?
            t.yaml:8:10: the table has no column `aa`
                hint: did you mean `a`?
            t.yaml:9:57: `n`: 0.5 is no integer
            t.yaml:10:57: `n`: a row has one value, and this is 4
            t.yaml:11:61: `ok`: 2 is no boolean
            t.yaml:12:61: `ok`: `yes` is no part of a series: write `5`, `5x3`, `1+2x3`, `1-2x3`, `_` or `_x3`
            t.yaml:13:61: `start` is `5`, which is not a time from the start of the test such as `10m`, `0m` or `-1h30m`
            t.yaml:14:13: the table has 120002 rows, at most 100000 are allowed"#]],
    );
}
