//! `junit`: XML that CI servers show as test results: a suite for each host, a case for each finding.
//!
//! Violations are failures, undecided rules `<error type="unknown">`, waived violations and rules for other
//! hosts skipped. The XML is valid under the schemas of Jenkins and of Ant, so `<testsuites>` has no
//! attributes; names are unique in a suite. Times are zero, and the timestamp is that of the capture: two
//! runs give the same bytes. Source: jenkinsci/xunit-plugin, `junit-10.xsd`; windyroad/JUnit-Schema.

use std::collections::HashMap;
use std::io::{self, Write};

use super::finding::{Finding, Standing, findings, moment, problems, shortfall};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::safe::xml;
use crate::snapshot::document::SourceDocument;

pub(super) struct Junit;

impl ReportFormat for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn about(&self) -> &'static str {
        "Jenkins, GitLab, Azure and most CI servers: test results"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(JunitReport { suites: 0, names: Names::default() })
    }
}

struct JunitReport {
    suites: u64,
    names: Names,
}

/// Gives a name that was there before a number.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn unique(&mut self, name: String) -> String {
        // A number may make a name that is there already.
        let mut unique = name.clone();
        while let Some(count) = self.0.get_mut(&unique) {
            *count += 1;
            unique = format!("{name} ({count})");
        }
        self.0.insert(unique.clone(), 1);
        unique
    }
}

/// The cases of a suite, and how they went.
#[derive(Default)]
struct Suite {
    cases: String,
    names: Names,
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Suite {
    /// Adds a case; `outcome` is what stands inside of it.
    fn case(&mut self, class: &str, name: String, outcome: &str) {
        self.tests += 1;
        let name = self.names.unique(name);
        self.cases.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
            xml::text(class),
            xml::text(&name)
        ));
        match outcome {
            "" => self.cases.push_str("/>\n"),
            outcome => self.cases.push_str(&format!(">{outcome}</testcase>\n")),
        }
    }

    fn error(&mut self, class: &str, name: String, kind: &str, message: &str, body: &str) {
        self.errors += 1;
        let outcome = format!(
            "<error type=\"{}\" message=\"{}\">{}</error>",
            xml::text(kind),
            xml::text(message),
            xml::lines(body)
        );
        self.case(class, name, &outcome);
    }

    fn finding(&mut self, class: &str, finding: &Finding<'_>) {
        let rule = finding.rule();
        let name = match finding.endpoint() {
            Some(endpoint) => format!("{} {endpoint}", rule.id()),
            None => rule.id().to_owned(),
        };
        let message = finding.message();
        let body = || {
            let details = finding.details();
            let lines = details.iter().map(|(name, value)| format!("{name}: {value}"));
            std::iter::once(finding.sentence()).chain(lines).collect::<Vec<_>>().join("\n")
        };
        match finding.standing {
            Standing::Pass => self.case(class, name, ""),
            Standing::Unknown => {
                self.error(class, name, "unknown", &message, &body());
            }
            Standing::Violation => {
                self.failures += 1;
                let outcome = format!(
                    "<failure type=\"{}\" message=\"{}\">{}</failure>",
                    rule.severity().name(),
                    xml::text(&message),
                    xml::lines(&body())
                );
                self.case(class, name, &outcome);
            }
            Standing::Waived | Standing::NotApplicable => {
                self.skipped += 1;
                let why = finding.justification().unwrap_or(message);
                let outcome = format!("<skipped message=\"{}\"/>", xml::text(&why));
                self.case(class, name, &outcome);
            }
        }
    }
}

impl JunitReport {
    fn suite(
        &mut self,
        run: &Run<'_>,
        host: Option<&HostReport>,
        suite: &Suite,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let title = named(host.map_or("socklint", HostReport::title));
        let name = self.names.unique(title.to_owned());
        let timestamp = moment(run, host).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        writeln!(
            out,
            "  <testsuite name=\"{}\" package=\"socklint\" id=\"{}\" hostname=\"{}\" \
             timestamp=\"{timestamp}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" \
             time=\"0\">\n    <properties>",
            xml::text(&name),
            self.suites,
            xml::text(title),
            suite.tests,
            suite.failures,
            suite.errors,
            suite.skipped
        )?;
        let source = host.map(|host| SourceDocument::new(&host.snapshot));
        let source = source.map_or_else(Vec::new, |source| {
            vec![
                ("evidence.path", source.path.to_owned()),
                ("evidence.format", source.format.to_owned()),
                ("evidence.sha256", source.sha256),
            ]
        });
        let policy = ("policy.name", run.policy.name.clone());
        for (key, value) in std::iter::once(policy).chain(source) {
            writeln!(out, "      <property name=\"{key}\" value=\"{}\"/>", xml::text(&value))?;
        }
        self.suites += 1;
        out.write_all(b"    </properties>\n")?;
        out.write_all(suite.cases.as_bytes())?;
        out.write_all(
            b"    <system-out></system-out>\n    <system-err></system-err>\n  </testsuite>\n",
        )
    }
}

/// A name that is not blank: the schemas want one.
fn named(title: &str) -> &str {
    if title.trim().is_empty() { "localhost" } else { title }
}

impl Reporter for JunitReport {
    fn begin(&mut self, _: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n")
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let mut suite = Suite::default();
        let class = format!("socklint.{}", named(host.title()));
        for problem in problems(run, host) {
            if problem.severity == IssueSeverity::Error {
                let (code, message) = (problem.code(), problem.message());
                let line = problem.location().map_or(1, |at| at.place.line);
                let path = &host.snapshot.origin.path;
                let body = format!("{path}:{line}: {message}\nhelp: {}", problem.help());
                suite.error(&class, format!("evidence {code}"), code, message, &body);
            }
        }
        findings(run, host).for_each(|finding| suite.finding(&class, &finding));
        self.suite(run, Some(host), &suite, out)
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            let mut suite = Suite::default();
            suite.error("socklint", "audit".to_owned(), "not-audited", &why, &why);
            self.suite(run, None, &suite, out)?;
        }
        out.write_all(b"</testsuites>\n")
    }
}
