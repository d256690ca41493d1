//! `oscal`: OSCAL assessment results, for governance, risk and compliance tools.
//!
//! Source: NIST OSCAL 1.1.2, assessment-results model; the keys are valid up to 1.2.2. A control that
//! rules name is a finding: `satisfied` only when it passes, else `not-satisfied` with reason `fail`, or
//! `other` where something is unknown, waived or for other hosts. A violation and an undecided result is
//! an observation each; the hosts that a rule passes on are one. A waiver is a risk with status
//! `deviation-approved` and its end as deadline; an expired one is `open`.
//!
//! UUIDs are version 5 over content: the same violation has the same one in every run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::finding::{RuleView, justification, rules, shortfall};
use super::place::uri;
use super::plain::{Each, Entry, Evidence, Ledger, Row, moment};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{Summary, Verdict};
use crate::controls::{Control, Counts, FrameworkTable, Tally};
use crate::policy::document::ToolDocument;
use crate::policy::{Policy, Waiver};
use crate::safe;

/// How many observations a rule has at most; how many references a list has.
const MOST: usize = 1000;

/// The namespace of property names.
const NS: &str = "urn:socklint:oscal";

pub(super) struct Oscal;

impl ReportFormat for Oscal {
    fn name(&self) -> &'static str {
        "oscal"
    }

    fn about(&self) -> &'static str {
        "governance, risk and compliance tools (OSCAL 1.1.2 assessment results)"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(Assessment::default())
    }
}

#[derive(Default)]
struct Assessment {
    ledger: Ledger,
    tally: Tally,
}

impl Reporter for Assessment {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.ledger = Ledger::new(run.policy, MOST);
        self.tally = Tally::new(run.policy);
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.tally.add(host.results.as_deref());
        self.ledger.add(run, host);
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let tables = self.tally.table(run.policy, summary.broken);
        let page = Page::new(run, summary, &self.ledger, &tables);
        safe::json(out, &page.document(), false)?;
        out.write_all(b"\n")
    }
}

#[derive(Serialize)]
struct Document<R: Serialize> {
    #[serde(rename = "assessment-results")]
    assessment_results: Results<R>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Results<R: Serialize> {
    uuid: Uuid,
    metadata: Value,
    import_ap: Value,
    results: [R; 1],
    back_matter: Value,
}

/// One result; lists are left out when they are empty, as the schema asks.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ResultDocument<O: Serialize> {
    uuid: Uuid,
    title: String,
    description: String,
    start: String,
    end: String,
    props: Vec<Value>,
    local_definitions: Value,
    reviewed_controls: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    observations: Option<O>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    risks: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remarks: Option<String>,
}

/// A UUID of version 5 over kind and content.
fn uuid(kind: &str, content: &str) -> Uuid {
    let space = Uuid::new_v5(&Uuid::NAMESPACE_URL, NS.as_bytes());
    Uuid::new_v5(&space, format!("{kind}\0{content}").as_bytes())
}

/// What is written, with the UUIDs that one part of it knows another by.
struct Page<'a> {
    run: &'a Run<'a>,
    summary: &'a Summary,
    ledger: &'a Ledger,
    rules: Vec<RuleView<'a>>,
    tables: &'a [FrameworkTable],
    /// Of the evidence: as inventory item and as resource.
    hosts: Vec<(Uuid, Uuid)>,
    /// Of the entries of each rule.
    entries: Vec<Vec<Uuid>>,
    /// Waivers that accept, or accepted, a violation, with the first observations of these.
    waivers: BTreeMap<usize, Vec<Uuid>>,
    tool: Uuid,
    start: String,
}

impl<'a> Page<'a> {
    fn new(
        run: &'a Run<'a>,
        summary: &'a Summary,
        ledger: &'a Ledger,
        tables: &'a [FrameworkTable],
    ) -> Self {
        let mut seen = HashMap::new();
        let hosts = ledger.hosts.iter().map(|evidence| {
            let content = format!("{}\0{}\0{}", evidence.host, evidence.path, evidence.sha256);
            let content = unique(&mut seen, &content);
            (uuid("host", &content), uuid("evidence", &content))
        });
        let hosts = hosts.collect();
        let rows = rules(run.policy).zip(&ledger.rows);
        let entries: Vec<Vec<Uuid>> = rows
            .map(|(rule, row)| {
                let id = rule.id();
                let each = row.entries.iter().map(|entry| {
                    let host = ledger.name(entry.host);
                    let content = match entry.fingerprint.as_str() {
                        "" => format!("{host}\0{id}\0{}", entry.verdict.name()),
                        fingerprint => fingerprint.to_owned(),
                    };
                    uuid("observation", &unique(&mut seen, &content))
                });
                each.collect()
            })
            .collect();
        let mut waivers: BTreeMap<usize, Vec<Uuid>> = BTreeMap::new();
        for (row, ids) in ledger.rows.iter().zip(&entries) {
            for (entry, id) in row.entries.iter().zip(ids) {
                let Some(waiver) = entry.waiver else { continue };
                let related = waivers.entry(waiver).or_default();
                if related.len() < MOST {
                    related.push(*id);
                }
            }
        }
        Self {
            run,
            summary,
            ledger,
            rules: rules(run.policy).collect(),
            tables,
            hosts,
            entries,
            waivers,
            tool: uuid("tool", ToolDocument::THIS.version),
            start: moment(run.dated()),
        }
    }

