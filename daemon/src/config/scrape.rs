//! Jobs of scraping: `scrape` of the configuration. Its keys are those of Prometheus's `scrape_configs` where they
//! mean the same, less the `_configs`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use weir_collector::{
    scrape::{
        Auth, Discovery, DnsSd, FileSd, HttpSd, RecordKind, Scheme, ScrapeJob, TargetGroup, TargetSettings,
        relabel::{LabelSet, RULES_MAX, Rule, RuleError, RuleText},
    },
    tls::TlsFiles,
};
use weir_model::yaml::{Fields, Item, Mark, Scalar, Spanned};

use super::ClientTls;

/// What node-exporter's users have.
const INTERVAL: Duration = Duration::from_secs(15);
/// Prometheus's.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Prometheus's, of files.
const FILE_REFRESH: Duration = Duration::from_secs(300);
/// Prometheus's, of servers.
const HTTP_REFRESH: Duration = Duration::from_secs(60);
/// Prometheus's, of names.
const DNS_REFRESH: Duration = Duration::from_secs(30);

/// Reads `scrape: [{job, interval, ...}]`.
pub(super) fn read_all(fields: &mut Fields<'_>, folder: &Path) -> Vec<ScrapeJob> {
    let mut jobs: Vec<ScrapeJob> = Vec::new();
    for item in fields.list("scrape") {
        let Some(mut job) = item.fields() else { continue };
        let read = read(&mut job, folder);
        if let Some(twin) = read.as_ref().filter(|read| jobs.iter().any(|job| job.name == read.name)) {
            let message = format!("there are two jobs called `{}`", twin.name);
            job.reader().error_with_hint(job.mark(), message, "give each a `job` of its own, or join them");
        }
        job.finish();
        jobs.extend(read);
    }
    jobs
}

fn read(fields: &mut Fields<'_>, folder: &Path) -> Option<ScrapeJob> {
    let name = fields.required::<String>("job");
    let (interval, timeout) = times(fields);
    let path = fields.or("path", "/metrics".to_owned());
    let scheme = fields.or("scheme", Scheme::default());
    let params = params(fields);
    let (auth, tls) = access(fields, folder);
    let settings = TargetSettings {
        honor_labels: fields.or("honor_labels", false),
        honor_timestamps: fields.or("honor_timestamps", true),
        sample_limit: fields.optional::<usize>("sample_limit").filter(|limit| *limit > 0),
        auth,
        ..TargetSettings::default()
    };
    let (written, mut groups) = groups(fields);
    let mut discovery = file_sd(fields, folder);
    discovery.extend(http_sd(fields, folder));
    discovery.extend(dns_sd(fields));
    let relabel = rules(fields, "relabel");
    let settings = TargetSettings { metric_relabel: rules(fields, "metric_relabel"), ..settings };
    groups.retain(|group| !group.targets.is_empty());
    if !groups.is_empty() {
        discovery.insert(0, Discovery::Static(groups));
    }
    let settings = Arc::new(settings);
    let name = name?.into();
    let job = ScrapeJob { name, interval, timeout, path, scheme, params, tls, discovery, relabel, settings };
    for (mark, labels) in written {
        if let Err(error) = job.target(labels) {
            let hint = "write it as 10.0.0.5:9100, or as http://10.0.0.5:9100/metrics";
            fields.reader().error_with_hint(mark, error.to_string(), hint);
        }
    }
    Some(job)
}

fn times(fields: &mut Fields<'_>) -> (Duration, Duration) {
    let interval = positive(fields, "interval", INTERVAL);
    let written = fields.optional_spanned::<Duration>("timeout");
    if let Some(timeout) = written.as_ref().filter(|timeout| timeout.is_zero() || timeout.value > interval) {
        fields.reader().error(timeout.mark, "`timeout` must be above zero and at most the `interval`");
        return (interval, interval);
    }
    (interval, written.map_or(TIMEOUT.min(interval), |timeout| timeout.value))
}

fn positive(fields: &mut Fields<'_>, key: &'static str, default: Duration) -> Duration {
    let written = fields.optional_spanned::<Duration>(key);
    if let Some(zero) = written.as_ref().filter(|written| written.is_zero()) {
        fields.reader().error(zero.mark, format!("`{key}` is zero"));
        return default;
    }
    written.map_or(default, |written| written.value)
}

