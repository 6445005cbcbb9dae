//! The HTTP API of the daemon.

mod audit;
mod guard;
mod snapshot;
mod stream;
mod ui;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::watch;
use weir_collector::{line_protocol, otlp, remote_write, sink::Sink};
use weir_dispatch::{answers::Answers, dns::DnsCounters};

use crate::{
    config::Listen,
    control::{Control, Input},
    metrics::{self, Sources},
    records::Records,
    reload::Reloader,
    store::Store,
};

pub(crate) use audit::Act;
pub(crate) use guard::admits;
pub(crate) use snapshot::{Extra, Snapshot};

/// What `GET /api/v1/openapi.json` answers.
const OPENAPI: &str = include_str!("api/openapi.json");

/// What handlers need.
#[derive(Clone, Debug)]
pub(crate) struct ApiState {
    /// The controller.
    pub(crate) control: Control,
    /// The engine.
    pub(crate) store: Store,
    /// In front of it, for what comes from outside.
    pub(crate) sink: Arc<dyn Sink>,
    /// Receives OTLP into the same.
    pub(crate) otlp: otlp::Receiver,
    /// Rows into it.
    pub(crate) records: Records,
    /// Counters of this process.
    pub(crate) sources: Sources,
    /// Reads the configuration anew; `None` in the demo, which has none.
    pub(crate) reloader: Option<Arc<Reloader>>,
    /// What contracts stand at, and what a demo adds.
    pub(crate) extra: watch::Receiver<Extra>,
}

/// The routes of the API, those of `acting` beside them, behind tokens and guarded against DNS
/// rebinding. What acts is audited.
pub(crate) fn router(state: ApiState, listen: &Listen, acting: Router) -> Router {
    let (listening, tokens): (SocketAddr, Arc<[String]>) = (listen.http, listen.tokens.clone().into());
    let acting = Router::new()
        .route("/api/v1/nodes/{node}/drain", post(|state, node| drain(state, node, true)))
        .route("/api/v1/nodes/{node}/undrain", post(|state, node| drain(state, node, false)))
        .route("/api/v1/reload", post(reload))
        .with_state(state.clone())
        .merge(acting)
        .merge(state.store.delete_router())
        .route_layer(middleware::from_fn_with_state(state.records.clone(), audit::record));
    let series = state.otlp.series();
    let more = remote_write::router(Arc::clone(&state.sink), Arc::clone(series)).merge(state.store.router());
    let more = more.merge(line_protocol::router(Arc::clone(&state.sink), Arc::clone(series)));
    let more = more.merge(otlp::router(state.otlp.clone()));
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(count))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/estate", get(estate))
        .route("/api/v1/state", get(snapshot))
        .route("/api/v1/events", get(stream::events))
        .with_state(state)
        .merge(acting)
        .merge(more)
        .fallback(ui::serve)
        .layer(middleware::from_fn(move |request, next| guard::with_token(Arc::clone(&tokens), request, next)))
        .layer(middleware::from_fn(move |request, next| guard::same_site(listening, request, next)))
}

/// The routes of an executor that runs apart.
pub(crate) fn executor_router(answers: Answers, dns: Arc<DnsCounters>) -> Router {
    let sources = Sources { answers: answers.clone(), dns: Some(dns) };
    let ready = move || {
        let is_ready = answers.number().is_some();
        async move { readiness(is_ready) }
    };
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(async move || exposed(sources.expose())))
}

async fn healthy() -> &'static str {
    "ok\n"
}

/// Ready when there is a plan to answer from.
async fn ready(State(state): State<ApiState>) -> Response {
    readiness(state.control.known().borrow().plan.is_some())
}

fn readiness(has_plan: bool) -> Response {
    if has_plan {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "there is no plan yet\n").into_response()
    }
}

async fn count(State(state): State<ApiState>) -> Response {
    let mut text = state.sources.expose();
    text.controller(&state.control.known().borrow(), &state.records);
    text.engine(&state.store.metrics());
    exposed(text)
}

fn exposed(text: metrics::Exposition) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text.into_text()).into_response()
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// Takes a node out of service by hand, or lets it return.
async fn drain(State(state): State<ApiState>, Path(node): Path<String>, drained: bool) -> (StatusCode, String) {
    let is_known = state.control.known().borrow().estate.node_ord(&node).is_some();
    match is_known {
        true => {
            state.control.tell(Input::Drain(node.as_str().into(), drained)).await;
            (StatusCode::ACCEPTED, format!("{node} is {}\n", if drained { "drained" } else { "no longer drained" }))
        }
        false => (StatusCode::NOT_FOUND, format!("there is no node `{node}`\n")),
    }
}

/// Reads the configuration anew: applied whole, or nothing changes and every error is told.
async fn reload(State(state): State<ApiState>) -> (StatusCode, String) {
    let Some(reloader) = &state.reloader else {
        return (StatusCode::CONFLICT, "the demo has no configuration to read anew\n".to_owned());
    };
    match reloader.reload().await {
        Ok(done) => (StatusCode::OK, format!("{done}\n")),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("nothing was changed: {error:#}\n")),
    }
}

async fn estate(State(state): State<ApiState>) -> Json<snapshot::EstateView> {
    Json(snapshot::EstateView::of(&state.control.known().borrow().estate))
}

async fn snapshot(State(state): State<ApiState>) -> Json<Snapshot> {
    Json(state.snapshot())
}

impl ApiState {
    /// The state as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.control.known().borrow(), &self.extra.borrow())
    }
}

#[cfg(test)]
mod tests;
