//! OpenTelemetry's own SDK (Python, from PyPI) sends metrics and logs over gRPC and HTTP, and SQL reads
//! them back.

use std::{path::PathBuf, process::Command};

use serde_json::{Value, json};

use super::weir::{GRPC, HTTP, Place};

/// The interpreter that `scripts/setup --tests` puts the SDK into.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap();
    let python = cache.join("weir-python/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup --tests", python.display());
    python
}

/// Runs the script, which ends well only when everything was taken: what it says otherwise.
async fn send(place: &Place, protocol: &str, compression: &str, token: &str) -> Result<(), String> {
    let endpoint = match protocol {
        "grpc" => format!("{}:{GRPC}", place.address),
        _ => format!("http://{}:{HTTP}", place.address),
    };
    let mut command = place.here(Command::new(python()));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside/send_otlp.py");
    command.args([script, protocol, &endpoint, compression, token]);
    let (code, _, said) = place.finishes(command).await;
    if code == 0 { Ok(()) } else { Err(said) }
}

/// Queries of what one run of the script sent, or several, and their rows. `$of` stands for whose.
fn queries(runs: i32) -> [(&'static str, Value); 9] {
    let sum = |of_one: f64| of_one * f64::from(runs);
    let record = |number: i32| {
        let attributes = format!("{{\"order\":{number},\"tags\":[\"a\",\"b\"]}}");
        json!([format!("payment {number} failed"), "ERROR", 17, attributes, "shop", "2.0", runs])
    };
    [
        (
            "SELECT \"http.route\", \"http.status\", otel_scope_name, otel_scope_version, replicas, max(value), count(*) \
             FROM metrics.\"http.requests\" WHERE $of GROUP BY 1, 2, 3, 4, 5",
            json!([["/cart", "200", "cumulative", "1.0", "[1,2]", 6.0, 2 * runs]]),
        ),
        ("SELECT last_value(value ORDER BY time) FROM metrics.\"queue.depth\" WHERE $of", json!([[-4.0]])),
        ("SELECT DISTINCT room, value FROM metrics.\"room.temperature\" WHERE $of", json!([["a", 21.5]])),
        (
            "SELECT le, last_value(value ORDER BY time) FROM metrics.\"http.duration_bucket\" WHERE $of \
             GROUP BY le ORDER BY 2",
            json!([["0.1", 2.0], ["1", 4.0], ["+Inf", 6.0]]),
        ),
        ("SELECT last_value(value ORDER BY time) FROM metrics.\"http.duration_sum\" WHERE $of", json!([[11.1]])),
        (
            "SELECT last_value(count_int ORDER BY time), last_value(max ORDER BY time), last_value(reset_hint ORDER BY time) \
             FROM metrics.exponential WHERE $of",
            json!([[6, 5.0, 0]]),
        ),
        // Begun with a zero, and added up: 3, 7, 12 and so on.
        (
            "SELECT min(value), max(value), count(*) FROM metrics.\"delta.requests\" WHERE $of",
            json!([[0.0, sum(12.0), 1 + 3 * runs]]),
        ),
        (
            "SELECT le, max(value) FROM metrics.\"delta.duration_bucket\" WHERE $of GROUP BY le ORDER BY le",
            json!([["+Inf", sum(3.0)], ["1", sum(3.0)]]),
        ),
        // Three records of each run have the same time.
        (
            "SELECT body, severity_text, severity_number, attributes, otel_scope_name, otel_scope_version, count(*) \
             FROM metrics.logs WHERE $of GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1",
            json!([record(0), record(1), record(2)]),
        ),
    ]
}

#[tokio::test]
async fn what_the_sdk_sends_is_read_by_sql() {
    let place = Place::new();
    let _daemon = place.run().await;
    for (protocol, compression) in [("grpc", "gzip"), ("http", "none"), ("http", "gzip")] {
        assert_eq!(send(&place, protocol, compression, "").await, Ok(()), "{protocol} {compression}");
    }
    for (protocol, runs) in [("grpc", 1), ("http", 2)] {
        let of = format!("\"service.name\" = 'checkout' AND \"service.instance.id\" = '{protocol}'");
        for (query, expected) in queries(runs) {
            assert_eq!(json!(place.sql(&query.replace("$of", &of)).await), expected, "{protocol}: {query}");
        }
    }
}

#[tokio::test]
async fn the_sdk_shows_a_token() {
    let place = Place::new();
    place.configure("tokens: [correct-horse-battery]");
    let _daemon = place.run().await;
    for protocol in ["grpc", "http"] {
        let refused = send(&place, protocol, "none", "wrong-horse-battery").await.unwrap_err();
        assert!(refused.contains("UNAUTHENTICATED") || refused.contains("401"), "{protocol}: {refused}");
        assert_eq!(send(&place, protocol, "none", "correct-horse-battery").await, Ok(()), "{protocol}");
    }
}
