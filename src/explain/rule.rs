//! What a rule means, where each of its values comes from, and what it takes to decide it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::audit::{asked, needs, tables};
use crate::policy::{
    Action, Condition, Facts, Globs, Override, Policy, Rule, UNLISTED, Waiver, nearest,
};
use crate::safe;
use crate::snapshot::{Family, Grade, Snapshot, Transport};
use crate::source::Span;

/// A line of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name; not made safe.
    pub path: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in Unicode scalar values.
    pub column: usize,
}

impl Place {
    fn of(policy: &Policy, span: Span) -> Option<Self> {
        let (path, place) = policy.sources.place(span)?;
        Some(Self { path: path.to_owned(), line: place.line, column: place.column })
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The rule, in a file that the user named.
    Own,
    /// The rule, in a file that another file builds on.
    Inherited,
    /// An override.
    Override {
        /// Why, as it says.
        reason: String,
    },
    /// `[policy]` of a file.
    File,
    /// The language.
    Default,
}

impl Origin {
    /// The name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Inherited => "inherited",
            Self::Override { .. } => "override",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// One value of the final rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The key.
    pub key: String,
    /// The value, for people; not made safe.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The line; `None` for a default.
    pub place: Option<Place>,
}

/// A waiver that touches the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverLine {
    /// Its `rule`.
    pub rules: String,
    /// What it waives, in words.
    pub matches: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when, as written.
    pub expires: String,
    /// It is past its end.
    pub expired: bool,
    /// The line.
    pub place: Option<Place>,
}

/// What evidence must hold before the rule can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Transports and families whose listeners must all be there.
    pub tables: Vec<(Transport, Family)>,
    /// The same in words: `TCP and UDP`.
    pub words: String,
    /// The command that shows them with the facts that the rule looks at.
    pub command: Option<String>,
    /// What else the rule looks at, each with what supplies it.
    pub facts: Vec<(&'static str, &'static str)>,
}

/// What is told of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExplanation {
    /// Its id.
    pub id: String,
    /// Its summary; empty where it has none.
    pub summary: String,
    /// What it asks, as a sentence.
    pub sentence: String,
    /// Why an override switched it off, with the line; then it is not asked at all.
    pub disabled: Option<(String, Option<Place>)>,
    /// The name of the file that it is inherited from, and the line that builds on that file.
    pub inherited: Option<(String, Option<Place>)>,
    /// Its values.
    pub values: Vec<Value>,
    /// Its compliance controls.
    pub controls: Vec<String>,
    /// The waivers that touch it.
    pub waivers: Vec<WaiverLine>,
    /// What it takes to decide it.
    pub needs: Needs,
}

/// Explains a rule of a policy, also one that an override switched off, and `unlisted`; waivers are
/// judged by `now`.
///
/// # Errors
///
/// When there is no such rule: help that names the nearest one.
pub fn rule(policy: &Policy, id: &str, now: Timestamp) -> Result<RuleExplanation, String> {
    if id == UNLISTED {
        return Ok(unlisted(policy, now));
    }
    let mut rules = policy.rules.iter().chain(&policy.disabled);
    let Some(rule) = rules.find(|rule| rule.id == id) else { return Err(no_rule(policy, id)) };
    let off = policy.disabled.iter().any(|disabled| disabled.id == id);
    let disabled = rule.overrides.iter().rev().find(|change| off && change.enabled == Some(false));
    let file = policy.files.get(rule.layer);
    let inherited = file
        .filter(|_| rule.id != rule.local_id)
        .map(|file| (file.name.clone(), file.extended_at.and_then(|at| Place::of(policy, at))));
    let about = policy.waivers.iter().filter(|waiver| waiver.is_about(rule));
    Ok(RuleExplanation {
        id: rule.id.clone(),
        summary: rule.summary.clone(),
        sentence: sentence(rule),
        disabled: disabled.map(|change| (change.reason.clone(), Place::of(policy, change.at))),
        inherited,
        values: values(policy, rule),
        controls: rule.controls.clone(),
        waivers: about.map(|waiver| waiver_line(policy, waiver, now)).collect(),
        needs: needed(rule),
    })
}

