//! The target's labels on a scraped sample, and what relabelling makes of both.

use std::sync::Arc;

use weir_model::observation::{Labels, Series, TableName};

use super::{
    relabel::{self, LabelSet},
    target::TargetSettings,
};
use crate::column_name;

/// The label that holds the metric's name while rules look at it.
const METRIC_NAME: &str = "__name__";

/// Relabelling took the name of a metric away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`metric_relabel` leaves a sample without `__name__`")]
pub(super) struct Nameless;

/// The series that a scraped one is written as; `None` when a rule drops it.
pub(super) fn series(
    name: &Arc<str>,
    scraped: Vec<(&str, String)>,
    target: &Labels,
    settings: &TargetSettings,
) -> Result<Option<Series>, Nameless> {
    let mut labels = attach(scraped, target, settings.honor_labels);
    if settings.metric_relabel.is_empty() {
        return Ok(Some(named(Arc::clone(name), &labels)));
    }
    labels.set(METRIC_NAME, &**name);
    if !relabel::apply(&settings.metric_relabel, &mut labels) {
        return Ok(None);
    }
    let name: Arc<str> = labels.get(METRIC_NAME).into();
    if name.is_empty() {
        return Err(Nameless);
    }
    labels.set(METRIC_NAME, "");
    Ok(Some(named(name, &labels)))
}

fn named(name: Arc<str>, labels: &LabelSet) -> Series {
    let labels = labels.iter().map(|(name, value)| (column_name::of_label(name), value));
    Series::new(TableName::metric(name), Labels::new(labels))
}

/// A sample's labels with the target's. The target's win; a scraped label of the same name is kept as
/// `exported_<name>`, with the prefix repeated until the name is free. With `honor_labels` the sample's win, also
/// those that are empty: so an exposer keeps a label of the target off.
fn attach(scraped: Vec<(&str, String)>, target: &Labels, honor_labels: bool) -> LabelSet {
    let scraped = scraped.into_iter().map(|(name, value)| (name.to_owned(), value));
    let of_target = target.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    if honor_labels {
        return of_target.chain(scraped).collect();
    }
    let (clashing, free): (Vec<_>, Vec<_>) =
        scraped.filter(|(_, value)| !value.is_empty()).partition(|(name, _)| !target.get(name).is_empty());
    let mut labels: LabelSet = free.into_iter().chain(of_target).collect();
    for (name, value) in clashing {
        let mut exported = format!("exported_{name}");
        while !labels.get(&exported).is_empty() {
            exported.insert_str(0, "exported_");
        }
        labels.set(exported, value);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::relabel::{Action, Rule, RuleText};

    fn written(pairs: &[(&str, &str)], settings: &TargetSettings) -> Result<Option<Series>, Nameless> {
        let target = Labels::new([("job", "edge"), ("instance", "e1:80")]);
        let pairs = pairs.iter().map(|(name, value)| (*name, (*value).to_owned()));
        series(&"hits".into(), pairs.collect(), &target, settings)
    }

    #[test]
    fn the_target_wins_and_the_sample_keeps_its_own_as_exported() {
        let labels =
            |pairs: &[(&str, &str)]| written(pairs, &TargetSettings::default()).unwrap().unwrap().labels().clone();
        assert_eq!(labels(&[]), Labels::new([("job", "edge"), ("instance", "e1:80")]));
        assert_eq!(
            labels(&[("job", "own"), ("exported_job", "older"), ("time", "noon"), ("value", "v")]),
            Labels::new([
                ("exported_exported_job", "own"),
                ("exported_job", "older"),
                ("instance", "e1:80"),
                ("job", "edge"),
                ("label_time", "noon"),
                ("label_value", "v"),
            ])
        );
    }

    #[test]
    fn an_empty_label_is_none_where_the_target_wins() {
        let labels = written(&[("instance", "")], &TargetSettings::default()).unwrap().unwrap();
        assert_eq!(*labels.labels(), Labels::new([("job", "edge"), ("instance", "e1:80")]));
    }

    #[test]
    fn honoured_labels_of_the_sample_win() {
        let settings = TargetSettings { honor_labels: true, ..TargetSettings::default() };
        let honoured = written(&[("job", "own"), ("a", "b")], &settings).unwrap().unwrap();
        assert_eq!(*honoured.labels(), Labels::new([("a", "b"), ("instance", "e1:80"), ("job", "own")]));
        let without = written(&[("instance", ""), ("a", "")], &settings).unwrap().unwrap();
        assert_eq!(*without.labels(), Labels::new([("job", "edge")]), "as a Pushgateway exposes what has none");
    }

    #[test]
    fn rules_see_the_name_and_may_change_or_drop_it() {
        let rule = |action, regex: &str, target_label: Option<&str>, replacement: Option<&str>| {
            Rule::new(RuleText {
                action: Some(action),
                source_labels: vec![METRIC_NAME.to_owned()],
                regex: Some(regex.to_owned()),
                target_label: target_label.map(str::to_owned),
                replacement: replacement.map(str::to_owned),
                ..RuleText::default()
            })
            .unwrap()
        };
        let with = |rule| TargetSettings { metric_relabel: vec![rule], ..TargetSettings::default() };
        let renamed = written(&[("time", "noon")], &with(rule(Action::Replace, "(.).*", Some("__name__"), None)));
        let renamed = renamed.unwrap().unwrap();
        assert_eq!((&*renamed.table().name, renamed.labels().get("label_time")), ("h", "noon"));
        assert_eq!(renamed.labels().get(METRIC_NAME), "");
        assert_eq!(written(&[], &with(rule(Action::Drop, "hi.*", None, None))), Ok(None));
        let nameless = rule(Action::Replace, "hits", Some("__name__"), Some(""));
        assert_eq!(written(&[], &with(nameless)), Err(Nameless));
    }
}
