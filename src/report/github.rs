//! `github`: workflow commands, which GitHub Actions shows as annotations.
//!
//! `::error file=PATH,line=L,endLine=L,col=C,endColumn=C,title=T::MESSAGE`; `%`, CR and LF are
//! percent-encoded, in properties `:` and `,` too. Columns only where the part ends on its line.
//! Source: actions/toolkit, `command.ts`; actions/runner, `ActionCommand.cs`.

use super::annotations::{Annotation, Annotations, Syntax};
use super::{ReportFormat, Reporter, Style};
use crate::policy::Severity;
use crate::safe;

pub(super) struct Github;

impl ReportFormat for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn about(&self) -> &'static str {
        "GitHub Actions: annotations in the log and on changed lines, and the step summary"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Annotations::new(Github))
    }
}

impl Syntax for Github {
    fn line(&self, annotation: &Annotation<'_>) -> String {
        let command = match annotation.level {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut line = format!("::{command} ");
        if let Some(path) = &annotation.path {
            line.push_str(&format!("file={},", property(path)));
        }
        if let Some(location) = annotation.location {
            let place = location.place;
            line.push_str(&format!("line={},endLine={},", place.line, place.end_line));
            if place.line == place.end_line {
                line.push_str(&format!("col={},endColumn={},", place.column, place.end_column));
            }
        }
        line.push_str(&format!(
            "title={}::{}\n",
            property(&annotation.title),
            data(&annotation.message)
        ));
        line
    }
}

fn data(text: &str) -> String {
    safe::lines(text).replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    safe::line(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}
