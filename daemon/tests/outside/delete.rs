//! Rows that are deleted by hand.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    weir::{Place, until},
    write::now_millis,
};

#[tokio::test]
async fn what_is_deleted_is_gone_for_good_and_in_the_audit() {
    let place = Place::new();
    let mut daemon = place.run().await;
    let now = now_millis();
    let lines = format!("cpu,host=a used=1 {now}\ncpu,host=b used=2 {now}\ncpu,host=a used=3 {}\n", now - 60_000);
    assert_eq!(place.post("/write?precision=ms", lines).await.status(), StatusCode::NO_CONTENT);
    let query = "SELECT host, used FROM cpu ORDER BY used";
    let all = [json!(["a", 1.0]), json!(["b", 2.0]), json!(["a", 3.0])];

    let (code, _, said) = place.ends(&["delete", "cpu", "--where", "host = 'a'"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Delete rows of 1 series of metrics.cpu where host = 'a'?"), "{said}");
    assert!(said.contains("give --yes"), "{said}");
    let (code, _, said) = place.ends(&["delete", "cpu", "--where", "used > 1", "--yes"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("rows are deleted by conditions on labels"), "{said}");
    let (code, out, _) = place.ends(&["delete", "cpu", "--where", "host = 'c'"]).await;
    assert_eq!((code, &*out), (0, "nothing is deleted: no series of metrics.cpu where host = 'c'\n"));
    for body in ["", "{}", r#"{"table": "cpu", "form": "2026-01-01"}"#, r#"{"table": "cpu", "from": "yesterday"}"#] {
        let answer = place.post("/api/v1/delete", body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.text().await.unwrap().contains("\"hint\""), "{body}");
    }
    assert_eq!(json!(place.sql(query).await), json!(all));

    let minute = place.sql(&format!("SELECT to_timestamp_millis({})", now - 30_000)).await[0][0].clone();
    let minute = minute.as_str().unwrap().to_owned();
    let (code, out, said) = place.ends(&["delete", "cpu", "--where", "host = 'a'", "--until", &minute, "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(out, format!("deleted: rows of 1 series of metrics.cpu where host = 'a' until {minute}\n"));
    assert_eq!(json!(place.sql(query).await), json!(all[..2]));
    daemon.kill();
    let _daemon = place.run().await;
    assert_eq!(json!(place.sql(query).await), json!(all[..2]));
    let audit = "SELECT result FROM ops.audit WHERE action = 'delete' AND status = 200 AND result LIKE '%\"until\"%'";
    let told = until("the audit", async || place.rows_so_far(audit).await.pop()).await;
    assert!(told[0].as_str().unwrap().contains("host = 'a'"), "{told:?}");
    let metrics = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nweir_deletions_open "), "{metrics}");
}
