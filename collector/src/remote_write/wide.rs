//! Labels of rows with several fields: no label may be called as a field is.

use weir_model::observation::{Column, Labels, Series};

/// The label that names the metric in tables that hold rows of many.
pub(super) const METRIC: &str = "metric";

/// The labels of `series`, and the metric's name as [`METRIC`] when asked for. Those that are called
/// like one of `fields`, or like that, become `label_...`, as `time` and `value` always do.
pub(super) fn labels(series: &Series, fields: &[&str], metric: Option<&str>) -> Labels {
    let of_series = series.labels();
    let is_taken = |name: &str| fields.contains(&name) || metric.is_some() && name == METRIC;
    if metric.is_none() && !of_series.iter().any(|(name, _)| is_taken(name)) {
        return of_series.clone();
    }
    let renamed = of_series.iter().map(|(name, value)| {
        let mut free = name.to_string();
        while is_taken(&free) || free != **name && !of_series.get(&free).is_empty() {
            free.insert_str(0, "label_");
        }
        (free, value.to_string())
    });
    Labels::new(renamed.chain(metric.map(|metric| (METRIC.to_owned(), metric.to_owned()))))
}

/// Bytes that [`labels`] take at most: pointers, counts, and the text.
pub(super) fn bytes(series: &Series) -> usize {
    let text: usize = series.labels().iter().map(|(name, value)| name.len() + value.len()).sum();
    64 * (series.labels().len() + 2) + text + series.table().name.len()
}

/// Whether any row has a value.
pub(super) fn has_values(column: &Column) -> bool {
    match column {
        Column::F64(values) => values.iter().any(Option::is_some),
        Column::I64(values) => values.iter().any(Option::is_some),
        Column::Bool(values) => values.iter().any(Option::is_some),
        Column::Text(values) => values.iter().any(Option::is_some),
        Column::Amount(values) => values.iter().any(Option::is_some),
    }
}
