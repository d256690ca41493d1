//! One host, seen by every tool: no rule passes by the one and fails by the other, and none passes that all the
//! facts together let fail. The writers are made from what the tools document and share nothing with the readers.

mod audits;
mod containers;
mod documents;
mod elsewhere;
mod host;
mod linux;
mod moments;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use socklint::audit::Verdict;
use socklint::capture::{self, Options, Severity};
use socklint::evidence::layout::{Layout, Role};
use socklint::evidence::{Evidence, Raw, read as assemble};
use socklint::policy::{Action, Policy};
use socklint::snapshot::{Grade, Snapshot, Transport, Vantage};
use socklint::source::SourceFile;

use self::host::{Host, host};
use self::linux::{Age, Heads, Netstat, Ss};
use self::moments::moments;
use super::naive::written;
use super::{POLICIES, cases};
use crate::support::{policy, verdicts};

/// Every way to see a host: the tool and its call, and what it prints.
fn sights(host: &Host) -> Vec<(String, String)> {
    let mut all = vec![("snapshot".to_owned(), documents::snapshot(host))];
    let mut add = |name: String, text: String| all.push((name, text));
    let ages = [Age::Old, Age::Star, Age::El7, Age::New];
    for (age, name) in ages.into_iter().zip(["3.10", "4.13", "4.11-el7", "6.1"]) {
        // 4.13 looks like its forerunners unless an IPv6 address in brackets stands beside `*`, and is rarer by far:
        // its `*` is read as theirs then. That it may hide v6-only sockets is presumed not to be.
        let brackets = host.of(&["tcp"]).any(|one| one.is_v6() && !one.is_wildcard());
        let hidden = host
            .listeners
            .iter()
            .any(|one| one.address == "::" || one.address.starts_with("::ffff:"));
        if age == Age::Star && (!brackets || hidden) {
            continue;
        }
        let flags: &[&str] = match age {
            Age::Star => &["lntup", "lntuwpe", "lntu", "ltn"],
            _ => &["lntup", "lntuwpe", "lntu", "ltn", "Hlntu", "4lntup", "6lnu", "lnu"],
        };
        for flags in flags {
            for (prompt, root) in [(true, true), (true, false), (false, true)] {
                let call = Ss { age, flags, prompt, root };
                add(format!("ss {name} -{flags} {prompt} {root}"), linux::ss(host, call));
            }
        }
    }
    all.extend(sights_of_linux(host));
    all.extend(sights_of_others(host));
    all
}

/// What tools of Linux beside ss print.
fn sights_of_linux(host: &Host) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |name: String, text: String| all.push((name, text));
    for (flags, busybox) in [
        ("lntup", false),
        ("lntuweW", false),
        ("lntupW", false),
        ("an", false),
        ("ltn", false),
        ("lntup", true),
        ("an", true),
    ] {
        for (prompt, root) in [(true, true), (true, false), (false, true)] {
            let call = Netstat { flags, busybox, prompt, root };
            add(format!("netstat -{flags} {busybox} {prompt} {root}"), linux::netstat(host, call));
        }
    }
    let tables: &[&[&str]] = &[
        &["tcp", "tcp6", "udp", "udp6", "raw", "raw6"],
        &["tcp", "tcp6"],
        &["tcp", "udp"],
        &["udp6", "tcp6"],
    ];
    for files in tables {
        for big_endian in [false, true] {
            for heads in [Heads::Tail, Heads::More, Heads::Cat] {
                let text = linux::proc_net(host, files, big_endian, heads);
                add(format!("proc-net {files:?} {big_endian} {heads:?}"), text);
            }
        }
    }
    for (flags, prompt, root) in [
        ("lntup", true, true),
        ("lntup", true, false),
        ("lntup", false, true),
        ("antuw", true, true),
        ("ltn", false, true),
    ] {
        let text = linux::toybox(host, flags, prompt, root);
        add(format!("toybox -{flags} {prompt} {root}"), text);
    }
    for (width, root) in [(9, true), (15, true), (9, false)] {
        add(format!("lsof +c{width} {root}"), linux::lsof(host, width, root));
    }
    add("lsof -F".to_owned(), linux::lsof_fields(host, false));
    add("lsof -F0".to_owned(), linux::lsof_fields(host, true));
    for form in ["types", "text", "json"] {
        add(format!("systemctl {form}"), linux::systemctl(host, form));
    }
    for form in ["results", "ad-hoc", "hostvars", "yaml"] {
        add(format!("ansible {form}"), documents::ansible_nested(host, form));
    }
    all
}

