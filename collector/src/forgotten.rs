//! What is left of a body that is refused.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// How long the rest may take; who is slower hears nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads on and forgets, up to `bytes_max`: many clients read no answer before they have sent everything,
/// and to be told they must hear.
pub(crate) async fn forget(body: &mut Body, bytes_max: usize) {
    let reading = async {
        let mut forgotten = 0;
        while let Some(Ok(frame)) = body.frame().await {
            forgotten += frame.data_ref().map_or(0, Bytes::len);
            if forgotten > bytes_max {
                return;
            }
        }
    };
    timeout(TIMEOUT, reading).await.unwrap_or_default();
}
