//! What results say to people, in plain sentences; evidence in them is made safe.

use super::{RuleRef, RuleResult, Violation};
use crate::policy::{Action, Facts, Policy};
use crate::safe;
use crate::snapshot::{Family, Transport};
use crate::truth::Missing;

/// The title of a rule's diagnostics: its summary, or what it asks.
#[must_use]
pub fn headline(rule: RuleRef, policy: &Policy) -> String {
    match rule.rule(policy) {
        Some(rule) if !rule.summary.is_empty() => safe::line(&rule.summary).into_owned(),
        Some(rule) => match &rule.action {
            Action::Require(condition) => format!("a listener must {}", condition.phrase()),
            Action::Forbid => "a forbidden listener".to_owned(),
            Action::Expect { .. } => format!("expected {}", asked(&rule.action)),
            Action::Allow => "an approved listener".to_owned(),
        },
        None => "a listener that no rule speaks of".to_owned(),
    }
}

/// What the key of the policy asks, for its label.
#[must_use]
pub fn requirement(rule: RuleRef, policy: &Policy) -> String {
    match rule.rule(policy) {
        Some(rule) => safe::line(&asked(&rule.action)).into_owned(),
        None => "every listener must be listed by a rule".to_owned(),
    }
}

/// What an action asks, as a clause; not made safe.
#[must_use]
pub fn asked(action: &Action) -> String {
    match action {
        Action::Require(condition) => format!("must {}", condition.phrase()),
        Action::Forbid => "no listener may match".to_owned(),
        Action::Expect { min, max } => match max {
            None => format!("at least {min} must match"),
            Some(max) if *min == 0 => format!("at most {max} may match"),
            Some(max) => format!("from {min} to {max} must match"),
        },
        Action::Allow => "approved as matched".to_owned(),
    }
}

/// What is so in the evidence, for its label: ``bound to `0.0.0.0`, every address of the host``.
#[must_use]
pub fn label(
    result: &RuleResult,
    violation: &Violation,
    policy: &Policy,
    facts: &Facts<'_>,
) -> String {
    let socket = violation.socket.and_then(|index| facts.snapshot.sockets().get(index));
    let Some(socket) = socket else { return String::new() };
    match result.rule.rule(policy).map(|rule| &rule.action) {
        Some(Action::Require(condition)) => match condition.failing(socket, facts) {
            Some((test, _)) => test.instead(socket, facts),
            None => "is not so".to_owned(),
        },
        Some(Action::Expect { .. }) => "one more than may match".to_owned(),
        Some(Action::Forbid | Action::Allow) => "listens here".to_owned(),
        None => "no rule speaks of this listener".to_owned(),
    }
}

/// The violation in one sentence, for machines and logs.
#[must_use]
pub fn message(
    result: &RuleResult,
    violation: &Violation,
    policy: &Policy,
    facts: &Facts<'_>,
) -> String {
    let socket = violation.socket.and_then(|index| facts.snapshot.sockets().get(index));
    let Some(socket) = socket else {
        let count = result.matched;
        let listeners = if count == 1 { "listener matches" } else { "listeners match" };
        return format!("{count} {listeners}; {}", requirement(result.rule, policy));
    };
    let endpoint = facts.snapshot.endpoint(socket);
    let endpoint = safe::line(&endpoint);
    let transport = socket.transport.name();
    let rule = result.rule.rule(policy);
    match rule.map(|rule| &rule.action) {
        Some(Action::Require(_)) => {
            let is = label(result, violation, policy, facts);
            format!("{transport} `{endpoint}` is {is}; it {}", requirement(result.rule, policy))
        }
        Some(Action::Forbid) => format!("{transport} `{endpoint}` listens; no listener may match"),
        Some(Action::Expect { .. }) => {
            let count = result.matched;
            format!(
                "{transport} `{endpoint}` is one of {count} that match; {}",
                requirement(result.rule, policy)
            )
        }
        Some(Action::Allow) => format!("{transport} `{endpoint}` listens"),
        None => format!("{transport} `{endpoint}` listens and no rule speaks of it"),
    }
}

/// One kind of missing fact of an undecided rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missed {
    /// The kind.
    pub kind: Missing,
    /// The transports and families that are not covered for this reason, sorted; empty when it is a
    /// fact of sockets or of the host.
    pub tables: Vec<(Transport, Family)>,
    /// What supplies it where the evidence comes from, if that is not what supplies it elsewhere.
    pub own_cure: Option<&'static str>,
}

/// What a rule lacks, one entry for each kind of fact, in order.
#[must_use]
pub fn missed(result: &RuleResult) -> Vec<Missed> {
    let undecided = &result.undecided;
    let of_kind = |kind| {
        let cells = undecided.coverage.iter().filter(|(.., reason)| *reason == kind);
        let tables: Vec<_> = cells.map(|&(transport, family, _)| (transport, family)).collect();
        let lacks = undecided.facts.contains(kind) || !tables.is_empty();
        let own = undecided.cures.iter().find(|(of, _)| *of == kind);
        lacks.then(|| Missed { kind, tables, own_cure: own.map(|(_, cure)| *cure) })
    };
    Missing::ALL.into_iter().filter_map(of_kind).collect()
}

impl Missed {
    /// What is missing, as a clause: `the evidence does not cover UDP`.
    #[must_use]
    pub fn what(&self) -> String {
        match (self.kind, self.tables.as_slice()) {
            (kind, []) => kind.what().to_owned(),
            (Missing::TransportNotShown, of) => {
                format!("the evidence does not cover {}", tables(of))
            }
            (kind, of) => format!("{}: {}", tables(of), kind.what()),
        }
    }

    /// What supplies it, as an instruction.
    #[must_use]
    pub fn cure(&self) -> String {
        if let Some(cure) = self.own_cure {
            return cure.to_owned();
        }
        match (self.kind, self.tables.as_slice()) {
            (Missing::TransportNotShown, of) if !of.is_empty() => {
                format!("capture with {}", capture_command(of))
            }
            (kind, _) => kind.cure().to_owned(),
        }
    }
}

/// Transports and families in words: `TCP and UDP`, `UDP over IPv6`.
#[must_use]
pub fn tables(cells: &[(Transport, Family)]) -> String {
    let mut words: Vec<String> = Vec::new();
    for transport in Transport::ALL {
        let families: Vec<Family> =
            cells.iter().filter(|(of, _)| *of == transport).map(|&(_, family)| family).collect();
        let name = transport.name().to_uppercase();
        match families.as_slice() {
            [] => {}
            [family] => words.push(format!("{name} over {}", proper(*family))),
            _ => words.push(name),
        }
    }
    let v6_only = words.len() > 1 && words.iter().all(|word| word.ends_with(" over IPv6"));
    if v6_only {
        let names: Vec<&str> = words.iter().filter_map(|word| word.split(' ').next()).collect();
        return format!("{} over IPv6", names.join(" and "));
    }
    words.join(" and ")
}

fn proper(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    }
}

/// The command that lists these transports.
fn capture_command(cells: &[(Transport, Family)]) -> String {
    let has = |transport| cells.iter().any(|(of, _)| *of == transport);
    if has(Transport::Udplite) {
        return "`netstat -lnU`, since ss does not list UDP-Lite".to_owned();
    }
    let mut flags = String::from("ntup");
    for (transport, letter) in
        [(Transport::Raw, 'w'), (Transport::Sctp, 'S'), (Transport::Dccp, 'd')]
    {
        if has(transport) {
            flags.push(letter);
        }
    }
    format!("`ss -l{flags}`")
}
