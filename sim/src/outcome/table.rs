//! An outcome as one long table, `table,key,metric,value`, in a fixed order and fixed formats: two
//! runs are equal when their tables are, and differ in the rows that differ.

use std::{collections::BTreeMap, fmt::Write};

use rust_decimal::Decimal;
use weir_billing::bill::Bill;
use weir_model::money::{Currency, Money};

use super::{Account, DomainResult, FaultRecord, Loss, Outcome, PairTally, SiteResult};
use crate::scenario::SLOT;

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `run`, `bill`, `total`, `domain`, `pair`, `site` or `fault`.
    pub table: String,
    /// Which row of it.
    pub key: String,
    /// Which figure, with its unit.
    pub metric: String,
    /// As text: numbers in a fixed format.
    pub value: String,
}

/// Every figure of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In a fixed order.
    pub entries: Vec<Entry>,
}

/// A figure that differs between two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// As in [`Entry`].
    pub table: String,
    /// As in [`Entry`].
    pub key: String,
    /// As in [`Entry`].
    pub metric: String,
    /// In the first; `None`: it has no such row.
    pub before: Option<String>,
    /// In the second.
    pub after: Option<String>,
    /// The second less the first, when both are numbers.
    pub change: Option<f64>,
}

/// What differs from `before` to `after`, by table, key and metric.
pub fn compare(before: &Table, after: &Table) -> Vec<Delta> {
    let mut both: BTreeMap<Key<'_>, (Option<&str>, Option<&str>)> = BTreeMap::new();
    before.entries.iter().for_each(|entry| both.entry(entry.key()).or_default().0 = Some(&entry.value));
    after.entries.iter().for_each(|entry| both.entry(entry.key()).or_default().1 = Some(&entry.value));
    let delta = |((table, key, metric), (before, after)): (Key<'_>, (Option<&str>, Option<&str>))| {
        let change = before.zip(after).and_then(|(before, after)| change(before, after));
        let (table, key, metric) = (table.to_owned(), key.to_owned(), metric.to_owned());
        let differs = before != after;
        let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
        differs.then_some(Delta { table, key, metric, before, after, change })
    };
    both.into_iter().filter_map(delta).collect()
}

/// The difference of two numbers, to as many places as they are written with: beyond is only what floats
/// cannot say.
fn change(before: &str, after: &str) -> Option<f64> {
    let places = |text: &str| text.split_once('.').map_or(0, |(_, places)| places.len());
    let change = after.parse::<f64>().ok()? - before.parse::<f64>().ok()?;
    format!("{change:.*}", places(before).max(places(after))).parse().ok()
}

/// Table, key and metric.
type Key<'a> = (&'a str, &'a str, &'a str);

impl Entry {
    fn key(&self) -> Key<'_> {
        (&self.table, &self.key, &self.metric)
    }

    /// Whether the figure is an amount of money.
    pub fn is_money(&self) -> bool {
        match &*self.table {
            "bill" => ["bill", "month_to_date", "forecast"].contains(&&*self.metric),
            "total" => true,
            _ => false,
        }
    }
}

/// A line that is not one of [`Table::to_csv`]'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no `table,key,metric,value`: {text}")]
pub struct TableError {
    /// From 1.
    pub line: usize,
    /// As it is.
    pub text: String,
}

impl Table {
    /// As CSV (RFC 4180) with a header.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("table,key,metric,value\n");
        for entry in &self.entries {
            let written =
                writeln!(csv, "{},{},{},{}", entry.table, quoted(&entry.key), entry.metric, quoted(&entry.value));
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        csv
    }

    /// Reads what [`Table::to_csv`] wrote.
    ///
    /// # Errors
    /// At the first line that it did not write.
    pub fn from_csv(csv: &str) -> Result<Self, TableError> {
        let mut entries = Vec::new();
        for (index, line) in csv.lines().enumerate().skip(1) {
            let read = cells(line).and_then(|cells| <[String; 4]>::try_from(cells).ok());
            let [table, key, metric, value] =
                read.ok_or_else(|| TableError { line: index + 1, text: line.to_owned() })?;
            entries.push(Entry { table, key, metric, value });
        }
        Ok(Self { entries })
    }
}

