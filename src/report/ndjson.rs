//! `ndjson`: a host a line as it is judged, for fleets and for log shippers.
//!
//! Each line is an object like those of `hosts` in `json`. The last line is another one: everything else of
//! `json`; where it is missing, the report is cut off.

use super::closing::Shape;
use super::json::JsonReport;
use super::{ReportFormat, Reporter, Style};

pub(super) struct Ndjson;

impl ReportFormat for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn about(&self) -> &'static str {
        "streams and log shippers: a host a line, the summary last"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        JsonReport::boxed(Shape::Ndjson)
    }
}
