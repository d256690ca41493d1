//! Real captures of every tool and age, each with the listeners that it shows.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use socklint::address::unmapped;
use socklint::capture::{self, Capture, Options, Severity};
use socklint::source::SourceFile;

use crate::support::fixtures;

/// Tools that print an IPv4-mapped address as the IPv4 one.
const MAPPED_AS_PLAIN: &[&str] = &["netstat", "lsof"];

/// The snapshot documents of what is read of a file, as `list --lenient -f json` writes them; nothing where the
/// text is refused.
fn listed(path: &Path) -> Option<Vec<Value>> {
    let name = path.to_string_lossy().into_owned();
    let source = Arc::new(SourceFile::decode(name, std::fs::read(path).unwrap()).unwrap());
    let captures = capture::read(source, &Options::default());
    let refused = |capture: &Capture| capture.severity(true) == Some(Severity::Error);
    if captures.iter().any(refused) {
        return None;
    }
    let document = |capture: &Capture| {
        serde_json::to_value(socklint::snapshot::document::SnapshotDocument::new(&capture.snapshot))
            .unwrap()
    };
    Some(
        captures
            .iter()
            .flat_map(|capture| document(capture)["sockets"].as_array().unwrap().clone())
            .collect(),
    )
}

fn address(text: Option<&str>) -> Option<String> {
    let text = text?;
    let bare = text.split('%').next().unwrap_or(text).trim_matches(['[', ']']);
    Some(bare.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |ip| ip.to_string()))
}

fn plain(text: String) -> String {
    text.parse::<Ipv6Addr>().map_or(text, |ip| unmapped(ip.into()).to_string())
}

fn same_process(padded: bool, want: &Value, got: &Value) -> bool {
    let equal = |key: &str| want[key].is_null() || want[key] == got[key];
    let by_name = want["name_shown"].is_null() && want["name_lossy"].is_null();
    // netstat pads names with blanks, so that those at the end of one cannot be told; a screen that was
    // copied has no carriage returns.
    let bare = |value: &Value| {
        let name = value["name"].as_str()?.replace('\r', "");
        Some(if padded { name.trim_end().to_owned() } else { name })
    };
    let named = bare(want) == bare(got);
    equal("pid") && equal("fd") && (!by_name || named)
}

fn same_socket(format: &str, want: &Value, got: &Value) -> bool {
    let transport = |value: &Value| match value.as_str().unwrap_or_default() {
        "icmp" | "icmp6" | "icmpv6" | "raw6" => "raw".to_owned(),
        name => name.to_owned(),
    };
    let hidden = !want["addr_name"].is_null() || !want["addr_truncated"].is_null();
    let mut wanted = vec![want["addr"].as_str()];
    wanted.extend(want["addr_alt"].as_array().into_iter().flatten().map(Value::as_str));
    if hidden {
        wanted = vec![None];
    }
    let normal =
        |text: Option<&str>| match MAPPED_AS_PLAIN.iter().any(|tool| format.starts_with(tool)) {
            true => address(text).map(plain),
            false => address(text),
        };
    let addressed = wanted.into_iter().any(|text| normal(text) == normal(got["address"].as_str()));
    let name = if want["port_name"].is_null() { &want["port_text"] } else { &want["port_name"] };
    let by_name = got["port"].is_null() && !name.is_null() && *name == got["port_text"];
    let processes = |value: &Value| value.as_array().cloned().unwrap_or_default();
    // `ss -Mln` has no column that says MPTCP: its rows are read as TCP, by inference.
    let inferred =
        want["transport"] == "mptcp" && got["presumed"] == serde_json::json!(["transport"]);
    (inferred || transport(&want["transport"]) == transport(&got["transport"]))
        && addressed
        && (want["port"] == got["port"] || by_name)
        && want["iface"] == got["interface"]
        && rest(&processes(&want["processes"]), &processes(&got["processes"]), |want, got| {
            same_process(format.starts_with("netstat"), want, got)
        }) == (vec![], vec![])
}

/// What of two lists finds no partner in the other.
fn rest(
    wanted: &[Value],
    got: &[Value],
    same: impl Fn(&Value, &Value) -> bool,
) -> (Vec<Value>, Vec<Value>) {
    let mut left = got.to_vec();
    let mut missing = Vec::new();
    for want in wanted {
        match left.iter().position(|have| same(want, have)) {
            Some(at) => drop(left.remove(at)),
            None => missing.push(want.clone()),
        }
    }
    (missing, left)
}

