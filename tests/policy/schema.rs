//! The schemas and the code have the same keys, and what socklint writes is valid.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;
use socklint::audit::{Summary, Threshold, audit, waive};
use socklint::capture::{Capture, Options, read};
use socklint::listing::listing;
use socklint::policy::condition::KEYS;
use socklint::policy::{Policy, Severity, load};
use socklint::report::{HostReport, Run, format};
use socklint::schema::{POLICY, REPORT, SNAPSHOT};
use socklint::snapshot::Grade;
use socklint::source::SourceFile;
use socklint::style::Style;

use crate::{files, json_of, text_of};

/// A validator of a schema.
pub(crate) fn validator(schema: &str) -> Validator {
    jsonschema::draft7::new(&parsed(schema)).unwrap()
}

fn parsed(schema: &str) -> Value {
    let schema = serde_json::from_str(schema).unwrap();
    assert!(jsonschema::draft7::meta::is_valid(&schema), "no JSON Schema of draft 7");
    schema
}

/// A validator that refuses every key that the schema does not have.
fn strict(schema: &str) -> Validator {
    fn close(value: &mut Value) {
        if let Some(object) = value.as_object_mut() {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(close);
        } else if let Some(items) = value.as_array_mut() {
            items.iter_mut().for_each(close);
        }
    }
    let mut schema = parsed(schema);
    close(&mut schema);
    jsonschema::draft7::new(&schema).unwrap()
}

fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let properties = schema.pointer(&format!("{pointer}/properties"));
    let properties = properties.and_then(Value::as_object).unwrap_or_else(|| panic!("{pointer}"));
    properties.keys().cloned().collect()
}

/// The keys that the loader takes at a place, as it lists them when it finds another.
fn taken(text: &str, place: &str) -> BTreeSet<String> {
    let loaded = load(vec![Arc::new(SourceFile::new("policy.toml", text))]);
    let error = loaded
        .errors
        .iter()
        .find(|error| error.message.contains("`zzz`"))
        .unwrap_or_else(|| panic!("{place}: {:#?}", loaded.errors));
    let help = error.help.as_deref().unwrap();
    let list = help.rsplit(" are ").next().unwrap();
    list.split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
}

#[test]
fn the_policy_schema_has_the_keys_of_the_loader() {
    let schema = parsed(POLICY);
    let conditions: BTreeSet<String> =
        KEYS.iter().map(|key| key.name()).chain(["not", "any"]).map(str::to_owned).collect();
    assert_eq!(keys(&schema, "/definitions/condition"), conditions);
    for (pointer, text) in [
        ("", "zzz = 1"),
        ("/properties/policy", "[policy]\nzzz = 1"),
        ("/properties/sets", "[sets]\nzzz = 1"),
        ("/definitions/rule", "[[rule]]\nid = 'r'\nforbid = true\nzzz = 1"),
        (
            "/definitions/rule/properties/expect",
            "[[rule]]\nid = 'r'\nexpect = { min = 1, zzz = 1 }",
        ),
        ("/definitions/override", "[[override]]\nzzz = 1"),
        ("/definitions/waiver", "[[waiver]]\nzzz = 1"),
        (
            "/properties/policy/properties/waiver_max_days/anyOf/1",
            "[policy]\nwaiver_max_days = { zzz = 1 }",
        ),
    ] {
        assert_eq!(keys(&schema, pointer), taken(text, pointer), "{pointer}");
    }
}

#[test]
fn every_key_has_a_description() {
    fn walk(value: &Value, path: &str) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                // The limits by severity, and the lower bound of `min`, say what their parents say.
                let referred = property.get("$ref").is_some() || property.get("minimum").is_some();
                assert!(referred || property.get("description").is_some(), "{path}/{key}");
            }
        }
        if let Some(object) = value.as_object() {
            object.iter().for_each(|(key, value)| walk(value, &format!("{path}/{key}")));
        }
    }
    for schema in [POLICY, SNAPSHOT, REPORT] {
        walk(&parsed(schema), "");
    }
}

