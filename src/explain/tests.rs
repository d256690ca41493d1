use std::sync::Arc;

use super::*;
use crate::capture::IssueKind;
use crate::policy::{Library, Policy, PolicyErrorKind, Severity, load_with};
use crate::snapshot::{Address, Transport};
use crate::source::SourceFile;
use crate::style::Style;
use crate::truth::Truth;

const POLICY: &str = r#"
[policy]
name = "db"
extends = "baseline.toml"
unlisted = "warning"
[[rule]]
id = "db"
summary = "PostgreSQL must bind loopback only"
match = { port = 5432, transport = "tcp" }
require = { bind = "loopback" }
help = "set listen_addresses"
controls = ["pci-dss-4.0.1:1.2.5"]
[[rule]]
id = "web"
match = { port = 443, process = "nginx" }
allow = true
[[rule]]
id = "no-ftp"
match = { port = 21, any = [{ interface = "eth0" }, { not = { user = "ftp" } }] }
forbid = true
[[rule]]
id = "ssh"
match = { port = 22 }
expect = { min = 1, max = 1 }
[[rule]]
id = "none"
match = { port = 24 }
expect = { max = 0 }
[[rule]]
id = "elsewhere"
hosts = "web-*"
match = { port = 5432 }
forbid = true
[[waiver]]
rule = "db"
match = { bind = "10.0.0.5" }
reason = "migration"
owner = "dba"
expires = 2027-01-31
"#;

/// One file to build on.
struct Base;

impl Library for Base {
    fn file(&self, name: &str, _: &SourceFile) -> Result<(String, Arc<SourceFile>), String> {
        let text = "[[rule]]\nid = \"telnet\"\nmatch = { port = 23, transport = \"tcp\" }\nforbid = true\n";
        Ok((name.to_owned(), Arc::new(SourceFile::new("etc/baseline.toml", text))))
    }
}

fn policy(text: &str) -> Policy {
    let loaded = load_with(vec![Arc::new(SourceFile::new("socklint.toml", text))], &Base);
    loaded.policy.unwrap_or_else(|| panic!("{:#?}", loaded.errors))
}

fn now() -> jiff::Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn judged(endpoint: &str, binder: &Binder) -> Judged {
    judge(&policy(POLICY), &Endpoint::parse(endpoint).unwrap(), binder, now())
}

/// `rule: outcome` of every rule that has to do with the endpoint, then what `unlisted` makes of it.
fn outcomes(endpoint: &str, binder: &Binder) -> String {
    let policy = policy(POLICY);
    let judged = judge(&policy, &Endpoint::parse(endpoint).unwrap(), binder, now());
    let near = judged.rules.iter().filter(|what| !what.outcome.is_elsewhere());
    let mut words: Vec<String> = near
        .map(|what| format!("{} {}", policy.rules[what.rule].id, what.outcome.name()))
        .collect();
    words.push(format!("unlisted {}", judged.unlisted.unwrap().name()));
    words.join(", ")
}

fn host(name: &str) -> Binder {
    Binder { host: Some(name.to_owned()), ..Binder::default() }
}

#[test]
fn endpoints_are_judged_rule_by_rule() {
    let db = host("db-1");
    let with = |change: fn(&mut Binder)| {
        let mut binder = host("db-1");
        change(&mut binder);
        binder
    };
    for (endpoint, binder, expected) in [
        ("tcp/0.0.0.0:5432", &db, "db violates, unlisted satisfies"),
        ("127.0.0.1:postgresql", &db, "db satisfies, unlisted satisfies"),
        ("tcp/10.0.0.5:5432", &db, "db waived, unlisted satisfies"),
        ("udp/0.0.0.0:5432", &db, "unlisted violates"),
        ("0.0.0.0:5432", &host("web-1"), "db violates, elsewhere violates, unlisted satisfies"),
        (
            "0.0.0.0:5432",
            &Binder::default(),
            "db violates, elsewhere may-violate, unlisted satisfies",
        ),
        ("*:443", &db, "web may-be-approved, unlisted may-violate"),
        (
            "*:443",
            &with(|it| it.processes = vec!["nginx".to_owned()]),
            "web approved, unlisted satisfies",
        ),
        ("*:443", &with(|it| it.processes = vec!["nc".to_owned()]), "unlisted violates"),
        ("*:21", &db, "no-ftp may-violate, unlisted may-violate"),
        ("*%eth0:21", &db, "no-ftp violates, unlisted satisfies"),
        (
            "*:21",
            &with(|it| it.user = Some("root".to_owned())),
            "no-ftp violates, unlisted satisfies",
        ),
        ("*:21", &with(|it| it.user = Some("ftp".to_owned())), "unlisted violates"),
        ("*:22", &db, "ssh counts, unlisted satisfies"),
        ("*:24", &db, "none violates, unlisted satisfies"),
        ("tcp/0.0.0.0:23", &db, "baseline/telnet violates, unlisted satisfies"),
    ] {
        let found = outcomes(endpoint, binder);
        assert_eq!(found, expected, "{endpoint} {binder:?}");
    }
}

