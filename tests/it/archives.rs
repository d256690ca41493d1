//! Archives, compressed files and streams: what is whole is judged, what is not is told, and nothing does harm.

use std::io::Write as _;

use crate::support::{NETSTAT, Outcome, Place};

const POLICY: &str =
    "[[rule]]\nid = \"no-telnet\"\nmatch = { port = 23, transport = \"tcp\" }\nforbid = true\n";

/// A tar archive of these members, each a file.
fn tar_of(members: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in members {
        file(&mut builder, name, text.as_bytes());
    }
    builder.into_inner().unwrap()
}

fn file(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_700_000_000);
    header.set_entry_type(tar::EntryType::Regular);
    builder.append_data(&mut header, name, bytes).unwrap();
}

/// An entry whose name is not what the library would write.
fn odd(builder: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_entry_type(kind);
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Names of the hosts that `list` shows of a file.
fn hosts(place: &Place, args: &[&str]) -> (Vec<String>, Outcome) {
    let mut all = vec!["list", "-f", "ndjson"];
    all.extend(args);
    let run = place.run(&all);
    let names = run.out.lines().map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["host"]["name"].as_str().unwrap_or("?").to_owned()
    });
    (names.collect(), run)
}

fn three() -> Vec<u8> {
    tar_of(&[("a.txt", NETSTAT), ("sub/b.txt", NETSTAT), ("sub/c.txt", NETSTAT)])
}

#[test]
fn every_way_of_packing_reads_the_same() {
    let place =
        Place::with(&[("d/a.txt", NETSTAT), ("d/sub/b.txt", NETSTAT), ("d/sub/c.txt", NETSTAT)]);
    let tar = three();
    place.write("f.tar", &tar);
    place.write("f.tar.gz", gzip(&tar));
    place.write("oddly-named", zstd::encode_all(tar.as_slice(), 1).unwrap());
    place.write("two.gz", [gzip(&tar[..700]), gzip(&tar[700..])].concat());
    let inner = tar_of(&[("b.txt", NETSTAT), ("c.txt", NETSTAT)]);
    let mut nested = tar::Builder::new(Vec::new());
    file(&mut nested, "a.txt.gz", &gzip(NETSTAT.as_bytes()));
    file(&mut nested, "sub.tar.zst", &zstd::encode_all(inner.as_slice(), 1).unwrap());
    place.write("nested.tar", nested.into_inner().unwrap());
    for input in ["d", "f.tar", "f.tar.gz", "oddly-named", "two.gz", "nested.tar"] {
        let (names, run) = hosts(&place, &[input]);
        run.expect(0);
        assert_eq!(names, ["a", "b", "c"], "{input}");
    }
    // Standard input too.
    let input = std::fs::File::open(place.path().join("f.tar.gz")).unwrap();
    let mut command = place.command(&["list", "-f", "ndjson", "-"]);
    let out = command.stdin(input).output().unwrap();
    assert_eq!(String::from_utf8(out.stdout).unwrap().lines().count(), 3);
}

