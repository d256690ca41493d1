//! Reports for auditors and their tools: what is unknown is never green, what is waived is told, and the
//! same arguments give the same bytes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::support::{Outcome, Place};

const POLICY: &str = r#"
[policy]
name = "mixed <b>policy</b>"
description = "Everything that can come out"
unlisted = "note"

[[rule]]
id = "postgres-loopback"
summary = "PostgreSQL must bind loopback only"
match = { port = 5432, transport = "tcp" }
require = { bind = "loopback" }
because = "The database speaks to the local pooler only."
help = "set listen_addresses = 'localhost' in postgresql.conf"
url = "https://wiki.example.org/db?a=1&b=2"
controls = ["pci-dss-4.0.1:1.4.4", "nist-800-53r5:SC-7(5)"]
tags = ["database"]

[[rule]]
id = "no-snmp"
severity = "warning"
match = { port = 161, transport = "udp" }
forbid = true
controls = ["nist-800-53r5:CM-7", "x-acme:NET 4/ü"]

[[rule]]
id = "ssh"
match = { port = 22, transport = "tcp" }
expect = { min = 1 }
controls = ["nist-800-53r5:AC-17"]

[[rule]]
id = "mail-only"
hosts = ["mail*"]
match = { port = 25, transport = "tcp" }
require = { bind = "loopback" }
controls = ["cis-debian-12:2.1.21"]

[[rule]]
id = "node-debug"
match = { port = 9229, transport = "tcp" }
forbid = true
controls = ["nist-800-53r5:CM-7"]

[[rule]]
id = "old-waiver"
match = { port = 8080, transport = "tcp" }
forbid = true

[[waiver]]
rule = "node-debug"
match = { port = 9229 }
reason = "migration, see OPS-1 <script>"
owner = "dba@example.org"
approved_by = "ciso"
ticket = "OPS-1"
compensating = "host firewall"
expires = 2027-01-31

[[waiver]]
rule = "old-waiver"
match = { port = 8080 }
reason = "once"
owner = "ops"
expires = 2025-01-31
"#;

/// Violations, one of them waived and one once waived; everything is decided.
const DB: &str = r#"$ sudo ss -lntup
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN 0      0          127.0.0.1:323       0.0.0.0:*    users:(("chronyd",pid=901,fd=5))
tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=605,fd=3))
tcp   LISTEN 0      244          0.0.0.0:5432      0.0.0.0:*    users:(("postgres",pid=812,fd=5))
tcp   LISTEN 0      128          0.0.0.0:9229      0.0.0.0:*    users:(("node",pid=1000,fd=3))
tcp   LISTEN 0      128          0.0.0.0:8080      0.0.0.0:*    users:(("java",pid=1001,fd=3))
"#;

/// UDP is not covered.
const WEB: &str = "$ ss -ltn
State  Recv-Q Send-Q Local Address:Port Peer Address:Port
LISTEN 0      128          0.0.0.0:22        0.0.0.0:*
LISTEN 0      128        127.0.0.1:5432      0.0.0.0:*
";

const BAD: &str =
    "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN zero rubbish\n";

const FORMATS: [&str; 7] = ["html", "hdf", "oscal", "ocsf", "xccdf", "in-toto", "prometheus"];

fn place() -> Place {
    Place::with(&[
        ("policy.toml", POLICY),
        ("caps/db1.txt", DB),
        ("caps/web1.txt", WEB),
        ("bad/bad1.txt", BAD),
        ("bad/web1.txt", WEB),
    ])
}

fn check(place: &Place, format: &str, inputs: &[&str]) -> Outcome {
    let mut args =
        vec!["check", "-p", "policy.toml", "--now", "2026-11-22T12:00:00Z", "-f", format];
    args.extend_from_slice(inputs);
    place.run(&args)
}

fn json(place: &Place, format: &str, inputs: &[&str]) -> Value {
    check(place, format, inputs).json()
}

