//! What reports are made of: flat views of rules, findings and problems, borrowed from the audit.
//!
//! A view computes nothing until it is asked, so a format pays for what it takes. Texts are as the
//! evidence and the policy have them unless a method says that they are safe; each format escapes for its
//! own medium (`crate::safe`).

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::place::Location;
use super::{HostReport, Run};
use crate::audit::{
    Missed, RuleRef, RuleResult, Summary, Verdict, Violation, headline, label, message, missed,
    requirement,
};
use crate::capture::{CaptureIssue, Severity as IssueSeverity};
use crate::policy::{Policy, Rule, Severity, Waiver};
use crate::snapshot::Socket;
use crate::source::{Span, sha256_hex};

/// A rule, or the reserved rule `unlisted`.
#[derive(Debug, Clone, Copy)]
pub struct RuleView<'a> {
    policy: &'a Policy,
    /// Which.
    pub of: RuleRef,
}

/// All rules of a policy in the order of results: `unlisted` last, when the policy has it.
pub fn rules(policy: &Policy) -> impl Iterator<Item = RuleView<'_>> {
    let unlisted = policy.unlisted.map(|_| RuleRef::Unlisted);
    let all = (0..policy.rules.len()).map(RuleRef::Rule).chain(unlisted);
    all.map(move |of| RuleView { policy, of })
}

impl<'a> RuleView<'a> {
    fn rule(self) -> Option<&'a Rule> {
        self.of.rule(self.policy)
    }

    /// Its id.
    #[must_use]
    pub fn id(self) -> &'a str {
        self.of.id(self.policy)
    }

    /// Its place among [`rules`].
    #[must_use]
    pub fn index(self) -> usize {
        match self.of {
            RuleRef::Rule(index) => index,
            RuleRef::Unlisted => self.policy.rules.len(),
        }
    }

    /// Its summary, or what it asks; one safe line.
    #[must_use]
    pub fn summary(self) -> String {
        headline(self.of, self.policy)
    }

    /// What it asks, as a clause; one safe line.
    #[must_use]
    pub fn requirement(self) -> String {
        requirement(self.of, self.policy)
    }

    /// How bad a violation is.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.of.severity(self.policy)
    }

    /// Why the rule is.
    #[must_use]
    pub fn because(self) -> Option<&'a str> {
        self.rule().and_then(|rule| rule.because.as_deref())
    }

    /// What to do about a violation.
    #[must_use]
    pub fn help(self) -> Option<&'a str> {
        self.rule().and_then(|rule| rule.help.as_deref())
    }

    /// Where to read more.
    #[must_use]
    pub fn url(self) -> Option<&'a str> {
        self.rule().and_then(|rule| rule.url.as_deref())
    }

    /// Compliance controls: `framework:id`.
    #[must_use]
    pub fn controls(self) -> &'a [String] {
        self.rule().map(|rule| rule.controls.as_slice()).unwrap_or_default()
    }

    /// Words to select rules by.
    #[must_use]
    pub fn tags(self) -> &'a [String] {
        self.rule().map(|rule| rule.tags.as_slice()).unwrap_or_default()
    }

    /// Who answers for it.
    #[must_use]
    pub fn owner(self) -> Option<&'a str> {
        self.rule().and_then(|rule| rule.owner.as_deref())
    }

    /// Key and value of its action, or of `unlisted`.
    #[must_use]
    pub fn place(self) -> Option<Location<'a>> {
        let at = match self.rule() {
            Some(rule) => rule.action_at,
            None => self.policy.unlisted?.at,
        };
        Location::new(&self.policy.sources, at)
    }
}

/// How a finding stands: a verdict of a rule, or one of its violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// A violation that counts.
    Violation,
    /// The rule could not be decided.
    Unknown,
    /// A violation that is waived.
    Waived,
    /// The rule holds.
    Pass,
    /// The rule is for other hosts.
    NotApplicable,
}

impl Standing {
    /// The name of the verdict that it is part of.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Violation => Verdict::Fail.name(),
            Self::Unknown => Verdict::Unknown.name(),
            Self::Waived => Verdict::Waived.name(),
            Self::Pass => Verdict::Pass.name(),
            Self::NotApplicable => Verdict::NotApplicable.name(),
        }
    }
}

