//! `azure`: logging commands of Azure Pipelines.
//!
//! `##vso[task.logissue type=error;sourcepath=P;linenumber=L;columnnumber=C;code=R;]MESSAGE`; `;`, `]`, CR
//! and LF are percent-encoded and `%` is `%AZP25`. A note is a plain line: there are errors and warnings
//! only. Source: Azure Pipelines, "Logging commands"; microsoft/azure-pipelines-agent, `Command.cs`.

use super::annotations::{Annotation, Annotations, Syntax};
use super::{ReportFormat, Reporter, Style};
use crate::policy::Severity;
use crate::safe;

pub(super) struct Azure;

impl ReportFormat for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn about(&self) -> &'static str {
        "Azure Pipelines: issues of a task, in the log and on the summary page"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Annotations::new(Azure))
    }
}

impl Syntax for Azure {
    fn line(&self, annotation: &Annotation<'_>) -> String {
        let kind = match annotation.level {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => {
                return format!(
                    "note: {}\n",
                    safe::line(&format!("{}: {}", annotation.title, annotation.message))
                );
            }
        };
        let mut line = format!("##vso[task.logissue type={kind};");
        if let Some(path) = &annotation.path {
            line.push_str(&format!("sourcepath={};", escape(path)));
        }
        if let Some(location) = annotation.location {
            let place = location.place;
            line.push_str(&format!("linenumber={};columnnumber={};", place.line, place.column));
        }
        let message = format!("{}: {}", annotation.title, annotation.message);
        line.push_str(&format!("code={};]{}\n", escape(annotation.code), escape(&message)));
        line
    }
}

fn escape(text: &str) -> String {
    let text = safe::lines(text).replace('%', "%AZP25");
    text.replace('\n', "%0A").replace(';', "%3B").replace(']', "%5D")
}
