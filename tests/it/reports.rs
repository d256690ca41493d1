//! What holds for every format of `check`: loops over the registry, so a new format falls under it.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;

use socklint::audit::{Summary, audit, waive};
use socklint::capture::{self, Options, Severity as IssueSeverity};
use socklint::policy::Policy;
use socklint::report::{HostReport, REPORTERS, Run, Style, format};
use socklint::safe::is_harmful;
use socklint::snapshot::Grade;
use socklint::source::SourceFile;

use crate::support::{NETSTAT, Place, THRESHOLD, policy, tcp_only};

/// The policy of the audits that are checked against schemas.
const MIXED: &str = include_str!("../reports/mixed.toml");

/// What a run says of texts in a format; also how it ends.
fn render(name: &str, policy: &Policy, texts: &[(&str, &str)], style: Style) -> (String, u8) {
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let run = Run {
        judged_at: now,
        policy,
        warnings: &[],
        grade: Grade::Presumed,
        threshold: THRESHOLD,
        now: None,
        lenient: false,
        verbose: true,
        quiet: false,
        max_diagnostics: 100,
    };
    let mut reporter = format(name).unwrap().reporter(style);
    let (mut out, mut summary) = (Vec::new(), Summary::default());
    reporter.begin(&run, &mut out).unwrap();
    for (path, text) in texts {
        let file = Arc::new(SourceFile::new(*path, *text));
        for capture in capture::read(file, &Options::default()) {
            let broken = capture.severity(false) == Some(IssueSeverity::Error);
            let results = (!broken).then(|| {
                let mut results = audit(policy, &capture.snapshot, Grade::Presumed);
                waive(policy, &capture.snapshot, Grade::Presumed, now, &mut results);
                summary.add(&results, policy, capture.snapshot.sockets().len(), THRESHOLD);
                results
            });
            summary.broken += u64::from(broken);
            let capture::Capture { snapshot, issues, detection } = capture;
            let host = HostReport { snapshot, issues, detection, results };
            reporter.host(&run, &host, &mut out).unwrap();
        }
    }
    reporter.finish(&run, &summary, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), summary.exit_code())
}

fn names() -> impl Iterator<Item = &'static str> {
    REPORTERS.iter().map(|format| format.name())
}

/// Every text that has harmed someone, in one.
const HOSTILE: &str = "::error::a\n  ::add-mask::b\r::stop-commands::x\n##[error]c ##[group]d\n\
     ##vso[task.complete]e ##teamcity[buildStop f='g'] \u{1b}[31mh\u{1b}]0;i\u{7}\u{9b}31m\u{202e}j\u{2066}\
     \u{0}\u{8}\u{7f}\u{85}\u{2028}\u{FFFE}]]><script>alert(1)</script><!--&amp;--> a|b `c` ${d} [x](http://y) \
     \"'\\ %0A::error::k @everyone # TODO k";

/// Hostile in every place: process, host, device, path; a second text begins as a formula does.
fn hostile() -> Vec<(String, String)> {
    let texts = [HOSTILE.to_owned(), format!("=cmd|' /C calc'!A0{HOSTILE}"), "-1+1".to_owned()];
    texts
        .into_iter()
        .map(|text| {
            let json = serde_json::json!({
                "schema": "socklint/snapshot/1",
                "host": {"name": text, "labels": {}},
                "source": {"kind": "observed", "format": text, "path": text, "command": text},
                "coverage": {"tcp/ipv4": "proven", "tcp/ipv6": "proven", "udp/ipv4": "absent"},
                "sockets": [
                    {"transport": "tcp", "state": "listen", "address": "0.0.0.0", "port": 23,
                     "interface": text, "scope": "wildcard", "line": 1,
                     "processes": [{"name": text, "pid": 1, "fd": 2}]},
                    {"transport": "tcp", "state": "listen", "address": null, "address_text": text,
                     "port": null, "port_text": text, "interface": null, "scope": null, "line": 2,
                     "processes": null}],
                "interfaces": null
            });
            (text, json.to_string())
        })
        .collect()
}