/// One thing that a report says of a rule on a host.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// How it stands.
    pub standing: Standing,
    /// The host.
    pub host: &'a HostReport,
    /// All that the rule comes to on it.
    pub result: &'a RuleResult,
    /// The violation; `None` where the finding is a verdict of the rule as a whole.
    pub violation: Option<&'a Violation>,
    run: &'a Run<'a>,
}

/// The findings of a rule on a host: each violation, in the order of the evidence, then the verdict of the
/// rule where it is no more than the sum of these. Never empty: a rule that is undecided beside waived
/// violations has a finding for each of both.
pub fn findings_of<'a>(
    run: &'a Run<'a>,
    host: &'a HostReport,
    result: &'a RuleResult,
) -> impl Iterator<Item = Finding<'a>> {
    let whole = match result.verdict {
        Verdict::Fail | Verdict::Waived => None,
        Verdict::Unknown => Some(Standing::Unknown),
        Verdict::Pass => Some(Standing::Pass),
        Verdict::NotApplicable => Some(Standing::NotApplicable),
    };
    let violations = result.violations.iter().map(move |violation| {
        let standing = match violation.waiver {
            Some(_) => Standing::Waived,
            None => Standing::Violation,
        };
        Finding { standing, host, result, violation: Some(violation), run }
    });
    violations.chain(whole.map(|standing| Finding { standing, host, result, violation: None, run }))
}

/// The findings of a host in the order of the policy; none when its evidence could not be used
/// ([`problems`] says why).
pub fn findings<'a>(run: &'a Run<'a>, host: &'a HostReport) -> impl Iterator<Item = Finding<'a>> {
    let results = host.results.as_deref().unwrap_or_default();
    results.iter().flat_map(move |result| findings_of(run, host, result))
}