#[test]
fn each_key_has_its_truth() {
    let judged = judged("*:21", &host("db-1"));
    let policy = policy(POLICY);
    let what = judged.rules.iter().find(|what| policy.rules[what.rule].id == "no-ftp").unwrap();
    let steps: Vec<String> = what
        .matches
        .iter()
        .map(|step| format!("{}{:?} {}", " ".repeat(step.depth), step.truth, step.text))
        .collect();
    assert_eq!(
        steps,
        [
            "Yes port = 21",
            "Unknown({\"user-not-shown\"}) any of",
            " No interface = \"eth0\"",
            " Unknown({\"user-not-shown\"}) not",
            "  Unknown({\"user-not-shown\"}) user = \"ftp\"",
        ]
    );
    let text = endpoint_for_people(
        &policy,
        &Endpoint::parse("*:21").unwrap(),
        &judged,
        false,
        Style::default(),
    );
    assert!(text.contains("say `--user NAME`"), "{text}");
    assert!(text.contains("Result: open for `no-ftp`"), "{text}");
}

#[test]
fn executables_belong_to_processes() {
    let policy = policy(
        "[[rule]]\nid = \"e\"\nmatch = { exe = \"/opt/*\", process = \"x\" }\nforbid = true\n",
    );
    let outcome = |exe: Option<&str>, processes: &[&str]| {
        let processes = processes.iter().map(|name| (*name).to_owned()).collect();
        let binder = Binder { exe: exe.map(str::to_owned), processes, ..Binder::default() };
        let what =
            judge(&policy, &Endpoint::parse("*:80").unwrap(), &binder, now()).rules.remove(0);
        let missing: Vec<&str> = what.missing.iter().map(|missing| depends(missing).1).collect();
        (what.outcome, missing.join(", "))
    };
    assert_eq!(outcome(Some("/opt/x"), &["x"]), (Outcome::Violates, String::new()));
    assert_eq!(outcome(Some("/usr/x"), &["x"]), (Outcome::NotAbout, String::new()));
    assert_eq!(outcome(Some("/opt/x"), &[]), (Outcome::MayViolate, "`--process NAME`".to_owned()));
    assert_eq!(outcome(None, &["x"]), (Outcome::MayViolate, "`--exe PATH`".to_owned()));
}

#[test]
fn a_v6_wildcard_is_open_until_it_is_said() {
    let policy = policy("[[rule]]\nid = \"v4\"\nmatch = { family = \"ipv4\" }\nforbid = true\n");
    let outcome = |text: &str, v6only: bool| {
        let binder = Binder { v6only, ..Binder::default() };
        judge(&policy, &Endpoint::parse(text).unwrap(), &binder, now()).rules[0].outcome
    };
    assert_eq!(outcome("*:80", false), Outcome::Violates);
    assert_eq!(outcome("*:80", true), Outcome::NotAbout);
    assert_eq!(outcome("[::]:80", false), Outcome::MayViolate);
    assert_eq!(outcome("[::]:80", true), Outcome::NotAbout);
    assert_eq!(outcome("[::1]:80", false), Outcome::NotAbout);
    assert_eq!(outcome("[::ffff:127.0.0.1]:80", false), Outcome::Violates);
}

#[test]
fn endpoints_are_read() {
    let read = |text| Endpoint::parse(text).unwrap();
    let endpoint = read("tcp/0.0.0.0:5432");
    assert!(endpoint.transport_named && endpoint.port == 5432);
    assert_eq!(read("*:ssh").address, Address::Dual);
    assert_eq!(read("*:ssh").port, 22);
    assert_eq!(read("UDP/[fe80::1%eth0]:domain").transport, Transport::Udp);
    for text in ["[fe80::1]%eth0:53", "[fe80::1%eth0]:53", "0.0.0.0%eth0:53", "*%eth0:53"] {
        assert_eq!(read(text).device.as_deref(), Some("eth0"), "{text}");
    }
    assert_eq!(read("raw/0.0.0.0:1").port, 1);
    for (text, message, help) in [
        ("0.0.0.0", "names no port", "tcp/0.0.0.0:5432"),
        (":80", "names no address", "`*:80`"),
        ("::1:80", "not clear", "`[::1]:80`"),
        ("localhost:80", "no address", "`127.0.0.1:80`"),
        ("db.example:80", "no address", "tcp/0.0.0.0:5432"),
        ("010.0.0.1:80", "no address", ""),
        ("tpc/0.0.0.0:80", "no transport", "did you mean `tcp`"),
        ("mptcp/0.0.0.0:80", "no transport", "`tcp`"),
        ("10.0.0.0/8:80", "no transport", "not a prefix"),
        ("0.0.0.0:0", "no port", "port 0"),
        ("0.0.0.0:65536", "no port", "1 to 65535"),
        ("0.0.0.0:", "no port", "name one"),
        ("0.0.0.0:posgresql", "no port", "did you mean `postgresql`"),
        ("raw/0.0.0.0:256", "no IP protocol", "0 to 255"),
    ] {
        let error = Endpoint::parse(text).unwrap_err();
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.contains(help), "{text}: {error:?}");
    }
}

