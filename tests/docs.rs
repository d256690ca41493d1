//! The pages say what is so: every code has its section, every policy in them loads, every link leads
//! somewhere, and every output that is shown is what the program prints.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use socklint::capture::{FORMATS, IssueKind};
use socklint::cli::CliErrorKind;
use socklint::policy::condition::KEYS;
use socklint::policy::packs::PACKS;
use socklint::policy::{PolicyErrorKind, load};
use socklint::report::REPORTERS;
use socklint::source::SourceFile;
use socklint::suite::{self, SuiteFinding};

const PAGES: &[(&str, &str)] = &[
    ("README.md", include_str!("../README.md")),
    ("ARCHITECTURE.md", include_str!("../ARCHITECTURE.md")),
    ("CHANGELOG.md", include_str!("../CHANGELOG.md")),
    ("CONTRIBUTING.md", include_str!("../CONTRIBUTING.md")),
    ("SECURITY.md", include_str!("../SECURITY.md")),
    ("docs/codes.md", include_str!("../docs/codes.md")),
    ("docs/controls.md", include_str!("../docs/controls.md")),
    ("docs/reports/audit.md", include_str!("../docs/reports/audit.md")),
    ("docs/exit-codes.md", include_str!("../docs/exit-codes.md")),
    ("docs/fleet.md", include_str!("../docs/fleet.md")),
    ("docs/live.md", include_str!("../docs/live.md")),
    ("docs/bundle.md", include_str!("../docs/bundle.md")),
    ("docs/policy.md", include_str!("../docs/policy.md")),
    ("docs/inputs.md", include_str!("../docs/inputs.md")),
    ("docs/formats/sosreport.md", include_str!("../docs/formats/sosreport.md")),
    ("docs/reports.md", include_str!("../docs/reports.md")),
    ("docs/formats/ss.md", include_str!("../docs/formats/ss.md")),
    ("docs/formats/netstat.md", include_str!("../docs/formats/netstat.md")),
    ("docs/formats/lsof.md", include_str!("../docs/formats/lsof.md")),
    ("docs/formats/lsof-F.md", include_str!("../docs/formats/lsof-F.md")),
    ("docs/formats/proc-net.md", include_str!("../docs/formats/proc-net.md")),
    ("docs/formats/snapshot.md", include_str!("../docs/formats/snapshot.md")),
    ("docs/formats/ansible.md", include_str!("../docs/formats/ansible.md")),
    ("docs/formats/docker.md", include_str!("../docs/formats/docker.md")),
    ("docs/formats/goss.md", include_str!("../docs/formats/goss.md")),
    ("docs/formats/inspec.md", include_str!("../docs/formats/inspec.md")),
    ("docs/formats/jc.md", include_str!("../docs/formats/jc.md")),
    ("docs/formats/lynis.md", include_str!("../docs/formats/lynis.md")),
    ("docs/formats/masscan.md", include_str!("../docs/formats/masscan.md")),
    ("docs/formats/nmap.md", include_str!("../docs/formats/nmap.md")),
    ("docs/formats/osquery.md", include_str!("../docs/formats/osquery.md")),
    ("docs/formats/netstat-bsd.md", include_str!("../docs/formats/netstat-bsd.md")),
    ("docs/formats/netstat-windows.md", include_str!("../docs/formats/netstat-windows.md")),
    ("docs/formats/powershell.md", include_str!("../docs/formats/powershell.md")),
    ("docs/formats/sockstat.md", include_str!("../docs/formats/sockstat.md")),
    ("docs/formats/systemctl.md", include_str!("../docs/formats/systemctl.md")),
];

/// The text of a page; a checkout may have put other line ends into it.
fn page(name: &str) -> String {
    let (_, text) = PAGES.iter().find(|(page, _)| *page == name).expect("a page");
    text.replace("\r\n", "\n")
}

/// Bodies of the fenced blocks of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    text.split(open.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap_or_default())
        .collect()
}

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    // The command line makes this one itself, from what all hosts together showed.
    let mut codes = vec!["socklint::policy::waiver_unused"];
    codes.extend(IssueKind::ALL.map(IssueKind::code));
    codes.extend(PolicyErrorKind::ALL.map(PolicyErrorKind::code));
    codes.extend(CliErrorKind::ALL.map(CliErrorKind::code));
    codes.extend(SuiteFinding::ALL.map(SuiteFinding::code));
    codes.sort_unstable();
    codes.dedup();
    let text = page("docs/codes.md");
    let mut sections: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("socklint::"))
        .collect();
    sections.sort_unstable();
    assert_eq!(codes, sections);
}

#[test]
fn every_policy_in_the_pages_loads() {
    let mut count = 0;
    for (name, _) in PAGES {
        for block in blocks(&page(name), "toml") {
            count += 1;
            let loaded = load(vec![Arc::new(SourceFile::new(*name, block))]);
            assert_eq!(loaded.errors, [], "{name}:\n{block}");
        }
    }
    assert!(count > 10, "{count} policies found");
}

/// A block of `toml test` holds the tests of the policy in the block of `toml` before it.
#[test]
fn every_policy_test_in_the_pages_passes() {
    let mut count = 0;
    for (name, _) in PAGES {
        let text = page(name);
        for (at, _) in text.match_indices("```toml test\n") {
            count += 1;
            let (before, after) = text.split_at(at);
            let policy = blocks(before, "toml").pop().expect("a policy before its tests");
            let tests = blocks(after, "toml test").remove(0);
            let policy =
                load(vec![Arc::new(SourceFile::new(*name, policy))]).policy.expect("loads");
            let suite = suite::read(vec![Arc::new(SourceFile::new(*name, tests))], &policy);
            assert_eq!(suite.errors, [], "{name}:\n{tests}");
            let run = suite::run(&policy, &suite);
            assert_eq!((run.failed(), run.uncovered()), (0, 0), "{name}:\n{tests}");
        }
    }
    assert!(count > 0, "no tests found");
}