/// A policy with the same texts in all its words, under which these hosts violate something.
fn hostile_policy() -> String {
    let words = serde_json::to_string(HOSTILE).unwrap().replace('\u{7f}', "\\u007f");
    format!(
        "[policy]\nname = {words}\n\
         [[rule]]\nid = \"telnet\"\nsummary = {words}\nmatch = {{ port = 23 }}\nforbid = true\n\
         because = {words}\nhelp = {words}\nurl = {words}\nowner = {words}\n\
         controls = [\"nist-800-53r5:CM-7\"]\n\
         [[rule]]\nid = \"owner\"\nmatch = {{ transport = \"tcp\", port = 23 }}\n\
         require = {{ process = \"sshd\", interface = \"eth0\" }}\n\
         [[rule]]\nid = \"udp\"\nsummary = {words}\nmatch = {{ transport = \"udp\", port = 53 }}\n\
         forbid = true\n\
         [[waiver]]\nrule = \"telnet\"\nmatch = {{ host = \"=cmd*\" }}\nreason = {words}\n\
         owner = {words}\nticket = {words}\nexpires = 2027-01-01\n"
    )
}

/// Panics where a CI runner would obey a line.
fn obeyed(name: &str, line: &str) {
    let start = line.trim_start();
    let lower = line.to_ascii_lowercase();
    let own = match name {
        "azure" => "##vso[task.logissue ",
        "teamcity" => "##teamcity[",
        _ => "",
    };
    let rest = lower.strip_prefix(own).unwrap_or(&lower);
    for command in ["##[", "##vso[", "##teamcity["] {
        assert!(!rest.contains(command), "{name}: {line}");
    }
    let commands = ["::error ", "::warning ", "::notice "];
    let own = name == "github" && commands.iter().any(|command| line.starts_with(command));
    assert!(own || !start.starts_with("::") || start.starts_with("::1"), "{name}: {line}");
}

/// Panics unless elements are closed in order and every `&` begins an entity.
fn well_formed(name: &str, text: &str) {
    let mut open = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, between) = part.split_once('>').unwrap_or_else(|| panic!("{name}: <{part}"));
        assert!(!between.contains("]]>"), "{name}: {between}");
        let element = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap();
        assert_ne!(element, "script", "{name}");
        match () {
            () if tag.starts_with(['?', '!']) || tag.ends_with('/') => {}
            () if name == "html"
                && ["meta", "br", "hr", "col", "link", "img"].contains(&element) => {}
            () if tag.starts_with('/') => assert_eq!(open.pop(), Some(element), "{name}: {text}"),
            () => open.push(element),
        }
    }
    assert!(open.is_empty() || !text.starts_with("<?xml"), "{name}: {open:?}");
    for part in text.split('&').skip(1) {
        let entity = part.split(';').next().unwrap();
        let known = ["amp", "lt", "gt", "quot", "apos"].contains(&entity);
        assert!(known || entity.starts_with('#'), "{name}: &{entity}");
    }
}

/// The cells of RFC 4180.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {
                chars.next();
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    rows
}

