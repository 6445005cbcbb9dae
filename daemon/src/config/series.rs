//! Series that are watched for anomalies, and those that are forecast.

use std::time::Duration;

use weir_detect::{anomaly::SeasonalSettings, season::Season};
use weir_model::yaml::{Fields, Spanned};
use weir_rules::alert::Query;

/// Series of one query, and when it is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeriesQuery {
    /// What they are called together.
    pub(crate) name: String,
    /// Returns their history: `time`, `value`, and columns of text that tell them apart.
    pub(crate) query: Query,
    /// How often it is asked.
    pub(crate) interval: Duration,
}

/// Series watched for anomalies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnomalySearch {
    /// Which.
    pub(crate) series: SeriesQuery,
    /// What repeats, and how wide the band is.
    pub(crate) settings: SeasonalSettings,
}

/// Series that are forecast.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForecastSearch {
    /// Which.
    pub(crate) series: SeriesQuery,
    /// How far ahead.
    pub(crate) ahead: Vec<Duration>,
}

/// The slots that bills count, so what most series are kept in.
const ANOMALY_INTERVAL: Duration = Duration::from_secs(300);
/// Forecasts are of hours and days.
const FORECAST_INTERVAL: Duration = Duration::from_secs(3_600);
/// Quarters of an hour of a day.
const BUCKETS: u32 = 96;

impl SeriesQuery {
    /// Reads `name`, `sql` and `interval`.
    fn read(fields: &mut Fields<'_>, interval: Duration) -> Option<Self> {
        let name = fields.required("name");
        let written = fields.required_spanned::<String>("sql");
        let reader = fields.reader();
        let wrong = |sql: &Spanned<String>, wrong: &dyn std::error::Error| reader.error(sql.mark, wrong.to_string());
        let query = written.and_then(|sql| Query::parse(&sql).map_err(|error| wrong(&sql, &error)).ok());
        let given = fields.optional_spanned::<Duration>("interval");
        if let Some(zero) = given.as_ref().filter(|interval| interval.is_zero()) {
            reader.error(zero.mark, "`interval` is zero");
        }
        Some(Self { name: name?, query: query?, interval: given.map_or(interval, |given| given.value) })
    }
}

impl AnomalySearch {
    /// Reads `anomalies: [{name, sql, interval, season, buckets, width}]`.
    pub(super) fn read_all(fields: &mut Fields<'_>) -> Vec<Self> {
        let mut searches = Vec::new();
        for item in fields.list("anomalies") {
            let Some(mut search) = item.fields_of("a search for anomalies") else { continue };
            searches.extend(Self::read(&mut search));
            search.finish();
        }
        searches
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let series = SeriesQuery::read(fields, ANOMALY_INTERVAL);
        let reader = fields.reader();
        let (period, buckets) = (fields.or("season", Duration::from_secs(86_400)), fields.or("buckets", BUCKETS));
        let season = Season::new(period, buckets);
        if season.is_none() {
            reader.error(fields.mark(), format!("a season of {period:?} cannot be cut into {buckets} `buckets`"));
        }
        let width = fields.optional_spanned::<f64>("width");
        if let Some(width) = width.as_ref().filter(|width| width.value <= 0.0) {
            reader.error(width.mark, "`width`, in standard deviations, must be above 0; 5 is usual");
        }
        let width = width.map_or(SeasonalSettings::default().width, |width| width.value);
        Some(Self { series: series?, settings: SeasonalSettings { season: season?, width } })
    }
}

impl ForecastSearch {
    /// Reads `forecasts: [{name, sql, interval, ahead: [1h, 1d]}]`.
    pub(super) fn read_all(fields: &mut Fields<'_>) -> Vec<Self> {
        let mut searches = Vec::new();
        for item in fields.list("forecasts") {
            let Some(mut search) = item.fields_of("a forecast") else { continue };
            let series = SeriesQuery::read(&mut search, FORECAST_INTERVAL);
            let ahead: Vec<Duration> = search.scalars("ahead").into_iter().map(|span| span.value).collect();
            if ahead.is_empty() {
                search.reader().error(search.mark(), "a forecast has no `ahead`: say how far, as in [1h, 1d]");
            }
            search.finish();
            searches.extend(series.map(|series| Self { series, ahead }));
        }
        searches
    }
}
