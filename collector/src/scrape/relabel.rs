//! The target's labels on a scraped sample.

use std::{borrow::Cow, collections::BTreeMap};

use weir_model::observation::Labels;

use crate::column_name;

/// A sample's labels with the target's. The target's win; a scraped label of the same name is
/// kept as `exported_<name>`, with the prefix repeated until the name is free, as Prometheus does
/// without `honor_labels`.
pub(super) fn attach(scraped: &Labels, target: &Labels) -> Labels {
    let mut labels: BTreeMap<Cow<'_, str>, &str> = BTreeMap::new();
    let (clashing, free): (Vec<_>, Vec<_>) = scraped.iter().partition(|(name, _)| !target.get(name).is_empty());
    for (name, value) in free.into_iter().chain(target.iter()) {
        labels.insert(column_name::of_label(name).into(), value);
    }
    for (name, value) in clashing {
        let mut exported = format!("exported_{name}");
        while labels.contains_key(exported.as_str()) {
            exported.insert_str(0, "exported_");
        }
        labels.insert(exported.into(), value);
    }
    Labels::new(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_wins_and_the_sample_keeps_its_own_as_exported() {
        let target = Labels::new([("job", "edge"), ("instance", "e1:80")]);
        let attach = |pairs: &[(&str, &str)]| attach(&Labels::new(pairs.iter().copied()), &target);
        assert_eq!(attach(&[]), target);
        assert_eq!(
            attach(&[("job", "own"), ("exported_job", "older"), ("time", "noon"), ("value", "v")]),
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
}
