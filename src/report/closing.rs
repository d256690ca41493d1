//! What `json` and `ndjson` hold beside hosts, and how it stands around them. Reports of the parts of a fleet
//! are put together from these pieces, so that no byte differs from one report of all of it.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::Run;
use crate::audit::{Summary, Verdict};
use crate::policy::document::{PolicyDocument, ToolDocument};
use crate::policy::{Policy, Severity, UNLISTED};
use crate::safe;
use crate::snapshot::Grade;
use crate::source::sha256_hex;

/// The value of `schema`.
pub const SCHEMA: &str = "socklint/report/1";

/// What is said of the run: documents, or the same as JSON out of another report.
#[derive(Debug, Clone, Serialize)]
pub struct Head<T, P, S> {
    /// The program.
    pub tool: T,
    /// The policy.
    pub policy: P,
    /// What was asked for beside it.
    pub settings: S,
}

impl<'a> Head<ToolDocument, PolicyDocument<'a>, SettingsDocument> {
    /// That of a run of this program.
    #[must_use]
    pub fn new(run: &Run<'a>) -> Self {
        Self {
            tool: ToolDocument::THIS,
            policy: PolicyDocument::new(run.policy),
            settings: SettingsDocument::new(run),
        }
    }
}

/// What decides verdicts and exit code beside the policy's text. Reports that differ in it are of different
/// audits.
#[derive(Debug, Serialize)]
pub struct SettingsDocument {
    /// `--fail-on`.
    pub fail_on: &'static str,
    /// `--unknown`.
    pub unknown: &'static str,
    /// `--evidence`.
    pub evidence: &'static str,
    /// `--lenient`.
    pub lenient: bool,
    /// `--now`, or `null`.
    pub now: Option<String>,
    /// How many rules were asked, `unlisted` too.
    pub rules: usize,
    /// SHA-256 over their ids, one a line, lower-case hex: `--rule`, `--skip` and `--tag` change it.
    pub rules_sha256: String,
    /// How many waivers counted.
    pub waivers: usize,
}

impl SettingsDocument {
    fn new(run: &Run<'_>) -> Self {
        let Policy { rules, unlisted, waivers, .. } = run.policy;
        let unlisted = unlisted.map(|_| UNLISTED);
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).chain(unlisted).collect();
        Self {
            fail_on: Severity::name(run.threshold.fail_on),
            unknown: if run.threshold.allow_unknown { "allow" } else { "fail" },
            evidence: match run.grade {
                Grade::Presumed => "presumed",
                Grade::Proven => "proven",
            },
            lenient: run.lenient,
            now: run.now.map(|now| now.to_string()),
            rules: ids.len(),
            rules_sha256: sha256_hex(ids.join("\n").as_bytes()),
            waivers: waivers.len(),
        }
    }
}

/// Counts over all hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SummaryDocument {
    /// Verdicts pass.
    pub pass: u64,
    /// Verdicts fail.
    pub fail: u64,
    /// Verdicts unknown.
    pub unknown: u64,
    /// Verdicts waived.
    pub waived: u64,
    /// Verdicts not-applicable.
    pub not_applicable: u64,
    /// Violations that are waived.
    pub waived_violations: u64,
    /// Hosts judged.
    pub hosts: u64,
    /// Hosts whose evidence could not be used.
    pub broken: u64,
    /// Listeners seen.
    pub listeners: u64,
    /// There are warnings under `--strict`, or a report could not be written.
    pub refused: bool,
    /// As the run ends.
    pub exit_code: u8,
}

impl SummaryDocument {
    /// The document of a summary.
    #[must_use]
    pub fn new(summary: &Summary) -> Self {
        Self {
            pass: summary.count(Verdict::Pass),
            fail: summary.count(Verdict::Fail),
            unknown: summary.count(Verdict::Unknown),
            waived: summary.count(Verdict::Waived),
            not_applicable: summary.count(Verdict::NotApplicable),
            waived_violations: summary.waived,
            hosts: summary.hosts,
            broken: summary.broken,
            listeners: summary.listeners,
            refused: summary.refused || summary.unwritten > 0,
            exit_code: summary.exit_code(),
        }
    }

