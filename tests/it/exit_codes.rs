//! The table of exit codes: one test a row, the same for every format.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | every rule that applies was decided, and nothing at or above `--fail-on` is violated |
//! | 1 | at least one violation at or above `--fail-on` |
//! | 2 | no audit took place, or not a whole one |
//! | 3 | no violation, but a rule at or above `--fail-on` could not be decided |

use std::io::Read as _;
use std::process::Stdio;

use crate::support::{NETSTAT, Outcome, Place, flat, tcp_only};

const PASSES: &str = r#"
[[rule]]
id = "postgres-loopback"
match = { port = 5432, transport = "tcp" }
require = { bind = "loopback" }
"#;

const FAILS: &str = r#"
[[rule]]
id = "no-telnet"
match = { port = 23, transport = "tcp" }
forbid = true
"#;

const WARNS: &str = r#"
[[rule]]
id = "no-telnet"
severity = "warning"
match = { port = 23, transport = "tcp" }
forbid = true
"#;

/// Unknown on a capture of TCP alone.
const UNKNOWN: &str = r#"
[[rule]]
id = "no-snmp"
match = { port = 161, transport = "udp" }
forbid = true
"#;

fn place(policy: &str) -> Place {
    Place::with(&[("capture.txt", NETSTAT), ("tcp.txt", &tcp_only()), ("policy.toml", policy)])
}

/// Runs `check` in every format, on standard output and into a file, and wants the same code of each.
#[track_caller]
fn check(place: &Place, args: &[&str], code: i32) {
    let run = |more: &[&str]| {
        let mut all = vec!["check"];
        all.extend_from_slice(more);
        all.extend_from_slice(args);
        place.run(&all)
    };
    run(&[]).expect(code);
    run(&["-f", "human"]).expect(code);
    run(&["-f", "human", "--quiet"]).expect(code);
    run(&["-f", "human", "--verbose"]).expect(code);
    run(&["-f", "human", "--color", "always"]).expect(code);
    run(&["-f", "human", "--max-diagnostics", "0"]).expect(code);
    let json = run(&["-f", "json"]).expect(code);
    said_in_json(&json, code);
    run(&["-o", "json=report.json", "-o", "human=report.txt"]).expect(code);
    for name in place.names() {
        assert!(!name.starts_with(".socklint"), "{name} is left over");
    }
}

/// The report, where there is one, names the code that the run ends with.
#[track_caller]
fn said_in_json(run: &Outcome, code: i32) {
    if !run.out.is_empty() {
        assert_eq!(run.json()["summary"]["exit_code"], code, "{}", run.out);
    }
}

#[test]
fn code_0_everything_is_decided_and_nothing_violated() {
    check(&place(PASSES), &["-p", "policy.toml", "capture.txt"], 0);
}

#[test]
fn code_1_a_violation() {
    check(&place(FAILS), &["-p", "policy.toml", "capture.txt"], 1);
}

