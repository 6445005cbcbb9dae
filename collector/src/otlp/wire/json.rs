//! How protobuf's types are written in JSON (protobuf.dev, "ProtoJSON format", and the OTLP
//! specification, "JSON Protobuf Encoding"): 64-bit numbers as text or as numbers, identifiers of
//! traces in hex, bytes in base64, and `null` for anything that is left out.

use std::{borrow::Cow, str::FromStr};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::Error, de::IgnoredAny};

/// `null` is what is left out.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

pub(super) fn number<'de, D: Deserializer<'de>, T: FromStr + Default>(from: D) -> Result<T, D::Error> {
    Ok(optional_number(from)?.unwrap_or_default())
}

pub(super) fn optional_number<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Number<T>>::deserialize(from)?.map(|Number(value)| value))
}

pub(super) fn numbers<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<Vec<T>, D::Error> {
    let values: Vec<Number<T>> = nullable(from)?;
    Ok(values.into_iter().map(|Number(value)| value).collect())
}

/// What is only counted: as many empty things.
pub(super) fn counted<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Bytes>, D::Error> {
    let things: Vec<IgnoredAny> = nullable(from)?;
    Ok(things.iter().map(|_| Bytes::new()).collect())
}

pub(super) fn hex<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(from)?.unwrap_or_default();
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        _ => Err(D::Error::custom(format!("{text:?} is not in hex"))),
    }
}

/// A number, or the text of one (`"NaN"` and `"Infinity"` as well where `T` has them).
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<T>(pub(super) T);

impl<'de, T: FromStr> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Number(serde_json::Number),
            Text(#[serde(borrow)] Cow<'a, str>),
        }
        let text = match Written::deserialize(from)? {
            Written::Number(number) => Cow::Owned(number.to_string()),
            Written::Text(text) => text,
        };
        let whole = || text.parse::<f64>().ok().filter(|value| value.fract() == 0.0).map(|value| format!("{value:.0}"));
        // 1.0 and 1e3 are whole numbers too.
        let parsed = text.parse().ok().or_else(|| whole()?.parse().ok());
        parsed.map(Self).ok_or_else(|| D::Error::custom(format!("{text:?} is not a number of this field's type")))
    }
}

/// Bytes in base64, of either alphabet, with or without padding.
#[derive(Clone, Debug)]
pub(super) struct Base64(pub(super) Bytes);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let bytes = GeneralPurpose::new(&alphabet, config).decode(text.as_bytes());
        bytes.map(|bytes| Self(bytes.into())).map_err(|error| D::Error::custom(format!("not base64: {error}")))
    }
}
