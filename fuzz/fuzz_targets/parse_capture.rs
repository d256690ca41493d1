//! Any bytes are read without a panic, and every span lies in the text.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use socklint::capture::{self, Options};
use socklint::snapshot::document::SnapshotDocument;
use socklint::source::SourceFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = SourceFile::decode("fuzz", bytes.to_vec()) else { return };
    for capture in capture::read(Arc::new(source), &Options::default()) {
        for socket in capture.snapshot.sockets() {
            let span = socket.span();
            let text = capture.snapshot.sources.get(span.source).expect("a text").text();
            assert!(text.get(span.range()).is_some());
            assert!(text.get(socket.endpoint_span().range()).is_some());
        }
        let mut json = Vec::new();
        socklint::safe::json(&mut json, &SnapshotDocument::new(&capture.snapshot), false).expect("writes");
        // What is written is read back with nothing lost.
        let text = String::from_utf8(json).expect("UTF-8");
        let again = capture::read(Arc::new(SourceFile::new("again", text.clone())), &Options::default());
        let mut twice = Vec::new();
        socklint::safe::json(&mut twice, &SnapshotDocument::new(&again[0].snapshot), false).expect("writes");
        assert_eq!(text.as_bytes(), twice);
    }
});
