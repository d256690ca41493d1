//! The register of ports, protocols and services: `socklint inventory`.
//!
//! [`Inventory::add`] is a pure function of policy, snapshot and moment: every listener of the evidence
//! stands in the register exactly once, with the rules that speak of it, what they say (justification,
//! owner, approval, review) and what the audit makes of it; besides, the rules that list something that
//! is not there. Outputs are one file each: to add one, write `src/inventory/<name>.rs` with a
//! [`Register`], and add one line to [`REGISTERS`].

mod csv;
mod human;
mod json;
mod markdown;
mod sheet;

use std::io;

use jiff::Timestamp;

use crate::audit::{RuleRef, Verdict, audit, speaking, uncovered, waive};
use crate::policy::{Action, Facts, Policy, Rule};
use crate::snapshot::{Family, Grade, Snapshot, Transport};
use crate::style::Style;
use crate::truth::{Missing, Truth};

/// One output of `socklint inventory`.
pub trait Register: Sync {
    /// Name for `--format`.
    fn name(&self) -> &'static str;

    /// What it is, for `--help`.
    fn about(&self) -> &'static str;

    /// Writes the register.
    ///
    /// # Errors
    ///
    /// What `out` says.
    fn write(
        &self,
        out: &mut dyn io::Write,
        inventory: &Inventory<'_>,
        style: &Style,
    ) -> io::Result<()>;
}

/// Every output; the first is the default.
pub static REGISTERS: &[&dyn Register] =
    &[&human::Human, &markdown::Markdown, &csv::Csv, &json::Json];

/// The output of this name.
#[must_use]
pub fn register(name: &str) -> Option<&'static dyn Register> {
    REGISTERS.iter().copied().find(|register| register.name() == name)
}

/// The register of all hosts.
#[derive(Debug)]
pub struct Inventory<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The moment that reviews and waivers are judged by.
    pub now: Timestamp,
    /// The hosts, in the order of the evidence.
    pub hosts: Vec<HostRegister<'a>>,
}

/// What one piece of evidence holds.
#[derive(Debug)]
pub struct HostRegister<'a> {
    /// The evidence.
    pub snapshot: &'a Snapshot,
    /// Its listeners, each once, in the order of the evidence.
    pub listeners: Vec<Listener>,
    /// Rules for this host that list what no listener surely is.
    pub unseen: Vec<Unseen>,
    /// What of TCP and UDP the evidence does not cover: the register may lack listeners there.
    pub uncovered: Vec<(Transport, Family, Missing)>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Index in the snapshot's sockets.
    pub socket: usize,
    /// The rules whose `match` is true of it, or unknown, with which of the two; in the order of the
    /// policy.
    pub rules: Vec<(usize, Truth)>,
    /// What the audit makes of it.
    pub standing: Standing,
    /// The waivers that accept its violations, by their index in the policy; each once.
    pub waivers: Vec<usize>,
}

/// Whether any rule's `match` is true of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listed {
    /// One is.
    Yes,
    /// None surely is, and of one it is unknown.
    Perhaps,
    /// None is.
    No,
}

impl Listed {
    /// All of them, in the order of the register.
    pub const ALL: [Self; 3] = [Self::Yes, Self::Perhaps, Self::No];

    /// The name in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "listed",
            Self::Perhaps => "perhaps-listed",
            Self::No => "unlisted",
        }
    }
}

/// What the audit makes of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It violates a rule, or `unlisted`.
    Fail,
    /// A rule about it could not be decided.
    Unknown,
    /// Its violations are all waived.
    Waived,
    /// No rule speaks of it, and the policy does not mind.
    Unlisted,
    /// All rules that speak of it are satisfied.
    Pass,
}

impl Standing {
    /// All of them, worst first.
    pub const ALL: [Self; 5] =
        [Self::Fail, Self::Unknown, Self::Waived, Self::Unlisted, Self::Pass];

    /// The name in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
            Self::Unlisted => "unlisted",
            Self::Pass => "pass",
        }
    }
}

/// A rule (`allow`, `require` or `expect`) that no listener surely matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Index in the policy's rules.
    pub rule: usize,
    /// How many listeners may match.
    pub possible: u64,
    /// What of the rule's tables the evidence does not cover: a listener there would not be seen.
    pub uncovered: Vec<(Transport, Family, Missing)>,
}

impl Unseen {
    /// `unseen` only where the evidence would show it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.possible, self.uncovered.is_empty()) {
            (1.., _) => "perhaps-seen",
            (0, false) => "not-covered",
            (0, true) => "unseen",
        }
    }
}

impl Listener {
    /// Whether any rule's `match` is true of it.
    #[must_use]
    pub fn listed(&self) -> Listed {
        match self.rules.iter().map(|(_, matches)| *matches).fold(Truth::No, Truth::or) {
            Truth::Yes => Listed::Yes,
            Truth::Unknown(_) => Listed::Perhaps,
            Truth::No => Listed::No,
        }
    }
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Listeners: the rows of the evidence.
    pub listeners: usize,
    /// Listeners by [`Listed::ALL`]; they add up to `listeners`.
    pub listed: [usize; 3],
    /// Listeners by [`Standing::ALL`]; they add up to `listeners`.
    pub standings: [usize; 5],
    /// Rules that no listener surely matches, host by host.
    pub unseen: usize,
}

impl Counts {
    /// Adds a host.
    pub fn add(&mut self, host: &HostRegister<'_>) {
        self.listeners += host.listeners.len();
        self.unseen += host.unseen.len();
        for listener in &host.listeners {
            if let Some(count) = self.listed.get_mut(listener.listed() as usize) {
                *count += 1;
            }
            if let Some(count) = self.standings.get_mut(listener.standing as usize) {
                *count += 1;
            }
        }
    }
}

