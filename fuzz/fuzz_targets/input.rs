//! Any bytes as an input that was named: archives, compressions, streams; what is found in them is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use socklint::capture::Options;
use socklint::cli::evidence_in;
use socklint::evidence::read;

fuzz_target!(|bytes: &[u8]| {
    let (evidence, errors) = evidence_in("fuzz", bytes);
    assert!(!evidence.is_empty() || errors > 0 || bytes.len() < 1 << 20);
    for one in evidence {
        assert!(!one.texts.is_empty());
        assert!(!read(one, &Options::default()).is_empty());
    }
});