/// The page without its style sheet, which says nothing.
fn page(place: &Place, inputs: &[&str]) -> String {
    let text = check(place, "html", inputs).out;
    let (head, rest) = text.split_once("<style>").unwrap();
    let (_, tail) = rest.split_once("</style>").unwrap();
    format!("{head}{tail}")
}

#[test]
fn every_format_of_a_mixed_audit() {
    let place = place();
    for format in FORMATS {
        let run = check(&place, format, &["caps"]).expect(1);
        let text = match format {
            "html" => page(&place, &["caps"]),
            "hdf" | "oscal" | "in-toto" => format!("{:#}", run.json()),
            "ocsf" => {
                let events = run.out.lines().map(|line| serde_json::from_str(line).unwrap());
                format!("{:#}", Value::Array(events.collect()))
            }
            _ => run.out,
        };
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(format!("mixed_{format}"), text);
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_whatever_the_surroundings() {
    let (one, other) = (place(), place());
    for format in FORMATS {
        let args =
            ["check", "-p", "policy.toml", "--now", "2026-11-22T12:00:00Z", "-f", format, "caps"];
        let mut command = other.command(&args);
        command.env("TZ", "Asia/Kathmandu").env("LC_ALL", "de_DE.UTF-8").env("LANG", "C");
        let output = command.output().unwrap();
        assert_eq!(check(&one, format, &["caps"]).out.into_bytes(), output.stdout, "{format}");
    }
}

/// What Heimdall makes of a control. Source: inspecjs 2.12, `compute_status`.
fn heimdall(control: &Value) -> &'static str {
    let statuses: Vec<&str> = control["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_str().unwrap())
        .collect();
    let has = |status: &str| statuses.contains(&status);
    match () {
        () if control["waiver_data"]["skipped_due_to_waiver"] == true => "Not Applicable (waived)",
        () if control["impact"] == 0.0 => "Not Applicable",
        () if has("failed") => "Failed",
        () if has("passed") => "Passed",
        () if has("skipped") => "Not Reviewed",
        () => "Profile Error",
    }
}

fn statuses(hdf: &Value) -> BTreeMap<String, &'static str> {
    let controls = hdf["profiles"][0]["controls"].as_array().unwrap();
    controls.iter().map(|c| (c["id"].as_str().unwrap().to_owned(), heimdall(c))).collect()
}

#[test]
fn heimdall_takes_nothing_undecided_for_passed() {
    let place = place();
    let expect = |inputs: &[&str], expected: &[(&str, &'static str)]| {
        let expected: BTreeMap<String, &str> =
            expected.iter().map(|&(id, status)| (id.to_owned(), status)).collect();
        assert_eq!(statuses(&json(&place, "hdf", inputs)), expected, "{inputs:?}");
    };
    let ids = [
        "mail-only",
        "no-snmp",
        "node-debug",
        "old-waiver",
        "postgres-loopback",
        "ssh",
        "unlisted",
    ];
    expect(
        &["caps"],
        &[
            ("mail-only", "Not Applicable"),
            ("no-snmp", "Not Reviewed"),
            ("node-debug", "Not Applicable (waived)"),
            ("old-waiver", "Failed"),
            ("postgres-loopback", "Failed"),
            ("ssh", "Passed"),
            ("unlisted", "Failed"),
        ],
    );
    // Of one host nothing is known, so nothing passes; with no evidence at all neither.
    expect(&["bad"], &ids.map(|id| (id, "Not Reviewed")));
    expect(&["missing.txt"], &ids.map(|id| (id, "Not Reviewed")));
}

#[test]
fn nothing_undecided_is_green_anywhere() {
    let place = place();
    let events = check(&place, "ocsf", &["caps/web1.txt"]).out;
    let event = events.lines().find(|line| line.contains("\"uid\":\"no-snmp\"")).unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["compliance"]["status_id"], 2);
    assert_eq!(event["status_id"], 1);

    let statement = json(&place, "in-toto", &["caps/web1.txt"]);
    let predicate = &statement["predicate"];
    assert_eq!(predicate["result"], "FAILED");
    let failed = predicate["failedTests"].as_array().unwrap();
    assert!(failed.contains(&Value::from("unknown: web1: no-snmp")), "{failed:?}");
    assert!(!predicate["warnedTests"].to_string().contains("no-snmp"));

    let oscal = json(&place, "oscal", &["caps/web1.txt"]);
    let findings = oscal["assessment-results"]["results"][0]["findings"].as_array().unwrap();
    let status = |id: &str| {
        let target = findings.iter().map(|finding| &finding["target"]);
        target.clone().find(|target| target["target-id"] == id).unwrap()["status"].clone()
    };
    assert_eq!(status("cm-7_smt")["state"], "not-satisfied");
    assert_eq!(status("cm-7_smt")["reason"], "other");
    assert_eq!(status("ac-17_smt")["state"], "satisfied");
    assert_eq!(status("cis-debian-12_2.1.21_smt")["state"], "not-satisfied", "not applicable");

    let xccdf = check(&place, "xccdf", &["caps/web1.txt"]).out;
    let (_, result) = xccdf.split_once("idref=\"xccdf_socklint_rule_no-snmp\"").unwrap();
    assert!(result.lines().nth(1).unwrap().contains("<result>unknown</result>"), "{result}");
    let xccdf = check(&place, "xccdf", &["bad"]).out;
    let (bad, _) = xccdf.split_once("testresult_2-web1").unwrap();
    assert!(!bad.contains("<result>pass</result>") && bad.contains("<result>error</result>"));
}

#[test]
fn an_allowed_unknown_passes_the_run_and_is_no_passed_test() {
    let place = place();
    let run = |format| {
        let args = ["check", "-p", "policy.toml", "--unknown", "allow", "-f", format];
        place.run(&[&args[..], &["--fail-on", "error", "caps/web1.txt"]].concat()).expect(0)
    };
    assert_eq!(run("in-toto").json()["predicate"]["result"], "FAILED");
    assert_eq!(statuses(&run("hdf").json())["no-snmp"], "Not Reviewed");
}

/// Every value under a key, anywhere in a document.
fn values<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Object(object) => {
            for (name, value) in object {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    _ => values(value, key, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| values(value, key, found)),
        _ => {}
    }
}

#[test]
fn references_of_oscal_lead_somewhere() {
    let place = place();
    // Two hosts of one name, with the same violations.
    place.write("caps/more/db1.txt", DB);
    let document = json(&place, "oscal", &["caps"]);
    let get = |key| {
        let mut found = Vec::new();
        values(&document, key, &mut found);
        found
    };
    let ids = get("uuid");
    let unique: HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id stands twice");
    assert!(ids.iter().all(|id| &id[14..15] == "5"), "{ids:?}");
    let mut count = 0;
    for key in [
        "subject-uuid",
        "actor-uuid",
        "party-uuid",
        "observation-uuid",
        "risk-uuid",
        "component-uuid",
    ] {
        for id in get(key) {
            assert!(unique.contains(id), "{key} {id}");
            count += 1;
        }
    }
    for href in get("href") {
        if let Some(id) = href.strip_prefix('#') {
            assert!(unique.contains(id), "{href}");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
    let risks = document["assessment-results"]["results"][0]["risks"].as_array().unwrap();
    let statuses: Vec<&str> = risks.iter().map(|risk| risk["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["deviation-approved", "open"]);
    assert_eq!(risks[0]["deadline"], "2027-02-01T00:00:00Z");
}

/// Name with labels, and value, of every sample; panics on what no scraper takes.
fn samples(text: &str) -> BTreeMap<String, String> {
    let mut samples = BTreeMap::new();
    let mut described = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            if !comment.starts_with("HELP ") && !comment.starts_with("TYPE ") {
                continue;
            }
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(described.insert(format!("{kind} {name}")), "twice: {line}");
            current = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert_eq!(name, current, "stands outside of its group: {line}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
        value.parse::<f64>().unwrap();
        if let Some((_, labels)) = series.split_once('{') {
            let labels = labels.strip_suffix('}').unwrap();
            let mut quoted = false;
            let mut chars = labels.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => assert!(matches!(chars.next(), Some('\\' | '"' | 'n')), "{line}"),
                    '"' => quoted = !quoted,
                    _ => {}
                }
            }
            assert!(!quoted, "{line}");
        }
        assert!(samples.insert(series.to_owned(), value.to_owned()).is_none(), "twice: {line}");
    }
    samples
}

#[test]
fn metrics_are_what_a_scraper_takes_and_bounded() {
    let place = place();
    place.write("caps/more/db1.txt", DB);
    let text = check(&place, "prometheus", &["caps"]).out;
    let found = samples(&text);
    assert_eq!(found["socklint_results{verdict=\"unknown\"}"], "2");
    assert_eq!(
        found["socklint_host_results{host=\"db1\",verdict=\"fail\"}"], "6",
        "two of one name"
    );
    assert_eq!(found["socklint_run_timestamp_seconds"], "1795348800");
    assert_eq!(found["socklint_missing{fact=\"transport-not-shown\"}"], "2");
    assert_eq!(found["socklint_left_out{kind=\"host\"}"], "0");

    for number in 0..520 {
        place.write(&format!("fleet/host-{number}.txt"), WEB);
    }
    place.write("fleet/zebra.txt", DB);
    let text = check(&place, "prometheus", &["fleet"]).out;
    let found = samples(&text);
    assert_eq!(found["socklint_left_out{kind=\"host\"}"], "21");
    assert_eq!(
        found["socklint_host_results{host=\"zebra\",verdict=\"fail\"}"], "3",
        "the worst are kept"
    );
}

/// Panics unless every element that is opened is closed, in order.
fn balanced(html: &str) {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((_, tail)) = rest.split_once('<') {
        let (tag, tail) = tail.split_once('>').unwrap();
        rest = tail;
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        match tag {
            _ if tag.starts_with('!') || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "</{name}>"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let place = place();
    for inputs in [&["caps"][..], &["caps/db1.txt"], &["bad"], &["missing.txt"]] {
        let text = check(&place, "html", inputs).out;
        balanced(&page(&place, inputs));
        for word in
            ["<script", "<img", "<link", " src=", "@import", "url(", "javascript:", "<iframe"]
        {
            assert!(!text.contains(word), "{word}");
        }
        for (at, _) in text.match_indices("href=\"") {
            let target = text[at + 6..].split('"').next().unwrap();
            let id = target.strip_prefix('#').unwrap_or_else(|| panic!("{target}"));
            assert!(text.contains(&format!("id=\"{id}\"")), "{target} leads nowhere");
        }
        assert!(text.contains("<html lang=\"en\">") && text.contains("name=\"viewport\""));
    }
}

#[test]
fn the_page_of_a_fleet_is_bounded_and_says_what_it_leaves_out() {
    let place = place();
    let rows: String = (0..40)
        .map(|port| format!("tcp LISTEN 0 128 0.0.0.0:{} 0.0.0.0:*\n", 5000 + port))
        .collect();
    let text = format!(
        "$ ss -lntu\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n{rows}"
    );
    for number in 0..120 {
        place.write(&format!("fleet/host-{number:03}.txt"), &text);
    }
    let text = check(&place, "html", &["fleet"]).out;
    balanced(&text.replace("<style>", "").replace("</style>", "").replace(" > ", " "));
    assert!(text.len() < 2_000_000, "{}", text.len());
    for words in [
        "3800 violations are counted and not listed here",
        "80 hosts are not shown",
        "2800 more listeners are not listed here",
    ] {
        assert!(text.contains(words), "{words}");
    }
}
