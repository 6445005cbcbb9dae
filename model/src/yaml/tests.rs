use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::{keywords, unit::Bps};

#[derive(Clone, Copy, Debug)]
enum Colour {
    Red,
    Green,
}

keywords!(Colour { "red" => Red, "green" => Green });

fn check(text: &str, expect: Expect) {
    let read = Reader::read("t.yaml", text, |_, mut fields| {
        let every = fields.or("every", Duration::from_secs(1));
        let rate: Option<Bps> = fields.required("rate");
        let colour: Option<Colour> = fields.optional("colour");
        let names: Vec<String> = fields.scalars("names").into_iter().map(|name| name.value).collect();
        fields.finish();
        Some(format!("{every:?} {:?} {colour:?} {names:?}", rate?))
    });
    expect.assert_eq(&read.unwrap_or_else(|diagnostics| diagnostics.to_string()));
}

#[test]
fn a_good_file_is_read() {
    check(
        "every: 50ms\nrate: 10Gbps\ncolour: green\nnames: [a, b]\n",
        expect![[r#"50ms Bps(10000000000.0) Some(Green) ["a", "b"]"#]],
    );
}

#[test]
fn every_error_is_found_at_once() {
    check(
        "evry: 50ms\ncolour: gren\nnames: a\n",
        expect![[r#"
            t.yaml:1:1: the file has no `rate`
            t.yaml:1:1: the file has no key `evry`
                hint: did you mean `every`?
            t.yaml:2:9: `colour` is `gren`, which is not one of `red`, `green`
                hint: did you mean `green`?
            t.yaml:3:8: `names` of the file must be a list
                hint: write `names: [..]` or one `- ..` a line"#]],
    );
}

#[test]
fn what_is_no_yaml_says_where() {
    check("a: [1\nb: }", expect!["t.yaml:2:2: not YAML: illegal placement of ':' indicator"]);
    check(
        "rate: 1G\nrate: 2G\n",
        expect![[r#"
            t.yaml:2:1: key `rate` is given twice
                hint: it was first given on line 1"#]],
    );
}
