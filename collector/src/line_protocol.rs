//! InfluxDB line protocol, the receiving side: what Telegraf, the InfluxDB client libraries and
//! many appliances push (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol).
//!
//! [`decode()`] is pure; [`router`] serves it. A line takes one pass: the bytes of its measurement
//! and tags are hashed as sent and looked up, its field keys are compared with those of the line
//! before, and only what is new is looked at carefully.
//!
//! Organisations, buckets and databases are accepted and mean nothing here: a measurement is a
//! table.

mod answer;
mod body;
mod decode;
mod fields;
mod gather;
mod greeting;
mod inflate;
mod layout;
mod limits;
mod line;
mod names;
mod number;
mod precision;
mod problem;
mod server;

pub use self::{
    decode::{BadLine, Decoded, decode},
    limits::Limits,
    precision::Precision,
    problem::{DecodeError, LineProblem},
    server::router,
};

#[cfg(test)]
mod tests;
