//! From a client's rows to rows resolved against the catalog: what cannot be stored is left out here,
//! with the reason.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::observation::{Batch, Column, Rows, Series, TableName};

use crate::{
    catalog::{Catalog, Refused, SeriesId, TableId},
    fields::FieldType,
    settings::{Limits, Settings},
    time_range::TimeRange,
    wal::record::{Group, Values},
    write::{RejectKind, Rejected},
};

mod samples;
#[cfg(test)]
mod tests;

/// What of a batch can be stored, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) values: Values,
    pub(crate) groups: Vec<Group>,
    pub(crate) rejected: Vec<Rejected>,
    /// How many samples and rows can be stored.
    pub(crate) rows: u64,
}

/// What holds for all rows of a batch.
pub(crate) struct Preparer<'a> {
    limits: &'a Limits,
    settings: &'a Settings,
    now: i64,
    /// Times that rows of any table may have.
    times: TimeRange,
}

/// Rejected rows by reason.
struct Rejections {
    table: TableName,
    rows: BTreeMap<(RejectKind, String), u64>,
}

impl Rejections {
    fn of(table: &TableName) -> Self {
        Self { table: table.clone(), rows: BTreeMap::new() }
    }

    fn add(&mut self, (kind, reason): (RejectKind, String), rows: u64) {
        *self.rows.entry((kind, reason)).or_default() += rows;
    }

    fn into_rejected(self) -> Vec<Rejected> {
        let table = self.table;
        let rejected = |((kind, reason), rows)| Rejected { table: table.clone(), rows, kind, reason };
        self.rows.into_iter().map(rejected).collect()
    }
}

impl<'a> Preparer<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        let now = settings.clock.now();
        let nanoseconds = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let shortest = settings.table_retention.values().chain([&settings.retention]).min();
        let times = TimeRange {
            min: now.saturating_sub(nanoseconds(*shortest.unwrap_or(&settings.retention))),
            max: now.saturating_add(nanoseconds(settings.limits.future)),
        };
        Self { limits: &settings.limits, settings, now, times }
    }

    /// Times that rows of a table may have.
    fn times_of(&self, table: &TableName) -> TimeRange {
        let age = self.settings.table_retention.get(table).unwrap_or(&self.settings.retention);
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        TimeRange { min: self.now.saturating_sub(age), max: self.times.max }
    }

    /// Resolves a batch of samples in which nothing is new; any other comes back.
    pub(crate) fn prepare_known(&self, batch: Batch, catalog: &Catalog) -> Result<Prepared, Batch> {
        let places = if batch.rows.is_empty() { samples::known(&batch.samples, catalog) } else { None };
        let is_timely = || batch.samples.time.iter().all(|time| self.times.contains(*time));
        let Some(places) = places.filter(|_| is_timely()) else { return Err(batch) };
        let rows = batch.samples.time.len() as u64;
        Ok(Prepared { values: samples::values(batch.samples, &places), rows, ..Prepared::default() })
    }

    /// Resolves a batch, defining what is new. Its shape was checked before.
    pub(crate) fn prepare(&self, batch: Batch, catalog: &mut Catalog) -> Prepared {
        let mut prepared = Prepared::default();
        samples::prepare(self, batch.samples, catalog, &mut prepared);
        for rows in batch.rows {
            self.prepare_rows(rows, catalog, &mut prepared);
        }
        let rows = prepared.values.time.len() + prepared.groups.iter().map(|group| group.time.len()).sum::<usize>();
        prepared.rows = rows as u64;
        for rejected in prepared.rejected.iter().filter(|rejected| rejected.kind == RejectKind::Cardinality) {
            catalog.note_refused(&rejected.table, rejected.rows);
        }
        prepared
    }

    fn prepare_rows(&self, rows: Rows, catalog: &mut Catalog, prepared: &mut Prepared) {
        let mut rejections = Rejections::of(&rows.table);
        let mut keep = self.timely(&rows, &mut rejections);
        self.check_text(&rows, &mut keep, &mut rejections);
        let kept = keep.iter().filter(|keep| **keep).count() as u64;
        let resolved = if kept == 0 { None } else { self.resolve(&rows, catalog, kept, &mut rejections) };
        let group = resolved.and_then(|(table, fields)| {
            let series = self.series(&rows, table, &mut keep, catalog, &mut rejections);
            select(rows, table, fields, &series, &keep)
        });
        if let Some(group) = group {
            match into_values(group, catalog) {
                Ok(mut values) => prepared.values.append(&mut values),
                Err(group) => {
                    catalog.set_wide(group.table);
                    prepared.groups.push(group);
                }
            }
        }
        prepared.rejected.extend(rejections.into_rejected());
    }

    fn timely(&self, rows: &Rows, rejections: &mut Rejections) -> Vec<bool> {
        let times = self.times_of(&rows.table);
        let keep = |time: &i64| self.untimely(*time, times).map(|reason| rejections.add(reason, 1)).is_none();
        rows.time.iter().map(keep).collect()
    }

    /// Why a time cannot be that of a row.
    fn untimely(&self, time: i64, times: TimeRange) -> Option<(RejectKind, String)> {
        if times.contains(time) {
            return None;
        }
        let reason = if time > times.max {
            format!("the time is more than {} s in the future", self.limits.future.as_secs())
        } else {
            "the time is before everything that is retained".to_owned()
        };
        Some((RejectKind::Time, reason))
    }

    fn check_text(&self, rows: &Rows, keep: &mut [bool], rejections: &mut Rejections) {
        let most = self.limits.text_bytes;
        for (name, column) in &rows.fields {
            let Column::Text(values) = column else { continue };
            for (keep, value) in keep.iter_mut().zip(values) {
                if *keep && value.as_ref().is_some_and(|text| text.len() > most) {
                    *keep = false;
                    rejections.add((RejectKind::Size, format!("field '{name}' is longer than {most} bytes")), 1);
                }
            }
        }
    }

    /// The table, and the positions of its fields that the rows have.
    fn resolve(
        &self,
        rows: &Rows,
        catalog: &mut Catalog,
        kept: u64,
        rejections: &mut Rejections,
    ) -> Option<(TableId, Vec<u32>)> {
        let resolved = catalog.define_table(&rows.table, self.limits).and_then(|table| {
            check_types(catalog, table, &rows.fields)?;
            let field = |(name, column): &(Arc<str>, Column)| {
                catalog.define_field(table, name, FieldType::of(column), self.limits)
            };
            Ok((table, rows.fields.iter().map(field).collect::<Result<Vec<_>, _>>()?))
        });
        resolved.map_err(|refused| rejections.add(reason(refused), kept)).ok()
    }

    /// Per series of the rows its id, and no row kept of one that is refused.
    fn series(
        &self,
        rows: &Rows,
        table: TableId,
        keep: &mut [bool],
        catalog: &mut Catalog,
        rejections: &mut Rejections,
    ) -> Vec<u32> {
        // Series of which no row is kept are not defined.
        let mut used = vec![false; rows.labels.len()];
        for (series, _) in rows.series.iter().zip(keep.iter()).filter(|(_, keep)| **keep) {
            used[*series as usize] = true;
        }
        let mut refused = vec![None; rows.labels.len()];
        let mut ids = vec![0; rows.labels.len()];
        for (index, labels) in rows.labels.iter().enumerate().filter(|(index, _)| used[*index]) {
            let series = match catalog.find_labels(&rows.table, labels) {
                Some((id, _)) => Ok(id),
                None => self.define(table, &Series::new(rows.table.clone(), labels.clone()), catalog),
            };
            match series {
                Ok(id) => ids[index] = id.0,
                Err(reason) => refused[index] = Some(reason),
            }
        }
        for (keep, series) in keep.iter_mut().zip(&rows.series) {
            if *keep && let Some(reason) = &refused[*series as usize] {
                *keep = false;
                rejections.add(reason.clone(), 1);
            }
        }
        ids
    }
}

