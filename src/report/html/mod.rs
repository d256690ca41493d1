//! `html`: one self-contained page for auditors: no network, no script, readable on a phone, on paper, in
//! the dark and by a screen reader.
//!
//! The page is `templates/report.html`; this file keeps what it needs of each host, which is small, and
//! bounds it: a fleet of any size makes a page that a browser opens. What is left out is said where it
//! is missing, and counted all the same.

mod page;

use std::fmt;
use std::io::{self, Write};

use askama::Template as _;

use super::plain::Ledger;
use super::unknowns::Unknowns;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{Summary, Verdict};
use crate::capture::Severity as Issue;
use crate::controls::{Counts, Tally};
use crate::listing::human::{owners, scope_text};

/// How many violations of one rule are kept.
const MOST_OF_RULE: usize = 1000;

/// How many listeners, and how many remarks on evidence, are kept.
const MOST_LISTENERS: usize = 2000;
const MOST_REMARKS: usize = 200;

pub(super) struct Html;

impl ReportFormat for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn about(&self) -> &'static str {
        "auditors and everyone with a browser: one page, no network, no script"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(HtmlReport::default())
    }
}

#[derive(Default)]
struct HtmlReport {
    ledger: Ledger,
    tally: Tally,
    unknowns: Unknowns,
    hosts: Vec<HostCounts>,
    listeners: Vec<Listener>,
    listeners_left_out: usize,
    remarks: Vec<Remark>,
    remarks_left_out: usize,
}

/// What a host came to.
struct HostCounts {
    /// By rule, `unlisted` last; empty when the evidence could not be used.
    verdicts: Vec<Verdict>,
    counts: Counts,
    listeners: usize,
    coverage: String,
}

/// One listener of the evidence.
struct Listener {
    host: Text,
    scope: &'static str,
    endpoint: Text,
    transport: &'static str,
    owners: Text,
    line: usize,
}

/// Something that is wrong with evidence.
struct Remark {
    severity: &'static str,
    place: Text,
    message: Prose,
    help: Prose,
}

/// Text that is escaped for HTML when it is written, wherever it stands in the page.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Text(String);

impl Text {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::safe::xml::text(&self.0))
    }
}

/// Text of ours with evidence or policy in it: what stands between two backticks is code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Prose(String);

impl Prose {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = crate::safe::xml::text(&self.0);
        let parts = escaped.split('`').count();
        for (index, part) in escaped.split('`').enumerate() {
            // The backtick that has no partner is shown.
            let last = index + 1 == parts;
            match (index % 2 == 1, last) {
                (true, true) => write!(f, "`{part}")?,
                (true, false) => write!(f, "<code>{part}</code>")?,
                (false, _) => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// It escapes itself.
impl askama::filters::HtmlSafe for Prose {}

/// It escapes itself.
impl askama::filters::HtmlSafe for Text {}

impl Reporter for HtmlReport {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.ledger = Ledger::new(run.policy, MOST_OF_RULE);
        self.tally = Tally::new(run.policy);
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.ledger.add(run, host);
        self.tally.add(host.results.as_deref());
        self.unknowns.add(host);
        self.remarks(run, host);
        let mut counts = Counts::default();
        let mut verdicts = Vec::new();
        for result in host.results.iter().flatten() {
            counts.add(result.verdict);
            verdicts.push(result.verdict);
        }
        self.listeners(host);
        let snapshot = &host.snapshot;
        let coverage: Vec<String> = snapshot
            .coverage
            .iter()
            .filter(|(_, _, cell)| cell.name() != "absent")
            .map(|(transport, family, cell)| {
                format!("{}/{} {}", transport.name(), family.name(), cell.name())
            })
            .collect();
        self.hosts.push(HostCounts {
            verdicts,
            counts,
            listeners: snapshot.sockets().len(),
            coverage: coverage.join(", "),
        });
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let tables = self.tally.table(run.policy, summary.broken);
        let mut out = out;
        page::Page::new(self, run, summary, &tables).write_into(&mut out)
    }
}

impl HtmlReport {
    fn listeners(&mut self, host: &HostReport) {
        let snapshot = &host.snapshot;
        for socket in snapshot.sockets() {
            if self.listeners.len() >= MOST_LISTENERS {
                self.listeners_left_out += 1;
                continue;
            }
            let mut owned = owners(snapshot, socket);
            owned.retain(|owner| owner != "?");
            self.listeners.push(Listener {
                host: Text::new(host.title()),
                scope: scope_text(socket.scope()),
                endpoint: Text(snapshot.endpoint(socket)),
                transport: socket.transport.name(),
                owners: Text(owned.join(", ")),
                line: snapshot.line(socket),
            });
        }
    }
}

impl HtmlReport {
    fn remarks(&mut self, run: &Run<'_>, host: &HostReport) {
        for issue in &host.issues {
            let severity = match issue.kind.severity(run.lenient) {
                Issue::Error => "error",
                Issue::Warning => "warning",
                Issue::Note => continue,
            };
            if self.remarks.len() >= MOST_REMARKS {
                self.remarks_left_out += 1;
                continue;
            }
            let place = issue.at.and_then(|at| host.snapshot.sources.place(at));
            let place = match place {
                Some((path, place)) => format!("{path}:{}", place.line),
                None => host.snapshot.origin.path.clone(),
            };
            self.remarks.push(Remark {
                severity,
                place: Text(place),
                message: Prose::new(&issue.message),
                help: Prose::new(issue.kind.help()),
            });
        }
    }
}
