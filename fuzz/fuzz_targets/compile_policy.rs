//! Any text is compiled or refused without a panic, and every error has its place in the text.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use socklint::policy::load;
use socklint::source::SourceFile;

fuzz_target!(|text: &str| {
    let loaded = load(vec![Arc::new(SourceFile::new("fuzz.toml", text))]);
    assert!(loaded.policy.is_some() || !loaded.errors.is_empty());
    for error in &loaded.errors {
        if let Some(at) = error.at {
            let file = loaded.sources.get(at.source).expect("a text");
            assert!(file.text().get(at.range()).is_some());
        }
    }
});
