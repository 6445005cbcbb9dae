//! One rule: as written, and checked.

use std::num::NonZeroU64;

use super::{Action, Pattern, PatternError, RULES_MAX};

/// A rule as written; what is absent has Prometheus's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleText {
    /// `replace` when absent.
    pub action: Option<Action>,
    /// Whose values are joined.
    pub source_labels: Vec<String>,
    /// What joins them: `;` when absent.
    pub separator: Option<String>,
    /// `(.*)` when absent.
    pub regex: Option<String>,
    /// Of `hashmod`.
    pub modulus: Option<u64>,
    /// What is set.
    pub target_label: Option<String>,
    /// `$1` when absent.
    pub replacement: Option<String>,
}

/// A rule, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    action: Action,
    source_labels: Vec<String>,
    separator: String,
    regex: Pattern,
    modulus: NonZeroU64,
    target_label: String,
    replacement: String,
}

/// Why a rule is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// An action that needs a key which is absent.
    #[error("`{action}` needs `{key}`")]
    Missing {
        /// Which.
        action: Action,
        /// The key.
        key: &'static str,
    },
    /// An action that has no use for a key.
    #[error("`{action}` takes no `{key}`")]
    Unused {
        /// Which.
        action: Action,
        /// The key.
        key: &'static str,
    },
    /// Not the name of a label.
    #[error("`{key}` is {name:?}, which is not the name of a label")]
    Name {
        /// The key.
        key: &'static str,
        /// As written.
        name: String,
    },
    /// Not an expression.
    #[error("`regex`: {0}")]
    Regex(#[from] PatternError),
    /// Longer than the limit.
    #[error("more than {RULES_MAX} rules: join some of them with `|` in their `regex`")]
    TooMany,
}

impl RuleError {
    /// The key that is wrong, where it is one.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Unused { key, .. } | Self::Name { key, .. } => Some(key),
            Self::Regex(_) => Some("regex"),
            Self::Missing { .. } | Self::TooMany => None,
        }
    }
}

impl Rule {
    /// The rule that `text` says.
    ///
    /// # Errors
    /// At the first thing that is wrong with it.
    pub fn new(text: RuleText) -> Result<Self, RuleError> {
        let action = text.action.unwrap_or(Action::Replace);
        check_keys(action, &text)?;
        let modulus = match text.modulus.map(NonZeroU64::new) {
            Some(Some(modulus)) => modulus,
            None if action != Action::HashMod => NonZeroU64::MIN,
            _ => return Err(RuleError::Missing { action, key: "modulus" }),
        };
        let target_label = text.target_label.unwrap_or_default();
        let sets = !matches!(action, Action::Keep | Action::Drop | Action::LabelMap)
            && !matches!(action, Action::LabelDrop | Action::LabelKeep);
        if sets && target_label.is_empty() {
            return Err(RuleError::Missing { action, key: "target_label" });
        }
        let is_template = action == Action::Replace && target_label.contains('$');
        if sets && !is_template && !is_label_name(&target_label) {
            return Err(RuleError::Name { key: "target_label", name: target_label });
        }
        let replacement = text.replacement.unwrap_or_else(|| "$1".to_owned());
        if action == Action::LabelMap && !replacement.contains('$') && !is_label_name(&replacement) {
            return Err(RuleError::Name { key: "replacement", name: replacement });
        }
        Ok(Self {
            action,
            source_labels: text.source_labels,
            separator: text.separator.unwrap_or_else(|| ";".to_owned()),
            regex: Pattern::new(text.regex.as_deref().unwrap_or("(.*)"))?,
            modulus,
            target_label,
            replacement,
        })
    }

    /// What it does.
    pub fn action(&self) -> Action {
        self.action
    }

    pub(super) fn source_labels(&self) -> &[String] {
        &self.source_labels
    }

    pub(super) fn separator(&self) -> &str {
        &self.separator
    }

    pub(super) fn regex(&self) -> &Pattern {
        &self.regex
    }

    pub(super) fn modulus(&self) -> NonZeroU64 {
        self.modulus
    }

    pub(super) fn target_label(&self) -> &str {
        &self.target_label
    }

    pub(super) fn replacement(&self) -> &str {
        &self.replacement
    }
}

/// Keys that an action would pass over are mistakes: who wrote them meant something by them.
fn check_keys(action: Action, text: &RuleText) -> Result<(), RuleError> {
    let refused: &[&'static str] = match action {
        Action::Replace | Action::HashMod => &[],
        Action::Keep | Action::Drop => &[],
        Action::Lowercase | Action::Uppercase => &["replacement"],
        Action::KeepEqual | Action::DropEqual => &["separator", "regex", "modulus", "replacement"],
        Action::LabelMap => &[],
        Action::LabelDrop | Action::LabelKeep => {
            &["source_labels", "separator", "modulus", "target_label", "replacement"]
        }
    };
    let is_given = |key: &str| match key {
        "source_labels" => !text.source_labels.is_empty(),
        "separator" => text.separator.is_some(),
        "regex" => text.regex.is_some(),
        "modulus" => text.modulus.is_some(),
        "target_label" => text.target_label.is_some(),
        _ => text.replacement.is_some(),
    };
    match refused.iter().copied().find(|key| is_given(key)) {
        Some(key) => Err(RuleError::Unused { action, key }),
        None => Ok(()),
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, as Prometheus's data model has it.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
