//! From predicates on labels to a set of series.

use std::{collections::HashMap, sync::Arc};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray};
use datafusion::{
    catalog::Session,
    common::DFSchema,
    error::{DataFusionError, Result},
    logical_expr::Expr,
};
use roaring::{MultiOps, RoaringBitmap};

use super::{
    logical::{Column, Logical},
    predicate::schema_of,
};
use crate::catalog::{Catalog, SeriesId, table::Table};

/// The series of `table` that satisfy `expr`, which reads the label columns `names` only.
///
/// One label is asked per distinct value, several per series.
pub(crate) fn satisfying(
    session: &dyn Session,
    (catalog, table): (&Catalog, &Table),
    logical: &Logical,
    expr: &Expr,
    names: &[String],
) -> Result<RoaringBitmap> {
    let labels = names.iter().map(|name| match logical.column(name) {
        Some(Column::Label(label)) => Ok(&**label),
        _ => Err(DataFusionError::Internal(format!("'{name}' is not a label"))),
    });
    let labels: Vec<&str> = labels.collect::<Result<_>>()?;
    let schema = schema_of(logical, names);
    let evaluate = |columns: Vec<ArrayRef>| -> Result<BooleanArray> {
        let physical = session.create_physical_expr(expr.clone(), &DFSchema::try_from(Arc::clone(&schema))?)?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        Ok(physical.evaluate(&batch)?.into_array(batch.num_rows())?.as_boolean().clone())
    };
    if let [label] = labels[..] {
        let (values, series) = postings(table, label);
        let keep = evaluate(vec![dictionary((0..values.len() as i32).collect(), &values)?])?;
        return Ok(series.iter().enumerate().filter(|(at, _)| is_true(&keep, *at)).map(|(_, series)| series).union());
    }
    let ids: Vec<u32> = table.all().iter().collect();
    let columns =
        labels.iter().map(|label| LabelColumn::new((catalog, table), label, &ids).of_all()).collect::<Result<_>>()?;
    let keep = evaluate(columns)?;
    Ok(ids.iter().enumerate().filter(|(at, _)| is_true(&keep, *at)).map(|(_, id)| *id).collect())
}

fn is_true(values: &BooleanArray, at: usize) -> bool {
    values.is_valid(at) && values.value(at)
}

/// Every value of a label with its series; of series without it the value is `''`.
fn postings<'a>(table: &'a Table, label: &str) -> (Vec<&'a str>, Vec<RoaringBitmap>) {
    let known = table.values(label).into_iter().flatten();
    let (mut values, mut series): (Vec<&str>, Vec<RoaringBitmap>) =
        known.map(|(value, series)| (&**value, series.clone())).unzip();
    let without = table.all() - series.iter().union();
    if !without.is_empty() {
        values.push("");
        series.push(without);
    }
    (values, series)
}

fn dictionary(keys: Vec<i32>, values: &[&str]) -> Result<ArrayRef> {
    let values = Arc::new(StringArray::from_iter_values(values));
    Ok(Arc::new(DictionaryArray::try_new(Int32Array::from(keys), values)?))
}

/// The values of one label for a sorted list of series.
#[derive(Debug)]
pub(crate) struct LabelColumn {
    values: ArrayRef,
    /// Per series of the list: which value.
    pub(crate) keys: Vec<i32>,
}

/// Of a label's series, at least one in so many is wanted where it is cheaper to go through all its values.
const MOST: usize = 4;

impl LabelColumn {
    /// The values of `label` for the series `ids` of a table.
    pub(crate) fn new((catalog, table): (&Catalog, &Table), label: &str, ids: &[u32]) -> Self {
        match ids {
            [first, .., last] if (last - first) as usize / MOST < ids.len() => Self::by_value(table, label, ids),
            _ => Self::by_series(catalog, label, ids),
        }
    }

    /// Asks each series.
    fn by_series(catalog: &Catalog, label: &str, ids: &[u32]) -> Self {
        let mut known: HashMap<&str, i32> = HashMap::new();
        let (mut values, mut keys) = (Vec::new(), Vec::with_capacity(ids.len()));
        for id in ids {
            let value = catalog.labels(SeriesId(*id)).map_or("", |labels| labels.get(label));
            keys.push(*known.entry(value).or_insert_with(|| {
                values.push(value);
                values.len() as i32 - 1
            }));
        }
        Self { values: Arc::new(StringArray::from(values)), keys }
    }

    /// Asks the index which series each value has: where nearly all are wanted, a fraction of the time.
    fn by_value(table: &Table, label: &str, ids: &[u32]) -> Self {
        const NONE: u32 = u32::MAX;
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return Self { values: Arc::new(StringArray::from(Vec::<&str>::new())), keys: Vec::new() };
        };
        let mut places = vec![NONE; (last - first) as usize + 1];
        ids.iter().zip(0..).for_each(|(id, place)| places[(id - first) as usize] = place);
        let (mut values, mut keys): (Vec<&str>, _) = (Vec::new(), vec![-1; ids.len()]);
        for (value, series) in table.values(label).into_iter().flatten() {
            let mut is_used = false;
            for id in series.range(first..=last) {
                let place = places[(id - first) as usize];
                if place != NONE {
                    keys[place as usize] = values.len() as i32;
                    is_used = true;
                }
            }
            if is_used {
                values.push(value);
            }
        }
        let absent = values.len() as i32;
        if keys.contains(&-1) {
            values.push("");
            keys.iter_mut().filter(|key| **key == -1).for_each(|key| *key = absent);
        }
        Self { values: Arc::new(StringArray::from(values)), keys }
    }

    /// How many values there are; each is one of some series.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// A column with these keys.
    pub(crate) fn array(&self, keys: Vec<i32>) -> Result<ArrayRef> {
        Ok(Arc::new(DictionaryArray::try_new(Int32Array::from(keys), Arc::clone(&self.values))?))
    }

    fn of_all(&self) -> Result<ArrayRef> {
        self.array(self.keys.clone())
    }
}
