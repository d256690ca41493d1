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
    /// Apart where the cure is another one.
    groups: BTreeMap<(Missing, Option<&'static str>), Touched>,
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

/// A missing fact with what it keeps undecided.
#[derive(Debug, Clone)]
pub struct Fact<'a> {
    /// The fact.
    pub missed: Missed,
    /// The rules.
    pub rules: &'a BTreeSet<RuleRef>,
    /// The first few hosts.
    pub hosts: &'a [String],
    /// How many hosts there are.
    pub host_count: usize,
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
            for Missed { kind, tables, own_cure } in missed(result) {
                let touched = self.groups.entry((kind, own_cure)).or_default();
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

    /// The missing facts.
    pub fn facts(&self) -> impl Iterator<Item = Fact<'_>> {
        self.groups.iter().map(|(&(kind, own_cure), touched)| Fact {
            missed: Missed { kind, tables: touched.tables.iter().copied().collect(), own_cure },
            rules: &touched.rules,
            hosts: &touched.hosts,
            host_count: touched.host_count,
        })
    }

    /// The missing facts in words.
    pub fn groups<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Group> + 'a {
        self.facts().map(|fact| {
            let rules = match fact.rules.len() {
                1 => "1 rule".to_owned(),
                count => format!("{count} rules"),
            };
            let ids = fact.rules.iter().map(|rule| rule.id(policy));
            let hosts = fact.hosts.iter().map(String::as_str);
            Group {
                headline: format!("{rules}: {}", fact.missed.what()),
                cure: fact.missed.cure(),
                rules: listed(ids, fact.rules.len()),
                hosts: listed(hosts, fact.host_count),
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
