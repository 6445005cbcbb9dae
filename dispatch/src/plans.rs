//! Plans over gRPC, for executors that run apart: `weir.v1.Plans`.

mod board;
mod follow;

pub use board::{Acknowledgement, Board, MESSAGE_BYTES_MAX, service};
pub use follow::{Follow, FollowError, follow};

/// The generated messages and services.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::clone_on_ref_ptr, reason = "generated")]
pub mod proto {
    tonic::include_proto!("weir.v1");
}
