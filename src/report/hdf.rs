//! `hdf`: Heimdall Data Format, the JSON of `inspec exec`, which MITRE's Heimdall and SAF CLI read.
//!
//! A rule is a control and a host is a result of it. Heimdall computes the status of a control from its
//! results (source: inspecjs 2.12, `compat_inspec_1_0`): impact 0 or a waiver is Not Applicable, else any
//! `failed` is Failed, else any `passed` is Passed, else `skipped` is Not Reviewed. So beside an
//! undecided host no result may say `passed`: a control that is unknown or waived somewhere and fails
//! nowhere has `skipped` results only.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::finding::{RuleView, justification, rules, shortfall};
use super::plain::{self, Each, Entry, Ledger, Row};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{Summary, Verdict};
use crate::frameworks;
use crate::policy::document::ToolDocument;
use crate::policy::{Policy, Severity};
use crate::safe;

/// How many results a control has at most, beside one that says how many more there are.
const MOST: usize = 1000;

pub(super) struct Hdf;

impl ReportFormat for Hdf {
    fn name(&self) -> &'static str {
        "hdf"
    }

    fn about(&self) -> &'static str {
        "MITRE Heimdall and SAF CLI (Heimdall Data Format)"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(HdfReport::default())
    }
}

#[derive(Default)]
struct HdfReport {
    ledger: Ledger,
}

/// The document. Source: `exec-json` of inspecjs.
#[derive(Serialize)]
struct Document<'a, C: Serialize> {
    platform: Value,
    version: &'static str,
    statistics: Value,
    profiles: [Profile<'a, C>; 1],
}

/// The policy, with a control for each rule.
#[derive(Serialize)]
struct Profile<'a, C: Serialize> {
    name: &'a str,
    title: String,
    summary: String,
    version: &'static str,
    sha256: String,
    supports: [u8; 0],
    attributes: [u8; 0],
    groups: [u8; 0],
    status: &'static str,
    /// Why the audit is not whole.
    status_message: Option<&'a str>,
    controls: C,
}

/// A control.
#[derive(Serialize)]
struct ControlDocument<'a> {
    id: &'a str,
    title: String,
    desc: String,
    descriptions: Vec<Value>,
    impact: f64,
    refs: Vec<Value>,
    tags: Map<String, Value>,
    code: String,
    source_location: Value,
    results: Vec<ResultDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver_data: Option<Value>,
}

/// A result. `message` is there when it failed, `skip_message` when it was skipped.
#[derive(Serialize)]
struct ResultDocument {
    status: &'static str,
    code_desc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_message: Option<String>,
    start_time: String,
}

impl Reporter for HdfReport {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.ledger = Ledger::new(run.policy, MOST);
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.ledger.add(run, host);
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let policy = run.policy;
        let version = ToolDocument::THIS.version;
        let shortfall = shortfall(summary);
        let lost = summary.broken > 0 || summary.hosts == 0;
        let all: Vec<_> = rules(policy)
            .zip(&self.ledger.rows)
            .map(|(rule, row)| (rule, row, worst(row, lost)))
            .collect();
        let total = |wanted: &[Verdict]| json!({ "total": all.iter().filter(|(.., worst)| wanted.contains(worst)).count() });
        let why = shortfall.as_deref().filter(|_| lost);
        let skipped = [Verdict::Unknown, Verdict::Waived, Verdict::NotApplicable];
        let document = Document {
            platform: json!({ "name": "socklint", "release": version, "target_id": self.target() }),
            version,
            statistics: json!({ "controls": {
                "passed": total(&[Verdict::Pass]),
                "skipped": total(&skipped),
                "failed": total(&[Verdict::Fail]),
            } }),
            profiles: [Profile {
                name: &policy.name,
                title: format!("Exposure policy {}", policy.name),
                summary: policy.descriptions.join(" "),
                version,
                sha256: policy.sha256(),
                supports: [],
                attributes: [],
                groups: [],
                status: "loaded",
                status_message: shortfall.as_deref(),
                controls: Each(|| {
                    all.iter().map(|&(rule, row, worst)| self.control(run, rule, row, worst, why))
                }),
            }],
        };
        safe::json(out, &document, false)?;
        out.write_all(b"\n")
    }
}

