//! Sets of series in JSON: roaring's portable format, in base64.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use roaring::RoaringBitmap;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

pub(super) fn serialize<S: Serializer>(series: &RoaringBitmap, to: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(series.serialized_size());
    series.serialize_into(&mut bytes).map_err(S::Error::custom)?;
    to.serialize_str(&BASE64_STANDARD.encode(bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<RoaringBitmap>, D::Error> {
    let text = String::deserialize(from)?;
    let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
    RoaringBitmap::deserialize_from(&*bytes).map(Arc::new).map_err(D::Error::custom)
}