impl<'a> Finding<'a> {
    /// The rule.
    #[must_use]
    pub fn rule(&self) -> RuleView<'a> {
        RuleView { policy: self.run.policy, of: self.result.rule }
    }

    /// The socket that violates the rule.
    #[must_use]
    pub fn socket(&self) -> Option<&'a Socket> {
        let index = self.violation?.socket?;
        self.host.snapshot.sockets().get(index)
    }

    /// Transport and endpoint of that socket: `tcp 0.0.0.0:23`.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        let socket = self.socket()?;
        Some(format!("{} {}", socket.transport.name(), self.host.snapshot.endpoint(socket)))
    }

    /// What is so, in one safe sentence.
    #[must_use]
    pub fn message(&self) -> String {
        let policy = self.run.policy;
        match (self.standing, self.violation) {
            (_, Some(violation)) => {
                message(self.result, violation, policy, &self.host.facts(self.run))
            }
            (Standing::Pass, _) => format!("holds: {}", self.rule().summary()),
            (Standing::NotApplicable, _) => {
                format!("is for other hosts: {}", self.rule().summary())
            }
            _ => format!(
                "not decided: {}; {}",
                self.rule().summary(),
                self.reason().unwrap_or_default()
            ),
        }
    }

    /// [`Finding::message`] with the summary of the rule before it: all that one line can say.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.standing {
            Standing::Violation => format!("{}: {}", self.rule().summary(), self.message()),
            Standing::Waived => format!("waived: {}: {}", self.rule().summary(), self.message()),
            Standing::Unknown | Standing::Pass | Standing::NotApplicable => self.message(),
        }
    }

    /// What else a reader wants to know, by name, in one order for all formats; not made safe.
    #[must_use]
    pub fn details(&self) -> Vec<(&'static str, Cow<'a, str>)> {
        let place = |location: Location<'a>| {
            let (path, place) = (location.path(), location.place);
            Cow::Owned(format!("{path}:{}:{}", place.line, place.column))
        };
        let rule = self.rule();
        let waiver = self.justification().map(Cow::Owned);
        let expired = self.expired().filter(|_| self.standing == Standing::Violation);
        let expired = expired
            .map(|waiver| format!("expired on {} ({})", waiver.expires.text, waiver.owner).into());
        [
            ("because", rule.because().map(Cow::Borrowed)),
            ("help", rule.help().map(Cow::Borrowed)),
            ("url", rule.url().map(Cow::Borrowed)),
            ("waiver", waiver.or(expired)),
            ("evidence", self.evidence().map(place)),
            ("policy", self.policy().map(place)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// What is so at the evidence, in few words; empty where there is none. One safe line.
    #[must_use]
    pub fn label(&self) -> String {
        let facts = self.host.facts(self.run);
        let of = |violation| label(self.result, violation, self.run.policy, &facts);
        self.violation.map(of).unwrap_or_default()
    }

    /// What keeps the rule undecided, each kind of fact with its cure; empty when it is decided.
    #[must_use]
    pub fn missed(&self) -> Vec<Missed> {
        missed(self.result)
    }

    /// Why the rule is undecided and what would decide it; `None` when it is decided.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        (self.result.verdict == Verdict::Unknown).then(|| reason(&self.missed()))
    }

    /// The part of the evidence that is at fault, or that lacks a fact; `None` when something is not
    /// there.
    #[must_use]
    pub fn evidence(&self) -> Option<Location<'a>> {
        let snapshot = &self.host.snapshot;
        let at = match self.violation {
            Some(violation) => violation.evidence,
            None => {
                let first = self.result.undecided.sockets.first();
                first.and_then(|&index| snapshot.sockets().get(index)).map(Socket::span)
            }
        };
        Location::new(&snapshot.sources, at?)
    }

    /// [`Finding::evidence`], or else the first line of the evidence, for readers that want a place for
    /// everything; `None` when the evidence is no text.
    #[must_use]
    pub fn anchor(&self) -> Option<Location<'a>> {
        self.evidence().or_else(|| Location::first_line(&self.host.snapshot.sources))
    }

    /// The key of the policy that failed, or that asks.
    #[must_use]
    pub fn policy(&self) -> Option<Location<'a>> {
        match self.violation {
            Some(violation) => Location::new(&self.run.policy.sources, violation.policy),
            None => self.rule().place(),
        }
    }

    /// The same from run to run while host, rule and endpoint are: 32 hex digits. A finding that is no
    /// violation is known by host, rule and standing. Two hosts of one name may share it.
    #[must_use]
    pub fn fingerprint(&self) -> Cow<'a, str> {
        match self.violation {
            Some(violation) => Cow::Borrowed(&violation.fingerprint),
            None => {
                let host = self.host.snapshot.host.name.as_deref().unwrap_or_default();
                let (rule, standing) = (self.rule().id(), self.standing.name());
                let mut hash = sha256_hex(format!("1\0{host}\0{rule}\0\0{standing}").as_bytes());
                hash.truncate(32);
                Cow::Owned(hash)
            }
        }
    }

    /// The waiver that accepts the violation.
    #[must_use]
    pub fn waiver(&self) -> Option<&'a Waiver> {
        self.run.policy.waivers.get(self.violation?.waiver?)
    }

    /// A waiver that accepted the violation until it expired.
    #[must_use]
    pub fn expired(&self) -> Option<&'a Waiver> {
        self.run.policy.waivers.get(self.violation?.expired?)
    }

    /// What the waiver says, in words; not made safe.
    #[must_use]
    pub fn justification(&self) -> Option<String> {
        self.waiver().map(justification)
    }
}

/// A waiver in one sentence; not made safe.
#[must_use]
pub fn justification(waiver: &Waiver) -> String {
    let mut text =
        format!("waived until {}: {} (owner: {}", waiver.expires.text, waiver.reason, waiver.owner);
    let more = [
        ("approved by", &waiver.approved_by),
        ("ticket", &waiver.ticket),
        ("compensating", &waiver.compensating),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            text.push_str(&format!("; {name}: {value}"));
        }
    }
    text.push(')');
    text
}

