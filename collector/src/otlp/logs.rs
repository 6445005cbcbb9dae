//! From `ExportLogsServiceRequest` to rows of `metrics.logs`.
//!
//! Labels are what few values are of: attributes of resource and scope, and `severity_text`. What
//! differs from record to record is in fields: `body`, `severity_number`, `trace_id`, `span_id`,
//! `attributes` (JSON) and `event_name`.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use prost::Message;
use weir_model::{
    observation::{Column, Labels, Rows, TableName},
    time::UnixNanos,
};

use super::{
    DecodeError, Limits, Problem, Unread, fields,
    gathered::{Decoded, Gathered},
    labels::Precedence,
    limits::TEXT_BYTES_MAX,
    wire::{
        attributes::{AnyValue, Attributes, InstrumentationScope, Resource, json_text},
        logs::LogRecord,
        metrics::{HEAD, ITEMS, REQUEST_ITEMS},
    },
};

/// The table.
const LOGS: &str = "logs";

/// The label with the severity's name.
const SEVERITY: &str = "severity_text";

/// Decodes a request. Times are as sent: records of a series may share one.
///
/// # Errors
/// When the message is malformed or over a limit; nothing of it is to be written then.
pub(super) fn decode(message: &Bytes, now: UnixNanos, limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut gathered = Gathered::new(now, *limits);
    let (table, mut records) = (LOGS.into(), Records::default());
    for resource_logs in fields::of(message, REQUEST_ITEMS) {
        let resource_logs = resource_logs?;
        let resource = fields::only::<Resource>(&resource_logs, HEAD, limits.part_bytes)?;
        let resource = resource.and_then(Precedence::of_resource);
        for scope_logs in fields::of(&resource_logs, ITEMS) {
            let scope_logs = scope_logs?;
            let scope = fields::only::<InstrumentationScope>(&scope_logs, HEAD, limits.part_bytes)?;
            let outer = resource.clone().and_then(|resource| resource.and_scope(scope?));
            let mut by_severity = HashMap::new();
            for record in fields::of(&scope_logs, ITEMS) {
                let record = record?;
                gathered.count_item()?;
                match records.read(&mut gathered, &outer, &mut by_severity, record) {
                    Ok(()) => {}
                    Err(Unread::Item(problem)) => gathered.reject(&table, problem),
                    Err(Unread::Request(error)) => return Err(error),
                }
            }
        }
    }
    gathered.rows.extend(records.into_rows(table));
    Ok(gathered.finish())
}

/// The records so far, column by column.
#[derive(Debug, Default)]
struct Records {
    labels: Vec<Labels>,
    series: Vec<u32>,
    time: Vec<i64>,
    body: Texts,
    severity_number: Vec<Option<i64>>,
    trace_id: Texts,
    span_id: Texts,
    attributes: Texts,
    event_name: Texts,
}

type Texts = Vec<Option<Arc<str>>>;

impl Records {
    fn read(
        &mut self,
        gathered: &mut Gathered,
        outer: &Result<Precedence, Problem>,
        by_severity: &mut HashMap<String, u32>,
        record: Bytes,
    ) -> Result<(), Unread> {
        gathered.check_size(&record)?;
        let record = LogRecord::decode(record)?;
        let outer = outer.as_ref().map_err(Clone::clone)?;
        let time = time_of(gathered, &record)?;
        let body = record.body.map(AnyValue::into_text).unwrap_or_default();
        let attributes = match record.attributes.is_empty() {
            true => String::new(),
            false => json_text(&Attributes(&record.attributes)),
        };
        if body.len().max(attributes.len()).max(record.event_name.len()) > TEXT_BYTES_MAX {
            return Err(Problem::TextTooLong.into());
        }
        let severity = severity_name(record.severity_text, record.severity_number);
        let series = match by_severity.get(&severity) {
            Some(series) => *series,
            None => {
                let mut labels = outer.clone();
                labels.push(SEVERITY, &severity)?;
                let labels = labels.labels()?;
                gathered.count_samples(1, labels.len())?;
                self.labels.push(labels);
                let series = self.labels.len() as u32 - 1;
                by_severity.insert(severity, series);
                series
            }
        };
        self.series.push(series);
        self.time.push(time);
        self.body.push(text(body));
        self.severity_number.push((record.severity_number != 0).then(|| record.severity_number.into()));
        self.trace_id.push(text(in_hex(&record.trace_id)));
        self.span_id.push(text(in_hex(&record.span_id)));
        self.attributes.push(text(attributes));
        self.event_name.push(text(record.event_name));
        Ok(())
    }

    fn into_rows(self, table: Arc<str>) -> Option<Rows> {
        let fields = [
            ("body", Column::Text(self.body)),
            ("severity_number", Column::I64(self.severity_number)),
            ("trace_id", Column::Text(self.trace_id)),
            ("span_id", Column::Text(self.span_id)),
            ("attributes", Column::Text(self.attributes)),
            ("event_name", Column::Text(self.event_name)),
        ];
        let fields = fields.into_iter().map(|(name, column)| (name.into(), column)).collect();
        let (labels, series, time) = (self.labels, self.series, self.time);
        (!time.is_empty()).then(|| Rows { table: TableName::metric(table), labels, series, time, fields })
    }
}

/// When it happened, or was seen to happen, or came.
fn time_of(gathered: &Gathered, record: &LogRecord) -> Result<i64, Problem> {
    match (record.time_unix_nano, record.observed_time_unix_nano) {
        (0, 0) => Ok(gathered.now.0),
        (0, time) | (time, _) => gathered.time(time),
    }
}

/// The severity as its source calls it; where that is not told, the number's name.
fn severity_name(text: String, number: i32) -> String {
    const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    if !text.is_empty() {
        return text;
    }
    let Some(from_zero) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else { return text };
    match (NAMES.get(from_zero / 4), from_zero % 4) {
        (None, _) => text,
        (Some(name), 0) => (*name).to_owned(),
        (Some(name), more) => format!("{name}{}", more + 1),
    }
}

fn text(text: String) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
