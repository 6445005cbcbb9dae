//! The month's ledgers, kept from usage as it is measured: replayed from `cost.usage_5min` at start and after a reload
//! (a changed price is a changed month), and shown as `cost.month_to_date`; months that end are `cost.bills`.

use arrow::{
    array::{Array, AsArray, StringArray},
    compute::cast,
    datatypes::{DataType, Int64Type, TimestampNanosecondType},
    error::ArrowError,
    record_batch::RecordBatch,
};
use tokio::sync::watch;
use weir_analyzer::SqlError;
use weir_billing::usage::{Meter, Slot};
use weir_collector::clock;
use weir_model::{
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

/// Nothing older belongs to the current month of any time zone: 31 days, and a day for the zones.
const MONTH_DAYS_MAX: i64 = 32;

/// Usage into ledgers, and ledgers into rows.
#[derive(Debug)]
pub(crate) struct Accounts {
    ledgers: Ledgers,
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
    /// The accounts of `estate`, from what the store knows of this month.
    pub(crate) async fn open(
        estate: &Estate,
        store: &Store,
        records: Records,
        shown: watch::Sender<Extra>,
    ) -> anyhow::Result<Self> {
        let now = clock::wall();
        let mut accounts = Self { ledgers: Ledgers::open(estate, now)?, records, shown };
        for contract in &estate.contracts {
            let query = month_of(contract.id.as_str(), now);
            match store.query(&query).await {
                Ok(batches) => {
                    for batch in &batches {
                        accounts.record(&of_batch(batch)?);
                    }
                }
                // The table exists from its first row on.
                Err(SqlError::UnknownTable { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        accounts.show();
        Ok(accounts)
    }

    /// Takes rows of `cost.usage_5min`; whether they were any.
    pub(crate) fn take(&mut self, rows: &Rows) -> bool {
        if (&*rows.table.schema, &*rows.table.name) != ("cost", "usage_5min") {
            return false;
        }
        self.record(&of_rows(rows));
        self.show();
        true
    }

    fn record(&mut self, usage: &[Usage]) {
        for usage in usage {
            let recorded = self.ledgers.record(&usage.contract, &Meter::from(usage.meter.as_str()), usage.slot);
            match recorded {
                Ok(closed) => self.records.push(ledgers::bill_rows(&closed)),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, usage.contract, usage.meter, "usage was not billed");
                }
            }
        }
    }

    fn show(&self) {
        let standings = self.ledgers.standings();
        self.records.push(ledgers::rows(&standings, clock::wall()));
        self.shown.send_modify(|extra| extra.standings = standings);
    }
}

/// The usage of a contract that can belong to its current month.
fn month_of(contract: &str, now: UnixNanos) -> String {
    let since = now.secs() - MONTH_DAYS_MAX * 86_400;
    format!(
        "SELECT * FROM cost.usage_5min WHERE contract = '{}' AND time >= to_timestamp({since}) ORDER BY time",
        contract.replace('\'', "''")
    )
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

/// As [`of_rows`], from what [`month_of`] answers. A label that no series has is no column.
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
