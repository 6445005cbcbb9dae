//! Walking one mapping of a YAML file.

use std::ops::Deref;

use marked_yaml::{Node, types::MarkedMappingNode};

use super::{Mark, Reader, Scalar, nearest};

/// A value with the place it was written at, for errors found later (cross references).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub mark: Mark,
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// One mapping being read. Every accessor names a key; [`Fields::finish`] reports the others.
#[derive(Debug)]
pub struct Fields<'a> {
    reader: &'a Reader,
    what: &'a str,
    node: &'a MarkedMappingNode,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(reader: &'a Reader, what: &'a str, node: &'a MarkedMappingNode) -> Self {
        Self { reader, what, node, known: Vec::new() }
    }

    /// Where the mapping begins.
    pub fn mark(&self) -> Mark {
        // A block mapping's own span begins after its first key.
        self.node.iter().next().map_or_else(|| Mark::of(self.node.span()), |(key, _)| Mark::of(key.span()))
    }

    /// The reader, to report what only the caller can see.
    pub fn reader(&self) -> &'a Reader {
        self.reader
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.node.get_node(key)
    }

    /// Whether `key` is given (this does not make it known).
    pub fn has(&self, key: &str) -> bool {
        self.node.get_node(key).is_some()
    }

    /// The value of a key that must be there.
    pub fn required<T: Scalar>(&mut self, key: &'static str) -> Option<T> {
        self.required_spanned(key).map(|spanned| spanned.value)
    }

    /// As [`Fields::required`], with its place.
    pub fn required_spanned<T: Scalar>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        if self.missing(key) {
            return None;
        }
        self.optional_spanned(key)
    }

    fn missing(&mut self, key: &'static str) -> bool {
        let missing = self.node.get_node(key).is_none();
        if missing {
            self.known.push(key);
            self.reader.error(self.mark(), format!("{} has no `{key}`", self.what));
        }
        missing
    }

    /// The value of a key that may be there.
    pub fn optional<T: Scalar>(&mut self, key: &'static str) -> Option<T> {
        self.optional_spanned(key).map(|spanned| spanned.value)
    }

    /// As [`Fields::optional`], with its place.
    pub fn optional_spanned<T: Scalar>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        let node = self.get(key)?;
        self.item(node, key).scalar()
    }

    /// The value of a key, or what it is when absent.
    pub fn or<T: Scalar>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The list under a key that must be there, item by item.
    pub fn required_list(&mut self, key: &'static str) -> Vec<Item<'a>> {
        if self.missing(key) { Vec::new() } else { self.list(key) }
    }

    /// The list under a key, item by item; empty when absent.
    pub fn list(&mut self, key: &'static str) -> Vec<Item<'a>> {
        match self.get(key) {
            None => Vec::new(),
            Some(Node::Sequence(nodes)) => nodes.iter().map(|node| self.item(node, key)).collect(),
            Some(other) => {
                self.reader.error_with_hint(
                    Mark::of(other.span()),
                    format!("`{key}` of {} must be a list", self.what),
                    format!("write `{key}: [..]` or one `- ..` a line"),
                );
                Vec::new()
            }
        }
    }

    /// The scalars of the list under a key.
    pub fn scalars<T: Scalar>(&mut self, key: &'static str) -> Vec<Spanned<T>> {
        self.list(key).iter().filter_map(Item::scalar).collect()
    }

    /// The mapping under a key.
    pub fn map(&mut self, key: &'static str) -> Option<Fields<'a>> {
        let node = self.get(key)?;
        self.item(node, key).fields()
    }

    /// The mapping under a key that must be there.
    pub fn required_map(&mut self, key: &'static str) -> Option<Fields<'a>> {
        if self.missing(key) { None } else { self.map(key) }
    }

    /// Any value under a key.
    pub fn any(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.get(key).map(|node| self.item(node, key))
    }

    /// Every key with its value, for mappings whose keys are names chosen by the user.
    pub fn entries(mut self) -> Vec<(Spanned<String>, Item<'a>)> {
        self.known.clear();
        self.node
            .iter()
            .map(|(key, node)| {
                let name = Spanned { value: key.as_str().to_owned(), mark: Mark::of(key.span()) };
                (name, Item { reader: self.reader, what: self.what, node })
            })
            .collect()
    }

    fn item(&self, node: &'a Node, what: &'a str) -> Item<'a> {
        Item { reader: self.reader, what, node }
    }

    /// Reports every key that no accessor has named.
    pub fn finish(self) {
        for (key, _) in self.node.iter() {
            let name = key.as_str();
            if self.known.contains(&name) {
                continue;
            }
            let message = format!("{} has no key `{name}`", self.what);
            let mark = Mark::of(key.span());
            match nearest(name, self.known.iter().copied()) {
                Some(known) => self.reader.error_with_hint(mark, message, format!("did you mean `{known}`?")),
                None => {
                    let known: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
                    self.reader.error_with_hint(mark, message, format!("its keys are {}", known.join(", ")));
                }
            }
        }
    }
}

/// One value: of a key or in a list.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    reader: &'a Reader,
    what: &'a str,
    node: &'a Node,
}

impl<'a> Item<'a> {
    pub(super) fn new(reader: &'a Reader, what: &'a str, node: &'a Node) -> Self {
        Self { reader, what, node }
    }

    /// Where it begins.
    pub fn mark(&self) -> Mark {
        Mark::of(self.node.span())
    }

    /// Its text as a `T`; an error is noted when it is none.
    pub fn scalar<T: Scalar>(&self) -> Option<Spanned<T>> {
        let mark = self.mark();
        let Node::Scalar(scalar) = self.node else {
            self.reader.error(mark, format!("`{}` must be {}", self.what, T::expected()));
            return None;
        };
        let text = scalar.as_str();
        if let Some(value) = T::parse(text) {
            return Some(Spanned { value, mark });
        }
        let message = format!("`{}` is `{text}`, which is not {}", self.what, T::expected());
        match nearest(text, T::words().iter().copied()) {
            Some(word) => self.reader.error_with_hint(mark, message, format!("did you mean `{word}`?")),
            None => self.reader.error(mark, message),
        }
        None
    }

    /// The scalars of the list it is; an error is noted when it is none.
    pub fn scalars<T: Scalar>(&self) -> Vec<Spanned<T>> {
        let Node::Sequence(nodes) = self.node else {
            self.reader.error(self.mark(), format!("`{}` must be a list", self.what));
            return Vec::new();
        };
        nodes.iter().filter_map(|node| Self { node, ..*self }.scalar()).collect()
    }

    /// The text as written, when it is a scalar.
    pub fn text(&self) -> Option<&'a str> {
        self.node.as_scalar().map(|scalar| scalar.as_str())
    }

    /// The mapping it is; an error is noted when it is none.
    pub fn fields(&self) -> Option<Fields<'a>> {
        self.fields_of(self.what)
    }

    /// As [`Item::fields`], called `what` in messages.
    pub fn fields_of(&self, what: &'a str) -> Option<Fields<'a>> {
        match self.node {
            Node::Mapping(mapping) => Some(Fields::new(self.reader, what, mapping)),
            other => {
                self.reader.error(Mark::of(other.span()), format!("`{what}` must be a mapping of keys to values"));
                None
            }
        }
    }
}