impl Preparer<'_> {
    /// Defines a series.
    fn define(&self, table: TableId, series: &Series, catalog: &mut Catalog) -> Result<SeriesId, (RejectKind, String)> {
        let most = self.limits.text_bytes;
        if let Some((name, _)) = series.labels().iter().find(|(_, value)| value.len() > most) {
            return Err((RejectKind::Size, format!("label '{name}' is longer than {most} bytes")));
        }
        catalog.define_series(table, series, self.limits).map_err(reason)
    }
}

/// Rows as samples, when that is all they are.
fn into_values(group: Group, catalog: &Catalog) -> Result<Values, Group> {
    let [Column::F64(values)] = &group.columns[..] else { return Err(group) };
    if !catalog.table(group.table).has_samples_only() || values.iter().any(Option::is_none) {
        return Err(group);
    }
    let value = values.iter().flatten().copied().collect();
    Ok(Values { series: group.series, time: group.time, value })
}

/// Looks at all types before any field is defined, so that refused rows leave no fields behind.
fn check_types(catalog: &Catalog, table: TableId, fields: &[(Arc<str>, Column)]) -> Result<(), Refused> {
    let known = &catalog.table(table).fields;
    for (name, column) in fields {
        if let Some(field) = known.iter().find(|field| field.name == *name)
            && field.kind != FieldType::of(column)
        {
            let (is, was) = (column.type_name(), field.kind.name());
            return Err(Refused::FieldType(format!("field '{name}' is {was} in this table, not {is}")));
        }
    }
    Ok(())
}

fn reason(refused: Refused) -> (RejectKind, String) {
    match refused {
        Refused::Cardinality(reason) => (RejectKind::Cardinality, reason),
        Refused::FieldType(reason) => (RejectKind::FieldType, reason),
    }
}

/// The kept rows. `None` when there are none.
fn select(rows: Rows, table: TableId, fields: Vec<u32>, ids: &[u32], keep: &[bool]) -> Option<Group> {
    let series = rows.series.iter().map(|series| ids[*series as usize]).collect();
    let columns = rows.fields.into_iter().map(|(_, column)| column).collect();
    let mut group = Group { table, fields, series, time: rows.time, columns };
    if keep.iter().any(|keep| !keep) {
        retain(&mut group.series, keep);
        retain(&mut group.time, keep);
        for column in &mut group.columns {
            match column {
                Column::F64(values) => retain(values, keep),
                Column::I64(values) => retain(values, keep),
                Column::Bool(values) => retain(values, keep),
                Column::Text(values) => retain(values, keep),
                Column::Amount(values) => retain(values, keep),
            }
        }
    }
    (!group.time.is_empty()).then_some(group)
}

fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    values.retain(|_| keep.next().is_some_and(|keep| *keep));
}