    /// What tells this run from others: policy, evidence and moment.
    fn content(&self) -> String {
        let mut content = format!("{}\0{}", self.run.policy.sha256(), self.start);
        for evidence in &self.ledger.hosts {
            content.push_str(&format!("\0{}\0{}", evidence.path, evidence.sha256));
        }
        content
    }

    fn document(&self) -> impl Serialize + '_ {
        let policy = self.run.policy;
        let content = self.content();
        let mut metadata = json!({
            "title": self.title(),
            "last-modified": self.start,
            "version": value(policy.sha256().get(..16).unwrap_or_default()),
            "oscal-version": "1.1.2",
        });
        let parties = self.parties();
        if !parties.is_empty() {
            insert(&mut metadata, "parties", json!(parties));
        }
        Document {
            assessment_results: Results {
                uuid: uuid("document", &content),
                metadata,
                import_ap: json!({ "href": format!("#{}", policy_uuid(policy, 0)) }),
                results: [self.result(uuid("result", &content))],
                back_matter: json!({ "resources": self.resources() }),
            },
        }
    }

    fn title(&self) -> String {
        match self.ledger.hosts.as_slice() {
            [one] => markup(&format!("Exposure audit of {}", one.host)),
            many => format!("Exposure audit of {} hosts", many.len()),
        }
    }

    fn result(&self, id: Uuid) -> impl Serialize + '_ {
        let summary = self.summary;
        let props = Verdict::ALL
            .map(|verdict| prop(verdict.name(), &summary.count(verdict).to_string()))
            .into_iter()
            .chain([
                prop("exit-code", &summary.exit_code().to_string()),
                prop("unusable-evidence", &summary.broken.to_string()),
            ]);
        let empty =
            self.ledger.rows.iter().all(|row| row.entries.is_empty() && row.passed.is_empty());
        ResultDocument {
            uuid: id,
            title: self.title(),
            description: markup(&format!(
                "Listeners of the hosts, checked against the policy {}.",
                self.run.policy.name
            )),
            start: self.start.clone(),
            end: self.start.clone(),
            props: props.collect(),
            local_definitions: self.local_definitions(),
            reviewed_controls: self.reviewed_controls(),
            observations: (!empty).then_some(Each(|| self.observations())),
            risks: self.risks(),
            findings: self.findings(),
            remarks: self.remarks(),
        }
    }

    /// What is not there, or not whole.
    fn remarks(&self) -> Option<String> {
        let mut left_out = Counts::default();
        for row in &self.ledger.rows {
            for (count, more) in left_out.0.iter_mut().zip(row.left_out.0) {
                *count += more;
            }
        }
        let mut remarks: Vec<String> =
            shortfall(self.summary).map(|why| markup(&format!("{why}."))).into_iter().collect();
        let count: u64 = left_out.0.iter().sum();
        if count > 0 {
            remarks.push(format!(
                "{count} observations are left out: {} of a rule stand here at most.",
                self.ledger.most
            ));
        }
        (!remarks.is_empty()).then(|| remarks.join(" "))
    }

    fn local_definitions(&self) -> Value {
        let version = ToolDocument::THIS.version;
        let mut definitions = json!({
            "assessment-assets": {
                "components": [{
                    "uuid": self.tool,
                    "type": "software",
                    "title": "socklint",
                    "description": "Exposure policy auditor.",
                    "props": [{ "name": "version", "value": version }],
                    "status": { "state": "operational" },
                }],
                "assessment-platforms": [{
                    "uuid": uuid("platform", version),
                    "title": "socklint",
                    "uses-components": [{ "component-uuid": self.tool }],
                }],
            },
        });
        let items =
            self.ledger.hosts.iter().zip(&self.hosts).map(|(evidence, (host, resource))| {
                json!({
                    "uuid": host,
                    "description": markup(&evidence.host),
                    "links": [{ "href": format!("#{resource}"), "rel": "evidence" }],
                })
            });
        let items: Vec<Value> = items.collect();
        if !items.is_empty() {
            insert(&mut definitions, "inventory-items", json!(items));
        }
        definitions
    }

    fn reviewed_controls(&self) -> Value {
        let mut ids: Vec<String> = self.controls().map(control_id).collect();
        ids.dedup();
        let selection = match ids.as_slice() {
            [] => json!({
                "description": "No rule of the policy names a control; the observations are of its rules.",
                "include-all": {},
            }),
            ids => json!({
                "include-controls":
                    ids.iter().map(|id| json!({ "control-id": id })).collect::<Vec<_>>(),
            }),
        };
        json!({ "control-selections": [selection] })
    }

    fn controls(&self) -> impl Iterator<Item = &'a Control> {
        self.tables.iter().flat_map(|table| &table.controls)
    }

    fn rows(&self) -> impl Iterator<Item = (RuleView<'a>, &'a Row, &Vec<Uuid>)> {
        let rules = self.rules.iter().copied();
        rules.zip(&self.ledger.rows).zip(&self.entries).map(|((rule, row), ids)| (rule, row, ids))
    }

    fn observations(&self) -> impl Iterator<Item = Value> + '_ {
        self.rows().flat_map(move |(rule, row, ids)| {
            let entries = row.entries.iter().zip(ids);
            let entries = entries.map(move |(entry, id)| self.observation(rule, entry, *id));
            let passed = (!row.passed.is_empty()).then(|| self.passed(rule, row));
            entries.chain(passed)
        })
    }

    fn observation(&self, rule: RuleView<'_>, entry: &Entry, id: Uuid) -> Value {
        let policy = self.run.policy;
        let waiver = entry.waiver.and_then(|index| policy.waivers.get(index));
        let words = match (entry.verdict, waiver) {
            (Verdict::Fail, Some(waiver)) => {
                format!("{} Its waiver expired on {}.", entry.message, waiver.expires.text)
            }
            (Verdict::Unknown, _) => format!("Not decided: {}", entry.message),
            (_, Some(waiver)) => format!("{} ({})", entry.message, justification(waiver)),
            (_, None) => entry.message.clone(),
        };
        let mut props = self.props(rule, entry.verdict);
        if !entry.fingerprint.is_empty() {
            props.push(prop("fingerprint", &entry.fingerprint));
        }
        let index = entry.host as usize;
        let (host, resource) = self.hosts.get(index).copied().unwrap_or_default();
        let collected = self.ledger.hosts.get(index).and_then(captured).map(moment);
        json!({
            "uuid": id,
            "title": value(rule.id()),
            "description": markup(&words),
            "props": props,
            "methods": ["TEST"],
            "types": [if entry.verdict == Verdict::Unknown { "control-objective" } else { "finding" }],
            "origins": self.origins(),
            "subjects": [{ "subject-uuid": host, "type": "inventory-item" }],
            "relevant-evidence": [{
                "href": format!("#{resource}"),
                "description": markup(&entry.place),
            }],
            "collected": collected.unwrap_or_else(|| self.start.clone()),
        })
    }

    /// The hosts that a rule passes on.
    fn passed(&self, rule: RuleView<'_>, row: &Row) -> Value {
        let hosts = row.passed.iter().filter_map(|&index| self.hosts.get(index as usize));
        let subjects: Vec<Value> = hosts
            .take(MOST)
            .map(|(host, _)| json!({ "subject-uuid": host, "type": "inventory-item" }))
            .collect();
        let count = match row.passed.len() {
            1 => "1 host".to_owned(),
            count if count > MOST => format!("{count} hosts, of which {MOST} are named"),
            count => format!("{count} hosts"),
        };
        let title = rule.summary();
        json!({
            "uuid": self.passed_uuid(rule),
            "title": value(rule.id()),
            "description": markup(&format!("Holds on {count}: {title}")),
            "props": self.props(rule, Verdict::Pass),
            "methods": ["TEST"],
            "types": ["control-objective"],
            "origins": self.origins(),
            "subjects": subjects,
            "collected": self.start,
        })
    }

    fn passed_uuid(&self, rule: RuleView<'_>) -> Uuid {
        let policy = self.run.policy;
        uuid("passed", &format!("{}\0{}", policy.name, rule.id()))
    }

    fn props(&self, rule: RuleView<'_>, verdict: Verdict) -> Vec<Value> {
        vec![
            prop("verdict", verdict.name()),
            prop("rule", rule.id()),
            prop("severity", rule.severity().name()),
        ]
    }

    fn origins(&self) -> Value {
        json!([{ "actors": [{ "type": "tool", "actor-uuid": self.tool }] }])
    }

    /// Those who answer for waivers.
    fn parties(&self) -> Vec<Value> {
        let waivers = self.waivers.keys().filter_map(|&index| self.run.policy.waivers.get(index));
        let names: BTreeSet<&str> = waivers.map(|waiver| waiver.owner.as_str()).collect();
        names
            .into_iter()
            .map(|name| {
                json!({ "uuid": uuid("party", name), "type": "person", "name": value(name) })
            })
            .collect()
    }

    fn risks(&self) -> Vec<Value> {
        let waivers = &self.run.policy.waivers;
        let risk = |(&index, related): (&usize, &Vec<Uuid>)| {
            Some(self.risk(index, waivers.get(index)?, related))
        };
        self.waivers.iter().filter_map(risk).collect()
    }

    fn risk(&self, index: usize, waiver: &Waiver, related: &[Uuid]) -> Value {
        let expired = waiver.expires.is_past(self.run.judged_at);
        let status = if expired { "open" } else { "deviation-approved" };
        let related: Vec<Value> =
            related.iter().map(|id| json!({ "observation-uuid": id })).collect();
        let id = risk_uuid(index, waiver);
        let words = justification(waiver);
        let mut risk = json!({
            "uuid": id,
            "title": markup(&format!("Waiver of {}", waiver.rules.words())),
            "description": markup(&words),
            "statement": markup(&waiver.reason),
            "status": status,
            "risk-log": { "entries": [{
                "uuid": uuid("risk-log", &id.to_string()),
                "title": if expired { "The waiver is expired" } else { "The waiver is in force" },
                "start": self.start,
                "logged-by": [{ "party-uuid": uuid("party", &waiver.owner) }],
                "status-change": status,
            }] },
        });
        if !related.is_empty() {
            insert(&mut risk, "related-observations", json!(related));
        }
        if let Some(deadline) = writable(waiver.expires.ends) {
            insert(&mut risk, "deadline", json!(moment(deadline)));
        }
        if let Some(compensating) = &waiver.compensating {
            let factor = json!([{
                "uuid": uuid("mitigating-factor", &id.to_string()),
                "description": markup(compensating),
            }]);
            insert(&mut risk, "mitigating-factors", factor);
        }
        risk
    }

    fn findings(&self) -> Vec<Value> {
        self.controls().map(|control| self.finding(control)).collect()
    }

    fn finding(&self, control: &Control) -> Value {
        let (state, reason) = match control.verdict() {
            Verdict::Pass => ("satisfied", "pass"),
            Verdict::Fail => ("not-satisfied", "fail"),
            Verdict::Unknown | Verdict::Waived | Verdict::NotApplicable => {
                ("not-satisfied", "other")
            }
        };
        let counts: Vec<String> = Verdict::ALL
            .into_iter()
            .map(|verdict| format!("{} {}", control.counts.of(verdict), verdict.name()))
            .collect();
        let (id, name) = (control_id(control), format!("{}:{}", control.framework, control.id));
        let title = match control.title {
            Some(title) => format!("{name} {title}"),
            None => name.clone(),
        };
        let mut observations = Vec::new();
        let mut risks = BTreeMap::new();
        for &rule in &control.rules {
            let Some((row, ids)) = self.ledger.rows.get(rule).zip(self.entries.get(rule)) else {
                continue;
            };
            observations.extend(ids.iter().copied().take(MOST - observations.len().min(MOST)));
            if let Some(&view) = self.rules.get(rule)
                && !row.passed.is_empty()
                && observations.len() < MOST
            {
                observations.push(self.passed_uuid(view));
            }
            for index in row.entries.iter().filter_map(|entry| entry.waiver) {
                if let Some(waiver) = self.run.policy.waivers.get(index) {
                    risks.insert(index, risk_uuid(index, waiver));
                }
            }
        }
        let mut finding = json!({
            "uuid": uuid("finding", &name),
            "title": markup(&title),
            "description": markup(&format!("Results of its rules on the hosts: {}.", counts.join(", "))),
            "props": [prop("verdict", control.verdict().name()), prop("control", &name)],
            "target": {
                "type": "statement-id",
                "target-id": format!("{id}_smt"),
                "status": {
                    "state": state,
                    "reason": reason,
                    "remarks": markup(&format!("The verdict is {}.", control.verdict().name())),
                },
            },
        });
        if !observations.is_empty() {
            let related = observations.iter().map(|id| json!({ "observation-uuid": id }));
            insert(&mut finding, "related-observations", related.collect());
        }
        if !risks.is_empty() {
            let related = risks.values().map(|id| json!({ "risk-uuid": id }));
            insert(&mut finding, "related-risks", related.collect());
        }
        finding
    }

    /// The files of the policy and the evidence, with their hashes.
    fn resources(&self) -> Vec<Value> {
        let policy = self.run.policy;
        let files = policy.sources.files().iter().enumerate().map(|(index, file)| {
            resource(
                policy_uuid(policy, index),
                "Policy",
                file.name(),
                "application/toml",
                &file.sha256(),
            )
        });
        let hosts = self.ledger.hosts.iter().zip(&self.hosts).map(|(evidence, (_, id))| {
            let title = format!("Evidence of {}", evidence.host);
            resource(*id, &title, &evidence.path, "text/plain", &evidence.sha256)
        });
        files.chain(hosts).collect()
    }
}

