//! Talking to a running daemon.

use anyhow::{Context, bail};
use arrow::ipc::reader::StreamReader;
use clap::Args;
use serde::Deserialize;

use super::output::Answer;

/// Which daemon.
#[derive(Clone, Debug, Args)]
pub(super) struct Remote {
    /// The daemon's API
    #[arg(long, env = "WEIR_URL", default_value = "http://127.0.0.1:7080")]
    url: String,
    /// A token of the daemon, when it asks for one
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    hint: Option<String>,
}

impl Remote {
    /// Asks SQL; the whole result.
    pub(super) async fn sql(&self, query: &str) -> anyhow::Result<Answer> {
        let request =
            self.request(reqwest::Method::POST, "/api/v1/sql").header("accept", "application/vnd.apache.arrow.stream");
        let answer = self.answered(request.body(query.to_owned())).await?;
        let bytes = answer.bytes().await.context("the answer broke off")?;
        let reader = StreamReader::try_new(&*bytes, None).context("the answer is no Arrow stream")?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<_, _>>().context("the answer is no whole Arrow stream")?;
        Ok(Answer { schema, batches })
    }

    /// Gets JSON.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        let answer = self.answered(self.request(reqwest::Method::GET, path)).await?;
        answer.json().await.context("the answer is no JSON")
    }

    /// Posts JSON; the answer, JSON too.
    pub(super) async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<serde_json::Value> {
        let request = self.request(reqwest::Method::POST, path).header("content-type", "application/json");
        let answer = self.answered(request.body(body.to_string())).await?;
        answer.json().await.context("the answer is no JSON")
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.url.trim_end_matches('/')));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let nobody = || format!("no daemon answers at {}: start one with `weir demo` or `weir run`", self.url);
        let answer = request.send().await.with_context(nobody)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        match serde_json::from_str::<Refusal>(&text) {
            Ok(Refusal { error, hint: Some(hint) }) => bail!("{error}\n  hint: {hint}"),
            Ok(Refusal { error, hint: None }) => bail!("{error}"),
            Err(_) if status == reqwest::StatusCode::UNAUTHORIZED => {
                bail!("the daemon asks for a token: give --token or WEIR_TOKEN")
            }
            Err(_) => bail!("{status}: {}", text.trim()),
        }
    }
}
