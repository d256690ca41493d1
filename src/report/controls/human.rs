//! `controls -f human`: a table for people.
//!
//! ```text
//! PCI DSS 4.0.1 (pci-dss-4.0.1)
//!
//! VERDICT  CONTROL  PASS  FAIL  UNKNOWN  WAIVED  N/A  ABOUT
//! fail     1.2.6       1     1        0       0    0  insecure services ...
//!   fail: telnet
//! ```

use std::io::{self, Write};

use crate::audit::{Summary, Verdict};
use crate::controls::{Control, FrameworkTable, Tally};
use crate::report::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::safe;
use crate::style::{GAP, NARROWEST, Paint, line, pad, right, wrap};

pub(super) struct Human;

impl ReportFormat for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn about(&self) -> &'static str {
        "people, on a terminal or in a log"
    }

    fn reporter(&self, style: Style) -> Box<dyn Reporter> {
        Box::new(HumanTable { style, tally: Tally::default() })
    }
}

struct HumanTable {
    style: Style,
    tally: Tally,
}

/// How many rules a list shows before `and N more`, unless `--verbose` asks for all.
const LIST: usize = 8;

/// The columns with counts.
const COLUMNS: [(&str, Verdict); 5] = [
    ("PASS", Verdict::Pass),
    ("FAIL", Verdict::Fail),
    ("UNKNOWN", Verdict::Unknown),
    ("WAIVED", Verdict::Waived),
    ("N/A", Verdict::NotApplicable),
];

impl Reporter for HumanTable {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.tally = Tally::new(run.policy);
        Ok(())
    }

    fn host(&mut self, _: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.tally.add(host.results.as_deref());
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let mut text = String::new();
        let tables = self.tally.table(run.policy, summary.broken);
        for table in &tables {
            self.framework(run, table, &mut text);
        }
        let controls = || tables.iter().flat_map(|table| &table.controls);
        let count = |verdict| controls().filter(|control| control.verdict() == verdict).count();
        let counts: Vec<String> = COLUMNS
            .into_iter()
            .map(|(_, verdict)| (count(verdict), verdict))
            .filter(|(count, _)| *count > 0)
            .map(|(count, verdict)| format!("{count} {}", verdict.name()))
            .collect();
        let hosts = if summary.hosts == 1 {
            "1 host".to_owned()
        } else {
            format!("{} hosts", summary.hosts)
        };
        let policy = safe::line(&run.policy.name);
        let all = match controls().count() {
            1 => "1 control".to_owned(),
            count => format!("{count} controls"),
        };
        text.push_str(&format!("{all} on {hosts}, policy {policy}: {}\n", counts.join(", ")));
        if summary.broken > 0 {
            text.push_str("no control passes: some evidence could not be used\n");
        }
        text.push_str(&format!("exit code {}\n", summary.exit_code()));
        out.write_all(text.as_bytes())
    }
}

impl HumanTable {
    fn framework(&self, run: &Run<'_>, table: &FrameworkTable, text: &mut String) {
        let colour = self.style.colour;
        let title = match table.title {
            Some(title) => format!("{title} ({})", table.name),
            None => safe::line(&table.name).into_owned(),
        };
        line(text, colour, &[(Paint::Bold, &title)]);
        text.push('\n');
        let ids: Vec<_> = table.controls.iter().map(|control| safe::line(&control.id)).collect();
        let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0).max("CONTROL".len());
        let mut header = format!("{}{GAP}{}", pad("VERDICT", WIDEST), pad("CONTROL", width));
        for (name, verdict) in COLUMNS {
            header.push_str(GAP);
            header.push_str(&right(name, column(table, name, verdict)));
        }
        line(text, colour, &[(Paint::Dim, &header), (Paint::Dim, GAP), (Paint::Dim, "ABOUT")]);
        for (control, id) in table.controls.iter().zip(&ids) {
            let verdict = control.verdict();
            let mut row = format!("{GAP}{}", pad(id, width));
            for (name, verdict) in COLUMNS {
                row.push_str(GAP);
                let count = control.counts.of(verdict).to_string();
                row.push_str(&right(&count, column(table, name, verdict)));
            }
            row.push_str(GAP);
            row.push_str(control.title.unwrap_or_default());
            line(
                text,
                colour,
                &[(paint(verdict), &pad(verdict.name(), WIDEST)), (Paint::Plain, &row)],
            );
            for verdict in [Verdict::Fail, Verdict::Unknown, Verdict::Waived] {
                self.rules(run, control, verdict, text);
            }
        }
        text.push('\n');
    }

    /// The rules of a control that came to a verdict on some host.
    fn rules(&self, run: &Run<'_>, control: &Control, verdict: Verdict, text: &mut String) {
        let ids: Vec<&str> = control
            .rules
            .iter()
            .filter(|&&index| self.tally.rule(index).of(verdict) > 0)
            .filter_map(|&index| run.policy.rules.get(index))
            .map(|rule| rule.id.as_str())
            .collect();
        let most = if run.verbose { usize::MAX } else { LIST };
        let shown: Vec<&str> = ids.iter().copied().take(most).collect();
        let list = match ids.len().saturating_sub(shown.len()) {
            _ if ids.is_empty() => return,
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        };
        let width = self.style.width.map(|width| width.max(NARROWEST));
        for row in wrap(&format!("  {}: ", verdict.name()), "    ", &list, width) {
            line(text, self.style.colour, &[(Paint::Plain, &row)]);
        }
    }
}

/// The widest verdict.
const WIDEST: usize = "not-applicable".len();

fn column(table: &FrameworkTable, name: &str, verdict: Verdict) -> usize {
    let counts = table.controls.iter().map(|control| control.counts.of(verdict).to_string().len());
    counts.max().unwrap_or(0).max(name.len())
}

fn paint(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Pass => Paint::Green,
        Verdict::Fail => Paint::Red,
        Verdict::Unknown => Paint::Yellow,
        Verdict::Waived => Paint::Magenta,
        Verdict::NotApplicable => Paint::Dim,
    }
}
