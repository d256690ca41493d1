//! One policy file, walked key by key and compiled on its own.

use std::ops::Range;
use std::sync::LazyLock;

use super::condition::Condition;
use super::error::{PolicyError, PolicyErrorKind, suggestion};
use super::value::{
    AddressSet, Data, Deadline, Entry, Globs, PortSet, Reading, Table, Tree, Value,
};
use super::waiver::{self, Waiver, WaiverLimits, required_text};
use super::{Action, Reach, Rule, Severity, UNLISTED, Unlisted};
use crate::frameworks::{self, Doubt, FRAMEWORKS, OWN};
use crate::snapshot::{Family, Grade, Snapshot, Transport};
use crate::source::{SourceFile, Span};
use crate::truth::Truth;

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// Its name: `name` in `[policy]`, else the file's.
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// Its place in the load order.
    pub(super) number: usize,
    /// Another file extends it.
    pub(super) inherited: bool,
    /// The files that it builds on, with the places of their names.
    pub(super) extends: Vec<(String, Range<usize>)>,
    /// `None` when it says nothing, `Some(None)` when it says `ignore`.
    pub(super) unlisted: Option<Option<Unlisted>>,
    pub(super) limits: Option<WaiverLimits>,
    /// The hosts that the whole file is for, with the key's place.
    pub(super) hosts: Option<(Globs, Span)>,
    pub(super) rules: Vec<Rule>,
    /// Ids of all rules, also of those that are broken otherwise.
    pub(super) ids: Vec<(String, Span)>,
    pub(super) overrides: Vec<Override>,
    pub(super) waivers: Vec<Waiver>,
}

/// A change to an inherited rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The rule, as the file sees it: `baseline/telnet`.
    pub rule: String,
    /// The severity from now on.
    pub severity: Option<Severity>,
    /// Whether the rule is asked at all.
    pub enabled: Option<bool>,
    /// Why.
    pub reason: String,
    /// Key and value of `rule`.
    pub at: Span,
}

/// A file whose TOML is parsed and whose header is read.
pub(super) struct Opened<'a> {
    root: Table<'a>,
    pub(super) layer: Layer,
}

/// Reads the header of a parsed file; the rest takes what the header asks for (`extends`).
pub(super) fn open<'a>(tree: &'a Tree<'a>, file: &SourceFile, reading: &mut Reading) -> Opened<'a> {
    let mut layer = Layer { name: stem(file.name()), ..Layer::default() };
    let mut root = Table::root(tree);
    if let Some(entry) = root.take("version")
        && entry.value.integer() != Some(1)
    {
        let help = Some(
            "this program reads version 1; leave the key out, or write `version = 1`".to_owned(),
        );
        let message = "unknown version of the policy language";
        reading.error(PolicyErrorKind::Version, entry.range(), message, "not 1", help);
    }
    if let Some(entry) = root.take("policy")
        && let Some(table) = entry.value.table(reading, "policy")
    {
        read_header(table, &mut layer, reading);
    }
    Opened { root, layer }
}

impl Opened<'_> {
    /// Reads everything behind the header; `number` is the file's place in the load order.
    pub(super) fn read(self, number: usize, reading: &mut Reading) -> Layer {
        let Self { mut root, mut layer } = self;
        if let Some(entry) = root.take("sets") {
            read_sets(entry.value, reading);
        }
        layer.add(&mut root, number, reading);
        root.finish(reading, "a policy");
        layer
    }
}

impl Layer {
    /// Adds the rules, overrides and waivers of a table; `number` is the file's place in the load order.
    pub(super) fn add(&mut self, root: &mut Table<'_>, number: usize, reading: &mut Reading) {
        for table in tables(root, "rule", reading) {
            let rule = read_rule(table, &mut self.ids, number, reading);
            self.rules.extend(rule);
        }
        for table in tables(root, "override", reading) {
            self.overrides.extend(read_override(table, reading));
        }
        for table in tables(root, "waiver", reading) {
            self.waivers.extend(waiver::read(table, number, reading));
        }
    }
}

/// The tables of `[[key]]`.
fn tables<'a>(root: &mut Table<'a>, key: &'static str, reading: &mut Reading) -> Vec<Table<'a>> {
    let Some(entry) = root.take(key) else { return Vec::new() };
    let Data::Array(_) = entry.value.get() else {
        let help = Some(format!("each one begins with a line `[[{key}]]`"));
        let message = format!("`{key}` is a list of tables");
        reading.error(PolicyErrorKind::WrongType, entry.key, message, "one table is given", help);
        return Vec::new();
    };
    entry.value.items().filter_map(|item| item.table(reading, key)).collect()
}

