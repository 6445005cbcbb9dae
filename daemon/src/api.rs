//! The HTTP API of the daemon.

mod guard;
mod snapshot;
mod stream;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::watch;
use weir_model::estate::Estate;

use crate::{
    config::Listen,
    control::{Control, Input},
};

pub(crate) use guard::admits;
pub(crate) use snapshot::{Extra, Snapshot};

/// What handlers need.
#[derive(Clone, Debug)]
pub(crate) struct ApiState {
    /// The controller.
    pub(crate) control: Control,
    /// What there is.
    pub(crate) estate: Arc<Estate>,
    /// What a demo adds to snapshots; empty otherwise.
    pub(crate) extra: watch::Receiver<Extra>,
}

/// The routes of the API and what `more` brings, behind tokens and guarded against DNS rebinding.
pub(crate) fn router(state: ApiState, listen: &Listen, more: Router) -> Router {
    let (listening, tokens): (SocketAddr, Arc<[String]>) = (listen.http, listen.tokens.clone().into());
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/api/v1/estate", get(estate))
        .route("/api/v1/state", get(snapshot))
        .route("/api/v1/events", get(stream::events))
        .route("/api/v1/nodes/{node}/drain", post(|state, node| drain(state, node, true)))
        .route("/api/v1/nodes/{node}/undrain", post(|state, node| drain(state, node, false)))
        .with_state(state)
        .merge(more)
        .layer(middleware::from_fn(move |request, next| guard::with_token(Arc::clone(&tokens), request, next)))
        .layer(middleware::from_fn(move |request, next| guard::same_site(listening, request, next)))
}

/// Ready when there is a plan to answer from.
async fn ready(State(state): State<ApiState>) -> Response {
    if state.control.known().borrow().plan.is_some() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "there is no plan yet\n").into_response()
    }
}

/// Takes a node out of service by hand, or lets it return.
async fn drain(State(state): State<ApiState>, Path(node): Path<String>, drained: bool) -> (StatusCode, String) {
    match state.estate.node_ord(&node) {
        Some(ord) => {
            state.control.tell(Input::Drain(ord, drained)).await;
            (StatusCode::ACCEPTED, format!("{node} is {}\n", if drained { "drained" } else { "no longer drained" }))
        }
        None => (StatusCode::NOT_FOUND, format!("there is no node `{node}`\n")),
    }
}

async fn estate(State(state): State<ApiState>) -> Json<snapshot::EstateView> {
    Json(snapshot::EstateView::of(&state.estate))
}

async fn snapshot(State(state): State<ApiState>) -> Json<Snapshot> {
    Json(state.snapshot())
}

impl ApiState {
    /// The state as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.estate, &self.control.known().borrow(), &self.extra.borrow())
    }
}
