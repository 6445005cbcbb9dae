//! Targets asked of an HTTP server (`http_sd`: prometheus.io/docs/prometheus/latest/http_sd).

use std::time::Duration;

use reqwest::{
    Client, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE},
};
use tokio::{sync::watch, time::timeout};

use super::{ANSWER_BYTES_MAX, GroupError, Publisher, causes, groups, ticks};
use crate::{
    counters::DISCOVERY_FAILED,
    scrape::{
        auth::{Auth, SecretError},
        read::{BodyError, body},
        relabel::LabelSet,
        target::{TargetError, web_url},
    },
    tls::TlsFiles,
};

/// How long an answer may take: far more than one from memory needs, and less than any usual refresh.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSd {
    url: Url,
    refresh_interval: Duration,
    /// What is shown to it.
    pub(in crate::scrape) auth: Option<Auth>,
    /// How it is trusted.
    pub(in crate::scrape) tls: Option<TlsFiles>,
}

impl HttpSd {
    /// The server at `url`.
    ///
    /// # Errors
    /// When that is no URL.
    pub fn new(url: &str, refresh_interval: Duration) -> Result<Self, TargetError> {
        Ok(Self { url: web_url(url)?, refresh_interval, auth: None, tls: None })
    }

    /// The same, shown `auth` and trusted as `tls` says.
    #[must_use]
    pub fn with_access(self, auth: Option<Auth>, tls: Option<TlsFiles>) -> Self {
        Self { auth, tls, ..self }
    }
}

/// Why an answer is no list.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot ask")]
    Ask(#[from] reqwest::Error),
    #[error("status {0}")]
    Status(StatusCode),
    #[error("content type {0:?} is not application/json")]
    ContentType(String),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Groups(#[from] GroupError),
}

pub(super) async fn run(sd: HttpSd, client: watch::Receiver<Client>, publisher: Publisher) {
    let mut ticks = ticks(sd.refresh_interval);
    let mut last: Option<Vec<LabelSet>> = None;
    loop {
        ticks.tick().await;
        let client = client.borrow().clone();
        let targets = match timeout(TIMEOUT, ask(&sd, &client)).await.unwrap_or(Err(AnswerError::Timeout)) {
            Ok(targets) => targets,
            Err(error) => {
                DISCOVERY_FAILED.add(1);
                let (job, error) = (&*publisher.name, causes(&error));
                tracing::warn!(job, url = %sd.url, error, "targets over HTTP: the last good list stays");
                last.clone().unwrap_or_default()
            }
        };
        if last.as_ref() != Some(&targets) {
            publisher.publish(targets.clone()).await;
            last = Some(targets);
        }
    }
}

async fn ask(sd: &HttpSd, client: &Client) -> Result<Vec<LabelSet>, AnswerError> {
    let mut request = client
        .get(sd.url.clone())
        .header(ACCEPT, "application/json")
        .header("X-Prometheus-Refresh-Interval-Seconds", sd.refresh_interval.as_secs_f64().to_string());
    if let Some(auth) = &sd.auth {
        request = auth.show(request).await?;
    }
    let response = request.send().await?;
    if response.status() != StatusCode::OK {
        return Err(AnswerError::Status(response.status()));
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(AnswerError::ContentType(content_type.to_owned()));
    }
    let groups = groups::from_json(&body(response, ANSWER_BYTES_MAX).await?)?;
    Ok(groups::flatten(groups, &[("__meta_url", sd.url.as_str())]))
}
