//! `weir sim` on files: demand from Parquet in, rows out that others read.

use std::{fs, path::Path, process::Output, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray},
    ipc::reader::StreamReader,
    record_batch::RecordBatch,
};
use parquet::arrow::ArrowWriter;

use super::weir::Place;

const SCENARIO: &str = "
name: from a file
estate: demo
starts: 2026-01-01
duration: 20m
demand: {parquet: demand.parquet}
";

/// A Parquet file with demand of one pair at the start, of `group`.
fn demand(folder: &Path, group: &str) {
    let columns: [(&str, ArrayRef); 5] = [
        ("time", Arc::new(Int64Array::from(vec![1_767_225_600]))),
        ("client_group", Arc::new(StringArray::from(vec![group]))),
        ("domain", Arc::new(StringArray::from(vec!["www.aurora.test"]))),
        ("bps", Arc::new(Float64Array::from(vec![1e9]))),
        ("rps", Arc::new(Float64Array::from(vec![100.0]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(folder.join("demand.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn sim(place: &Place, arguments: &[&str]) -> Output {
    place.weir(&[&["sim"], arguments].concat()).output().unwrap()
}

#[test]
fn demand_from_parquet_becomes_arrow_and_a_saved_result() {
    let place = Place::new();
    place.write("s.yaml", SCENARIO);
    demand(&place.path(""), "north-telco");
    let run = sim(&place, &["run", "s.yaml", "--output", "arrow", "--save", "saved"]);
    assert!(run.status.success(), "{run:?}");
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(run.stdout.as_slice(), None).unwrap().collect::<Result<_, _>>().unwrap();
    let texts = |batch: &RecordBatch, name: &str| -> Vec<String> {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap().to_owned()).collect()
    };
    let asked = batches.iter().find_map(|batch| {
        let at = texts(batch, "key").iter().position(|key| key == "north-telco/www.aurora.test")?;
        Some((texts(batch, "metric")[at].clone(), texts(batch, "value")[at].clone()))
    });
    assert_eq!(asked, Some(("requests_asked".to_owned(), "120000.000".to_owned())), "20 minutes of 100 a second");

    let again = sim(&place, &["run", "s.yaml", "--output", "csv"]);
    assert_eq!(again.stdout, fs::read(place.path("saved/result.csv")).unwrap());
    let compared = sim(&place, &["compare", "saved", "saved", "--output", "csv"]);
    assert_eq!(String::from_utf8(compared.stdout).unwrap(), "table,key,metric,before,after,change\n");
}

#[test]
fn a_wrong_row_of_demand_is_bad_input() {
    let place = Place::new();
    place.write("s.yaml", SCENARIO);
    demand(&place.path(""), "north-telko");
    let run = sim(&place, &["run", "s.yaml"]);
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8(run.stderr).unwrap();
    let place = "demand.parquet: row 1, column `client_group`: there is no client group `north-telko`";
    assert!(said.contains(place), "{said}");
}
