//! A row as InfluxDB's line protocol, as TSBS writes it for InfluxDB and VictoriaMetrics.

use super::host::{FIELDS, Host, TAGS};

/// Adds the line of `host` at `time` (seconds since the epoch).
pub(super) fn write(body: &mut Vec<u8>, host: &Host, time: i64) {
    body.extend_from_slice(b"cpu");
    for (name, value) in TAGS.iter().zip(&host.tags) {
        body.push(b',');
        body.extend_from_slice(name.as_bytes());
        body.push(b'=');
        body.extend_from_slice(value.as_bytes());
    }
    let mut before = b' ';
    for (name, value) in FIELDS.iter().zip(host.fields()) {
        body.push(before);
        body.extend_from_slice(name.as_bytes());
        body.push(b'=');
        push_small(body, value);
        body.push(b'i');
        before = b',';
    }
    body.extend_from_slice(format!(" {time}000000000\n").as_bytes());
}

/// A number of at most three digits, without the machinery of formatting: there are 86 M of them.
pub(super) fn push_small(to: &mut Vec<u8>, value: u8) {
    if value >= 100 {
        to.push(b'0' + value / 100);
    }
    if value >= 10 {
        to.push(b'0' + value / 10 % 10);
    }
    to.push(b'0' + value % 10);
}