/// What a control comes to. Evidence that could not even be opened is in no row.
fn worst(row: &Row, lost: bool) -> Verdict {
    match row.counts.worst() {
        Verdict::Fail => Verdict::Fail,
        _ if lost => Verdict::Unknown,
        worst => worst,
    }
}

impl HdfReport {
    /// What was looked at.
    fn target(&self) -> String {
        match self.ledger.hosts.as_slice() {
            [] => "no host".to_owned(),
            [one] => one.host.clone(),
            many => format!("{} hosts", many.len()),
        }
    }

    fn control<'a>(
        &self,
        run: &Run<'a>,
        rule: RuleView<'a>,
        row: &Row,
        worst: Verdict,
        lost: Option<&str>,
    ) -> ControlDocument<'a> {
        let policy = run.policy;
        let title = rule.summary();
        let asks = rule.requirement();
        let descriptions = [Some(("check", asks.as_str())), rule.help().map(|help| ("fix", help))];
        ControlDocument {
            id: rule.id(),
            desc: rule.because().unwrap_or(&title).to_owned(),
            title,
            descriptions: descriptions
                .into_iter()
                .flatten()
                .map(|(label, data)| json!({ "label": label, "data": data }))
                .collect(),
            impact: match (worst, rule.severity()) {
                (Verdict::NotApplicable, _) => 0.0,
                (_, Severity::Error) => 0.7,
                (_, Severity::Warning) => 0.5,
                (_, Severity::Note) => 0.3,
            },
            refs: rule.url().map(|url| json!({ "url": url })).into_iter().collect(),
            tags: tags(rule),
            code: code(policy, rule),
            source_location: match rule.place() {
                Some(at) => json!({ "ref": at.path(), "line": at.place.line }),
                None => json!({}),
            },
            results: self.results(run, row, worst, lost),
            waiver_data: (worst == Verdict::Waived).then(|| waiver_data(policy, row)),
        }
    }

    /// One result an entry. Only a control that fails, or passes wherever it applies, may say `passed`.
    fn results(
        &self,
        run: &Run<'_>,
        row: &Row,
        worst: Verdict,
        lost: Option<&str>,
    ) -> Vec<ResultDocument> {
        let start = plain::moment(run.dated());
        let skipped = |code_desc: String, why: String| ResultDocument {
            status: "skipped",
            code_desc,
            message: None,
            skip_message: Some(why),
            start_time: start.clone(),
        };
        let mut results: Vec<ResultDocument> =
            row.entries.iter().map(|entry| self.result(run, entry, &start)).collect();
        for verdict in [Verdict::Fail, Verdict::Unknown, Verdict::Waived] {
            let more = row.left_out.of(verdict);
            if more > 0 {
                let what = format!("{more} more results that are {}", verdict.name());
                let mut result = skipped(what, "left out".to_owned());
                if verdict == Verdict::Fail {
                    (result.status, result.message) = ("failed", result.skip_message.take());
                }
                results.push(result);
            }
        }
        let passed = row.counts.of(Verdict::Pass);
        match worst {
            Verdict::Pass | Verdict::Fail => {
                let each = |&host: &u32| ResultDocument {
                    status: "passed",
                    code_desc: self.ledger.name(host).to_owned(),
                    message: None,
                    skip_message: None,
                    start_time: start.clone(),
                };
                results.extend(row.passed.iter().take(MOST).map(each));
                let more = row.passed.len().saturating_sub(MOST);
                if more > 0 {
                    let mut result = skipped(format!("{more} more hosts"), String::new());
                    (result.status, result.skip_message) = ("passed", None);
                    results.push(result);
                }
            }
            Verdict::Unknown | Verdict::Waived if passed > 0 => {
                let why = format!("passes there, and is {} elsewhere", worst.name());
                let hosts = match passed {
                    1 => "1 other host".to_owned(),
                    passed => format!("{passed} other hosts"),
                };
                results.push(skipped(hosts, why));
            }
            Verdict::NotApplicable => {
                results.push(skipped(self.target(), "the rule is for other hosts".to_owned()));
            }
            Verdict::Unknown | Verdict::Waived => {}
        }
        if let Some(why) = lost.filter(|_| worst != Verdict::Fail) {
            results.push(skipped("evidence".to_owned(), why.to_owned()));
        }
        results
    }

    fn result(&self, run: &Run<'_>, entry: &Entry, start: &str) -> ResultDocument {
        let mut code_desc = format!("{} {}", self.ledger.name(entry.host), entry.place);
        if !entry.endpoint.is_empty() {
            code_desc = format!("{code_desc} {}", entry.endpoint);
        }
        let waiver = entry.waiver.and_then(|index| run.policy.waivers.get(index));
        let (status, message, skip_message) = match (entry.verdict, waiver) {
            (Verdict::Fail, Some(waiver)) => {
                let expired = &waiver.expires.text;
                (
                    "failed",
                    Some(format!("{}; its waiver expired on {expired}", entry.message)),
                    None,
                )
            }
            (Verdict::Fail, None) => ("failed", Some(entry.message.clone()), None),
            (_, Some(waiver)) => {
                let words = justification(waiver);
                ("skipped", None, Some(format!("{}; {words}", entry.message)))
            }
            (_, None) => ("skipped", None, Some(format!("not decided: {}", entry.message))),
        };
        ResultDocument { status, code_desc, message, skip_message, start_time: start.to_owned() }
    }
}

