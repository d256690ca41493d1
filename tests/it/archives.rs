//! Archives, compressed files and streams: what is whole is judged, what is not is told, and nothing does harm.

use std::io::Write as _;

use crate::support::{NETSTAT, Outcome, Place, flat};

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

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// The compressions, by the endings of their files; none is one too.
type Pack = fn(&[u8]) -> Vec<u8>;
const PACKS: [(&str, Pack); 4] =
    [("", |bytes| bytes.to_vec()), (".gz", gzip), (".xz", xz), (".zst", zst)];

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
    place.write("f.tar.xz", xz(&tar));
    place.write("two.xz", [xz(&tar[..700]), xz(&tar[700..])].concat());
    let inner = tar_of(&[("b.txt", NETSTAT), ("c.txt", NETSTAT)]);
    let mut nested = tar::Builder::new(Vec::new());
    file(&mut nested, "a.txt.gz", &gzip(NETSTAT.as_bytes()));
    file(&mut nested, "sub.tar.zst", &zstd::encode_all(inner.as_slice(), 1).unwrap());
    place.write("nested.tar", nested.into_inner().unwrap());
    for input in
        ["d", "f.tar", "f.tar.gz", "f.tar.xz", "oddly-named", "two.gz", "two.xz", "nested.tar"]
    {
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

/// Bytes that no compression makes shorter, as lines behind the rows of a host.
fn noise(seed: u64, lines: usize) -> String {
    // Splitmix64.
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        format!("{:016x}", mixed ^ mixed >> 31)
    };
    (0..lines).map(|_| format!("# {}\n", (0..8).map(|_| next()).collect::<String>())).collect()
}

/// The three hosts of an archive, long enough for each compression to let some come out before the end.
fn three_long() -> Vec<u8> {
    let [a, b, c] = [1, 2, 3].map(|seed| format!("{NETSTAT}{}", noise(seed, 1500)));
    tar_of(&[("a.txt", &a), ("sub/b.txt", &b), ("sub/c.txt", &c)])
}

#[test]
fn every_truncated_archive_names_the_last_whole_member() {
    let place = Place::with(&[("policy.toml", POLICY)]);
    let tar = three_long();
    for (ending, pack) in PACKS {
        let file = format!("f.tar{ending}");
        let packed = pack(&tar);
        let mut seen = Vec::new();
        for percent in [20, 60, 95] {
            place.write(&file, &packed[..packed.len() * percent / 100]);
            let (names, run) = hosts(&place, &[&file]);
            let after = match names.last().map(String::as_str) {
                None => "nothing of it is whole".to_owned(),
                Some("a") => "the last whole part is `a.txt`".to_owned(),
                Some(last) => format!("the last whole part is `sub/{last}.txt`"),
            };
            run.expect(2).says(&[&format!("`{file}` is cut off"), &after]);
            let checked = place.run(&["check", "-p", "policy.toml", &file]).expect(2);
            assert_eq!(checked.out.matches("error[no-telnet]").count(), names.len(), "{file}");
            seen.push(names.len());
        }
        assert_eq!((seen[0], seen[1], seen[2]), (0, 1, 2), "{file}");
    }
}

#[test]
fn every_truncated_stream_names_the_last_whole_document() {
    let place = Place::with(&[("policy.toml", POLICY)]);
    let text = |seed| format!("{NETSTAT}{}", noise(seed, 1500));
    let records = [("a", 1), ("b", 2), ("c", 3)];
    let records = records.map(|(host, seed)| record(host, "netstat", &text(seed))).concat();
    for (ending, pack) in PACKS {
        let file = format!("s.ndjson{ending}");
        let packed = pack(records.as_bytes());
        for (whole, percent) in [20, 60, 95].into_iter().enumerate() {
            place.write(&file, &packed[..packed.len() * percent / 100]);
            let (names, run) = hosts(&place, &[&file]);
            assert_eq!(names.len(), whole, "{file}: {names:?}\n{}", run.err);
            let run = run.expect(2);
            if ending.is_empty() {
                // What is cut has a line of its own, and says so.
                run.says(&[&format!("{file}:{}:", whole + 1)]);
            } else if whole == 0 {
                run.says(&[&format!("`{file}` is cut off"), "nothing of it is whole"]);
            } else {
                let last = format!("the last whole part is `{file}:{whole}`");
                run.says(&[&format!("`{file}` is cut off"), &last]);
            }
            let checked = place.run(&["check", "-p", "policy.toml", &file]).expect(2);
            assert_eq!(checked.out.matches("error[no-telnet]").count(), whole, "{file}");
        }
        // The end of the compression is missing, and all documents are whole; zstd's last block is cut.
        if matches!(ending, ".gz" | ".xz") {
            place.write(&file, &packed[..packed.len() - 4]);
            let (names, run) = hosts(&place, &[&file]);
            assert_eq!(names, ["a", "b", "c"], "{file}");
            run.expect(2).says(&[&format!("the last whole part is `{file}:3`")]);
        }
    }
}

#[test]
fn a_long_member_that_is_cut_off_does_not_come_out() {
    let place = Place::new();
    let text = format!(
        "{NETSTAT}{}",
        "# a comment, as long as a line may be, and a bit longer still\n".repeat(280_000)
    );
    assert!(text.len() > 1 << 24);
    let tar = tar_of(&[("a.txt", NETSTAT), ("b.txt", &text)]);
    // At the end of a line: nothing of the text itself shows that it is cut.
    let cut = tar[..tar.len() - 4096].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    place.write("f.tar", &tar[..cut]);
    let (names, run) = hosts(&place, &["f.tar"]);
    assert_eq!(names, ["a"]);
    run.expect(2).says(&["`f.tar` is cut off", "the last whole part is `a.txt`"]);
}

