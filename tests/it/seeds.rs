//! Texts of the formats that no tool here can make: fuzzing begins with them, and each is read.

use std::path::Path;
use std::sync::Arc;

use socklint::capture::{self, Options, Severity};
use socklint::source::SourceFile;

#[test]
fn every_seed_is_of_the_format_that_its_name_begins_with() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/parse_capture");
    let mut formats: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = SourceFile::decode(name.clone(), std::fs::read(&path).unwrap()).unwrap();
        let all = capture::read(Arc::new(source), &Options::default());
        let (format, _) = name.split_once('.').unwrap();
        assert_eq!(all.len(), 1, "{name}");
        assert_eq!(all[0].snapshot.origin.format, format, "{name}");
        assert!(all[0].severity(false) < Some(Severity::Error), "{name}: {:?}", all[0].issues);
        assert!(!all[0].snapshot.sockets().is_empty(), "{name}");
        formats.push(format.to_owned());
    }
    formats.sort();
    formats.dedup();
    assert_eq!(formats, ["netstat-bsd", "netstat-windows", "powershell", "sockstat", "systemctl"]);
}
