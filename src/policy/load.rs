//! From texts to a [`Policy`].

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::condition::Condition;
use super::error::{PolicyError, PolicyErrorKind, suggestion};
use super::index::PortIndex;
use super::value::{AddressSet, Deadline, Globs, PortSet, Reading, Sets, Table, Value};
use super::{Action, Policy, Rule, Severity, UNLISTED, Unlisted};
use crate::snapshot::{Family, Grade, Snapshot, Transport};
use crate::source::{SourceFile, SourceId, SourceMap, Span};
use crate::truth::Truth;

/// What came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// The policy; `None` when there is an error.
    pub policy: Option<Policy>,
    /// Everything that is wrong, warnings too, in the order of the files.
    pub errors: Vec<PolicyError>,
    /// The texts that the errors point into.
    pub sources: SourceMap,
}

/// One file, walked and compiled on its own.
struct Layer {
    name: String,
    description: Option<String>,
    unlisted: Option<Option<Unlisted>>,
    rules: Vec<Rule>,
    /// Ids of all rules, also of those that are broken otherwise.
    ids: Vec<(String, Span)>,
}

/// Compiles a policy from its files, in order: sets of earlier files are known in later ones, and a
/// later `unlisted` wins. Does no I/O.
#[must_use]
pub fn load(files: Vec<Arc<SourceFile>>) -> Loaded {
    let mut sources = SourceMap::default();
    let mut errors = Vec::new();
    let mut sets = Sets::default();
    let mut layers = Vec::new();
    for file in files {
        let id = sources.add(Arc::clone(&file));
        let mut reading = Reading::new(id);
        reading.sets = sets;
        let layer = read_layer(&file, id, &mut reading);
        sets = reading.sets;
        errors.extend(reading.errors);
        layers.push(layer);
    }
    check_ids(&layers, &mut errors);
    check_repeats(&layers, &sources, &mut errors);
    errors.sort_by_key(|error| error.at.map(|at| (at.source, at.start)));
    let policy = join(layers, sources.clone());
    if policy.is_empty() && errors.is_empty() {
        let at = sources.files().first().map(|file| Span::new(SourceId(0), 0..file.text().len().min(1)));
        errors.push(PolicyError {
            kind: PolicyErrorKind::NoRule,
            at,
            message: "the policy holds no rule, so nothing would be checked".to_owned(),
            label: "no `[[rule]]` in here".to_owned(),
            help: Some("write a `[[rule]]`, or `unlisted = \"error\"` in `[policy]`".to_owned()),
            related: Vec::new(),
        });
    }
    let usable = errors.iter().all(|error| error.kind.is_warning());
    Loaded { policy: usable.then_some(policy), errors, sources }
}

fn join(layers: Vec<Layer>, sources: SourceMap) -> Policy {
    let mut names: Vec<String> = Vec::new();
    let mut descriptions = Vec::new();
    let mut unlisted = None;
    let mut rules = Vec::new();
    for layer in layers {
        if !names.contains(&layer.name) {
            names.push(layer.name);
        }
        descriptions.extend(layer.description);
        if let Some(of_layer) = layer.unlisted {
            unlisted = of_layer;
        }
        rules.extend(layer.rules);
    }
    let index = PortIndex::new(&rules);
    Policy { name: names.join("+"), descriptions, rules, unlisted, sources, index }
}

/// The file name without directory and `.toml`: the name of a policy that gives none.
fn stem(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    base.strip_suffix(".toml").unwrap_or(base).to_owned()
}

