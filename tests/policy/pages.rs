//! The examples of `docs/policy`: each page holds policies (`toml`), evidence (`text` or `json`), and
//! behind each piece of evidence what `check` makes of it, for example:
//!
//! ```text
//! Exit code 1: violates `postgres`; undecided `dns`; waived `web`.
//! With `--host db-1 --label env=prod`, exit code 0.
//! Exit code 2: `socklint::policy::action` on line 3.
//! ```
//!
//! A `toml` block that begins with a comment `# common.toml` is a file that the others can extend.

use std::collections::BTreeMap;
use std::sync::Arc;

use socklint::audit::{Summary, Threshold, Verdict, audit, waive};
use socklint::capture::{Options, read};
use socklint::policy::condition::KEYS;
use socklint::policy::{Library, Severity, builtin, load_with};
use socklint::snapshot::Grade;
use socklint::source::SourceFile;

use crate::{files, project, text_of};

/// Actions, and what else has a page.
const OTHERS: &[&str] = &[
    "not",
    "any",
    "require",
    "forbid",
    "expect",
    "allow",
    "waivers",
    "overrides",
    "extends",
    "sets",
    "hosts",
    "unlisted",
];

/// The moment that waivers are judged by.
const NOW: &str = "2026-11-22T00:00:00Z";

/// Files that a page names.
#[derive(Default)]
struct Files(BTreeMap<String, String>);

impl Library for Files {
    fn file(&self, name: &str, _: &SourceFile) -> Result<(String, Arc<SourceFile>), String> {
        match self.0.get(name) {
            Some(text) => Ok((name.to_owned(), Arc::new(SourceFile::new(name, text.as_str())))),
            None if name.starts_with("builtin:") => builtin(name),
            None => Err("there is no such file".to_owned()),
        }
    }
}

/// What a page has shown so far.
#[derive(Default)]
struct Page {
    files: Files,
    policy: String,
    evidence: String,
    checked: usize,
    wrong: Vec<String>,
}

impl Page {
    /// What `check` makes of the evidence, in the words of the pages.
    fn outcome(&self, options: &Options) -> String {
        let file = Arc::new(SourceFile::new("socklint.toml", self.policy.as_str()));
        let loaded = load_with(vec![file], &self.files);
        let Some(policy) = loaded.policy else {
            let errors = loaded.errors.iter().map(|error| {
                let line = error
                    .at
                    .and_then(|at| loaded.sources.place(at))
                    .map_or(0, |(_, place)| place.line);
                format!("`{}` on line {line}", error.kind.code())
            });
            return format!("xit code 2: {}.", errors.collect::<Vec<_>>().join(", "));
        };
        let mut captures =
            read(Arc::new(SourceFile::new("capture.txt", self.evidence.as_str())), options);
        assert_eq!(captures.len(), 1, "{}", self.evidence);
        let capture = captures.remove(0);
        assert_eq!(capture.severity(false), None, "{:#?}", capture.issues);
        let mut results = audit(&policy, &capture.snapshot, Grade::Presumed);
        waive(&policy, &capture.snapshot, Grade::Presumed, NOW.parse().unwrap(), &mut results);
        let mut summary = Summary::default();
        let threshold = Threshold { fail_on: Severity::Error, allow_unknown: false };
        summary.add(&results, &policy, 0, threshold);
        let of = |verdict: Verdict, words: &str| {
            let results = results.iter().filter(|result| result.verdict == verdict);
            let rules: Vec<String> =
                results.map(|result| format!("`{}`", result.rule.id(&policy))).collect();
            (!rules.is_empty()).then(|| format!("{words} {}", rules.join(", ")))
        };
        let parts = [
            of(Verdict::Fail, "violates"),
            of(Verdict::Unknown, "undecided"),
            of(Verdict::Waived, "waived"),
            of(Verdict::NotApplicable, "not for this host:"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let colon = if parts.is_empty() { "" } else { ": " };
        format!("xit code {}{colon}{}.", summary.exit_code(), parts.join("; "))
    }

    /// A line of the page: of no block.
    fn line(&mut self, line: &str, name: &str) {
        let (options, expected) = match line.strip_prefix("With `") {
            Some(rest) => {
                let Some((options, expected)) = rest.split_once("`, e") else { return };
                (options, expected)
            }
            None => match line.strip_prefix("Exit code") {
                Some(_) => ("", &line[1..]),
                None => return,
            },
        };
        let found = self.outcome(&options_of(options));
        if found != expected {
            self.wrong.push(format!("{name}: {line}\n   found e{found}"));
        }
        self.checked += 1;
    }
}

fn options_of(text: &str) -> Options {
    let mut options = Options::default();
    let mut words = text.split_whitespace();
    while let (Some(option), Some(value)) = (words.next(), words.next()) {
        match option {
            "--host" => options.host = Some(value.to_owned()),
            "--label" => {
                let (key, value) = value.split_once('=').unwrap();
                options.labels.insert(key.to_owned(), value.to_owned());
            }
            other => panic!("the test does not know {other}"),
        }
    }
    options
}

/// Runs the examples of a page and says how many there are.
fn check(text: &str, name: &str) -> usize {
    let mut page = Page::default();
    let mut block: Option<(&str, String)> = None;
    for line in text.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some((language, String::new())),
            (Some(_), Some(_)) => {
                let (language, body) = block.take().unwrap();
                let first = body.lines().next().unwrap_or_default();
                match (language, first.strip_prefix("# ").filter(|name| name.ends_with(".toml"))) {
                    ("toml", Some(file)) => {
                        page.files.0.insert(file.to_owned(), body);
                    }
                    ("toml", None) => page.policy = body,
                    ("text" | "json", _) => page.evidence = body,
                    (other, _) => panic!("{name}: a block of {other}"),
                }
            }
            (Some((_, body)), None) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) => page.line(line, name),
        }
    }
    assert!(page.wrong.is_empty(), "{}", page.wrong.join("\n"));
    page.checked
}

#[test]
fn every_example_comes_out_as_the_page_says() {
    let mut count = 0;
    for path in files("docs/policy", ".md") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        let examples = check(&text_of(&path), &name);
        assert!(examples >= 1, "{name} has no example");
        count += examples;
    }
    assert!(count >= 40, "{count}");
}

#[test]
fn every_key_and_action_has_a_page_and_every_page_a_key() {
    let mut expected: Vec<String> = KEYS
        .iter()
        .map(|key| key.name())
        .chain(OTHERS.iter().copied())
        .map(str::to_owned)
        .collect();
    expected.sort();
    let mut pages: Vec<String> = files("docs/policy", ".md")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    pages.sort();
    assert_eq!(pages, expected);
    let overview = text_of(&project("docs/policy/README.md"));
    for page in &pages {
        assert!(
            overview.contains(&format!("({page}.md)")),
            "docs/policy/README.md does not name {page}.md"
        );
    }
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    for path in files("docs/policy", ".md") {
        for target in text_of(&path).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let there = target.contains("://") || path.parent().unwrap().join(file).exists();
            assert!(there, "{}: {target}", path.display());
        }
    }
}
