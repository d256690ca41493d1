//! `tap`: Test Anything Protocol, version 13, a test point for each finding.
//!
//! Undecided rules are `not ok`; waived violations are `not ok ... # TODO`, expected failures; a rule for
//! other hosts is `ok ... # SKIP`. Descriptions hold no `#` of their own, since old readers find directives
//! behind a backslash too. Source: testanything.org, "TAP version 13 specification".

use std::borrow::Cow;
use std::io::{self, Write};

use super::finding::{Finding, Standing, findings, problems, shortfall};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::safe;

pub(super) struct Tap;

impl ReportFormat for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn about(&self) -> &'static str {
        "TAP consumers: prove, Jenkins, Meson, bats and others"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(TapReport { count: 0 })
    }
}

struct TapReport {
    count: u64,
}

impl TapReport {
    fn point(
        &mut self,
        out: &mut dyn Write,
        ok: bool,
        what: &str,
        directive: &str,
    ) -> io::Result<()> {
        self.count += 1;
        let word = if ok { "ok" } else { "not ok" };
        writeln!(out, "{word} {} - {}{directive}", self.count, plain(what))
    }

    fn finding(&mut self, out: &mut dyn Write, finding: &Finding<'_>) -> io::Result<()> {
        let rule = finding.rule();
        let mut what = format!("{}: {}", finding.host.title(), rule.id());
        if let Some(endpoint) = finding.endpoint() {
            what.push_str(&format!(" {endpoint}"));
        }
        let (ok, directive) = match finding.standing {
            Standing::Pass => (true, String::new()),
            Standing::NotApplicable => (true, " # SKIP the rule is for other hosts".to_owned()),
            Standing::Waived => {
                let why = finding.justification().unwrap_or_default();
                (false, format!(" # TODO {}", plain(&why)))
            }
            Standing::Violation | Standing::Unknown => (false, String::new()),
        };
        self.point(out, ok, &what, &directive)?;
        if ok {
            return Ok(());
        }
        let mut details = vec![
            ("message", Cow::Owned(finding.message())),
            ("severity", rule.severity().name().into()),
            ("verdict", finding.standing.name().into()),
        ];
        details.extend(finding.details());
        diagnostics(out, details)
    }
}

/// One line without a `#`.
fn plain(text: &str) -> String {
    safe::line(text).replace('#', "\\x23")
}

/// A block of YAML; values in JSON's quotes, which are YAML's too.
fn diagnostics<'a>(
    out: &mut dyn Write,
    details: impl IntoIterator<Item = (&'static str, Cow<'a, str>)>,
) -> io::Result<()> {
    out.write_all(b"  ---\n")?;
    for (name, value) in details {
        write!(out, "  {name}: ")?;
        safe::json(out, &value, false)?;
        out.write_all(b"\n")?;
    }
    out.write_all(b"  ...\n")
}

impl Reporter for TapReport {
    fn begin(&mut self, _: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"TAP version 13\n")
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        for problem in problems(run, host) {
            if problem.severity == IssueSeverity::Error {
                self.point(out, false, &format!("{}: {}", host.title(), problem.code()), "")?;
                diagnostics(out, [("message", problem.message().into())])?;
            }
        }
        findings(run, host).try_for_each(|finding| self.finding(out, &finding))
    }

    fn finish(&mut self, _: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            self.point(out, false, &why, "")?;
        }
        writeln!(out, "1..{}", self.count)
    }
}
