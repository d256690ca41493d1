//! Many hosts: reports of parts merged to the bytes of one run, a report that people can read, and broken
//! captures that hide nothing.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use crate::support::{NETSTAT, Outcome, Place, flat, tcp_only};

const POLICY: &str = r#"
[policy]
name = "fleet"
[[rule]]
id = "no-telnet"
summary = "telnet must not run"
match = { port = 23, transport = "tcp" }
forbid = true
controls = ["pci-dss-4.0.1:2.2.5", "nist-800-53r5:CM-7"]
[[rule]]
id = "no-snmp"
match = { port = 161, transport = "udp" }
forbid = true
controls = ["pci-dss-4.0.1:2.2.4", "nist-800-53r5:CM-7"]
[[rule]]
id = "web"
severity = "warning"
match = { port = 80, transport = "tcp" }
forbid = true
[[waiver]]
rule = "no-telnet"
match = { host = "h*7" }
reason = "to be replaced"
owner = "net"
expires = 2027-01-01
"#;

/// The policy and a second one, of which no rule is for most hosts.
fn with_policies() -> Place {
    let few = POLICY.replace("name = \"fleet\"", "name = \"fleet\"\nhosts = [\"h01\", \"h02\"]");
    Place::with(&[("policy.toml", POLICY), ("few.toml", &few)])
}

/// A capture of the kind that a number stands for.
fn capture(number: usize) -> String {
    let clean: String = NETSTAT
        .lines()
        .filter(|line| !line.contains("inetd"))
        .map(|line| format!("{line}\n"))
        .collect();
    match number % 8 {
        0 | 1 => clean,
        2 => tcp_only(),
        3 => clean.replace("0.0.0.0:80 ", "127.0.0.1:80 "),
        _ => NETSTAT.to_owned(),
    }
}

/// A capture with a row that cannot be read.
const BROKEN: &str = "\
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      605/sshd
tcp        0      0 nonsense
";

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("h{number:02}.txt")).collect()
}

/// Runs `check` on some hosts.
fn check(place: &Place, format: &str, options: &[&str], hosts: &[String]) -> Outcome {
    let mut args = vec!["check", "--now", "2026-11-22", "-f", format];
    args.extend(options);
    args.extend(hosts.iter().map(String::as_str));
    place.run(&args)
}

/// Writes the reports of 16 parts, and says their names.
fn shards(place: &Place, format: &str, options: &[&str]) -> Vec<String> {
    let part = |number: usize| {
        let name = format!("part{number:02}.{format}");
        let hosts = names(number * 3..number * 3 + 3);
        place.write(&name, check(place, format, options, &hosts).out);
        name
    };
    (0..16).map(part).collect()
}

fn merge(place: &Place, format: &str, parts: &[String]) -> Outcome {
    let mut args = vec!["merge", "-f", format];
    args.extend(parts.iter().map(String::as_str));
    place.run(&args)
}

#[test]
fn sixteen_parts_make_the_bytes_of_the_whole() {
    let place = with_policies();
    let mut codes = Vec::new();
    for (options, odd) in [
        (&["-p", "policy.toml"][..], Some((20, BROKEN))),
        (&["-p", "policy.toml"], None),
        (&["-p", "policy.toml", "--rule", "no-snmp"], None),
        (&["-p", "policy.toml", "--rule", "no-snmp", "--unknown", "allow"], None),
        // In fifteen parts no rule is for any host, so that each of them ends with 2.
        (&["-p", "few.toml"], None),
        (&["-p", "policy.toml", "--lenient"], Some((21, BROKEN))),
    ] {
        for number in 0..48 {
            place.write(&format!("h{number:02}.txt"), capture(number));
        }
        if let Some((number, text)) = odd {
            place.write(&format!("h{number:02}.txt"), text);
        }
        let whole = |format| check(&place, format, options, &names(0..48));
        let (json, ndjson) = (whole("json"), whole("ndjson"));
        for from in ["json", "ndjson"] {
            let parts = shards(&place, from, options);
            let merged = merge(&place, "json", &parts).expect(json.code);
            assert_eq!(merged.out, json.out, "{from} to json, {options:?}");
            assert_eq!(merged.err, "");
            let merged = merge(&place, "ndjson", &parts).expect(json.code);
            assert_eq!(merged.out, ndjson.out, "{from} to ndjson, {options:?}");
        }
        codes.push(json.code);
    }
    assert_eq!(codes, [2, 1, 3, 0, 1, 1]);
}

