//! Samples of many tables: each series is looked up, and nothing else is done for those that are known.

use std::collections::BTreeMap;

use weir_model::observation::{Samples, Series, TableName, VALUE};

use super::{Prepared, Preparer, Rejections, reason};
use crate::{
    catalog::{Catalog, SeriesId, TableId},
    fields::FieldType,
    time_range::TimeRange,
    wal::record::{Group, Values},
    write::RejectKind,
};

/// Where the samples of a series go.
#[derive(Clone, Debug)]
enum Place {
    /// Among the single values.
    Value(SeriesId),
    /// Among the rows of its table, which has other fields too.
    Wide(SeriesId, TableId, u32),
    /// Nowhere.
    Refused((RejectKind, String)),
    /// No sample of it is kept: it is not defined for nothing.
    Unused,
}

/// Resolves samples, defining what is new.
pub(super) fn prepare(preparer: &Preparer<'_>, samples: Samples, catalog: &mut Catalog, into: &mut Prepared) {
    let mut rejected: BTreeMap<TableName, Rejections> = BTreeMap::new();
    let is_timely = samples.time.iter().all(|time| preparer.times.contains(*time));
    // Looked up for each series where times are not those that any table's may have.
    let times: Vec<TimeRange> = match is_timely {
        true => Vec::new(),
        false => samples.series.iter().map(|series| preparer.times_of(series.table())).collect(),
    };
    let untimely = |index: u32, time: i64| times.get(index as usize).and_then(|times| preparer.untimely(time, *times));
    let mut used = vec![is_timely; samples.series.len()];
    if !is_timely {
        for (index, time) in samples.index.iter().zip(&samples.time) {
            used[*index as usize] |= times[*index as usize].contains(*time);
        }
    }
    let places = samples.series.iter().zip(used);
    let places: Vec<Place> =
        places.map(|(series, used)| if used { place(preparer, series, catalog) } else { Place::Unused }).collect();
    let plain = |place: &Place| match place {
        Place::Value(id) if is_timely => Some(*id),
        _ => None,
    };
    if let Some(ids) = places.iter().map(plain).collect::<Option<Vec<_>>>() {
        into.values.append(&mut values(samples, &ids));
        return;
    }
    let mut wide: BTreeMap<(TableId, u32), Values> = BTreeMap::new();
    for ((index, time), value) in samples.index.iter().zip(samples.time).zip(samples.value) {
        let place = match untimely(*index, time) {
            Some(reason) => Place::Refused(reason),
            None => places[*index as usize].clone(),
        };
        let (id, values) = match place {
            Place::Value(id) => (id, &mut into.values),
            Place::Wide(id, table, field) => (id, wide.entry((table, field)).or_default()),
            Place::Refused(reason) => {
                let table = samples.series[*index as usize].table();
                rejected.entry(table.clone()).or_insert_with(|| Rejections::of(table)).add(reason, 1);
                continue;
            }
            Place::Unused => unreachable!("a timely sample's series is placed"),
        };
        values.series.push(id.0);
        values.time.push(time);
        values.value.push(value);
    }
    into.groups.extend(wide.into_iter().map(|((table, field), values)| Group::of_values(table, field, values)));
    into.rejected.extend(rejected.into_values().flat_map(Rejections::into_rejected));
}

/// Per series of the samples its id, when all are known and are single values.
pub(super) fn known(samples: &Samples, catalog: &Catalog) -> Option<Vec<SeriesId>> {
    let known = |series| catalog.find_series(series).filter(|(_, table)| catalog.table(*table).has_samples_only());
    samples.series.iter().map(|series| known(series).map(|(id, _)| id)).collect()
}

/// Samples of series with these ids.
pub(super) fn values(samples: Samples, ids: &[SeriesId]) -> Values {
    let series = samples.index.iter().map(|index| ids[*index as usize].0).collect();
    Values { series, time: samples.time, value: samples.value }
}

fn place(preparer: &Preparer<'_>, series: &Series, catalog: &mut Catalog) -> Place {
    if let Some((id, table)) = catalog.find_series(series)
        && catalog.table(table).has_samples_only()
    {
        return Place::Value(id);
    }
    define(preparer, series, catalog).unwrap_or_else(Place::Refused)
}

fn define(preparer: &Preparer<'_>, series: &Series, catalog: &mut Catalog) -> Result<Place, (RejectKind, String)> {
    let limits = preparer.limits;
    let table = catalog.define_table(series.table(), limits).map_err(reason)?;
    let field = catalog.define_field(table, &VALUE.into(), FieldType::F64, limits).map_err(reason)?;
    let id = match catalog.find_series(series) {
        Some((id, _)) => id,
        None => preparer.define(table, series, catalog)?,
    };
    Ok(if catalog.table(table).has_samples_only() {
        Place::Value(id)
    } else {
        catalog.set_wide(table);
        Place::Wide(id, table, field)
    })
}
