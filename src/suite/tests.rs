//! Tests of policy tests.

use std::sync::Arc;

use super::*;
use crate::policy::packs::PACKS;
use crate::policy::{Policy, builtin, load};
use crate::source::SourceFile;

const POLICY: &str = r#"
[policy]
name = "p"

[[rule]]
id = "db"
match = { port = 5432, transport = "tcp" }
require = { bind = "loopback" }

[[rule]]
id = "no-telnet"
match = { port = 23, transport = "tcp" }
forbid = true

[[waiver]]
rule = "no-telnet"
match = { bind = "10.0.0.0/8" }
reason = "r"
owner = "o"
expires = 2026-01-31
"#;

fn policy(text: &str) -> Policy {
    let loaded = load(vec![Arc::new(SourceFile::new("p.toml", text))]);
    loaded.policy.unwrap_or_else(|| panic!("{:#?}", loaded.errors))
}

fn suite(policy: &Policy, text: &str) -> Suite {
    let suite = read(vec![Arc::new(SourceFile::new("p.test.toml", text))], policy);
    assert_eq!(suite.errors, [], "{text}");
    suite
}

/// Runs one test of `POLICY` with these keys and says where it differs.
fn differences(keys: &str) -> Vec<(&'static str, String, String)> {
    let policy = policy(POLICY);
    let suite = suite(&policy, &format!("[[test]]\nname = \"t\"\n{keys}"));
    let run = run(&policy, &suite);
    let differences = run.results.iter().flat_map(|result| &result.differences);
    let told = differences.map(|difference| {
        (difference.aspect.key(), difference.missing.join(" "), difference.unexpected.join(" "))
    });
    told.collect()
}

fn messages(text: &str) -> Vec<String> {
    let policy = policy(POLICY);
    let suite = read(vec![Arc::new(SourceFile::new("p.test.toml", text))], &policy);
    let errors = suite.errors.iter();
    let told = errors.map(|error| {
        let at = error.at.map_or("", |at| suite.sources.slice(at));
        format!("{} @ {at} ? {}", error.message, error.help.as_deref().unwrap_or_default())
    });
    told.collect()
}

#[test]
fn exactly_the_named_rules_are_violated() {
    assert_eq!(differences("evidence = ''"), []);
    assert_eq!(differences("evidence = 'LISTEN 0 128 127.0.0.1:5432 0.0.0.0:*'"), []);
    let wildcard = "evidence = 'LISTEN 0 128 0.0.0.0:5432 0.0.0.0:*'";
    assert_eq!(differences(&format!("{wildcard}\nviolates = ['db']")), []);
    assert_eq!(differences(wildcard), [("violates", String::new(), "db".to_owned())]);
    assert_eq!(
        differences(&format!("{wildcard}\nviolates = ['no-telnet']")),
        [("violates", "no-telnet".to_owned(), "db".to_owned())]
    );
}

#[test]
fn what_the_evidence_covers_is_the_tests_to_say() {
    let row = "evidence = 'LISTEN 0 128 127.0.0.1:5432 0.0.0.0:*'";
    let unknown = [("unknown", String::new(), "db no-telnet".to_owned())];
    assert_eq!(differences(&format!("{row}\npartial = true")), unknown);
    assert_eq!(differences(&format!("{row}\ncommand = 'ss -lun'")), unknown);
    assert_eq!(differences(&format!("{row}\ncommand = 'ss -Hltn'")), []);
    assert_eq!(differences(&format!("{row}\npartial = true\nunknown = ['db', 'no-telnet']")), []);
    let prompt = "evidence = '''\n$ ss -Hltn4\nLISTEN 0 128 127.0.0.1:5432 0.0.0.0:*\n'''";
    assert_eq!(differences(prompt), unknown);
}

#[test]
fn waivers_are_judged_by_the_moment_of_the_test() {
    let row = "evidence = 'LISTEN 0 128 10.1.2.3:23 0.0.0.0:*'";
    assert_eq!(differences(&format!("{row}\nwaived = ['no-telnet']")), []);
    assert_eq!(differences(&format!("{row}\nwaived = ['no-telnet']\nnow = 2026-01-31")), []);
    assert_eq!(differences(&format!("{row}\nviolates = ['no-telnet']\nnow = 2026-02-01")), []);
    assert_eq!(
        differences(&format!("{row}\nviolates = ['no-telnet']\nnow = 2026-02-01T00:00:00Z")),
        []
    );
}

