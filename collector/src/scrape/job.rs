//! A job as it is configured, and the targets that it makes of what is discovered. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Url;
use weir_model::{
    keywords,
    observation::Labels,
    time::{Written, parse_duration},
};

use super::{
    discovery::{Discovered, Discovery, TARGETS_MAX},
    relabel::{self, LabelSet, Rule},
    target::{ScrapeTarget, TargetError, TargetSettings, address_of, web_url},
};
use crate::tls::TlsFiles;

const ADDRESS: &str = "__address__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PATH: &str = "__metrics_path__";
const SCHEME: &str = "__scheme__";
const PARAM: &str = "__param_";

/// What targets speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

keywords!(Scheme { "http" => Http, "https" => Https });

/// Targets that are scraped alike.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeJob {
    /// Its name, the label `job` of targets that have none.
    pub name: Arc<str>,
    /// How often.
    pub interval: Duration,
    /// How long a fetch may take.
    pub timeout: Duration,
    /// Where metrics are.
    pub path: String,
    /// How targets are asked.
    pub scheme: Scheme,
    /// Parameters of the URL.
    pub params: BTreeMap<String, Vec<String>>,
    /// How targets are trusted.
    pub tls: Option<TlsFiles>,
    /// Where targets come from.
    pub discovery: Vec<Discovery>,
    /// Rules for targets.
    pub relabel: Vec<Rule>,
    /// What all targets share.
    pub settings: Arc<TargetSettings>,
}

/// What a job makes of what was discovered.
#[derive(Debug, Default)]
pub(super) struct Populated {
    pub(super) targets: Vec<ScrapeTarget>,
    /// What is wrong with others.
    pub(super) refused: Vec<(String, TargetError)>,
    /// How many are beyond [`TARGETS_MAX`].
    pub(super) beyond: usize,
}

impl ScrapeJob {
    /// Every target that the rules keep, each once.
    pub(super) fn populate<'a>(&self, discovered: impl IntoIterator<Item = &'a Discovered>) -> Populated {
        let mut populated = Populated::default();
        let mut seen = std::collections::HashSet::new();
        for labels in discovered.into_iter().flat_map(|list| list.iter()) {
            match self.target(labels.clone()) {
                Ok(None) => {}
                Ok(Some(target)) if populated.targets.len() == TARGETS_MAX => {
                    populated.beyond += usize::from(seen.insert(identity(&target)));
                }
                Ok(Some(target)) => {
                    if seen.insert(identity(&target)) {
                        populated.targets.push(target);
                    }
                }
                Err(error) => populated.refused.push((labels.get(ADDRESS).to_owned(), error)),
            }
        }
        populated
    }

    /// The target that these labels make; `None` when a rule drops it. The order is Prometheus's: what the job
    /// says where the target says nothing, then the rules, then what is left becomes URL and labels.
    ///
    /// # Errors
    /// When what the rules leave is no target.
    pub fn target(&self, mut labels: LabelSet) -> Result<Option<ScrapeTarget>, TargetError> {
        labels.set_default("job", &self.name);
        labels.set_default(INTERVAL, &Written(self.interval).to_string());
        labels.set_default(TIMEOUT, &Written(self.timeout).to_string());
        labels.set_default(PATH, &self.path);
        labels.set_default(SCHEME, self.scheme.as_str());
        for (name, values) in &self.params {
            if let Some(first) = values.first() {
                labels.set_default(&format!("{PARAM}{name}"), first);
            }
        }
        if !relabel::apply(&self.relabel, &mut labels) {
            return Ok(None);
        }
        let url = self.url(&labels)?;
        let is_url = labels.get(ADDRESS).contains("://");
        let instance = if is_url { address_of(&url) } else { labels.get(ADDRESS).to_owned() };
        labels.set_default("instance", &instance);
        let duration = |label: &'static str| {
            let value = labels.get(label);
            parse_duration(value).ok_or_else(|| TargetError::Duration { label, value: value.to_owned() })
        };
        let (interval, timeout) = (duration(INTERVAL)?, duration(TIMEOUT)?);
        let public = Labels::new(labels.iter().filter(|(name, _)| !name.starts_with("__")));
        ScrapeTarget::at(url, public, interval, timeout, Arc::clone(&self.settings)).map(Some)
    }

    /// Where the target is, once the rules are through. An address may be a whole URL, whose parts then win: so a
    /// target is one line, and a rule may still hand the text on as a parameter, as for exporters that probe others.
    fn url(&self, labels: &LabelSet) -> Result<Url, TargetError> {
        let address = labels.get(ADDRESS);
        if address.is_empty() {
            return Err(TargetError::NoAddress);
        }
        if address.contains("://") {
            let mut url = web_url(address)?;
            if url.path() == "/" {
                url.set_path(labels.get(PATH));
            }
            self.add_params(&mut url, labels);
            return Ok(url);
        }
        if address.contains(['/', '?', '#', '@', ' ']) {
            return Err(TargetError::Address(address.to_owned()));
        }
        let mut url = web_url(&format!("{}://{address}/", labels.get(SCHEME)))?;
        url.set_path(labels.get(PATH));
        self.add_params(&mut url, labels);
        Ok(url)
    }

    /// The job's parameters, the first value of each as the label `__param_<name>` has it, by name.
    fn add_params(&self, url: &mut Url, labels: &LabelSet) {
        let mut params = self.params.clone();
        for (name, value) in labels.iter().filter_map(|(name, value)| Some((name.strip_prefix(PARAM)?, value))) {
            let values = params.entry(name.to_owned()).or_default();
            values.splice(..values.len().min(1), [value.to_owned()]);
        }
        if params.values().all(Vec::is_empty) {
            return;
        }
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            query.extend_pairs(values.iter().map(|value| (name, value)));
        }
    }
}

