//! Ordinals by name: a month of demand has millions of rows, and the estate's own lookup walks its tables.

use std::collections::BTreeMap;

use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd},
};

/// The names that rows of demand use.
#[derive(Debug)]
pub struct Names<'a> {
    /// Client groups.
    pub groups: BTreeMap<&'a str, GroupOrd>,
    /// Domains.
    pub domains: BTreeMap<&'a str, DomainOrd>,
}

impl<'a> Names<'a> {
    /// Of everything in `estate`.
    pub fn of(estate: &'a Estate) -> Self {
        let groups = estate.groups.iter().enumerate();
        let domains = estate.domains.iter().enumerate();
        Self {
            groups: groups.map(|(index, group)| (group.id.as_str(), GroupOrd::of(index))).collect(),
            domains: domains.map(|(index, domain)| (domain.id.as_str(), DomainOrd::of(index))).collect(),
        }
    }
}
