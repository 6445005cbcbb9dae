//! A table as SQL sees it.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};

use crate::{catalog::table::Table, fields::Field};

/// What a column of a logical table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Time,
    /// A label, by its own name.
    Label(Arc<str>),
    Field(Field),
}

/// The columns of a table when a query was planned.
#[derive(Clone, Debug)]
pub(crate) struct Logical {
    pub(crate) columns: Vec<Column>,
    pub(crate) schema: SchemaRef,
}

/// The type of `time`.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The type of labels.
pub(crate) fn label_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

impl Logical {
    /// `time`, then the labels by name, then the fields in the order in which they appeared. A label
    /// that is called like something else gets the prefix `label_`, a field called `time` becomes
    /// `field_time`.
    pub(crate) fn of(table: &Table) -> Self {
        Self::new(&table.fields, table.label_names())
    }

    /// As [`Logical::of`], of a table with these fields and labels.
    pub(crate) fn new<'a>(fields: &[Field], labels: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let mut taken: BTreeSet<String> = ["time".to_owned(), "value".to_owned()].into();
        let names: Vec<String> = fields.iter().map(|field| field_name(&field.name)).collect();
        taken.extend(names.iter().cloned());
        let labels: Vec<&Arc<str>> = labels.collect();
        let plain: BTreeSet<String> = labels.iter().map(|label| label.to_string()).collect();
        let mut columns = vec![Column::Time];
        let mut arrow = vec![ArrowField::new("time", time_type(), false)];
        for label in labels {
            let mut name = label.to_string();
            while taken.contains(&name) || (name != **label && plain.contains(&name)) {
                name = format!("label_{name}");
            }
            taken.insert(name.clone());
            columns.push(Column::Label(Arc::clone(label)));
            arrow.push(ArrowField::new(name, label_type(), false));
        }
        for (field, name) in fields.iter().zip(names) {
            columns.push(Column::Field(field.clone()));
            arrow.push(ArrowField::new(name, field.kind.arrow(), true));
        }
        Self { columns, schema: Arc::new(Schema::new(arrow)) }
    }

    /// The column called `name` in SQL.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.schema.index_of(name).ok().map(|index| &self.columns[index])
    }
}

fn field_name(name: &str) -> String {
    if name == "time" { "field_time".to_owned() } else { name.to_owned() }
}
