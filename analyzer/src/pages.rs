//! Something for each series, by id.
//!
//! Ids are never used again, so that those in use become ever fewer of all. They lie together, though: pages of
//! which nothing is in use are not held.

use std::fmt;

/// Ids of a page. Of times a page takes 8 KiB, half of a table's largest block is wasted at most.
pub(crate) const PAGE: usize = 1024;

/// Values by id; a value that is not there is the default.
#[derive(Clone)]
pub(crate) struct Pages<T> {
    pages: Vec<Option<Box<[T]>>>,
    default: T,
}

impl<T: Clone> Pages<T> {
    pub(crate) fn new(default: T) -> Self {
        Self { pages: Vec::new(), default }
    }

    pub(crate) fn get(&self, id: u32) -> &T {
        let page = self.pages.get(id as usize / PAGE).and_then(Option::as_ref);
        page.map_or(&self.default, |page| &page[id as usize % PAGE])
    }

    /// The value, to be changed.
    pub(crate) fn at(&mut self, id: u32) -> &mut T {
        let number = id as usize / PAGE;
        if self.pages.len() <= number {
            self.pages.resize(number + 1, None);
        }
        let page = self.pages[number].get_or_insert_with(|| vec![self.default.clone(); PAGE].into());
        &mut page[id as usize % PAGE]
    }

    /// Puts the default in the place of these, and lets go of pages where `is_default` holds for all.
    pub(crate) fn clear(&mut self, ids: impl IntoIterator<Item = u32>, is_default: impl Fn(&T) -> bool) {
        let mut cleared: Option<usize> = None;
        for id in ids {
            let number = id as usize / PAGE;
            if let Some(page) = self.pages.get_mut(number).and_then(Option::as_mut) {
                page[id as usize % PAGE] = self.default.clone();
            }
            if let Some(done) = cleared.replace(number).filter(|done| *done != number) {
                self.drop_if_empty(done, &is_default);
            }
        }
        if let Some(last) = cleared {
            self.drop_if_empty(last, &is_default);
        }
    }

    fn drop_if_empty(&mut self, number: usize, is_default: impl Fn(&T) -> bool) {
        if let Some(page) = self.pages.get_mut(number)
            && page.as_ref().is_some_and(|page| page.iter().all(is_default))
        {
            *page = None;
        }
    }

    /// The pages that are held, with their numbers.
    pub(crate) fn held(&self) -> impl Iterator<Item = (usize, &[T])> {
        self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, &**page.as_ref()?)))
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({} of {})", self.pages.iter().flatten().count(), self.pages.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_which_nothing_is_in_use_are_not_held() {
        let mut pages = Pages::new(0);
        let far = 5 * PAGE as u32;
        for id in [3, 4, far] {
            *pages.at(id) = id;
        }
        assert_eq!([2, 3, far, far + 1, u32::MAX].map(|id| *pages.get(id)), [0, 3, far, 0, 0]);
        assert_eq!(pages.held().map(|(number, _)| number).collect::<Vec<_>>(), [0, 5]);
        pages.clear([3, far, u32::MAX], |value| *value == 0);
        assert_eq!([3, 4, far].map(|id| *pages.get(id)), [0, 4, 0]);
        assert_eq!(pages.held().map(|(number, _)| number).collect::<Vec<_>>(), [0]);
    }
}
