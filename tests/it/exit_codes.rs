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

use crate::support::{NETSTAT, Outcome, Place, tcp_only};

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