#[test]
fn parts_of_any_order_and_size_merge_again() {
    let place = with_policies();
    for number in 0..48 {
        place.write(&format!("h{number:02}.txt"), capture(number));
    }
    let options = ["-p", "policy.toml"];
    let parts = shards(&place, "ndjson", &options);
    let whole = check(&place, "ndjson", &options, &names(0..48)).expect(1);
    // Merged reports are reports, and reports that follow one another are as good as files.
    for (name, parts) in [("a", &parts[..5]), ("b", &parts[5..])] {
        let args = ["-o".to_owned(), format!("{name}.json")];
        let args: Vec<String> = args.into_iter().chain(parts.iter().cloned()).collect();
        assert_eq!(merge(&place, "json", &args).expect(1).out, "");
    }
    let both = merge(&place, "ndjson", &["a.json".to_owned(), "b.json".to_owned()]).expect(1);
    assert_eq!(both.out, whole.out);
    let texts: String = parts.iter().map(|part| place.read(part)).collect();
    let mut command = place.command(&["merge", "-f", "ndjson", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(texts.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), whole.out);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_not_whole_or_of_another_audit_is_refused() {
    let place = with_policies();
    for number in 0..6 {
        place.write(&format!("h{number:02}.txt"), capture(number));
    }
    let part = |name: &str, format: &str, options: &[&str]| {
        place.write(name, check(&place, format, options, &names(3..6)).out);
    };
    let options = ["-p", "policy.toml"];
    place.write("good.json", check(&place, "json", &options, &names(0..3)).out);
    part("b.json", "json", &options);
    part("b.ndjson", "ndjson", &options);
    part("policy.json", "json", &["-p", "few.toml"]);
    part("settings.json", "json", &["-p", "policy.toml", "--fail-on", "warning"]);
    part("rules.ndjson", "ndjson", &["-p", "policy.toml", "--skip", "web"]);
    let (json, ndjson) = (place.read("b.json"), place.read("b.ndjson"));
    let lines: Vec<&str> = ndjson.lines().collect();
    for (name, text) in [
        ("empty.json", String::new()),
        ("other.json", "[1, 2]".to_owned()),
        ("cut.json", json[..json.find("\"h05").unwrap()].to_owned()),
        ("cut.ndjson", ndjson[..ndjson.find("\"h05").unwrap()].to_owned()),
        ("end.ndjson", format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2])),
        ("lost.ndjson", format!("{}\n{}\n{}\n", lines[0], lines[2], lines[3])),
        ("odd.json", json.replace("\"hosts\": [", "\"more\": [")),
        ("bare.json", json.replacen("\"line\":", "\"\u{202e}\":0,\"line\":", 1)),
        ("schema.json", json.replace("socklint/report/1", "socklint/report/2")),
        ("version.json", json.replacen("\"version\":\"", "\"version\":\"9", 1)),
    ] {
        place.write(name, text);
    }
    for (name, says) in [
        ("empty.json", "`empty.json` cannot be merged: it is cut off; no host of it is whole"),
        ("other.json", "`other.json` cannot be merged: it is no report"),
        ("cut.json", "`cut.json` cannot be merged: it is cut off; the last whole host is `h04`"),
        (
            "cut.ndjson",
            "`cut.ndjson` cannot be merged: it is cut off; the last whole host is `h04`",
        ),
        ("end.ndjson", "it is cut off; the last whole host is `h05`"),
        ("lost.ndjson", "it counts 3 hosts that were judged, and holds 2"),
        ("odd.json", "the key `more` is not expected"),
        ("bare.json", "another program has written a host again"),
        ("schema.json", "another schema"),
        (
            "version.json",
            "`version.json` was written by another version of socklint (version) than",
        ),
        (
            "policy.json",
            "`policy.json` was judged by another policy (sha256, sources) than `good.json`",
        ),
        ("settings.json", "was judged with other settings (fail_on) than `good.json`"),
        ("rules.ndjson", "was judged with other settings (rules, rules_sha256) than `good.json`"),
        ("none.json", "`none.json` cannot be read"),
    ] {
        for format in ["json", "ndjson"] {
            let args = ["merge", "-f", format, "-o", "all", "good.json", name, "b.json"];
            let run = place.run(&args).expect(2).says(&[says]);
            assert_eq!(run.out, "");
            assert!(!place.names().contains(&"all".to_owned()), "{name}");
        }
    }
    // The same JSON with other blanks is the same report, and comes out as socklint writes it.
    place.run(&["merge", "-o", "own", "good.json", "b.json"]).expect(1);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let spaced = json.replace("\":", "\": ").replace("\",\"", "\", \"");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&spaced).unwrap(), value);
    for text in [spaced.clone(), spaced.replace("\", \"", "\",\n  \""), spaced.replace('\n', "")] {
        place.write("pretty.json", text);
        place.run(&["merge", "-o", "all", "good.json", "pretty.json"]).expect(1);
        assert_eq!(place.read("all"), place.read("own"));
    }
    std::fs::remove_file(place.path().join("all")).unwrap();
    // One run names all of them.
    let run = place.run(&["merge", "cut.json", "good.json", "lost.ndjson"]).expect(2);
    run.says(&["`cut.json` cannot be merged", "`lost.ndjson` cannot be merged"]);
    place.run(&["merge"]).expect(2);
}

