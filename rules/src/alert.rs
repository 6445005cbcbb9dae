//! Alerts: rules in Prometheus's rule-file YAML whose `expr` is SQL.
//!
//! ```yaml
//! groups:
//!   - name: link
//!     interval: 30s                     # how often the rules are evaluated; 1m when absent
//!     rules:
//!       - alert: LinkSaturated
//!         expr: |                       # a query; every row that it returns is one alert instance
//!           SELECT link, max(out_bps) AS value
//!           FROM metrics.link_traffic
//!           WHERE time > $now - INTERVAL '5 minutes' AND time <= $now
//!           GROUP BY link HAVING max(out_bps) > 9e9
//!         for: 5m                       # returned this long before it fires; 0 when absent
//!         keep_firing_for: 10m          # fires this long after it was last returned; 0 when absent
//!         labels: {severity: warning}   # added to the row's labels; templates
//!         annotations: {summary: '{{ $labels.link }} sends {{ $value | humanize }}bit/s'}
//! ```
//!
//! [`parse`] reads a file, [`Query::at`] gives the SQL to run, [`ResultRow`] says what its rows
//! mean, [`AlertStates`] tells which alerts are pending, firing and resolved, [`rows`] writes that
//! into `ops.alerts`, and [`alertmanager`] for an Alertmanager.

pub mod alertmanager;
mod query;
mod result;
pub mod rows;
mod rule;
mod state;
mod template;

pub use query::{Query, QueryError};
pub use result::{Cell, ResultRow};
pub use rule::{AlertRule, EVALUATION_INTERVAL_DEFAULT, RuleGroup, RuleId, parse};
pub use state::{
    Alert, AlertEvent, AlertStates, Annotations, Evaluation, INSTANCES_MAX, Notice, Phase, RESEND_DELAY,
    RESOLVED_RETENTION,
};
pub use template::{Template, TemplateError};

/// The label that carries the rule's name.
pub const ALERT_NAME: &str = "alertname";
