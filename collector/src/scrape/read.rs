//! Brings the bytes.

use reqwest::{
    Client, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};

use super::{ScrapeError, ScrapeTarget};
use crate::{exposition::Format, tls::TlsClient};

/// OpenMetrics first, whose `# EOF` tells a whole text from one cut off.
const ACCEPTED: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// A client for all targets. It keeps connections open between scrapes, one a target. As Prometheus does it asks
/// targets themselves, whatever proxy the environment names for others.
///
/// # Errors
/// When the TLS configuration cannot be used.
pub fn client(tls: &TlsClient) -> Result<Client, reqwest::Error> {
    let config = tls.config().as_ref().clone();
    let client = Client::builder().user_agent("weir-scrape").pool_max_idle_per_host(1).no_proxy();
    client.tls_backend_preconfigured(config).build()
}

pub(super) async fn fetch(client: &Client, target: &ScrapeTarget) -> Result<(Format, String), ScrapeError> {
    let settings = target.settings();
    let mut request = client
        .get(target.url().clone())
        .header(ACCEPT, ACCEPTED)
        .header("X-Prometheus-Scrape-Timeout-Seconds", target.timeout().as_secs_f64().to_string());
    if let Some(auth) = &settings.auth {
        request = auth.show(request).await?;
    }
    let response = request.send().await?;
    if response.status() != StatusCode::OK {
        return Err(ScrapeError::Status(response.status()));
    }
    let format = format(&response)?;
    let body = body(response, settings.body_bytes_max).await?;
    Ok((format, String::from_utf8(body)?))
}

/// Exposers that name no type, or plain text of no version, mean 0.0.4.
fn format(response: &Response) -> Result<Format, ScrapeError> {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    match content_type.split(';').next().unwrap_or_default().trim() {
        "" | "text/plain" => Ok(Format::Prometheus004),
        "application/openmetrics-text" => Ok(Format::OpenMetrics1),
        _ => Err(ScrapeError::ContentType(content_type.to_owned())),
    }
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("cannot fetch")]
    Fetch(#[from] reqwest::Error),
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
}

/// Stops reading at the limit, whatever length the server announced.
pub(super) async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