fn no_rule(policy: &Policy, id: &str) -> String {
    let ids: Vec<&str> =
        policy.rules.iter().chain(&policy.disabled).map(|rule| rule.id.as_str()).collect();
    // `telnet` for `baseline/telnet`, and the other way round.
    let bare = id.rsplit('/').next().unwrap_or(id);
    let ends = format!("/{id}");
    let same_end = ids.iter().copied().find(|known| known.ends_with(&ends) || *known == bare);
    let codes: Vec<&str> = super::pages().map(|page| page.code).collect();
    let code_ends = codes.iter().filter_map(|code| code.rsplit("::").next());
    let code = codes.iter().copied().find(|code| code.ends_with(&format!("::{id}")));
    match same_end
        .or(code)
        .or_else(|| nearest(id, ids.iter().copied()))
        .or_else(|| nearest(id, code_ends))
    {
        Some(near) => format!("did you mean `{near}`?"),
        None => match ids.as_slice() {
            [] => "the policy has no rule; endpoints are written `tcp/0.0.0.0:5432`".to_owned(),
            ids => {
                let some: Vec<&str> = ids.iter().copied().take(8).collect();
                let more = match ids.len().saturating_sub(some.len()) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!(
                    "the rules are `{}`{more}; endpoints are written `tcp/0.0.0.0:5432`",
                    some.join("`, `")
                )
            }
        },
    }
}

fn unlisted(policy: &Policy, now: Timestamp) -> RuleExplanation {
    let sentence = match policy.unlisted {
        Some(_) => {
            "Every listener must match the `match` of at least one rule. Where that is unknown, this is."
        }
        None => "The policy says nothing of listeners that no rule speaks of: they pass.",
    };
    let value = match policy.unlisted {
        Some(unlisted) => Value {
            key: "severity".to_owned(),
            text: unlisted.severity.name().to_owned(),
            origin: Origin::File,
            place: Place::of(policy, unlisted.at),
        },
        None => Value {
            key: UNLISTED.to_owned(),
            text: "ignore".to_owned(),
            origin: Origin::Default,
            place: None,
        },
    };
    let about = policy.waivers.iter().filter(|waiver| waiver.rules.is_match(UNLISTED));
    let asked = policy.unlisted.map(|_| usual_tables());
    let tables_needed = asked.unwrap_or_default();
    let command = command(&tables_needed, &Keys::default());
    RuleExplanation {
        id: UNLISTED.to_owned(),
        summary: "a listener that no rule speaks of".to_owned(),
        sentence: sentence.to_owned(),
        disabled: None,
        inherited: None,
        values: vec![value],
        controls: Vec::new(),
        waivers: about.map(|waiver| waiver_line(policy, waiver, now)).collect(),
        needs: Needs {
            words: tables(&tables_needed),
            tables: tables_needed,
            command,
            facts: Vec::new(),
        },
    }
}

fn usual_tables() -> Vec<(Transport, Family)> {
    let snapshot = Snapshot::default();
    needs(None, &Facts { snapshot: &snapshot, grade: Grade::Presumed })
}

fn waiver_line(policy: &Policy, waiver: &Waiver, now: Timestamp) -> WaiverLine {
    WaiverLine {
        rules: waiver.rules.words(),
        matches: subject(&waiver.matches),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        expires: waiver.expires.text.clone(),
        expired: waiver.expires.is_past(now),
        place: Place::of(policy, waiver.at),
    }
}

/// The rule as a sentence.
fn sentence(rule: &Rule) -> String {
    let who = subject(&rule.matches);
    match &rule.action {
        Action::Require(condition) => {
            let must = condition.phrase();
            match &rule.matches {
                Condition::All(all) if all.is_empty() => format!("Every listener must {must}."),
                _ => format!("{} must {must}.", capital(&who)),
            }
        }
        Action::Forbid => format!("There must be no {who}."),
        Action::Expect { min, max } => match max {
            None => format!("There must be at least {min} {who}."),
            Some(max) if *min == 0 => format!("There may be at most {max} {who}."),
            Some(max) if max == min => format!("There must be exactly {min} {who}."),
            Some(max) => format!("There must be from {min} to {max} {who}."),
        },
        Action::Allow => {
            format!(
                "{} are approved: nothing is asked of them, and `unlisted` does not catch them.",
                capital(&who)
            )
        }
    }
}