/// Panics unless a report is what its format says.
fn shape(name: &str, text: &str) {
    if text.starts_with("<?xml") || text.starts_with("<!") {
        well_formed(name, text);
    }
    if text.starts_with(['{', '[']) && !name.contains("ndjson") && name != "ocsf" {
        serde_json::from_str::<serde_json::Value>(text)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    match name {
        "ndjson" | "ocsf" => text.lines().for_each(|line| {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }),
        "csv" => {
            let rows = rows(text);
            for row in &rows {
                assert_eq!(row.len(), rows[0].len(), "{row:?}");
                for cell in row {
                    assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
                }
            }
        }
        "markdown" => {
            assert!(!text.contains("<script") && !text.replace("\\]", "").contains("]("), "{text}");
            // Every row of a table has the cells of its header.
            let cells = |line: &str| line.replace("\\|", "").matches('|').count();
            let lines: Vec<&str> = text.lines().collect();
            for pair in lines.windows(2) {
                if pair.iter().all(|line| line.starts_with('|')) {
                    assert_eq!(cells(pair[0]), cells(pair[1]), "{pair:#?}");
                }
            }
        }
        "tap" => {
            let points = text.lines().filter(|line| !line.starts_with([' ', '1', 'T']));
            let points: Vec<&str> = points.collect();
            assert!(
                points.iter().all(|line| line.starts_with("ok ") || line.starts_with("not ok "))
            );
            assert_eq!(text.lines().last().unwrap(), format!("1..{}", points.len()));
            for line in points {
                assert!(line.matches('#').count() <= 1, "{line}");
            }
        }
        _ => {}
    }
}

#[test]
fn nothing_that_is_shown_acts_on_its_reader() {
    let policy = policy(&hostile_policy());
    let hosts = hostile();
    let mut texts: Vec<(&str, &str)> =
        hosts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    texts.push((HOSTILE, "no capture at all \u{1b}[2J ##[error]x\n::error::y\n"));
    for name in names() {
        for width in [None, Some(30), Some(61), Some(120)] {
            let style = Style { width, colour: false };
            let (text, code) = render(name, &policy, &texts, style);
            assert_eq!(code, 2, "{name}");
            let lines = text.replace("\r\n", "\n");
            for line in lines.lines() {
                obeyed(name, line);
            }
            let odd = lines.chars().find(|&c| is_harmful(c) && c != '\n' && c != '\t');
            assert_eq!(odd, None, "{name}:\n{text}");
            shape(name, &text);
        }
    }
}

#[test]
fn an_undecided_rule_is_green_nowhere() {
    let rules =
        "[[rule]]\nid = \"dns\"\nmatch = { transport = \"udp\", port = 53 }\nforbid = true\n";
    let policy = policy(rules);
    let shown = |name, text: &str| render(name, &policy, &[("db1.txt", text)], Style::default());
    for name in names() {
        let (decided, passed) = shown(name, NETSTAT);
        let (undecided, code) = shown(name, &format!("$ netstat -lntp\n{}", tcp_only()));
        assert_eq!((passed, code), (0, 3), "{name}");
        for word in ["not decided", "unknown", "open", "not-satisfied", "undecided"] {
            if undecided.contains(word) {
                assert_ne!(decided, undecided, "{name}");
            }
        }
        let says = ["not decided", "unknown", "\"open\"", "undecided"];
        assert!(says.iter().any(|word| undecided.contains(word)), "{name}:\n{undecided}");
    }
    let text = format!("$ netstat -lntp\n{}", tcp_only());
    assert!(shown("sarif", &text).0.contains(r#""kind":"open","level":"none""#));
    assert!(shown("sarif-github", &text).0.contains(r#""kind":"fail","level":"error""#));
    assert!(shown("junit", &text).0.contains(r#"<error type="unknown" "#));
    assert!(shown("tap", &text).0.contains("not ok 1 - "));
    assert!(shown("github", &text).0.contains("::warning title=not decided::"));
    assert!(shown("azure", &text).0.contains("##vso[task.logissue type=warning;"));
    assert!(
        shown("teamcity", &text)
            .0
            .contains("##teamcity[buildProblem identity='socklint-not-decided'")
    );
    for name in ["gitlab", "rdjson", "checkstyle"] {
        assert!(shown(name, &text).0.contains("not decided: "), "{name}");
        assert!(!shown(name, NETSTAT).0.contains("dns"), "{name}");
    }
}

#[test]
fn what_could_not_be_read_is_green_nowhere() {
    let policy = policy(MIXED);
    for name in names() {
        for texts in [&[][..], &[("db1.txt", "nothing of the kind\n")]] {
            let (text, code) = render(name, &policy, texts, Style::default());
            assert_eq!(code, 2, "{name}");
            let says = [
                "no audit",
                "not audited",
                "not-audited",
                "not whole",
                "not a whole",
                "could not be used",
                "\"exit_code\":2",
                "\"result\":\"failed\"",
                "socklint_exit_code 2",
            ];
            let lower = text.to_lowercase();
            // A document about hosts may have nothing to say where there is none.
            let of_hosts = texts.is_empty() && ["ocsf", "hdf", "oscal", "xccdf"].contains(&name);
            assert!(of_hosts || says.iter().any(|word| lower.contains(word)), "{name}:\n{text}");
            shape(name, &text);
        }
    }
}

/// So many listeners on port 23, on as many addresses.
fn many(count: usize) -> String {
    let header = "$ ss -lnt\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
    let row = |row: usize| {
        format!("LISTEN 0 1 10.{}.{}.{}:23 0.0.0.0:*\n", row >> 16, row >> 8 & 255, row & 255)
    };
    (0..count).fold(header.to_owned(), |text, number| text + &row(number))
}

#[test]
fn reports_keep_to_the_limits_of_their_readers_and_say_what_they_left_out() {
    let policy = policy(MIXED);
    let text = many(6_000);
    let shown = |name| render(name, &policy, &[("db1.txt", &text)], Style::default()).0;

    let github: serde_json::Value = serde_json::from_str(&shown("sarif-github")).unwrap();
    let results = github["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 5_000);
    let last = results[4_999]["message"]["text"].as_str().unwrap();
    assert!(last.starts_with("1004 results of 6003 are left out"), "{last}");

    for (name, command) in [("github", "::error "), ("azure", "##vso[task.logissue type=error;")] {
        let log = shown(name);
        assert_eq!(log.lines().filter(|line| line.starts_with(command)).count(), 10, "{name}");
        assert!(log.contains("5990 errors more: "), "{name}: {log}");
    }

    let markdown = shown("markdown");
    assert!(markdown.len() < 1 << 20);
    // No listener is on port 22, which is one violation more.
    let rows = markdown.lines().filter(|line| line.starts_with("| error |")).count();
    assert!(markdown.contains(&format!("\n{} more left out", 6_001 - rows)), "{rows}");

    for name in ["json", "sarif", "junit", "gitlab", "csv", "tap", "rdjson", "teamcity"] {
        let all = shown(name);
        let words = all.split(|c: char| !c.is_ascii_digit() && c != '.');
        let addresses: HashSet<&str> = words.filter(|word| word.starts_with("10.0.")).collect();
        assert_eq!(addresses.len(), 6_000, "{name}");
    }
}

#[test]
fn places_in_sarif_read_back_to_their_snippets() {
    let capture = "Aktive Internetverbindungen – nur Server\n\
        $ ss -lntu\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
        tcp LISTEN 0 1 0.0.0.0:5432 0.0.0.0:* users:((\"pöstgrés\",pid=1,fd=3))\n\
        tcp LISTEN 0 1 [::]:23 [::]:* users:((\"träger\",pid=2,fd=3))\r\n\
        tcp LISTEN 0 1 0.0.0.0:23 0.0.0.0:*\n";
    let compiled = policy(MIXED);
    let (text, _) = render("sarif", &compiled, &[("db1.txt", capture)], Style::default());
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut read = 0;
    for result in report["runs"][0]["results"].as_array().unwrap() {
        let places = ["locations", "relatedLocations"].map(|key| result[key].as_array());
        for place in places.into_iter().flatten().flatten() {
            let physical = &place["physicalLocation"];
            let source = match physical["artifactLocation"]["uri"].as_str().unwrap() {
                "db1.txt" => capture,
                _ => MIXED,
            };
            let region = &physical["region"];
            let Some(snippet) = region["snippet"]["text"].as_str() else { continue };
            let number = |key: &str| region[key].as_u64().unwrap() as usize;
            let (start, length) = (number("byteOffset"), number("byteLength"));
            assert_eq!(&source[start..start + length], snippet);
            let chars = source.chars().skip(number("charOffset")).take(number("charLength"));
            assert_eq!(chars.collect::<String>(), snippet);
            assert_eq!(number("startLine"), number("endLine"));
            let line = source.lines().nth(number("startLine") - 1).unwrap();
            let columns = number("endColumn") - number("startColumn");
            let cells = line.chars().skip(number("startColumn") - 1).take(columns);
            assert_eq!(cells.collect::<String>(), snippet);
            read += 1;
        }
    }
    assert!(read >= 6, "{read}");
}

#[test]
fn waived_violations_carry_their_justification() {
    let rules = format!("{MIXED}[[rule]]\nid = \"x\"\nmatch = {{ port = 1 }}\nforbid = true\n")
        .replace("host = \"db*\", ", "");
    let policy = policy(&rules);
    let open = NETSTAT.replace("127.0.0.1:5432 ", "0.0.0.0:5432   ");
    let shown = |name| render(name, &policy, &[("db1.txt", &open)], Style::default()).0;
    let report: serde_json::Value = serde_json::from_str(&shown("sarif")).unwrap();
    let results = report["runs"][0]["results"].as_array().unwrap();
    let waived: Vec<_> =
        results.iter().filter_map(|result| result["suppressions"][0].as_object()).collect();
    assert_eq!(waived.len(), 1);
    let why = "waived until 2027-01-31: migration, see OPS-1234 (owner: dba@example.org; ticket: OPS-1234)";
    assert_eq!(waived[0]["justification"], why);
    assert!(shown("junit").contains(&format!("<skipped message=\"{why}\"/>")));
    assert!(shown("tap").contains(&format!("# TODO {why}")));
    for name in ["sarif-github", "github", "gitlab", "azure", "teamcity", "checkstyle", "rdjson"] {
        assert!(!shown(name).contains("5432"), "{name}");
    }
}

#[test]
fn names_of_tests_and_fingerprints_of_items_are_unique() {
    let twice = format!("{NETSTAT}{}", NETSTAT.lines().nth(4).unwrap());
    let policy = policy(MIXED);
    let texts = [("a/db1.txt", twice.as_str()), ("b/db1.txt", &twice), ("b/db1.txt", &twice)];
    let (junit, _) = render("junit", &policy, &texts, Style::default());
    for suite in junit.split("<testsuite ").skip(1) {
        let mut names: Vec<&str> = suite.split(" name=\"").skip(1).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
    let (gitlab, _) = render("gitlab", &policy, &texts, Style::default());
    let items: Vec<serde_json::Value> = serde_json::from_str(&gitlab).unwrap();
    let mut prints: Vec<&str> =
        items.iter().map(|item| item["fingerprint"].as_str().unwrap()).collect();
    let count = prints.len();
    assert!(count > 3 * 2, "{gitlab}");
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), count);
}

#[test]
#[cfg(unix)]
fn two_runs_of_every_format_give_the_same_bytes_and_exit_code() {
    let run = |zone: &str, locale: &str, umask: &str| {
        let place = Place::with(&[("mixed.toml", MIXED), ("hosts/db1.txt", NETSTAT)]);
        place.write("hosts/web1.txt", format!("$ netstat -lntp\n{}", tcp_only()));
        let mut reports = Vec::new();
        for name in names() {
            let program = place.command(&[]);
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!(
                "umask {umask}; exec \"$0\" check -p mixed.toml --now 2026-11-22 -f {name} -o {name}=report hosts"
            ));
            shell.arg(program.get_program()).current_dir(place.path());
            shell.env_clear().env("PATH", "/usr/bin:/bin").env("TZ", zone).env("LC_ALL", locale);
            let output = shell.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{name}");
            let file = place.read("report");
            if name != "human" {
                assert_eq!(String::from_utf8(output.stdout).unwrap(), file, "{name}");
            }
            reports.push((name, file));
        }
        reports
    };
    let first = run("Pacific/Auckland", "C", "077");
    for ((name, one), (_, other)) in first.iter().zip(run("America/New_York", "de_DE.UTF-8", "022"))
    {
        assert_eq!(*one, other, "{name}");
    }
}

#[test]
fn the_step_summary_is_added_to() {
    let place = Place::with(&[("mixed.toml", MIXED), ("db1.txt", NETSTAT)]);
    let run = |format: &str, summary: &str| {
        let args = ["check", "-p", "mixed.toml", "-f", format, "db1.txt"];
        let output = place.command(&args).env("GITHUB_STEP_SUMMARY", summary).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    place.write("summary.md", "before\n");
    run("github", "summary.md");
    let text = place.read("summary.md");
    assert!(text.starts_with("before\n# Exposure audit: "), "{text}");
    assert!(text.contains("| error | db1 | telnet |"), "{text}");
    run("human", "summary.md");
    assert_eq!(place.read("summary.md"), text);
    assert!(run("github", "absent/summary.md").contains("note: no step summary"));

    place.write("summary.md", "x".repeat((1 << 20) - 100));
    run("github", "summary.md");
    assert!(
        place
            .read("summary.md")
            .ends_with("xx\nsocklint: the report is too long for this summary.\n")
    );
    place.write("summary.md", "x".repeat(1 << 20));
    run("github", "summary.md");
    assert_eq!(place.read("summary.md").len(), 1 << 20);
}

#[test]
fn every_format_is_listed_with_who_reads_it() {
    let place = Place::new();
    let human = place.run(&["formats"]).expect(0).out;
    let json = place.run(&["formats", "-f", "json"]).expect(0).json();
    for format in REPORTERS {
        let line = human.lines().find(|line| line.trim_start().starts_with(format.name()));
        assert!(line.is_some_and(|line| line.ends_with(format.about())), "{}", format.name());
        let found =
            json["check"].as_array().unwrap().iter().find(|one| one["name"] == format.name());
        assert_eq!(found.unwrap()["about"], format.about());
    }
    assert!(json["input"].as_array().unwrap().iter().any(|one| one["name"] == "ss"));
    place.run(&["formats", "-f", "jsn"]).expect(2).says(&["did you mean `json`?"]);
    place.run(&["check", "-f", "sarf"]).expect(2).says(&["did you mean `sarif`?"]);
}

#[test]
fn reports_hold_what_reviewdog_and_checkstyle_count() {
    let capture = "$ ss -lntup\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
        tcp LISTEN 0 1 0.0.0.0:23 0.0.0.0:* users:((\"ü\",pid=1,fd=3))\n";
    let compiled = policy(MIXED);
    let (text, _) =
        render("rdjson", &compiled, &[("./captures/db1.txt", capture)], Style::default());
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let location = &report["diagnostics"][0]["location"];
    assert_eq!(location["path"], "captures/db1.txt");
    let place =
        serde_json::json!({"start": {"line": 3, "column": 16}, "end": {"line": 3, "column": 26}});
    assert_eq!(location["range"], place);
}