/// The fields of `struct NameDocument` in the source of the code that writes it.
fn fields(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split(&format!("struct {name}")).nth(1).unwrap_or_else(|| panic!("{name}"));
    let body = body.split("\n}").next().unwrap();
    body.lines()
        .skip(1)
        .map(|line| line.trim().trim_start_matches("pub "))
        .filter(|line| !line.starts_with('#') && !line.starts_with("//"))
        .filter_map(|line| line.split_once(": "))
        .map(|(field, _)| field.to_owned())
        .collect()
}

#[test]
fn the_other_schemas_have_the_keys_of_the_documents() {
    let snapshot = include_str!("../../src/snapshot/document.rs");
    let report = include_str!("../../src/report/json.rs");
    let head = include_str!("../../src/policy/document.rs");
    let closing = include_str!("../../src/report/closing.rs");
    let (snapshots, reports) = (parsed(SNAPSHOT), parsed(REPORT));
    for (schema, source, definition, name) in [
        (&snapshots, snapshot, "snapshot", "SnapshotDocument<"),
        (&snapshots, snapshot, "host", "HostDocument<"),
        (&snapshots, snapshot, "source", "SourceDocument<"),
        (&snapshots, snapshot, "socket", "SocketDocument<"),
        (&snapshots, snapshot, "process", "ProcessDocument<"),
        (&snapshots, snapshot, "interface", "InterfaceDocument<"),
        (&reports, head, "tool", "ToolDocument"),
        (&reports, head, "policy", "PolicyDocument<"),
        (&reports, report, "host", "HostDocument<"),
        (&reports, report, "issue", "IssueDocument<"),
        (&reports, report, "result", "ResultDocument<"),
        (&reports, report, "missing", "MissingDocument"),
        (&reports, report, "violation", "ViolationDocument<"),
        (&reports, report, "waiver", "WaiverDocument<"),
        (&reports, report, "place", "PlaceDocument<"),
        (&reports, closing, "summary", "SummaryDocument"),
        (&reports, closing, "settings", "SettingsDocument"),
    ] {
        let expected = fields(source, name);
        assert!(!expected.is_empty(), "{name}");
        assert_eq!(keys(schema, &format!("/definitions/{definition}")), expected, "{definition}");
    }
    for shared in ["source", "socket", "process"] {
        let pointer = format!("/definitions/{shared}");
        assert_eq!(snapshots.pointer(&pointer), reports.pointer(&pointer), "{shared}");
    }
}