/// Why a capture is not read as expected.
fn fault(path: &Path) -> Option<String> {
    let expected_path = path.with_extension("expected.json");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(expected_path).unwrap()).unwrap();
    let format = expected["format"].as_str().unwrap_or_default();
    let known = ["ss", "lsof", "proc-net"].iter().any(|known| format.starts_with(known))
        || format.starts_with("netstat-") && !format.contains("bsd");
    let nothing = format == "none"
        || expected["not_a_listing"] == true
        || std::fs::metadata(path).unwrap().len() == 0;
    if !known && !nothing || matches!(format, "netstat-macos" | "netstat-windows" | "sockstat") {
        return None;
    }
    let found = listed(path);
    let sockets = match (nothing, found) {
        (true, None) => return None,
        // `ss -f link` without a socket prints what `ss -lntup` without one prints; it covers nothing.
        (true, Some(sockets)) if sockets.is_empty() => return None,
        (true, Some(_)) => return Some("read as a list of sockets; it is none".to_owned()),
        (false, None) => return Some("refused".to_owned()),
        (false, Some(sockets)) => sockets,
    };
    let wanted = expected["sockets"].as_array().unwrap();
    let (missing, more) = rest(wanted, &sockets, |want, got| same_socket(format, want, got));
    let first = |list: &[Value]| list.first().map(Value::to_string).unwrap_or_default();
    (!missing.is_empty() || !more.is_empty()).then(|| {
        format!(
            "{} missing: {}\n  {} too many: {}",
            missing.len(),
            first(&missing),
            more.len(),
            first(&more)
        )
    })
}

/// Every capture below a folder that has its list beside it.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "txt")
            && path.with_extension("expected.json").exists()
        {
            found.push(path);
        }
    }
}

#[track_caller]
fn check(folder: &Path) -> usize {
    let mut paths = Vec::new();
    below(folder, &mut paths);
    let wrong: Vec<String> = paths
        .iter()
        .filter_map(|path| Some(format!("{}: {}", path.display(), fault(path)?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), paths.len(), wrong.join("\n"));
    paths.len()
}

#[test]
fn ss_of_every_age() {
    assert!(check(&fixtures().join("ss")) >= 10);
}

#[test]
fn netstat_of_net_tools() {
    assert!(check(&fixtures().join("netstat")) >= 5);
}

#[test]
fn netstat_of_busybox_and_toybox() {
    assert!(check(&fixtures().join("busybox")) + check(&fixtures().join("toybox")) >= 5);
}

#[test]
fn lsof_in_columns_and_fields() {
    assert!(check(&fixtures().join("lsof")) + check(&fixtures().join("lsof-F")) >= 8);
}

#[test]
fn tables_of_proc_net() {
    assert!(check(&fixtures().join("proc-net")) >= 4);
}

/// Captures that may not be copied into the repository: `SOCKLINT_SHARED` names a folder whose
/// folders `captures*` hold texts beside their lists.
#[test]
fn captures_kept_elsewhere() {
    let Some(shared) = std::env::var_os("SOCKLINT_SHARED") else {
        eprintln!("skipped: SOCKLINT_SHARED names no folder of captures");
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(shared).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("captures")) {
            count += check(&path);
        }
    }
    eprintln!("{count} captures were read right");
}

/// A capture that shows what it shows is still right behind a byte-order mark, with other line ends, in
/// UTF-16 and with a prompt before it.
#[test]
fn dress_changes_nothing() {
    for (name, bytes) in crate::support::captures() {
        let Ok(text) = String::from_utf8(bytes) else { continue };
        // Prompts and line ends stand in hostile names too.
        if name.contains("weird") || name.contains("nested") {
            continue;
        }
        let rows = |bytes: Vec<u8>| {
            let source = Arc::new(SourceFile::decode("capture.txt", bytes).unwrap());
            let captures = capture::read(source, &Options::default());
            let endpoints = |capture: &Capture| {
                let snapshot = &capture.snapshot;
                let row = |socket| (snapshot.endpoint(socket), snapshot.owners(socket).len());
                snapshot.sockets().iter().map(row).collect::<Vec<_>>()
            };
            captures.iter().map(endpoints).collect::<Vec<_>>()
        };
        let plain = rows(text.clone().into_bytes());
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        for (dress, bytes) in [
            ("a byte-order mark", format!("\u{feff}{text}").into_bytes()),
            ("CRLF", text.replace('\n', "\r\n").into_bytes()),
            ("UTF-16", utf16),
            ("blank lines", format!("\n\n{text}\n\n").into_bytes()),
        ] {
            assert_eq!(rows(bytes), plain, "{name} with {dress}");
        }
    }
}