fn resource(id: Uuid, title: &str, path: &str, media: &str, sha256: &str) -> Value {
    json!({
        "uuid": id,
        "title": markup(title),
        "description": markup(path),
        "rlinks": [{
            "href": uri(path),
            "media-type": media,
            "hashes": [{ "algorithm": "SHA-256", "value": sha256 }],
        }],
    })
}

fn policy_uuid(policy: &Policy, index: usize) -> Uuid {
    let file = policy.sources.files().get(index);
    let content = file.map(|file| format!("{index}\0{}\0{}", file.name(), file.sha256()));
    uuid("policy", &content.unwrap_or_default())
}

fn risk_uuid(index: usize, waiver: &Waiver) -> Uuid {
    let Waiver { rules, reason, owner, expires, .. } = waiver;
    let content = format!("{index}\0{}\0{reason}\0{owner}\0{}", rules.words(), expires.text);
    uuid("risk", &content)
}

/// The content, with a number when it was there before.
fn unique(seen: &mut HashMap<String, u64>, content: &str) -> String {
    let count = seen.entry(content.to_owned()).or_insert(0);
    *count += 1;
    match *count {
        1 => content.to_owned(),
        count => format!("{content}\0{count}"),
    }
}

fn insert(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), value);
    }
}

fn prop(name: &str, text: &str) -> Value {
    json!({ "name": name, "ns": NS, "value": value(text) })
}

