//! `json`: the report for machines, schema `socklint/report/1`.

use std::io::{self, Write};

use serde::Serialize;

use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{RuleResult, Summary, Verdict, Violation, message, missed};
use crate::capture::Severity as IssueSeverity;
use crate::controls::Tally;
use crate::controls::document::documents;
use crate::policy::document::{PolicyDocument, ToolDocument};
use crate::safe;
use crate::snapshot::document::{SocketDocument, SourceDocument};
use crate::source::{SourceMap, Span};

/// The value of `schema`.
const SCHEMA: &str = "socklint/report/1";

pub(super) struct Json;

impl ReportFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "scripts and other programs: everything, with places and reasons"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(JsonReport { first: true, tally: Tally::default() })
    }
}

struct JsonReport {
    first: bool,
    tally: Tally,
}

/// A host: its name or `null`, where the evidence is from, what is wrong with it, and a result for
/// every rule; `results` is `null` when the evidence could not be used.
#[derive(Serialize)]
struct HostDocument<'a> {
    host: Option<&'a str>,
    source: SourceDocument<'a>,
    issues: Vec<IssueDocument<'a>>,
    results: Option<Vec<ResultDocument<'a>>>,
}

#[derive(Serialize)]
struct IssueDocument<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    evidence: Option<PlaceDocument<'a>>,
}

/// A rule on a host. `reason` of an unknown verdict is one sentence; `missing` has its parts.
#[derive(Serialize)]
struct ResultDocument<'a> {
    rule: &'a str,
    verdict: &'static str,
    severity: &'static str,
    reason: Option<String>,
    missing: Vec<MissingDocument>,
    violations: Violations<'a>,
}

/// The violations of a rule, each a [`ViolationDocument`] that is made when it is written.
struct Violations<'a> {
    run: &'a Run<'a>,
    host: &'a HostReport,
    result: &'a RuleResult,
}

impl Serialize for Violations<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { run, host, result } = *self;
        let document = |violation| violation_document(run, host, result, violation);
        serializer.collect_seq(result.violations.iter().map(document))
    }
}

/// A missing fact: its id, what it is, and what supplies it.
#[derive(Serialize)]
struct MissingDocument {
    id: &'static str,
    what: String,
    cure: String,
}

/// A failing socket; `socket` and `evidence` are `null` when too few listeners match.
#[derive(Serialize)]
struct ViolationDocument<'a> {
    socket: Option<SocketDocument<'a>>,
    message: String,
    because: Option<&'a str>,
    help: Option<&'a str>,
    url: Option<&'a str>,
    controls: &'a [String],
    evidence: Option<PlaceDocument<'a>>,
    policy: Option<PlaceDocument<'a>>,
    fingerprint: &'a str,
    waiver: Option<WaiverDocument<'a>>,
    /// A waiver that accepted it until it expired. Left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_waiver: Option<WaiverDocument<'a>>,
}

/// A waiver: what it says, and where it stands.
#[derive(Serialize)]
struct WaiverDocument<'a> {
    reason: &'a str,
    owner: &'a str,
    expires: &'a str,
    approved_by: Option<&'a str>,
    ticket: Option<&'a str>,
    compensating: Option<&'a str>,
    policy: Option<PlaceDocument<'a>>,
}

fn waiver_document<'a>(run: &Run<'a>, index: usize) -> Option<WaiverDocument<'a>> {
    let waiver = run.policy.waivers.get(index)?;
    Some(WaiverDocument {
        reason: &waiver.reason,
        owner: &waiver.owner,
        expires: &waiver.expires.text,
        approved_by: waiver.approved_by.as_deref(),
        ticket: waiver.ticket.as_deref(),
        compensating: waiver.compensating.as_deref(),
        policy: place(&run.policy.sources, waiver.at),
    })
}

/// A place; lines and columns are 1-based, columns count Unicode scalar values, the end is exclusive.
#[derive(Serialize)]
struct PlaceDocument<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<usize>,
    end_column: usize,
}

#[derive(Serialize)]
struct SummaryDocument {
    pass: u64,
    fail: u64,
    unknown: u64,
    waived: u64,
    not_applicable: u64,
    waived_violations: u64,
    hosts: u64,
    broken: u64,
    listeners: u64,
    exit_code: u8,
}

fn place(sources: &SourceMap, span: Span) -> Option<PlaceDocument<'_>> {
    let (path, place) = sources.place(span)?;
    Some(PlaceDocument {
        path,
        line: place.line,
        column: place.column,
        end_line: (place.end_line != place.line).then_some(place.end_line),
        end_column: place.end_column,
    })
}