impl<'a> Inventory<'a> {
    /// A register without hosts.
    #[must_use]
    pub fn new(policy: &'a Policy, now: Timestamp) -> Self {
        Self { policy, now, hosts: Vec::new() }
    }

    /// Adds a host.
    pub fn add(&mut self, snapshot: &'a Snapshot) {
        let policy = self.policy;
        let facts = Facts { snapshot, grade: Grade::Presumed };
        let mut results = audit(policy, snapshot, facts.grade);
        waive(policy, snapshot, facts.grade, self.now, &mut results);
        let count = snapshot.sockets().len();
        let mut standings: Vec<Option<Standing>> = vec![None; count];
        let mut waivers: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut worse = |socket: usize, standing: Standing| {
            if let Some(known) = standings.get_mut(socket) {
                *known = Some(known.map_or(standing, |known| known.min(standing)));
            }
        };
        for result in &results {
            for violation in &result.violations {
                let Some(socket) = violation.socket else { continue };
                worse(
                    socket,
                    if violation.waiver.is_some() { Standing::Waived } else { Standing::Fail },
                );
                if let (Some(waiver), Some(known)) = (violation.waiver, waivers.get_mut(socket))
                    && !known.contains(&waiver)
                {
                    known.push(waiver);
                }
            }
            result.undecided.sockets.iter().for_each(|&socket| worse(socket, Standing::Unknown));
        }
        let listeners = snapshot.sockets().iter().zip(standings).zip(waivers).enumerate();
        let listeners = listeners.map(|(index, ((socket, standing), waivers))| {
            let rules = speaking(policy, &facts, socket);
            let mut listener = Listener { socket: index, rules, standing: Standing::Pass, waivers };
            listener.standing = standing.unwrap_or(match listener.listed() {
                Listed::Yes => Standing::Pass,
                Listed::Perhaps => Standing::Unknown,
                Listed::No => Standing::Unlisted,
            });
            listener
        });
        let listeners = listeners.collect();
        let unseen = results.iter().filter_map(|result| {
            let RuleRef::Rule(index) = result.rule else { return None };
            let rule = policy.rules.get(index)?;
            let lists = !matches!(rule.action, Action::Forbid);
            let absent = result.matched == 0 && result.verdict != Verdict::NotApplicable;
            (lists && absent).then(|| Unseen {
                rule: index,
                possible: result.possible,
                uncovered: uncovered(Some(rule), &facts),
            })
        });
        let unseen = unseen.collect();
        let uncovered = uncovered(None, &facts);
        self.hosts.push(HostRegister { snapshot, listeners, unseen, uncovered });
    }

    /// The counts of all hosts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.hosts.iter().for_each(|host| counts.add(host));
        counts
    }

    /// Whether the review of a rule is overdue.
    #[must_use]
    pub fn is_overdue(&self, rule: &Rule) -> bool {
        rule.review_by.as_ref().is_some_and(|(by, _)| by.is_past(self.now))
    }

    /// The rules that are spoken of anywhere, in the order of the policy, each with how many listeners
    /// surely match.
    #[must_use]
    pub fn rules(&self) -> Vec<(usize, usize)> {
        let mut seen: Vec<Option<usize>> = vec![None; self.policy.rules.len()];
        for host in &self.hosts {
            for &(rule, matches) in host.listeners.iter().flat_map(|listener| &listener.rules) {
                if let Some(count) = seen.get_mut(rule) {
                    *count = Some(count.unwrap_or(0) + usize::from(matches == Truth::Yes));
                }
            }
            for unseen in &host.unseen {
                if let Some(count) = seen.get_mut(unseen.rule) {
                    count.get_or_insert(0);
                }
            }
        }
        seen.into_iter().enumerate().filter_map(|(rule, count)| Some((rule, count?))).collect()
    }

    /// What the rules of a listener say, for outputs of one row a listener.
    fn said(&self, rules: &[(usize, Truth)]) -> Said {
        let mut said = Said::default();
        for &(index, matches) in rules {
            let Some(rule) = self.policy.rules.get(index) else { continue };
            let perhaps = if matches == Truth::Yes { "" } else { "?" };
            said.rules.push(format!("{}{perhaps}", rule.id));
            let mut add = |list: fn(&mut Said) -> &mut Vec<String>, text: Option<String>| {
                let list = list(&mut said);
                if let Some(text) = text.filter(|text| !text.is_empty() && !list.contains(text)) {
                    list.push(text);
                }
            };
            add(|said| &mut said.because, rule.because.clone());
            add(|said| &mut said.owners, rule.owner.clone());
            add(|said| &mut said.approvals, rule.approved_by.clone());
            add(|said| &mut said.reviews, rule.review_by.as_ref().map(|(by, _)| by.text.clone()));
            said.overdue |= self.is_overdue(rule);
        }
        said
    }

    /// Why a listener's violations are accepted.
    fn waived(&self, listener: &Listener) -> Vec<String> {
        let waivers = listener.waivers.iter().filter_map(|&index| self.policy.waivers.get(index));
        waivers
            .map(|waiver| {
                format!("{} ({}, until {})", waiver.reason, waiver.owner, waiver.expires.text)
            })
            .collect()
    }
}

/// What several rules say, each text once.
#[derive(Debug, Default)]
struct Said {
    rules: Vec<String>,
    because: Vec<String>,
    owners: Vec<String>,
    approvals: Vec<String>,
    reviews: Vec<String>,
    overdue: bool,
}

#[cfg(test)]
mod tests;