/// What other tools tell, some only of hosts that their systems can be.
fn sights_of_others(host: &Host) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let whole = [
        ("osquery table", documents::osquery_table(host)),
        ("osquery csv", documents::osquery_csv(host)),
        ("osquery line", documents::osquery_line(host)),
        ("osquery json", documents::osquery_json(host, false)),
        ("osquery joined", documents::osquery_json(host, true)),
        ("ansible by netstat", documents::ansible(host, false)),
        ("ansible by ss", documents::ansible(host, true)),
        ("jc ss", documents::jc_ss(host)),
        ("jc netstat", documents::jc_netstat(host)),
        ("jc lsof", documents::jc_lsof(host)),
        ("nmap xml", documents::nmap_xml(host)),
        ("nmap greppable", documents::nmap_greppable(host)),
        ("nmap printed", containers::nmap_printed(host)),
        ("lynis 3", audits::lynis(host, true)),
        ("lynis 2", audits::lynis(host, false)),
        ("goss results", audits::goss_results(host)),
        ("inspec", audits::inspec(host)),
    ];
    all.extend(whole.map(|(name, text)| (name.to_owned(), text)));
    let some = [
        ("masscan list", containers::masscan(host, "list")),
        ("masscan json", containers::masscan(host, "json")),
        ("masscan printed", containers::masscan(host, "printed")),
        ("gossfile", audits::gossfile(host, true)),
        ("gossfile json", audits::gossfile(host, false)),
        ("docker", containers::docker(host)),
        ("docker json", containers::docker_json(host)),
        ("docker inspect", containers::docker_inspect(host)),
        ("podman", containers::podman(host)),
        ("netstat of macOS", elsewhere::netstat_bsd(host, "netstat -an")),
        ("netstat -anv of macOS", elsewhere::netstat_macos(host)),
        ("netstat of FreeBSD", elsewhere::netstat_bsd(host, "netstat -anW")),
        ("netstat of a BSD", elsewhere::netstat_bsd(host, "")),
        ("netstat of OpenBSD", elsewhere::netstat_open_net(host, false)),
        ("netstat of NetBSD", elsewhere::netstat_open_net(host, true)),
        ("sockstat", elsewhere::sockstat(host, true)),
        ("sockstat alone", elsewhere::sockstat(host, false)),
        ("sockstat of FreeBSD 15", elsewhere::sockstat_15(host)),
        ("sockstat -s", elsewhere::sockstat_states(host)),
        ("netstat of Windows", elsewhere::netstat_windows(host, true)),
        ("netstat of Windows alone", elsewhere::netstat_windows(host, false)),
        ("netstat -anob of Windows", elsewhere::netstat_windows_programs(host)),
        ("powershell", elsewhere::powershell(host)),
        ("powershell csv", elsewhere::powershell_csv(host)),
        ("powershell list", elsewhere::powershell_list(host)),
        ("powershell json of TCP", elsewhere::powershell_json(host, "tcp")),
        ("powershell json of UDP", elsewhere::powershell_json(host, "udp")),
    ];
    all.extend(some.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))));
    all
}

/// The first sight of each format and those beside it that a reader of its own reads.
const FIRST: [&str; 42] = [
    "snapshot",
    "ss 3.10 -lntup true true",
    "ss 6.1 -lntuwpe true true",
    "netstat -lntup false true true",
    "netstat -lntup true true true",
    "toybox -lntup true true",
    "proc-net [\"tcp\", \"tcp6\"] false Tail",
    "lsof +c9 true",
    "lsof -F",
    "lsof -F0",
    "systemctl types",
    "systemctl json",
    "ansible ad-hoc",
    "ansible yaml",
    "osquery table",
    "osquery csv",
    "osquery line",
    "osquery joined",
    "jc ss",
    "jc netstat",
    "jc lsof",
    "nmap xml",
    "nmap greppable",
    "nmap printed",
    "lynis 3",
    "goss results",
    "gossfile",
    "inspec",
    "masscan list",
    "masscan json",
    "docker",
    "docker json",
    "docker inspect",
    "podman",
    "netstat of FreeBSD",
    "netstat of OpenBSD",
    "sockstat",
    "netstat -anob of Windows",
    "powershell",
    "powershell csv",
    "powershell list",
    "powershell json of TCP",
];