/// The cells of a line that [`Table::to_csv`] wrote; `None` when a quote is not closed.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
            Some(inner) => {
                let ends = inner.char_indices().filter(|(_, c)| *c == '"').map(|(at, _)| at);
                // A quote that ends a cell has an even number of quotes before it.
                let end = ends.enumerate().find(|(before, at)| before % 2 == 0 && !inner[at + 1..].starts_with('"'))?;
                (inner[..end.1].replace("\"\"", "\""), &inner[end.1 + 1..])
            }
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(cells),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

impl From<&Outcome> for Table {
    fn from(outcome: &Outcome) -> Self {
        let mut table = Self::default();
        table.run(outcome);
        outcome.accounts.iter().for_each(|account| table.account(account));
        table.totals(&outcome.accounts);
        outcome.domains.iter().for_each(|domain| table.domain(domain));
        for pair in &outcome.pairs {
            table.section("pair", format!("{}/{}", pair.group, pair.domain)).tally(&pair.tally);
        }
        outcome.sites.iter().for_each(|site| table.site(site, outcome));
        (1..).zip(&outcome.faults).for_each(|(number, fault)| table.fault(number, fault));
        table
    }
}

/// Entries of one table and key being added.
struct Section<'a> {
    entries: &'a mut Vec<Entry>,
    table: &'static str,
    key: String,
}

impl Section<'_> {
    fn text(&mut self, metric: &str, value: impl ToString) -> &mut Self {
        let (table, key) = (self.table.to_owned(), self.key.clone());
        self.entries.push(Entry { table, key, metric: metric.to_owned(), value: value.to_string() });
        self
    }

    fn number(&mut self, metric: &str, value: f64) -> &mut Self {
        self.text(metric, format!("{value:.3}"))
    }

    /// Six digits: an availability is told apart to a second of a fortnight.
    fn ratio(&mut self, metric: &str, value: f64) -> &mut Self {
        self.text(metric, format!("{value:.6}"))
    }

    fn decimal(&mut self, metric: &str, value: Decimal) -> &mut Self {
        self.text(metric, format!("{value:.6}"))
    }

    fn tally(&mut self, tally: &PairTally) -> &mut Self {
        self.number("requests_asked", tally.asked)
            .number("requests_served", tally.served)
            .number("requests_lost", tally.lost_in_all())
            .number("bits_asked", tally.bits_asked)
            .number("bits_served", tally.bits_served)
            .number("bits_lost", tally.bits_lost)
            .ratio("availability", tally.availability());
        if let Some(millis) = tally.mean_millis() {
            self.number("mean_latency_ms", millis);
        }
        self
    }
}