/// The text with a capital at its beginning.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The listeners that a condition is true of: `listeners that use port 22 and are held by sshd`.
fn subject(condition: &Condition) -> String {
    match condition {
        Condition::All(all) if all.is_empty() => "listeners of any kind".to_owned(),
        condition => format!("listeners that {}", plural(condition)),
    }
}

fn plural(condition: &Condition) -> String {
    let join = |parts: &[Condition], word: &str| {
        let parts: Vec<String> = parts.iter().map(plural).collect();
        parts.join(word)
    };
    match condition {
        Condition::Test { test, .. } => {
            let phrase = test.phrase();
            phrase.strip_prefix("be ").map_or_else(|| phrase.clone(), |rest| format!("are {rest}"))
        }
        Condition::All(all) => join(all, " and "),
        Condition::Any(any) if any.len() == 1 => join(any, ""),
        Condition::Any(any) => format!("({})", join(any, " or ")),
        Condition::Not(inner) => negated(inner),
    }
}

fn negated(condition: &Condition) -> String {
    match condition {
        Condition::All(one) | Condition::Any(one) if one.len() == 1 => {
            one.first().map_or_else(String::new, negated)
        }
        Condition::Test { test, .. } => {
            let phrase = test.phrase();
            match phrase.strip_prefix("be ") {
                Some(rest) => format!("are not {rest}"),
                None => format!("do not {phrase}"),
            }
        }
        Condition::Any(_) => format!("not {}", plural(condition)),
        other => format!("not ({})", plural(other)),
    }
}

fn values(policy: &Policy, rule: &Rule) -> Vec<Value> {
    let own = if rule.id == rule.local_id { Origin::Own } else { Origin::Inherited };
    let place = |key: &str| {
        let span = rule.keys.iter().find(|(name, _)| *name == key).map(|(_, span)| *span);
        span.and_then(|span| Place::of(policy, span))
    };
    let mut values = Vec::new();
    let mut push = |key: &str, text: Option<String>| {
        if let Some(text) = text.filter(|_| rule.keys.iter().any(|(name, _)| *name == key)) {
            values.push(Value {
                key: key.to_owned(),
                text,
                origin: own.clone(),
                place: place(key),
            });
        }
    };
    push("id", Some(rule.local_id.clone()));
    push("summary", Some(rule.summary.clone()));
    push("severity", Some(rule.own_severity.name().to_owned()));
    push("match", Some(subject(&rule.matches)));
    push(rule.action.name(), Some(asked(&rule.action)));
    push("because", rule.because.clone());
    push("help", rule.help.clone());
    push("url", rule.url.clone());
    push("controls", Some(rule.controls.join(", ")));
    push("tags", Some(rule.tags.join(", ")));
    push("owner", rule.owner.clone());
    push("approved_by", rule.approved_by.clone());
    push("review_by", rule.review_by.as_ref().map(|(by, _)| by.text.clone()));
    push("hosts", rule.hosts.as_ref().map(Globs::words));
    let default = |key: &str, text: &str| Value {
        key: key.to_owned(),
        text: text.to_owned(),
        origin: Origin::Default,
        place: None,
    };
    if !values.iter().any(|value| value.key == "severity") {
        values.push(default("severity", rule.own_severity.name()));
    }
    if !values.iter().any(|value| value.key == "match") {
        values.push(default("match", "every listener"));
    }
    for change in &rule.overrides {
        values.extend(changes(policy, change));
    }
    values.extend(file_hosts(policy, rule));
    values
}

fn changes(policy: &Policy, change: &Override) -> Vec<Value> {
    let severity = change.severity.map(|severity| ("severity", severity.name().to_owned()));
    let enabled = change.enabled.map(|enabled| ("enabled", enabled.to_string()));
    let value = |(key, text): (&str, String)| Value {
        key: key.to_owned(),
        text,
        origin: Origin::Override { reason: change.reason.clone() },
        place: Place::of(policy, change.at),
    };
    severity.into_iter().chain(enabled).map(value).collect()
}