/// What each tool prints of a host of so many listeners; of twins, where all of them have one endpoint.
pub(super) fn large(count: usize, twins: bool) -> Vec<(String, String)> {
    const ADDRESSES: [&str; 5] = ["10.0.0.5", "127.0.0.1", "::1", "2001:db8::1", "fd00::5"];
    let listener = |number: usize| {
        let which = if twins { 0 } else { number };
        host::Listener {
            transport: if which % 3 == 1 { "udp" } else { "tcp" },
            address: ADDRESSES[which % 5],
            port: 1024 + u16::try_from(which % 64_000).unwrap(),
            device: None,
            holders: vec![4, 5],
            inode: 21_000 + number as u64,
        }
    };
    let mut all = sights(&Host { listeners: (0..count).map(listener).collect() });
    all.retain(|(name, _)| FIRST.contains(&name.as_str()));
    assert_eq!(all.len(), FIRST.len());
    all
}

fn options() -> Options {
    let labels = BTreeMap::from([("env".to_owned(), "db-1".to_owned())]);
    Options { host: Some("db-1".to_owned()), labels, ..Options::default() }
}

/// Reads what a tool printed: one host, nothing wrong with it. A list without a row may be none at all.
fn see(name: &str, text: &str) -> Result<Option<Snapshot>, TestCaseError> {
    let source = Arc::new(SourceFile::new("capture.txt", text));
    let mut captures = capture::read(source, &options());
    prop_assert_eq!(captures.len(), 1, "{}:\n{}", name, text);
    let capture = captures.remove(0);
    if capture.severity(false) == Some(Severity::Error) {
        let empty = capture.snapshot.sockets().is_empty();
        prop_assert!(empty, "{} is not read: {:#?}\n{}", name, capture.issues, text);
        return Ok(None);
    }
    Ok(Some(capture.snapshot))
}

/// Whether a rule asks the same of every tool. One that allows passes wherever there is anything to read; one
/// that does not name raw sockets is content with TCP and UDP, and judges raw ones where they are shown.
fn asks(policy: &Policy, id: &str, raw: bool) -> bool {
    let rule = policy.rules.iter().find(|rule| rule.id == id);
    let mut named = Vec::new();
    if let Some(rule) = rule {
        rule.matches.transports(&mut named);
    }
    let allows = rule.is_some_and(|rule| matches!(rule.action, Action::Allow));
    !allows && (!raw || named.contains(&Transport::Raw))
}

/// The rules that pass by one snapshot and fail by another.
fn contradictions(policy: &Policy, seen: &[(String, Snapshot)]) -> Vec<(String, usize, usize)> {
    let mut sides: BTreeMap<String, (Option<usize>, Option<usize>)> = BTreeMap::new();
    for (number, (_, snapshot)) in seen.iter().enumerate() {
        for grade in [Grade::Presumed, Grade::Proven] {
            for (rule, verdict) in verdicts(policy, snapshot, grade) {
                let (pass, fail) = sides.entry(rule).or_default();
                match verdict {
                    Verdict::Pass => *pass = pass.or(Some(number)),
                    Verdict::Fail => *fail = fail.or(Some(number)),
                    Verdict::Unknown | Verdict::Waived | Verdict::NotApplicable => {}
                }
            }
        }
    }
    let both = |(rule, (pass, fail))| Some((rule, pass?, fail?));
    let raw = |(_, snapshot): &(String, Snapshot)| {
        snapshot.sockets().iter().any(|socket| socket.transport == Transport::Raw)
    };
    let raw = seen.iter().any(raw);
    sides.into_iter().filter_map(both).filter(|(rule, ..)| asks(policy, rule, raw)).collect()
}

