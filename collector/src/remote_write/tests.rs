//! Requests as senders make them, and bytes as nobody should.

use std::sync::Arc;

use expect_test::Expect;
use weir_model::{observation::Rows, time::UnixNanos};

use super::*;
use crate::{series_cache::SeriesCache, sink::recorder::render};

mod histograms;
mod hostile;
pub(super) mod sender;
mod version1;
mod version2;

const NOW: UnixNanos = UnixNanos::from_secs(1_700_000_000);
const NOW_MS: i64 = 1_700_000_000_000;

fn decoder(limits: Limits) -> Decoder {
    Decoder::new(limits, Arc::new(SeriesCache::default()))
}

fn decode(version: Version, body: &[u8]) -> Result<Decoded, DecodeError> {
    decoder(Limits::default()).decode(version, body, NOW)
}

/// What is written and what is not, or why nothing is; twice, so that what is remembered changes nothing.
fn check(version: Version, body: &[u8], limits: Limits, expect: Expect) {
    let decoder = decoder(limits);
    let texts = [(); 2].map(|()| text(decoder.decode(version, body, NOW)));
    assert_eq!(texts[0], texts[1]);
    expect.assert_eq(&texts[0]);
}

fn text(decoded: Result<Decoded, DecodeError>) -> String {
    match decoded {
        Ok(decoded) => {
            let Counts { samples, histograms, exemplars } = decoded.sent;
            let counts = format!("{samples} samples, {histograms} histograms, {exemplars} exemplars");
            let elements = decoded.rejected.elements();
            let rejected = if decoded.rejected.is_empty() { String::new() } else { format!("; {elements} rejected") };
            format!("{}{counts}{rejected}{}", render(decoded.batch.into_rows()), decoded.rejected)
        }
        Err(error) => format!("{}{error}", if error.is_too_large() { "too large: " } else { "" }),
    }
}

/// The rows of one table.
fn rows_of(decoded: Decoded, table: &str) -> Rows {
    let mut rows = decoded.batch.into_rows();
    rows.retain(|rows| &*rows.table.name == table);
    assert_eq!(rows.len(), 1, "{table}");
    rows.remove(0)
}
