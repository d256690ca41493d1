//! Bad input gets an error with code, place and help, and exit code 2; nothing is written by half.

use serde_json::Value;

use crate::support::{NETSTAT, Place, flat};

const POLICY: &str = r#"
[[rule]]
id = "no-telnet"
match = { port = 23, transport = "tcp" }
forbid = true

[[rule]]
id = "postgres-loopback"
match = { port = 5432, transport = "tcp" }
require = { bind = "loopback" }
"#;

/// Checks one file of evidence that cannot be used: the code, the place as `line:column` (none for a
/// whole file) and the help, the same for people and machines, and in `list`.
#[track_caller]
fn refused(bytes: &[u8], code: &str, place: Option<(u64, u64)>, help: &str) {
    let here = Place::with(&[("policy.toml", POLICY)]);
    here.write("evidence.txt", bytes);
    let args = ["-p", "policy.toml", "evidence.txt"];

    let human = here.run(&[&["check"], &args[..]].concat()).expect(2);
    let text = flat(&human.out);
    assert!(text.contains(&format!("error[{code}]")), "{code} is not in:\n{}", human.out);
    assert!(text.contains(help), "`{help}` is not in:\n{}", human.out);
    if let Some((line, column)) = place {
        assert!(text.contains(&format!("[evidence.txt:{line}:{column}]")), "{}", human.out);
    }
    assert!(text.contains("exit code 2"), "{}", human.out);
    assert_eq!(human.err, "", "the report holds it already");

    let json = here.run(&[&["check", "-f", "json"], &args[..]].concat()).expect(2).json();
    let host = &json["hosts"][0];
    assert_eq!(host["results"], Value::Null, "{json}");
    assert_eq!(json["summary"]["broken"], 1);
    let issues = host["issues"].as_array().unwrap();
    let issue =
        issues.iter().find(|issue| issue["code"] == code).unwrap_or_else(|| panic!("{json}"));
    assert_eq!(issue["severity"], "error");
    if let Some((line, column)) = place {
        assert_eq!(issue["evidence"]["path"], "evidence.txt");
        assert_eq!(
            (&issue["evidence"]["line"], &issue["evidence"]["column"]),
            (&line.into(), &column.into()),
            "{json}"
        );
    }

    let list = here.run(&["list", "evidence.txt"]).expect(2);
    assert_eq!(list.out, "", "messages are not listings");
    assert!(
        flat(&list.err).contains(&format!("error[{code}]")) && flat(&list.err).contains(help),
        "{}",
        list.err
    );
}

#[test]
fn an_empty_file() {
    let help = "capture the sockets into the file: `ss -lntup > capture.txt`";
    for bytes in [&b""[..], b"\n", b"  \r\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe"] {
        refused(bytes, "socklint::capture::empty", None, help);
    }
}

#[test]
fn a_binary_file() {
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend((0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8));
    refused(&elf, "socklint::capture::binary", None, "socklint reads text");
}

#[test]
fn captures_of_something_else() {
    let help = "capture a list of sockets: `ss -lntup`";
    let code = "socklint::capture::not_sockets";
    let summary = "Total: 180\nTCP:   20 (estab 3, closed 5, orphaned 0, timewait 1)\n\nTransport Total     IP        IPv6\nRAW\t  1         0         1\nUDP\t  9         6         3\n";
    refused(summary.as_bytes(), code, Some((1, 1)), help);
    refused(format!("$ ss -s\n{summary}").as_bytes(), code, Some((2, 1)), help);
    let interfaces = "Kernel Interface table\nIface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\neth0      1500     1234      0      0 0           987      0      0      0 BMRU\n";
    refused(interfaces.as_bytes(), code, Some((1, 1)), help);
    let usage = "Usage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n   -h, --help          this message\n   -l, --listening     display listening sockets\n";
    refused(usage.as_bytes(), code, Some((1, 1)), help);
    let usage = "usage: netstat [-vWeenNcCF] [<Af>] -r         netstat {-V|--version|-h|--help}\n       netstat [-vWnNcaeol] [<Socket> ...]\n";
    refused(usage.as_bytes(), code, Some((1, 1)), help);
    let routes = "Kernel IP routing table\nDestination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n0.0.0.0         10.0.0.1        0.0.0.0         UG        0 0          0 eth0\n";
    refused(routes.as_bytes(), code, Some((1, 1)), help);
}

