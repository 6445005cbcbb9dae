//! What a body is, by its headers.

use axum::http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
};

use super::{super::Version, answer::Refusal};

/// The version of the message, or 415 for what is not understood. Senders from before the specification
/// leave the headers out, and mean 1.0.
pub(super) fn version(headers: &HeaderMap) -> Result<Version, Refusal> {
    let refuse = |text: &str| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    let header = |name: HeaderName| headers.get(name).map_or(Ok(""), |value| value.to_str()).unwrap_or("?").trim();
    let mut parts = header(CONTENT_TYPE).split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    if !media_type.is_empty() && !media_type.eq_ignore_ascii_case("application/x-protobuf") {
        return Err(refuse("content type must be application/x-protobuf"));
    }
    let proto = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
    });
    let version = match proto {
        None => Version::V1,
        Some(name) if name.eq_ignore_ascii_case("prometheus.WriteRequest") => Version::V1,
        Some(name) if name.eq_ignore_ascii_case("io.prometheus.write.v2.Request") => Version::V2,
        Some(_) => {
            return Err(refuse("proto must be prometheus.WriteRequest or io.prometheus.write.v2.Request"));
        }
    };
    match header(CONTENT_ENCODING) {
        "" => Ok(version),
        encoding if encoding.eq_ignore_ascii_case("snappy") => Ok(version),
        // vmagent from 1.116 on begins with zstd, and goes over to snappy when it is told 415.
        _ => Err(refuse("content encoding must be snappy")),
    }
}