/// `params: {module: [http_2xx]}`
fn params(fields: &mut Fields<'_>) -> BTreeMap<String, Vec<String>> {
    let entries = fields.map("params").map(Fields::entries).unwrap_or_default();
    let values = |item: Item<'_>| match item.text() {
        Some(text) => vec![text.to_owned()],
        None => item.scalars::<String>().into_iter().map(|value| value.value).collect(),
    };
    entries.into_iter().map(|(name, item)| (name.value, values(item))).collect()
}

/// What is shown to whom is asked, and how it is trusted.
fn access(fields: &mut Fields<'_>, folder: &Path) -> (Option<Auth>, Option<TlsFiles>) {
    let mark = fields.mark();
    let basic = super::section(fields, "basic_auth", |basic| {
        let (username, file) = (basic.required("username"), basic.required::<String>("password_file"));
        Some(Auth::Basic { username: username?, password_file: folder.join(file?) })
    });
    let credentials = super::section(fields, "authorization", |shown| {
        let (scheme, file) = (shown.or("type", "Bearer".to_owned()), shown.required::<String>("credentials_file"));
        Some(Auth::Credentials { scheme, file: folder.join(file?) })
    });
    let bearer = fields
        .optional::<String>("bearer_token_file")
        .map(|file| Some(Auth::Credentials { scheme: "Bearer".to_owned(), file: folder.join(file) }));
    let mut given = [basic, credentials, bearer].into_iter().flatten();
    let auth = given.next().flatten();
    if given.next().is_some() {
        let message = "more than one of `basic_auth`, `authorization` and `bearer_token_file` is given: give one";
        fields.reader().error(mark, message);
    }
    let tls = ClientTls::read(fields, "tls", folder).map(|tls| TlsFiles { ca: tls.ca, identity: tls.identity });
    (auth, tls)
}

/// Targets as written, each with its place, and as groups.
type Written = (Vec<(Mark, LabelSet)>, Vec<TargetGroup>);

/// `targets` and `labels` of the job itself, and of each group in `static`.
fn groups(fields: &mut Fields<'_>) -> Written {
    let mut all = (Vec::new(), Vec::new());
    group(fields, &mut all);
    for item in fields.list("static") {
        if let Some(mut fields) = item.fields() {
            group(&mut fields, &mut all);
            fields.finish();
        }
    }
    all
}

fn group(fields: &mut Fields<'_>, into: &mut Written) {
    let targets = fields.scalars::<String>("targets");
    let mut labels = BTreeMap::new();
    for (name, value) in fields.map("labels").map(Fields::entries).unwrap_or_default() {
        check_label_name(fields, &name);
        labels.extend(value.scalar::<String>().map(|value| (name.value, value.value)));
    }
    for target in &targets {
        let mut set: LabelSet = labels.clone().into_iter().collect();
        set.set("__address__", target.value.as_str());
        into.0.push((target.mark, set));
    }
    into.1.push(TargetGroup { targets: targets.into_iter().map(|target| target.value).collect(), labels });
}

fn check_label_name(fields: &Fields<'_>, name: &Spanned<String>) {
    let mut chars = name.value.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let message = format!("`{}` is not the name of a label", name.value);
        fields.reader().error_with_hint(name.mark, message, "names have letters, digits and `_`, no digit first");
    }
}

fn file_sd(fields: &mut Fields<'_>, folder: &Path) -> Vec<Discovery> {
    let mut found = Vec::new();
    for item in fields.list("file_sd") {
        let Some(mut sd) = item.fields() else { continue };
        let refresh = positive(&mut sd, "refresh_interval", FILE_REFRESH);
        let files = named(&mut sd, "files");
        sd.finish();
        let mut patterns: Vec<PathBuf> = Vec::new();
        for file in files {
            let pattern = folder.join(&file.value);
            match FileSd::new(vec![pattern.clone()], refresh) {
                Ok(_) => patterns.push(pattern),
                Err(error) => {
                    let hint = "write it as targets/*.yaml or targets/edges.json";
                    fields.reader().error_with_hint(file.mark, error.to_string(), hint);
                }
            }
        }
        found.extend(FileSd::new(patterns, refresh).ok().map(Discovery::File));
    }
    found
}