fn read_override(mut table: Table<'_>, reading: &mut Reading) -> Option<Override> {
    let before = reading.errors.len();
    let header = table.range();
    let entry = table.take("rule");
    let at = reading.span(entry.as_ref().map_or(header, Entry::range));
    let rule = match entry {
        Some(entry) => entry.value.text(reading, "rule").map(str::to_owned),
        None => required_text(
            &mut table,
            "rule",
            "the id of an inherited rule, such as `baseline/telnet`",
            reading,
        ),
    };
    let severity = table.take("severity").and_then(|entry| severity_of(&entry, reading));
    let enabled = table.take("enabled").and_then(|entry| match entry.value.get() {
        Data::Boolean(enabled) => Some(*enabled),
        _ => {
            entry.value.wrong_type(reading, "enabled", "`true` or `false`");
            None
        }
    });
    let reason = required_text(&mut table, "reason", "why the inherited rule is changed", reading);
    let range = table.range();
    table.finish(reading, "an override");
    if severity.is_none() && enabled.is_none() && reading.errors.len() == before {
        let help = Some("give `severity`, `enabled = false`, or both".to_owned());
        reading.error(
            PolicyErrorKind::MissingKey,
            range,
            "an override changes nothing",
            "here",
            help,
        );
    }
    if reading.errors.len() > before {
        return None;
    }
    Some(Override { rule: rule?, severity, enabled, reason: reason?, at })
}

/// The file name without directory, `builtin:` and `.toml`: the name of a policy that gives none.
fn stem(name: &str) -> String {
    let name = name.strip_prefix("builtin:").unwrap_or(name);
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    base.strip_suffix(".toml").unwrap_or(base).to_owned()
}

fn read_header(mut table: Table<'_>, layer: &mut Layer, reading: &mut Reading) {
    if let Some(name) = table.take_text("name", reading) {
        layer.name = name;
    }
    layer.description = table.take_text("description", reading);
    layer.hosts = table.take("hosts").and_then(|entry| {
        let at = reading.span(entry.range());
        Some((Globs::read(entry.value, "hosts", reading)?, at))
    });
    if let Some(entry) = table.take("extends") {
        let texts = entry.value.texts(reading, "extends").unwrap_or_default();
        layer.extends = texts.into_iter().map(|(text, range)| (text.to_owned(), range)).collect();
    }
    layer.limits = waiver::read_limits(&mut table, reading);
    if let Some(entry) = table.take("unlisted") {
        let at = reading.span(entry.range());
        let known = ["error", "warning", "note", "ignore"];
        match entry.value.text(reading, "unlisted") {
            Some("ignore") => layer.unlisted = Some(None),
            Some(text) => match Severity::from_name(text) {
                Some(severity) => layer.unlisted = Some(Some(Unlisted { severity, at })),
                None => {
                    let message = format!("`{text}` is no value of `unlisted`");
                    let help = suggestion(text, &known, "its values");
                    reading.error(
                        PolicyErrorKind::BadValue,
                        entry.value.range(),
                        message,
                        "not known",
                        help,
                    );
                }
            },
            None => {}
        }
    }
    table.finish(reading, "`[policy]`");
}

fn read_sets(value: Value<'_>, reading: &mut Reading) {
    let Some(mut sets) = value.table(reading, "sets") else { return };
    if let Some(entry) = sets.take("ports")
        && let Some(table) = entry.value.table(reading, "ports")
    {
        for entry in table.entries() {
            if let Some(set) = PortSet::read(entry.value, entry.name, reading) {
                reading.sets.ports.insert(entry.name.to_owned(), set);
            } else {
                // Whoever names the set is not at fault: it is there, and broken.
                reading.sets.ports.insert(entry.name.to_owned(), PortSet::default());
            }
        }
    }
    if let Some(entry) = sets.take("addresses")
        && let Some(table) = entry.value.table(reading, "addresses")
    {
        for entry in table.entries() {
            let set = AddressSet::read(entry.value, entry.name, reading);
            reading.sets.addresses.insert(entry.name.to_owned(), set.unwrap_or_default());
        }
    }
    sets.finish(reading, "`[sets]`");
}

/// Every key of a rule.
const RULE_KEYS: &[&str] = &[
    "id",
    "summary",
    "severity",
    "match",
    "require",
    "forbid",
    "expect",
    "allow",
    "because",
    "help",
    "url",
    "controls",
    "tags",
    "owner",
    "approved_by",
    "review_by",
    "hosts",
];

