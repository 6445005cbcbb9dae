//! From lines to a batch: each line's series and list of fields are looked up, its values pushed.

use std::{collections::HashMap, sync::Arc};

use weir_model::observation::{Batch, Column, Samples, Series, TableName};

use super::{
    DecodeError, Limits,
    decode::Refused,
    fields::{Fields, Value, unescape_text},
    layout::{Layout, Layouts, Place},
    names,
};
use crate::series_cache::{Dialect, SeriesCache};

/// A series of this request.
#[derive(Debug)]
struct Known {
    series: Series,
    table: u32,
    /// Of its latest line.
    layout: Option<u32>,
    /// Where its latest line went, and its index there.
    latest: Option<(Place, u32)>,
}

/// A measurement of this request.
#[derive(Debug)]
struct Measurement {
    table: TableName,
    /// Of its latest line: most series of a measurement have the same fields.
    layout: Option<u32>,
}

/// What was read so far.
#[derive(Debug)]
pub(super) struct Gather<'a> {
    cache: &'a SeriesCache,
    limits: &'a Limits,
    series: Vec<Known>,
    by_key: HashMap<u128, u32>,
    tables: Vec<Measurement>,
    by_name: HashMap<Arc<str>, u32>,
    layouts: Layouts,
    samples: Samples,
    /// Indexes of series in places where their latest line did not go.
    elsewhere: HashMap<(u32, Place), u32>,
    new_tags: usize,
    values: usize,
}

impl<'a> Gather<'a> {
    pub(super) fn new(cache: &'a SeriesCache, limits: &'a Limits) -> Self {
        Self {
            cache,
            limits,
            series: Vec::new(),
            by_key: HashMap::new(),
            tables: Vec::new(),
            by_name: HashMap::new(),
            layouts: Layouts::default(),
            samples: Samples::default(),
            elsewhere: HashMap::new(),
            new_tags: 0,
            values: 0,
        }
    }

    /// The number of the series that measurement and tags name, as sent.
    pub(super) fn series(&mut self, key: &[u8]) -> Result<u32, Refused> {
        let hash = self.cache.key_of(Dialect::LineProtocol, key);
        if let Some(known) = self.by_key.get(&hash) {
            return Ok(*known);
        }
        if self.series.len() == self.limits.series {
            return Err(DecodeError::TooMany { what: "series", limit: self.limits.series }.into());
        }
        let mut new_tags = 0;
        let series = self.cache.get_or_insert_with(hash, || {
            let series = names::series(key, self.cache, self.limits)?;
            new_tags = series.labels().len();
            Ok::<_, Refused>(series)
        })?;
        self.new_tags += new_tags;
        if self.new_tags > self.limits.new_tags {
            return Err(DecodeError::TooMany { what: "tags of new series", limit: self.limits.new_tags }.into());
        }
        let number = self.series.len() as u32;
        let table = self.table(series.table());
        self.series.push(Known { series, table, layout: None, latest: None });
        self.by_key.insert(hash, number);
        Ok(number)
    }

    fn table(&mut self, table: &TableName) -> u32 {
        if let Some(known) = self.by_name.get(&table.name) {
            return *known;
        }
        let number = self.tables.len() as u32;
        self.tables.push(Measurement { table: table.clone(), layout: None });
        self.by_name.insert(Arc::clone(&table.name), number);
        number
    }

    fn guess(&self, series: u32) -> Option<u32> {
        let known = &self.series[series as usize];
        known.layout.or(self.tables[known.table as usize].layout)
    }

    /// The fields that the next line of a series will have, if it is like those before.
    pub(super) fn expected(&self, series: u32) -> Option<&Layout> {
        self.guess(series).map(|layout| self.layouts.get(layout))
    }

    /// Adds a line; `as_expected` when its fields are what [`Gather::expected`] said.
    pub(super) fn push(
        &mut self,
        series: u32,
        time: i64,
        fields: &Fields<'_>,
        as_expected: bool,
    ) -> Result<(), Refused> {
        self.values += fields.values.len();
        if self.values > self.limits.values {
            return Err(DecodeError::TooMany { what: "values", limit: self.limits.values }.into());
        }
        let number = self.series[series as usize].table;
        let layout = match self.guess(series).filter(|_| as_expected) {
            Some(layout) => layout,
            None => {
                let table = &self.tables[number as usize].table;
                self.layouts.find((number, table), fields, self.cache, self.limits)?
            }
        };
        self.tables[number as usize].layout = Some(layout);
        self.series[series as usize].layout = Some(layout);
        let index = self.index(series, self.layouts.get(layout).place);
        let (layout, rows) = self.layouts.layout_and_rows(layout);
        match layout.place {
            Place::Samples => {
                if let [Value::F64(value)] = *fields.values {
                    self.samples.push(index, time, value);
                }
            }
            Place::Rows(place) => {
                let rows = &mut rows[place];
                rows.series.push(index);
                rows.time.push(time);
                for (column, value) in layout.columns.iter().zip(&fields.values) {
                    push_value(&mut rows.fields[*column as usize].1, value);
                }
            }
        }
        Ok(())
    }

    /// The index of a series where its line goes, which may be another place than its latest line's.
    fn index(&mut self, series: u32, place: Place) -> u32 {
        let known = &mut self.series[series as usize];
        if let Some((latest, index)) = known.latest {
            if latest == place {
                return index;
            }
            self.elsewhere.insert((series, latest), index);
        }
        let index = self.elsewhere.get(&(series, place)).copied().unwrap_or_else(|| match place {
            Place::Samples => self.samples.push_series(known.series.clone()),
            Place::Rows(place) => {
                let labels = &mut self.layouts.rows[place].labels;
                labels.push(known.series.labels().clone());
                labels.len() as u32 - 1
            }
        });
        known.latest = Some((place, index));
        index
    }

    pub(super) fn finish(self) -> Batch {
        Batch { samples: self.samples, rows: self.layouts.rows }
    }
}

/// Appends a value to the column of its type.
fn push_value(column: &mut Column, value: &Value<'_>) {
    match (column, *value) {
        (Column::F64(values), Value::F64(value)) => values.push(Some(value)),
        (Column::I64(values), Value::I64(value)) => values.push(Some(value)),
        (Column::Bool(values), Value::Bool(value)) => values.push(Some(value)),
        (Column::Text(values), Value::Text(text, has_escapes)) => {
            let text = if has_escapes { unescape_text(text).into() } else { Arc::from(text) };
            values.push(Some(text));
        }
        (column, value) => unreachable!("a layout's types are its columns': {value:?} into {}", column.type_name()),
    }
}
