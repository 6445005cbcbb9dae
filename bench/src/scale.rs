//! How much a bench does.

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Whether everything works; the figures mean nothing.
    Smoke,
    /// At most 15 minutes.
    Usual,
    /// As long as it takes.
    Full,
}

impl Scale {
    /// One of three.
    pub(crate) fn of<T>(self, smoke: T, usual: T, full: T) -> T {
        match self {
            Self::Smoke => smoke,
            Self::Usual => usual,
            Self::Full => full,
        }
    }
}
