//! `prometheus`: metrics for the textfile collector of node_exporter.
//!
//! ```text
//! # HELP socklint_results Results of rules on hosts, by verdict.
//! # TYPE socklint_results gauge
//! socklint_results{verdict="fail"} 1
//! ```
//!
//! Source: Prometheus text exposition format 0.0.4 (`instrumenting/exposition_formats`), and the
//! textfile collector of node_exporter, which refuses a file with time stamps of samples, with a series
//! that stands twice, or with two HELP lines of one metric. There are at most [`MOST`] series of hosts,
//! of rules and of controls each; what is left out is counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::finding::shortfall;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{Summary, Verdict, missed};
use crate::controls::{Counts, Tally};
use crate::policy::Severity;
use crate::policy::document::ToolDocument;
use crate::safe;
use crate::truth::Missing;

/// How many hosts, rules, controls and waivers have series of their own.
const MOST: usize = 500;

/// The verdicts that someone may want to be told of.
const TOLD: [Verdict; 3] = [Verdict::Fail, Verdict::Unknown, Verdict::Waived];

pub(super) struct Prometheus;

impl ReportFormat for Prometheus {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn about(&self) -> &'static str {
        "Prometheus, through the textfile collector of node_exporter"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Metrics::default())
    }
}

#[derive(Default)]
struct Metrics {
    tally: Tally,
    /// Results by the name of the host: names may repeat, series must not.
    hosts: BTreeMap<String, Counts>,
    missing: BTreeMap<Missing, u64>,
    waived: BTreeMap<usize, u64>,
}

impl Reporter for Metrics {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.tally = Tally::new(run.policy);
        Ok(())
    }

    fn host(&mut self, _: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.tally.add(host.results.as_deref());
        let Some(results) = &host.results else { return Ok(()) };
        let counts = self.hosts.entry(host.title().to_owned()).or_default();
        for result in results {
            counts.add(result.verdict);
            if result.verdict == Verdict::Unknown {
                for missed in missed(result) {
                    *self.missing.entry(missed.kind).or_default() += 1;
                }
            }
            for waiver in result.violations.iter().filter_map(|violation| violation.waiver) {
                *self.waived.entry(waiver).or_default() += 1;
            }
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let mut page = Page::default();
        if let Some(why) = shortfall(summary) {
            page.text = format!("# {}\n", safe::line(&why));
        }
        totals(run, summary, &mut page);
        self.details(run, summary, &mut page);
        out.write_all(page.text.as_bytes())
    }
}

/// What there is one of a run.
fn totals(run: &Run<'_>, summary: &Summary, page: &mut Page) {
    page.metric("socklint_info", "The program and the policy of the last run; always 1.");
    let sha256 = run.policy.sha256();
    page.sample(
        &[
            ("version", ToolDocument::THIS.version),
            ("policy", &run.policy.name),
            ("policy_sha256", &sha256),
        ],
        1,
    );
    page.metric(
        "socklint_run_timestamp_seconds",
        "The moment that the last run was judged by, in seconds since the epoch.",
    );
    page.sample(&[], run.dated().as_second());
    page.metric(
        "socklint_exit_code",
        "0 passed, 1 a violation, 2 no audit or not a whole one, 3 undecided.",
    );
    page.sample(&[], summary.exit_code());
    page.metric("socklint_hosts", "Pieces of evidence, by whether they could be judged.");
    page.sample(&[("state", "judged")], summary.hosts);
    page.sample(&[("state", "unusable")], summary.broken);
    page.metric("socklint_listeners", "Listeners that the evidence shows.");
    page.sample(&[], summary.listeners);
    page.metric("socklint_results", "Results of rules on hosts, by verdict.");
    for verdict in Verdict::ALL {
        page.sample(&[("verdict", verdict.name())], summary.count(verdict));
    }
    page.metric("socklint_violations", "Violations that count, by severity.");
    for (severity, count) in Severity::ALL.into_iter().zip(summary.violations) {
        page.sample(&[("severity", severity.name())], count);
    }
    page.metric("socklint_violations_waived", "Violations that a waiver accepts.");
    page.sample(&[], summary.waived);
}

