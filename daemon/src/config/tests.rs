use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expect: Expect) {
    let read = Config::parse(Path::new("/etc/weir/weir.yaml"), text);
    let shown = read.map(|config| format!("{} {}", config.inventory.display(), config.listen.http));
    expect.assert_eq(&shown.unwrap_or_else(|diagnostics| diagnostics.to_string()));
}

#[test]
fn paths_are_relative_to_the_file() {
    check("inventory: estate.yaml\n", expect!["/etc/weir/estate.yaml 127.0.0.1:7080"]);
}

#[test]
fn beyond_loopback_tokens_are_required() {
    check(
        "inventory: e.yaml\nlisten: {http: '0.0.0.0:7080', dns: '0.0.0.0:53'}\n",
        expect![[r#"
            /etc/weir/weir.yaml:2:16: `http` listens on 0.0.0.0:7080, beyond this machine, and there are no `tokens`
                hint: give `tokens: [...]`, or listen on 127.0.0.1"#]],
    );
    check(
        "inventory: e.yaml\nlisten: {http: '0.0.0.0:7080'}\ntokens: [correct-horse-battery]\n",
        expect!["/etc/weir/e.yaml 0.0.0.0:7080"],
    );
}

#[test]
fn every_mistake_is_found_at_once() {
    check(
        "inventry: e.yaml\nlisten: {http: here}\nscheduler: {max_shift: 3}\nscrape: [{targets: []}]\ntokens: [short]\n",
        expect![[r#"
            /etc/weir/weir.yaml:1:1: the file has no `inventory`
            /etc/weir/weir.yaml:1:1: the file has no key `inventry`
                hint: did you mean `inventory`?
            /etc/weir/weir.yaml:2:16: `http` is `here`, which is not an address with a port
                hint: write it as 127.0.0.1:7080 or [::1]:7080
            /etc/weir/weir.yaml:3:24: `max_shift` is 3, which is not between 0 and 1
                hint: write 20 % as 0.2
            /etc/weir/weir.yaml:4:11: scrape has no `job`
            /etc/weir/weir.yaml:5:10: a token has at least 16 characters
                hint: make one with `head -c 18 /dev/urandom | base64`"#]],
    );
}
