//! Attributes, resources and scopes.

use bytes::Bytes;
use prost::Message;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::json::{Base64, Number, nullable};

/// What produced telemetry.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Resource {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) attributes: Vec<KeyValue>,
}

/// The library that recorded it.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InstrumentationScope {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) version: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) attributes: Vec<KeyValue>,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<AnyValue>,
}

/// Attributes in JSON, each as the bytes that protobuf has for it.
pub(super) fn encoded<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Bytes>, D::Error> {
    let attributes: Vec<KeyValue> = nullable(from)?;
    Ok(attributes.iter().map(|attribute| attribute.encode_to_vec().into()).collect())
}

/// An attribute's value, or a log record's body.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(from = "AnyValueInJson")]
pub(crate) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(crate) value: Option<Value>,
}

/// What it may be.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    #[prost(message, tag = "6")]
    Map(KeyValueList),
    #[prost(bytes = "bytes", tag = "7")]
    Bytes(Bytes),
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) values: Vec<KeyValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AnyValueInJson {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Number<i64>>,
    double_value: Option<Number<f64>>,
    array_value: Option<ArrayValue>,
    kvlist_value: Option<KeyValueList>,
    bytes_value: Option<Base64>,
}

impl From<AnyValueInJson> for AnyValue {
    fn from(json: AnyValueInJson) -> Self {
        let value = (json.string_value.map(Value::Text))
            .or_else(|| json.bool_value.map(Value::Bool))
            .or_else(|| json.int_value.map(|Number(value)| Value::Int(value)))
            .or_else(|| json.double_value.map(|Number(value)| Value::Double(value)))
            .or_else(|| json.array_value.map(Value::Array))
            .or_else(|| json.kvlist_value.map(Value::Map))
            .or_else(|| json.bytes_value.map(|Base64(bytes)| Value::Bytes(bytes)));
        Self { value }
    }
}

/// As the specification renders values for what knows only text ("Common", "Representation of
/// AnyValue for non-OTLP protocols"): JSON, with bytes in base64.
impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            None => to.serialize_none(),
            Some(Value::Text(text)) => to.serialize_str(text),
            Some(Value::Bool(value)) => to.serialize_bool(*value),
            Some(Value::Int(value)) => to.serialize_i64(*value),
            Some(Value::Double(value)) if value.is_finite() => to.serialize_f64(*value),
            Some(Value::Double(value)) => to.serialize_str(not_finite(*value)),
            Some(Value::Bytes(bytes)) => to.serialize_str(&in_base64(bytes)),
            Some(Value::Map(map)) => Attributes(&map.values).serialize(to),
            Some(Value::Array(array)) => {
                let mut list = to.serialize_seq(Some(array.values.len()))?;
                for value in &array.values {
                    list.serialize_element(value)?;
                }
                list.end()
            }
        }
    }
}

impl AnyValue {
    /// The value as text: text as it is, everything else as JSON; nothing is `""`.
    pub(crate) fn into_text(self) -> String {
        match self.value {
            None => String::new(),
            Some(Value::Text(text)) => text,
            Some(Value::Double(value)) if !value.is_finite() => not_finite(value).to_owned(),
            Some(Value::Bytes(bytes)) => in_base64(&bytes),
            value => json_text(&Self { value }),
        }
    }
}

/// Attributes as one JSON object, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for KeyValue { key, value } in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// As JSON. Neither type above can fail: keys are text, numbers are finite.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn not_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

fn in_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
