use std::sync::Arc;

use arrow::{array::AsArray, datatypes::Decimal128Type};
use axum::{body::Body, http::Request};
use expect_test::expect;
use http_body_util::BodyExt;
use tower::ServiceExt;
use weir_model::{
    amount::Amount,
    observation::{Labels, Row, TableName},
};

use super::*;
use crate::test_store::{NOW, settings};

struct Server {
    _directory: tempfile::TempDir,
    store: Arc<Store>,
    router: Router,
}

async fn server(limits: QueryLimits) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path(), settings()).unwrap());
    let row = |nanoseconds, value: f64, count| {
        let labels = Labels::new([("node", "a\"b")]);
        Row::new(TableName::metric("t"), NOW + nanoseconds, labels).f64("x", value).i64("n", count).into_rows()
    };
    let batch = vec![row(0, f64::NAN, 1 << 53), row(1, f64::NEG_INFINITY, (1 << 53) + 1), row(2, 0.1, -5)];
    drop(store.write(batch).await.unwrap());
    Server { _directory: directory, router: router(Arc::clone(&store), limits), store }
}

async fn ask(server: &Server, request: Request<Body>) -> String {
    let response = server.router.clone().oneshot(request).await.unwrap();
    let (status, kind) = (response.status(), response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body);
    let body = body.split(",\"elapsed_ms\"").next().unwrap_or_default();
    format!("{} {kind}\n{body}", status.as_u16())
}

fn post(sql: &str, accept: &str) -> Request<Body> {
    Request::post("/api/v1/sql").header(ACCEPT, accept).body(Body::from(sql.to_owned())).unwrap()
}

#[tokio::test]
async fn answers_are_json_by_default() {
    let server = server(QueryLimits::default()).await;
    expect![[r#"
        200 application/json
        {"columns":[{"name":"time","type":"Timestamp(ns, \"UTC\")"},{"name":"node","type":"Dictionary(Int32, Utf8)"},{"name":"x","type":"Float64"},{"name":"n","type":"Int64"}],"rows":[["2026-01-01T00:00:00Z","a\"b","NaN",9007199254740992],["2026-01-01T00:00:00.000000001Z","a\"b","-Infinity","9007199254740993"],["2026-01-01T00:00:00.000000002Z","a\"b",0.1,-5]]"#]].assert_eq(&ask(&server, post("SELECT * FROM t ORDER BY time", "*/*")).await);
    let json = Request::post("/api/v1/sql").header(CONTENT_TYPE, "application/json");
    let asked = json.body(Body::from(r#"{"sql": "SELECT 1 AS one WHERE false"}"#)).unwrap();
    expect![[r#"
        200 application/json
        {"columns":[{"name":"one","type":"Int64"}],"rows":[]"#]]
    .assert_eq(&ask(&server, asked).await);
    let get = Request::get("/api/v1/sql?q=SELECT%201%20AS%20one").body(Body::empty()).unwrap();
    expect![[r#"
        200 application/json
        {"columns":[{"name":"one","type":"Int64"}],"rows":[[1]]"#]]
    .assert_eq(&ask(&server, get).await);
}

#[tokio::test]
async fn money_is_exact_in_every_format() {
    let server = server(QueryLimits::default()).await;
    let amount = Amount::of("9007199254740993.1".parse().unwrap());
    let row = Row::new(TableName::new("cost", "bills"), NOW, Labels::default()).amount("amount", amount);
    drop(server.store.write(vec![row.into_rows()]).await.unwrap());
    let sql = "SELECT amount, sum(amount) AS total FROM cost.bills GROUP BY 1";
    expect![[r#"
        200 application/json
        {"columns":[{"name":"amount","type":"Decimal128(28, 9)"},{"name":"total","type":"Decimal128(38, 9)"}],"rows":[["9007199254740993.100000000","9007199254740993.100000000"]]"#]]
    .assert_eq(&ask(&server, post(sql, "*/*")).await);
    expect![[r#"
        200 text/csv; charset=utf-8
        amount,total
        9007199254740993.100000000,9007199254740993.100000000
    "#]]
    .assert_eq(&ask(&server, post(sql, "text/csv")).await);
    let response = server.router.clone().oneshot(post(sql, "application/vnd.apache.arrow.stream")).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let mut reader = arrow::ipc::reader::StreamReader::try_new(body.as_ref(), None).unwrap();
    let total = reader.next().unwrap().unwrap().column(1).as_primitive::<Decimal128Type>().value(0);
    assert_eq!(Some(total), amount.map(Amount::billionths));
}

#[tokio::test]
async fn answers_are_csv_or_arrow_when_asked() {
    let server = server(QueryLimits::default()).await;
    expect![[r#"
        200 text/csv; charset=utf-8
        n,node
        9007199254740992,"a""b"
        9007199254740993,"a""b"
        -5,"a""b"
    "#]]
    .assert_eq(&ask(&server, post("SELECT n, node FROM t ORDER BY time", "text/csv")).await);
    expect![[r#"
        200 text/csv; charset=utf-8
        n
    "#]]
    .assert_eq(&ask(&server, post("SELECT n FROM t WHERE false", "text/csv")).await);
    let request = post("SELECT n, node FROM t", "application/vnd.apache.arrow.stream");
    let response = server.router.clone().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let reader = arrow::ipc::reader::StreamReader::try_new(body.as_ref(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 3);
}

#[tokio::test]
async fn errors_have_a_status_and_a_hint() {
    let server = server(QueryLimits { rows: 2, ..QueryLimits::default() }).await;
    let mut answers = Vec::new();
    for sql in ["SELECT * FROM t", "DROP TABLE t", "SELECT * FROM tt"] {
        answers.push(ask(&server, post(sql, "application/json")).await);
    }
    expect![[r#"
        413 application/json
        {"error":"the answer has more than 2 rows","hint":"add a LIMIT, or aggregate"}
        400 application/json
        {"error":"DROP is refused: only queries are answered","hint":"use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE"}
        400 application/json
        {"error":"there is no table tt","hint":"did you mean t? SHOW TABLES lists what there is"}"#]]
    .assert_eq(&answers.join("\n"));
}

mod clients;

#[tokio::test]
async fn a_plan_can_be_asked_with_what_it_took() {
    let server = server(QueryLimits::default()).await;
    let sql = "EXPLAIN ANALYZE SELECT time_bucket('5m', time) AS bucket, last(x, time) FROM t GROUP BY bucket";
    let answer = ask(&server, post(sql, "application/json")).await;
    assert!(answer.starts_with("200 application/json"), "{answer}");
    for part in ["Plan with Metrics", "last(t.x,t.time)", "SeriesAggregate: ", "SeriesScan: table=metrics.t"] {
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
    let answer = ask(&server, post("EXPLAIN ANALYZE DELETE FROM t", "application/json")).await;
    assert!(answer.starts_with("400"), "{answer}");
}
