//! The embedded UI.

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// A page that may have changed with the binary: asked for anew each time.
const ASK_AGAIN: &str = "no-cache";
/// A file whose name holds the hash of its content: kept for a year (RFC 9111, section 5.2.2).
const KEEP: &str = "public, max-age=31536000, immutable";

/// Whether `path` is a file of the UI: those hold nothing secret, and the page that asks for a
/// token must be there without one.
pub(super) fn has(path: &str) -> bool {
    weir_dashboards::asset(path).is_some()
}

/// A file of the UI, or 404.
pub(super) async fn serve(uri: Uri) -> Response {
    match weir_dashboards::asset(uri.path()) {
        Some(asset) => {
            let keep = if asset.immutable { KEEP } else { ASK_AGAIN };
            ([(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, keep)], asset.bytes).into_response()
        }
        None => {
            let text = format!("there is nothing at {}: /api/v1/openapi.json lists what there is\n", uri.path());
            (StatusCode::NOT_FOUND, text).into_response()
        }
    }
}