/// Every violation of the control is waived: by what, and until when the first of them ends.
fn waiver_data(policy: &Policy, row: &Row) -> Value {
    let mut numbers: Vec<usize> = row.entries.iter().filter_map(|entry| entry.waiver).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let waivers: Vec<_> = numbers.iter().filter_map(|&index| policy.waivers.get(index)).collect();
    let first = waivers.iter().min_by_key(|waiver| waiver.expires.ends);
    let words: Vec<String> = waivers.iter().map(|waiver| justification(waiver)).collect();
    json!({
        "expiration_date": first.map(|waiver| waiver.expires.text.as_str()),
        "justification": words.join(". "),
        "run": true,
        "skipped_due_to_waiver": true,
        "message": "",
    })
}

/// Severity, NIST controls as Heimdall's tree wants them (`SC-7 (5)`), those of other frameworks, and
/// the words to select rules by.
fn tags(rule: RuleView<'_>) -> Map<String, Value> {
    let mut tags = Map::new();
    tags.insert("severity".to_owned(), json!(plain::grade(rule.severity())));
    for control in rule.controls() {
        let Some((framework, id)) = frameworks::split(control) else { continue };
        let (key, id) = match framework {
            "nist-800-53r5" => ("nist", id.replace('(', " (")),
            "cci" => ("cci", id.to_owned()),
            other => (other, id.to_owned()),
        };
        let ids = tags.entry(key).or_insert_with(|| json!([]));
        if let Value::Array(ids) = ids {
            ids.push(json!(id));
        }
    }
    if !rule.tags().is_empty() {
        tags.insert("tags".to_owned(), json!(rule.tags()));
    }
    tags
}

/// What decides a rule, as the policy writes it.
fn code(policy: &Policy, rule: RuleView<'_>) -> String {
    let spans = match rule.of.rule(policy) {
        Some(rule) => vec![rule.match_at, Some(rule.action_at)],
        None => vec![policy.unlisted.map(|unlisted| unlisted.at)],
    };
    let lines: Vec<&str> = spans.into_iter().flatten().map(|at| policy.sources.slice(at)).collect();
    lines.join("\n")
}