fn read_layer(file: &SourceFile, id: SourceId, reading: &mut Reading) -> Layer {
    let mut layer = Layer {
        name: stem(file.name()),
        description: None,
        unlisted: None,
        rules: Vec::new(),
        ids: Vec::new(),
    };
    let (tree, faults) = DeTable::parse_recoverable(file.text());
    for fault in faults {
        let at = fault.span().unwrap_or_default();
        let message = format!("no TOML: {}", fault.message().replace('\n', ", "));
        reading.error(PolicyErrorKind::Syntax, at, message, "here", None);
    }
    let mut root = Table::new(tree.get_ref(), tree.span());
    if let Some(entry) = root.take("version")
        && entry.value.integer() != Some(1)
    {
        let help = Some("this program reads version 1; leave the key out, or write `version = 1`".to_owned());
        let message = "unknown version of the policy language";
        reading.error(PolicyErrorKind::Version, entry.range(), message, "not 1", help);
    }
    if let Some(entry) = root.take("sets") {
        read_sets(entry.value, reading);
    }
    let mut hosts = None;
    if let Some(entry) = root.take("policy")
        && let Some(table) = entry.value.table(reading, "policy")
    {
        hosts = read_header(table, &mut layer, reading);
    }
    if let Some(entry) = root.take("rule") {
        let DeValue::Array(_) = entry.value.get() else {
            let help = Some("each rule begins with a line `[[rule]]`".to_owned());
            let message = "`rule` is a list of tables";
            reading.error(PolicyErrorKind::WrongType, entry.key, message, "one table is given", help);
            root.finish(reading, "a policy");
            return layer;
        };
        for item in entry.value.items() {
            if let Some(table) = item.table(reading, "rule") {
                layer.rules.extend(read_rule(table, &mut layer.ids, id, hosts.as_ref(), reading));
            }
        }
    }
    root.finish(reading, "a policy");
    layer
}

fn read_header(mut table: Table<'_>, layer: &mut Layer, reading: &mut Reading) -> Option<Globs> {
    if let Some(name) = table.take_text("name", reading) {
        layer.name = name;
    }
    layer.description = table.take_text("description", reading);
    let hosts = table.take("hosts").and_then(|entry| Globs::read(entry.value, "hosts", reading));
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
                    reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "not known", help);
                }
            },
            None => {}
        }
    }
    table.finish(reading, "`[policy]`");
    hosts
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

fn read_rule(
    mut table: Table<'_>,
    ids: &mut Vec<(String, Span)>,
    source: SourceId,
    hosts: Option<&Globs>,
    reading: &mut Reading,
) -> Option<Rule> {
    let before = reading.errors.len();
    let header = table.range();
    let id = read_id(&mut table, reading);
    if let Some((id, at)) = &id {
        ids.push((id.clone(), Span::new(source, at.clone())));
    }
    let severity = read_severity(&mut table, reading);
    let match_entry = table.take("match");
    let matches = match &match_entry {
        Some(entry) => Condition::read(entry.value.clone(), "match", reading),
        None => Some(Condition::All(Vec::new())),
    };
    let action = read_action(&mut table, reading);
    let summary = table.take_text("summary", reading).unwrap_or_default();
    let because = table.take_text("because", reading);
    let help = table.take_text("help", reading);
    let url = table.take_text("url", reading);
    let controls = table.take_texts("controls", reading);
    let tags = table.take_texts("tags", reading);
    let owner = table.take_text("owner", reading);
    let approved_by = table.take_text("approved_by", reading);
    let review_by = table.take("review_by").and_then(|entry| {
        let at = reading.span(entry.range());
        Some((Deadline::read(entry.value, "review_by", reading)?, at))
    });
    table.finish(reading, "a rule");
    let (matches, (action, action_at)) = (matches?, action?);
    let match_range = match_entry.as_ref().map(super::value::Entry::range);
    let mut transports = Vec::new();
    matches.transports(&mut transports);
    check_matchable(&matches, match_range.clone(), reading);
    if reading.errors.len() > before {
        return None;
    }
    let (id, id_at) = id?;
    let at = if id_at.is_empty() { header } else { id_at };
    Some(Rule {
        id,
        summary,
        severity,
        matches,
        action,
        action_at: Span::new(source, action_at),
        at: Span::new(source, at),
        match_at: match_range.map(|range| Span::new(source, range)),
        because,
        help,
        url,
        controls,
        tags,
        owner,
        approved_by,
        review_by,
        transports,
        hosts: hosts.cloned(),
    })
}

fn read_id(table: &mut Table<'_>, reading: &mut Reading) -> Option<(String, std::ops::Range<usize>)> {
    let Some(entry) = table.take("id") else {
        let help = Some("write `id = \"postgres-loopback\"`: reports and waivers name rules by it".to_owned());
        reading.error(PolicyErrorKind::MissingKey, table.range(), "a rule has no `id`", "this rule", help);
        return None;
    };
    let id = entry.value.text(reading, "id")?;
    let shaped = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let (message, label) = match id {
        "" => ("a rule's `id` is empty".to_owned(), "empty"),
        UNLISTED => (format!("the id `{UNLISTED}` is reserved"), "reserved"),
        id if !id.chars().all(shaped) => (format!("`{}` is no rule id", id.escape_debug()), "other characters"),
        id => return Some((id.to_owned(), entry.range())),
    };
    let help = Some("an id is made of ASCII letters, digits and `-`, `_`, `.`, `/`".to_owned());
    reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, label, help);
    None
}

