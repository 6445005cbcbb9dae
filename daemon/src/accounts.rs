//! The month's ledgers, kept from usage as it is measured: replayed from `cost.usage_5min` at start and after a reload
//! (a changed price is a changed month), and shown as `cost.month_to_date`; months that end are `cost.bills`.

use std::time::Duration;

use arrow::{
    array::{Array, AsArray, StringArray},
    compute::cast,
    datatypes::{DataType, Int64Type, TimestampNanosecondType},
    error::ArrowError,
    record_batch::RecordBatch,
};
use futures::StreamExt;
use tokio::sync::watch;
use weir_analyzer::{QueryLimits, SqlError};
use weir_billing::{
    bill::Bill,
    month::Month,
    usage::{METERS_MAX, Meter, SLOT_SECONDS, Slot},
};
use weir_collector::clock;
use weir_model::{
    contract::Contract,
    estate::Estate,
    observation::{Column, Rows},
    time::UnixNanos,
};

use crate::{
    api::Extra,
    ledgers::{self, Ledgers},
    records::Records,
    store::Store,
};

/// What usage must be kept at least: the longest month in the making, and the longest month before it,
/// which is billed by a daemon that was away when it ended. 31 + 31 days.
pub(crate) const KEPT_MIN: Duration = Duration::from_secs(62 * 86_400);

/// What reading a month of a contract may take. Rows: 32 days (31, and an hour of a clock set back) of 288
/// slots of each meter, were all of them replaced within the month: 32 x 288 x 2 x 1,024 are 18,874,368. They
/// are read as a stream, of which a few batches are held. Time: at 100,000 rows/s that is 189 s.
const REPLAY: QueryLimits = QueryLimits { timeout: Duration::from_secs(600), rows: 32 * 288 * 2 * METERS_MAX };

/// How long after its end a month stays open for its last slot, unless one of the next month comes: as
/// long as the slot, and as the counter is polled after it.
const LATE_MAX: Duration = Duration::from_secs(2 * SLOT_SECONDS.unsigned_abs());

/// Usage into ledgers, and ledgers into rows.
#[derive(Debug)]
pub(crate) struct Accounts {
    ledgers: Ledgers,
    /// Bills of months that ended and are not recorded yet.
    closed: Vec<Bill>,
    records: Records,
    shown: watch::Sender<Extra>,
}

/// A slot of usage, as the table has it.
#[derive(Debug, PartialEq)]
struct Usage {
    contract: String,
    meter: String,
    slot: Slot,
}

impl Accounts {
    /// The accounts of `estate`, from what the store knows of months without a bill. Records and shows
    /// nothing before [`Self::publish`].
    pub(crate) async fn open(
        estate: &Estate,
        store: &Store,
        records: Records,
        shown: watch::Sender<Extra>,
    ) -> anyhow::Result<Self> {
        let now = clock::wall();
        let mut months = Vec::new();
        for contract in &estate.contracts {
            months.push(open_months(contract, store, now).await?);
        }
        let begin = months.iter().map(|months| months[0].start());
        let ledgers = Ledgers::open_at(estate, &begin.collect::<Vec<_>>())?;
        let mut accounts = Self { ledgers, closed: Vec::new(), records, shown };
        for (contract, months) in estate.contracts.iter().zip(&months) {
            for month in months {
                accounts.replay(contract, month, store).await?;
            }
        }
        accounts.close_months(now);
        Ok(accounts)
    }

    /// Closes the months that ended, also of contracts that nothing is measured of, and tells when there were any.
    pub(crate) fn settle(&mut self, now: UnixNanos) {
        self.close_months(now);
        if !self.closed.is_empty() {
            self.publish();
        }
    }

    fn close_months(&mut self, now: UnixNanos) {
        for closed in self.ledgers.advance(UnixNanos(now.0 - LATE_MAX.as_nanos() as i64)) {
            match closed {
                Ok(bills) => self.closed.extend(bills),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a month was not billed"),
            }
        }
    }

    /// Records the bills of months that ended meanwhile, and what contracts stand at.
    pub(crate) fn publish(&mut self) {
        self.records.push(ledgers::bill_rows(&std::mem::take(&mut self.closed)));
        let standings = self.ledgers.standings();
        self.records.push(ledgers::rows(&standings, clock::wall()));
        self.shown.send_modify(|extra| extra.standings = standings);
    }

    async fn replay(&mut self, contract: &Contract, month: &Month, store: &Store) -> anyhow::Result<()> {
        let query = of_month("usage_5min", contract.id.as_str(), month);
        let Some(mut batches) = unless_no_table(store.stream(&query, REPLAY).await)? else { return Ok(()) };
        while let Some(batch) = batches.next().await {
            self.record(&of_batch(&batch?)?);
        }
        Ok(())
    }