/// `hosts` of the rule's file, and of the files that build on it: each must match. Where the file is
/// part of the policy in several ways, all of them in one value.
fn file_hosts(policy: &Policy, rule: &Rule) -> Vec<Value> {
    let words = |way: &Vec<Globs>| way.iter().map(Globs::words).collect::<Vec<_>>().join(" and ");
    if let [_, _, ..] = rule.reach.ways() {
        let ways: Vec<String> = rule.reach.ways().iter().map(words).collect();
        let (key, text) = ("hosts".to_owned(), ways.join(", or "));
        return vec![Value { key, text, origin: Origin::File, place: None }];
    }
    if rule.reach.is_everywhere() {
        return Vec::new();
    }
    let mut values = Vec::new();
    let mut file = policy.files.get(rule.layer);
    for _ in 0..policy.files.len() {
        let Some(current) = file else { break };
        if let Some((globs, at)) = &current.hosts {
            values.push(Value {
                key: "hosts".to_owned(),
                text: globs.words(),
                origin: Origin::File,
                place: Place::of(policy, *at),
            });
        }
        let of = |at: Span| policy.files.iter().find(|other| other.source == at.source);
        file = current.extended_at.and_then(of);
    }
    values
}

/// The keys that a rule looks at.
#[derive(Default)]
struct Keys(BTreeSet<&'static str>);

impl Keys {
    fn add(&mut self, condition: &Condition) {
        match condition {
            Condition::Test { key, .. } => {
                self.0.insert(key);
            }
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| self.add(part))
            }
            Condition::Not(inner) => self.add(inner),
        }
    }

    fn any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.0.contains(key))
    }
}

fn needed(rule: &Rule) -> Needs {
    let mut keys = Keys::default();
    keys.add(&rule.matches);
    if let Action::Require(condition) = &rule.action {
        keys.add(condition);
    }
    if !rule.is_for_all() {
        keys.0.insert("host");
    }
    if matches!(rule.action, Action::Allow) {
        return Needs::default();
    }
    let snapshot = Snapshot::default();
    let cells = needs(Some(rule), &Facts { snapshot: &snapshot, grade: Grade::Presumed });
    let command = command(&cells, &keys);
    let known: [(&[&str], _, _); 8] = [
        (&["process"], "the processes that hold the sockets", "capture as root with `-p`"),
        (&["exe"], "the executables of processes", "a snapshot that holds them"),
        (&["user", "uid"], "the users of the sockets", "capture with `-e`"),
        (
            &["unit", "container", "cgroup"],
            "control groups",
            "capture with `-e`, iproute2 5.8 or newer",
        ),
        (
            &["family"],
            "whether IPv6 wildcards accept IPv4",
            "capture with ss 4.14 or newer, best with `-e`",
        ),
        (
            &["interface"],
            "the interfaces that own addresses",
            "a snapshot that holds the interfaces",
        ),
        (&["host"], "the name of the host", "`--host NAME`, or the name of the file"),
        (&["label"], "labels of the host", "`--label KEY=VALUE`"),
    ];
    let facts =
        known.into_iter().filter(|(names, ..)| keys.any(names)).map(|(_, what, how)| (what, how));
    Needs { words: tables(&cells), tables: cells, command, facts: facts.collect() }
}

/// The command that lists these tables with what the keys look at. Source: ss(8) of iproute2 6.1.
fn command(cells: &[(Transport, Family)], keys: &Keys) -> Option<String> {
    let has = |transport| cells.iter().any(|(of, _)| *of == transport);
    if cells.is_empty() {
        return None;
    }
    let mut flags = String::from("-ln");
    let letters = [
        (Transport::Tcp, 't'),
        (Transport::Udp, 'u'),
        (Transport::Raw, 'w'),
        (Transport::Sctp, 'S'),
        (Transport::Dccp, 'd'),
    ];
    flags.extend(
        letters.into_iter().filter(|(transport, _)| has(*transport)).map(|(_, letter)| letter),
    );
    let owners = keys.any(&["process", "exe"]);
    if owners {
        flags.push('p');
    }
    if keys.any(&["user", "uid", "unit", "container", "cgroup"]) {
        flags.push('e');
    }
    let sudo = if owners { "sudo " } else { "" };
    let ss = format!("{sudo}ss {flags}");
    Some(match (has(Transport::Udplite), flags.len() > "-ln".len()) {
        (false, _) => ss,
        (true, false) => "netstat -lnU".to_owned(),
        (true, true) => format!("{ss}; netstat -lnU"),
    })
}

/// A sentence made safe for people.
pub(super) fn shown(text: &str) -> String {
    safe::line(text).into_owned()
}
