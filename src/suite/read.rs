//! From test files to tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Aspect, Expected, Suite, TestCase};
use crate::capture::snapshot::SnapshotDocument;
use crate::capture::{self, Capture, CaptureFormat as _, FORMATS, Options, Severity};
use crate::policy::value::{Data, Entry, Reading, Table, Tree};
use crate::policy::{Policy, PolicyErrorKind, UNLISTED, nearest, suggestion};
use crate::snapshot::{Cell, Coverage, Snapshot};
use crate::source::{SourceFile, Span};

/// Reads the tests of a policy from their files.
///
/// Evidence is read too. It counts as a whole capture of everything (a last line feed is added, every
/// transport and family is covered), unless it says by itself what it covers (a `command`, a prompt
/// line, a snapshot document) or `partial = true` asks for what it shows and no more.
#[must_use]
pub fn read(files: Vec<Arc<SourceFile>>, policy: &Policy) -> Suite {
    let mut suite = Suite::default();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for file in files {
        let source = suite.sources.add(Arc::clone(&file));
        let mut reading = Reading::new(source);
        let (tree, faults) = Tree::parse(file.text());
        for fault in faults {
            let at = fault.span().unwrap_or_default();
            let message = format!("no TOML: {}", fault.message().replace('\n', ", "));
            reading.error(PolicyErrorKind::Syntax, at, message, "here", None);
        }
        let mut root = Table::root(&tree);
        for table in test_tables(&mut root, &mut reading) {
            let Some(test) = read_test(table, &file, policy, &mut names, &mut reading) else {
                continue;
            };
            suite.tests.push(test);
        }
        root.finish(&mut reading, "a test file");
        suite.errors.extend(reading.errors);
    }
    suite.errors.sort_by_key(|error| error.at.map(|at| (at.source, at.start)));
    suite
}

fn test_tables<'a>(root: &mut Table<'a>, reading: &mut Reading) -> Vec<Table<'a>> {
    let Some(entry) = root.take("test") else { return Vec::new() };
    let Data::Array(_) = entry.value.get() else {
        let help = Some("each one begins with a line `[[test]]`".to_owned());
        reading.error(
            PolicyErrorKind::WrongType,
            entry.key,
            "`test` is a list of tables",
            "one table is given",
            help,
        );
        return Vec::new();
    };
    entry.value.items().filter_map(|item| item.table(reading, "test")).collect()
}

fn read_test(
    mut table: Table<'_>,
    file: &SourceFile,
    policy: &Policy,
    names: &mut BTreeMap<String, Span>,
    reading: &mut Reading,
) -> Option<TestCase> {
    let before = reading.errors.len();
    let name = read_name(&mut table, names, reading);
    let options = read_options(&mut table, reading);
    let partial = table.take("partial").is_some_and(|entry| match entry.value.get() {
        Data::Boolean(partial) => *partial,
        _ => {
            entry.value.wrong_type(reading, "partial", "`true` or `false`");
            false
        }
    });
    let now = table.take("now").and_then(|entry| read_now(&entry, reading));
    let expected = Aspect::ALL.map(|aspect| read_expected(&mut table, aspect, policy, reading));
    let evidence = table.take("evidence");
    if evidence.is_none() {
        let help = "`evidence` gives a capture, such as the output of `ss -lntup`";
        reading.error(
            PolicyErrorKind::MissingKey,
            table.range(),
            "`evidence` is missing",
            "here",
            help.to_owned(),
        );
    }
    table.finish(reading, "a test");
    let evidence =
        evidence.and_then(|entry| read_evidence(&entry, file, options, partial, reading));
    if reading.errors.len() > before {
        return None;
    }
    let ((name, at), (snapshot, base)) = (name?, evidence?);
    // Without a moment no waiver is past its end, so that a test says the same on every day.
    Some(TestCase { name, at, snapshot, base, expected, now: now.unwrap_or(Timestamp::MIN) })
}

