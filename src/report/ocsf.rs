//! `ocsf`: Compliance Finding events (class 2003) of the Open Cybersecurity Schema Framework, one a line,
//! for SIEMs and data lakes.
//!
//! Written to version 1.5.0; the keys are valid in 1.8.0 too. A violation is an event, and so is every
//! result without one. `compliance.status_id` is 1 Pass, 2 Warning for what is unknown, 3 Fail; 99 Other
//! for rules that are for other hosts. A waived violation is a Fail whose finding is 3 Suppressed.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::finding::{Finding, Standing, findings, justification, shortfall};
use super::place::clip;
use super::plain;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::frameworks;
use crate::policy::Severity;
use crate::policy::document::ToolDocument;
use crate::safe;
use crate::source::sha256_hex;

pub(super) struct Ocsf;

impl ReportFormat for Ocsf {
    fn name(&self) -> &'static str {
        "ocsf"
    }

    fn about(&self) -> &'static str {
        "SIEMs and data lakes (OCSF 1.5 Compliance Finding, one a line)"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Events)
    }
}

struct Events;

/// An event. Source: class `compliance_finding` of OCSF 1.5.0.
#[derive(Serialize)]
struct Event<'a> {
    activity_id: u8,
    activity_name: &'static str,
    category_uid: u8,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    /// Milliseconds since the epoch.
    time: i64,
    severity_id: u8,
    severity: &'static str,
    status_id: u8,
    status: &'static str,
    message: String,
    metadata: Value,
    finding_info: Value,
    compliance: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidences: Option<[Value; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Value>,
    /// Why a violation is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    unmapped: Unmapped<'a>,
}

/// What the class has no place for.
#[derive(Serialize)]
struct Unmapped<'a> {
    verdict: &'static str,
    policy: &'a str,
    evidence_sha256: &'a str,
    controls: &'a [String],
}

impl<'a> Event<'a> {
    /// An event of a run of which nothing is known yet.
    fn new(run: &Run<'a>) -> Self {
        Self {
            activity_id: 1,
            activity_name: "Create",
            category_uid: 2,
            category_name: "Findings",
            class_uid: 2003,
            class_name: "Compliance Finding",
            type_uid: 200_301,
            type_name: "Compliance Finding: Create",
            time: run.dated().as_second().saturating_mul(1000),
            severity_id: 4,
            severity: "High",
            status_id: 1,
            status: "New",
            message: String::new(),
            metadata: metadata(),
            finding_info: Value::Null,
            compliance: Value::Null,
            resources: Vec::new(),
            evidences: None,
            remediation: None,
            comment: None,
            unmapped: Unmapped {
                verdict: Standing::Unknown.name(),
                policy: &run.policy.name,
                evidence_sha256: "",
                controls: &[],
            },
        }
    }
}

impl Reporter for Events {
    fn begin(&mut self, _: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let sha256 = plain::sha256(host);
        if host.results.is_none() {
            return write(out, &About { run, host, sha256: &sha256, finding: None }.event());
        }
        for finding in findings(run, host) {
            let about = About { run, host, sha256: &sha256, finding: Some(&finding) };
            write(out, &about.event())?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let Some(why) = shortfall(summary) else { return Ok(()) };
        write(out, &of_run(run, why))
    }
}

fn write(out: &mut dyn Write, event: &Event<'_>) -> io::Result<()> {
    safe::json(out, event, false)?;
    out.write_all(b"\n")
}

fn metadata() -> Value {
    json!({
        "version": "1.5.0",
        "product": {
            "name": "socklint",
            "vendor_name": "socklint",
            "version": ToolDocument::THIS.version,
        },
    })
}

/// An event of a run that is not whole, after those of its hosts.
fn of_run<'a>(run: &Run<'a>, why: String) -> Event<'a> {
    let mut uid = sha256_hex(format!("1\0{}\0{why}", run.policy.sha256()).as_bytes());
    uid.truncate(32);
    Event {
        message: why,
        finding_info: json!({
            "uid": uid,
            "title": "the audit must be whole",
            "analytic": { "type_id": 1, "type": "Rule", "uid": "audit", "name": "audit" },
        }),
        compliance: json!({
            "standards": [run.policy.name],
            "control": "audit",
            "status_id": 2,
            "status": "Warning",
        }),
        ..Event::new(run)
    }
}

/// What an event is about; without a finding, about evidence that could not be used.
struct About<'a> {
    run: &'a Run<'a>,
    host: &'a HostReport,
    sha256: &'a str,
    finding: Option<&'a Finding<'a>>,
}

