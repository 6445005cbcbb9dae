//! The write-ahead log.
//!
//! A segment is a sequence of frames ([`frame`]) `[length u32][crc32 u32][payload]`, little endian; a
//! payload is one client's batch ([`record`]). [`log::Log`] appends groups of records with one write
//! and one fdatasync; [`replay`] reads segments back and says what was wrong with them.

pub mod disk;
pub(crate) mod frame;
pub(crate) mod log;
pub(crate) mod record;
pub(crate) mod replay;