fn read_name(
    table: &mut Table<'_>,
    names: &mut BTreeMap<String, Span>,
    reading: &mut Reading,
) -> Option<(String, Span)> {
    let Some(entry) = table.take("name") else {
        let help = "write `name = \"a wildcard PostgreSQL is caught\"`: reports name tests by it";
        reading.error(
            PolicyErrorKind::MissingKey,
            table.range(),
            "a test has no `name`",
            "this test",
            help.to_owned(),
        );
        return None;
    };
    let name = entry.value.text(reading, "name")?;
    let at = reading.span(entry.range());
    if name.trim().is_empty() {
        let message = "a test's `name` is empty";
        reading.error(PolicyErrorKind::BadValue, entry.value.range(), message, "empty", None);
        return None;
    }
    if let Some(first) = names.get(name).copied() {
        let message = format!("two tests have the name `{name}`");
        let help = Some("give each test a name of its own".to_owned());
        let error = reading.error(
            PolicyErrorKind::DuplicateId,
            entry.range(),
            message,
            "the second one",
            help,
        );
        error.related.push((first, "the first one".to_owned()));
        return None;
    }
    names.insert(name.to_owned(), at);
    Some((name.to_owned(), at))
}

/// `from`, `command`, `host` and `labels`: what the options of `check` say of evidence.
fn read_options(table: &mut Table<'_>, reading: &mut Reading) -> Options {
    let mut options = Options::default();
    if let Some(entry) = table.take("from")
        && let Some(name) = entry.value.text(reading, "from")
    {
        options.from = capture::format(name);
        if options.from.is_none() {
            let known: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
            let message = format!("`{name}` is no input format");
            let help = suggestion(name, &known, "the input formats");
            reading.error(
                PolicyErrorKind::BadValue,
                entry.value.range(),
                message,
                "not known",
                help,
            );
        }
    }
    if let Some(entry) = table.take("command")
        && let Some(command) = entry.value.text(reading, "command")
    {
        if capture::command::parse(command).is_empty() {
            let help = "give it as it was typed: `command = \"ss -lntup\"`".to_owned();
            let message = format!("`{command}` is no command");
            reading.error(
                PolicyErrorKind::BadValue,
                entry.value.range(),
                message,
                "no command",
                help,
            );
        }
        options.command = Some(command.to_owned());
    }
    options.host = table.take_text("host", reading);
    if let Some(entry) = table.take("labels")
        && let Some(labels) = entry.value.table(reading, "labels")
    {
        for entry in labels.entries() {
            if let Some(value) = entry.value.text(reading, entry.name) {
                options.labels.insert(entry.name.to_owned(), value.to_owned());
            }
        }
    }
    options
}

/// A date (its beginning in UTC, as with `--now`) or a moment with an offset.
fn read_now(entry: &Entry<'_>, reading: &mut Reading) -> Option<Timestamp> {
    let Data::Datetime(datetime) = entry.value.get() else {
        entry.value.wrong_type(reading, "now", "a date without quotes");
        return None;
    };
    let text = datetime.to_string();
    let now = match (datetime.date, datetime.time, datetime.offset) {
        (Some(_), None, None) => {
            let date: Option<Date> = text.parse().ok();
            date.and_then(|date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp()))
        }
        (Some(_), Some(_), Some(_)) => text.parse().ok(),
        _ => None,
    };
    if now.is_none() {
        let message = format!("`{text}` is no date, and no moment with an offset");
        let help = "write `2027-01-31` (its beginning in UTC) or `2027-01-31T18:00:00Z`".to_owned();
        reading.error(
            PolicyErrorKind::BadValue,
            entry.value.range(),
            message,
            "says no moment",
            help,
        );
    }
    now
}

fn read_expected(
    table: &mut Table<'_>,
    aspect: Aspect,
    policy: &Policy,
    reading: &mut Reading,
) -> Expected {
    let Some(entry) = table.take(aspect.key()) else { return Expected::default() };
    let at = Some(reading.span(entry.range()));
    let mut ids = BTreeSet::new();
    for (id, range) in entry.value.texts(reading, aspect.key()).unwrap_or_default() {
        if !is_known(id, policy) {
            unknown_rule(id, range, policy, reading);
        } else if !ids.insert(id.to_owned()) {
            let message = format!("`{id}` is named twice in `{}`", aspect.key());
            reading.error(PolicyErrorKind::BadValue, range, message, "again", None);
        }
    }
    Expected { ids, at }
}

