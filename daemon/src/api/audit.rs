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
use weir_model::observation::{Labels, Row, TableName};

use crate::records::Records;

/// Longest answer of an acting route: a reload's list of errors, 100 of 160 characters.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Characters of a token that are told: enough to tell tokens apart, too few to guess the rest.
const TOKEN_SHOWN: usize = 4;

/// Around routes that act.
pub(super) async fn record(State(records): State<Records>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // Routes that act end with what they do: a label of few values.
    let action = path.rsplit('/').next().unwrap_or_default();
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
    let who = who(&request);
    let (head, body) = next.run(request).await.into_parts();
    let Ok(answer) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the answer was too long to be recorded\n").into_response();
    };
    let row = Row::new(TableName::new("ops", "audit"), clock::wall().0, Labels::new([("action", action)]))
        .text("path", path.clone())
        .text("who", who)
        .text("from", from.unwrap_or_default())
        .i64("status", i64::from(head.status.as_u16()))
        .text("result", String::from_utf8_lossy(&answer).trim().to_owned());
    records.push(vec![row.into_rows()]);
    Response::from_parts(head, Body::from(answer))
}

/// The token's first characters; empty where none is asked for.
fn who(request: &Request) -> String {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer ")).unwrap_or_default();
    token.chars().take(TOKEN_SHOWN).collect()
}
