//! Decoding beside everything else.

use std::{num::NonZero, sync::LazyLock, thread::available_parallelism};

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

/// As many requests are decoded at a time as there are cores. More would be no faster, and whoever wakes for a moment,
/// a probe or a query, would find as many threads before it.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// Runs `decode` on a thread of its own when it is its turn: megabytes take milliseconds, which probes on this thread
/// would measure. What has begun ends also when nobody waits for it any more.
pub(crate) async fn decode_apart<T: Send + 'static>(
    decode: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // Nobody closes it.
    let turn = TURNS.acquire().await.ok();
    let decoding = spawn_blocking(move || {
        let decoded = decode();
        drop(turn);
        decoded
    });
    decoding.await
}
