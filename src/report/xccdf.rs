//! `xccdf`: an XCCDF 1.2 benchmark with the rules, and a TestResult for each host.
//!
//! Source: NIST IR 7275 revision 4 and its schema. Results: `pass`, `fail`, `unknown`, `notapplicable`;
//! `error` for every rule of evidence that could not be used. A waived rule is `informational` by an
//! override of `fail`, which names who answers for it. The score counts rules that pass among those that
//! are for the host, so that nothing undecided counts as passed. Ids are NCNames: `/` of a rule id is
//! written `..`.

use std::collections::HashSet;
use std::io::{self, Write};

use super::finding::{RuleView, Standing, findings_of, justification, rules, shortfall};
use super::plain::{self, moment};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{RuleRef, RuleResult, Summary, Verdict};
use crate::frameworks;
use crate::policy::document::ToolDocument;
use crate::policy::{Policy, Severity, Waiver};
use crate::safe::xml::text;

/// How many messages a result has at most, beside one that says how many more there are.
const MOST: usize = 100;

pub(super) struct Xccdf;

impl ReportFormat for Xccdf {
    fn name(&self) -> &'static str {
        "xccdf"
    }

    fn about(&self) -> &'static str {
        "SCAP tools and STIG viewers (XCCDF 1.2 results)"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Benchmark { ids: Vec::new(), hosts: 0 })
    }
}

struct Benchmark {
    /// The XCCDF id of each rule, `unlisted` last.
    ids: Vec<String>,
    hosts: u64,
}

impl Reporter for Benchmark {
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        let policy = run.policy;
        self.ids = ids(policy);
        let description: String =
            policy.descriptions.iter().map(|text| format!("{text}; ")).collect();
        let sources = policy.sources.files().iter();
        let sources: Vec<String> =
            sources.map(|file| format!("{} (SHA-256 {})", file.name(), file.sha256())).collect();
        let date = moment(run.dated());
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Benchmark xmlns=\"http://checklists.nist.gov/xccdf/1.2\" \
             id=\"xccdf_socklint_benchmark_{}\" resolved=\"true\">\n\
             \x20 <status date=\"{}\">incomplete</status>\n\
             \x20 <title>{}</title>\n\
             \x20 <description>{}</description>\n\
             \x20 <version time=\"{date}\">{}</version>\n",
            nc_name(&policy.name),
            date.get(..10).unwrap_or_default(),
            text(&format!("Exposure policy {}", policy.name)),
            text(&format!("{description}policy files: {}", sources.join(", "))),
            text(policy.sha256().get(..16).unwrap_or_default()),
        )?;
        for (rule, id) in rules(policy).zip(&self.ids) {
            write_rule(rule, id, out)?;
        }
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        self.hosts += 1;
        let time = moment(run.dated());
        let origin = &host.snapshot.origin;
        // Two hosts may have one name; the number keeps ids apart.
        write!(
            out,
            "  <TestResult id=\"xccdf_socklint_testresult_{}-{}\" start-time=\"{time}\" \
             end-time=\"{time}\" version=\"{}\" test-system=\"socklint\">\n\
             \x20   <benchmark href=\"#xccdf_socklint_benchmark_{name}\" \
             id=\"xccdf_socklint_benchmark_{name}\"/>\n\
             \x20   <title>{}</title>\n\
             \x20   <target>{}</target>\n\
             \x20   <target-facts>\n",
            self.hosts,
            nc_name(host.title()),
            ToolDocument::THIS.version,
            text(&format!("Exposure audit of {}", host.title())),
            text(host.title()),
            name = nc_name(&run.policy.name),
        )?;
        let sha256 = plain::sha256(host);
        let facts = [
            ("evidence:path", Some(origin.path.as_str())),
            ("evidence:sha256", Some(sha256.as_str())),
            ("evidence:format", Some(origin.format.as_str())),
            ("evidence:command", origin.command.as_deref()),
            ("evidence:captured-at", origin.captured_at.as_deref()),
        ];
        for (name, value) in facts {
            let Some(value) = value else { continue };
            writeln!(
                out,
                "      <fact name=\"urn:socklint:{name}\" type=\"string\">{}</fact>",
                text(value)
            )?;
        }
        writeln!(out, "    </target-facts>")?;
        let (mut passed, mut counted) = (0_u64, 0_u64);
        match &host.results {
            Some(results) => {
                for result in results {
                    counted += u64::from(result.verdict != Verdict::NotApplicable);
                    passed += u64::from(result.verdict == Verdict::Pass);
                    self.result(run, host, result, out)?;
                }
            }
            None => {
                let why = plain::unusable(host, run.lenient);
                for (rule, id) in rules(run.policy).zip(&self.ids) {
                    counted += 1;
                    open(run, rule.severity(), id, "error", out)?;
                    write_message(out, "error", &why)?;
                    writeln!(out, "    </rule-result>")?;
                }
            }
        }
        write!(
            out,
            "    <score system=\"urn:xccdf:scoring:flat-unweighted\" maximum=\"{counted}\">{passed}</score>\n\
             \x20 </TestResult>\n"
        )
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            let time = moment(run.dated());
            write!(
                out,
                "  <TestResult id=\"xccdf_socklint_testresult_0-run\" start-time=\"{time}\" \
                 end-time=\"{time}\" version=\"{}\" test-system=\"socklint\">\n\
                 \x20   <title>The run as a whole</title>\n\
                 \x20   <remark>{}</remark>\n\
                 \x20   <target>the run</target>\n\
                 \x20   <score system=\"urn:xccdf:scoring:flat-unweighted\" maximum=\"1\">0</score>\n\
                 \x20 </TestResult>\n",
                ToolDocument::THIS.version,
                text(&why),
            )?;
        }
        out.write_all(b"</Benchmark>\n")
    }
}