#[test]
fn xz_is_read() {
    /// `printf '$ ss -ltn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n' | xz -9`, xz 5.4.1.
    const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e00044003d5d001208\
                      0ca5ac";
    // The head alone, since the stream is cut: what is damaged says so, and is no panic.
    let bytes: Vec<u8> = (0..XZ.len() / 2)
        .map(|at| u8::from_str_radix(&XZ[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    let place = Place::new();
    place.write("a.xz", bytes);
    place.run(&["list", "a.xz"]).expect(2).says(&["`a.xz` is"]);
}

#[test]
fn places_name_archive_member_and_line() {
    let place = Place::with(&[("policy.toml", POLICY)]);
    place.write("f.tar.gz", gzip(&three()));
    let run = place.run(&["check", "-p", "policy.toml", "f.tar.gz"]).expect(1);
    assert!(run.out.contains("f.tar.gz:sub/b.txt:5:21"), "{}", run.out);
}

#[test]
fn a_truncated_archive_is_judged_as_far_as_it_is_whole() {
    let place = Place::with(&[("policy.toml", POLICY)]);
    let tar = three();
    let blocks = NETSTAT.len().div_ceil(512) * 512 + 512;
    for (len, whole, last) in [
        (0, 0, None),
        (blocks / 2, 0, Some("nothing of it is whole")),
        (blocks, 1, Some("the last whole part is `a.txt`")),
        (blocks + 100, 1, Some("the last whole part is `a.txt`")),
        (blocks + 512, 1, Some("the last whole part is `a.txt`")),
        (2 * blocks - 512, 1, Some("the last whole part is `a.txt`")),
        (2 * blocks, 2, Some("the last whole part is `sub/b.txt`")),
        (3 * blocks, 3, Some("the last whole part is `sub/c.txt`")),
    ] {
        place.write("f.tar", &tar[..len]);
        let (names, run) = hosts(&place, &["f.tar"]);
        assert_eq!(names.len(), whole, "{len}: {names:?}\n{}", run.err);
        let run = run.expect(2);
        if let Some(last) = last {
            run.says(&["`f.tar` is cut off", last]);
        }
        let checked = place.run(&["check", "-p", "policy.toml", "f.tar"]).expect(2);
        assert_eq!(checked.out.matches("error[no-telnet]").count(), whole, "{len}");
    }
    let packed = gzip(&tar);
    place.write("f.tar.gz", &packed[..packed.len() - 4]);
    let (names, run) = hosts(&place, &["f.tar.gz"]);
    assert_eq!(names.len(), 3);
    run.expect(2).says(&["`f.tar.gz` is cut off", "`sub/c.txt`"]);
    let mut damaged = packed.clone();
    damaged[packed.len() - 6] ^= 0xFF;
    place.write("f.tar.gz", damaged);
    hosts(&place, &["f.tar.gz"]).1.expect(2).says(&["`f.tar.gz` is damaged"]);
}

#[test]
fn hostile_names_and_links_do_no_harm() {
    let place = Place::with(&[("secret.txt", NETSTAT)]);
    let mut builder = tar::Builder::new(Vec::new());
    odd(&mut builder, "../../outside.txt", tar::EntryType::Regular, NETSTAT.as_bytes());
    odd(&mut builder, "/tmp/absolute.txt", tar::EntryType::Regular, NETSTAT.as_bytes());
    for (name, kind) in [
        ("link", tar::EntryType::Symlink),
        ("hard", tar::EntryType::Link),
        ("null", tar::EntryType::Char),
        ("pipe", tar::EntryType::Fifo),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_entry_type(kind);
        builder.append_link(&mut header, name, "secret.txt").unwrap();
    }
    place.write("f.tar", builder.into_inner().unwrap());
    let before = place.names();
    let (names, run) = hosts(&place, &["f.tar"]);
    run.expect(0).says(&["2 links, 2 devices or pipes, 2 names that lead out of it"]);
    assert_eq!(names, ["outside", "absolute"]);
    assert_eq!(place.names(), before);
    assert!(!std::path::Path::new("/tmp/absolute.txt").exists());
}

#[test]
fn bombs_are_told() {
    let place = Place::new();
    let zeros = vec![0_u8; 80 << 20];
    place.write("zeros.zst", zstd::encode_all(zeros.as_slice(), 1).unwrap());
    place.run(&["list", "zeros.zst"]).expect(2).says(&["more than 500 bytes come out"]);
    let mut builder = tar::Builder::new(Vec::new());
    file(&mut builder, "a.txt", NETSTAT.as_bytes());
    file(&mut builder, "zeros.txt", &zeros);
    file(&mut builder, "b.txt", NETSTAT.as_bytes());
    let tar = builder.into_inner().unwrap();
    place.write("f.tar.zst", zstd::encode_all(tar.as_slice(), 1).unwrap());
    let (names, run) = hosts(&place, &["f.tar.zst"]);
    assert_eq!(names, ["a"]);
    run.expect(2).says(&["`f.tar.zst` was not read to its end", "the last whole part is `a.txt`"]);
    let mut deep = NETSTAT.as_bytes().to_vec();
    for _ in 0..6 {
        deep = gzip(&deep);
    }
    place.write("deep.gz", deep);
    place.run(&["list", "deep.gz"]).expect(2).says(&["lie in one another"]);
    let mut builder = tar::Builder::new(Vec::new());
    odd(&mut builder, "././@LongLink", tar::EntryType::GNULongName, &vec![b'n'; 100_000]);
    file(&mut builder, "a.txt", NETSTAT.as_bytes());
    place.write("long.tar", builder.into_inner().unwrap());
    place.run(&["list", "long.tar"]).expect(2).says(&["a name is longer than"]);
}

#[test]
fn what_is_not_read_says_so() {
    let place = Place::with(&[("d/a.txt", NETSTAT)]);
    place.write("d/b.zip", b"PK\x03\x04 and more");
    let (names, run) = hosts(&place, &["d"]);
    assert_eq!(names, ["a"]);
    run.expect(2).says(&["`d/b.zip` is a zip archive, which is not read"]);
    let tar = three();
    place.write("two.tar", [tar.clone(), tar].concat());
    let (names, run) = hosts(&place, &["two.tar"]);
    assert_eq!(names.len(), 3);
    run.expect(2).says(&["something follows the end of the archive"]);
}

#[test]
fn one_bad_host_hides_no_other() {
    let place = Place::with(&[("d/a.txt", NETSTAT), ("d/b.txt", ""), ("d/c.txt", NETSTAT)]);
    place.write("policy.toml", POLICY);
    let run = place.run(&["check", "-p", "policy.toml", "d"]).expect(2);
    assert_eq!(run.out.matches("error[no-telnet]").count(), 2);
    assert!(run.out.contains("socklint::capture::empty"), "{}", run.out);
}

/// `{"host": ..., "netstat": "<text>"}`, or any other pair.
fn record(host: &str, format: &str, text: &str) -> String {
    format!("{}\n", serde_json::json!({"host": host, format: text}))
}

#[test]
fn streams_are_cut_as_they_come() {
    let place = Place::with(&[("policy.toml", POLICY), ("h1.txt", NETSTAT), ("h2.txt", NETSTAT)]);
    let snapshots = place.run(&["list", "-f", "ndjson", "h1.txt", "h2.txt"]).expect(0).out;
    place.write("s.ndjson", &snapshots);
    let (names, run) = hosts(&place, &["s.ndjson"]);
    run.expect(0);
    assert_eq!(names, ["h1", "h2"]);
    // One document is a file like any other, which names the host where nothing else does.
    place.write(
        "db1.json",
        snapshots.lines().next().unwrap().replace("\"name\":\"h1\"", "\"name\":null"),
    );
    let (names, run) = hosts(&place, &["db1.json"]);
    run.expect(0);
    assert_eq!(names, ["db1"]);
    let mut broken = snapshots.clone();
    broken.insert_str(0, "{\"schema\": \"socklint/snapshot/1\", \"host\n");
    place.write("s.ndjson", &broken);
    let (names, run) = hosts(&place, &["s.ndjson"]);
    assert_eq!(names, ["h1", "h2"]);
    run.expect(2).says(&["s.ndjson:1:"]);
    let texts = record("a", "netstat", NETSTAT)
        + &record("b", "netstat", "")
        + &record("c", "netstat", NETSTAT);
    place.write("t.ndjson.zst", zstd::encode_all(texts.as_bytes(), 1).unwrap());
    let (names, run) = hosts(&place, &["t.ndjson.zst"]);
    assert_eq!(names, ["a", "c"]);
    run.expect(2).says(&["t.ndjson.zst:2"]);
    let run = place.run(&["check", "-p", "policy.toml", "t.ndjson.zst"]).expect(2);
    assert!(run.out.contains("t.ndjson.zst:3:5:21"), "{}", run.out);
    // As tail(1) prints several files.
    let files = format!("==> a.ss <==\n{NETSTAT}\n==> b.ss <==\n{NETSTAT}");
    place.write("files.txt", &files);
    let (names, run) = hosts(&place, &["files.txt"]);
    run.expect(0);
    assert_eq!(names, ["a", "b"]);
    let run = place.run(&["check", "-p", "policy.toml", "files.txt"]).expect(1);
    assert!(run.out.contains("files.txt:a.ss:6:21"), "{}", run.out);
    assert!(run.out.contains("files.txt:b.ss:17:21"), "{}", run.out);
}
