//! Plain words and small data that reports for auditors share.

use jiff::Timestamp;
use serde::Serialize;

use super::finding::{Finding, Standing, findings_of, rules};
use super::place::clip;
use super::{HostReport, Run};
use crate::audit::{RuleRef, Verdict};
use crate::controls::Counts;
use crate::policy::{Policy, Severity};
use crate::source::Span;

/// A moment in RFC 3339, in UTC, whole seconds.
pub(super) fn moment(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Why the evidence of a host could not be used, in one line.
pub(super) fn unusable(host: &HostReport, lenient: bool) -> String {
    use crate::capture::Severity as Issue;
    let issue = host.issues.iter().find(|issue| issue.kind.severity(lenient) == Issue::Error);
    match issue {
        Some(issue) => format!("the evidence could not be used: {}", issue.message),
        None => "the evidence could not be used".to_owned(),
    }
}

/// SHA-256 of the evidence, in lower-case hex.
pub(super) fn sha256(host: &HostReport) -> String {
    let hash = || host.snapshot.sources.files().first().map(|file| file.sha256());
    host.snapshot.origin.sha256.clone().or_else(hash).unwrap_or_default()
}

/// `high`, `medium` or `low`, as scanners call severities.
pub(super) fn grade(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "high",
        Severity::Warning => "medium",
        Severity::Note => "low",
    }
}

/// How much of a line of evidence is kept, in characters.
pub(super) const LINE: usize = 240;

/// One line on one result: a violation, or why something is undecided.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The host, by its place in [`Ledger::hosts`].
    pub(super) host: u32,
    /// [`Verdict::Fail`], [`Verdict::Unknown`] or [`Verdict::Waived`].
    pub(super) verdict: Verdict,
    /// Path and line of the evidence.
    pub(super) place: String,
    /// That line; empty where there is none.
    pub(super) line: String,
    /// What is so.
    pub(super) message: String,
    /// The fingerprint of a violation; empty where there is none.
    pub(super) fingerprint: String,
    /// The key of the policy that failed.
    pub(super) key: Option<Span>,
    /// The waiver, or the one that expired, by its place in the policy.
    pub(super) waiver: Option<usize>,
    /// The endpoint, `tcp 0.0.0.0:23`; empty where there is none.
    pub(super) endpoint: String,
}

/// What a rule came to on all hosts.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// How many hosts came to each verdict; one that could not be judged is unknown.
    pub(super) counts: Counts,
    /// Violations and undecided results, in the order of the hosts; at most [`Ledger::most`].
    pub(super) entries: Vec<Entry>,
    /// Entries beyond, by verdict.
    pub(super) left_out: Counts,
    /// The hosts that it passed on.
    pub(super) passed: Vec<u32>,
}

/// One piece of evidence.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// The name of the host, or the path.
    pub(super) host: String,
    /// The path as given.
    pub(super) path: String,
    /// SHA-256 of the bytes.
    pub(super) sha256: String,
    /// The format.
    pub(super) format: String,
    /// The command that made it, where known.
    pub(super) command: Option<String>,
    /// When it was made, where known.
    pub(super) captured_at: Option<String>,
    /// Why it could not be used.
    pub(super) unusable: Option<String>,
}

/// What reports need that begin with totals: small plain data of every host, nothing of its snapshot.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// How many entries a rule keeps.
    pub(super) most: usize,
    /// The evidence, in order.
    pub(super) hosts: Vec<Evidence>,
    /// By rule, `unlisted` last.
    pub(super) rows: Vec<Row>,
}

impl Ledger {
    /// An empty one for a policy, with at most so many entries a rule.
    pub(super) fn new(policy: &Policy, most: usize) -> Self {
        Self { most, hosts: Vec::new(), rows: vec![Row::default(); rules(policy).count()] }
    }

    /// Adds a host.
    pub(super) fn add(&mut self, run: &Run<'_>, host: &HostReport) {
        let number_of_host = crate::source::to_u32(self.hosts.len());
        let origin = &host.snapshot.origin;
        let unusable = host.results.is_none().then(|| unusable(host, run.lenient));
        if let Some(why) = &unusable {
            let entry = Entry {
                host: number_of_host,
                verdict: Verdict::Unknown,
                place: origin.path.clone(),
                line: String::new(),
                message: why.clone(),
                fingerprint: String::new(),
                key: None,
                waiver: None,
                endpoint: String::new(),
            };
            for row in &mut self.rows {
                row.counts.add(Verdict::Unknown);
                row.push(entry.clone(), self.most);
            }
        }
        for result in host.results.iter().flatten() {
            let number = match result.rule {
                RuleRef::Rule(index) => index,
                RuleRef::Unlisted => run.policy.rules.len(),
            };
            let Some(row) = self.rows.get_mut(number) else { continue };
            row.counts.add(result.verdict);
            for finding in findings_of(run, host, result) {
                row.add(&finding, number_of_host, self.most);
            }
        }
        self.hosts.push(Evidence {
            host: host.title().to_owned(),
            path: origin.path.clone(),
            sha256: sha256(host),
            format: origin.format.clone(),
            command: origin.command.clone(),
            captured_at: origin.captured_at.clone(),
            unusable,
        });
    }

    /// The name of a host.
    pub(super) fn name(&self, host: u32) -> &str {
        self.hosts.get(host as usize).map_or("", |evidence| &evidence.host)
    }
}

impl Row {
    fn push(&mut self, entry: Entry, most: usize) {
        if self.entries.len() < most {
            self.entries.push(entry);
        } else {
            self.left_out.add(entry.verdict);
        }
    }

    fn add(&mut self, finding: &Finding<'_>, host: u32, most: usize) {
        let verdict = match finding.standing {
            Standing::Violation => Verdict::Fail,
            Standing::Waived => Verdict::Waived,
            Standing::Unknown => Verdict::Unknown,
            Standing::Pass => return self.passed.push(host),
            Standing::NotApplicable => return,
        };
        if self.entries.len() >= most {
            self.left_out.add(verdict);
            return;
        }
        let violation = finding.violation;
        let evidence = violation.and_then(|_| finding.evidence());
        let path = &finding.host.snapshot.origin.path;
        let message = match violation {
            Some(_) => finding.message(),
            None => finding.reason().unwrap_or_default(),
        };
        self.entries.push(Entry {
            host,
            verdict,
            place: evidence
                .map_or_else(|| path.clone(), |at| format!("{}:{}", at.path(), at.place.line)),
            line: evidence
                .map(|at| clip(at.line_text().trim_end(), LINE).into_owned())
                .unwrap_or_default(),
            message,
            fingerprint: violation
                .map(|violation| violation.fingerprint.clone())
                .unwrap_or_default(),
            key: violation.map(|violation| violation.policy),
            waiver: violation.and_then(|violation| violation.waiver.or(violation.expired)),
            endpoint: finding.endpoint().unwrap_or_default(),
        });
    }
}

/// A list whose members are made when they are written.
pub(super) struct Each<F>(pub(super) F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