#[test]
fn text_of_no_known_format() {
    refused(
        b"\n\n  dear reader,\nall is well\n",
        "socklint::capture::unknown_format",
        Some((3, 3)),
        "`--from`",
    );
}

#[test]
fn a_row_that_cannot_be_read() {
    let text = format!("{NETSTAT}tcp        0      0 what is this\n");
    refused(
        text.as_bytes(),
        "socklint::capture::row_unread",
        Some((10, 1)),
        "read on with `--lenient`",
    );
    let ss = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp LISTEN 0 128 127.0.0.1:22 0.0.0.0:*\ntcp LISTEN 0 128 0.0.0.0 0.0.0.0:*\n";
    refused(
        ss.as_bytes(),
        "socklint::capture::row_unread",
        Some((3, 1)),
        "read on with `--lenient`",
    );
}

#[test]
fn lenient_reads_on_and_leaves_the_evidence_incomplete() {
    let here = Place::with(&[
        ("policy.toml", POLICY),
        ("evidence.txt", &format!("{NETSTAT}tcp        0      0 what is this\n")),
    ]);
    let run = here
        .run(&["check", "--lenient", "-f", "json", "-p", "policy.toml", "evidence.txt"])
        .expect(1);
    let json = run.json();
    let host = &json["hosts"][0];
    assert_eq!(host["issues"][0]["severity"], "warning");
    assert_eq!(host["issues"][0]["evidence"]["line"], 10);
    let verdict = |n: usize| host["results"][n]["verdict"].as_str().unwrap();
    assert_eq!((verdict(0), verdict(1)), ("fail", "unknown"), "{json}");
    assert_eq!(host["results"][1]["missing"][0]["id"], "row-unread");
    let list = here.run(&["list", "--lenient", "-f", "json", "evidence.txt"]).expect(0);
    assert_eq!(list.json()["sockets"].as_array().unwrap().len(), 7);
    assert!(flat(&list.err).contains("warning[socklint::capture::row_unread]"), "{}", list.err);
}

/// Ten different mistakes and more; a mark stands under the key or value that is at fault, with the
/// code behind it and a part of the help.
const MISTAKES: &str = r#"
[policy]
name = "broken"
unlisted = "eror"
#          ^ bad_value | did you mean `error`?
[sets.ports]
web = [80, "90-80"]
#          ^ bad_value | 8000-8099
[sets.addresses]
admin = ["10.0.0.5/8"]
#        ^ bad_value | 10.0.0.0/8
[[rule]]
id = "one"
severty = "error"
# <- unknown_key | did you mean `severity`?
match = { port = 5432 }
require = { bind = "lopback" }
#                  ^ bad_value | did you mean `loopback`?
[[rule]]
id = "two"
match = { prot = 22 }
#         ^ unknown_key | did you mean `port`?
forbid = true
[[rule]]
id = "three"
match = { port = 70000 }
#                ^ bad_value | ports are 1 to 65535
forbid = true
[[rule]]
id = "four"
match = { port = "@wbe" }
#                ^ unknown_set | did you mean `web`?
forbid = true
[[rule]]
id = "five"
match = { process = 5 }
#                   ^ wrong_type |
forbid = true
[[rule]]
# <- action | exactly one of `require`, `forbid`, `expect`, `allow`
id = "six"
match = { port = 22 }
[[rule]]
id = "seven"
match = { port = 25 }
forbid = true
allow = true
# <- action | exactly one of
[[rule]]
id = "one"
# <- duplicate_id | an id of its own
match = { port = 23 }
forbid = true
[[rule]]
# <- missing_key | id = "postgres-loopback"
match = { port = 24 }
expect = { min = 3, max = 1 }
#        ^ bad_value |
[[rule]]
id = "eight"
match = { port = [] }
#                ^ bad_value |
forbid = true
[[rule]]
id = "nine"
severity = "high"
#          ^ bad_value | `error`, `warning`, `note`
match = { process = "[a" }
#                   ^ bad_value | globs know
forbid = true
[[rule]]
id = "ten"
match = { port = "postgrsql" }
#                ^ bad_value | did you mean `postgresql`?
forbid = "yes"
#        ^ bad_value | leave the rule out
[[rule]]
id = "eleven"
match = { transport = "tcp", not = { transport = "tcp" } }
# <- never_matches | exclude each other
forbid = true
[[rule]]
id = "twelve"
match = { transport = "tpc", family = "ipv5" }
#                     ^ bad_value | did you mean `tcp`?
forbid = true
review_by = "soon"
#           ^ wrong_type | written without quotes
"#;

