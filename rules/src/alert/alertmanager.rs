//! Alerts for an Alertmanager: bodies of `POST /api/v2/alerts` (alertmanager/api/v2/openapi.yaml).

use serde_json::{Map, Value, json};

use super::{Notice, Query};
use crate::rfc3339::rfc3339;

/// Alerts in one body, as Prometheus sends at most (notifier: `DefaultMaxBatchSize`). At 1 kB each
/// that is 256 kB.
pub const ALERTS_PER_BODY_MAX: usize = 256;

/// The JSON bodies to post, none for no notices. `generator_url` is what people get who ask where
/// the alerts come from ([`generator_url`]).
pub fn bodies(notices: &[Notice], generator_url: &str) -> Vec<String> {
    let body = |chunk: &[Notice]| Value::from_iter(chunk.iter().map(|notice| alert(notice, generator_url))).to_string();
    notices.chunks(ALERTS_PER_BODY_MAX).map(body).collect()
}

fn alert(notice: &Notice, generator_url: &str) -> Value {
    let labels: Map<String, Value> =
        notice.alert.labels.iter().map(|(name, value)| (name.to_string(), (&**value).into())).collect();
    let annotations: Map<String, Value> =
        notice.alert.annotations.iter().map(|(name, text)| (name.to_string(), text.as_str().into())).collect();
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": rfc3339(notice.starts_at),
        "endsAt": rfc3339(notice.ends_at),
        "generatorURL": generator_url,
    })
}

/// Where the UI under `external_url` runs the rule's query: `{external_url}/sql?q={query}`.
pub fn generator_url(external_url: &str, query: &Query) -> String {
    let mut url = format!("{}/sql?q=", external_url.trim_end_matches('/'));
    for byte in query.as_str().trim().bytes() {
        // RFC 3986, section 2.3: what need not be encoded.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::expect;
    use weir_model::{observation::Labels, time::UnixNanos};

    use super::*;
    use crate::alert::{Alert, Phase};

    fn notice(node: &str) -> Notice {
        let (since, until) = (UnixNanos::from_secs(1_767_225_600), UnixNanos::from_millis(1_767_225_840_500));
        let alert = Alert {
            labels: Labels::new([("alertname", "Down"), ("node", node)]),
            annotations: Arc::new([("summary".into(), format!("\"{node}\" is down"))].into()),
            value: f64::NAN,
            active_at: since,
            phase: Phase::Firing { since },
        };
        Notice { alert, starts_at: since, ends_at: until }
    }

    #[test]
    fn a_body_is_what_alertmanager_reads() {
        let url = generator_url("https://weir.test/", &Query::parse("SELECT 'ä' FROM t").unwrap());
        let bodies = bodies(&[notice("edge-1")], &url);
        let [body] = bodies.as_slice() else { panic!("{bodies:?}") };
        let body: Value = serde_json::from_str(body).unwrap();
        expect![[r#"
            [
              {
                "annotations": {
                  "summary": "\"edge-1\" is down"
                },
                "endsAt": "2026-01-01T00:04:00.5Z",
                "generatorURL": "https://weir.test/sql?q=SELECT%20%27%C3%A4%27%20FROM%20t",
                "labels": {
                  "alertname": "Down",
                  "node": "edge-1"
                },
                "startsAt": "2026-01-01T00:00:00Z"
              }
            ]"#]]
        .assert_eq(&serde_json::to_string_pretty(&body).unwrap());
    }

    #[test]
    fn many_alerts_are_many_bodies() {
        let notices: Vec<Notice> = (0..=ALERTS_PER_BODY_MAX).map(|index| notice(&index.to_string())).collect();
        let sizes: Vec<usize> =
            bodies(&notices, "").iter().map(|body| serde_json::from_str::<Vec<Value>>(body).unwrap().len()).collect();
        assert_eq!(sizes, [ALERTS_PER_BODY_MAX, 1]);
        assert!(bodies(&[], "").is_empty());
    }
}
