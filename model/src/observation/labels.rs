//! Labels of a series.

use std::{
    cmp::Ordering,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Label names and values of one series, sorted by name, each name once.
///
/// Cloned handles share them. Their hash is computed once: a receiver that keeps the labels of the
/// series it knows makes looking them up in a store independent of how many there are.
#[derive(Clone, Debug)]
pub struct Labels(Arc<LabelSet>);

#[derive(Debug)]
struct LabelSet {
    hash: u64,
    pairs: Box<[(Arc<str>, Arc<str>)]>,
}

impl Labels {
    /// Sorts the pairs. Empty values are dropped (an absent label and an empty one are the same,
    /// as in Prometheus); of a name given twice the last value stays.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut pairs: Vec<(Arc<str>, Arc<str>)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        pairs.retain(|(_, value)| !value.is_empty());
        let pairs = pairs.into_boxed_slice();
        let mut hasher = DefaultHasher::new();
        pairs.hash(&mut hasher);
        Self(Arc::new(LabelSet { hash: hasher.finish(), pairs }))
    }

    /// The value of `name`; `""` when absent.
    pub fn get(&self, name: &str) -> &str {
        let pairs = &self.0.pairs;
        pairs.binary_search_by(|(label, _)| (**label).cmp(name)).map_or("", |index| &pairs[index].1)
    }

    /// Every pair, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.pairs.iter().map(|(name, value)| (name, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.pairs.is_empty()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::new::<&str, &str>([])
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.hash == other.0.hash && self.0.pairs == other.0.pairs
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.pairs.cmp(&other.0.pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_unique_and_never_empty() {
        let labels = Labels::new([("b", "1"), ("a", "x"), ("c", ""), ("b", "2")]);
        let pairs: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, [("a", "x"), ("b", "2")]);
        assert_eq!((labels.get("a"), labels.get("c")), ("x", ""));
    }
}
