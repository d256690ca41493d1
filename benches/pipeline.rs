//! Reading, judging and rendering, by size: `cargo bench`.
//!
//! Counts are listeners; `alloc` lines show how much each stage allocates.

use std::fmt::Write as _;
use std::sync::Arc;

use divan::{AllocProfiler, Bencher};
use socklint::audit::{Summary, Threshold, audit};
use socklint::capture::{self, Capture, Options};
use socklint::policy::{Policy, Severity, load};
use socklint::report::{HostReport, REPORTERS, Run, Style, format};
use socklint::snapshot::Grade;
use socklint::source::SourceFile;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 3] = [30, 2_000, 50_000];

const RULES: &str = include_str!("ten-rules.toml");

fn main() {
    divan::main();
}

/// A capture in the manner of `ss -lntup`, `listeners` rows long; the same arguments give the same
/// text.
fn host(listeners: usize) -> String {
    let names =
        ["nginx", "postgres", "java", "node_exporter", "systemd-resolve", "sshd", "redis-server"];
    let ports = [80, 5432, 8080, 9100, 53, 22, 6379, 443, 3306, 111];
    let mut text = String::from(
        "$ ss -lntup\nNetid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n",
    );
    for row in 0..listeners {
        let (netid, state) = if row % 4 == 0 { ("udp", "UNCONN") } else { ("tcp", "LISTEN") };
        let (address, peer) = match row % 5 {
            0 => ("0.0.0.0".to_owned(), "0.0.0.0:*"),
            1 => ("127.0.0.1".to_owned(), "0.0.0.0:*"),
            2 => ("[::]".to_owned(), "[::]:*"),
            3 => ("*".to_owned(), "*:*"),
            _ => (format!("10.{}.{}.7", row / 250 % 250, row % 250), "0.0.0.0:*"),
        };
        let port = if row % 7 == 0 {
            ports.get(row / 7 % 10).copied().unwrap_or(80)
        } else {
            10_000 + row * 7 % 50_000
        };
        let name = names.get(row % 7).copied().unwrap_or("sshd");
        let process = format!("users:((\"{name}\",pid={},fd={}))", 1000 + row, 3 + row % 20);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{netid:<5} {state:<6} 0      {:<6} {address:>20}:{port:<5} {peer:>12}    {process}",
            128 + row % 4 * 128
        );
    }
    text
}

fn source(listeners: usize) -> Arc<SourceFile> {
    Arc::new(SourceFile::new("bench.txt", host(listeners)))
}

fn policy() -> Policy {
    load(vec![Arc::new(SourceFile::new("ten-rules.toml", RULES))])
        .policy
        .unwrap_or_else(|| unreachable!("the bench policy loads"))
}

fn read(source: &Arc<SourceFile>) -> Capture {
    let capture = capture::read(Arc::clone(source), &Options::default()).remove(0);
    assert!(capture.issues.is_empty(), "{:?}", capture.issues.first());
    capture
}

/// Text to snapshot.
#[divan::bench(args = SIZES)]
fn read_ss(bencher: Bencher, listeners: usize) {
    let source = source(listeners);
    bencher.counter(divan::counter::ItemsCount::new(listeners)).bench(|| read(&source));
}

/// Snapshot to verdicts, ten rules.
#[divan::bench(args = SIZES)]
fn judge(bencher: Bencher, listeners: usize) {
    let (capture, policy) = (read(&source(listeners)), policy());
    bencher
        .counter(divan::counter::ItemsCount::new(listeners))
        .bench(|| audit(&policy, &capture.snapshot, Grade::Presumed));
}

/// Text to verdicts, ten rules.
#[divan::bench(args = SIZES)]
fn read_and_judge(bencher: Bencher, listeners: usize) {
    let (source, policy) = (source(listeners), policy());
    bencher.counter(divan::counter::ItemsCount::new(listeners)).bench(|| {
        let capture = read(&source);
        audit(&policy, &capture.snapshot, Grade::Presumed)
    });
}

/// The names of all output formats.
fn formats() -> impl Iterator<Item = &'static str> {
    REPORTERS.iter().map(|format| format.name())
}

/// A policy under which every listener is a violation, rendered whole in each format.
#[divan::bench(args = formats(), consts = [2_000, 10_000], max_time = 2)]
fn render<const VIOLATIONS: usize>(bencher: Bencher, name: &str) {
    let text = "[[rule]]\nid = \"none\"\nforbid = true\nbecause = \"bench\"\nhelp = \"stop it\"\n";
    let policy = load(vec![Arc::new(SourceFile::new("none.toml", text))])
        .policy
        .unwrap_or_else(|| unreachable!("the policy loads"));
    let Capture { snapshot, issues, detection } = read(&source(VIOLATIONS));
    let results = audit(&policy, &snapshot, Grade::Presumed);
    let threshold = Threshold { fail_on: Severity::Error, allow_unknown: false };
    let mut summary = Summary::default();
    summary.add(&results, &policy, snapshot.sockets().len(), threshold);
    let host = HostReport { snapshot, issues, detection, results: Some(results) };
    let run = Run {
        policy: &policy,
        warnings: &[],
        judged_at: jiff::Timestamp::UNIX_EPOCH,
        grade: Grade::Presumed,
        threshold,
        now: None,
        lenient: false,
        verbose: false,
        quiet: false,
        max_diagnostics: usize::MAX,
    };
    bencher.counter(divan::counter::ItemsCount::new(VIOLATIONS)).bench(|| {
        let mut out = Vec::new();
        let mut reporter = format(name)
            .unwrap_or_else(|| unreachable!("the format is there"))
            .reporter(Style::default());
        let _ = reporter.begin(&run, &mut out);
        let _ = reporter.host(&run, &host, &mut out);
        let _ = reporter.finish(&run, &summary, &mut out);
        out
    });
}
