//! Faults: written as `<verb> <target> [<argument>] at <time>`, as the demo takes them.

use std::{fmt, time::Duration};

use rust_decimal::Decimal;
use weir_model::{
    estate::Estate,
    id::{ContractOrd, DomainOrd, NodeOrd},
    time::{Written, parse_duration},
    yaml::{Reader, Spanned, nearest},
};

use super::unknown_name;

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The node answers nobody.
    Kill(NodeOrd),
    /// The node is as it was before anything was done to it.
    Restore(NodeOrd),
    /// The node answers so much later.
    Slow(NodeOrd, Duration),
    /// The node drops this part of its requests, 0 to 1.
    Loss(NodeOrd, f64),
    /// The contract's prices are this many times the inventory's.
    Price(ContractOrd, Decimal),
    /// The demand for a domain is this many times what it would be.
    Surge(DomainOrd, f64),
    /// The controller starts anew, with the next epoch. Executors go on with the plan they hold.
    RestartController,
}

impl Action {
    /// The node it is done to.
    pub fn node(&self) -> Option<NodeOrd> {
        match self {
            Self::Kill(node) | Self::Restore(node) | Self::Slow(node, _) | Self::Loss(node, _) => Some(*node),
            Self::Price(..) | Self::Surge(..) | Self::RestartController => None,
        }
    }
}

/// What is done, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Since the scenario's start.
    pub at: Duration,
    /// What.
    pub action: Action,
    /// As it was written.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

const VERBS: [&str; 7] = ["kill", "restore", "slow", "loss", "price", "surge", "restart"];
const FORM: &str = "write '<verb> <target> [<argument>] at <time>': 'kill edge-3 at 2d', 'restore edge-3 at 50h', \
                    'slow mid-1 80ms at 5d', 'loss edge-2 30% at 7d', 'price fra-transit x1.5 at 10d', \
                    'surge www.aurora.test x3 at 12d', 'restart controller at 14d'";

/// Reads one fault; what is wrong with it is noted with `reader`.
pub(super) fn read(reader: &Reader, written: &Spanned<String>, estate: &Estate) -> Option<Fault> {
    let words: Vec<&str> = written.value.split_whitespace().collect();
    let form = || reader.error_with_hint(written.mark, format!("`{}` is no fault", written.value), FORM);
    let [verb, words @ .., "at", time] = words.as_slice() else {
        form();
        return None;
    };
    if !VERBS.contains(verb) {
        let hint = nearest(verb, VERBS).map_or(FORM.to_owned(), |known| format!("did you mean `{known}`?"));
        reader.error_with_hint(written.mark, format!("`{verb}` is no fault"), hint);
        return None;
    }
    let at = parse_duration(time);
    if at.is_none() {
        reader.error_with_hint(
            written.mark,
            format!("`{time}` is no time since the start"),
            "write it as `36h` or `2d`",
        );
    }
    let names = Names { reader, written, estate };
    let action = match (*verb, words) {
        ("kill", [node]) => Action::Kill(names.node(node)?),
        ("restore", [node]) => Action::Restore(names.node(node)?),
        ("slow", [node, delay]) => {
            let (node, delay) = (names.node(node), names.argument(delay, "delay such as `80ms`", parse_duration));
            Action::Slow(node?, delay?)
        }
        ("loss", [node, part]) => {
            let (node, part) = (names.node(node), names.argument(part, "percentage such as `30%`", percentage));
            Action::Loss(node?, part?)
        }
        ("price", [contract, factor]) => {
            let (contract, factor) = (names.contract(contract), names.argument(factor, FACTOR, decimal_factor));
            Action::Price(contract?, factor?)
        }
        ("surge", [domain, factor]) => {
            let (domain, factor) = (names.domain(domain), names.argument(factor, FACTOR, self::factor));
            Action::Surge(domain?, factor?)
        }
        ("restart", ["controller"]) => Action::RestartController,
        _ => {
            form();
            return None;
        }
    };
    let at = at?;
    let words = [&[*verb], words].concat().join(" ");
    Some(Fault { at, action, text: format!("{words} at {}", Written(at)) })
}

const FACTOR: &str = "factor such as `x1.5`";
/// Largest factor: a price or a demand a thousand times itself is a slip of the hand.
const FACTOR_MAX: u32 = 1_000;

fn percentage(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn factor(text: &str) -> Option<f64> {
    let factor: f64 = text.strip_prefix('x')?.parse().ok()?;
    (0.0..=f64::from(FACTOR_MAX)).contains(&factor).then_some(factor)
}

fn decimal_factor(text: &str) -> Option<Decimal> {
    let factor: Decimal = text.strip_prefix('x')?.parse().ok()?;
    (Decimal::ZERO..=Decimal::from(FACTOR_MAX)).contains(&factor).then_some(factor)
}

struct Names<'a> {
    reader: &'a Reader,
    written: &'a Spanned<String>,
    estate: &'a Estate,
}

impl Names<'_> {
    fn node(&self, name: &str) -> Option<NodeOrd> {
        let known = || self.estate.nodes.iter().map(|node| node.id.as_str());
        self.estate.node_ord(name).or_else(|| self.unknown("node", name, known()))
    }

    fn contract(&self, name: &str) -> Option<ContractOrd> {
        let known = || self.estate.contracts.iter().map(|contract| contract.id.as_str());
        self.estate.contract_ord(name).or_else(|| self.unknown("contract", name, known()))
    }

    fn domain(&self, name: &str) -> Option<DomainOrd> {
        let known = || self.estate.domains.iter().map(|domain| domain.id.as_str());
        self.estate.domain_ord(name).or_else(|| self.unknown("domain", name, known()))
    }

    fn unknown<'n, T>(&self, what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> Option<T> {
        unknown_name(self.reader, self.written.mark, what, name, known);
        None
    }

    fn argument<T>(&self, text: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(text);
        if parsed.is_none() {
            self.reader.error_with_hint(self.written.mark, format!("`{text}` is no {expected}"), FORM);
        }
        parsed
    }
}
