use std::sync::Arc;

use arrow::array::{DictionaryArray, TimestampMillisecondArray};
use arrow::datatypes::Int32Type;
use expect_test::{Expect, expect};
use parquet::arrow::ArrowWriter;
use weir_model::inventory;
use weir_sim::{demand::Demand, outcome::Table, run, scenario::Scenario};

use super::*;

const START_SECS: i64 = 1_767_225_600;

fn estate() -> Estate {
    inventory::parse("demo", weir_sim::DEMO_ESTATE).unwrap()
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(texts.iter().copied().collect::<StringArray>())
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// Two rows of `north-telco` and `www.aurora.test`, with `changed` in the place of columns.
fn columns(changed: &[(&'static str, ArrayRef)]) -> Vec<(&'static str, ArrayRef)> {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("note", texts(&[Some("x"), None])),
        ("time", Arc::new(Int64Array::from(vec![START_SECS, START_SECS + 600]))),
        ("client_group", texts(&[Some("north-telco"); 2])),
        ("domain", texts(&[Some("www.aurora.test"); 2])),
        ("bps", floats(&[1e9, 2e9])),
        ("rps", floats(&[1e3, 2e3])),
    ];
    for (name, column) in changed {
        columns.iter_mut().filter(|(known, _)| known == name).for_each(|(_, kept)| *kept = Arc::clone(column));
    }
    columns
}

fn written(columns: Vec<(&'static str, ArrayRef)>) -> tempfile::NamedTempFile {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

/// What is said about a file with these columns.
fn check(columns: Vec<(&'static str, ArrayRef)>, expect: Expect) {
    let file = written(columns);
    let said = read(file.path(), &estate()).map_or_else(|error| format!("{error:#}"), |_| "read".to_owned());
    expect.assert_eq(&said.replace(&file.path().display().to_string(), "demand.parquet"));
}

/// The outcome of twenty minutes of `demand`.
fn outcome(demand: Demand) -> String {
    let text = "{name: t, estate: demo, starts: 2026-01-01, duration: 20m, demand: {parquet: demand.parquet}}";
    let mut scenario = Scenario::read("t.yaml", text, &|_| Err("none".to_owned())).unwrap();
    scenario.demand = demand;
    let outcome = run::run(&scenario, 1, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    Table::from(&outcome).to_csv()
}

#[test]
fn a_run_of_parquet_is_that_of_the_same_csv() {
    let csv = format!(
        "time,client_group,domain,bps,rps\n{START_SECS},north-telco,www.aurora.test,1e9,1e3\n\
         2026-01-01T00:10:00Z,north-telco,www.aurora.test,2e9,2e3\n"
    );
    let expected = outcome(Demand::Replayed(weir_sim::demand::csv::parse("d.csv", &csv, &estate()).unwrap()));
    let seconds = written(columns(&[]));
    let millis: ArrayRef = Arc::new(
        TimestampMillisecondArray::from(vec![START_SECS * 1_000, (START_SECS + 600) * 1_000]).with_timezone("UTC"),
    );
    let group: ArrayRef = Arc::new(["north-telco"; 2].into_iter().collect::<DictionaryArray<Int32Type>>());
    let timestamps = written(columns(&[("time", millis), ("client_group", group)]));
    for file in [seconds, timestamps] {
        assert_eq!(outcome(Demand::Replayed(read(file.path(), &estate()).unwrap())), expected);
    }
    assert!(expected.contains("pair,north-telco/www.aurora.test,bits_asked,1800000000000.000"), "{expected}");
}

#[test]
fn errors_name_file_column_and_row() {
    check(columns(&[]), expect!["read"]);
    check(
        columns(&[])[..5].to_vec(),
        expect![
            "reading the demand in demand.parquet: there is no column `rps` (demand has time, client_group, domain, bps, rps)"
        ],
    );
    check(
        columns(&[("time", texts(&[Some("noon"); 2]))]),
        expect![
            "reading the demand in demand.parquet: column `time` is of Utf8: write timestamps, or whole seconds since 1970"
        ],
    );
    check(
        columns(&[("bps", texts(&[Some("1"); 2]))]),
        expect!["reading the demand in demand.parquet: column `bps` is of Utf8: write numbers"],
    );
    check(
        columns(&[("domain", floats(&[1.0, 2.0]))]),
        expect!["reading the demand in demand.parquet: column `domain` is of Float64: write text"],
    );
    check(
        columns(&[("bps", floats(&[1.0, -2.0]))]),
        expect!["reading the demand in demand.parquet: row 2, column `bps`: -2 is no rate: give a number from 0"],
    );
    check(
        columns(&[("rps", floats(&[f64::NAN, -2.0]))]),
        expect!["reading the demand in demand.parquet: row 1, column `rps`: NaN is no rate: give a number from 0"],
    );
    check(
        columns(&[("client_group", texts(&[Some("north-telco"), Some("north-telko")]))]),
        expect![
            "reading the demand in demand.parquet: row 2, column `client_group`: there is no client group `north-telko`: is `north-telco` meant?"
        ],
    );
    check(
        columns(&[("domain", texts(&[None, Some("www.aurora.test")]))]),
        expect!["reading the demand in demand.parquet: row 1, column `domain`: it is empty"],
    );
    check(
        columns(&[("time", Arc::new(Int64Array::from(vec![0, i64::MAX])))]),
        expect!["reading the demand in demand.parquet: row 2, column `time`: the time is beyond the year 2262"],
    );
    let nothing = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(nothing.path(), "time,client_group").unwrap();
    assert!(read(nothing.path(), &estate()).is_err());
}