impl Benchmark {
    fn result(
        &self,
        run: &Run<'_>,
        host: &HostReport,
        result: &RuleResult,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let policy = run.policy;
        let number = match result.rule {
            RuleRef::Rule(index) => index,
            RuleRef::Unlisted => policy.rules.len(),
        };
        let Some(id) = self.ids.get(number) else { return Ok(()) };
        let word = match result.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Unknown => "unknown",
            Verdict::Waived => "informational",
            Verdict::NotApplicable => "notapplicable",
        };
        open(run, result.rule.severity(policy), id, word, out)?;
        if result.verdict == Verdict::Waived {
            let mut numbers: Vec<usize> =
                result.violations.iter().filter_map(|violation| violation.waiver).collect();
            numbers.sort_unstable();
            numbers.dedup();
            for waiver in numbers.iter().filter_map(|&index| policy.waivers.get(index)) {
                write_override(run, waiver, out)?;
            }
        }
        let controls = result.rule.rule(policy).map(|rule| rule.controls.as_slice());
        for control in controls.unwrap_or_default() {
            writeln!(out, "      {}", ident(control))?;
        }
        let violations = findings_of(run, host, result).filter(|found| found.violation.is_some());
        for found in violations.take(MOST) {
            let place = found.evidence().map(|at| format!("{}:{}: ", at.path(), at.place.line));
            let words = format!("{}{}", place.unwrap_or_default(), found.message());
            let severity = if found.standing == Standing::Waived { "info" } else { "error" };
            write_message(out, severity, &words)?;
        }
        let more = result.violations.len().saturating_sub(MOST);
        if more > 0 {
            write_message(out, "error", &format!("{more} more violations are left out"))?;
        }
        let undecided =
            findings_of(run, host, result).find(|found| found.standing == Standing::Unknown);
        if let Some(undecided) = undecided {
            write_message(out, "warning", &undecided.message())?;
        }
        writeln!(out, "    </rule-result>")
    }
}

fn write_rule(rule: RuleView<'_>, id: &str, out: &mut dyn Write) -> io::Result<()> {
    let severity = plain::grade(rule.severity());
    writeln!(out, "  <Rule id=\"{id}\" severity=\"{severity}\">")?;
    writeln!(out, "    <title>{}</title>", text(&rule.summary()))?;
    writeln!(out, "    <description>{}</description>", text(&rule.requirement()))?;
    if let Some(url) = rule.url() {
        writeln!(out, "    <reference>{}</reference>", text(url))?;
    }
    if let Some(because) = rule.because() {
        writeln!(out, "    <rationale>{}</rationale>", text(because))?;
    }
    for control in rule.controls() {
        writeln!(out, "    {}", ident(control))?;
    }
    if let Some(help) = rule.help() {
        writeln!(out, "    <fixtext>{}</fixtext>", text(help))?;
    }
    writeln!(out, "  </Rule>")
}

/// Opens a result.
fn open(
    run: &Run<'_>,
    severity: Severity,
    id: &str,
    word: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let severity = plain::grade(severity);
    let time = moment(run.dated());
    write!(
        out,
        "    <rule-result idref=\"{id}\" severity=\"{severity}\" time=\"{time}\">\n\
         \x20     <result>{word}</result>\n"
    )
}

fn write_override(run: &Run<'_>, waiver: &Waiver, out: &mut dyn Write) -> io::Result<()> {
    let authority = waiver.approved_by.as_deref().unwrap_or(&waiver.owner);
    write!(
        out,
        "      <override time=\"{}\" authority=\"{}\">\n\
         \x20       <old-result>fail</old-result>\n\
         \x20       <new-result>informational</new-result>\n\
         \x20       <remark>{}</remark>\n\
         \x20     </override>\n",
        moment(run.dated()),
        text(authority),
        text(&justification(waiver)),
    )
}

fn write_message(out: &mut dyn Write, severity: &str, words: &str) -> io::Result<()> {
    writeln!(out, "      <message severity=\"{severity}\">{}</message>", text(words))
}

/// A control as an identifier of its framework; that of CCIs is DISA's.
fn ident(control: &str) -> String {
    let (framework, id) = frameworks::split(control).unwrap_or(("", control));
    let system = match framework {
        "cci" => "http://cyber.mil/cci".to_owned(),
        other => format!("urn:socklint:controls:{}", super::place::uri(other)),
    };
    format!("<ident system=\"{}\">{}</ident>", text(&system), text(id))
}

/// An XCCDF id for each rule, `unlisted` last; no two are the same.
fn ids(policy: &Policy) -> Vec<String> {
    let mut seen = HashSet::new();
    rules(policy)
        .map(|rule| {
            let name = nc_name(rule.id());
            let mut id = format!("xccdf_socklint_rule_{name}");
            let mut number = 1_u64;
            while !seen.insert(id.clone()) {
                number += 1;
                id = format!("xccdf_socklint_rule_{name}.{number}");
            }
            id
        })
        .collect()
}

/// The end of an NCName: `/` as `..`, everything else that is no ASCII letter, digit, `-`, `_` or `.` as
/// `_`; never empty.
fn nc_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '/' => safe.push_str(".."),
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') => safe.push(c),
            _ => safe.push('_'),
        }
    }
    if safe.is_empty() { "_".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::nc_name;

    #[test]
    fn names_are_nc_names() {
        assert_eq!(nc_name("baseline/telnet"), "baseline..telnet");
        assert_eq!(nc_name("a b\u{1b}<é>"), "a_b____");
        assert_eq!(nc_name(""), "_");
    }
}
