//! Each reader by itself, as `--from` names it: the one of `SOCKLINT_FUZZ_FORMAT`, else the first byte is its place
//! in the registry; the rest is the text. Nothing panics, and every span lies in its text.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use socklint::capture::{self, CaptureFormat, FORMATS, Options};
use socklint::source::SourceFile;

static ONLY: LazyLock<Option<&'static dyn CaptureFormat>> = LazyLock::new(|| {
    let name = std::env::var("SOCKLINT_FUZZ_FORMAT").ok()?;
    Some(capture::format(&name).expect("a format"))
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let from = ONLY.or_else(|| FORMATS.get(usize::from(*first) % FORMATS.len()).copied());
    let Ok(source) = SourceFile::decode("fuzz", text.to_vec()) else { return };
    let options = Options { from, ..Options::default() };
    let captures = capture::read(Arc::new(source), &options);
    assert!(!captures.is_empty());
    for capture in captures {
        let snapshot = &capture.snapshot;
        let issues = capture.issues.iter().filter_map(|issue| issue.at);
        let spans = snapshot.sockets().iter().flat_map(|socket| [socket.span(), socket.endpoint_span()]);
        for span in spans.chain(issues) {
            let text = snapshot.sources.get(span.source).expect("a text").text();
            assert!(text.get(span.range()).is_some());
        }
    }
});
