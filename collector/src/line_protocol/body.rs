//! Bodies as they arrive: how much of them is in memory is bounded over all requests together.
//!
//! Many senders do not say how long a body is (Telegraf does not), so room is taken as it arrives.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{DecodeError, Limits, inflate::Encoding};
use crate::forgotten::forget;

/// KiB of bodies in memory at once: 8 of the largest, or 512 of the usual 300 kB, which take 512 KiB.
const ROOM_KIB: usize = 8 * (super::limits::BODY_BYTES_MAX >> 10);

/// How long a body may take to arrive, so that slow senders do not hold room: 32 MiB at 9 Mbit/s.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Room that a body takes with its first byte: so little that 65,536 senders who never go on fit in.
const FIRST_BYTES: usize = 4 << 10;

/// Bytes of a body that are read beyond its limit and forgotten: 256 MiB at 70 Mbit/s.
const FORGOTTEN_BYTES_MAX: usize = 8 * super::limits::BODY_BYTES_MAX;

/// Room for bodies.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// A body, and the room that it takes.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("too many requests at once")]
    Busy,
    #[error("the body did not arrive within {} s", READ_TIMEOUT.as_secs())]
    Late,
    #[error("the body ended early")]
    Cut,
    #[error(transparent)]
    TooLarge(#[from] DecodeError),
}

impl Room {
    pub(super) fn new() -> Self {
        Self::with_kib(ROOM_KIB)
    }

    pub(super) fn with_kib(kib: usize) -> Self {
        Self(Arc::new(Semaphore::new(kib)))
    }

    pub(super) async fn read(&self, mut body: Body, encoding: Encoding, limits: &Limits) -> Result<Arrived, ReadError> {
        let collected = timeout(READ_TIMEOUT, self.collect(&mut body, encoding.body_bytes_max(limits))).await;
        let arrived = collected.map_err(|_| ReadError::Late)?;
        if let Err(ReadError::TooLarge(_) | ReadError::Busy) = arrived {
            forget_rest(&mut body).await;
        }
        arrived
    }

    async fn collect(&self, body: &mut Body, limit: usize) -> Result<Arrived, ReadError> {
        let (mut room, mut held) = (self.take(0)?, 0);
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ReadError::Cut)?;
            let Ok(data) = frame.into_data() else { continue };
            let length = bytes.len() + data.len();
            if length > limit {
                return Err(DecodeError::TooLarge(limit).into());
            }
            while held < length {
                // As the buffer itself grows.
                let more = held.max(FIRST_BYTES);
                room.merge(self.take(more)?);
                held += more;
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Arrived { bytes: bytes.freeze(), _room: room })
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ReadError> {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(kib).map_err(|_| ReadError::Busy)
    }
}

/// Reads what is left of a body that is refused.
pub(super) async fn forget_rest(body: &mut Body) {
    forget(body, FORGOTTEN_BYTES_MAX).await;
}