impl<'a> About<'a> {
    fn event(&self) -> Event<'a> {
        let rule = self.finding.map(Finding::rule);
        let severity = rule.map_or(Severity::Error, |rule| rule.severity());
        let standing = self.standing();
        let (severity_id, severity) = match (standing, severity) {
            (Standing::Pass | Standing::NotApplicable, _) => (1, "Informational"),
            (_, Severity::Note) => (2, "Low"),
            (_, Severity::Warning) => (3, "Medium"),
            (_, Severity::Error) => (4, "High"),
        };
        let (status_id, status) = match standing {
            Standing::Violation | Standing::Unknown => (1, "New"),
            Standing::Waived => (3, "Suppressed"),
            Standing::Pass => (4, "Resolved"),
            Standing::NotApplicable => (99, "Not applicable"),
        };
        let violation = self.finding.filter(|finding| finding.violation.is_some());
        let help = rule.and_then(|rule| rule.help());
        let references: Vec<&str> = rule.and_then(|rule| rule.url()).into_iter().collect();
        let labels = self.host.snapshot.host.labels.iter();
        Event {
            severity_id,
            severity,
            status_id,
            status,
            message: match self.finding {
                Some(finding) => finding.message(),
                None => plain::unusable(self.host, self.run.lenient),
            },
            finding_info: self.finding_info(),
            compliance: self.compliance(),
            resources: vec![json!({
                "uid": self.host.title(),
                "name": self.host.title(),
                "type": "Host",
                "labels": labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
            })],
            evidences: violation.map(|finding| [self.evidence(finding)]),
            remediation: help.map(|help| json!({ "desc": help, "references": references })),
            comment: self.finding.and_then(Finding::waiver).map(justification),
            unmapped: Unmapped {
                verdict: standing.name(),
                policy: &self.run.policy.name,
                evidence_sha256: self.sha256,
                controls: rule.map(|rule| rule.controls()).unwrap_or_default(),
            },
            ..Event::new(self.run)
        }
    }

    fn standing(&self) -> Standing {
        self.finding.map_or(Standing::Unknown, |finding| finding.standing)
    }

    /// The rule is the analytic. The id is the fingerprint; that of unusable evidence is made of its path.
    fn finding_info(&self) -> Value {
        let Some(finding) = self.finding else {
            let path = &self.host.snapshot.origin.path;
            let mut uid = sha256_hex(format!("1\0{}\0{path}", self.host.title()).as_bytes());
            uid.truncate(32);
            return json!({
                "uid": uid,
                "title": "evidence must be usable",
                "analytic": { "type_id": 1, "type": "Rule", "uid": "evidence", "name": "evidence" },
            });
        };
        let rule = finding.rule();
        let title = rule.summary();
        json!({
            "uid": finding.fingerprint(),
            "title": title,
            "desc": rule.because().unwrap_or(&title),
            "analytic": { "type_id": 1, "type": "Rule", "uid": rule.id(), "name": title },
        })
    }

    /// Frameworks by their names for people, and the first control; all stand under `requirements`.
    /// A rule without controls is a control of its policy.
    fn compliance(&self) -> Value {
        let (status_id, status) = match self.standing() {
            Standing::Pass => (1, "Pass"),
            Standing::Unknown => (2, "Warning"),
            Standing::Violation | Standing::Waived => (3, "Fail"),
            Standing::NotApplicable => (99, "Not applicable"),
        };
        let rule = self.finding.map(Finding::rule);
        let controls = rule.map(|rule| rule.controls()).unwrap_or_default();
        let split = || controls.iter().filter_map(|control| frameworks::split(control));
        let mut standards: Vec<&str> = split()
            .map(|(name, _)| frameworks::framework(name).map_or(name, |known| known.title))
            .collect();
        standards.dedup();
        if standards.is_empty() {
            standards.push(&self.run.policy.name);
        }
        let control = match split().next() {
            Some((_, id)) => id,
            None => rule.map_or("evidence", |rule| rule.id()),
        };
        json!({
            "standards": standards,
            "requirements": controls,
            "control": control,
            "status_id": status_id,
            "status": status,
        })
    }

    /// The line of the evidence.
    fn evidence(&self, finding: &Finding<'_>) -> Value {
        let snapshot = &self.host.snapshot;
        let at = finding.evidence();
        let socket = finding.socket();
        json!({ "data": {
            "path": snapshot.origin.path,
            "line": at.map(|at| at.place.line),
            "text": at.map(|at| clip(at.line_text(), plain::LINE)),
            "transport": socket.map(|socket| socket.transport.name()),
            "endpoint": socket.map(|socket| snapshot.endpoint(socket)),
        } })
    }
}
