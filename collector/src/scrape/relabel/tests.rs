//! Prometheus's rules, case by case: its documentation's examples, and what its own behaviour is where the
//! documentation is silent.

use expect_test::{Expect, expect};
use weir_model::yaml::{Reader, Scalar};

use super::*;

/// A rule from its YAML, as in a configuration.
fn rule(text: &str) -> Result<Rule, String> {
    let read = Reader::read("rule", text, |_, mut fields| {
        let written = RuleText {
            action: fields.optional("action"),
            source_labels: fields.scalars("source_labels").into_iter().map(|name| name.value).collect(),
            separator: fields.optional("separator"),
            regex: fields.optional("regex"),
            modulus: fields.optional("modulus"),
            target_label: fields.optional("target_label"),
            replacement: fields.optional("replacement"),
        };
        fields.finish();
        Some(written)
    });
    Rule::new(read.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

/// What `rules`, one a line, make of `labels`: `a=x b=y`.
fn check(labels: &str, rules: &str, expect: Expect) {
    let mut labels: LabelSet = labels.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    let rules: Vec<Rule> = rules.lines().map(|line| rule(line.trim()).unwrap()).collect();
    let kept = apply(&rules, &mut labels);
    let shown: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    expect.assert_eq(&if kept { shown.join(" ") } else { "dropped".to_owned() });
}

#[test]
fn replace() {
    let abc = "a=foo b=bar c=baz";
    check(
        abc,
        "{source_labels: [a], regex: f(.*), target_label: d, replacement: 'ch${1}-ch${1}'}",
        expect!["a=foo b=bar c=baz d=choo-choo"],
    );
    check(
        abc,
        "{source_labels: [a, b], regex: f(.*);(.*)r, target_label: a, replacement: 'b${1}${2}m'}",
        expect!["a=boobam b=bar c=baz"],
    );
    check(
        abc,
        "{source_labels: [a], regex: '.*(b).*', target_label: d, replacement: $1}",
        expect!["a=foo b=bar c=baz"],
    );
    check(abc, "{source_labels: [a], target_label: d}", expect!["a=foo b=bar c=baz d=foo"]);
    check(
        abc,
        "{source_labels: [a, b, c], separator: '-', target_label: all}",
        expect!["a=foo all=foo-bar-baz b=bar c=baz"],
    );
    check(abc, "{target_label: d, replacement: fixed}", expect!["a=foo b=bar c=baz d=fixed"]);
    check(abc, "{source_labels: [absent], target_label: a}", expect!["b=bar c=baz"]);
    check(abc, "{source_labels: [a], regex: f.., target_label: a, replacement: ''}", expect!["b=bar c=baz"]);
    check(abc, "{source_labels: [a], regex: o, target_label: a, replacement: x}", expect!["a=foo b=bar c=baz"]);
    check(
        "a=x",
        "{source_labels: [a], regex: '(?P<named>.)', target_label: b, replacement: '${named}_$named'}",
        expect!["a=x b=x_x"],
    );
    check("a=x", "{source_labels: [a], target_label: b, replacement: '$$-${2}-$1x'}", expect!["a=x b=$--"]);
}

#[test]
fn replace_with_a_made_target() {
    check(
        "a=foo_1",
        "{source_labels: [a], regex: (.*)_(.*), target_label: 'n_$2', replacement: $1}",
        expect!["a=foo_1 n_1=foo"],
    );
    check("a=1", "{source_labels: [a], target_label: '$1', replacement: x}", expect!["a=1"]);
    check(
        "a=some-name-value",
        "{source_labels: [a], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: $2}",
        expect!["a=some-name-value name=value"],
    );
    check(
        "a=some-name-0",
        "{source_labels: [a], regex: 'some-([^-]+)-([^,]+)', target_label: '${3}', replacement: $2}",
        expect!["a=some-name-0"],
    );
}

#[test]
fn keep_and_drop() {
    check("a=foo", "{action: keep, source_labels: [a], regex: fo+}", expect!["a=foo"]);
    check("a=foo", "{action: keep, source_labels: [a], regex: fo}", expect!["dropped"]);
    check("a=foo", "{action: drop, source_labels: [a], regex: fo+}", expect!["dropped"]);
    check("a=foo", "{action: drop, source_labels: [a], regex: o}", expect!["a=foo"]);
    check("a=foo", "{action: keep, source_labels: [absent], regex: ''}", expect!["a=foo"]);
    check(
        "a=foo b=x",
        "{target_label: c, replacement: '1'}\n{action: drop, source_labels: [a]}\n{target_label: d, replacement: '1'}",
        expect!["dropped"],
    );
}

#[test]
fn keepequal_and_dropequal() {
    check("port=80 ann=80", "{action: keepequal, source_labels: [port], target_label: ann}", expect!["ann=80 port=80"]);
    check("port=81 ann=80", "{action: keepequal, source_labels: [port], target_label: ann}", expect!["dropped"]);
    check("port=80 ann=80", "{action: dropequal, source_labels: [port], target_label: ann}", expect!["dropped"]);
    check("port=81 ann=80", "{action: dropequal, source_labels: [port], target_label: ann}", expect!["ann=80 port=81"]);
}

/// The shards are those that Prometheus's own tests name for these values.
#[test]
fn hashmod() {
    check(
        "a=foo b=bar c=baz",
        "{action: hashmod, source_labels: [c], separator: ;, target_label: d, modulus: 1000}",
        expect!["a=foo b=bar c=baz d=976"],
    );
    assert_eq!(hash("foo\nbar") % 1000, 734);
}

#[test]
fn labelmap_labeldrop_labelkeep() {
    check("a=foo b1=bar b2=baz", "{action: labelmap, regex: (b.*)}", expect!["a=foo b1=bar b2=baz"]);
    check(
        "a=foo b1=bar b2=baz",
        "{action: labelmap, regex: (b.*), replacement: 'bar_${1}'}",
        expect!["a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz"],
    );
    check(
        "__meta_k8s_label_app=web x=y",
        "{action: labelmap, regex: __meta_k8s_label_(.+)}",
        expect!["__meta_k8s_label_app=web app=web x=y"],
    );
    check("a=foo b1=bar b2=baz", "{action: labeldrop, regex: (b.*)}", expect!["a=foo"]);
    check("a=foo b1=bar b2=baz", "{action: labelkeep, regex: (b.*)}", expect!["b1=bar b2=baz"]);
}

#[test]
fn lowercase_and_uppercase() {
    check(
        "foo=bAr123Foo",
        "{action: lowercase, source_labels: [foo], target_label: low}\n{action: uppercase, source_labels: [foo], target_label: up}",
        expect!["foo=bAr123Foo low=bar123foo up=BAR123FOO"],
    );
    check("foo=x", "{action: lowercase, source_labels: [absent], target_label: foo}", expect![""]);
}

/// The classical pair of rules for the blackbox exporter.
#[test]
fn an_exporter_that_probes_others() {
    check(
        "__address__=http://prometheus.io",
        "{source_labels: [__address__], target_label: __param_target}
         {source_labels: [__param_target], target_label: instance}
         {target_label: __address__, replacement: '127.0.0.1:9115'}",
        expect!["__address__=127.0.0.1:9115 __param_target=http://prometheus.io instance=http://prometheus.io"],
    );
}

#[test]
fn what_is_no_rule_is_told() {
    let errors = [
        "{}",
        "{action: hashmod, target_label: a}",
        "{action: hashmod, target_label: a, modulus: 0}",
        "{action: lowercase, source_labels: [a]}",
        "{action: uppercase, source_labels: [a], target_label: b, replacement: x}",
        "{target_label: 9a}",
        "{action: lowercase, source_labels: [a], target_label: '$1'}",
        "{action: keepequal, source_labels: [a], target_label: b, regex: x}",
        "{action: labeldrop, regex: a, source_labels: [b]}",
        "{action: labelmap, regex: a, replacement: 'a-b'}",
        "{action: keep, source_labels: [a], regex: '*'}",
        "{action: kep}",
    ];
    let said: Vec<String> = errors.iter().map(|text| rule(text).unwrap_err()).collect();
    expect![[r#"
        `replace` needs `target_label`
        `hashmod` needs `modulus`
        `hashmod` needs `modulus`
        `lowercase` needs `target_label`
        `uppercase` takes no `replacement`
        `target_label` is "9a", which is not the name of a label
        `target_label` is "$1", which is not the name of a label
        `keepequal` takes no `regex`
        `labeldrop` takes no `source_labels`
        `replacement` is "a-b", which is not the name of a label
        `regex`: not a regular expression: repetition operator missing expression
        rule:1:10: `action` is `kep`, which is not one of `replace`, `keep`, `drop`, `keepequal`, `dropequal`, `hashmod`, `labelmap`, `labeldrop`, `labelkeep`, `lowercase`, `uppercase`
            hint: did you mean `keep`?"#]]
    .assert_eq(&said.join("\n"));
    assert_eq!(Action::words().len(), 11);
}