/// A control as a token: that of NIST's own catalog (`sc-7.5` for `SC-7(5)`), else the framework and the
/// id with `_` for what a token cannot hold.
fn control_id(control: &Control) -> String {
    if control.framework == "nist-800-53r5" {
        return control.id.to_lowercase().replace('(', ".").replace(')', "");
    }
    let token = |text: &str| -> String {
        let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.chars().map(|c| if keep(c) { c } else { '_' }).collect()
    };
    let id = format!("{}_{}", token(&control.framework), token(&control.id));
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { format!("_{id}") }
}

/// A moment that OSCAL can write: a year from 1900 to 2999.
fn writable(at: Timestamp) -> Option<Timestamp> {
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    (1900..=2999).contains(&year).then_some(at)
}

/// When evidence was captured, where it says so.
fn captured(evidence: &Evidence) -> Option<Timestamp> {
    evidence.captured_at.as_deref()?.parse().ok().and_then(writable)
}

/// A string as OSCAL has them: one line, neither empty nor with blanks at its ends.
fn value(text: &str) -> String {
    match safe::line(text).trim() {
        "" => "-".to_owned(),
        text => text.to_owned(),
    }
}

/// Text as one line of OSCAL's Markdown that is shown as it is: no link, image, element or emphasis.
fn markup(text: &str) -> String {
    let text = value(text);
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            // Within code nothing can be escaped, and a backtick of the evidence would end it.
            '`' => escaped.push('\''),
            '\\' | '*' | '<' | '>' | '[' | ']' | '&' | '~' | '^' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(markup("a `b` <i>[x](y)"), "a 'b' \\<i\\>\\[x\\](y)");
        assert_eq!(markup(" \n"), "\\\\n");
        assert_eq!(markup(""), "-");
    }

    #[test]
    fn uuids_are_of_version_5_and_of_content() {
        let id = uuid("host", "db1");
        assert_eq!(id.get_version_num(), 5);
        assert_eq!(id, uuid("host", "db1"));
        assert_ne!(id, uuid("host", "db2"));
        assert_ne!(id, uuid("evidence", "db1"));
    }
}