#[test]
fn a_fleet_leads_with_rules_and_hosts() {
    let place = with_policies();
    for number in 0..48 {
        place.write(&format!("h{number:02}.txt"), capture(number));
    }
    place.write("h20.txt", BROKEN);
    let args = ["-p", "policy.toml", "--max-diagnostics", "1"];
    let run = check(&place, "human", &args, &names(0..48)).expect(2);
    insta::assert_snapshot!(run.out);
    // A few hosts are shown one by one, as ever.
    let few = check(&place, "human", &["-p", "policy.toml"], &names(0..20)).expect(1);
    assert!(few.out.starts_with("h00 (h00.txt)\n\nwarning[web]\n"), "{}", few.out);
    assert!(!few.out.contains("rules by number of hosts"));
    let fleet = check(&place, "human", &["-p", "policy.toml"], &names(0..21)).expect(2);
    assert!(fleet.out.starts_with("rules by number of hosts\n"), "{}", fleet.out);
    // Notes are told as they come.
    let verbose = check(&place, "human", &["-p", "policy.toml", "-v"], &names(0..48)).expect(2);
    let lead = verbose.out.find("rules by number of hosts").unwrap();
    assert_eq!(verbose.out[..lead].lines().count(), 48, "{}", verbose.out);
    assert!(verbose.out[..lead].lines().all(|line| line.starts_with("note: h")));
}

#[test]
fn the_lead_of_a_fleet_keeps_to_eighty_columns_and_to_a_bound() {
    let long = "a-very-long-name-of-a-host-".repeat(5);
    let rules: String = (0..40).fold(String::new(), |mut text, number| {
        let _ = write!(
            text,
            "[[rule]]\nid = \"rule-{number}\"\nsummary = \"{}\"\nmatch = {{ port = 23 }}\nforbid = true\n",
            "words and more words ".repeat(9).trim()
        );
        text
    });
    let place = Place::with(&[("policy.toml", &rules)]);
    for number in 0..60 {
        place.write(&format!("all/{long}{number}.txt"), NETSTAT);
    }
    let args = ["check", "-p", "policy.toml", "--max-diagnostics", "0", "all"];
    let run = place.run(&args).expect(1);
    let lead = run.out.split("violations more not shown").next().unwrap();
    assert!(lead.lines().all(|line| line.chars().count() <= 80), "{lead}");
    assert!(lead.contains("  and 20 more\n") && lead.contains("  and 50 more\n"), "{lead}");
    assert!(run.out.contains("2400 violations more not shown"), "{}", run.out);
}

/// Captures of a fleet of 200 hosts, of which every hundredth is broken in a way of its own.
fn fleet() -> Vec<(String, String)> {
    let host = |number: usize| {
        let text = match number {
            50 => BROKEN.to_owned(),
            150 => NETSTAT.replace("0.0.0.0:22 ", "0.0.0.0:99999 "),
            _ => capture(number),
        };
        (format!("n{number:03}"), text)
    };
    (0..200).map(host).collect()
}

#[test]
fn a_broken_host_hides_no_other() {
    let place = with_policies();
    let mut tar = tar::Builder::new(Vec::new());
    let (mut ndjson, mut concat) = (String::new(), String::new());
    for (name, text) in fleet() {
        place.write(&format!("dir/{name}.txt"), &text);
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{name}.txt"), text.as_bytes()).unwrap();
        let line = serde_json::json!({"host": name, "netstat": text});
        writeln!(ndjson, "{line}").unwrap();
        writeln!(concat, "==> {name}.txt <==\n{text}").unwrap();
    }
    place.write("all.tar", tar.into_inner().unwrap());
    place.write("all.ndjson", ndjson);
    place.write("all.txt", concat);
    for input in ["dir", "all.tar", "all.ndjson", "all.txt"] {
        let run = place.run(&["check", "-p", "policy.toml", "-f", "json", input]).expect(2);
        let report = run.json();
        let hosts = report["hosts"].as_array().unwrap();
        assert_eq!(hosts.len(), 200, "{input}");
        let broken: Vec<&str> = hosts
            .iter()
            .filter(|host| host["results"].is_null())
            .map(|host| host["host"].as_str().unwrap())
            .collect();
        assert_eq!(broken, ["n050", "n150"], "{input}");
        assert_eq!(report["summary"]["hosts"], 198, "{input}");
        assert_eq!(report["summary"]["broken"], 2, "{input}");
        let run =
            place.run(&["check", "-p", "policy.toml", "--max-diagnostics", "2", input]).expect(2);
        let shown = flat(&run.out);
        let list = shown.split("not read").nth(1).unwrap();
        assert!(list.contains("n050: ") && list.contains("n150: "), "{input}: {}", run.out);
        assert_eq!(run.err, "", "{input}");
    }
}