/// What a mark asks for: line and column, both 1-based, code, part of the help.
type Mark<'a> = (u64, u64, String, &'a str);

/// A policy without its marks, and the marks.
fn unmarked(marked: &str) -> (String, Vec<Mark<'_>>) {
    let mut text = String::new();
    let mut line = 0;
    let mut marks = Vec::new();
    for row in marked.lines() {
        let Some((code, help)) = row.strip_prefix('#').and_then(|mark| mark.split_once('|')) else {
            text.push_str(row);
            text.push('\n');
            line += 1;
            continue;
        };
        let (sign, code) = code.trim().split_once(' ').unwrap();
        let column = if sign == "^" { row.find('^').unwrap() as u64 + 1 } else { 1 };
        marks.push((line, column, format!("socklint::policy::{}", code.trim()), help.trim()));
    }
    (text, marks)
}

#[test]
fn every_mistake_of_a_policy_in_one_run_each_at_its_key() {
    let (text, marks) = unmarked(MISTAKES);
    let here = Place::with(&[("policy.toml", &text), ("capture.txt", NETSTAT)]);
    let run = here.run(&["check", "-p", "policy.toml", "capture.txt"]).expect(2);
    assert_eq!(run.out, "", "no report without an audit");
    let blocks: Vec<String> = run.err.split("\nerror[").map(flat).collect();
    for (line, column, code, help) in &marks {
        let place = format!("[policy.toml:{line}:{column}]");
        let found = blocks.iter().any(|block| {
            block.contains(code.as_str()) && block.contains(&place) && block.contains(help)
        });
        assert!(found, "no {code} at {place} with `{help}` in\n{}", run.err);
    }
    assert!(marks.len() >= 10);
    // `family = "ipv5"` stands beside another mistake in one table.
    let count = marks.len() + 1;
    assert!(run.err.contains(&format!("note: {count} errors in the policy")), "{}", run.err);
}

#[test]
fn a_policy_is_judged_before_any_evidence_is_read() {
    let here = Place::with(&[("policy.toml", "[[rule]]\nid = \"x\"\n")]);
    let run = here.run(&["check", "-p", "policy.toml", "missing.txt"]).expect(2);
    assert!(
        run.err.contains("socklint::policy::action") && !run.err.contains("missing.txt"),
        "{}",
        run.err
    );
}

#[test]
fn a_policy_that_is_no_toml() {
    let here = Place::with(&[
        ("policy.toml", "[[rule]]\nid = \"x\nforbid = true\n\n[policy\n"),
        ("capture.txt", NETSTAT),
    ]);
    let run = here.run(&["check", "-p", "policy.toml", "capture.txt"]).expect(2);
    let text = flat(&run.err);
    assert!(
        text.contains("socklint::policy::syntax") && text.contains("[policy.toml:2:"),
        "{}",
        run.err
    );
    assert!(text.contains("[policy.toml:5:"), "the second fault is shown too:\n{}", run.err);
    here.write("binary.toml", b"\0\x01\xff\xfe[[rule]]");
    here.run(&["check", "-p", "binary.toml", "capture.txt"]).expect(2);
}

#[test]
fn several_policy_files_and_directories_show_all_their_errors() {
    let here = Place::with(&[
        ("rules/a.toml", "[[rule]]\nid = \"a\"\nmatch = { prot = 1 }\nforbid = true\n"),
        ("rules/deep/b.toml", "[[rule]]\nid = \"b\"\nmatch = { port = 0 }\nforbid = true\n"),
        ("rules/b.test.toml", "this is no policy"),
        ("capture.txt", NETSTAT),
    ]);
    let run =
        here.run(&["check", "-p", "rules", "-p", "builtin:baseline", "capture.txt"]).expect(2);
    let text = flat(&run.err);
    assert!(
        text.contains("rules/a.toml:3:11") && text.contains("rules/deep/b.toml:3:18"),
        "{}",
        run.err
    );
    assert!(!text.contains("b.test.toml"), "{}", run.err);
    std::fs::create_dir_all(here.path().join("none")).unwrap();
    here.run(&["check", "-p", "none", "capture.txt"])
        .expect(2)
        .says(&["`none` holds no policy", "`.toml`"]);
}