#[test]
fn what_the_argument_is() {
    use Subject::*;
    for (text, subject) in [
        ("tcp/0.0.0.0:80", Endpoint("tcp/0.0.0.0:80")),
        ("*:80", Endpoint("*:80")),
        ("::1:80", Endpoint("::1:80")),
        ("[fe80::a]:80", Endpoint("[fe80::a]:80")),
        ("baseline/telnet", Rule("baseline/telnet")),
        ("socklint::policy::action", Code("socklint::policy::action")),
        ("policy::acton", Code("policy::acton")),
    ] {
        assert_eq!(Subject::of(text), subject);
    }
}

#[test]
fn codes_have_sections() {
    // That none is missing and none is stale is tested beside the other pages.
    let mut codes: Vec<&str> = IssueKind::ALL.map(IssueKind::code).to_vec();
    codes.extend(PolicyErrorKind::ALL.map(PolicyErrorKind::code));
    for code in codes {
        let page = page(code).unwrap_or_else(|| panic!("docs/codes.md has no section `{code}`"));
        assert!(page.text.len() > 60 && !page.text.contains("\n#"), "{code}: {}", page.text);
    }
    assert_eq!(page("unknown_key").unwrap().code, "socklint::policy::unknown_key");
    assert_eq!(page("no_rule"), None, "two codes end so");
}

#[test]
fn values_of_a_rule_have_places() {
    let text = POLICY.replace(
        "[[waiver]]\nrule = \"db\"\n",
        "[[override]]\nrule = \"baseline/telnet\"\nseverity = \"note\"\nenabled = false\nreason = \"lab\"\n[[waiver]]\nrule = \"db\"\n",
    );
    let policy = policy(&text);
    let db = rule(&policy, "db", now()).unwrap();
    assert_eq!(db.sentence, "Listeners that use port 5432 and use tcp must bind loopback only.");
    let line = |id: &str, key: &str| {
        let explained = rule(&policy, id, now()).unwrap();
        let value = explained.values.into_iter().rev().find(|value| value.key == key).unwrap();
        let place = value.place.map(|place| format!("{}:{}", place.path, place.line));
        (value.text, value.origin.name(), place.unwrap_or_default())
    };
    assert_eq!(
        line("db", "require"),
        ("must bind loopback only".to_owned(), "own", "socklint.toml:10".to_owned())
    );
    assert_eq!(line("db", "severity"), ("error".to_owned(), "default", String::new()));
    assert_eq!(db.needs.command.as_deref(), Some("ss -lnt"));
    assert_eq!(db.waivers.len(), 1);
    assert!(!db.waivers[0].expired);
    let telnet = rule(&policy, "baseline/telnet", now()).unwrap();
    assert_eq!(telnet.disabled.unwrap().0, "lab");
    assert_eq!(telnet.inherited.unwrap().1.unwrap().line, 4);
    let (severity, origin, _) = line("baseline/telnet", "severity");
    assert_eq!((severity.as_str(), origin), ("note", "override"));
    assert!(
        rule_for_people(&rule(&policy, "web", now()).unwrap(), Style::default())
            .contains("asks nothing")
    );
    assert!(rule(&policy, "unlisted", now()).unwrap().needs.command.is_some());
    assert_eq!(rule(&policy, "telnet", now()).unwrap_err(), "did you mean `baseline/telnet`?");
    assert_eq!(rule(&policy, "base/web", now()).unwrap_err(), "did you mean `web`?");
    assert_eq!(rule(&policy, "webb", now()).unwrap_err(), "did you mean `web`?");
    assert_eq!(
        rule(&policy, "unknown_key", now()).unwrap_err(),
        "did you mean `socklint::policy::unknown_key`?"
    );
}

#[test]
fn json_is_json() {
    let policy = policy(POLICY);
    let judged = judged("*:21", &Binder::default());
    let rule = rule(&policy, "db", now()).unwrap();
    for text in [
        endpoint_as_json(&policy, &judged),
        rule_as_json(&rule),
        code_as_json(page("unknown_key").unwrap()),
    ] {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema"], SCHEMA);
    }
    assert_eq!(judged.listed, Truth::Unknown(crate::truth::MissingSet::NONE));
    assert_eq!(policy.rules[0].severity, Severity::Error);
}

#[test]
fn hostile_names_are_shown_safely() {
    let binder = Binder { processes: vec!["\u{1b}[31mx\n".to_owned()], ..host("a\u{202e}b") };
    let judged = judged("*:443", &binder);
    let text = endpoint_for_people(
        &policy(POLICY),
        &Endpoint::parse("*:443").unwrap(),
        &judged,
        true,
        Style::default(),
    );
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}
