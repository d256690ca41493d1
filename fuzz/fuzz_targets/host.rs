//! A folder of files, put together by host and judged as one snapshot: files are divided by NUL, each is its path, a
//! line feed and its text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use socklint::capture::Options;
use socklint::evidence::{Gather, Member, read};

fuzz_target!(|bytes: &[u8]| {
    let mut gather = Gather::new("fuzz/", Some("fuzz".to_owned()));
    let mut found = Vec::new();
    for file in bytes.split(|&byte| byte == 0) {
        let mut parts = file.splitn(2, |&byte| byte == b'\n');
        let path = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        if !gather.wants(&path) {
            continue;
        }
        let bytes = parts.next().unwrap_or_default().to_vec();
        let member = Member { name: format!("fuzz/{path}"), path, bytes, ..Member::default() };
        gather.add(member, &mut found).expect("within the limits");
    }
    gather.finish(&mut found);
    for evidence in found {
        for capture in read(evidence, &Options::default()) {
            let snapshot = &capture.snapshot;
            let issues = capture.issues.iter().filter_map(|issue| issue.at);
            for span in snapshot.sockets().iter().map(|socket| socket.span()).chain(issues) {
                let text = snapshot.sources.get(span.source).expect("a text").text();
                assert!(text.get(span.range()).is_some());
            }
        }
    }
});