/// head(1) puts one line end before the name of a file: it is all there is where the file before has none.
#[test]
fn a_file_of_a_stream_that_does_not_end_in_a_line_end_hides_no_other() {
    let place = Place::with(&[
        ("p.toml", "[[rule]]\nid = \"r\"\nmatch = { port = 23 }\nforbid = true\n"),
        (
            "two.txt",
            "==> a.txt <==\n$ ss -lntu\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
             tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n==> b.txt <==\n$ ss -lntu\n\
             Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
             tcp LISTEN 0 128 0.0.0.0:23 0.0.0.0:*\n",
        ),
    ]);
    let run = place.run(&["check", "-p", "p.toml", "--format", "json", "two.txt"]).expect(1);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let hosts = report["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 2);
    // The first may be cut off; the second is not.
    let verdict = |host: &serde_json::Value| host["results"][0]["verdict"].clone();
    assert_eq!((verdict(&hosts[0]), verdict(&hosts[1])), ("unknown".into(), "fail".into()));
}

/// JSON with a line end around each bracket and no indents, as editors and scripts leave it that strip blanks.
fn stripped(json: &str) -> String {
    let mut text = json.to_owned();
    for sign in ["{", "[", "}", "]", ","] {
        let (before, behind) = if "}]".contains(sign) { ("\n", "") } else { ("", "\n") };
        text = text.replace(sign, &format!("{before}{sign}{behind}"));
    }
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Where nothing is indented, lines within a document begin with braces as documents do.
#[test]
fn documents_without_indents_are_whole_and_a_broken_one_hides_no_other() {
    let place =
        Place::with(&[("p.toml", "[[rule]]\nid = \"r\"\nmatch = { port = 23 }\nforbid = true\n")]);
    let host = |name: &str, port: u16| {
        let rows =
            format!("LISTEN 0 128 127.0.0.1:22 0.0.0.0:*\nLISTEN 0 128 0.0.0.0:{port} 0.0.0.0:*\n");
        let head = "$ ss -ltn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
        place.write("one.txt", format!("{head}{rows}"));
        place.run(&["list", "-f", "json", "--host", name, "one.txt"]).expect(0)
    };
    let (first, second) = (host("a", 80), host("b", 23));
    let (one, two) = (stripped(&first.out), stripped(&second.out));
    assert!(one.starts_with("{\n\"schema\"") && one.contains("\n{\n\"transport\""), "{one}");
    place.write("one.json", &one);
    let list = |file: &str, code| place.run(&["list", "-f", "json", file]).expect(code).json();
    let (first, second) = (first.json(), second.json());
    assert_eq!(list("one.json", 0), first);
    place.write("array.json", format!("[\n{one},\n{two}]\n"));
    place.write("lines.json", format!("[\n{first},\n{second}\n]\n"));
    place.write("stream.json", format!("{one}{two}"));
    for file in ["array.json", "lines.json", "stream.json"] {
        assert_eq!(list(file, 0), serde_json::json!([&first, &second]), "{file}");
        place.run(&["check", "-p", "p.toml", file]).expect(1);
    }
    // Cut off behind its first row, in it, and before it.
    for sign in ["},\n{\n\"transport\"", "\"state\"", "{\n\"transport\""] {
        let at = one.find(sign).unwrap() + 2;
        place.write("broken.json", format!("{}\n{two}", &one[..at]));
        let found = place.run(&["list", "-f", "json", "broken.json"]).expect(2);
        assert!(found.err.contains("broken.json:"), "{sign}: {}", found.err);
        assert_eq!(found.json(), second, "{sign}");
    }
}

/// The folder that `ansible --tree` makes has a file of each host, also of those that could not be reached.
#[test]
fn hosts_that_ansible_could_not_reach_are_not_passed_over() {
    let facts =
        "{\"ansible_facts\": {\"tcp_listen\": [], \"udp_listen\": []}, \"changed\": false}\n";
    let place = Place::with(&[
        ("p.toml", "[[rule]]\nid = \"r\"\nmatch = { port = 23 }\nforbid = true\n"),
        ("facts/a", facts),
        (
            "facts/b",
            "{\"changed\": false, \"msg\": \"Failed to connect\", \"unreachable\": true}\n",
        ),
    ]);
    let run = place.run(&["check", "-p", "p.toml", "facts"]).expect(2);
    assert!(flat(&run.out).contains("there are no listeners: Failed to connect"), "{}", run.out);
    place.run(&["check", "-p", "p.toml", "facts/a"]).expect(0);
}