impl Table {
    fn section(&mut self, table: &'static str, key: impl Into<String>) -> Section<'_> {
        Section { entries: &mut self.entries, table, key: key.into() }
    }

    fn run(&mut self, outcome: &Outcome) {
        let (summary, control) = (&outcome.summary, &outcome.summary.control);
        self.section("run", summary.name.as_str())
            .text("seed", summary.seed)
            .text("starts_unix_s", summary.starts.secs())
            .text("duration_s", summary.duration.as_secs())
            .text("probes", summary.probes)
            .text("solves", control.solves)
            .text("solve_errors", control.solve_errors)
            .text("solver_iterations", control.iterations)
            .text("plans_planned", control.planned)
            .text("plans_ramp", control.ramps)
            .text("plans_failover", control.failovers)
            .text("plans_refused", control.refused)
            .text("findings", control.findings)
            .number("moved_mbps", control.moved_mbps)
            .tally(&outcome.total());
    }

    fn account(&mut self, account: &Account) {
        let Account { version, bill, forecast } = account;
        let version = if *version == 1 { String::new() } else { format!("#{version}") };
        let mut section = self.section("bill", format!("{}{version}/{}", bill.contract, bill.month));
        section.text("kind", bill.kind).text("currency", bill.total.currency);
        section.decimal(if forecast.is_some() { "month_to_date" } else { "bill" }, bill.total.amount);
        if let Some(forecast) = forecast {
            section.decimal("forecast", forecast.total.amount);
        }
        section.decimal("quantity", bill.quantity).text("unit", bill.unit);
        if let Some(coverage) = bill.coverage {
            section.text("slots_present", coverage.present).text("slots_expected", coverage.expected);
        }
    }

    /// All contracts of a currency together.
    fn totals(&mut self, accounts: &[Account]) {
        let mut sums: BTreeMap<Currency, (Decimal, Decimal)> = BTreeMap::new();
        for account in accounts {
            let Money { amount, currency } = account.bill.total;
            let forecast = |forecast: &Bill| forecast.total.amount;
            let sum = sums.entry(currency).or_default();
            sum.0 += amount;
            sum.1 += account.forecast.as_ref().map_or(amount, forecast);
        }
        for (currency, (billed, forecast)) in sums {
            let mut section = self.section("total", currency.as_str());
            section.decimal("billed_to_date", billed).decimal("with_forecast", forecast);
        }
    }

    fn domain(&mut self, domain: &DomainResult) {
        let mut section = self.section("domain", domain.domain.as_str());
        section.tally(&domain.tally);
        section.ratio("slo", domain.slo).text("slo_met", u8::from(domain.tally.availability() >= domain.slo));
        for why in Loss::ALL {
            section.number(&format!("lost_{why}"), domain.tally.lost[why as usize]);
        }
    }

    fn site(&mut self, site: &SiteResult, outcome: &Outcome) {
        let could = |secs: f64| (site.capacity_bps * secs).max(f64::MIN_POSITIVE);
        self.section("site", site.site.as_str())
            .number("bits", site.tally.bits)
            .ratio("peak_utilisation", site.tally.peak_slot_bits / could(SLOT.as_secs_f64()))
            .ratio("mean_utilisation", site.tally.bits / could(outcome.summary.duration.as_secs_f64()))
            .number("requests_served", site.tally.served)
            .number("requests_shed", site.tally.shed);
    }

    fn fault(&mut self, number: usize, record: &FaultRecord) {
        let mut section = self.section("fault", format!("{number} {}", record.fault));
        let spans = [("detect_ms", record.detected), ("switch_ms", record.switched), ("recover_ms", record.recovered)];
        for (metric, span) in spans {
            if let Some(span) = span {
                section.number(metric, span.as_secs_f64() * 1e3);
            }
        }
        // What a price or a surge costs is in the bills and the sites, not on one account.
        if record.fault.action.node().is_some() {
            section.number("requests_lost", record.lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str, &str)]) -> Table {
        let entry = |(metric, key, value): &(&str, &str, &str)| Entry {
            table: "site".to_owned(),
            key: (*key).to_owned(),
            metric: (*metric).to_owned(),
            value: (*value).to_owned(),
        };
        Table { entries: rows.iter().map(entry).collect() }
    }

    #[test]
    fn only_what_differs_is_a_delta() {
        let before = table(&[
            ("bits", "fra", "1.500"),
            ("bits", "ber", "2.000"),
            ("kind", "fra", "flat"),
            ("cost", "fra", "6.628545"),
        ]);
        let after = table(&[
            ("bits", "fra", "4.000"),
            ("bits", "ber", "2.000"),
            ("bits", "ham", "1.000"),
            ("cost", "fra", "6.558895"),
        ]);
        let lines: Vec<String> = compare(&before, &after)
            .iter()
            .map(|d| format!("{} {} {:?} {:?} {:?}", d.key, d.metric, d.before, d.after, d.change))
            .collect();
        assert_eq!(
            lines,
            [
                r#"fra bits Some("1.500") Some("4.000") Some(2.5)"#,
                r#"fra cost Some("6.628545") Some("6.558895") Some(-0.06965)"#,
                r#"fra kind Some("flat") None None"#,
                r#"ham bits None Some("1.000") None"#,
            ]
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let table = table(&[("bits", "a, \"b\"", "1"), ("kind", "", "\"\""), ("bits", "fra", "2")]);
        let csv = table.to_csv();
        assert_eq!(csv.lines().nth(1), Some("site,\"a, \"\"b\"\"\",bits,1"));
        assert_eq!(Table::from_csv(&csv), Ok(table));
        for wrong in ["a,b,c", "a,b,c,d,e", "a,\"b,c,d"] {
            let error = Table::from_csv(&format!("table,key,metric,value\n{wrong}\n")).unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (2, wrong));
        }
    }
}
