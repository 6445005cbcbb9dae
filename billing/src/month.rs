//! Billing months: calendar months between local midnights of a contract's time zone.
//!
//! Zone data is compiled in, so that a bill does not depend on the host. A day begins at its first
//! instant: where a clock change swallows midnight that is later than 00:00, and where one repeats
//! midnight it is the earlier of the two. A day that a zone skipped whole does not exist here.

use std::fmt;

use jiff::{
    Timestamp,
    civil::Date,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use weir_model::{contract::TermBound, time::UnixNanos};

use crate::usage::SLOT_NANOS;

/// An IANA time zone, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// Why a month cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonthError {
    /// No such zone in the compiled-in data.
    #[error("no time zone is called `{0}`: give an IANA name, e.g. Europe/Berlin")]
    UnknownZone(String),
    /// No calendar month has this number, or its bounds leave 64-bit nanoseconds since 1970.
    #[error("{year}-{month:02} is no month between 1677-10 and 2262-03")]
    NoSuchMonth {
        /// As asked for.
        year: i16,
        /// As asked for; January is 1.
        month: i8,
    },
}

impl Zone {
    /// The zone with this IANA name, or [`MonthError::UnknownZone`].
    pub fn named(name: &str) -> Result<Self, MonthError> {
        let rules = TimeZoneDatabase::bundled().get(name).map_err(|_| MonthError::UnknownZone(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), rules })
    }

    /// The name it was looked up by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The month that `at` lies in.
    pub fn month_of(&self, at: UnixNanos) -> Result<Month, MonthError> {
        let date = self.local_date(at);
        let month = self.month(date.year(), date.month())?;
        if at < month.end {
            return Ok(month);
        }
        // A clock set back across the midnight that ends the month shows the old month's date
        // again, after the new month's first instant.
        month.next()
    }

    /// The month numbered `number` (January is 1) of `year`.
    pub fn month(&self, year: i16, number: i8) -> Result<Month, MonthError> {
        let bounds = || {
            let first = Date::new(year, number, 1).ok()?;
            let end = self.first_instant(first.last_of_month().tomorrow().ok()?)?;
            let mut day_starts: Vec<UnixNanos> = (1..=first.days_in_month())
                .map(|day| self.first_instant(Date::constant(year, number, day)))
                .collect::<Option<_>>()?;
            // A skipped day begins when the day after it does.
            day_starts.dedup();
            day_starts.retain(|start| *start < end);
            Some((*day_starts.first()?, day_starts, end))
        };
        let (start, day_starts, end) = bounds().ok_or(MonthError::NoSuchMonth { year, month: number })?;
        Ok(Month { zone: self.clone(), year, number, start, end, day_starts })
    }

    /// The instant of a bound of a term: of a day, its first here.
    pub fn instant_of(&self, bound: TermBound) -> UnixNanos {
        match bound {
            TermBound::At(instant) => instant,
            TermBound::Day(day) => {
                let date = Date::new(day.year(), day.month(), day.day()).ok();
                // Days of the model exist and are far from where 64-bit nanoseconds end.
                date.and_then(|date| self.first_instant(date)).unwrap_or_else(|| day.utc_midnight())
            }
        }
    }

    fn local_date(&self, at: UnixNanos) -> Date {
        // 64-bit nanoseconds reach 1677 to 2262, a timestamp the years -9999 to 9999.
        let timestamp = Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
        self.rules.to_datetime(timestamp).date()
    }

    fn first_instant(&self, date: Date) -> Option<UnixNanos> {
        let midnight = self.rules.to_ambiguous_timestamp(date.at(0, 0, 0, 0));
        let instant = match midnight.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => midnight.earlier().ok()?,
            // No clock shows midnight: the day begins with the change that skips it.
            AmbiguousOffset::Gap { .. } => self.rules.following(midnight.earlier().ok()?).next()?.timestamp(),
        };
        i64::try_from(instant.as_nanosecond()).ok().map(UnixNanos)
    }
}

/// A calendar month in a zone: 28 to 31 days, of which some may have 23 or 25 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    zone: Zone,
    year: i16,
    number: i8,
    start: UnixNanos,
    end: UnixNanos,
    day_starts: Vec<UnixNanos>,
}

impl Month {
    /// The month of a contract that `at` lies in: [`Zone::month_of`] in the zone called `zone`.
    pub fn containing(zone: &str, at: UnixNanos) -> Result<Self, MonthError> {
        Zone::named(zone)?.month_of(at)
    }

    /// The zone whose midnights bound it.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The year it is in.
    pub fn year(&self) -> i16 {
        self.year
    }

    /// Its number in the year; January is 1.
    pub fn number(&self) -> i8 {
        self.number
    }

    /// Its first instant.
    pub fn start(&self) -> UnixNanos {
        self.start
    }

    /// The first instant after it.
    pub fn end(&self) -> UnixNanos {
        self.end
    }

    /// How many days it has.
    pub fn days(&self) -> usize {
        self.day_starts.len()
    }

    /// The day, counted from 0, that `at` lies in; `None` outside the month.
    pub fn day_of(&self, at: UnixNanos) -> Option<usize> {
        (at < self.end).then(|| self.day_starts.partition_point(|start| *start <= at).checked_sub(1))?
    }

    /// How many 5-minute slots begin in it: 288 a day, 12 fewer or more on a day of 23 or 25 hours.
    pub fn slots(&self) -> u32 {
        slots_between(self.start, self.end)
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: UnixNanos) -> bool {
        self.start <= at && at < self.end
    }

    /// The month after it.
    pub fn next(&self) -> Result<Self, MonthError> {
        match self.number {
            12 => self.zone.month(self.year + 1, 1),
            number => self.zone.month(self.year, number + 1),
        }
    }
}

/// `2024-02`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year, self.number)
    }
}

/// How many multiples of 5 minutes since 1970 lie in `[from, until)`.
///
/// The grid is that of UTC. Every zone of today is a multiple of 15 minutes from it, so midnights
/// are on the grid; the local mean times of the past are not, and their months begin inside a slot.
pub(crate) fn slots_between(from: UnixNanos, until: UnixNanos) -> u32 {
    let before = |at: UnixNanos| at.0.div_euclid(SLOT_NANOS) + i64::from(at.0.rem_euclid(SLOT_NANOS) != 0);
    u32::try_from(before(until) - before(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
