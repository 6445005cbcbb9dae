//! Every act by hand is a row of `ops.audit`: who asked for what, and what came of it.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use weir_collector::clock;
use weir_model::observation::{Labels, Row, Rows, TableName};

use crate::records::Records;

/// What is recorded of an answer: a reload's list of errors, 100 of 160 characters.
const RESULT_BYTES_MAX: usize = 16 << 10;
/// Characters of a token that are told: enough to tell tokens apart, too few to guess the rest.
const TOKEN_SHOWN: usize = 4;

/// An act by hand, and what came of it.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    /// What was done: one of few values.
    pub(crate) action: &'a str,
    /// The path that was asked; empty for a signal.
    pub(crate) path: &'a str,
    /// The beginning of a token, or a signal's name.
    pub(crate) who: &'a str,
    /// The address of who asked, as far as it is known.
    pub(crate) from: &'a str,
    /// As HTTP tells it.
    pub(crate) status: StatusCode,
    /// The answer.
    pub(crate) result: &'a str,
}

impl Act<'_> {
    /// A row of `ops.audit`, with the first [`RESULT_BYTES_MAX`] of the answer.
    pub(crate) fn into_rows(self) -> Rows {
        let result = self.result.trim();
        let recorded = match result.len() > RESULT_BYTES_MAX {
            true => {
                let cut = result.floor_char_boundary(RESULT_BYTES_MAX);
                format!("{}... ({} bytes in all)", &result[..cut], result.len())
            }
            false => result.to_owned(),
        };
        Row::new(TableName::new("ops", "audit"), clock::wall().0, Labels::new([("action", self.action)]))
            .text("path", self.path.to_owned())
            .text("who", self.who.to_owned())
            .text("from", self.from.to_owned())
            .i64("status", i64::from(self.status.as_u16()))
            .text("result", recorded)
            .into_rows()
    }
}

/// Around routes that act.
pub(super) async fn record(State(records): State<Records>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // Routes that act end with what they do: a label of few values.
    let action = path.rsplit('/').next().unwrap_or_default();
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
    let (who, from) = (who(&request), from.unwrap_or_default());
    let (head, body) = next.run(request).await.into_parts();
    // An answer of ours, whole in memory already: only what is recorded of it has a limit.
    let Ok(answer) = to_bytes(body, usize::MAX).await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off\n").into_response();
    };
    let result = String::from_utf8_lossy(&answer);
    let act = Act { action, path: &path, who: &who, from: &from, status: head.status, result: &result };
    records.push(vec![act.into_rows()]);
    Response::from_parts(head, Body::from(answer))
}

/// The token's first characters; empty where none is asked for.
fn who(request: &Request) -> String {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer ")).unwrap_or_default();
    token.chars().take(TOKEN_SHOWN).collect()
}