    /// Adds a part of a fleet to the whole. The exit code comes out of what made it: that no rule was for any
    /// host of the part does not count, since others may have some.
    pub fn add_to(&self, whole: &mut Summary) {
        let verdicts = [self.pass, self.fail, self.unknown, self.waived, self.not_applicable];
        for (count, more) in whole.verdicts.iter_mut().zip(verdicts) {
            *count = count.saturating_add(more);
        }
        for (count, more) in [
            (&mut whole.waived, self.waived_violations),
            (&mut whole.hosts, self.hosts),
            (&mut whole.broken, self.broken),
            (&mut whole.listeners, self.listeners),
        ] {
            *count = count.saturating_add(more);
        }
        let judged = self.pass > 0 || self.fail > 0 || self.unknown > 0 || self.waived > 0;
        let told = self.broken > 0 || self.refused || !judged;
        // A code that nothing here explains is kept.
        whole.refused |= self.refused || self.exit_code > 3 || (self.exit_code == 2 && !told);
        whole.failed |= self.exit_code == 1;
        whole.undecided |= self.exit_code == 3;
    }
}

/// How a report of many hosts stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `json`: one object, the head before the hosts, the counts behind them.
    Json,
    /// `ndjson`: a host a line, everything else in the last line.
    Ndjson,
}

/// Writes what stands around hosts. Each host is one line of JSON, written between two calls.
#[derive(Debug)]
pub struct Frame {
    shape: Shape,
    first: bool,
}

impl Frame {
    /// A frame in which nothing is written yet.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { shape, first: true }
    }

    /// What stands before all hosts.
    ///
    /// # Errors
    ///
    /// What `out` says, as for all of these.
    pub fn begin<T, P, S>(&self, head: &Head<T, P, S>, out: &mut dyn Write) -> io::Result<()>
    where
        T: Serialize,
        P: Serialize,
        S: Serialize,
    {
        if self.shape == Shape::Ndjson {
            return Ok(());
        }
        write!(out, "{{\"schema\": \"{SCHEMA}\",\n \"tool\": ")?;
        safe::json(out, &head.tool, false)?;
        out.write_all(b",\n \"policy\": ")?;
        safe::json(out, &head.policy, false)?;
        out.write_all(b",\n \"settings\": ")?;
        safe::json(out, &head.settings, false)?;
        out.write_all(b",\n \"hosts\": [")
    }

    /// What stands before a host.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn before_host(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let first = std::mem::replace(&mut self.first, false);
        match self.shape {
            Shape::Json if first => out.write_all(b"\n  "),
            Shape::Json => out.write_all(b",\n  "),
            Shape::Ndjson => Ok(()),
        }
    }

    /// What stands behind a host.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn after_host(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.shape {
            Shape::Json => Ok(()),
            Shape::Ndjson => out.write_all(b"\n"),
        }
    }

    /// What stands behind all hosts.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn finish<T, P, S, C>(
        &self,
        head: &Head<T, P, S>,
        controls: &C,
        summary: &SummaryDocument,
        out: &mut dyn Write,
    ) -> io::Result<()>
    where
        T: Serialize,
        P: Serialize,
        S: Serialize,
        C: Serialize,
    {
        match self.shape {
            Shape::Json => {
                out.write_all(if self.first { b"]" } else { b"\n ]" })?;
                out.write_all(b",\n \"controls\": ")?;
                safe::json(out, controls, false)?;
                out.write_all(b",\n \"summary\": ")?;
                safe::json(out, summary, false)?;
                out.write_all(b"}\n")
            }
            Shape::Ndjson => {
                let Head { tool, policy, settings } = head;
                let last = LastLine { schema: SCHEMA, tool, policy, settings, controls, summary };
                safe::json(out, &last, false)?;
                out.write_all(b"\n")
            }
        }
    }
}

/// The last line of `ndjson`: all of a report but its hosts.
#[derive(Serialize)]
struct LastLine<'a, T, P, S, C> {
    schema: &'static str,
    tool: &'a T,
    policy: &'a P,
    settings: &'a S,
    controls: &'a C,
    summary: &'a SummaryDocument,
}
