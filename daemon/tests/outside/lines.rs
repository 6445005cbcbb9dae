//! Line protocol, as Telegraf and the client libraries of InfluxDB write it.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{weir::Place, write::now_millis};

#[tokio::test]
async fn measurements_are_tables_and_outlive_the_daemon() {
    let place = Place::new();
    let mut daemon = place.run().await;
    let now = now_millis();
    let lines = format!(
        "cpu,host=a,cpu=cpu0 usage_user=1.5,usage_system=2i,on=t,state=\"hot\\\" 1\" {now}\n\
         cpu,host=b,cpu=cpu0 usage_system=3i,usage_user=2.5 {now}\n\
         temperature,room=a value=21.5 {now}\n\
         cpu,host=c usage_user=x {now}\n"
    );
    let answer = place.post("/api/v2/write?org=ops&bucket=hosts&precision=ms", lines).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let said = "partial write: 3 lines written, 1 rejected\nline 4: field `usage_user`: `x` is no number, boolean or quoted string";
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer, json!({ "code": "invalid", "line": 4, "message": said }));
    let rows = [json!(["a", "cpu0", 1.5, 2, true, "hot\" 1"]), json!(["b", "cpu0", 2.5, 3, null, null])];
    let query = "SELECT host, cpu, usage_user, usage_system, \"on\", state FROM cpu ORDER BY host";
    assert_eq!(json!(place.sql(query).await), json!(rows));
    daemon.kill();
    let _daemon = place.run().await;
    assert_eq!(json!(place.sql(query).await), json!(rows));
    assert_eq!(place.sql("SELECT room, value FROM temperature").await, [[json!("a"), json!(21.5)]]);
}

#[tokio::test]
async fn another_type_than_the_table_has_is_told_and_the_rest_is_kept() {
    let place = Place::new();
    let _daemon = place.run().await;
    let now = now_millis();
    assert_eq!(place.post("/write?db=d&precision=ms", format!("m v=1i {now}")).await.status(), StatusCode::NO_CONTENT);
    let later = now + 1;
    let answer = place.post("/write?db=d&precision=ms", format!("m v=2 {later}\nm v=3i {later}\nn v=4 {later}")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let said = "partial write: 2 lines written, 1 rejected\nmetrics.m: 1 field 'v' is integer in this table, not float";
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap(), json!({ "error": said }));
    assert_eq!(place.sql("SELECT v FROM m ORDER BY time").await, [[json!(1)], [json!(3)]]);
    assert_eq!(place.sql("SELECT v FROM n").await, [[json!(4.0)]]);
    // In seconds, what were milliseconds: the sender is told.
    let answer = place.post("/api/v2/write?precision=s", format!("m v=5i {now}")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let text = answer.text().await.unwrap();
    assert!(text.contains("is `precision` right?"), "{text}");
    let metrics = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for counted in ["lines_total 3", "lines_rejected_total 2", "requests_refused_total 2"] {
        assert!(metrics.contains(&format!("weir_line_protocol_{counted}\n")), "{counted} is not in {metrics}");
    }
}
