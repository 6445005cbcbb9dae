//! Relabelling: rules over a set of labels, as Prometheus has them (prometheus.io/docs, "relabel_config";
//! prometheus/model/relabel). Pure: a table of its own tests holds it to that.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use weir_model::keywords;

mod pattern;
mod rule;

pub(crate) use self::rule::is_label_name;
pub use self::{
    pattern::{Pattern, PatternError},
    rule::{Rule, RuleError, RuleText},
};

/// Most rules of one list: the longest that ship with Prometheus's operator have about 30; 100 of
/// [`pattern`]'s 1 MiB bound one job to 100 MiB.
pub const RULES_MAX: usize = 100;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets the target label to the replacement, where the regex matches the source labels.
    Replace,
    /// Drops what the regex does not match.
    Keep,
    /// Drops what the regex matches.
    Drop,
    /// Drops what has another value in the target label.
    KeepEqual,
    /// Drops what has the same value in the target label.
    DropEqual,
    /// Sets the target label to a hash of the source labels, modulo `modulus`.
    HashMod,
    /// Copies labels whose names match to names made of the replacement.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Sets the target label to the source labels in lower case.
    Lowercase,
    /// Sets the target label to the source labels in upper case.
    Uppercase,
}

keywords!(Action {
    "replace" => Replace, "keep" => Keep, "drop" => Drop, "keepequal" => KeepEqual, "dropequal" => DropEqual,
    "hashmod" => HashMod, "labelmap" => LabelMap, "labeldrop" => LabelDrop, "labelkeep" => LabelKeep,
    "lowercase" => Lowercase, "uppercase" => Uppercase,
});

/// Labels that change. One with an empty value is one that is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSet(BTreeMap<String, String>);

impl LabelSet {
    /// The value of `name`; `""` when absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets `name`; removes it when `value` is empty.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        if value.is_empty() {
            self.0.remove(&name);
        } else {
            self.0.insert(name, value);
        }
    }

    /// Sets `name` where it is absent.
    pub fn set_default(&mut self, name: &str, value: &str) {
        if self.get(name).is_empty() {
            self.set(name, value);
        }
    }

    /// Removes labels whose names are not wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| wanted(name));
    }

    /// Every pair, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for LabelSet {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels = Self::default();
        pairs.into_iter().for_each(|(name, value)| labels.set(name, value));
        labels
    }
}

/// Applies `rules` in order; whether what has these labels is kept.
#[must_use]
pub fn apply(rules: &[Rule], labels: &mut LabelSet) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl Rule {
    fn apply(&self, labels: &mut LabelSet) -> bool {
        match self.action() {
            Action::Keep => return self.regex().is_match(&self.source(labels)),
            Action::Drop => return !self.regex().is_match(&self.source(labels)),
            Action::KeepEqual => return labels.get(self.target_label()) == self.source(labels),
            Action::DropEqual => return labels.get(self.target_label()) != self.source(labels),
            Action::Replace => self.replace(labels),
            Action::HashMod => {
                let shard = hash(&self.source(labels)) % self.modulus().get();
                labels.set(self.target_label(), shard.to_string());
            }
            Action::Lowercase => labels.set(self.target_label(), self.source(labels).to_lowercase()),
            Action::Uppercase => labels.set(self.target_label(), self.source(labels).to_uppercase()),
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => labels.retain(|name| !self.regex().is_match(name)),
            Action::LabelKeep => labels.retain(|name| self.regex().is_match(name)),
        }
        true
    }

    fn source(&self, labels: &LabelSet) -> String {
        let values: Vec<&str> = self.source_labels().iter().map(|name| labels.get(name)).collect();
        values.join(self.separator())
    }

    /// Nothing happens where the regex does not match, or the target's name comes out as none.
    fn replace(&self, labels: &mut LabelSet) {
        let source = self.source(labels);
        let Some(found) = self.regex().captures(&source) else { return };
        let (mut target, mut value) = (String::new(), String::new());
        found.expand(self.target_label(), &mut target);
        found.expand(self.replacement(), &mut value);
        if rule::is_label_name(&target) {
            labels.set(target, value);
        }
    }

    fn map_names(&self, labels: &mut LabelSet) {
        let mut copied = Vec::new();
        for (name, value) in labels.iter() {
            if let Some(found) = self.regex().captures(name) {
                let mut to = String::new();
                found.expand(self.replacement(), &mut to);
                copied.push((to, value.to_owned()));
            }
        }
        for (name, value) in copied.into_iter().filter(|(name, _)| !name.is_empty()) {
            labels.set(name, value);
        }
    }
}

/// The last 8 of MD5's 16 bytes, as Prometheus takes them, so that shards of both agree.
pub(super) fn hash(text: &str) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    let (_, last) = digest.split_at(8);
    last.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
