//! A damaged data folder: what cannot be read is told with file and place and kept aside, all else is answered.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    weir::Place,
    write::{now_millis, series},
};

/// What `/metrics` says under `name`.
async fn gauge(place: &Place, name: &str) -> Option<u64> {
    let text = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// Numbered samples from 0 on, each in a request of its own, a millisecond apart from `begun` on.
async fn write(place: &Place, begun: i64, count: i64) {
    for number in 0..count {
        let sample = series("numbered", &[], &[(begun + number, number as f64)]);
        assert_eq!(place.remote_write(vec![sample]).await.0, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_bit_flipped_in_the_log_costs_one_record_and_is_told() {
    let place = Place::new();
    place.configure("host_every: 1h");
    let mut daemon = place.run().await;
    write(&place, now_millis(), 9).await;
    daemon.kill();
    // The record that has number 4 and no other.
    let four = 4.0_f64.to_le_bytes();
    let segments = fs::read_dir(place.path("data/wal")).unwrap().map(|entry| entry.unwrap().path());
    let found = segments.filter_map(|path| {
        let bytes = fs::read(&path).unwrap();
        let at = bytes.windows(8).rposition(|window| window == four)?;
        Some((path, bytes, at))
    });
    let [(segment, mut bytes, at)] = found.collect::<Vec<_>>().try_into().unwrap();
    bytes[at] ^= 0x04;
    fs::write(&segment, &bytes).unwrap();

    let daemon = place.run().await;
    let numbers = place.sql("SELECT value FROM numbered ORDER BY time").await;
    assert_eq!(json!(numbers), json!([[0.0], [1.0], [2.0], [3.0], [5.0], [6.0], [7.0], [8.0]]));
    let said = daemon.said();
    let told = said
        .lines()
        .find(|line| line.contains("ERROR") && line.contains("damaged"))
        .unwrap_or_else(|| panic!("{said}"));
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(told.contains(name) && told.contains("the checksum does not match") && told.contains("offset="), "{told}");
    assert_eq!(gauge(&place, "weir_damage_at_start").await, Some(1));
    let kept = PathBuf::from(format!("{}.corrupt", segment.display()));
    assert_eq!(fs::read(kept).unwrap(), bytes);
}

#[tokio::test]
async fn a_data_file_cut_off_is_told_by_queries_and_set_aside_by_the_next_start() {
    let place = Place::new();
    place.configure("host_every: 1h");
    let mut daemon = place.run().await;
    write(&place, now_millis(), 3).await;
    let answer = place.post("/write?precision=ms", format!("tanks,tank=7 level=95,open=t {}", now_millis())).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    daemon.ask_to_stop();
    assert!(daemon.wait().success(), "{}", daemon.said());

    // It is cut while the daemon runs, and has not looked into it.
    let mut daemon = place.run().await;
    let files = fs::read_dir(place.path("data/data")).unwrap().map(|entry| entry.unwrap().path());
    let samples = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("value-"));
    let [file] = samples.collect::<Vec<_>>().try_into().unwrap();
    let half = fs::metadata(&file).unwrap().len() / 2;
    OpenOptions::new().write(true).open(&file).unwrap().set_len(half).unwrap();
    let answer = place.post("/api/v1/sql", "SELECT sum(value) FROM numbered").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let answer: serde_json::Value = answer.json().await.unwrap();
    let (error, hint) = (answer["error"].as_str().unwrap(), answer["hint"].as_str().unwrap());
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name) && error.contains(&format!("cannot be read at offset {half}: ")), "{error}");
    assert!(hint.contains("put a sound copy of the file in its place"), "{hint}");
    let tanks = "SELECT tank, level, open FROM tanks";
    assert_eq!(place.sql(tanks).await, [[json!("7"), json!(95.0), json!(true)]]);
    assert_eq!(gauge(&place, "weir_files_unreadable").await, Some(1));
    assert!(daemon.said().contains(name), "{}", daemon.said());
    daemon.kill();

    let daemon = place.run().await;
    let said = daemon.said();
    let told = said.lines().find(|line| line.contains("damaged:")).unwrap_or_else(|| panic!("{said}"));
    assert!(told.contains(name) && told.contains(&format!("offset={half}")), "{told}");
    assert_eq!(gauge(&place, "weir_damage_at_start").await, Some(1));
    assert!(PathBuf::from(format!("{}.corrupt", file.display())).exists() && !file.exists());
    assert_eq!(place.sql("SELECT count(*) FROM numbered").await, [[json!(0)]]);
    assert_eq!(place.sql(tanks).await, [[json!("7"), json!(95.0), json!(true)]]);
    write(&place, now_millis(), 1).await;
    assert_eq!(place.sql("SELECT count(*) FROM numbered").await, [[json!(1)]]);
}
