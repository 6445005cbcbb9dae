//! Identifiers: one newtype for each kind of thing, so that a site is never passed as a node.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest identifier accepted from a file: the longest DNS name (RFC 1035, section 2.3.4).
pub const ID_LENGTH_MAX: usize = 253;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

ids! {
    /// Who sells us something: carrier, IDC operator, cloud, CDN.
    ProviderId,
    /// A place with its own power and network.
    SiteId,
    /// Something that answers or forwards at a site.
    NodeId,
    /// A directed connection between two nodes.
    LinkId,
    /// How a link or site is billed.
    ContractId,
    /// Users that behave alike.
    GroupId,
    /// Who pays us.
    CustomerId,
    /// A service name of a customer.
    DomainId,
    /// Where a measurement was taken from.
    VantageId,
}

macro_rules! ordinals {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The ordinal as an index into the table it numbers.
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The ordinal of a table's `index`-th row.
            ///
            /// # Panics
            /// When the table has more than `u32::MAX` rows.
            pub fn of(index: usize) -> Self {
                assert!(index <= u32::MAX as usize, "a table has at most 2^32 rows");
                Self(index as u32)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

ordinals! {
    /// Row of a provider in its estate.
    ProviderOrd,
    /// Row of a site in its estate or plan directory.
    SiteOrd,
    /// Row of a node in its estate or plan directory.
    NodeOrd,
    /// Row of a link in its estate.
    LinkOrd,
    /// Row of a contract in its estate.
    ContractOrd,
    /// Row of a client group in its estate or plan directory.
    GroupOrd,
    /// Row of a customer in its estate.
    CustomerOrd,
    /// Row of a domain in its estate or plan directory.
    DomainOrd,
}
