//! Remote write 1.0 as the specification has it, written down a second time on purpose.

use std::time::{Duration, SystemTime};

use prost::Message;
use reqwest::{Method, Response, StatusCode};

use super::weir::Place;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) series: Vec<Series>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Series {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Sample {
    /// Optional, so that it is sent always: as what is left out when zero, -0 would be.
    #[prost(double, optional, tag = "1")]
    pub(crate) value: Option<f64>,
    #[prost(int64, tag = "2")]
    pub(crate) millis: i64,
}

/// A series of `metric`; its samples are values at milliseconds since the epoch.
pub(crate) fn series(metric: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Series {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
    let sample = |(millis, value): &(i64, f64)| Sample { value: Some(*value), millis: *millis };
    let mut labels: Vec<Label> = labels.iter().map(label).collect();
    labels.push(Label { name: "__name__".into(), value: metric.into() });
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    Series { labels, samples: samples.iter().map(sample).collect() }
}

/// A request's body.
pub(crate) fn body(series: Vec<Series>) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&WriteRequest { series }.encode_to_vec()).unwrap()
}

/// Milliseconds since the epoch, `ahead` of now.
pub(crate) fn millis_ahead(ahead: Duration) -> i64 {
    let time = SystemTime::now() + ahead;
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Now, in milliseconds since the epoch.
pub(crate) fn now_millis() -> i64 {
    millis_ahead(Duration::ZERO)
}

impl Place {
    /// Sends a body as Prometheus does.
    pub(crate) async fn send(&self, client: &reqwest::Client, body: Vec<u8>) -> Result<Response, reqwest::Error> {
        let request = client.request(Method::POST, self.url("/api/v1/write")).body(body);
        let request = request.header("content-type", "application/x-protobuf").header("content-encoding", "snappy");
        request.header("x-prometheus-remote-write-version", "0.1.0").send().await
    }

    /// Sends series; status and text of the answer.
    pub(crate) async fn remote_write(&self, series: Vec<Series>) -> (StatusCode, String) {
        let answer = self.send(&super::weir::client(), body(series)).await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}
