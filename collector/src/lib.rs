//! How the outside becomes rows: probes, host metrics, scraping and receivers.
//!
//! Everything ends in [`sink::Sink`], which resolves when the rows are durable. This room
//! measures and decides nothing: what a lost probe means is `weir-detect`'s to say.
//!
//! Each source keeps its parsing pure (`parse`, `decode`, `observe`) and apart from the task
//! that waits for bytes, so that the first is tested on recorded input and the second on
//! loopback sockets.
#![forbid(unsafe_code)]

pub mod clock;
pub mod counters;
mod decoding;
pub mod exposition;
pub mod host;
pub mod line_protocol;
pub mod mapping;
pub mod otlp;
pub mod probe;
pub mod remote_write;
pub mod scrape;
pub mod series_cache;
pub mod sink;
pub mod stream;
pub mod tls;

mod column_name;
mod forgotten;
mod generations;
