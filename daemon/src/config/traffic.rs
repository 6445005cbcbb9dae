//! What counters of the estate mean: `traffic` of the configuration.

use std::{collections::BTreeMap, sync::Arc};

use weir_collector::mapping::{
    Billed, CounterMap, EdgeFeed, Feed, GroupBy, Meters, Port, Ports, Prefixes, Quantity, Rule, Slots, SlotsError,
};
use weir_model::{
    estate::Estate,
    keywords,
    yaml::{Diagnostics, Fields, Mark, Reader, Spanned},
};

/// Counters, and what each counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Traffic {
    /// The file that says so, for messages.
    file: Arc<str>,
    slots: Slots,
    edges: Vec<EdgeCounter>,
    ports: Vec<PortOf>,
}

/// A counter of what an edge served.
#[derive(Clone, Debug, PartialEq)]
struct EdgeCounter {
    metric: String,
    counts: Counts,
    group: GroupLabel,
    domain: String,
    site: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Bytes,
    Requests,
}

keywords!(Counts { "bytes" => Bytes, "requests" => Requests });

/// The label that tells the client group.
#[derive(Clone, Debug, PartialEq)]
enum GroupLabel {
    /// It holds the group's id.
    Id(String),
    /// It holds an address or prefix of the group.
    Prefix(String),
}

/// A port of a link, by the labels of its counters.
#[derive(Clone, Debug, PartialEq)]
struct PortOf {
    labels: BTreeMap<String, String>,
    link: Spanned<String>,
    /// The site whose contract bills it, instead of the link's.
    site: Option<Spanned<String>>,
}

impl Traffic {
    /// Reads the section.
    pub(super) fn read(file: &str, fields: &mut Fields<'_>) -> Self {
        let defaults = Slots::default();
        let slot = fields.optional_spanned("slot");
        let mark = slot.as_ref().map_or_else(|| fields.mark(), |slot: &Spanned<_>| slot.mark);
        let slots = Slots {
            rate: slot.map_or(defaults.rate, |slot| slot.value),
            gap_max: fields.or("gap_max", defaults.gap_max),
            ..defaults
        };
        if let Err(error) = CounterMap::new([], slots) {
            fields.reader().error(mark, error.to_string());
        }
        let edges = fields.list("edges").iter().filter_map(|item| EdgeCounter::read(item.fields()?)).collect();
        let ports: Vec<PortOf> = fields.list("ports").iter().filter_map(|item| PortOf::read(item.fields()?)).collect();
        if let Some(first) = ports.first() {
            for port in ports.iter().filter(|port| !port.labels.keys().eq(first.labels.keys())) {
                let names: Vec<&str> = first.labels.keys().map(String::as_str).collect();
                let message = "ports are told apart by different labels".to_owned();
                let hint = format!("give each port the labels of the first: {}", names.join(", "));
                fields.reader().error_with_hint(port.link.mark, message, hint);
            }
        }
        Self { file: file.into(), slots, edges, ports }
    }

    /// The map of these counters in `estate`.
    ///
    /// # Errors
    /// Every name that is not in the estate.
    pub(crate) fn map(&self, estate: &Estate) -> Result<CounterMap, Diagnostics> {
        let rules = self.rules(estate)?;
        CounterMap::new(rules, self.slots).map_err(|error: SlotsError| self.wrong([(Mark::START, error.to_string())]))
    }

    fn rules(&self, estate: &Estate) -> Result<Vec<Rule>, Diagnostics> {
        let prefixes = Arc::new(Prefixes {
            table: estate.prefixes.clone(),
            groups: estate.groups.iter().map(|group| group.id.clone()).collect(),
        });
        let mut rules: Vec<Rule> = self.edges.iter().map(|edge| edge.rule(&prefixes)).collect();
        let (found, missing): (Vec<_>, Vec<_>) =
            self.ports.iter().map(|port| port.port(estate)).partition(Result::is_ok);
        if !missing.is_empty() {
            return Err(self.wrong(missing.into_iter().filter_map(Result::err)));
        }
        let names: Vec<&str> =
            self.ports.first().map(|port| port.labels.keys().map(String::as_str).collect()).unwrap_or_default();
        let values = self.ports.iter().map(|port| port.labels.values().map(String::as_str).collect());
        let ports = values.zip(found.into_iter().filter_map(Result::ok));
        if !self.ports.is_empty() {
            rules.extend(Rule::if_mib(&Arc::new(Ports::new(&names, ports))));
        }
        Ok(rules)
    }

    fn wrong(&self, found: impl IntoIterator<Item = (Mark, String)>) -> Diagnostics {
        let reader = Reader::new(&self.file);
        found.into_iter().for_each(|(mark, message)| reader.error(mark, message));
        reader.finish().unwrap_or_default()
    }
}

impl EdgeCounter {
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let metric = fields.required("metric");
        let counts = fields.required("counts");
        let prefix = fields.optional::<String>("prefix").map(GroupLabel::Prefix);
        let group = fields.optional::<String>("group").map(GroupLabel::Id);
        if prefix.is_some() && group.is_some() {
            let hint = "`group` names a label with the group's id, `prefix` one with an address of it: give one";
            fields.reader().error_with_hint(fields.mark(), "both `group` and `prefix` are given", hint);
        }
        let group = prefix.or(group).unwrap_or_else(|| GroupLabel::Id("client_group".to_owned()));
        let domain = fields.or("domain", "domain".to_owned());
        let site = fields.or("site", "site".to_owned());
        fields.finish();
        Some(Self { metric: metric?, counts: counts?, group, domain, site })
    }

    fn rule(&self, prefixes: &Arc<Prefixes>) -> Rule {
        let group = match &self.group {
            GroupLabel::Id(label) => GroupBy::Label(label.as_str().into()),
            GroupLabel::Prefix(label) => {
                GroupBy::Prefix { label: label.as_str().into(), prefixes: Arc::clone(prefixes) }
            }
        };
        let quantity = match self.counts {
            Counts::Bytes => Quantity::Bytes,
            Counts::Requests => Quantity::Requests,
        };
        let (domain, site) = (self.domain.as_str().into(), self.site.as_str().into());
        Rule { metric: self.metric.as_str().into(), feed: Feed::Edge(EdgeFeed { quantity, group, domain, site }) }
    }
}

impl PortOf {
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let link = fields.required_spanned("link");
        let site = fields.optional_spanned("site");
        let labels = fields.required_map("labels").map(Fields::entries).unwrap_or_default();
        let labels = labels.into_iter().filter_map(|(name, value)| Some((name.value, value.scalar()?.value))).collect();
        fields.finish();
        Some(Self { labels, link: link?, site })
    }

    fn port(&self, estate: &Estate) -> Result<Port, (Mark, String)> {
        let unknown = |what: &str, name: &Spanned<String>| {
            (name.mark, format!("there is no {what} `{}` in the inventory", name.value))
        };
        let link = estate.link_ord(&self.link.value).ok_or_else(|| unknown("link", &self.link))?;
        let link = &estate.links[link.index()];
        let (contract, with) = match &self.site {
            Some(name) => {
                let site = estate.site_ord(&name.value).ok_or_else(|| unknown("site", name))?;
                let site = &estate.sites[site.index()];
                (site.contract, Meters::Site(site.id.clone()))
            }
            None => (link.contract, Meters::Link),
        };
        let billed = contract.map(|ord| Billed { contract: estate.contracts[ord.index()].id.clone(), with });
        Ok(Port { link: link.id.clone(), capacity: link.capacity, billed })
    }
}