/// What makes two targets the same.
pub(super) fn identity(target: &ScrapeTarget) -> (Url, Labels) {
    (target.url().clone(), target.labels().clone())
}

#[cfg(test)]
pub(super) mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::scrape::relabel::{Action, RuleText};

    /// A job that says as little as one can.
    pub(in crate::scrape) fn job(name: &str) -> ScrapeJob {
        ScrapeJob {
            name: name.into(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            path: "/metrics".to_owned(),
            scheme: Scheme::Http,
            params: BTreeMap::new(),
            tls: None,
            discovery: Vec::new(),
            relabel: Vec::new(),
            settings: Arc::default(),
        }
    }

    fn set(target: &str, replacement: &str) -> Rule {
        let (target_label, replacement) = (Some(target.to_owned()), Some(replacement.to_owned()));
        Rule::new(RuleText { target_label, replacement, ..RuleText::default() }).unwrap()
    }

    fn check(job: &ScrapeJob, labels: &[(&str, &str)], expect: Expect) {
        let shown = match job.target(labels.iter().copied().collect()) {
            Ok(None) => "dropped".to_owned(),
            Ok(Some(target)) => {
                let labels: Vec<String> =
                    target.labels().iter().map(|(name, value)| format!("{name}={value}")).collect();
                let (interval, timeout) = (Written(target.interval()), Written(target.timeout()));
                format!("{} {} {interval} {timeout}", target.url(), labels.join(","))
            }
            Err(error) => error.to_string(),
        };
        expect.assert_eq(&shown);
    }

    #[test]
    fn the_job_fills_in_what_the_target_leaves_open() {
        let mut job = job("node");
        check(
            &job,
            &[(ADDRESS, "10.0.0.5:9100"), ("env", "prod"), ("__meta_x", "y"), ("__tmp", "z")],
            expect!["http://10.0.0.5:9100/metrics env=prod,instance=10.0.0.5:9100,job=node 15s 10s"],
        );
        check(
            &job,
            &[(ADDRESS, "[2001:db8::1]:80")],
            expect!["http://[2001:db8::1]/metrics instance=[2001:db8::1]:80,job=node 15s 10s"],
        );
        check(
            &job,
            &[
                (ADDRESS, "a:1"),
                ("job", "own"),
                ("instance", "me"),
                (SCHEME, "https"),
                (PATH, "/m"),
                ("__param_q", "x y"),
                (INTERVAL, "1m"),
                (TIMEOUT, "30s"),
            ],
            expect!["https://a:1/m?q=x+y instance=me,job=own 1m 30s"],
        );
        job.params = BTreeMap::from([
            ("match[]".to_owned(), vec!["up".to_owned(), "down".to_owned()]),
            ("empty".to_owned(), Vec::new()),
        ]);
        check(
            &job,
            &[(ADDRESS, "a:1")],
            expect!["http://a:1/metrics?match%5B%5D=up&match%5B%5D=down instance=a:1,job=node 15s 10s"],
        );
        check(
            &job,
            &[(ADDRESS, "a:1"), ("__param_match[]", "left")],
            expect!["http://a:1/metrics?match%5B%5D=left&match%5B%5D=down instance=a:1,job=node 15s 10s"],
        );
    }

    #[test]
    fn a_whole_url_is_an_address_too() {
        let job = job("node");
        check(
            &job,
            &[(ADDRESS, "https://a.example/own?x=1")],
            expect!["https://a.example/own?x=1 instance=a.example:443,job=node 15s 10s"],
        );
        check(
            &job,
            &[(ADDRESS, "http://a.example:81")],
            expect!["http://a.example:81/metrics instance=a.example:81,job=node 15s 10s"],
        );
    }

    #[test]
    fn an_exporter_that_probes_others_is_asked_about_the_target() {
        let copy = |from: &str, to: &str| {
            let written = RuleText {
                source_labels: vec![from.to_owned()],
                target_label: Some(to.to_owned()),
                ..RuleText::default()
            };
            Rule::new(written).unwrap()
        };
        let mut job = job("blackbox");
        job.path = "/probe".to_owned();
        job.params = BTreeMap::from([("module".to_owned(), vec!["http_2xx".to_owned()])]);
        job.relabel =
            vec![copy(ADDRESS, "__param_target"), copy("__param_target", "instance"), set(ADDRESS, "127.0.0.1:9115")];
        check(
            &job,
            &[(ADDRESS, "http://prometheus.io")],
            expect![
                "http://127.0.0.1:9115/probe?module=http_2xx&target=http%3A%2F%2Fprometheus.io instance=http://prometheus.io,job=blackbox 15s 10s"
            ],
        );
    }

    #[test]
    fn what_is_no_target_is_told() {
        let mut job = job("node");
        check(&job, &[], expect!["no `__address__`: `relabel` removed it"]);
        check(
            &job,
            &[(ADDRESS, "a:1/metrics")],
            expect![[r#""a:1/metrics" is not a host and port, nor an http or https URL"#]],
        );
        check(&job, &[(ADDRESS, "ftp://a")], expect![[r#""ftp://a" is not an http or https URL with a host"#]]);
        check(&job, &[(ADDRESS, "a:b")], expect![[r#""http://a:b/" is not an http or https URL with a host"#]]);
        check(
            &job,
            &[(ADDRESS, "a"), (SCHEME, "unix")],
            expect![[r#""unix://a/" is not an http or https URL with a host"#]],
        );
        check(
            &job,
            &[(ADDRESS, "a"), (INTERVAL, "soon")],
            expect![[r#"`__scrape_interval__` is "soon", which is not a duration"#]],
        );
        check(
            &job,
            &[(ADDRESS, "a"), (INTERVAL, "5s")],
            expect!["a timeout of 10s must be above zero and at most the interval of 5s"],
        );
        job.relabel = vec![
            Rule::new(RuleText {
                action: Some(Action::Drop),
                source_labels: vec!["env".to_owned()],
                regex: Some("test".to_owned()),
                ..RuleText::default()
            })
            .unwrap(),
        ];
        check(&job, &[(ADDRESS, "a"), ("env", "test")], expect!["dropped"]);
    }

    #[test]
    fn a_target_found_twice_is_one_and_a_job_has_a_limit() {
        let job = job("node");
        let at = |address: String| [(ADDRESS, address)].into_iter().collect::<LabelSet>();
        let list: Discovered = Arc::new((0..TARGETS_MAX + 2).map(|number| at(format!("a:{}", number + 1))).collect());
        let wrong: Discovered = Arc::new(vec![at("a/b".to_owned())]);
        let populated = job.populate([&wrong, &list, &list]);
        assert_eq!((populated.targets.len(), populated.beyond, populated.refused.len()), (TARGETS_MAX, 2, 1));
    }
}