#[test]
fn hostile_names_and_links_do_no_harm() {
    let place = Place::with(&[("secret.txt", NETSTAT)]);
    let mut builder = tar::Builder::new(Vec::new());
    odd(&mut builder, "../../outside.txt", tar::EntryType::Regular, NETSTAT.as_bytes());
    odd(&mut builder, "/tmp/absolute.txt", tar::EntryType::Regular, NETSTAT.as_bytes());
    for (name, kind) in [
        ("link", tar::EntryType::Symlink),
        ("other", tar::EntryType::Symlink),
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

/// One host of three is broken, in whatever it comes.
#[test]
fn one_bad_host_hides_no_other_in_any_container() {
    let place = Place::with(&[("policy.toml", POLICY)]);
    let bad = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:99999 0.0.0.0:*\n";
    let three = [("a", NETSTAT), ("b", bad), ("c", NETSTAT)];
    let tar = tar_of(&three.map(|(host, text)| {
        (["a.txt", "b.txt", "c.txt"][usize::from(host.as_bytes()[0] - b'a')], text)
    }));
    let sos = three.map(|(host, text)| {
        (
            format!(
                "sosreport-{host}-2024-03-07-abcdefg/sos_commands/networking/{}_-an",
                if host == "b" { "ss" } else { "netstat" }
            ),
            text,
        )
    });
    let sos: Vec<(&str, &str)> = sos.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let records = three
        .map(|(host, text)| record(host, if host == "b" { "ss" } else { "netstat" }, text))
        .concat();
    let files: String = three.map(|(host, text)| format!("==> {host}.txt <==\n{text}\n")).concat();
    for (path, text) in &sos {
        place.write(&format!("d/{path}"), text);
    }
    let mut inputs = vec!["d".to_owned()];
    for (ending, pack) in PACKS {
        for (name, bytes) in [
            ("f.tar", tar.clone()),
            ("sos.tar", tar_of(&sos)),
            ("s.ndjson", records.clone().into_bytes()),
            ("files.txt", files.clone().into_bytes()),
        ] {
            place.write(&format!("{name}{ending}"), pack(&bytes));
            inputs.push(format!("{name}{ending}"));
        }
    }
    for input in inputs {
        let run = place.run(&["check", "-p", "policy.toml", &input]).expect(2);
        assert_eq!(run.out.matches("error[no-telnet]").count(), 2, "{input}: {}", run.out);
        assert!(flat(&run.out).contains("socklint::capture::row_unread"), "{input}: {}", run.out);
    }
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

/// tar writes the second of two files that are one on disk as a link: it is a host all the same, and is not lost.
#[test]
fn a_hard_link_is_no_harmless_one() {
    let place = Place::with(&[("p.toml", POLICY)]);
    let mut builder = tar::Builder::new(Vec::new());
    file(&mut builder, "a.txt", NETSTAT.as_bytes());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Link);
    builder.append_link(&mut header, "b.txt", "a.txt").unwrap();
    place.write("two.tar", builder.into_inner().unwrap());
    let run = place.run(&["check", "-p", "p.toml", "two.tar"]).expect(2);
    assert!(flat(&run.err).contains("`two.tar:b.txt` is a hard link"), "{}", run.err);
}

/// gzip(1) reads over zeros behind the end, as tapes have them, and over nothing else.
#[test]
fn zeros_behind_a_gzip_file_are_none_of_it() {
    let place = Place::with(&[("p.toml", POLICY)]);
    let packed = gzip(NETSTAT.as_bytes());
    place.write("plain.gz", &packed);
    place.write("zeros.gz", [packed.clone(), vec![0; 70_000]].concat());
    place.write(
        "two.gz",
        [gzip(&NETSTAT.as_bytes()[..100]), gzip(&NETSTAT.as_bytes()[100..])].concat(),
    );
    let wanted = place.run(&["list", "-f", "json", "--host", "a", "plain.gz"]).expect(0).json();
    for name in ["zeros.gz", "two.gz"] {
        let found = place.run(&["list", "-f", "json", "--host", "a", name]).expect(0).json();
        assert_eq!(found["sockets"], wanted["sockets"], "{name}");
    }
    place.write(
        "junk.gz",
        [packed.clone(), b"junk that is no member of a gzip file".to_vec()].concat(),
    );
    place.write("hidden.gz", [packed.clone(), vec![0; 9], packed].concat());
    for name in ["junk.gz", "hidden.gz"] {
        let run = place.run(&["check", "-p", "p.toml", name]).expect(2);
        assert!(flat(&run.err).contains("is damaged"), "{}", run.err);
    }
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

#[test]
fn hidden_files_of_an_archive_are_told() {
    let row = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n";
    let hidden = [("a.txt", row), (".hid.txt", row), (".d/x.txt", row), ("._a.txt", row)];
    let place = Place::new();
    place.write("f.tar", tar_of(&hidden));
    let run = place.run(&["list", "f.tar"]).expect(0);
    run.says(&["f.tar: 2 hidden files are not read; the first is .hid.txt"]);
    place.write("f.tar", tar_of(&[("a.txt", row), ("._a.txt", row)]));
    assert!(!place.run(&["list", "f.tar"]).expect(0).err.contains("hidden"));
}