#[test]
fn every_policy_of_the_project_is_valid() {
    let schema = validator(POLICY);
    let mut count = 0;
    let policies = files("policies", ".toml").into_iter().chain(files("examples", ".toml"));
    for path in policies.filter(|path| !path.to_string_lossy().ends_with(".test.toml")) {
        let value =
            json_of(&text_of(&path)).unwrap_or_else(|| panic!("{} is no TOML", path.display()));
        let faults: Vec<String> = schema
            .iter_errors(&value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        count += 1;
    }
    assert!(count > 1);
}

fn captures() -> Vec<Capture> {
    let mut captures = Vec::new();
    let fixtures =
        files("tests/fixtures/captures", "").into_iter().chain(files("examples", ".txt"));
    for path in fixtures {
        let Ok(bytes) = bytes_of(&path) else { continue };
        let Ok(file) = SourceFile::decode("capture.txt", bytes) else { continue };
        captures.extend(read(Arc::new(file), &Options::default()));
    }
    // Everything that only some evidence shows.
    let rich = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
        tcp LISTEN 0 128 *:22 *:* users:((\"sshd\",pid=1,fd=3)) uid:5 ino:9 sk:1 cgroup:/system.slice/ssh.service v6only:0 <->\n\
        udp UNCONN 0 0 127.0.0.53%lo:domain 0.0.0.0:*\n";
    let named = Options { host: Some("web-1".to_owned()), ..Options::default() };
    captures.extend(read(Arc::new(SourceFile::new("rich.txt", rich)), &named));
    captures.extend(read(Arc::new(SourceFile::new("empty.txt", "")), &Options::default()));
    captures
}

#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn bytes_of(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

fn assert_valid(schema: &Validator, text: &[u8], what: &str) {
    let value: Value =
        serde_json::from_slice(text).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let faults: Vec<String> = schema
        .iter_errors(&value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}");
}

#[test]
fn every_list_is_valid() {
    let schema = strict(SNAPSHOT);
    let captures = captures();
    let style = Style::default();
    let json = listing("json").unwrap();
    for capture in &captures {
        let mut out = Vec::new();
        json.write(&mut out, &[&capture.snapshot], &style).unwrap();
        assert_valid(&schema, &out, &capture.snapshot.origin.path);
    }
    let mut out = Vec::new();
    let all: Vec<_> = captures.iter().map(|capture| &capture.snapshot).collect();
    json.write(&mut out, &all, &style).unwrap();
    assert_valid(&schema, &out, "all");
    let mut out = Vec::new();
    listing("ndjson").unwrap().write(&mut out, &all, &style).unwrap();
    for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert_valid(&schema, line, "a line");
    }
}

fn policy(text: &str) -> Policy {
    load(vec![Arc::new(SourceFile::new("policy.toml", text))]).policy.unwrap()
}

/// Every verdict, with violations of sockets and of counts, waivers and expired ones.
const RULES: &str = r#"
[policy]
unlisted = "note"
[[rule]]
id = "loopback"
match = { port = [22, 5432] }
require = { bind = "loopback" }
because = "why"
help = "what"
url = "https://example.org"
controls = ["a:1"]
[[rule]]
id = "none"
match = { port = 53 }
forbid = true
[[rule]]
id = "there"
match = { port = 6000 }
expect = { min = 1 }
[[rule]]
id = "owner"
match = { port = 22 }
require = { process = "nobody", container = "c" }
[[rule]]
id = "elsewhere"
hosts = "nowhere"
match = { host = "nowhere" }
forbid = true
[[waiver]]
rule = "loopback"
match = { transport = "tcp", port = 22 }
reason = "r"
owner = "o"
expires = 2020-01-01
[[waiver]]
rule = "none"
match = { transport = "udp" }
reason = "r"
owner = "o"
ticket = "t"
expires = 2099-01-01
"#;

#[test]
fn every_report_is_valid() {
    let schema = strict(REPORT);
    let policy = policy(RULES);
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let run = Run {
        policy: &policy,
        warnings: &[],
        judged_at: now,
        grade: Grade::Presumed,
        threshold: Threshold { fail_on: Severity::Error, allow_unknown: false },
        now: None,
        lenient: true,
        verbose: false,
        quiet: false,
        max_diagnostics: 10,
    };
    let mut reporter = format("json").unwrap().reporter(Style::default());
    let mut out = Vec::new();
    let mut summary = Summary::default();
    reporter.begin(&run, &mut out).unwrap();
    for capture in captures() {
        let Capture { snapshot, issues, detection } = capture;
        let mut results = audit(&policy, &snapshot, Grade::Presumed);
        waive(&policy, &snapshot, Grade::Presumed, now, &mut results);
        summary.add(&results, &policy, snapshot.sockets().len(), run.threshold);
        let results = (!snapshot.sockets().is_empty()).then_some(results);
        reporter
            .host(&run, &HostReport { snapshot, issues, detection, results }, &mut out)
            .unwrap();
    }
    reporter.finish(&run, &summary, &mut out).unwrap();
    assert_valid(&schema, &out, "the report");
    let text = String::from_utf8(out).unwrap();
    for part in [
        "\"expired_waiver\":{",
        "\"ticket\":\"t\"",
        "\"socket\":null",
        "\"not-applicable\"",
        "\"results\":null",
    ] {
        assert!(text.contains(part), "{part} is not tried");
    }
}
