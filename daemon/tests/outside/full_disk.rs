//! A full disk: writes are refused with a time to come back, reads go on, and so do writes once there
//! is space. The disk is a small tmpfs in a mount namespace of the daemon's own.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::Command,
};

use reqwest::{StatusCode, header::RETRY_AFTER};
use serde_json::json;

use super::{
    weir::{Place, client, until},
    write::{body, now_millis, series},
};

/// Room for the log of a start, its first plan, and some thousand samples.
const DISK: &str = "8m";

/// Fills the disk to its last byte with a file at `path`.
fn fill(path: &PathBuf) {
    let mut file = File::create(path).unwrap();
    let page = [0; 4_096];
    while file.write_all(&page).is_ok() {}
}

#[tokio::test]
async fn on_a_full_disk_writes_are_put_off_and_reads_go_on() {
    let place = Place::new();
    place.configure("data: disk/data");
    fs::create_dir(place.path("disk")).unwrap();
    let script = format!("mount -t tmpfs -o size={DISK} tmpfs disk && exec \"$0\" run --config weir.yaml");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_weir")]);
    let daemon = place.ready(place.start(place.here(command))).await;
    let send = async |number: i64| {
        let sample = series("numbered", &[], &[(begun() + number, number as f64)]);
        let answer = place.send(&client(), body(vec![sample])).await.unwrap();
        let after = answer.headers().get(RETRY_AFTER).map(|after| after.to_str().unwrap().to_owned());
        (answer.status(), after, answer.text().await.unwrap())
    };
    assert_eq!(send(0).await.0, StatusCode::NO_CONTENT);
    // The folder as the daemon sees it.
    let filler =
        PathBuf::from(format!("/proc/{}/root", daemon.id())).join(place.path("disk/filler").strip_prefix("/").unwrap());
    fill(&filler);
    // The last page of the log may have room for a few.
    let mut number = 1;
    let (_, after, text) = until("a write is refused", async || {
        let answer = send(number).await;
        number += i64::from(answer.0 == StatusCode::NO_CONTENT);
        (answer.0 == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await;
    assert_eq!(after.as_deref(), Some("5"), "{text}");
    assert!(text.contains("the store's disk is full"), "{text}");
    let counted = "SELECT count(*), max(value) FROM numbered";
    assert_eq!(place.sql(counted).await, [[json!(number), json!((number - 1) as f64)]], "reads go on");
    fs::remove_file(&filler).unwrap();
    until("writes go on", async || (send(number).await.0 == StatusCode::NO_CONTENT).then_some(())).await;
    assert_eq!(place.sql(counted).await, [[json!(number + 1), json!(number as f64)]]);
}

/// The time of number 0: the same for the whole test, because a refused sample is sent again.
fn begun() -> i64 {
    static BEGUN: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *BEGUN.get_or_init(now_millis)
}