impl Metrics {
    /// What there are many of.
    fn details(&self, run: &Run<'_>, summary: &Summary, page: &mut Page) {
        page.metric("socklint_missing", "Results that are unknown, by the fact that is missing.");
        for (kind, &count) in &self.missing {
            page.sample(&[("fact", kind.id())], count);
        }
        page.metric("socklint_rule_results", "Results of a rule on hosts, by verdict.");
        for (index, rule) in run.policy.rules.iter().enumerate().take(MOST) {
            let (counts, severity) = (self.tally.rule(index), rule.severity.name());
            for verdict in TOLD {
                let labels =
                    [("rule", &*rule.id), ("severity", severity), ("verdict", verdict.name())];
                page.sample(&labels, counts.of(verdict));
            }
        }
        // The worst first, so that what is left out is what passes.
        let mut hosts: Vec<(&String, &Counts)> = self.hosts.iter().collect();
        hosts.sort_by_key(|(_, counts)| {
            (std::cmp::Reverse(TOLD.map(|verdict| counts.of(verdict))), counts.of(Verdict::Pass))
        });
        let left_out = hosts.len().saturating_sub(MOST);
        hosts.truncate(MOST);
        hosts.sort_unstable_by_key(|(name, _)| *name);
        page.metric("socklint_host_results", "Results of rules on a host, by verdict.");
        for (name, counts) in hosts {
            for verdict in TOLD {
                let labels = [("host", name.as_str()), ("verdict", verdict.name())];
                page.sample(&labels, counts.of(verdict));
            }
        }
        let tables = self.tally.table(run.policy, summary.broken);
        let controls: Vec<_> = tables.iter().flat_map(|table| &table.controls).collect();
        page.metric("socklint_control_results", "Results of the rules of a control, by verdict.");
        for control in controls.iter().take(MOST) {
            for verdict in TOLD {
                let (framework, id) = (control.framework.as_str(), control.id.as_str());
                let labels =
                    [("framework", framework), ("control", id), ("verdict", verdict.name())];
                page.sample(&labels, control.counts.of(verdict));
            }
        }
        self.waivers(run, page);
        page.metric("socklint_left_out", "Things without series of their own, by kind.");
        let rules = run.policy.rules.len().saturating_sub(MOST);
        let controls = controls.len().saturating_sub(MOST);
        let waivers = run.policy.waivers.len().saturating_sub(MOST);
        for (kind, count) in
            [("host", left_out), ("rule", rules), ("control", controls), ("waiver", waivers)]
        {
            page.sample(&[("kind", kind)], count);
        }
    }

    fn waivers(&self, run: &Run<'_>, page: &mut Page) {
        let waivers = || run.policy.waivers.iter().enumerate().take(MOST);
        // The number tells waivers of one rule and owner apart.
        let labels = |index: usize| (index + 1).to_string();
        page.metric("socklint_waiver_expires_timestamp_seconds", "The end of a waiver.");
        for (index, waiver) in waivers() {
            let (number, rules) = (labels(index), waiver.rules.words());
            page.sample(
                &[("waiver", &number), ("rules", &rules), ("owner", &waiver.owner)],
                waiver.expires.ends.as_second(),
            );
        }
        page.metric("socklint_waiver_violations", "Violations that a waiver accepts.");
        for (index, waiver) in waivers() {
            let (number, rules) = (labels(index), waiver.rules.words());
            page.sample(
                &[("waiver", &number), ("rules", &rules), ("owner", &waiver.owner)],
                self.waived.get(&index).copied().unwrap_or_default(),
            );
        }
    }
}

#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    /// Begins a gauge.
    fn metric(&mut self, name: &'static str, help: &str) {
        self.name = name;
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    }

    /// A sample of the gauge that was begun last.
    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(self.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{label}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

/// The value of a label: harmful characters are shown as escapes, and backslash and quote escaped.
fn escaped(text: &str) -> String {
    safe::line(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\\b\"c\nd\u{1b}e"), "a\\\\b\\\"c\\\\nd\\\\x1be");
    }
}