#[test]
fn every_pack_is_named() {
    for pack in PACKS {
        let row = format!("| `builtin:{}` | {} |", pack.name, pack.about);
        assert!(page("docs/policy.md").contains(&row), "{row}");
    }
}

#[test]
fn every_condition_is_described() {
    for key in KEYS {
        let row = format!("| `{}` |", key.name());
        assert!(page("docs/policy.md").contains(&row), "{row}");
    }
}

#[test]
fn every_input_format_has_a_page() {
    for format in FORMATS {
        let name = format!("docs/formats/{}.md", format.name());
        assert!(PAGES.iter().any(|(page, _)| *page == name), "{name}");
        assert!(page("README.md").contains(&format!("]({name})")), "{name} is not in README.md");
    }
    let pages = PAGES.iter().filter(|(name, _)| name.starts_with("docs/formats/"));
    for (name, text) in pages {
        for section in ["## Capture well", "## Example", "## What it proves"] {
            assert!(text.lines().any(|line| line == section), "{name} lacks `{section}`");
        }
    }
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in PAGES {
        let directory = root.join(name).parent().expect("a directory").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let outside =
                target.contains("://") || file.is_empty() || file.contains(char::is_whitespace);
            assert!(outside || directory.join(file).exists(), "{name}: {target}");
        }
    }
}

/// Runs the commands of a page's transcripts in `directory` and compares what they print, on standard
/// output, with what the page shows; says how many there were.
fn check_transcripts(name: &str, directory: &Path) -> usize {
    let text = page(name);
    let mut count = 0;
    for block in blocks(&text, "console") {
        let (typed, shown) = block.split_once('\n').unwrap_or((block, ""));
        let typed = typed.replace("$ cargo run --release --", "$ socklint");
        let Some(arguments) = typed.strip_prefix("$ socklint ") else { continue };
        if shown.is_empty() || shown.starts_with("$ ") {
            continue;
        }
        count += 1;
        #[expect(clippy::disallowed_methods, reason = "the program itself is under test")]
        let mut program = Command::new(env!("CARGO_BIN_EXE_socklint"));
        program.args(arguments.split(' ')).current_dir(directory);
        program.env_remove("SOCKLINT_POLICY").env_remove("CLICOLOR_FORCE");
        let output = program.output().expect("the program runs");
        let printed = String::from_utf8(output.stdout).expect("text");
        assert_eq!(printed.trim_end(), shown, "{name}: {typed}");
    }
    count
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    assert_eq!(check_transcripts("README.md", Path::new(env!("CARGO_MANIFEST_DIR"))), 3);
}

#[test]
fn pages_of_formats_show_what_the_program_prints() {
    for (name, capture, evidence) in [
        ("docs/formats/ss.md", "docs/formats/ss.md", "db1.txt"),
        ("docs/formats/netstat.md", "docs/formats/netstat.md", "web1.txt"),
        ("docs/formats/lsof.md", "docs/formats/lsof.md", "mac1.txt"),
        ("docs/formats/lsof-F.md", "docs/formats/lsof-F.md", "db1.txt"),
        ("docs/formats/proc-net.md", "docs/formats/proc-net.md", "web1.txt"),
        ("docs/formats/snapshot.md", "docs/formats/netstat.md", "web1.txt"),
        ("docs/formats/ansible.md", "docs/formats/ansible.md", "web1.json"),
        ("docs/formats/docker.md", "docs/formats/docker.md", "dock1.txt"),
        ("docs/formats/goss.md", "docs/formats/goss.md", "goss.yaml"),
        ("docs/formats/inspec.md", "docs/formats/inspec.md", "web1.json"),
        ("docs/formats/jc.md", "docs/formats/jc.md", "web1.json"),
        ("docs/formats/lynis.md", "docs/formats/lynis.md", "web1.dat"),
        ("docs/formats/masscan.md", "docs/formats/masscan.md", "scan.txt"),
        ("docs/formats/nmap.md", "docs/formats/nmap.md", "scan.txt"),
        ("docs/formats/osquery.md", "docs/formats/osquery.md", "edge1.txt"),
        ("docs/formats/netstat-bsd.md", "docs/formats/netstat-bsd.md", "mini1.txt"),
        ("docs/formats/netstat-windows.md", "docs/formats/netstat-windows.md", "web1.txt"),
        ("docs/formats/powershell.md", "docs/formats/powershell.md", "win1.txt"),
        ("docs/formats/sockstat.md", "docs/formats/sockstat.md", "fw1.txt"),
        ("docs/formats/systemctl.md", "docs/formats/systemctl.md", "web1-sockets.txt"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let text = page(capture);
        let body =
            blocks(&text, "text").first().map(|block| format!("{block}\n")).expect("a capture");
        #[expect(clippy::disallowed_methods, reason = "the program under test reads it")]
        std::fs::write(directory.path().join(evidence), body).expect("the capture is written");
        assert_eq!(check_transcripts(name, directory.path()), 1, "{name}");
    }
}

#[test]
fn every_output_format_has_its_section() {
    let text = page("docs/reports.md");
    let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for format in REPORTERS {
        let heading = format!("`{}`", format.name());
        let found = sections.iter().any(|section| section.contains(&heading));
        // Those for auditors share their sections.
        let found = found || page("docs/reports/audit.md").contains(&heading);
        assert!(found, "docs/reports.md has no section {heading}");
    }
}