/// A list that must not be empty.
fn named(fields: &mut Fields<'_>, key: &'static str) -> Vec<Spanned<String>> {
    let items = fields.required_list(key);
    if items.is_empty() && fields.has(key) {
        fields.reader().error(fields.mark(), format!("`{key}` names nothing"));
    }
    items.iter().filter_map(Item::scalar).collect()
}

fn http_sd(fields: &mut Fields<'_>, folder: &Path) -> Vec<Discovery> {
    let mut found = Vec::new();
    for item in fields.list("http_sd") {
        let Some(mut sd) = item.fields() else { continue };
        let refresh = positive(&mut sd, "refresh_interval", HTTP_REFRESH);
        let url = sd.required_spanned::<String>("url");
        let (auth, tls) = access(&mut sd, folder);
        sd.finish();
        let Some(url) = url else { continue };
        match HttpSd::new(&url, refresh) {
            Ok(server) => found.push(Discovery::Http(server.with_access(auth, tls))),
            Err(error) => fields.reader().error_with_hint(
                url.mark,
                error.to_string(),
                "write it as https://inventory.example.net/targets",
            ),
        }
    }
    found
}

fn dns_sd(fields: &mut Fields<'_>) -> Vec<Discovery> {
    let mut found = Vec::new();
    for item in fields.list("dns_sd") {
        let Some(mut sd) = item.fields() else { continue };
        let refresh_interval = positive(&mut sd, "refresh_interval", DNS_REFRESH);
        let names = named(&mut sd, "names");
        for name in names.iter().filter(|name| !DnsSd::is_name(name)) {
            sd.reader().error(name.mark, format!("`{}` is not a name of the DNS", name.value));
        }
        let names = names.into_iter().map(|name| name.value).collect();
        let kind = sd.or("type", RecordKind::Srv);
        let port = sd.optional::<u16>("port");
        if port.is_none() && kind != RecordKind::Srv && !sd.has("port") {
            let message = format!("records of type {kind} have no port: give `port`");
            sd.reader().error(sd.mark(), message);
        }
        sd.finish();
        found.push(Discovery::Dns(DnsSd { names, kind, port: port.unwrap_or_default(), refresh_interval }));
    }
    found
}

fn rules(fields: &mut Fields<'_>, key: &'static str) -> Vec<Rule> {
    let items = fields.list(key);
    if let Some(first_beyond) = items.get(RULES_MAX) {
        fields.reader().error(first_beyond.mark(), RuleError::TooMany.to_string());
    }
    items.iter().filter_map(|item| rule(item.fields()?)).collect()
}

fn rule(mut fields: Fields<'_>) -> Option<Rule> {
    let mut marks: Vec<(&str, Mark)> = Vec::new();
    let text = RuleText {
        action: noted(&mut fields, "action", &mut marks),
        source_labels: fields.scalars("source_labels").into_iter().map(|name: Spanned<String>| name.value).collect(),
        separator: noted(&mut fields, "separator", &mut marks),
        regex: noted(&mut fields, "regex", &mut marks),
        modulus: noted(&mut fields, "modulus", &mut marks),
        target_label: noted(&mut fields, "target_label", &mut marks),
        replacement: noted(&mut fields, "replacement", &mut marks),
    };
    let action_is_wrong = fields.has("action") && text.action.is_none();
    let (start, reader) = (fields.mark(), fields.reader());
    fields.finish();
    match Rule::new(text) {
        Ok(rule) => Some(rule),
        // What a rule needs depends on what it is to do.
        Err(_) if action_is_wrong => None,
        Err(error) => {
            let at = error.key().and_then(|key| marks.iter().find(|(known, _)| *known == key));
            reader.error(at.map_or(start, |(_, mark)| *mark), error.to_string());
            None
        }
    }
}

/// The value of a key, its place noted.
fn noted<T: Scalar>(fields: &mut Fields<'_>, key: &'static str, marks: &mut Vec<(&'static str, Mark)>) -> Option<T> {
    let spanned = fields.optional_spanned(key)?;
    marks.push((key, spanned.mark));
    Some(spanned.value)
}