#[test]
fn missing_files() {
    let here = Place::with(&[("policy.toml", POLICY), ("capture.txt", NETSTAT)]);
    let code = "error[socklint::cli::unreadable]";
    let run = here.run(&["check", "-p", "policy.toml", "nope.txt"]);
    run.expect(2).says(&[code, "`nope.txt` cannot be read", "look at the path"]);
    let run = here.run(&["check", "-p", "nope.toml", "capture.txt"]);
    run.expect(2).says(&[code, "`nope.toml` cannot be read", "look at the path"]);
    here.run(&["list", "nope.txt"]).expect(2).says(&[code, "nope.txt"]);
}

#[test]
fn a_missing_file_does_not_hide_the_others() {
    let here = Place::with(&[("policy.toml", POLICY), ("capture.txt", NETSTAT)]);
    let run = here
        .run(&["check", "-f", "json", "-p", "policy.toml", "nope.txt", "capture.txt"])
        .expect(2);
    assert!(run.err.contains("nope.txt"), "{}", run.err);
    let json = run.json();
    assert_eq!(json["hosts"].as_array().unwrap().len(), 1);
    assert_eq!(json["summary"]["fail"], 1);
    assert_eq!(json["summary"]["exit_code"], 2);
}

#[test]
fn a_directory_without_evidence() {
    let here = Place::with(&[
        ("policy.toml", POLICY),
        ("notes/readme.txt", "dear reader\n"),
        ("hidden/.ss.txt", NETSTAT),
    ]);
    std::fs::create_dir_all(here.path().join("empty/inner")).unwrap();
    let code = "error[socklint::cli::no_evidence]";
    for directory in ["empty", "notes", "hidden"] {
        for format in ["human", "json"] {
            let run = here.run(&["check", "-f", format, "-p", "policy.toml", directory]);
            run.expect(2).says(&[code, "ss -lntup"]);
        }
        here.run(&["list", directory]).expect(2).says(&[code]);
    }
    // What is no evidence is passed over where there is some.
    here.write("notes/host.txt", NETSTAT);
    let run = here.run(&["check", "-f", "json", "-p", "policy.toml", "notes"]).expect(1);
    assert_eq!(run.json()["hosts"][0]["host"], "host");
    // But evidence that is broken is not.
    here.write("notes/broken.txt", format!("{NETSTAT}tcp 0 0 what is this\n"));
    here.run(&["check", "-p", "policy.toml", "notes"]).expect(2);
}

#[test]
fn standard_input_that_is_empty() {
    let here = Place::with(&[("policy.toml", POLICY)]);
    for args in [&["check", "-p", "policy.toml"][..], &["check", "-p", "policy.toml", "-"]] {
        let run = here.run(args).expect(2);
        assert!(
            run.out.contains("socklint::capture::empty") || run.err.contains("no_evidence"),
            "{}{}",
            run.out,
            run.err
        );
    }
}

#[test]
fn a_report_that_cannot_be_written_leaves_nothing_and_harms_no_other() {
    let here =
        Place::with(&[("policy.toml", POLICY), ("capture.txt", NETSTAT), ("folder/keep.txt", "")]);
    let before = here.names();
    for target in ["json=no/such/report.json", "json=folder", "human=capture.txt/report.txt"] {
        let run = here.run(&[
            "check",
            "-f",
            "json",
            "-p",
            "policy.toml",
            "-o",
            target,
            "-o",
            "human=whole.txt",
            "capture.txt",
        ]);
        let run = run
            .expect(2)
            .says(&["error[socklint::cli::unwritable]", "nothing was left half-written"]);
        let json = run.json();
        assert_eq!(json["summary"]["fail"], 1, "standard output is whole");
        assert_eq!(json["summary"]["exit_code"], 2, "and says how the run ends");
        let whole = here.read("whole.txt");
        assert!(whole.contains("no-telnet") && whole.contains("exit code 2"), "{whole}");
        std::fs::remove_file(here.path().join("whole.txt")).unwrap();
        assert_eq!(here.names(), before, "{target} left something over");
    }
}

