//! `socklint test`: exit codes, formats, and where tests are looked for.

use crate::support::{Outcome, Place, flat};

const POLICY: &str = r#"
[[rule]]
id = "db"
match = { port = 5432, transport = "tcp" }
require = { bind = "loopback" }
"#;

const FAILING: &str = r#"
[[test]]
name = "wildcard"
evidence = "LISTEN 0 128 0.0.0.0:5432 0.0.0.0:*"
violates = ["db"]
"#;

const PASSING: &str = r#"
[[test]]
name = "loopback"
evidence = "LISTEN 0 128 127.0.0.1:5432 0.0.0.0:*"
"#;

const WRONG: &str = r#"
[[test]]
name = "wrong"
evidence = '''
LISTEN 0 128 0.0.0.0:5432 0.0.0.0:*
'''
violates = []
"#;

fn run(files: &[(&str, &str)], args: &[&str]) -> Outcome {
    let place = Place::with(files);
    let mut all = vec!["test"];
    all.extend_from_slice(args);
    place.run(&all)
}

fn both() -> String {
    format!("{FAILING}{PASSING}")
}

#[test]
fn exit_codes() {
    let both = both();
    let files = |tests| [("p.toml", POLICY), ("p.test.toml", tests)];
    for format in ["human", "json"] {
        let args = ["p.toml", "-f", format];
        run(&files(&both), &args).expect(0);
        run(&files(&both), &["p.toml", "--mutate", "--strict", "-f", format]).expect(0);
        run(&files(WRONG), &args).expect(1);
        run(&files(FAILING), &args).expect(0);
        run(&files(FAILING), &["p.toml", "--strict", "-f", format]).expect(1);
        run(&files(PASSING), &["p.toml", "--mutate", "-f", format]).expect(1);
        run(&files(""), &args).expect(2);
        run(&files("[[test]]\nname = 1"), &args).expect(2);
        run(&[("p.toml", POLICY)], &args).expect(2);
        run(&[("p.toml", "[[rule]]"), ("p.test.toml", &both)], &args).expect(2);
    }
    run(&[], &["missing.toml"]).expect(2);
    run(&[], &["builtin:bseline"]).expect(2).says(&["did you mean `baseline`?"]);
    run(&[], &["-f", "xml"]).expect(2).says(&["the formats are `human`, `json`"]);
}

#[test]
fn tests_are_found_where_the_policy_is() {
    let both = both();
    let files = [("socklint.toml", POLICY), ("socklint.test.toml", both.as_str())];
    let nearest = run(&files, &[]).expect(0);
    assert_eq!(nearest.out, "socklint: 2 tests passed, 1 rule covered\n");
    run(&files, &["socklint.test.toml"]).expect(0);
    let builtin = run(&[], &["builtin:mail-local"]).expect(0);
    assert!(builtin.out.starts_with("mail-local: "), "{}", builtin.out);
    let more = [("a.toml", POLICY), ("b.toml", POLICY), ("b.test.toml", both.as_str())];
    let directory = run(&more, &["."]).expect(0).says(&["a.toml: no tests"]);
    assert_eq!(directory.out, "b: 2 tests passed, 1 rule covered\n");
    run(&more, &[".", "--strict"]).expect(1);
    run(&more, &["a.toml", "b.toml"]).expect(2).says(&["has no tests"]);
    run(&[("a.toml", POLICY)], &["."]).expect(2).says(&["none of the policies has tests"]);
    run(&[("a.toml", POLICY), ("c.test.toml", &both)], &["."])
        .expect(2)
        .says(&["holds the tests of a policy that is not there"]);
}

#[test]
fn a_failed_test_says_which_rules_and_where() {
    let outcome = run(&[("p.toml", POLICY), ("p.test.toml", WRONG)], &["p.toml"]).expect(1);
    let out = flat(&outcome.out);
    for part in [
        "error[socklint::test::failed]",
        "test `wrong` fails: `db` is violated and not expected to be",
        "[p.test.toml:7:1]",
        "[p.test.toml:5:14]",
        "must bind loopback only",
        "p: 1 of 1 test failed, 1 rule, 1 of them not covered",
    ] {
        assert!(out.contains(part), "`{part}` is not in:\n{}", outcome.out);
    }
    let json =
        run(&[("p.toml", POLICY), ("p.test.toml", WRONG)], &["p.toml", "--mutate", "-f", "json"]);
    let json = json.expect(1).json();
    assert_eq!(json["schema"], "socklint/test/1");
    assert_eq!(json["summary"]["exit_code"], 1);
    let difference = &json["policies"][0]["tests"][0]["differences"][0];
    assert_eq!(difference["key"], "violates");
    assert_eq!(difference["unexpected"][0], "db");
    assert_eq!(difference["place"]["line"], 7);
    assert_eq!(json["policies"][0]["mutants"][0]["rule"], "db");
}
