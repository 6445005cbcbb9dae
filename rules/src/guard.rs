//! Guards: what no plan may do by itself.

use weir_model::{
    time::UnixNanos,
    yaml::{Fields, Item},
};

/// A span in which nothing moves voluntarily.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// First instant frozen.
    pub from: UnixNanos,
    /// First instant free again.
    pub until: UnixNanos,
    /// Why, for those who wonder.
    pub reason: String,
}

/// Limits on plans. Moves off a target confirmed dead are exempt from `max_shift` and freezes.
#[derive(Clone, Debug, PartialEq)]
pub struct Guards {
    /// Largest part of all demand that one plan may move voluntarily, 0 to 1.
    pub max_shift: f64,
    /// Least part of the edge nodes that must stay in service; below it nothing more is taken out
    /// (the panic rule: when most looks dead, the measurement is what is broken).
    pub min_healthy: f64,
    /// Spans without voluntary moves.
    pub freezes: Vec<Freeze>,
}

impl Default for Guards {
    fn default() -> Self {
        // A fifth at a time leaves resolvers' caches and mids warm; Envoy's panic threshold is one half.
        Self { max_shift: 0.2, min_healthy: 0.5, freezes: Vec::new() }
    }
}

impl Guards {
    /// Reads `max_shift`, `min_healthy` and `freezes: [{from, until, reason}]`.
    pub fn read(fields: &mut Fields<'_>) -> Self {
        let defaults = Self::default();
        let fraction = |fields: &mut Fields<'_>, key, default| match fields.optional_spanned::<f64>(key) {
            Some(written) if !(0.0..=1.0).contains(&written.value) => {
                let message = format!("`{key}` is {}, which is not between 0 and 1", written.value);
                fields.reader().error_with_hint(written.mark, message, "write 20 % as 0.2");
                default
            }
            Some(written) => written.value,
            None => default,
        };
        let max_shift = fraction(fields, "max_shift", defaults.max_shift);
        let min_healthy = fraction(fields, "min_healthy", defaults.min_healthy);
        let freezes = fields.list("freezes").iter().filter_map(Freeze::read).collect();
        Self { max_shift, min_healthy, freezes }
    }

    /// The freeze that holds at `at`.
    pub fn frozen(&self, at: UnixNanos) -> Option<&Freeze> {
        self.freezes.iter().find(|freeze| (freeze.from..freeze.until).contains(&at))
    }

    /// Whether this many of `total` edge nodes may be out of service.
    pub fn allows_out(&self, out: usize, total: usize) -> bool {
        (total - out.min(total)) as f64 >= self.min_healthy * total as f64
    }
}

impl Freeze {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let from = fields.required("from");
        let until = fields.required_spanned::<UnixNanos>("until");
        let reason = fields.or("reason", String::new());
        if let (Some(from), Some(until)) = (from, &until)
            && until.value <= from
        {
            fields.reader().error(until.mark, "the freeze ends before it begins");
        }
        fields.finish();
        Some(Self { from: from?, until: until?.value, reason })
    }
}

#[cfg(test)]
mod tests {
    use weir_model::yaml::Reader;

    use super::*;

    fn read(text: &str) -> Result<Guards, String> {
        Reader::read("policy.yaml", text, |_, mut fields| {
            let guards = Guards::read(&mut fields);
            fields.finish();
            Some(guards)
        })
        .map_err(|diagnostics| diagnostics.to_string())
    }

    #[test]
    fn a_freeze_holds_from_its_first_to_before_its_last_instant() {
        let guards = read("freezes: [{from: 2026-12-24, until: 2026-12-27, reason: holidays}]").unwrap();
        let freeze = &guards.freezes[0];
        assert_eq!(guards.frozen(freeze.from).map(|freeze| freeze.reason.as_str()), Some("holidays"));
        assert_eq!(guards.frozen(freeze.until), None);
    }

    #[test]
    fn half_may_be_out_and_no_more() {
        let guards = Guards::default();
        assert!(guards.allows_out(4, 8));
        assert!(!guards.allows_out(5, 8));
    }

    #[test]
    fn nonsense_is_named() {
        let message = read("max_shift: 20\nfreezes: [{from: 2026-12-24, until: 2026-12-01}]").unwrap_err();
        assert!(message.contains("policy.yaml:1:12: `max_shift` is 20"), "{message}");
        assert!(message.contains("ends before it begins"), "{message}");
    }
}