impl Reporter for JsonReport {
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.tally = Tally::new(run.policy);
        write!(out, "{{\"schema\": \"{SCHEMA}\",\n \"tool\": ")?;
        safe::json(out, &ToolDocument::THIS, false)?;
        write!(out, ",\n \"policy\": ")?;
        safe::json(out, &PolicyDocument::new(run.policy), false)?;
        write!(out, ",\n \"hosts\": [")
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.first { b"\n  " } else { b",\n  " })?;
        self.first = false;
        self.tally.add(host.results.as_deref());
        safe::json(out, &host_document(run, host), false)
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.first { b"]" } else { b"\n ]" })?;
        out.write_all(b",\n \"controls\": ")?;
        let tables = self.tally.table(run.policy, summary.broken);
        safe::json(out, &documents(&tables, &self.tally, run.policy), false)?;
        out.write_all(b",\n \"summary\": ")?;
        let document = SummaryDocument {
            pass: summary.count(Verdict::Pass),
            fail: summary.count(Verdict::Fail),
            unknown: summary.count(Verdict::Unknown),
            waived: summary.count(Verdict::Waived),
            not_applicable: summary.count(Verdict::NotApplicable),
            waived_violations: summary.waived,
            hosts: summary.hosts,
            broken: summary.broken,
            listeners: summary.listeners,
            exit_code: summary.exit_code(),
        };
        safe::json(out, &document, false)?;
        out.write_all(b"}\n")
    }
}

fn host_document<'a>(run: &'a Run<'a>, host: &'a HostReport) -> HostDocument<'a> {
    let snapshot = &host.snapshot;
    HostDocument {
        host: snapshot.host.name.as_deref(),
        source: SourceDocument::new(snapshot),
        issues: host
            .issues
            .iter()
            .map(|issue| IssueDocument {
                code: issue.kind.code(),
                severity: match issue.kind.severity(run.lenient) {
                    IssueSeverity::Error => "error",
                    IssueSeverity::Warning => "warning",
                    IssueSeverity::Note => "note",
                },
                message: &issue.message,
                evidence: issue.at.and_then(|at| place(&snapshot.sources, at)),
            })
            .collect(),
        results: host.results.as_ref().map(|results| {
            results.iter().map(|result| result_document(run, host, result)).collect()
        }),
    }
}

fn result_document<'a>(
    run: &'a Run<'a>,
    host: &'a HostReport,
    result: &'a RuleResult,
) -> ResultDocument<'a> {
    let missed = missed(result);
    let reason = (result.verdict == Verdict::Unknown).then(|| {
        let sentences: Vec<String> =
            missed.iter().map(|missed| format!("{}; {}", missed.what(), missed.cure())).collect();
        sentences.join(". ")
    });
    ResultDocument {
        rule: result.rule.id(run.policy),
        verdict: result.verdict.name(),
        severity: result.rule.severity(run.policy).name(),
        reason,
        missing: missed
            .into_iter()
            .map(|missed| MissingDocument {
                id: missed.kind.id(),
                what: missed.what(),
                cure: missed.cure(),
            })
            .collect(),
        violations: Violations { run, host, result },
    }
}

fn violation_document<'a>(
    run: &Run<'a>,
    host: &'a HostReport,
    result: &'a RuleResult,
    violation: &'a Violation,
) -> ViolationDocument<'a> {
    let snapshot = &host.snapshot;
    let rule = result.rule.rule(run.policy);
    let socket = violation.socket.and_then(|index| snapshot.sockets().get(index));
    ViolationDocument {
        socket: socket.map(|socket| SocketDocument::new(snapshot, socket)),
        message: message(result, violation, run.policy, &host.facts(run)),
        because: rule.and_then(|rule| rule.because.as_deref()),
        help: rule.and_then(|rule| rule.help.as_deref()),
        url: rule.and_then(|rule| rule.url.as_deref()),
        controls: rule.map(|rule| rule.controls.as_slice()).unwrap_or_default(),
        evidence: violation.evidence.and_then(|at| place(&snapshot.sources, at)),
        policy: place(&run.policy.sources, violation.policy),
        fingerprint: &violation.fingerprint,
        waiver: violation.waiver.and_then(|index| waiver_document(run, index)),
        expired_waiver: violation.expired.and_then(|index| waiver_document(run, index)),
    }
}
