//! `ndjson`: a host a line as it is judged, for fleets and for log shippers.
//!
//! Each line is an object like those of `hosts` in `json`. The last line is another one: `schema`, `tool`,
//! `policy` and `summary` as in `json`; where it is missing, the report is cut off.

use std::io::{self, Write};

use super::json::{self, Closing};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::safe;

pub(super) struct Ndjson;

impl ReportFormat for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn about(&self) -> &'static str {
        "streams and log shippers: a host a line, the summary last"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(NdjsonReport)
    }
}

struct NdjsonReport;

impl Reporter for NdjsonReport {
    fn begin(&mut self, _: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        safe::json(out, &json::host_document(run, host), false)?;
        out.write_all(b"\n")
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        safe::json(out, &Closing::new(run, summary), false)?;
        out.write_all(b"\n")
    }
}