#[test]
fn every_error_of_a_test_file_is_told_in_one_run() {
    let names = crate::capture::FORMATS.iter().map(|format| format!("`{}`", format.name()));
    let names = names.collect::<Vec<_>>().join(", ");
    assert_eq!(
        messages(
            "[[test]]\nevidence = 'hello'\nviolates = ['no-telnt', 'zebra', 'db', 'db']\nunkown = []\n\
             [[test]]\nname = ''\nnow = 2026-01-31T10:00:00\nfrom = 'sss'\n\
             [[test]]\nname = 'a'\nevidence = ''\n[[test]]\nname = 'a'\nevidence = ''\nlabels = { a = 1 }\n"
        ),
        [
            "a test has no `name` @ [[test]] ? write `name = \"a wildcard PostgreSQL is caught\"`: reports \
             name tests by it",
            "the evidence cannot be used: the evidence is in no format that socklint knows @ hello ? socklint \
             reads the output of ss, netstat and many other tools, and its own snapshots; `socklint check \
             --help` names the formats, and `--from` takes one when detection is wrong",
            "the policy `p` has no rule `no-telnt` @ 'no-telnt' ? did you mean `no-telnet`?",
            "the policy `p` has no rule `zebra` @ 'zebra' ? tests name rules by their ids, inherited ones as \
             `baseline/telnet`",
            "`db` is named twice in `violates` @ 'db' ? ",
            "unknown key `unkown` in a test @ unkown ? did you mean `unknown`? the keys here are `command`, \
             `evidence`, `from`, `host`, `labels`, `name`, `now`, `partial`, `unknown`, `violates`, `waived`",
            "`evidence` is missing @ [[test]] ? `evidence` gives a capture, such as the output of `ss -lntup`",
            "a test's `name` is empty @ '' ? ",
            "`2026-01-31T10:00:00` is no date, and no moment with an offset @ 2026-01-31T10:00:00 ? write \
             `2027-01-31` (its beginning in UTC) or `2027-01-31T18:00:00Z`",
            &format!(
                "`sss` is no input format @ 'sss' ? did you mean `ss`? the input formats are {names}"
            ),
            "two tests have the name `a` @ name = 'a' ? give each test a name of its own",
            "`a` takes a string, not an integer @ 1 ? ",
        ]
    );
    assert_eq!(messages("test = 1").len(), 1);
    assert_eq!(messages("[[tests]]\nname = 'a'").len(), 1);
}

#[test]
fn inherited_rules_are_named_in_full_or_suggested() {
    let policy = policy(
        "[policy]\nextends = ['builtin:baseline']\n[[rule]]\nid = 'x'\nmatch = {port = 1}\nforbid = true",
    );
    let text = "[[test]]\nname = 'a'\nevidence = ''\nviolates = ['telnet']";
    let suite = read(vec![Arc::new(SourceFile::new("p.test.toml", text))], &policy);
    let help = suite.errors.first().and_then(|error| error.help.clone());
    assert!(help.is_some_and(|help| help.ends_with("baseline/telnet`?")));
}

#[test]
fn rules_without_a_failing_or_passing_test_are_counted() {
    let policy = policy(POLICY);
    let text =
        "[[test]]\nname = 'a'\nevidence = 'LISTEN 0 128 0.0.0.0:5432 0.0.0.0:*'\nviolates = ['db']";
    let run = run(&policy, &suite(&policy, text));
    let told: Vec<(&str, bool, bool)> = run
        .rules
        .iter()
        .map(|rule| (rule.id.as_str(), rule.never_fails(), rule.never_passes()))
        .collect();
    assert_eq!(told, [("db", false, true), ("no-telnet", true, false)]);
    assert_eq!(run.uncovered(), 2);
}

/// The changes of the only rule of a policy that the tests do not notice.
fn unnoticed(rule: &str, tests: &[(&str, &str)]) -> Vec<String> {
    let mut policy =
        policy(&format!("[[rule]]\nid = 'r'\nmatch = {{ port = 80, transport = 'tcp' }}\n{rule}"));
    let mut text = String::new();
    for (number, (rows, violates)) in tests.iter().enumerate() {
        text.push_str(&format!(
            "[[test]]\nname = '{number}'\nviolates = [{violates}]\nevidence = '''\n{rows}\n'''\n"
        ));
    }
    let suite = suite(&policy, &text);
    let base = run(&policy, &suite);
    assert_eq!(base.failed(), 0, "{rule}");
    let before = format!("{:?}", policy.rules);
    let mutants = mutate(&mut policy, &suite, &base);
    assert_eq!(format!("{:?}", policy.rules), before, "the policy is as it was");
    assert_eq!(run(&policy, &suite).failed(), 0, "{rule}");
    mutants
        .into_iter()
        .filter(|mutant| mutant.noticed.is_empty())
        .map(|mutant| mutant.change)
        .collect()
}

