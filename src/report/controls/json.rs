//! `controls -f json`: the table for programs, schema `socklint/controls/1`.

use std::io::{self, Write};

use serde::Serialize;

use crate::audit::Summary;
use crate::controls::Tally;
use crate::controls::document::{FrameworkDocument, documents};
use crate::policy::document::{PolicyDocument, ToolDocument};
use crate::report::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::safe;

pub(super) struct Json;

impl ReportFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "programs: the table of controls with their rules"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(JsonTable::default())
    }
}

#[derive(Default)]
struct JsonTable {
    tally: Tally,
}

/// The whole document. `now` is the moment that waivers were judged by.
#[derive(Serialize)]
struct ControlsDocument<'a> {
    schema: &'static str,
    tool: ToolDocument,
    policy: PolicyDocument<'a>,
    now: String,
    frameworks: Vec<FrameworkDocument<'a>>,
    summary: SummaryDocument,
}

/// Hosts judged, evidence that could not be used, and the exit code.
#[derive(Serialize)]
struct SummaryDocument {
    hosts: u64,
    broken: u64,
    exit_code: u8,
}

impl Reporter for JsonTable {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.tally = Tally::new(run.policy);
        Ok(())
    }

    fn host(&mut self, _: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.tally.add(host.results.as_deref());
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let tables = self.tally.table(run.policy, summary.broken);
        let document = ControlsDocument {
            schema: "socklint/controls/1",
            tool: ToolDocument::THIS,
            policy: PolicyDocument::new(run.policy),
            now: run.dated().to_string(),
            frameworks: documents(&tables, &self.tally, run.policy),
            summary: SummaryDocument {
                hosts: summary.hosts,
                broken: summary.broken,
                exit_code: summary.exit_code(),
            },
        };
        safe::json(out, &document, true)?;
        out.write_all(b"\n")
    }
}
