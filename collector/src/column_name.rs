//! The two label names that a table's own columns have taken (DESIGN.md, SQL surface).

/// The column of a label: its name, but for `time` and `value`, which every table has already.
pub(crate) fn of_label(name: &str) -> &str {
    match name {
        "time" => "label_time",
        "value" => "label_value",
        other => other,
    }
}
