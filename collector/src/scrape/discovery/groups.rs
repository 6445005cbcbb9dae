//! Lists of targets as Prometheus writes them: `[{targets: [..], labels: {..}}]`, in JSON or YAML. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_model::yaml::{Diagnostics, Fields, Item, Reader, Spanned};

use super::TARGETS_MAX;
use crate::scrape::relabel::{LabelSet, is_label_name};

/// Targets that share labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// Host and port of each, or what `relabel` makes an address of.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Their labels.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Why a text is no list of targets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Not JSON, or not of this shape; where, too.
    #[error("not a list of {{targets, labels}}: {0}")]
    Json(String),
    /// Not YAML, or not of this shape; where, too.
    #[error("not a list of {{targets, labels}}: {0}")]
    Yaml(Diagnostics),
    /// Not text.
    #[error("not UTF-8")]
    NotUtf8,
    /// A name that no label has.
    #[error("{0:?} is not the name of a label")]
    LabelName(String),
    /// A target without a name.
    #[error("a target is empty")]
    EmptyTarget,
    /// Over the limit.
    #[error("more than {TARGETS_MAX} targets: split the job")]
    TooMany,
}

/// Reads the JSON that Prometheus's `file_sd` and `http_sd` take.
///
/// # Errors
/// When it is none.
pub(super) fn from_json(bytes: &[u8]) -> Result<Vec<TargetGroup>, GroupError> {
    let groups = serde_json::from_slice(bytes).map_err(|error| GroupError::Json(error.to_string()))?;
    check(groups)
}

/// Reads the same as YAML, of the file called `name`.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn from_yaml(name: &str, bytes: &[u8]) -> Result<Vec<TargetGroup>, GroupError> {
    let text = std::str::from_utf8(bytes).map_err(|_| GroupError::NotUtf8)?;
    let read = Reader::read_list(name, text, |items| {
        let mut groups = Vec::new();
        for item in items {
            let Some(mut fields) = item.fields_of("a group of targets") else { continue };
            let targets = fields.scalars::<String>("targets").into_iter().map(|target| target.value).collect();
            let labels = fields.map("labels").map(Fields::entries).unwrap_or_default();
            let pair = |(name, value): (Spanned<String>, Item<'_>)| Some((name.value, value.scalar::<String>()?.value));
            let labels = labels.into_iter().filter_map(pair).collect();
            fields.finish();
            groups.push(TargetGroup { targets, labels });
        }
        Some(groups)
    });
    check(read.map_err(GroupError::Yaml)?)
}

fn check(groups: Vec<TargetGroup>) -> Result<Vec<TargetGroup>, GroupError> {
    if groups.iter().map(|group| group.targets.len()).sum::<usize>() > TARGETS_MAX {
        return Err(GroupError::TooMany);
    }
    for group in &groups {
        if let Some(name) = group.labels.keys().find(|name| !is_label_name(name)) {
            return Err(GroupError::LabelName(name.clone()));
        }
        if group.targets.iter().any(String::is_empty) {
            return Err(GroupError::EmptyTarget);
        }
    }
    Ok(groups)
}

/// The labels of each target, with `meta` beside them.
pub(super) fn flatten(groups: Vec<TargetGroup>, meta: &[(&str, &str)]) -> Vec<LabelSet> {
    let mut targets = Vec::new();
    for TargetGroup { targets: addresses, labels } in groups {
        let shared: LabelSet = labels
            .into_iter()
            .chain(meta.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .collect();
        targets.extend(addresses.into_iter().map(|address| {
            let mut labels = shared.clone();
            labels.set("__address__", address);
            labels
        }));
    }
    targets
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn shown(read: Result<Vec<TargetGroup>, GroupError>) -> String {
        let groups = match read {
            Ok(groups) => groups,
            Err(error) => return error.to_string(),
        };
        let mut text = String::new();
        for labels in flatten(groups, &[("__meta_filepath", "/sd/a")]) {
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text += &pairs.join(" ");
            text.push('\n');
        }
        text
    }

    fn json(text: &str, expect: Expect) {
        expect.assert_eq(&shown(from_json(text.as_bytes())));
    }

    fn yaml(text: &str, expect: Expect) {
        expect.assert_eq(&shown(from_yaml("sd.yaml", text.as_bytes())));
    }

    #[test]
    fn both_formats_say_the_same() {
        let json_text = r#"[{"targets": ["10.0.0.1:9100", "10.0.0.2:9100"], "labels": {"env": "prod", "team": "net"}},
            {"targets": ["[2001:db8::1]:9100"], "labels": null}, {"targets": [], "labels": {"a": "b"}}]"#;
        let yaml_text = "- targets: ['10.0.0.1:9100', '10.0.0.2:9100']\n  labels: {env: prod, team: net}\n\
                         - targets:\n    - '[2001:db8::1]:9100'\n";
        assert_eq!(shown(from_json(json_text.as_bytes())), shown(from_yaml("sd.yaml", yaml_text.as_bytes())));
        yaml(
            yaml_text,
            expect![[r#"
                __address__=10.0.0.1:9100 __meta_filepath=/sd/a env=prod team=net
                __address__=10.0.0.2:9100 __meta_filepath=/sd/a env=prod team=net
                __address__=[2001:db8::1]:9100 __meta_filepath=/sd/a
            "#]],
        );
        json("[]", expect![""]);
        yaml("[]", expect![""]);
    }

    #[test]
    fn what_is_no_list_is_told_with_its_place() {
        json("", expect!["not a list of {targets, labels}: EOF while parsing a value at line 1 column 0"]);
        json(
            r#"{"targets": ["a:1"]}"#,
            expect!["not a list of {targets, labels}: invalid type: map, expected a sequence at line 1 column 0"],
        );
        json(
            r#"[{"targets": ["a:1"], "lables": {}}]"#,
            expect![
                "not a list of {targets, labels}: unknown field `lables`, expected `targets` or `labels` at line 1 column 30"
            ],
        );
        json(
            r#"[{"targets": ["a:1"], "labels": {"a": 1}}]"#,
            expect![
                "not a list of {targets, labels}: invalid type: integer `1`, expected a string at line 1 column 39"
            ],
        );
        json(r#"[{"targets": ["a:1"], "labels": {"a-b": "c"}}]"#, expect![[r#""a-b" is not the name of a label"#]]);
        json(r#"[{"targets": [""]}]"#, expect!["a target is empty"]);
        yaml(
            "- targets: [a]\n  lables: {a: b}\n- targets: b\n",
            expect![[r#"
                not a list of {targets, labels}: sd.yaml:2:3: a group of targets has no key `lables`
                    hint: did you mean `labels`?
                sd.yaml:3:12: `targets` of a group of targets must be a list
                    hint: write `targets: [..]` or one `- ..` a line"#]],
        );
        yaml("targets: [a]", expect!["not a list of {targets, labels}: sd.yaml:1:8: the file must be a list"]);
        let many = format!("[{{\"targets\": [{}\"a:1\"]}}]", "\"a:1\",".repeat(TARGETS_MAX));
        json(&many, expect!["more than 10000 targets: split the job"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_targets_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,\"a-c\n -]{0,60}") {
            drop(from_json(&bytes));
            drop(from_yaml("a", &bytes));
            drop(from_json(text.as_bytes()));
            drop(from_yaml("a", text.as_bytes()));
        }
    }
}
