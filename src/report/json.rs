//! `json`: the report for machines, schema `socklint/report/1`.

use std::io::{self, Write};

use serde::Serialize;

use super::closing::{Frame, Head, Shape, SummaryDocument};
use super::finding::{
    Finding, Problem, WaiverDocument, findings_of, issue_severity, problems, reason,
};
use super::place::Location;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{RuleResult, Summary, Verdict, missed};
use crate::controls::Tally;
use crate::controls::document::documents;
use crate::safe;
use crate::snapshot::document::{SocketDocument, SourceDocument};

pub(super) struct Json;

impl ReportFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "scripts and other programs: everything, with places and reasons"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        JsonReport::boxed(Shape::Json)
    }
}

/// A report in one of the shapes of JSON.
pub(super) struct JsonReport {
    frame: Frame,
    tally: Tally,
}

impl JsonReport {
    pub(super) fn boxed(shape: Shape) -> Box<dyn Reporter> {
        Box::new(Self { frame: Frame::new(shape), tally: Tally::default() })
    }
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
    evidence: Option<Location<'a>>,
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
        let documents = findings_of(run, host, result);
        serializer.collect_seq(documents.filter_map(|finding| violation_document(run, &finding)))
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
    evidence: Option<Location<'a>>,
    policy: Option<Location<'a>>,
    fingerprint: &'a str,
    waiver: Option<WaiverDocument<'a>>,
    /// A waiver that accepted it until it expired. Left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_waiver: Option<WaiverDocument<'a>>,
}

impl Reporter for JsonReport {
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.tally = Tally::new(run.policy);
        self.frame.begin(&Head::new(run), out)
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        self.frame.before_host(out)?;
        self.tally.add(host.results.as_deref());
        safe::json(out, &host_document(run, host), false)?;
        self.frame.after_host(out)
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let tables = self.tally.table(run.policy, summary.broken);
        let controls = documents(&tables, &self.tally, run.policy);
        self.frame.finish(&Head::new(run), &controls, &SummaryDocument::new(summary), out)
    }
}

fn host_document<'a>(run: &'a Run<'a>, host: &'a HostReport) -> HostDocument<'a> {
    let snapshot = &host.snapshot;
    let issue = |problem: Problem<'a>| IssueDocument {
        code: problem.code(),
        severity: issue_severity(problem.severity).name(),
        message: problem.message(),
        evidence: problem.location(),
    };
    HostDocument {
        host: snapshot.host.name.as_deref(),
        source: SourceDocument::new(snapshot),
        issues: problems(run, host).map(issue).collect(),
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
    let reason = (result.verdict == Verdict::Unknown).then(|| reason(&missed));
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
    run: &'a Run<'a>,
    finding: &Finding<'a>,
) -> Option<ViolationDocument<'a>> {
    let snapshot = &finding.host.snapshot;
    let rule = finding.rule();
    let waiver = |waiver| WaiverDocument::new(run.policy, waiver);
    Some(ViolationDocument {
        socket: finding.socket().map(|socket| SocketDocument::new(snapshot, socket)),
        message: finding.message(),
        because: rule.because(),
        help: rule.help(),
        url: rule.url(),
        controls: rule.controls(),
        evidence: finding.evidence(),
        policy: finding.policy(),
        fingerprint: &finding.violation?.fingerprint,
        waiver: finding.waiver().map(waiver),
        expired_waiver: finding.expired().map(waiver),
    })
}
