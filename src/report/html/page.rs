//! What the page shows, in the order in which it shows it.

use std::cmp::Reverse;

use askama::Template;

use super::super::Run;
use super::super::finding::{RuleView, justification, rules, shortfall};
use super::super::place::clip;
use super::super::plain::{Entry, LINE, Row, moment};
use super::{HtmlReport, Listener, Prose, Remark, Text};
use crate::audit::{Summary, Verdict};
use crate::controls::{Counts, FrameworkTable};
use crate::policy::Severity;
use crate::policy::document::ToolDocument;
use crate::snapshot::Grade;
use crate::source::{SourceMap, Span};

/// How much of each list the page shows.
const MOST_VIOLATIONS: usize = 2000;
const MOST_WAIVED: usize = 500;
const MOST_COLUMNS: usize = 40;
const MOST_RULES: usize = 500;
const MOST_HOSTS: usize = 1000;
const MOST_NAMES: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    title: Text,
    outcome: Outcome,
    policy: Text,
    descriptions: Vec<Text>,
    moment: String,
    version: &'static str,
    exit_code: u8,
    hosts_count: u64,
    broken: u64,
    listeners_count: u64,
    rules_count: usize,
    verdicts: Vec<(&'static str, &'static str, u64)>,
    severities: Vec<(&'static str, u64)>,
    waived: u64,
    violations: Vec<RuleGroup>,
    violations_left_out: u64,
    unknowns: Vec<Gap>,
    waivers: Vec<WaiverCard>,
    matrix: Matrix,
    frameworks: Vec<Framework>,
    listeners: &'a [Listener],
    listeners_left_out: usize,
    many: bool,
    hosts: Vec<HostRow>,
    hosts_left_out: usize,
    remarks: &'a [Remark],
    remarks_left_out: usize,
    warnings: Vec<(Text, Prose)>,
    files: Vec<(Text, String)>,
    policy_sha256: String,
    options: Vec<(&'static str, String)>,
}

/// What the run came to.
struct Outcome {
    class: &'static str,
    word: &'static str,
    says: String,
}

/// The violations of a rule.
struct RuleGroup {
    id: Text,
    severity: &'static str,
    title: Prose,
    because: Prose,
    help: Prose,
    url: Text,
    controls: Text,
    asks: Prose,
    policy: Text,
    count: u64,
    violations: Vec<Violation>,
    left_out: u64,
}

struct Violation {
    host: Text,
    message: Prose,
    place: Text,
    line: Text,
    key: Text,
    key_line: Text,
    fingerprint: Text,
    expired: Prose,
}

/// A missing fact.
struct Gap {
    what: Prose,
    cure: Prose,
    rules: Text,
    hosts: Text,
    rule_count: usize,
    host_count: usize,
}

/// A waiver with what it accepts.
struct WaiverCard {
    rules: Text,
    status: &'static str,
    class: &'static str,
    reason: Text,
    owner: Text,
    expires: Text,
    more: Vec<(&'static str, Text)>,
    place: Text,
    count: usize,
    violations: Vec<(Text, Prose)>,
    left_out: usize,
}

/// Rules by hosts.
struct Matrix {
    hosts: Vec<Text>,
    /// There are so many hosts that their names stand upright.
    narrow: bool,
    rows: Vec<MatrixRow>,
    hosts_left_out: usize,
    rules_left_out: usize,
}

struct MatrixRow {
    id: Text,
    title: Prose,
    /// Word and class of each host.
    cells: Vec<(&'static str, &'static str)>,
}

struct Framework {
    title: Text,
    /// Empty where there is no other title.
    name: Text,
    controls: Vec<ControlRow>,
}

struct ControlRow {
    id: Text,
    title: &'static str,
    verdict: &'static str,
    class: &'static str,
    counts: [u64; 5],
    rules: Text,
}

struct HostRow {
    host: Text,
    path: Text,
    format: Text,
    command: Text,
    captured_at: Text,
    coverage: Text,
    sha256: Text,
    privilege: &'static str,
    counts: [u64; 5],
    listeners: usize,
    unusable: Text,
}

/// Verdicts as the page shows them: name, word and class.
fn shown(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("pass", "pass"),
        Verdict::Fail => ("fail", "fail"),
        Verdict::Unknown => ("unknown", "unknown"),
        Verdict::Waived => ("waived", "waived"),
        Verdict::NotApplicable => ("n/a", "na"),
    }
}

impl<'a> Page<'a> {
    pub(super) fn new(
        report: &'a HtmlReport,
        run: &Run<'_>,
        summary: &Summary,
        tables: &[FrameworkTable],
    ) -> Self {
        let policy = run.policy;
        let (violations, violations_left_out) = violations(report, run);
        let title = match report.ledger.hosts.as_slice() {
            [one] => Text(format!("Exposure audit of {}", one.host)),
            many => Text(format!("Exposure audit of {} hosts", many.len())),
        };
        let sources = policy.sources.files();
        Self {
            title,
            outcome: outcome(summary),
            policy: Text::new(&policy.name),
            descriptions: policy.descriptions.iter().map(|text| Text::new(text)).collect(),
            moment: moment(run.dated()),
            version: ToolDocument::THIS.version,
            exit_code: summary.exit_code(),
            hosts_count: summary.hosts,
            broken: summary.broken,
            listeners_count: summary.listeners,
            rules_count: rules(policy).count(),
            verdicts: Verdict::ALL
                .map(|verdict| (shown(verdict).0, shown(verdict).1, summary.count(verdict)))
                .to_vec(),
            severities: Severity::ALL
                .into_iter()
                .zip(summary.violations)
                .rev()
                .map(|(severity, count)| (severity.name(), count))
                .collect(),
            waived: summary.waived,
            violations,
            violations_left_out,
            unknowns: unknowns(report, run),
            waivers: waivers(report, run),
            matrix: matrix(report, run),
            frameworks: tables.iter().map(|table| framework(table, run)).collect(),
            listeners: &report.listeners,
            listeners_left_out: report.listeners_left_out,
            many: report.hosts.len() != 1,
            hosts: hosts(report),
            hosts_left_out: report.hosts.len().saturating_sub(MOST_HOSTS),
            remarks: &report.remarks,
            remarks_left_out: report.remarks_left_out,
            warnings: run.warnings.iter().map(|warning| warned(&policy.sources, warning)).collect(),
            files: sources.iter().map(|file| (Text::new(file.name()), file.sha256())).collect(),
            policy_sha256: policy.sha256(),
            options: options(run),
        }
    }
}

fn outcome(summary: &Summary) -> Outcome {
    let total: u64 = summary.violations.iter().sum();
    let count = |number: u64, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    let violations = count(total, "violation counts", "violations count");
    let unknown =
        count(summary.count(Verdict::Unknown), "result is undecided", "results are undecided");
    let (class, word) = match summary.exit_code() {
        0 => ("pass", "Passed"),
        1 => ("fail", "Failed"),
        3 => ("unknown", "Undecided"),
        _ => ("fail", "Not a whole audit"),
    };
    let mut says = format!("{violations}, {} waived; {unknown}", summary.waived);
    if let Some(why) = shortfall(summary) {
        says = format!("{why}. {says}");
    }
    Outcome { class, word, says }
}

/// The rules that are violated, the worst first, each with its violations.
fn violations(report: &HtmlReport, run: &Run<'_>) -> (Vec<RuleGroup>, u64) {
    let policy = run.policy;
    let mut violated: Vec<(RuleView<'_>, &Row)> =
        rules(policy).zip(&report.ledger.rows).filter(|(_, row)| failed(row) > 0).collect();
    violated.sort_by_key(|(rule, _)| Reverse(rule.severity()));
    let mut room = MOST_VIOLATIONS;
    let mut groups = Vec::new();
    let mut left_out = 0;
    for (rule, row) in violated {
        let all = failed(row);
        let entries = row.entries.iter().filter(|entry| entry.verdict == Verdict::Fail);
        let violations: Vec<Violation> =
            entries.take(room).map(|entry| violation(report, run, entry)).collect();
        room -= violations.len();
        let more = all.saturating_sub(violations.len() as u64);
        left_out += more;
        let text = |text: Option<&str>| text.map(Text::new).unwrap_or_default();
        let prose = |text: Option<&str>| text.map(Prose::new).unwrap_or_default();
        groups.push(RuleGroup {
            id: Text::new(rule.id()),
            severity: rule.severity().name(),
            title: Prose(rule.summary()),
            because: prose(rule.because()),
            help: prose(rule.help()),
            url: text(rule.url()),
            controls: Text(rule.controls().join(", ")),
            asks: Prose(rule.requirement()),
            policy: rule
                .place()
                .map(|at| Text(format!("{}:{}", at.path(), at.place.line)))
                .unwrap_or_default(),
            count: all,
            violations,
            left_out: more,
        });
    }
    (groups, left_out)
}

/// How many violations of a rule count, those that are left out too.
fn failed(row: &Row) -> u64 {
    let kept = row.entries.iter().filter(|entry| entry.verdict == Verdict::Fail).count();
    kept as u64 + row.left_out.of(Verdict::Fail)
}

fn violation(report: &HtmlReport, run: &Run<'_>, entry: &Entry) -> Violation {
    let (key_place, key_line) = key(&run.policy.sources, entry.key);
    let expired = entry.waiver.and_then(|index| run.policy.waivers.get(index));
    Violation {
        host: Text::new(report.ledger.name(entry.host)),
        message: Prose::new(&entry.message),
        place: Text::new(&entry.place),
        line: Text::new(&entry.line),
        key: key_place,
        key_line,
        fingerprint: Text::new(&entry.fingerprint),
        expired: Prose(expired.map(justification).unwrap_or_default()),
    }
}

/// Path with line, and the text of the line, of a key of the policy.
fn key(sources: &SourceMap, at: Option<Span>) -> (Text, Text) {
    let Some(at) = at else { return Default::default() };
    let Some((path, place)) = sources.place(at) else { return Default::default() };
    let file = sources.get(at.source);
    let line = file.map(|file| file.slice(file.line_range(place.line)).trim()).unwrap_or_default();
    (Text(format!("{path}:{}", place.line)), Text(clip(line, LINE).into_owned()))
}

fn unknowns(report: &HtmlReport, run: &Run<'_>) -> Vec<Gap> {
    let gaps = report.unknowns.facts().map(|fact| {
        let rules: Vec<&str> = fact.rules.iter().map(|rule| rule.id(run.policy)).collect();
        Gap {
            what: Prose(fact.missed.what()),
            cure: Prose(fact.missed.cure()),
            rule_count: rules.len(),
            rules: Text(listed(&rules, rules.len())),
            hosts: Text(listed(fact.hosts, fact.host_count)),
            host_count: fact.host_count,
        }
    });
    gaps.collect()
}

/// `a, b and 5 more`, of `count` names.
fn listed<T: AsRef<str>>(names: &[T], count: usize) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(AsRef::as_ref).collect();
    match count.saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn waivers(report: &HtmlReport, run: &Run<'_>) -> Vec<WaiverCard> {
    let policy = run.policy;
    let mut used: Vec<Vec<(Text, Prose)>> = policy.waivers.iter().map(|_| Vec::new()).collect();
    let mut counts = vec![0_usize; policy.waivers.len()];
    let mut room = MOST_WAIVED;
    for (rule, row) in rules(policy).zip(&report.ledger.rows) {
        for entry in &row.entries {
            let Some(index) = entry.waiver else { continue };
            if let (Some(list), Some(count)) = (used.get_mut(index), counts.get_mut(index)) {
                *count += 1;
                if room > 0 {
                    room -= 1;
                    let name = report.ledger.name(entry.host);
                    let place = format!("{name}, {}", entry.place);
                    let message = format!("{}: {}", rule.id(), entry.message);
                    list.push((Text(place), Prose(message)));
                }
            }
        }
    }
    let cards = policy.waivers.iter().zip(used).zip(counts).map(|((waiver, violations), count)| {
        let expired = waiver.expires.is_past(run.judged_at);
        let (status, class) = match (expired, count) {
            (true, _) => ("expired: its violations count again", "fail"),
            (false, 0) => ("in force, accepts nothing in this run", "na"),
            (false, _) => ("in force", "waived"),
        };
        let more = [
            ("Approved by", &waiver.approved_by),
            ("Ticket", &waiver.ticket),
            ("Compensating", &waiver.compensating),
        ];
        WaiverCard {
            rules: Text(waiver.rules.words()),
            status,
            class,
            reason: Text::new(&waiver.reason),
            owner: Text::new(&waiver.owner),
            expires: Text::new(&waiver.expires.text),
            more: more
                .into_iter()
                .filter_map(|(name, value)| Some((name, Text::new(value.as_ref()?))))
                .collect(),
            place: key(&policy.sources, Some(waiver.at)).0,
            count,
            left_out: count - violations.len(),
            violations,
        }
    });
    cards.collect()
}

/// Rules as rows, hosts as columns; the worst hosts where there are too many.
fn matrix(report: &HtmlReport, run: &Run<'_>) -> Matrix {
    let worst = |counts: &Counts| {
        Reverse(
            [Verdict::Fail, Verdict::Unknown, Verdict::Waived].map(|verdict| counts.of(verdict)),
        )
    };
    let mut columns: Vec<usize> = (0..report.hosts.len()).collect();
    let key = |index: &usize| {
        report.hosts.get(*index).map(|host| (!host.verdicts.is_empty(), worst(&host.counts)))
    };
    columns.sort_by_key(key);
    let hosts_left_out = columns.len().saturating_sub(MOST_COLUMNS);
    columns.truncate(MOST_COLUMNS);
    columns.sort_unstable();
    let all: Vec<RuleView<'_>> = rules(run.policy).collect();
    let mut rows: Vec<usize> = (0..all.len()).collect();
    let rules_left_out = rows.len().saturating_sub(MOST_RULES);
    if rules_left_out > 0 {
        rows.sort_by_key(|&index| report.ledger.rows.get(index).map(|row| worst(&row.counts)));
        rows.truncate(MOST_RULES);
        rows.sort_unstable();
    }
    let cell = |host: usize, rule: usize| {
        let host = report.hosts.get(host);
        let verdict = host.and_then(|host| host.verdicts.get(rule)).copied();
        shown(verdict.unwrap_or(Verdict::Unknown))
    };
    let rows = rows.into_iter().filter_map(|index| {
        let rule = *all.get(index)?;
        let cells = columns.iter().map(|&host| cell(host, index)).collect();
        Some(MatrixRow { id: Text::new(rule.id()), title: Prose(rule.summary()), cells })
    });
    let name =
        |index: &usize| Text::new(report.ledger.hosts.get(*index).map_or("", |host| &host.host));
    Matrix {
        rows: rows.collect(),
        hosts: columns.iter().map(name).collect(),
        narrow: columns.len() > 6,
        hosts_left_out,
        rules_left_out,
    }
}

fn framework(table: &FrameworkTable, run: &Run<'_>) -> Framework {
    let controls = table.controls.iter().map(|control| {
        let ids = control.rules.iter().filter_map(|&index| run.policy.rules.get(index));
        let ids: Vec<&str> = ids.map(|rule| rule.id.as_str()).collect();
        let (verdict, class) = shown(control.verdict());
        ControlRow {
            id: Text::new(&control.id),
            title: control.title.unwrap_or_default(),
            verdict,
            class,
            counts: control.counts.0,
            rules: Text(listed(&ids, ids.len())),
        }
    });
    Framework {
        title: Text::new(table.shown()),
        name: Text::new(table.title.map_or("", |_| &table.name)),
        controls: controls.collect(),
    }
}

fn hosts(report: &HtmlReport) -> Vec<HostRow> {
    let hosts = report.ledger.hosts.iter().zip(&report.hosts).take(MOST_HOSTS);
    let optional = |text: &Option<String>| text.as_deref().map(Text::new).unwrap_or_default();
    hosts
        .map(|(evidence, host)| HostRow {
            host: Text::new(&evidence.host),
            path: Text::new(&evidence.path),
            format: Text::new(&evidence.format),
            command: optional(&evidence.command),
            captured_at: optional(&evidence.captured_at),
            coverage: Text::new(&host.coverage),
            sha256: Text::new(&evidence.sha256),
            privilege: privilege(evidence.command.as_deref()),
            counts: host.counts.0,
            listeners: host.listeners,
            unusable: optional(&evidence.unusable),
        })
        .collect()
}

/// What is known of the rights that evidence was gathered with.
fn privilege(command: Option<&str>) -> &'static str {
    match command.map(str::trim_start) {
        Some(command) if command.starts_with("sudo ") => "root, by sudo",
        _ => "not recorded",
    }
}

fn warned(sources: &SourceMap, warning: &crate::policy::PolicyError) -> (Text, Prose) {
    (key(sources, warning.at).0, Prose::new(&warning.message))
}

/// What the run was asked to do.
fn options(run: &Run<'_>) -> Vec<(&'static str, String)> {
    let grade = match run.grade {
        Grade::Presumed => {
            "presumed: rows and headers count as those of the command that prints them"
        }
        Grade::Proven => "proven: only a known command counts",
    };
    vec![
        ("Fails on", format!("violations of severity {} and worse", run.threshold.fail_on.name())),
        (
            "Undecided rules",
            match run.threshold.allow_unknown {
                true => "are shown and allowed",
                false => "keep the run from passing",
            }
            .to_owned(),
        ),
        ("Evidence", grade.to_owned()),
        (
            "Rows that cannot be read",
            match run.lenient {
                true => "leave the evidence incomplete",
                false => "keep the evidence from being used",
            }
            .to_owned(),
        ),
    ]
}
