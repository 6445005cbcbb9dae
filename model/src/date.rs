//! Days of the calendar, in no zone: when such a day begins depends on where it is asked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::time::UnixNanos;

/// A day of the Gregorian calendar from 1970 to 2200, whose midnight 64-bit nanoseconds reach in any zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: i16,
    month: i8,
    day: i8,
}

/// A text that is no day.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day from 1970 to 2200: write it as `2026-01-31`")]
pub struct DateError(String);

impl Date {
    /// The day; `None` when there is none, or it is before 1970 or after 2200.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_in_month = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let exists = (1970..=2200).contains(&year) && (1..=days_in_month).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// Its year.
    pub fn year(self) -> i16 {
        self.year
    }

    /// Its month; January is 1.
    pub fn month(self) -> i8 {
        self.month
    }

    /// Its number in the month, from 1.
    pub fn day(self) -> i8 {
        self.day
    }

    /// Its first instant in UTC (days counted as in Howard Hinnant, "chrono-compatible low-level date
    /// algorithms", `days_from_civil`).
    pub fn utc_midnight(self) -> UnixNanos {
        let (year, month, day) = (i64::from(self.year), i64::from(self.month), i64::from(self.day));
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        UnixNanos::from_secs((era * 146_097 + day_of_era - 719_468) * 86_400)
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let read = || {
            let mut parts = text.splitn(3, '-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        };
        read().ok_or_else(|| DateError(text.to_owned()))
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

/// `2026-01-31`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_written_and_counted() {
        for (text, days) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2026-04-01", 20_544), ("2200-12-31", 84_370)]
        {
            let date: Date = text.parse().unwrap();
            assert_eq!((date.to_string().as_str(), date.utc_midnight()), (text, UnixNanos::from_secs(days * 86_400)));
            assert_eq!(serde_json::from_str::<Date>(&serde_json::to_string(&date).unwrap()).unwrap(), date);
        }
        for text in ["1969-12-31", "2201-01-01", "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-01", "2026-01", ""]
        {
            assert_eq!(text.parse::<Date>(), Err(DateError(text.to_owned())));
        }
        assert!("2026-04-01".parse::<Date>().unwrap() < "2026-11-01".parse().unwrap());
    }
}