#[test]
fn code_2_bad_usage() {
    let place = place(PASSES);
    for args in [
        &["check", "--no-such-option"][..],
        &["check", "--fail-on", "never", "capture.txt"],
        &["check", "-f", "jsn", "-p", "policy.toml", "capture.txt"],
        &["check", "-o", "report.json", "-p", "policy.toml", "capture.txt"],
        &["check", "-o", "jsn=report.json", "-p", "policy.toml", "capture.txt"],
        &["check", "--from", "sss", "-p", "policy.toml", "capture.txt"],
        &["check", "--label", "env", "-p", "policy.toml", "capture.txt"],
        &["list", "--label", "env=a", "--label", "env=b", "capture.txt"],
        &["check", "--command", "", "-p", "policy.toml", "capture.txt"],
        &["check", "--now", "yesterday", "-p", "policy.toml", "capture.txt"],
        &["check", "--rule", "[", "-p", "policy.toml", "capture.txt"],
        &["check", "--host", "a", "-p", "policy.toml", "capture.txt", "tcp.txt"],
        &["check", "--quiet", "--verbose", "-p", "policy.toml", "capture.txt"],
        &["check", "-p", "builtin:baselin", "capture.txt"],
        &["list", "-f", "jsn", "capture.txt"],
        &["policy", "show", "baselin"],
        &["chek"],
        &[],
    ] {
        let run = place.run(args).expect(2);
        assert_eq!(run.out, "", "{args:?}");
        assert_ne!(run.err, "", "{args:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let place = place(PASSES);
    for args in [&["--help"][..], &["check", "--help"], &["--version"], &["policy", "list"]] {
        let run = place.run(args).expect(0);
        assert_ne!(run.out, "", "{args:?}");
        assert_eq!(run.err, "", "{args:?}");
    }
}

#[test]
fn code_2_a_policy_that_does_not_load() {
    for text in [
        "[[rule]",
        "[[rule]]\nid = \"x\"\n",
        "[[rule]]\nid = \"x\"\nforbid = false\n",
        "version = 2\n",
    ] {
        check(&place(text), &["-p", "policy.toml", "capture.txt"], 2);
    }
    check(&place(PASSES), &["-p", "no-such-policy.toml", "capture.txt"], 2);
}

/// Files that are no policy at all are told once, and broken ones are not told line by line.
#[test]
fn what_is_no_toml_is_told_in_few_words() {
    let errors = |text: &str| {
        let run = place(text).run(&["check", "-p", "policy.toml", "capture.txt"]).expect(2);
        (run.err.matches("socklint::policy::syntax").count(), flat(&run.err))
    };
    let binary = "\u{7f}ELF\0\u{1}\u{2}\nx = = \0\n".repeat(200);
    let json = "{\n  \"rule\": [\n    {\"id\": \"a\"}\n  ],\n  \"b\": 1\n}\n";
    for (text, why) in [
        (binary.as_str(), "this is no text"),
        (json, "this is a document of another format"),
        ("<html>\n<body>\n= =\n</body>\n", "this is a document of another format"),
    ] {
        let (count, said) = errors(text);
        assert_eq!(count, 1, "{said}");
        assert!(said.contains(why), "{said}");
    }
    let (count, said) = errors(&"a b c\n".repeat(100));
    assert_eq!(count, 21, "{said}");
    assert!(said.contains("no TOML: 80 more lines"), "{said}");
}

#[test]
fn code_2_a_policy_without_a_rule() {
    for text in ["", "# nothing yet\n", "version = 1\n[policy]\nname = \"empty\"\n", "rule = []\n"]
    {
        check(&place(text), &["-p", "policy.toml", "capture.txt"], 2);
    }
    let place = place(PASSES);
    check(&place, &["-p", "policy.toml", "--rule", "other-*", "capture.txt"], 2);
    check(&place, &["-p", "policy.toml", "--skip", "*", "capture.txt"], 2);
    check(&place, &["-p", "policy.toml", "--tag", "web", "capture.txt"], 2);
}

#[test]
fn code_2_no_evidence() {
    let place = place(PASSES);
    std::fs::create_dir_all(place.path().join("empty/inner")).unwrap();
    check(&place, &["-p", "policy.toml", "empty"], 2);
    check(&place, &["-p", "policy.toml", "missing.txt"], 2);
    // Standard input is empty here.
    check(&place, &["-p", "policy.toml"], 2);
    check(&place, &["-p", "policy.toml", "-"], 2);
}

#[test]
fn code_2_evidence_that_cannot_be_read() {
    let place = place(FAILS);
    place.write("prose.txt", "dear reader\n");
    check(&place, &["-p", "policy.toml", "prose.txt"], 2);
    // An evidence beside it that can be judged, and fails, changes nothing: 2 wins over 1.
    check(&place, &["-p", "policy.toml", "capture.txt", "prose.txt"], 2);
    check(&place, &["-p", "policy.toml", "missing.txt", "capture.txt"], 2);
}

#[test]
fn code_2_a_row_that_cannot_be_read() {
    let place = place(PASSES);
    place.write("broken.txt", format!("{NETSTAT}tcp        0      0 what is this\n"));
    check(&place, &["-p", "policy.toml", "broken.txt"], 2);
    // With `--lenient` the run is whole, and rules that the lost row could have violated are unknown.
    check(&place, &["-p", "policy.toml", "--lenient", "broken.txt"], 3);
}

#[test]
fn code_2_a_report_that_cannot_be_written() {
    for policy in [PASSES, FAILS] {
        let place = place(policy);
        check(
            &place,
            &["-p", "policy.toml", "-o", "json=no/such/folder/report.json", "capture.txt"],
            2,
        );
    }
}

/// A report over the evidence, the policy or another report would lose what it is written over.
#[test]
fn code_2_a_report_over_what_is_read() {
    let place = place(FAILS);
    let run = |args: &[&str], what: &str, why: &str| {
        place.run(args).expect(2).says(&[&format!("`{what}` would be overwritten: {why}")]);
        assert_eq!(place.read("capture.txt"), NETSTAT);
        assert_eq!(place.read("policy.toml"), FAILS);
    };
    let over = |what: &str| {
        let output = format!("json={what}");
        run(
            &["check", "-p", "policy.toml", "-o", &output, "capture.txt"],
            what,
            "this run reads it",
        );
        run(
            &[
                "inventory",
                "-p",
                "policy.toml",
                "-o",
                &output.replace("json", "csv"),
                "capture.txt",
            ],
            what,
            "this run reads it",
        );
        run(&["bundle", "-p", "policy.toml", "-o", what, "capture.txt"], what, "this run reads it");
    };
    over("capture.txt");
    over("./capture.txt");
    over("policy.toml");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("capture.txt", place.path().join("link")).unwrap();
        over("link");
    }
    run(&["init", "-o", "capture.txt", "capture.txt"], "capture.txt", "this run reads it");
    let twice =
        ["check", "-p", "policy.toml", "-o", "json=a.out", "-o", "csv=./a.out", "capture.txt"];
    run(&twice, "a.out", "two reports are to be written to it");
    place.run(&["check", "-p", "policy.toml", "-o", "json=r.json", "capture.txt"]).expect(1);
    run(&["merge", "-o", "r.json", "r.json"], "r.json", "this run reads it");
    // A report of the last run is replaced.
    place.run(&["check", "-p", "policy.toml", "-o", "json=r.json", "capture.txt"]).expect(1);
    assert!(!place.path().join("a.out").exists());
}

#[test]
fn code_2_every_rule_is_for_other_hosts() {
    let place = place(
        "[policy]\nhosts = [\"db-*\"]\n[[rule]]\nid = \"x\"\nmatch = { port = 23 }\nforbid = true\n",
    );
    check(&place, &["-p", "policy.toml", "--host", "web-1", "capture.txt"], 2);
    check(&place, &["-p", "policy.toml", "--host", "db-1", "capture.txt"], 1);
}

#[test]
fn code_3_a_rule_that_cannot_be_decided() {
    let place = place(UNKNOWN);
    check(&place, &["-p", "policy.toml", "tcp.txt"], 3);
    check(&place, &["-p", "policy.toml", "capture.txt"], 0);
}

#[test]
fn unknown_allow_makes_3_a_0() {
    let place = place(UNKNOWN);
    check(&place, &["-p", "policy.toml", "--unknown", "fail", "tcp.txt"], 3);
    let allow = ["-p", "policy.toml", "--unknown", "allow", "tcp.txt"];
    check(&place, &allow, 0);
    let run =
        place.run(&["check", "-f", "json", "-p", "policy.toml", "--unknown", "allow", "tcp.txt"]);
    assert_eq!(run.json()["summary"]["unknown"], 1, "the unknown is counted all the same");
}

#[test]
fn unknown_allow_hides_no_violation_and_no_broken_evidence() {
    let place = place(&format!("{UNKNOWN}{FAILS}"));
    place.write("prose.txt", "dear reader\n");
    check(&place, &["-p", "policy.toml", "--unknown", "allow", "tcp.txt"], 1);
    check(&place, &["-p", "policy.toml", "--unknown", "allow", "tcp.txt", "prose.txt"], 2);
}

#[test]
fn code_1_wins_over_3() {
    check(&place(&format!("{UNKNOWN}{FAILS}")), &["-p", "policy.toml", "tcp.txt"], 1);
}

#[test]
fn code_2_wins_over_1_and_3() {
    let place = place(&format!("{UNKNOWN}{FAILS}"));
    place.write("prose.txt", "dear reader\n");
    check(&place, &["-p", "policy.toml", "tcp.txt", "prose.txt"], 2);
    check(&place, &["-p", "policy.toml", "-o", "json=no/folder/r.json", "tcp.txt"], 2);
    // `no-snmp` alone: 3 without the broken evidence.
    check(&place, &["-p", "policy.toml", "--rule", "no-snmp", "tcp.txt", "prose.txt"], 2);
}

#[test]
fn fail_on_says_what_counts() {
    let place = place(WARNS);
    check(&place, &["-p", "policy.toml", "capture.txt"], 0);
    check(&place, &["-p", "policy.toml", "--fail-on", "error", "capture.txt"], 0);
    check(&place, &["-p", "policy.toml", "--fail-on", "warning", "capture.txt"], 1);
    check(&place, &["-p", "policy.toml", "--fail-on", "note", "capture.txt"], 1);
    let note = WARNS.replace("warning", "note");
    place.write("note.toml", note);
    check(&place, &["-p", "note.toml", "--fail-on", "warning", "capture.txt"], 0);
    check(&place, &["-p", "note.toml", "--fail-on", "note", "capture.txt"], 1);
}

#[test]
fn fail_on_says_which_unknowns_count() {
    let place = place(&UNKNOWN.replace("[[rule]]", "[[rule]]\nseverity = \"warning\""));
    check(&place, &["-p", "policy.toml", "tcp.txt"], 0);
    check(&place, &["-p", "policy.toml", "--fail-on", "warning", "tcp.txt"], 3);
}

#[test]
fn an_unlisted_listener_counts_by_its_severity() {
    let policy = |severity: &str| {
        format!(
            "[policy]\nunlisted = \"{severity}\"\n[[rule]]\nid = \"ssh\"\nmatch = {{ port = 22 }}\nallow = true\n"
        )
    };
    check(&place(&policy("error")), &["-p", "policy.toml", "capture.txt"], 1);
    check(&place(&policy("warning")), &["-p", "policy.toml", "capture.txt"], 0);
    check(
        &place(&policy("warning")),
        &["-p", "policy.toml", "--fail-on", "warning", "capture.txt"],
        1,
    );
    check(&place(&policy("ignore")), &["-p", "policy.toml", "capture.txt"], 0);
}

#[test]
fn proof_is_asked_for() {
    let place = place(PASSES);
    check(&place, &["-p", "policy.toml", "--evidence", "presumed", "capture.txt"], 0);
    check(&place, &["-p", "policy.toml", "--evidence", "proven", "capture.txt"], 3);
    let command = "netstat -tulpn";
    check(
        &place,
        &["-p", "policy.toml", "--evidence", "proven", "--command", command, "capture.txt"],
        0,
    );
}

#[test]
fn strict_makes_warnings_errors() {
    let place = place(&format!("{PASSES}review_by = 2020-01-31\n"));
    check(&place, &["-p", "policy.toml", "capture.txt"], 0);
    check(&place, &["-p", "policy.toml", "--strict", "capture.txt"], 2);
    check(&place, &["-p", "policy.toml", "--strict", "--now", "2020-01-30", "capture.txt"], 0);
}

/// `bind = "public"` reads as "reached from outside", and a listener on a wildcard is not of it.
#[test]
fn rules_that_leave_out_the_wildcard_are_told() {
    let rule = |id: &str, text: &str| format!("[[rule]]\nid = \"{id}\"\n{text}\n");
    let told = |policy: &str| {
        let place = place(policy);
        let run = place.run(&["check", "-p", "policy.toml", "capture.txt"]);
        assert!(matches!(run.code, 0 | 1 | 3), "{policy}\n{}", run.err);
        flat(&run.out).contains("`outside` says nothing of a listener on every address")
    };
    for outside in [
        "match = { bind = [\"public\", \"private\"], not = { port = 22 } }\nforbid = true",
        "match = { interface = \"eth*\" }\nforbid = true",
        "match = { any = [{ bind = \"10.0.0.0/8\" }, { bind = \"fd00::/8\" }] }\nexpect = { max = 0 }",
        "match = { bind = \"public\" }\nrequire = { process = \"nginx\" }",
        "match = { port = 80 }\nrequire = { not = { bind = \"public\" } }",
        "require = { not = { interface = \"eth*\" }, process = \"nginx\" }",
    ] {
        let outside = rule("outside", outside);
        assert!(told(&outside), "{outside}");
        let one_port = rule("a", "match = { port = 1 }\nrequire = { bind = \"loopback\" }");
        assert!(told(&format!("{outside}{one_port}")), "{outside}");
        for knows in [
            rule("a", "match = { bind = \"wildcard\" }\nforbid = true"),
            rule("a", "match = { transport = \"tcp\", not = { port = 22 } }\nforbid = true"),
            rule(
                "a",
                "match = { not = { port = 22 } }\nrequire = { bind = [\"loopback\", \"private\"] }",
            ),
        ] {
            assert!(!told(&format!("{outside}{knows}")), "{outside}{knows}");
        }
        assert!(!told(&format!("[policy]\nunlisted = \"error\"\n{outside}")), "{outside}");
    }
    for inside in [
        "match = { bind = \"loopback\" }\nforbid = true",
        "match = { bind = [\"public\", \"wildcard\"] }\nforbid = true",
        "match = { bind = \"0.0.0.0/0\" }\nforbid = true",
        "match = { interface = \"lo\" }\nforbid = true",
        "match = { not = { bind = \"loopback\" } }\nforbid = true",
        "match = { bind = \"multicast\" }\nforbid = true",
        "match = { bind = \"public\" }\nallow = true",
        "match = { bind = \"public\" }\nexpect = { min = 1, max = 2 }",
        "require = { bind = \"private\" }",
        "require = { not = { bind = [\"public\", \"wildcard\"] } }",
        "require = { bind = \"loopback\", not = { bind = \"public\" } }",
    ] {
        assert!(!told(&rule("outside", inside)), "{inside}");
    }
}

#[test]
fn list_ends_with_0_or_2() {
    let place = place(PASSES);
    place.write("prose.txt", "dear reader\n");
    for format in ["human", "json", "ndjson"] {
        place.run(&["list", "-f", format, "capture.txt"]).expect(0);
        place.run(&["list", "-f", format, "prose.txt"]).expect(2);
        place.run(&["list", "-f", format, "missing.txt"]).expect(2);
        place.run(&["list", "-f", format, "capture.txt", "prose.txt"]).expect(2);
    }
}

/// Runs with a standard output whose reader goes away at once, or after some bytes.
#[cfg(unix)]
#[track_caller]
fn closed(place: &Place, args: &[&str], read: usize, code: i32) {
    let mut child =
        place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut some = vec![0; read];
    out.read_exact(&mut some).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    assert_eq!(output.status.code(), Some(code), "{args:?}");
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_is_silent_and_keeps_the_code() {
    let many: String = (0..4000)
        .map(|n| format!("tcp        0      0 10.0.{}.{}:23          0.0.0.0:*               LISTEN      640/inetd\n", n / 250, n % 250))
        .collect();
    let place = place(&format!("{FAILS}{}", PASSES.replace("5432", "22")));
    place.write("many.txt", format!("{NETSTAT}{many}"));
    place.write("pass.toml", PASSES);
    for read in [0, 1, 500] {
        for format in ["human", "json"] {
            closed(&place, &["check", "-f", format, "-p", "policy.toml", "many.txt"], read, 1);
        }
        for format in ["human", "json", "ndjson"] {
            closed(&place, &["list", "-f", format, "many.txt"], read, 0);
        }
    }
    closed(&place, &["check", "-f", "json", "-p", "pass.toml", "many.txt"], 0, 0);
    closed(&place, &["policy", "show", "baseline"], 0, 0);
}