#[test]
fn changes_that_no_test_notices_are_named() {
    let (wild, loopback) = ("LISTEN 0 1 0.0.0.0:80 0.0.0.0:*", "LISTEN 0 1 127.0.0.1:80 0.0.0.0:*");
    let both = format!("{wild}\n{loopback}");
    let none = Vec::<String>::new();
    let require = "require = { bind = 'loopback' }";
    assert_eq!(unnoticed(require, &[("", "")]), ["it is removed", "it requires the contrary"]);
    assert_eq!(unnoticed(require, &[(loopback, "")]), ["it is removed"]);
    assert_eq!(unnoticed(require, &[(wild, "'r'")]), none);
    assert_eq!(
        unnoticed("forbid = true", &[("", "")]),
        ["it is removed", "`forbid` becomes `allow`"]
    );
    assert_eq!(unnoticed("forbid = true", &[(wild, "'r'")]), none);
    assert_eq!(unnoticed("expect = { min = 1 }", &[(wild, "")]), ["it is removed"]);
    assert_eq!(unnoticed("expect = { min = 1 }", &[("", "'r'")]), none);
    assert_eq!(
        unnoticed("expect = { min = 1, max = 1 }", &[("", "'r'")]),
        ["`max = 1` is dropped"]
    );
    assert_eq!(unnoticed("expect = { max = 1 }", &[(&both, "'r'")]), none);
    assert_eq!(unnoticed("allow = true", &[("", "")]), ["`allow` becomes `forbid`"]);
    assert_eq!(unnoticed("allow = true", &[(wild, "")]), none);
    let listed = "allow = true\n[policy]\nunlisted = 'error'";
    assert_eq!(unnoticed(listed, &[(wild, "")]), ["it is set to `ignore`"]);
    assert_eq!(
        unnoticed(listed, &[("LISTEN 0 1 0.0.0.0:81 0.0.0.0:*", "'unlisted'"), (wild, "")]),
        none
    );
}

#[test]
fn violations_are_shown_where_they_stand_in_the_test_file() {
    let policy = policy(POLICY);
    for (evidence, place) in [
        ("'''\r\nLISTEN 0 128 0.0.0.0:5432 0.0.0.0:*\r\n'''", "p.test.toml:4:14"),
        ("\"LISTEN 0 128 0.0.0.0:5432 0.0.0.0:*\"", "p.test.toml:3:26"),
        ("\"LISTEN\\t0 128 0.0.0.0:5432 0.0.0.0:*\"", "p.test.toml:1:14"),
    ] {
        let suite = suite(
            &policy,
            &format!("[[test]]\nname = \"t\"\nevidence = {evidence}\nwaived = []\n"),
        );
        let run = run(&policy, &suite);
        let human = Human {
            policy: &policy,
            suite: &suite,
            run: &run,
            mutants: None,
            strict: false,
            style: Default::default(),
        };
        let shown: Vec<String> =
            human.diagnostics().into_iter().map(|shown| shown.render(Default::default())).collect();
        assert!(shown.join("\n").contains(place), "{evidence}: {}", shown.join("\n"));
    }
}

/// Issue 3: every pack has tests for each rule, and none of its rules can be changed unnoticed.
#[test]
fn every_pack_is_tested() {
    for pack in PACKS {
        let (_, file) = builtin(pack.name).unwrap();
        let loaded = load(vec![file]);
        assert_eq!(loaded.errors, [], "{}", pack.name);
        let mut policy = loaded.policy.unwrap();
        assert_eq!(policy.name, pack.name);
        assert!(!policy.descriptions.is_empty(), "{}", pack.name);
        let suite = read(vec![Arc::new(SourceFile::new("tests", pack.tests))], &policy);
        assert_eq!(suite.errors, [], "{}", pack.name);
        let base = run(&policy, &suite);
        for (test, result) in suite.tests.iter().zip(&base.results) {
            assert_eq!(result.differences, [], "{}: {}", pack.name, test.name);
        }
        let uncovered: Vec<&RuleUse> =
            base.rules.iter().filter(|rule| rule.never_fails() || rule.never_passes()).collect();
        assert!(uncovered.is_empty(), "{}: {uncovered:#?}", pack.name);
        let mutants = mutate(&mut policy, &suite, &base);
        let unnoticed: Vec<&Mutant> =
            mutants.iter().filter(|mutant| mutant.noticed.is_empty()).collect();
        assert!(unnoticed.is_empty(), "{}: {unnoticed:#?}", pack.name);
    }
}
