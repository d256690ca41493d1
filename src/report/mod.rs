//! Output formats of audits, one file each: plain findings to bytes.
//!
//! A reporter is told of the run, then of each host as it is judged, then of the summary, so that a
//! fleet needs no more memory than a host. What it says is taken from the views of [`finding`]. To
//! add a format, write `src/report/<name>.rs` with a [`ReportFormat`], and add one line to [`REPORTERS`].

mod annotations;
mod azure;
mod checkstyle;
pub mod closing;
mod controls;
pub use controls::TABLES;
mod csv;
pub mod diagnostic;
pub mod finding;
mod fleet;
mod github;
mod gitlab;
mod hdf;
mod html;
mod human;
pub use human::{capture_issue, policy_error};
mod in_toto;
mod json;
mod junit;
mod markdown;
mod ndjson;
mod ocsf;
mod oscal;
pub mod place;
mod plain;
mod prometheus;
mod rdjson;
mod sarif;
mod tap;
mod teamcity;
pub mod unknowns;
mod xccdf;

use std::io::{self, Write};

use jiff::Timestamp;

use crate::audit::{RuleResult, Summary, Threshold};
use crate::capture::CaptureIssue;
use crate::policy::{Facts, Policy, PolicyError};
use crate::snapshot::{Grade, Snapshot};
pub use crate::style::Style;

/// What an audit was asked to do.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Warnings about the policy.
    pub warnings: &'a [PolicyError],
    /// The moment that waivers and reviews are judged by: `--now`, else that of the clock. Reports show
    /// [`Run::dated`].
    pub judged_at: Timestamp,
    /// What counts as evidence.
    pub grade: Grade,
    /// What decides the exit code.
    pub threshold: Threshold,
    /// `--now`; `None` when the clock decided.
    pub now: Option<Timestamp>,
    /// Unread rows are warnings.
    pub lenient: bool,
    /// `--verbose`.
    pub verbose: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// How many diagnostics people are shown.
    pub max_diagnostics: usize,
}

impl Run<'_> {
    /// The date of a report: `--now`, else the day on which the audit ran, at its beginning in UTC, so
    /// that two runs on a day give the same bytes.
    #[must_use]
    pub fn dated(&self) -> Timestamp {
        let day = self.judged_at.as_second().div_euclid(86_400);
        let day = Timestamp::from_second(day.saturating_mul(86_400));
        self.now.or(day.ok()).unwrap_or(self.judged_at)
    }
}

/// One host, judged or not.
#[derive(Debug)]
pub struct HostReport {
    /// The evidence.
    pub snapshot: Snapshot,
    /// What is wrong with it.
    pub issues: Vec<CaptureIssue>,
    /// Why it was taken for its format.
    pub detection: String,
    /// The results; `None` when the evidence could not be used.
    pub results: Option<Vec<RuleResult>>,
}

impl HostReport {
    /// What conditions look at.
    #[must_use]
    pub fn facts(&self, run: &Run<'_>) -> Facts<'_> {
        Facts { snapshot: &self.snapshot, grade: run.grade }
    }

    /// The name of the host, or the path of its evidence.
    #[must_use]
    pub fn title(&self) -> &str {
        self.snapshot.host.name.as_deref().unwrap_or(&self.snapshot.origin.path)
    }
}

/// Writes one report.
pub trait Reporter {
    /// Before the first host.
    ///
    /// # Errors
    ///
    /// What `out` says, as for all methods.
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()>;

    /// A host, in the order of the input.
    ///
    /// # Errors
    ///
    /// What `out` says.
    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()>;

    /// After the last host.
    ///
    /// # Errors
    ///
    /// What `out` says.
    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()>;
}

/// One output format.
pub trait ReportFormat: Sync {
    /// Name for `--format` and `--output`.
    fn name(&self) -> &'static str;

    /// Who reads it, in a line.
    fn about(&self) -> &'static str;

    /// A reporter for one report.
    fn reporter(&self, style: Style) -> Box<dyn Reporter>;
}

/// Every format, in the order of the documentation.
pub static REPORTERS: &[&dyn ReportFormat] = &[
    &human::Human,
    &json::Json,
    &ndjson::Ndjson,
    &sarif::Sarif,
    &sarif::github::SarifGithub,
    &junit::Junit,
    &github::Github,
    &gitlab::Gitlab,
    &azure::Azure,
    &teamcity::Teamcity,
    &checkstyle::Checkstyle,
    &rdjson::Rdjson,
    &tap::Tap,
    &markdown::Markdown,
    &csv::Csv,
    &html::Html,
    &hdf::Hdf,
    &oscal::Oscal,
    &ocsf::Ocsf,
    &xccdf::Xccdf,
    &in_toto::InToto,
    &prometheus::Prometheus,
];

/// The format of this name.
#[must_use]
pub fn format(name: &str) -> Option<&'static dyn ReportFormat> {
    REPORTERS.iter().copied().find(|format| format.name() == name)
}