/// Missing facts with their cures, in one sentence.
#[must_use]
pub fn reason(missed: &[Missed]) -> String {
    let sentences: Vec<String> =
        missed.iter().map(|missed| format!("{}; {}", missed.what(), missed.cure())).collect();
    sentences.join(". ")
}

/// A waiver as JSON: what it says, and where it stands.
#[derive(Debug, Serialize)]
pub struct WaiverDocument<'a> {
    reason: &'a str,
    owner: &'a str,
    expires: &'a str,
    approved_by: Option<&'a str>,
    ticket: Option<&'a str>,
    compensating: Option<&'a str>,
    policy: Option<Location<'a>>,
}

impl<'a> WaiverDocument<'a> {
    /// The document of a waiver of a policy.
    #[must_use]
    pub fn new(policy: &'a Policy, waiver: &'a Waiver) -> Self {
        Self {
            reason: &waiver.reason,
            owner: &waiver.owner,
            expires: &waiver.expires.text,
            approved_by: waiver.approved_by.as_deref(),
            ticket: waiver.ticket.as_deref(),
            compensating: waiver.compensating.as_deref(),
            policy: Location::new(&policy.sources, waiver.at),
        }
    }
}

/// Something that is wrong with evidence.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    issue: &'a CaptureIssue,
    host: &'a HostReport,
    /// How bad it is; with an error the evidence was not used.
    pub severity: IssueSeverity,
}

/// What is wrong with the evidence of a host, in the order of the text; notes too.
pub fn problems<'a>(run: &'a Run<'a>, host: &'a HostReport) -> impl Iterator<Item = Problem<'a>> {
    let problem = |issue: &'a CaptureIssue| Problem {
        issue,
        host,
        severity: issue.kind.severity(run.lenient),
    };
    host.issues.iter().map(problem)
}

impl<'a> Problem<'a> {
    /// The diagnostic code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.issue.kind.code()
    }

    /// What is so, in one clause; not made safe.
    #[must_use]
    pub fn message(&self) -> &'a str {
        &self.issue.message
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.issue.kind.help()
    }

    /// Where it is; `None` for the whole text.
    #[must_use]
    pub fn location(&self) -> Option<Location<'a>> {
        self.issue.at.and_then(|at: Span| Location::new(&self.host.snapshot.sources, at))
    }
}

/// The name of a severity of an issue.
#[must_use]
pub fn issue_severity(severity: IssueSeverity) -> Severity {
    match severity {
        IssueSeverity::Error => Severity::Error,
        IssueSeverity::Warning => Severity::Warning,
        IssueSeverity::Note => Severity::Note,
    }
}

/// Why a run is no audit, or not a whole one (exit code 2), in one sentence; `None` when it is whole.
/// Every format says it, since nothing else in a report may be wrong then.
#[must_use]
pub fn shortfall(summary: &Summary) -> Option<String> {
    if summary.exit_code() != 2 {
        return None;
    }
    let count = |number: u64, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    let mut why = Vec::new();
    if summary.broken > 0 {
        why.push(format!("{} could not be read", count(summary.broken, "capture", "captures")));
    }
    if summary.unwritten > 0 {
        why.push(format!("{} could not be written", count(summary.unwritten, "report", "reports")));
    }
    if summary.refused {
        why.push("there are warnings, and `--strict` is asked for".to_owned());
    }
    if summary.hosts == 0 && why.is_empty() {
        why.push("there is no evidence".to_owned());
    }
    if summary.hosts > 0 && summary.is_vacuous() {
        why.push("no rule is for any of the hosts".to_owned());
    }
    let what = if summary.hosts == 0 { "no audit took place" } else { "the audit is not whole" };
    Some(format!("{what}: {}", why.join("; ")))
}

/// The moment that a report gives for a host: that of its capture where the evidence says it, else the one
/// that was asked for, else 1970-01-01. Never the clock's, so that two runs give the same bytes.
#[must_use]
pub fn moment(run: &Run<'_>, host: Option<&HostReport>) -> Timestamp {
    let captured = host.and_then(|host| host.snapshot.origin.captured_at.as_deref());
    let captured = captured.and_then(|text| text.parse().ok());
    captured.unwrap_or_else(|| run.dated())
}
