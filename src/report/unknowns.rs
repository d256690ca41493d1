//! Undecided rules as people read them: each missing fact once, with the rules and hosts that it touches.

use std::collections::{BTreeMap, BTreeSet};

use super::HostReport;
use crate::audit::{Missed, RuleRef, Verdict, missed};
use crate::policy::Policy;
use crate::snapshot::{Family, Transport};
use crate::truth::Missing;

/// How many names a list shows before `and N more`.
const LIST: usize = 8;

/// Missing facts over all hosts so far.
#[derive(Debug, Default)]
pub struct Unknowns {
    groups: BTreeMap<Missing, Touched>,
    hosts: u64,
}

#[derive(Debug, Default)]
struct Touched {
    tables: BTreeSet<(Transport, Family)>,
    rules: BTreeSet<RuleRef>,
    /// The first few, and how many there are.
    hosts: Vec<String>,
    host_count: usize,
    last_host: Option<u64>,
}

/// A missing fact, in words that are not made safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `34 rules: the evidence does not cover UDP`.
    pub headline: String,
    /// What would decide them.
    pub cure: String,
    /// The first few rules.
    pub rules: String,
    /// The first few hosts.
    pub hosts: String,
}

impl Unknowns {
    /// Takes note of the undecided rules of a host.
    pub fn add(&mut self, host: &HostReport) {
        self.hosts += 1;
        let results = host.results.as_deref().unwrap_or_default();
        for result in results.iter().filter(|result| result.verdict == Verdict::Unknown) {
            for Missed { kind, tables } in missed(result) {
                let touched = self.groups.entry(kind).or_default();
                touched.tables.extend(tables);
                touched.rules.insert(result.rule);
                if touched.last_host != Some(self.hosts) {
                    touched.last_host = Some(self.hosts);
                    touched.host_count += 1;
                    if touched.hosts.len() < LIST {
                        touched.hosts.push(host.title().to_owned());
                    }
                }
            }
        }
    }

    /// The missing facts, those that cost most verdicts first.
    pub fn groups<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Group> + 'a {
        self.groups.iter().map(|(&kind, touched)| {
            let missed = Missed { kind, tables: touched.tables.iter().copied().collect() };
            let rules = match touched.rules.len() {
                1 => "1 rule".to_owned(),
                count => format!("{count} rules"),
            };
            let ids = touched.rules.iter().map(|rule| rule.id(policy));
            let hosts = touched.hosts.iter().map(String::as_str);
            Group {
                headline: format!("{rules}: {}", missed.what()),
                cure: missed.cure(),
                rules: listed(ids, touched.rules.len()),
                hosts: listed(hosts, touched.host_count),
            }
        })
    }
}

/// `a, b, c and 5 more`, of `count` names.
fn listed<'a>(names: impl Iterator<Item = &'a str>, count: usize) -> String {
    let shown: Vec<&str> = names.take(LIST).collect();
    match count.saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