fn check(host: &Host, policies: &[(String, Policy)]) -> Result<(), TestCaseError> {
    let sights = sights(host);
    let mut seen = Vec::new();
    for (name, text) in &sights {
        seen.extend(see(name, text)?.map(|snapshot| (name.clone(), snapshot)));
    }
    for (text, policy) in policies {
        let mut message = String::new();
        for (rule, pass, fail) in contradictions(policy, &seen) {
            let shown = |number: usize| {
                let name = &seen[number].0;
                let (_, text) = sights.iter().find(|(sight, _)| sight == name).unwrap();
                format!("{name}:\n{text}")
            };
            let (pass, fail) = (shown(pass), shown(fail));
            writeln!(message, "`{rule}` passes by {pass}\nand fails by {fail}").unwrap();
        }
        prop_assert!(message.is_empty(), "{}\n{}\n{:?}", message, text, host);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn no_rule_passes_by_one_tool_and_fails_by_another(
        host in host(), written in written(), which in any::<Index>(),
    ) {
        let written = written.toml();
        let usual = POLICIES[which.index(POLICIES.len())];
        let policies = [written, usual.to_owned()].map(|text| (text.clone(), policy(&text)));
        check(&host, &policies)?;
    }
}

/// The captures of some tools as the files of one host.
fn together(texts: &[&(String, String)]) -> Result<Option<Snapshot>, TestCaseError> {
    let raw = |(name, text): &&(String, String)| Raw {
        name: name.clone(),
        bytes: text.clone().into_bytes(),
        lines_before: 0,
        role: Role::PLAIN,
    };
    let evidence = Evidence {
        host: Some("db-1".to_owned()),
        path: "db-1".to_owned(),
        layout: Layout::Folder,
        found: true,
        captured_at: None,
        obfuscated: false,
        texts: texts.iter().map(raw).collect(),
    };
    let mut captures = assemble(evidence, &options());
    prop_assert_eq!(captures.len(), 1);
    let capture = captures.remove(0);
    let broken = capture.severity(false) == Some(Severity::Error);
    Ok(Some(capture.snapshot).filter(|_| !broken))
}

fn check_together(
    texts: &[&(String, String)],
    same_moment: bool,
    (written, policy): &(String, Policy),
) -> Result<(), TestCaseError> {
    let Some(all) = together(texts)? else { return Ok(()) };
    let expects = |rule: &str| {
        policy.rules.iter().any(|one| one.id == rule && matches!(one.action, Action::Expect { .. }))
    };
    for (name, text) in texts {
        let Some(alone) = see(name, text)? else { continue };
        // What should be is no matter of what is; what an engine of containers publishes is there.
        let origin = &alone.origin;
        if !same_moment && origin.vantage == Vantage::Declared && origin.format != "docker" {
            continue;
        }
        let pair = [(name.clone(), alone), ("all of them".to_owned(), all.clone())];
        for (rule, pass, _) in contradictions(policy, &pair) {
            // What one moment has not, another may have.
            if !same_moment && (pass == 0 || expects(&rule)) {
                continue;
            }
            let texts: Vec<String> =
                texts.iter().map(|(name, text)| format!("{name}:\n{text}")).collect();
            prop_assert!(
                false,
                "`{}` passes by {}, fails by the other, of {} and all:\n{}\n{}",
                rule,
                pair[pass].0,
                name,
                texts.join("\n"),
                written
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn captures_of_one_host_together_contradict_none_of_them(
        host in host(), which in vec(any::<Index>(), 2..4), written in written(), usual in any::<Index>(),
    ) {
        let sights = sights(&host);
        let texts: Vec<_> = which.iter().map(|which| which.get(&sights)).collect();
        for text in [written.toml(), POLICIES[usual.index(POLICIES.len())].to_owned()] {
            check_together(&texts, true, &(text.clone(), policy(&text)))?;
        }
    }

    #[test]
    fn what_fails_at_one_moment_does_not_pass_with_another(
        (host, later) in moments(), which in vec(any::<Index>(), 2..3), written in written(),
        usual in any::<Index>(),
    ) {
        let (sights, later) = (sights(&host), sights(&later));
        let texts = [which[0].get(&sights), which[1].get(&later)];
        for text in [written.toml(), POLICIES[usual.index(POLICIES.len())].to_owned()] {
            let both = (text.clone(), policy(&text));
            check_together(&texts, false, &both)?;
            check_together(&[texts[1], texts[0]], false, &both)?;
        }
    }
}

/// A format without a writer would agree with nobody.
#[test]
fn every_format_has_a_writer() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        let host = host().new_tree(&mut runner).unwrap().current();
        for (name, text) in sights(&host) {
            if let Some(snapshot) = see(&name, &text).unwrap() {
                seen.insert(snapshot.origin.format);
            }
        }
    }
    for format in capture::FORMATS {
        assert!(seen.contains(format.name()), "nothing writes `{}`", format.name());
    }
}
