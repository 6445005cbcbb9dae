//! Room for requests: memory is counted before it is taken.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::answer::{BUSY_RETRY_AFTER, Refusal};

/// Bytes of a place.
const PLACE_BYTES: usize = 1 << 10;

/// Bytes of all bodies, as sent, that are read or decoded at once: eight of the largest, or
/// 640 of 2,000 series.
const BODIES_BYTES_MAX: usize = 64 << 20;

/// Bytes of all batches and batches that are decoded or being written at once: eight of the largest
/// (8 x 4 x 32 MiB), or 64 usual ones, which are charged 16 MiB for what they might bring.
const BATCHES_BYTES_MAX: usize = 1 << 30;

/// How long a request waits for room, long enough for a slow disk: Prometheus waits 30 s for an answer.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Room for bodies and for what becomes of them.
#[derive(Debug)]
pub(super) struct Places {
    bodies: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    wait_max: Duration,
}

impl Default for Places {
    fn default() -> Self {
        Self::new(BODIES_BYTES_MAX, BATCHES_BYTES_MAX, WAIT_MAX)
    }
}

/// Given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(bodies_bytes: usize, batches_bytes: usize, wait_max: Duration) -> Self {
        let places = |bytes: usize| Arc::new(Semaphore::new(bytes / PLACE_BYTES));
        Self { bodies: places(bodies_bytes), batches: places(batches_bytes), wait_max }
    }

    pub(super) async fn body(&self, bytes: usize) -> Result<Place, Refusal> {
        self.of(&self.bodies, bytes).await
    }

    pub(super) async fn batch(&self, bytes: usize) -> Result<Place, Refusal> {
        self.of(&self.batches, bytes).await
    }

    /// Whoever comes first is first served; room that is not there in time is asked for again later.
    async fn of(&self, places: &Arc<Semaphore>, bytes: usize) -> Result<Place, Refusal> {
        let busy = || Refusal::later("too many requests at once", BUSY_RETRY_AFTER);
        let wanted = u32::try_from(bytes.div_ceil(PLACE_BYTES).max(1)).map_err(|_| busy())?;
        let permit = timeout(self.wait_max, Arc::clone(places).acquire_many_owned(wanted)).await;
        match permit {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            _ => Err(busy()),
        }
    }
}
