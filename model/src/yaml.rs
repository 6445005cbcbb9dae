//! Reading YAML written by people: a spanned tree, walked by a schema that collects *every* error.
//!
//! A [`Reader`] holds the file's name and what was found wrong so far. [`Fields`] walks one
//! mapping: each accessor names a key, so what was never named is an unknown key, reported with
//! its nearest known neighbour. Parsing and checking are one pass: there is no second,
//! differently typed reading that could disagree with the first.

mod diagnostic;
mod fields;
mod scalar;

pub use diagnostic::{Diagnostic, Diagnostics, Mark};
pub use fields::{Fields, Item, Spanned};
pub use scalar::{Keyword, Scalar};

use std::{cell::RefCell, sync::Arc};

use marked_yaml::{LoadError, LoaderOptions, Node, parse_yaml_with_options};

/// Collects what is wrong with one file.
#[derive(Debug)]
pub struct Reader {
    file: Arc<str>,
    found: RefCell<Vec<Diagnostic>>,
}

impl Reader {
    /// A reader of the file called `file` (a name for messages; nothing is opened).
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), found: RefCell::default() }
    }

    /// Parses `text` as a mapping and walks it with `schema`. What the schema built is returned
    /// only when nothing was found wrong.
    pub fn read<T>(
        file: &str,
        text: &str,
        schema: impl FnOnce(&Self, Fields<'_>) -> Option<T>,
    ) -> Result<T, Diagnostics> {
        let reader = Self::new(file);
        let options = LoaderOptions::default().error_on_duplicate_keys(true);
        let built = match parse_yaml_with_options(0, text, options) {
            Ok(Node::Mapping(root)) => schema(&reader, Fields::new(&reader, "the file", &root)),
            Ok(_) => {
                reader.error(Mark::START, "the file must be a mapping of keys to values");
                None
            }
            Err(error) => {
                reader.load_error(&error);
                None
            }
        };
        reader.end(built)
    }

    /// As [`Reader::read`], of a file that is a list.
    pub fn read_list<T>(
        file: &str,
        text: &str,
        schema: impl FnOnce(Vec<Item<'_>>) -> Option<T>,
    ) -> Result<T, Diagnostics> {
        let reader = Self::new(file);
        let options = LoaderOptions::default().error_on_duplicate_keys(true).toplevel_sequence();
        let built = match parse_yaml_with_options(0, text, options) {
            Ok(Node::Sequence(root)) => {
                schema(root.iter().map(|node| Item::new(&reader, "an item of the file", node)).collect())
            }
            Ok(_) => {
                reader.error(Mark::START, "the file must be a list");
                None
            }
            Err(error) => {
                reader.load_error(&error);
                None
            }
        };
        reader.end(built)
    }

    /// What was built, when nothing was found wrong.
    fn end<T>(self, built: Option<T>) -> Result<T, Diagnostics> {
        let file = Arc::clone(&self.file);
        match (built, self.finish()) {
            (Some(built), None) => Ok(built),
            (_, Some(diagnostics)) => Err(diagnostics),
            (None, None) => Err(Diagnostics::of_file(&file, "the file could not be understood".to_owned())),
        }
    }

    /// Notes an error at `mark`.
    pub fn error(&self, mark: Mark, message: impl Into<String>) {
        self.report(mark, message.into(), None);
    }

    /// Notes an error at `mark` with what to do about it.
    pub fn error_with_hint(&self, mark: Mark, message: impl Into<String>, hint: impl Into<String>) {
        self.report(mark, message.into(), Some(hint.into()));
    }

    fn report(&self, mark: Mark, message: String, hint: Option<String>) {
        self.found.borrow_mut().push(Diagnostic { file: Arc::clone(&self.file), mark, message, hint });
    }

    fn load_error(&self, error: &LoadError) {
        match error {
            LoadError::DuplicateKey(keys) => self.error_with_hint(
                Mark::of(keys.key.span()),
                format!("key `{}` is given twice", keys.key.as_str()),
                format!("it was first given on line {}", Mark::of(keys.prev_key.span()).line),
            ),
            LoadError::TopLevelMustBeMapping(at) => {
                self.error(Mark::from(*at), "the file must be a mapping of keys to values");
            }
            LoadError::UnexpectedAnchor(at) => {
                self.error_with_hint(Mark::from(*at), "YAML anchors are not supported", "write the value out in full");
            }
            LoadError::UnexpectedTag(at) => {
                self.error_with_hint(Mark::from(*at), "YAML tags are not supported", "remove the `!tag`");
            }
            LoadError::MappingKeyMustBeScalar(at) => self.error(Mark::from(*at), "a key must be plain text"),
            LoadError::ScanError(at, cause) => self.error(Mark::from(*at), format!("not YAML: {}", cause.info())),
            LoadError::TopLevelMustBeSequence(at) => self.error(Mark::from(*at), "the file must be a list"),
        }
    }

    /// Everything noted; `None` when nothing was.
    pub fn finish(self) -> Option<Diagnostics> {
        let found = self.found.into_inner();
        (!found.is_empty()).then(|| Diagnostics::new(found))
    }
}

/// The candidate closest to `text`, when it is close enough to have been meant.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Edits (Damerau-Levenshtein) up to a third of the word are a slip; more is another word.
    const SLIP_FRACTION: usize = 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= 1.max(text.len().max(candidate.len()) / SLIP_FRACTION))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
