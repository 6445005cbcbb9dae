//! Samples, each of them unique in series and time as well as in its value, and requests made of them.

/// What is written to, each in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Table {
    /// Metrics over remote write.
    Metric(u8),
    /// As a metric, with times at which retention drops them soon: may be found or not.
    Expiring,
    /// A measurement over line protocol.
    Measurement,
}

/// Metrics that samples are spread over.
pub(crate) const METRICS: u8 = 2;

impl Table {
    /// Every table there may be.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..METRICS).map(Self::Metric).chain([Self::Expiring, Self::Measurement])
    }

    /// Its name, in protocols and in SQL.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Metric(number) => format!("crash_{number}"),
            Self::Expiring => "crash_expiring".to_owned(),
            Self::Measurement => "crash_measurement".to_owned(),
        }
    }
}

/// What a sample is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Where.
    pub(crate) table: Table,
    /// The label `sender`.
    pub(crate) sender: u8,
    /// The label `part`.
    pub(crate) part: u16,
    /// Milliseconds since the epoch.
    pub(crate) time_ms: i64,
}

/// A sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What it is known by.
    pub(crate) key: Key,
    /// Its value, which no other sample has.
    pub(crate) value: f64,
}

/// Values are whole numbers from 2^47 on, so that their bits are recognised wherever they are.
const VALUE_MIN: u64 = 1 << 47;
/// Spreads consecutive numbers over all values: any odd factor gives each number its own.
const SPREAD: u64 = 0x5851_F42D_4C95_7F2D;

/// The value of sample number `number`.
pub(crate) fn value_of(number: u64) -> f64 {
    (VALUE_MIN + number.wrapping_mul(SPREAD) % VALUE_MIN) as f64
}

/// The bits of the values in `bytes`, wherever they begin: sign and exponent of all are 0x42E.
pub(crate) fn values_in(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let eights = bytes.windows(8).filter(|eight| eight[7] == 0x42 && eight[6] >> 4 == 0xE && eight[0] & 0x1F == 0);
    eights.filter_map(|eight| eight.try_into().ok().map(u64::from_le_bytes))
}

/// The body of a remote write 1.0 request: `prometheus.WriteRequest` in snappy's block format.
pub(crate) fn remote_write(samples: &[Sample]) -> anyhow::Result<Vec<u8>> {
    let mut message = Vec::new();
    for Sample { key, value } in samples {
        let mut series = Vec::new();
        let (sender, part) = (key.sender.to_string(), key.part.to_string());
        for (name, text) in [("__name__", &key.table.name()), ("part", &part), ("sender", &sender)] {
            let mut label = Vec::new();
            field(1, name.as_bytes(), &mut label);
            field(2, text.as_bytes(), &mut label);
            field(1, &label, &mut series);
        }
        // Sample: 1 is the value, a double; 2 the time in milliseconds, a varint.
        let mut sample = vec![1 << 3 | 1];
        sample.extend(value.to_le_bytes());
        sample.push(2 << 3);
        varint(key.time_ms.cast_unsigned(), &mut sample);
        field(2, &sample, &mut series);
        field(1, &series, &mut message);
    }
    Ok(snap::raw::Encoder::new().compress_vec(&message)?)
}

/// A field of bytes in protobuf.
fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The body of a line protocol request, times in nanoseconds.
pub(crate) fn lines(samples: &[Sample]) -> Vec<u8> {
    let line = |Sample { key, value }: &Sample| {
        format!("{},part={},sender={} value={value:.1} {}000000\n", key.table.name(), key.part, key.sender, key.time_ms)
    };
    samples.iter().map(line).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use expect_test::expect;

    use super::*;

    #[test]
    fn values_are_unique_and_found_by_their_bits() {
        let values: HashSet<u64> = (0..10_000).map(|number| value_of(number).to_bits()).collect();
        assert_eq!(values.len(), 10_000);
        let mut bytes = b"some".to_vec();
        values.iter().for_each(|bits| bytes.extend(bits.to_le_bytes()));
        let found: HashSet<u64> = values_in(&bytes).collect();
        assert!(values.is_subset(&found));
        assert!(values.iter().all(|bits| f64::from_bits(*bits).fract() == 0.0));
    }

    #[test]
    fn requests_say_what_is_known() {
        let key = Key { table: Table::Measurement, sender: 3, part: 12, time_ms: 1_700_000_000_123 };
        let sample = Sample { key, value: value_of(1) };
        expect![[r#"
            crash_measurement,part=12,sender=3 value=268475395571501.0 1700000000123000000
        "#]]
        .assert_eq(&String::from_utf8(lines(&[sample])).unwrap());
        let message = snap::raw::Decoder::new().decompress_vec(&remote_write(&[sample]).unwrap()).unwrap();
        // One series of 3 labels (8+17, 4+2, 6+1 and 2+2 bytes each) and a sample of 16 bytes.
        assert_eq!(message.len(), 2 + (2 + 4 + 25) + (2 + 4 + 6) + (2 + 4 + 7) + (2 + 16));
    }
}
