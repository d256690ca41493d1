//! Command line.

use std::io::Write as _;
use std::sync::Arc;

/// Temporary entry for the readers' tests: `socklint list --lenient -f json FILE`.
#[must_use]
pub fn main() -> std::process::ExitCode {
    let path = std::env::args().next_back().unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "the command line reads files")]
    let Ok(bytes) = std::fs::read(&path) else { return 2.into() };
    let Ok(source) = crate::source::SourceFile::decode(path, bytes) else { return 2.into() };
    let options = crate::capture::Options::default();
    let captures = crate::capture::read(Arc::new(source), &options);
    let mut out = std::io::stdout().lock();
    for capture in &captures {
        if capture.severity(true) == Some(crate::capture::Severity::Error) {
            return 2.into();
        }
        let document = crate::snapshot::document::SnapshotDocument::new(&capture.snapshot);
        if crate::safe::json(&mut out, &document, true).is_err() || writeln!(out).is_err() {
            return 2.into();
        }
    }
    0.into()
}
