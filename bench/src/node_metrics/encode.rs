//! `prometheus.WriteRequest` in protocol buffers: repeated TimeSeries `timeseries = 1` with repeated Label `labels = 1`
//! {string `name = 1`, string `value = 2`} and repeated Sample `samples = 2` {double `value = 1`, int64 `timestamp = 2`}.

/// Wire type 2, a length and bytes, of fields 1 and 2.
const BYTES_1: u8 = 0x0a;
const BYTES_2: u8 = 0x12;
/// Wire type 1, eight bytes, of field 1.
const FIXED_1: u8 = 0x09;
/// Wire type 0, a varint, of field 2.
const VARINT_2: u8 = 0x10;

/// Labels as the beginning of a TimeSeries; made once, sent with every sample.
pub(super) fn labels(labels: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        push_bytes(&mut label, BYTES_1, name.as_bytes());
        push_bytes(&mut label, BYTES_2, value.as_bytes());
        push_bytes(&mut bytes, BYTES_1, &label);
    }
    bytes
}

/// Adds a TimeSeries of one sample to a request.
pub(super) fn push(body: &mut Vec<u8>, labels: &[u8], value: f64, time_ms: i64) {
    // FIXED_1, 8 bytes, VARINT_2, at most 10.
    let mut sample = Vec::with_capacity(20);
    sample.push(FIXED_1);
    sample.extend_from_slice(&value.to_le_bytes());
    sample.push(VARINT_2);
    push_varint(&mut sample, time_ms.cast_unsigned());
    body.push(BYTES_1);
    push_varint(body, (labels.len() + 2 + sample.len()) as u64);
    body.extend_from_slice(labels);
    push_bytes(body, BYTES_2, &sample);
}

/// A compressed request of one sample.
pub(crate) fn request(of: &[(&str, &str)], value: f64, time_ms: i64) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    push(&mut body, &labels(of), value, time_ms);
    Ok(snap::raw::Encoder::new().compress_vec(&body)?)
}

fn push_bytes(to: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    to.push(tag);
    push_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn push_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value as u8) | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