#[test]
fn a_report_replaces_an_older_one_only_when_it_is_whole() {
    let here = Place::with(&[
        ("policy.toml", POLICY),
        ("capture.txt", NETSTAT),
        ("report.json", "old"),
        ("broken.toml", "[["),
    ]);
    here.run(&["check", "-p", "broken.toml", "-o", "json=report.json", "capture.txt"]).expect(2);
    assert_eq!(here.read("report.json"), "old");
    here.run(&["check", "-p", "policy.toml", "-o", "json=report.json", "capture.txt"]).expect(1);
    let report: Value = serde_json::from_str(&here.read("report.json")).unwrap();
    assert_eq!(report["summary"]["fail"], 1);
}

#[test]
fn reports_go_to_standard_output_and_messages_to_standard_error() {
    let here = Place::with(&[("policy.toml", POLICY), ("capture.txt", NETSTAT)]);
    for format in ["human", "json"] {
        let run = here.run(&["check", "-f", format, "-p", "policy.toml", "capture.txt"]).expect(1);
        assert_eq!(run.err, "");
        assert!(run.out.contains("no-telnet"), "{}", run.out);
    }
    let run = here.run(&["list", "--verbose", "-f", "json", "capture.txt"]).expect(0);
    assert!(run.err.contains("netstat"), "{}", run.err);
    assert_eq!(run.json()["sockets"].as_array().unwrap().len(), 7);
}

#[test]
fn no_colour_in_a_pipe_unless_asked_for() {
    let here = Place::with(&[
        ("policy.toml", POLICY),
        ("capture.txt", NETSTAT),
        ("bad.toml", "[[rule]]\n"),
    ]);
    for command in [&["check", "-p", "policy.toml", "capture.txt"][..], &["list", "capture.txt"]] {
        let plain = here.run(command);
        assert!(!plain.out.contains('\u{1b}'), "{}", plain.out);
        let never = here.run(&[command, &["--color", "never"]].concat());
        assert_eq!(never.out, plain.out);
        let colour = here.run(&[command, &["--color", "always"]].concat());
        assert!(colour.out.contains("\u{1b}["), "{}", colour.out);
        assert_eq!(uncoloured(&colour.out), plain.out, "colours change nothing else");
    }
    let bad = ["check", "-p", "bad.toml", "capture.txt"];
    assert!(!here.run(&bad).err.contains('\u{1b}'));
    let json =
        here.run(&["check", "-f", "json", "--color", "always", "-p", "policy.toml", "capture.txt"]);
    assert!(!json.out.contains('\u{1b}'), "{}", json.out);
}

/// Text without SGR sequences.
fn uncoloured(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}

#[test]
fn diagnostics_fit_80_columns_in_a_pipe() {
    let long = "x".repeat(300);
    let text = format!(
        "{NETSTAT}tcp        0      0 10.1.1.1:23             0.0.0.0:*               LISTEN      99/{long}\n"
    );
    let here =
        Place::with(&[("policy.toml", POLICY), ("capture.txt", NETSTAT), ("long.txt", &text)]);
    for file in ["capture.txt", "long.txt"] {
        for command in [
            &["check", "--lenient", "-p", "policy.toml", file][..],
            &["check", "-p", "builtin:baseline", file],
        ] {
            let run = here.run(command);
            for line in run.out.lines() {
                assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
            }
        }
    }
}

#[test]
fn hostile_names_reach_no_output_raw() {
    let hostile = "\u{1b}[2J\u{202e}evil\u{7}";
    let capture = format!(
        "{NETSTAT}tcp        0      0 10.1.1.1:23             0.0.0.0:*               LISTEN      99/{hostile}\n"
    );
    let policy = format!(
        "{POLICY}\n[[rule]]\nid = \"p\"\nmatch = {{ port = 23 }}\nrequire = {{ process = \"sshd\" }}\n"
    );
    let here = Place::with(&[("policy.toml", &policy), ("capture.txt", &capture)]);
    let harmful =
        |text: &str| text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
    for args in [
        &["check", "--lenient", "-p", "policy.toml", "capture.txt"][..],
        &["check", "--lenient", "--verbose", "-f", "json", "-p", "policy.toml", "capture.txt"],
        &["list", "--lenient", "capture.txt"],
        &["list", "--lenient", "-f", "json", "capture.txt"],
        &["list", "--lenient", "-f", "ndjson", "capture.txt"],
    ] {
        let run = here.run(args);
        assert!(!harmful(&run.out) && !harmful(&run.err), "{args:?}\n{}\n{}", run.out, run.err);
    }
}