fn is_known(id: &str, policy: &Policy) -> bool {
    id == UNLISTED && policy.unlisted.is_some() || policy.rules.iter().any(|rule| rule.id == id)
}

fn unknown_rule(id: &str, at: Range<usize>, policy: &Policy, reading: &mut Reading) {
    let known = policy.rules.iter().map(|rule| rule.id.as_str());
    let known = known.chain(policy.unlisted.map(|_| UNLISTED));
    let off = policy.disabled.iter().find(|rule| rule.id == id);
    // `telnet` for `baseline/telnet`: distance does not see it.
    let inherited = policy.rules.iter().find(|rule| rule.local_id == id);
    let help = match (off, inherited) {
        (Some(_), _) => "an override switches the rule off".to_owned(),
        (None, Some(rule)) => format!("did you mean `{}`?", rule.id),
        (None, None) if id == UNLISTED => "the policy does not set `unlisted`".to_owned(),
        (None, None) => match nearest(id, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "tests name rules by their ids, inherited ones as `baseline/telnet`".to_owned(),
        },
    };
    let message = format!("the policy `{}` has no rule `{id}`", policy.name);
    reading.error(PolicyErrorKind::BadValue, at, message, "not known", help);
}

/// Reads the capture; gives its snapshot, and its place in the file if it stands there as it is.
fn read_evidence(
    entry: &Entry<'_>,
    file: &SourceFile,
    options: Options,
    partial: bool,
    reading: &mut Reading,
) -> Option<(Snapshot, Option<Span>)> {
    let text = entry.value.text(reading, "evidence")?;
    let range = entry.value.range();
    let base = file.slice(range.clone()).find(text).filter(|_| !text.is_empty()).map(|at| {
        let start = range.start + at;
        reading.span(start..start + text.len())
    });
    let whole = !partial && options.command.is_none();
    if whole && text.trim().is_empty() {
        // A host on which nothing listens.
        let mut nothing = Snapshot::default();
        nothing.coverage = Coverage::uniform(Cell::Proven);
        nothing.host.name = options.host;
        nothing.host.labels = options.labels;
        return Some((nothing, None));
    }
    let mut ended = text.to_owned();
    if !ended.ends_with('\n') {
        ended.push('\n');
    }
    let source = Arc::new(SourceFile::new(file.name(), ended));
    let captures = capture::read(source, &options);
    let [capture] = <[Capture; 1]>::try_from(captures)
        .map_err(|captures| {
            let message = format!("the evidence is of {} hosts", captures.len());
            let help = "a test is about one host: write a test for each".to_owned();
            reading.error(PolicyErrorKind::BadValue, entry.range(), message, "more than one", help);
        })
        .ok()?;
    let Capture { mut snapshot, issues, .. } = capture;
    // Removing terminal colours moves the text.
    let as_is =
        snapshot.sources.files().first().is_some_and(|source| source.text().starts_with(text));
    let base = base.filter(|_| as_is);
    let before = reading.errors.len();
    for issue in issues.iter().filter(|issue| issue.kind.severity(false) == Severity::Error) {
        let at = issue.at.zip(base).map(|(at, base)| {
            let shift = |offset: u32| (offset + base.start).min(base.end) as usize;
            shift(at.start)..shift(at.end)
        });
        let message = format!("the evidence cannot be used: {}", issue.message);
        let help = issue.kind.help().to_owned();
        reading.error(
            PolicyErrorKind::BadValue,
            at.unwrap_or(range.clone()),
            message,
            "here",
            help,
        );
    }
    if reading.errors.len() > before {
        return None;
    }
    let says_itself = snapshot.origin.command.is_some()
        || snapshot.origin.format == SnapshotDocument.name()
        || issues.iter().any(|issue| issue.kind.spoils().is_some());
    if whole && !says_itself {
        snapshot.coverage = Coverage::uniform(Cell::Proven);
    }
    Some((snapshot, base))
}
