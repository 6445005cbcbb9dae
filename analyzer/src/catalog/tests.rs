use super::*;

fn labels(pairs: &[(&'static str, &str)]) -> Labels {
    Labels::new(pairs.iter().map(|(name, value)| (*name, value.to_string())))
}

/// As a writer does.
fn define(catalog: &mut Catalog, table: TableId, labels: &Labels, limits: &Limits) -> Result<SeriesId, Refused> {
    let name = catalog.table(table).name.clone();
    match catalog.find_labels(&name, labels) {
        Some((id, _)) => Ok(id),
        None => catalog.define_series(table, &Series::new(name, labels.clone()), limits),
    }
}

fn small() -> Limits {
    Limits { series_per_table: 3, series: 5, values_per_label: 2, labels_per_series: 2, tables: 2, ..Limits::default() }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
    match result.unwrap_err() {
        Refused::Cardinality(reason) | Refused::FieldType(reason) => reason,
    }
}

#[test]
fn series_of_a_table_lie_together() {
    let (mut catalog, limits) = (Catalog::default(), Limits::default());
    let a = catalog.define_table(&TableName::metric("a"), &limits).unwrap();
    let b = catalog.define_table(&TableName::metric("b"), &limits).unwrap();
    let mut ids = Vec::new();
    for node in 0..40 {
        let labels = labels(&[("node", &node.to_string())]);
        ids.push((
            define(&mut catalog, a, &labels, &limits).unwrap().0,
            define(&mut catalog, b, &labels, &limits).unwrap().0,
        ));
    }
    assert_eq!(ids[..2], [(0, 16), (1, 17)]);
    assert_eq!(ids[16], (32, 48), "second blocks");
    assert_eq!(ids[32], (64, 96), "a block as large as the table");
}

#[test]
fn the_label_bomb_is_named() {
    let (mut catalog, limits) = (Catalog::default(), small());
    let table = catalog.define_table(&TableName::metric("a"), &limits).unwrap();
    for request in ["1", "2"] {
        define(&mut catalog, table, &labels(&[("request", request)]), &limits).unwrap();
    }
    let third = labels(&[("request", "3")]);
    let reason = refusal(define(&mut catalog, table, &third, &limits));
    assert_eq!(reason, "label 'request' has 2 values in this table, the limit");
    define(&mut catalog, table, &labels(&[("request", "1"), ("x", "y")]), &limits).unwrap();
    let reason = refusal(define(&mut catalog, table, &third, &limits));
    assert_eq!(reason, "the table has 3 series, its limit; label 'request' has most values, 2");
    let known = define(&mut catalog, table, &labels(&[("request", "2")]), &limits).unwrap();
    assert_eq!(known.0, 1, "known series stay writable");
    assert_eq!(catalog.journal.end(), 4, "nothing of a refused series is kept");
}

#[test]
fn names_of_labels_are_limited_as_their_values_are() {
    let limits = Limits { labels_per_table: 3, ..Limits::default() };
    let mut catalog = Catalog::default();
    let table = catalog.define_table(&TableName::metric("a"), &limits).unwrap();
    define(&mut catalog, table, &labels(&[("node", "x"), ("rack", "1")]), &limits).unwrap();
    define(&mut catalog, table, &labels(&[("node", "x"), ("zone", "1")]), &limits).unwrap();
    let reason = refusal(define(&mut catalog, table, &labels(&[("node", "x"), ("req_1", "1")]), &limits));
    assert_eq!(reason, "the table has 3 label names, the limit is 3: 'req_1' is one too many");
    define(&mut catalog, table, &labels(&[("node", "y"), ("rack", "1")]), &limits).unwrap();
}

#[test]
fn types_of_fields_stay() {
    let (mut catalog, limits) = (Catalog::default(), small());
    let table = catalog.define_table(&TableName::metric("a"), &limits).unwrap();
    assert_eq!(catalog.define_field(table, &"x".into(), FieldType::F64, &limits), Ok(0));
    let reason = refusal(catalog.define_field(table, &"x".into(), FieldType::Text, &limits));
    assert_eq!(reason, "field 'x' is float in this table, not text");
}

#[test]
fn definitions_restore_the_catalog_once() {
    let (mut catalog, limits) = (Catalog::default(), Limits::default());
    let table = catalog.define_table(&TableName::metric("a"), &limits).unwrap();
    catalog.define_field(table, &"value".into(), FieldType::F64, &limits).unwrap();
    let id = define(&mut catalog, table, &labels(&[("node", "x")]), &limits).unwrap();
    let definitions = catalog.journal.unlogged().to_vec();

    let mut restored = Catalog::default();
    for expected in [true, false] {
        for definition in &definitions {
            assert_eq!(restored.restore(definition), Ok(expected));
        }
    }
    assert_eq!(restored.find_labels(&TableName::metric("a"), &labels(&[("node", "x")])), Some((id, table)));
    let next = define(&mut restored, table, &labels(&[("node", "y")]), &limits).unwrap();
    assert_ne!(next, id);
    let clash = Definition::Series { id, table, labels: labels(&[("node", "z")]) };
    assert!(restored.restore(&clash).is_err());
}