fn read_rule(
    mut table: Table<'_>,
    ids: &mut Vec<(String, Span)>,
    layer: usize,
    reading: &mut Reading,
) -> Option<Rule> {
    let before = reading.errors.len();
    let header = table.range();
    let id = read_id(&mut table, reading);
    if let Some((id, at)) = &id {
        ids.push((id.clone(), reading.span(at.clone())));
    }
    let places = |entry: Entry<'_>| {
        let name = RULE_KEYS.iter().find(|key| **key == entry.name)?;
        Some((*name, reading.span(entry.range())))
    };
    let mut keys = Vec::with_capacity(table.entries().len());
    keys.extend(table.entries().filter_map(places));
    let severity = read_severity(&mut table, reading);
    let match_entry = table.take("match");
    let matches = match &match_entry {
        Some(entry) => Condition::read(entry.value, "match", reading),
        None => Some(Condition::All(Vec::new())),
    };
    let action = read_action(&mut table, reading);
    let summary = table.take_text("summary", reading).unwrap_or_default();
    let because = table.take_text("because", reading);
    let help = table.take_text("help", reading);
    let url = table.take_text("url", reading);
    let controls = read_controls(&mut table, reading);
    let tags = table.take_texts("tags", reading);
    let owner = table.take_text("owner", reading);
    let approved_by = table.take_text("approved_by", reading);
    let review_by = table.take("review_by").and_then(|entry| {
        let at = reading.span(entry.range());
        Some((Deadline::read(entry.value, "review_by", reading)?, at))
    });
    let hosts = table.take("hosts").and_then(|entry| Globs::read(entry.value, "hosts", reading));
    table.finish(reading, "a rule");
    let (matches, (action, action_at)) = (matches?, action?);
    let match_range = match_entry.as_ref().map(Entry::range);
    let mut transports = Vec::new();
    matches.transports(&mut transports);
    check_matchable(&matches, match_range.clone(), reading);
    let is_error = |error: &PolicyError| !error.kind.is_warning();
    if reading.errors.iter().skip(before).any(is_error) {
        return None;
    }
    let (id, id_at) = id?;
    let at = if id_at.is_empty() { header } else { id_at };
    Some(Rule {
        local_id: id.clone(),
        id,
        layer,
        summary,
        severity,
        matches,
        action,
        action_at: reading.span(action_at),
        at: reading.span(at),
        match_at: match_range.map(|range| reading.span(range)),
        because,
        help,
        url,
        controls,
        tags,
        owner,
        approved_by,
        review_by,
        transports,
        hosts,
        reach: Reach::default(),
        overrides: Vec::new(),
        own_severity: severity,
        keys,
    })
}

/// Reads `controls`; one that is not known is a warning, since an auditor who looks for the right one
/// would not find the rule.
fn read_controls(table: &mut Table<'_>, reading: &mut Reading) -> Vec<String> {
    let Some(entry) = table.take("controls") else { return Vec::new() };
    let texts = entry.value.texts(reading, "controls").unwrap_or_default();
    for (control, range) in &texts {
        let Some(doubt) = frameworks::doubt(control) else { continue };
        let (message, label, help) = match doubt {
            Doubt::NoFramework => (
                format!("the control `{control}` names no framework"),
                "no framework",
                "write `FRAMEWORK:ID`, such as `pci-dss-4.0.1:1.2.6`".to_owned(),
            ),
            Doubt::UnknownFramework => {
                let name = frameworks::split(control).map_or("", |(name, _)| name);
                let known: Vec<&str> = FRAMEWORKS.iter().map(|known| known.name).collect();
                let known = suggestion(name, &known, "the frameworks");
                (
                    format!("the framework of the control `{control}` is not known"),
                    "unknown",
                    format!("{known}; the name of one of your own begins with `{OWN}`"),
                )
            }
            Doubt::Shape(framework) => (
                format!("the control `{control}` is none of {}", framework.title),
                "not its shape",
                format!("its ids look like `{}:{}`", framework.name, framework.example),
            ),
            Doubt::NoControl(framework) => (
                format!("{} has no control `{control}`", framework.title),
                "not there",
                "look its id up in the framework".to_owned(),
            ),
        };
        reading.error(PolicyErrorKind::UnknownControl, range.clone(), message, label, Some(help));
    }
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}

fn read_id(table: &mut Table<'_>, reading: &mut Reading) -> Option<(String, Range<usize>)> {
    let Some(entry) = table.take("id") else {
        let help = Some(
            "write `id = \"postgres-loopback\"`: reports and waivers name rules by it".to_owned(),
        );
        reading.error(
            PolicyErrorKind::MissingKey,
            table.range(),
            "a rule has no `id`",
            "this rule",
            help,
        );
        return None;
    };
    let id = entry.value.text(reading, "id")?;
    let shaped = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let (message, label) = match id {
        "" => ("a rule's `id` is empty".to_owned(), "empty"),
        UNLISTED => (format!("the id `{UNLISTED}` is reserved"), "reserved"),
        id if !id.chars().all(shaped) => {
            (format!("`{}` is no rule id", id.escape_debug()), "other characters")
        }
        id => return Some((id.to_owned(), entry.range())),
    };
    let help = Some("an id is made of ASCII letters, digits and `-`, `_`, `.`, `/`".to_owned());
    reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, label, help);
    None
}

