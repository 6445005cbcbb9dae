//! The plan that an executor answers from: read without a lock, swapped whole.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use weir_model::{
    estate::Protocol,
    id::DomainOrd,
    picker::Picker,
    plan::{Plan, PlanNumber},
};

/// A plan older than, or as old as, what is held was offered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("plan {offered} is not newer than {held}, which is held")]
pub struct Stale {
    /// What was offered.
    pub offered: PlanNumber,
    /// What is held.
    pub held: PlanNumber,
}

/// A name that an executor was asked for and does not answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// It is no domain of the plan.
    #[error("`{0}` is no domain served here")]
    Unknown(String),
    /// The domain does not list the executor's protocol.
    #[error("`{name}` is not served by {protocol}: add it to the domain's `protocols` in the inventory")]
    Unlisted {
        /// The domain.
        name: String,
        /// Which it does not list.
        protocol: Protocol,
    },
}

/// The domain called `name` (lower case, no final dot), when it may be answered by `protocol`.
pub(crate) fn domain(picker: &Picker, name: &str, protocol: Protocol) -> Result<DomainOrd, Unserved> {
    picker.domain_by(name, protocol).ok_or_else(|| match picker.domain(name) {
        Some(_) => Unserved::Unlisted { name: name.to_owned(), protocol },
        None => Unserved::Unknown(name.to_owned()),
    })
}

/// The plan in force, made ready for answering. Cloned handles share it.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    picker: Arc<ArcSwapOption<Picker>>,
}

impl Answers {
    /// Takes a newer plan into force.
    ///
    /// # Errors
    /// When what is held is as new: fencing against a controller that lost its lease.
    pub fn install(&self, plan: Arc<Plan>) -> Result<PlanNumber, Stale> {
        let offered = plan.number;
        let picker = Arc::new(Picker::new(plan));
        let mut stale = None;
        self.picker.rcu(|held| match held {
            Some(held) if held.number() >= offered => {
                stale = Some(held.number());
                Some(Arc::clone(held))
            }
            _ => {
                stale = None;
                Some(Arc::clone(&picker))
            }
        });
        match stale {
            Some(held) => Err(Stale { offered, held }),
            None => Ok(offered),
        }
    }

    /// The plan in force.
    pub fn load(&self) -> Option<Arc<Picker>> {
        self.picker.load_full()
    }

    /// Its number.
    pub fn number(&self) -> Option<PlanNumber> {
        self.picker.load().as_ref().map(|picker| picker.number())
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    //! A plan of two sites for this crate's tests.

    use weir_model::{
        id::SiteOrd,
        inventory,
        plan::{Assignment, Directory, Reason, Routes},
        time::UnixNanos,
    };

    use super::*;

    pub(crate) const ESTATE: &str = r"
providers: [{id: own}]
sites:
  - {id: s1, kind: edge, region: eu, provider: own}
  - {id: s2, kind: edge, region: eu, provider: own}
nodes:
  - {id: edge-1, site: s1, role: edge, addresses: [127.0.1.1, '::1'], port: 8080, capacity: 1Gbps}
  - {id: edge-2, site: s2, role: edge, addresses: [127.0.1.2], port: 8080, capacity: 1Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, ttl: 1s, protocols: [dns, httpdns, http302]}]
client_groups:
  - {id: one, region: eu, prefixes: [10.0.0.0/16], latency: {s1: 1ms, s2: 1ms}}
  - {id: two, region: eu, prefixes: [10.1.0.0/16], latency: {s1: 1ms, s2: 1ms}}
";

    /// `www.acme.test`: 10.0.0.0/16 on s1, 10.1.0.0/16 split between s1 and s2.
    pub(crate) fn plan(epoch: u64, generation: u64) -> Arc<Plan> {
        plan_of(ESTATE, PlanNumber { epoch, generation }, &[&[(0, 1.0)], &[(0, 0.5), (1, 0.5)]])
    }

    /// As [`plan`], but the first group, on s1, is everybody of v6 and the second, on s2, loopback
    /// of v4.
    pub(crate) fn loopback_plan() -> Arc<Plan> {
        let estate = ESTATE.replace("10.0.0.0/16", "'::/0'").replace("10.1.0.0/16", "127.0.0.0/8");
        plan_of(&estate, PlanNumber { epoch: 1, generation: 1 }, &[&[(0, 1.0)], &[(1, 1.0)]])
    }

    /// As [`plan`], but the domain does not list `protocol`.
    pub(crate) fn plan_without(protocol: Protocol) -> Arc<Plan> {
        let listed = [Protocol::Dns, Protocol::Httpdns, Protocol::Http302].into_iter().filter(|by| *by != protocol);
        let listed: Vec<&str> = listed.map(Protocol::as_str).collect();
        let estate = ESTATE.replace("dns, httpdns, http302", &listed.join(", "));
        plan_of(&estate, PlanNumber { epoch: 1, generation: 1 }, &[&[(0, 1.0)], &[(0, 0.5), (1, 0.5)]])
    }

    /// A plan of an estate's inventory, and per (group, domain) the parts of sites.
    pub(crate) fn plan_of(estate: &str, number: PlanNumber, assignments: &[&[(u32, f64)]]) -> Arc<Plan> {
        let estate = inventory::parse("fixture.yaml", estate).unwrap();
        let shares = |parts: &[(u32, f64)]| {
            let shares = Assignment::shares_of(parts.iter().map(|(site, part)| (SiteOrd(*site), *part)));
            Arc::new(Assignment { shares, failover: vec![] })
        };
        Arc::new(Plan {
            number,
            parent: None,
            made_at: UnixNanos(0),
            reason: Reason::Planned,
            directory: Directory::of(&estate),
            assignments: assignments.iter().map(|parts| shares(parts)).collect(),
            routes: (0..2 * estate.domains.len()).map(|_| Arc::new(Routes::default())).collect(),
            out_of_service: vec![],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_newer_plans_come_into_force() {
        let answers = Answers::default();
        assert_eq!(answers.number(), None);
        answers.install(fixture::plan(2, 5)).unwrap();
        let stale = answers.install(fixture::plan(1, 9)).unwrap_err();
        assert_eq!(stale.to_string(), "plan 1.9 is not newer than 2.5, which is held");
        assert!(answers.install(fixture::plan(2, 5)).is_err());
        answers.install(fixture::plan(3, 1)).unwrap();
        assert_eq!(answers.number(), Some(PlanNumber { epoch: 3, generation: 1 }));
    }
}
