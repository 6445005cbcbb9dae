//! Demand in a Parquet file, for the simulator: a row group at a time into its replay.

use std::{collections::BTreeMap, fs::File, path::Path};

use anyhow::{Context, anyhow, bail, ensure};
use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, Schema, TimeUnit},
    record_batch::RecordBatch,
};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use weir_model::{estate::Estate, time::UnixNanos, yaml::nearest};
use weir_sim::demand::{
    Rate,
    names::Names,
    replay::{Replay, Row},
};

/// As in a CSV of demand. `time` is a timestamp, or whole seconds since 1970.
const COLUMNS: [&str; 5] = ["time", "client_group", "domain", "bps", "rps"];

/// Reads the demand in `file` for `estate`.
///
/// # Errors
/// When it is no such file, or at the first wrong row.
pub(crate) fn read(file: &Path, estate: &Estate) -> anyhow::Result<Replay> {
    replay(file, estate).with_context(|| format!("reading the demand in {}", file.display()))
}

fn replay(file: &Path, estate: &Estate) -> anyhow::Result<Replay> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?;
    let places = places(builder.schema())?;
    let columns = ProjectionMask::roots(builder.parquet_schema(), places);
    let names = Names::of(estate);
    let mut before = 0;
    let mut wrong = None;
    let batches = builder.with_projection(columns).build()?.map(|batch| {
        let rows = Batch::of(&batch?, before)?.rows(&names)?;
        before += rows.len();
        anyhow::Ok(rows)
    });
    // The first error ends the rows, and is what is told.
    let rows = batches.map_while(|rows| rows.map_err(|error| wrong = Some(error)).ok()).flatten();
    let replay = Replay::new(estate, rows);
    wrong.map_or_else(|| Ok(replay?), Err)
}

/// Where the columns are.
fn places(schema: &Schema) -> anyhow::Result<[usize; 5]> {
    let has = || schema.fields().iter().map(|field| field.name().as_str());
    let mut places = [0; 5];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let found = has().position(|name| name == column);
        *place = found.with_context(|| {
            let others = has().filter(|name| !COLUMNS.contains(name));
            let hint = nearest(column, others).map_or_else(String::new, |near| format!(": is `{near}` meant?"));
            format!("there is no column `{column}`{hint} (demand has {})", COLUMNS.join(", "))
        })?;
    }
    Ok(places)
}

/// Some of the rows, as columns of known types.
struct Batch {
    /// Rows in the file before these.
    before: usize,
    /// How many nanoseconds a step of `time` is.
    unit: i64,
    time: Int64Array,
    group: StringArray,
    domain: StringArray,
    bps: Float64Array,
    rps: Float64Array,
}

impl Batch {
    fn of(batch: &RecordBatch, before: usize) -> anyhow::Result<Self> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("there is no column `{name}`"));
        let text =
            |name| Ok::<_, anyhow::Error>(typed(name, column(name)?, &DataType::Utf8)?.as_string::<i32>().clone());
        let rate = |name| {
            let rates = typed(name, column(name)?, &DataType::Float64)?;
            Ok::<_, anyhow::Error>(rates.as_primitive::<Float64Type>().clone())
        };
        let time = column(COLUMNS[0])?;
        let unit = match time.data_type() {
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
            DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
            kind if kind.is_integer() => 1_000_000_000,
            kind => bail!("column `time` is of {kind}: write timestamps, or whole seconds since 1970"),
        };
        let time = cast(time, &DataType::Int64)?.as_primitive::<Int64Type>().clone();
        let [_, group, domain, bps, rps] = COLUMNS;
        Ok(Self { before, unit, time, group: text(group)?, domain: text(domain)?, bps: rate(bps)?, rps: rate(rps)? })
    }

    fn rows(&self, names: &Names<'_>) -> anyhow::Result<Vec<Row>> {
        let row = |index| {
            // From 1, as people count.
            self.row(index, names)
                .map_err(|(column, wrong)| anyhow!("row {}, column `{column}`: {wrong}", self.before + index + 1))
        };
        (0..self.time.len()).map(row).collect()
    }

    fn row(&self, index: usize, names: &Names<'_>) -> Result<Row, (&'static str, String)> {
        let [time, group, domain, bps, rps] = COLUMNS;
        let at = filled(&self.time, index).map(|()| self.time.value(index).checked_mul(self.unit));
        let at = at.and_then(|at| at.ok_or_else(|| "the time is beyond the year 2262".to_owned()));
        let rate = |rates: &Float64Array| {
            filled(rates, index)?;
            let rate = rates.value(index);
            let valid = rate.is_finite() && rate >= 0.0;
            if valid { Ok(rate) } else { Err(format!("{rate} is no rate: give a number from 0")) }
        };
        Ok(Row {
            time: UnixNanos(at.map_err(|wrong| (time, wrong))?),
            group: named(&self.group, index, &names.groups, "client group").map_err(|wrong| (group, wrong))?,
            domain: named(&self.domain, index, &names.domains, "domain").map_err(|wrong| (domain, wrong))?,
            rate: Rate {
                bps: rate(&self.bps).map_err(|wrong| (bps, wrong))?,
                rps: rate(&self.rps).map_err(|wrong| (rps, wrong))?,
            },
        })
    }
}

/// `column` as `kind`, from any other kind of text or numbers.
fn typed(name: &str, column: &ArrayRef, kind: &DataType) -> anyhow::Result<ArrayRef> {
    let of = match column.data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    let fits = if kind.is_numeric() { of.is_numeric() } else { of.is_string() };
    let wanted = if kind.is_numeric() { "numbers" } else { "text" };
    ensure!(fits, "column `{name}` is of {of}: write {wanted}");
    Ok(cast(column, kind)?)
}

fn filled(column: &dyn Array, index: usize) -> Result<(), String> {
    if column.is_null(index) { Err("it is empty".to_owned()) } else { Ok(()) }
}

fn named<O: Copy>(column: &StringArray, index: usize, known: &BTreeMap<&str, O>, what: &str) -> Result<O, String> {
    filled(column, index)?;
    let name = column.value(index);
    known.get(name).copied().ok_or_else(|| {
        let hint =
            nearest(name, known.keys().copied()).map_or_else(String::new, |near| format!(": is `{near}` meant?"));
        format!("there is no {what} `{name}`{hint}")
    })
}

#[cfg(test)]
mod tests;