fn read_severity(table: &mut Table<'_>, reading: &mut Reading) -> Severity {
    let Some(entry) = table.take("severity") else { return Severity::Error };
    let Some(text) = entry.value.text(reading, "severity") else { return Severity::Error };
    Severity::from_name(text).unwrap_or_else(|| {
        let message = format!("`{text}` is no severity");
        let help = suggestion(text, &["error", "warning", "note"], "the severities");
        reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "not known", help);
        Severity::Error
    })
}

/// Reads the one action of a rule, with the range of its key and value.
fn read_action(table: &mut Table<'_>, reading: &mut Reading) -> Option<(Action, std::ops::Range<usize>)> {
    let require = table.take("require");
    let forbid = table.take("forbid");
    let expect = table.take("expect");
    let allow = table.take("allow");
    let given: Vec<_> = [&require, &forbid, &expect, &allow].into_iter().flatten().collect();
    let help = || Some("a rule has exactly one of `require`, `forbid`, `expect`, `allow`".to_owned());
    match given.as_slice() {
        [] => {
            let message = "a rule asks nothing";
            reading.error(PolicyErrorKind::Action, table.range(), message, "no action", help());
            return None;
        }
        [first, second, ..] => {
            let message = format!("a rule has both `{}` and `{}`", first.name, second.name);
            let other = reading.span(first.range());
            let error = reading.error(PolicyErrorKind::Action, second.range(), message, "a second action", help());
            error.related.push((other, "the first action".to_owned()));
            return None;
        }
        [_] => {}
    }
    if let Some(entry) = require {
        let before = reading.errors.len();
        let condition = Condition::read(entry.value, "require", reading)?;
        if let Condition::All(all) = &condition
            && all.is_empty()
            && reading.errors.len() == before
        {
            let message = "`require` is empty, so every listener satisfies it";
            reading.error(PolicyErrorKind::BadValue, entry.range(), message, "asks nothing", None);
            return None;
        }
        return Some((Action::Require(condition), entry.range()));
    }
    if let Some(entry) = forbid.or(allow) {
        let action = if entry.name == "forbid" { Action::Forbid } else { Action::Allow };
        if let DeValue::Boolean(true) = entry.value.get() {
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
            reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "not a count", None);
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
fn check_matchable(matches: &Condition, at: Option<std::ops::Range<usize>>, reading: &mut Reading) {
    let Some(at) = at else { return };
    let anyone = Snapshot::default();
    let facts = super::Facts { snapshot: &anyone, grade: Grade::Presumed };
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

fn check_ids(layers: &[Layer], errors: &mut Vec<PolicyError>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for (id, at) in layers.iter().flat_map(|layer| &layer.ids) {
        if let Some(first) = seen.get(id.as_str()) {
            errors.push(PolicyError {
                kind: PolicyErrorKind::DuplicateId,
                at: Some(*at),
                message: format!("two rules have the id `{id}`"),
                label: "the second one".to_owned(),
                help: Some("give each rule an id of its own".to_owned()),
                related: vec![(*first, "the first one".to_owned())],
            });
        } else {
            seen.insert(id, *at);
        }
    }
}

/// Warns of a rule whose `match` and action are written as those of an earlier one.
fn check_repeats(layers: &[Layer], sources: &SourceMap, errors: &mut Vec<PolicyError>) {
    let mut seen: BTreeMap<(&str, &str), &Rule> = BTreeMap::new();
    for rule in layers.iter().flat_map(|layer| &layer.rules) {
        let key = (rule.match_at.map_or("", |at| sources.slice(at)), sources.slice(rule.action_at));
        match seen.get(&key) {
            Some(first) if first.id != rule.id && first.hosts.is_none() => errors.push(PolicyError {
                kind: PolicyErrorKind::Repeated,
                at: Some(rule.at),
                message: format!("the rule `{}` asks what `{}` asks", rule.id, first.id),
                label: "adds nothing".to_owned(),
                help: Some("remove one of the two".to_owned()),
                related: vec![(first.at, "asks the same".to_owned())],
            }),
            Some(_) => {}
            None => {
                seen.insert(key, rule);
            }
        }
    }
}
