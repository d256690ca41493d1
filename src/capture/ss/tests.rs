//! Tests of the reader on small captures.
#[test]
fn dbg() {
    let text =
        std::fs::read_to_string("/work/shared/captures-lab/ss-6.1.0__screen60-lntup__server.txt")
            .unwrap();
    let source = std::sync::Arc::new(crate::source::SourceFile::new("x", text));
    for c in crate::capture::read(source, &Default::default()) {
        for i in &c.issues {
            println!("{i:?} {:?}", i.at.map(|a| c.snapshot.sources.slice(a).to_owned()));
        }
        for s in c.snapshot.sockets() {
            println!(
                "{} {}",
                c.snapshot.endpoint(s),
                c.snapshot
                    .owners(s)
                    .iter()
                    .map(|o| format!("{}/{:?}", c.snapshot.text(o.name.unwrap()), o.pid))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
    }
}