    /// Takes rows of `cost.usage_5min`; whether they were any.
    pub(crate) fn take(&mut self, rows: &Rows) -> bool {
        if (&*rows.table.schema, &*rows.table.name) != ("cost", "usage_5min") {
            return false;
        }
        self.record(&of_rows(rows));
        self.publish();
        true
    }

    fn record(&mut self, usage: &[Usage]) {
        for usage in usage {
            let recorded = self.ledgers.record(&usage.contract, &Meter::from(usage.meter.as_str()), usage.slot);
            match recorded {
                Ok(closed) => self.closed.extend(closed),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, usage.contract, usage.meter, "usage was not billed");
                }
            }
        }
    }
}

/// The months of `contract` that its ledger has to know, in order: the current one, and before it the
/// last one where it was in force or measured and no bill of it was written. Of earlier ones usage need not
/// be kept.
async fn open_months(contract: &Contract, store: &Store, now: UnixNanos) -> anyhow::Result<Vec<Month>> {
    let current = Month::containing(&contract.time_zone, now)?;
    let last = current.zone().month_of(UnixNanos(current.start().0 - 1))?;
    let bill = format!(
        "SELECT 1 FROM cost.bills WHERE contract = {} AND time = to_timestamp_nanos({}) LIMIT 1",
        quoted(contract.id.as_str()),
        last.end().0
    );
    let in_last = |table| of_month(table, contract.id.as_str(), &last) + " LIMIT 1";
    let is_owed = !has_rows(store, &bill).await?
        && (has_rows(store, &in_last("usage_5min")).await? || has_rows(store, &in_last("month_to_date")).await?);
    Ok(if is_owed { vec![last, current] } else { vec![current] })
}

/// Whether a query gives rows; none where its table does not exist.
async fn has_rows(store: &Store, query: &str) -> Result<bool, SqlError> {
    Ok(unless_no_table(store.count_rows(query).await)?.is_some_and(|rows| rows > 0))
}

/// A table exists from its first row on.
fn unless_no_table<T>(answer: Result<T, SqlError>) -> Result<Option<T>, SqlError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(SqlError::UnknownTable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows of a contract in `month`, in a table of `cost`.
fn of_month(table: &str, contract: &str, month: &Month) -> String {
    format!(
        "SELECT * FROM cost.{table} WHERE contract = {} AND time >= to_timestamp_nanos({}) \
         AND time < to_timestamp_nanos({})",
        quoted(contract),
        month.start().0,
        month.end().0
    )
}

/// A text in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A slot of which one way is not measured is not billed: coverage says so.
fn of_rows(rows: &Rows) -> Vec<Usage> {
    let column = |name: &str| {
        rows.fields.iter().find_map(|(field, column)| match column {
            Column::I64(values) if &**field == name => Some(values),
            _ => None,
        })
    };
    let (Some(inward), Some(outward)) = (column("in_bytes"), column("out_bytes")) else { return Vec::new() };
    let bytes = inward.iter().zip(outward);
    let usage = rows.series.iter().zip(&rows.time).zip(bytes).filter_map(|((series, time), (inward, outward))| {
        let labels = &rows.labels[*series as usize];
        let meter = [labels.get("link"), labels.get("site")].concat();
        let slot = Slot { start: UnixNanos(*time), in_bytes: whole((*inward)?), out_bytes: whole((*outward)?) };
        Some(Usage { contract: labels.get("contract").to_owned(), meter, slot })
    });
    usage.collect()
}

/// As [`of_rows`], from what [`usage_of`] answers. A label that no series has is no column.
fn of_batch(batch: &RecordBatch) -> Result<Vec<Usage>, ArrowError> {
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("no {name}")));
    let label = |name| batch.column_by_name(name).map(|column| cast(column, &DataType::Utf8)).transpose();
    let whole_numbers = |name| cast(column(name)?, &DataType::Int64);
    let labels = [label("contract")?, label("link")?, label("site")?];
    let [contract, link, site] = labels.each_ref().map(|label| label.as_ref().map(|label| label.as_string::<i32>()));
    let text = |label: Option<&StringArray>, row| label.map_or("", |label| label.value(row)).to_owned();
    let (inward, outward) = (whole_numbers("in_bytes")?, whole_numbers("out_bytes")?);
    let time = column("time")?.as_primitive::<TimestampNanosecondType>();
    let (inward, outward) = (inward.as_primitive::<Int64Type>(), outward.as_primitive::<Int64Type>());
    let measured = (0..batch.num_rows()).filter(|row| inward.is_valid(*row) && outward.is_valid(*row));
    let usage = measured.map(|row| Usage {
        contract: text(contract, row),
        meter: text(link, row) + &text(site, row),
        slot: Slot {
            start: UnixNanos(time.value(row)),
            in_bytes: whole(inward.value(row)),
            out_bytes: whole(outward.value(row)),
        },
    });
    Ok(usage.collect())
}

fn whole(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}
