//! A policy and a capture, split at the first NUL: judged and reported without a panic.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use socklint::audit::{Summary, Threshold, audit};
use socklint::capture::{self, Options};
use socklint::policy::{Severity, load};
use socklint::report::{HostReport, REPORTERS, Run, Style};
use socklint::snapshot::Grade;
use socklint::source::SourceFile;

fuzz_target!(|text: &str| {
    let Some((policy, evidence)) = text.split_once('\0') else { return };
    let Some(policy) = load(vec![Arc::new(SourceFile::new("fuzz.toml", policy))]).policy else { return };
    let threshold = Threshold { fail_on: Severity::Error, allow_unknown: false };
    let run = Run {
        policy: &policy,
        warnings: &[],
        judged_at: Default::default(),
        grade: Grade::Presumed,
        threshold,
        now: None,
        lenient: true,
        verbose: true,
        quiet: false,
        max_diagnostics: 100,
    };
    let mut summary = Summary::default();
    let mut hosts = Vec::new();
    for capture in capture::read(Arc::new(SourceFile::new("fuzz.txt", evidence)), &Options::default()) {
        let capture::Capture { snapshot, issues, detection } = capture;
        let results = audit(&policy, &snapshot, Grade::Presumed);
        summary.add(&results, &policy, snapshot.sockets().len(), threshold);
        hosts.push(HostReport { snapshot, issues, detection, results: Some(results) });
    }
    for format in REPORTERS {
        let mut reporter = format.reporter(Style { width: Some(60), colour: false });
        let mut out = Vec::new();
        reporter.begin(&run, &mut out).expect("writes");
        for host in &hosts {
            reporter.host(&run, host, &mut out).expect("writes");
        }
        reporter.finish(&run, &summary, &mut out).expect("writes");
        let shown = String::from_utf8(out).expect("UTF-8");
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
    }
});