fn read_severity(table: &mut Table<'_>, reading: &mut Reading) -> Severity {
    let severity = table.take("severity").and_then(|entry| severity_of(&entry, reading));
    severity.unwrap_or(Severity::Error)
}

fn severity_of(entry: &Entry<'_>, reading: &mut Reading) -> Option<Severity> {
    let text = entry.value.text(reading, "severity")?;
    let severity = Severity::from_name(text);
    if severity.is_none() {
        let message = format!("`{text}` is no severity");
        let help = suggestion(text, &["error", "warning", "note"], "the severities");
        reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "not known", help);
    }
    severity
}

/// Reads the one action of a rule, with the range of its key and value.
fn read_action(table: &mut Table<'_>, reading: &mut Reading) -> Option<(Action, Range<usize>)> {
    let require = table.take("require");
    let forbid = table.take("forbid");
    let expect = table.take("expect");
    let allow = table.take("allow");
    let given: Vec<_> = [&require, &forbid, &expect, &allow].into_iter().flatten().collect();
    let help =
        || Some("a rule has exactly one of `require`, `forbid`, `expect`, `allow`".to_owned());
    match given.as_slice() {
        [] => {
            let message = "a rule asks nothing";
            reading.error(PolicyErrorKind::Action, table.range(), message, "no action", help());
            return None;
        }
        [first, second, ..] => {
            let message = format!("a rule has both `{}` and `{}`", first.name, second.name);
            let other = reading.span(first.range());
            let error = reading.error(
                PolicyErrorKind::Action,
                second.range(),
                message,
                "a second action",
                help(),
            );
            error.related.push((other, "the first action".to_owned()));
            return None;
        }
        [_] => {}
    }
    if let Some(entry) = require {
        let before = reading.errors.len();
        let condition = Condition::read(entry.value, "require", reading)?;
        if condition.is_always_so() && reading.errors.len() == before {
            let message = "`require` asks nothing: every listener satisfies it";
            reading.error(PolicyErrorKind::BadValue, entry.range(), message, "asks nothing", None);
            return None;
        }
        return Some((Action::Require(condition), entry.range()));
    }
    if let Some(entry) = forbid.or(allow) {
        let action = if entry.name == "forbid" { Action::Forbid } else { Action::Allow };
        if let Data::Boolean(true) = entry.value.get() {
            return Some((action, entry.range()));
        }
        let message = format!("`{}` can only be `true`", entry.name);
        let help = Some("leave the rule out to ask nothing".to_owned());
        reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "not `true`", help);
        return None;
    }
    let entry = expect?;
    let (min, max) = read_expect(&entry.value, reading)?;
    Some((Action::Expect { min, max }, entry.range()))
}

fn read_expect(value: &Value<'_>, reading: &mut Reading) -> Option<(u64, Option<u64>)> {
    let mut table = value.table(reading, "expect")?;
    let before = reading.errors.len();
    let count = |table: &mut Table<'_>, key: &'static str, reading: &mut Reading| {
        let entry = table.take(key)?;
        let count = entry.value.integer().and_then(|count| u64::try_from(count).ok());
        if count.is_none() {
            let message = format!("`{key}` takes a number of listeners");
            reading.error(
                PolicyErrorKind::BadValue,
                entry.value.range(),
                message,
                "not a count",
                None,
            );
        }
        count
    };
    let min = count(&mut table, "min", reading);
    let max = count(&mut table, "max", reading);
    table.finish(reading, "`expect`");
    if reading.errors.len() > before {
        return None;
    }
    let fault = match (min, max) {
        (None | Some(0), None) => "`expect` asks nothing: give `min`, `max` or both",
        (Some(min), Some(max)) if min > max => "`min` is more than `max`",
        _ => return Some((min.unwrap_or(0), max)),
    };
    reading.error(PolicyErrorKind::BadValue, value.range(), fault, "never or always so", None);
    None
}

/// A rule that no socket can match is a mistake.
fn check_matchable(matches: &Condition, at: Option<Range<usize>>, reading: &mut Reading) {
    let Some(at) = at else { return };
    static ANYONE: LazyLock<Snapshot> = LazyLock::new(Snapshot::default);
    let facts = super::condition::Facts { snapshot: &ANYONE, grade: Grade::Presumed };
    let no_table = Transport::ALL.into_iter().all(|transport| {
        Family::ALL
            .into_iter()
            .all(|family| matches.possible(transport, family, &facts) == Truth::No)
    });
    let no_port = matches.ports().is_some_and(|ports| ports.is_empty());
    if no_table || no_port {
        let message = "the rule can never match a listener";
        let help = Some("its conditions exclude each other".to_owned());
        reading.error(PolicyErrorKind::NeverMatches, at, message, "nothing is all of this", help);
    }
}
