//! Demand as CSV text: a header line with the columns `time,client_group,domain,bps,rps` in any
//! order (others are passed over), then a row a line. `time` is RFC 3339 in UTC
//! (`2026-01-01T00:05:00Z`) or seconds since 1970. No quoting: ids need none.

use std::collections::BTreeMap;

use weir_model::{
    estate::Estate,
    time::UnixNanos,
    yaml::{Diagnostics, Mark, Reader, Scalar},
};

use super::{
    Rate,
    names::Names,
    replay::{Replay, Row},
};
use crate::scenario::unknown_name;

/// Errors reported of one file: a wrong column makes one a line.
const ERRORS_MAX: usize = 20;
const COLUMNS: [&str; 5] = ["time", "client_group", "domain", "bps", "rps"];

/// Reads the demand in `text` for `estate`; `file` is its name in messages.
///
/// # Errors
/// What is wrong with it, line by line; after 20 wrong lines the rest is not looked at.
pub fn parse(file: &str, text: &str, estate: &Estate) -> Result<Replay, Diagnostics> {
    // An empty mapping, because a reader's errors come out of reading YAML only.
    Reader::read(file, "{}", |reader, _| Some(rows(reader, text, estate))).and_then(|rows| {
        Replay::new(estate, rows).map_err(|error| {
            let refused = Reader::read(file, "{}", |reader, _| -> Option<()> {
                reader.error(Mark::START, error.to_string());
                None
            });
            refused.err().unwrap_or_default()
        })
    })
}

fn rows(reader: &Reader, text: &str, estate: &Estate) -> Vec<Row> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let places = COLUMNS.map(|column| header.iter().position(|name| *name == column));
    let [Some(time), Some(group), Some(domain), Some(bps), Some(rps)] = places else {
        let hint = format!("begin with the line `{}`", COLUMNS.join(","));
        reader.error_with_hint(Mark::START, "the header lacks a column", hint);
        return Vec::new();
    };
    let names = Names::of(estate);
    let mut rows = Vec::new();
    let mut wrong = 0;
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let line = Line { reader, mark: Mark { line: number + 2, column: 1 }, names: &names };
        match line.read(cell(time), cell(group), cell(domain), (cell(bps), cell(rps))) {
            Some(row) => rows.push(row),
            None => wrong += 1,
        }
        if wrong == ERRORS_MAX {
            break;
        }
    }
    rows
}

struct Line<'a> {
    reader: &'a Reader,
    mark: Mark,
    names: &'a Names<'a>,
}

impl Line<'_> {
    fn read(&self, time: &str, group: &str, domain: &str, (bps, rps): (&str, &str)) -> Option<Row> {
        let at = instant(time);
        if at.is_none() {
            let hint = "write 2026-01-01T00:05:00Z, or seconds since 1970";
            self.reader.error_with_hint(self.mark, format!("`{time}` is no time"), hint);
        }
        let (bps, rps) = (self.rate("bps", bps), self.rate("rps", rps));
        let group = self.named("client group", &self.names.groups, group);
        let domain = self.named("domain", &self.names.domains, domain);
        Some(Row { time: at?, group: group?, domain: domain?, rate: Rate { bps: bps?, rps: rps? } })
    }

    fn named<O: Copy>(&self, what: &str, known: &BTreeMap<&str, O>, name: &str) -> Option<O> {
        let found = known.get(name).copied();
        if found.is_none() {
            unknown_name(self.reader, self.mark, what, name, known.keys().copied());
        }
        found
    }

    fn rate(&self, column: &str, text: &str) -> Option<f64> {
        let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
        if rate.is_none() {
            self.reader.error(self.mark, format!("`{column}` is `{text}`, which is no rate: give a number from 0"));
        }
        rate
    }
}

/// Reads RFC 3339 in UTC, or seconds since 1970.
fn instant(text: &str) -> Option<UnixNanos> {
    if let Ok(secs) = text.parse::<i64>() {
        return secs.checked_mul(1_000_000_000).map(UnixNanos);
    }
    let Some((date, clock)) = text.split_once(['T', ' ']) else { return UnixNanos::parse(text) };
    let date = UnixNanos::parse(date)?;
    let clock = clock.strip_suffix('Z').or_else(|| clock.strip_suffix("+00:00"))?;
    let mut parts = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let secs: f64 = parts.next().unwrap_or("0").parse().ok()?;
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..60.0).contains(&secs) {
        return None;
    }
    Some(UnixNanos(date.0 + (hour * 3_600 + minute * 60) * 1_000_000_000 + (secs * 1e9) as i64))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use weir_model::inventory;

    use super::*;

    const START: i64 = 1_767_225_600;

    fn estate() -> Estate {
        inventory::parse("demo", crate::DEMO_ESTATE).unwrap()
    }

    fn check(text: &str, expect: Expect) {
        let read = parse("demand.csv", text, &estate()).map(drop);
        expect.assert_eq(&read.map_or_else(|errors| errors.to_string(), |()| "read".to_owned()));
    }

    #[test]
    fn rows_hold_until_the_next_of_their_pair() {
        let text = "domain,time,client_group,bps,rps,note\n\
                    www.aurora.test,2026-01-01T00:10:00Z,north-telco,300,3,x\n\
                    www.aurora.test,1767225600,north-telco,100,1,x\n";
        let replay = parse("demand.csv", text, &estate()).unwrap();
        let mut playing = replay.play();
        let mut rates = vec![Rate::default(); 72];
        let seen: Vec<f64> = (-1..4)
            .map(|step| {
                playing.step(UnixNanos::from_secs(START + step * 300), &mut rates);
                rates.iter().map(|rate| rate.bps).sum()
            })
            .collect();
        assert_eq!(seen, [0.0, 100.0, 100.0, 300.0, 300.0]);
    }

    #[test]
    fn every_wrong_cell_is_named_with_its_line() {
        check(
            "time,client_group,domain,bps,rps\nnoon,north-telko,www.aurora.test,-1,2\n\n0,north-telco,nowhere,1,1\n",
            expect![[r#"
                demand.csv:2:1: `noon` is no time
                    hint: write 2026-01-01T00:05:00Z, or seconds since 1970
                demand.csv:2:1: `bps` is `-1`, which is no rate: give a number from 0
                demand.csv:2:1: there is no client group `north-telko`
                    hint: did you mean `north-telco`?
                demand.csv:4:1: there is no domain `nowhere`"#]],
        );
        check(
            "time,group,domain,bps,rps\n",
            expect![[r#"
                demand.csv:1:1: the header lacks a column
                    hint: begin with the line `time,client_group,domain,bps,rps`"#]],
        );
    }
}
