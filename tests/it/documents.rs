//! Evidence of other tools: what is read of it, and what it can prove.

use std::fmt::Write as _;
use std::sync::Arc;

use socklint::capture::{self, Capture, Options, Severity};
use socklint::snapshot::document::SnapshotDocument;
use socklint::snapshot::{Address, Cell, Device, Family, Grade, Transport};
use socklint::source::SourceFile;
use socklint::truth::Missing;

use crate::support::{Place, captures_in, fixtures, judge, policy, read, read_all, source};

/// The formats of this file, which are the folders of their fixtures.
const FORMATS: [&str; 9] =
    ["ansible", "docker", "goss", "inspec", "jc", "lynis", "masscan", "nmap", "osquery"];

/// Fixtures of documents: format, name, text.
fn documents() -> Vec<(&'static str, String, String)> {
    let of = |(path, bytes): (String, Vec<u8>)| {
        let (folder, name) = path.split_once('/')?;
        let format = FORMATS.into_iter().find(|format| *format == folder)?;
        Some((format, name.to_owned(), String::from_utf8(bytes).unwrap()))
    };
    captures_in(&fixtures().with_file_name("documents")).into_iter().filter_map(of).collect()
}

/// Everything that is read of a text, a line for each host, socket and issue.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for capture in read_all(text) {
        let snapshot = &capture.snapshot;
        let mut cells = Vec::new();
        for (transport, family, cell) in snapshot.coverage.iter() {
            let reason = match cell {
                Cell::Proven => "proven",
                Cell::Presumed => "presumed",
                Cell::Absent(Missing::TransportNotShown) => continue,
                Cell::Absent(reason) => reason.id(),
            };
            if transport == Transport::Tcp || transport == Transport::Udp {
                cells.push(format!("{}/{} {reason}", transport.name(), family.name()));
            }
        }
        let origin = &snapshot.origin;
        let host = snapshot.host.name.as_deref().unwrap_or("-");
        writeln!(out, "{host}: {} {} [{}]", origin.format, origin.vantage.name(), cells.join(", "))
            .unwrap();
        if let Some(command) = &origin.command {
            writeln!(out, "  command {command}").unwrap();
        }
        for (transport, ports) in &snapshot.scanned {
            writeln!(out, "  scanned {transport} {ports}").unwrap();
        }
        for socket in snapshot.sockets() {
            let slice = |at| snapshot.sources.slice(socket.span_of(at));
            let how = match socket.address {
                Address::Ip(_) => "",
                Address::Dual => " dual",
                Address::Star => " star",
                Address::Reached(_) => " reached",
                Address::Missing(reason) => reason.id(),
            };
            let details = snapshot.details(socket);
            write!(
                out,
                "  {} {} {}{how} <{}|{}>",
                snapshot.line(socket),
                socket.transport.name(),
                snapshot.endpoint(socket),
                slice(socket.address_at),
                slice(socket.port_at)
            )
            .unwrap();
            if let Some(container) = details.container {
                write!(out, " in {}", snapshot.text(container)).unwrap();
            }
            for owner in snapshot.owners(socket) {
                let more = snapshot.owner_details(owner);
                let text = |text: Option<_>| text.map_or("-", |text| snapshot.text(text));
                write!(
                    out,
                    " {}({:?},{:?},{:?},{},{})",
                    text(owner.name),
                    owner.pid,
                    owner.fd,
                    owner.kind,
                    text(more.exe),
                    text(more.user)
                )
                .unwrap();
            }
            writeln!(out, " {}", socket.owners_missing.map_or("all", Missing::id)).unwrap();
        }
        for issue in &capture.issues {
            let at = issue.at.map_or("", |at| snapshot.sources.slice(at));
            let at: String = at.lines().next().unwrap_or_default().chars().take(40).collect();
            writeln!(out, "  {:?} <{at}> {}", issue.kind, issue.message).unwrap();
        }
    }
    out
}

#[test]
fn every_format_is_read_as_it_shows() {
    for format in FORMATS {
        let mut out = String::new();
        for (_, name, text) in documents().into_iter().filter(|(folder, ..)| *folder == format) {
            write!(out, "== {name}\n{}", shown(&text)).unwrap();
        }
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("documents-{format}"), out);
        });
    }
}

/// Presence is presence; absence needs proof, and no document proves more than it can.
#[test]
fn nothing_is_proven_and_scans_and_declarations_cover_nothing() {
    for (format, name, text) in documents() {
        for capture in read_all(&text) {
            let coverage = &capture.snapshot.coverage;
            for (transport, _, cell) in coverage.iter() {
                assert_ne!(cell, Cell::Proven, "{format}/{name}");
                let scan = matches!(format, "nmap" | "masscan" | "docker" | "goss" | "inspec");
                let odd = !matches!(transport, Transport::Tcp | Transport::Udp);
                assert!(!(scan || odd) || matches!(cell, Cell::Absent(_)), "{format}/{name}");
            }
        }
    }
}

/// Every document, cut off anywhere, never decides what the whole does not.
#[test]
fn a_document_that_is_cut_never_passes() {
    let rules = policy(
        "[[rule]]\nid = \"tcp\"\nmatch = { transport = \"tcp\" }\nforbid = true\n\
         [[rule]]\nid = \"udp\"\nmatch = { transport = \"udp\" }\nforbid = true\n",
    );
    for (format, name, text) in documents() {
        for end in (0..text.len()).step_by(7) {
            // A cut behind a whole line of YAML or of rows cannot be told from the end.
            if !text.is_char_boundary(end) || text[..end].ends_with('\n') {
                continue;
            }
            let cut = source("capture.txt", &text[..end]);
            let judged = judge(&rules, cut, Grade::Presumed, true);
            assert_ne!(judged.exit_code, 0, "{format}/{name} cut at {end}");
        }
    }
}

/// Spans lie in the text, and what is written is read back with nothing lost.
#[test]
fn spans_are_in_the_text_and_snapshots_are_read_back() {
    for (format, name, text) in documents() {
        for capture in read_all(&text) {
            for socket in capture.snapshot.sockets() {
                for span in [socket.span(), socket.endpoint_span()] {
                    assert!(text.get(span.range()).is_some_and(|text| !text.is_empty()));
                }
            }
            let write = |capture: &Capture| {
                serde_json::to_string(&SnapshotDocument::new(&capture.snapshot)).unwrap()
            };
            let document = write(&capture);
            assert_eq!(write(&read(&document)), document, "{format}/{name}");
        }
    }
}

fn issues_of(text: &str) -> String {
    let captures = read_all(text);
    let issues = captures.iter().flat_map(|capture| &capture.issues);
    issues.map(|issue| format!("{:?}: {}\n", issue.kind, issue.message)).collect()
}

#[test]
fn json_and_xml_of_others_are_named() {
    let words = issues_of("{\"apiVersion\": \"v1\", \"kind\": \"Pod\"}\n");
    insta::assert_snapshot!(words, @"UnknownFormat: JSON, but none of the formats that socklint reads; its keys are `apiVersion`, `kind`");
    let words = issues_of("[{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1}]");
    insta::assert_snapshot!(words, @"UnknownFormat: JSON, but none of the formats that socklint reads; its keys are `a`, `b`, `c`, `d`, `e`, `f`, ...");
    let words = issues_of("<?xml version=\"1.0\"?>\n<feed/>\n");
    insta::assert_snapshot!(words, @"UnknownFormat: XML, but none of the formats that socklint reads");
    let words = issues_of("{\"columns\": {\"port\": \"22\", \"protocol\": ");
    insta::assert_snapshot!(words, @"BadJson: the JSON document is cut off");
}

#[test]
fn a_bad_line_of_a_stream_hides_no_other_and_spoils_them_all() {
    let row = |port: &str| {
        format!(
            "{{\"hostIdentifier\":\"h\",\"name\":\"q\",\"action\":\"snapshot\",\"snapshot\":[{{\"port\":\"{port}\",\"protocol\":\"6\",\"family\":\"2\",\"address\":\"0.0.0.0\",\"pid\":\"1\"}}]}}\n"
        )
    };
    let text =
        format!("{}{{\"name\":\"q\", oops\n{}", row("22"), row("23").replace("\"h\"", "\"i\""));
    let captures = read_all(&text);
    assert_eq!(captures.len(), 3, "two hosts, and what is broken");
    assert!(captures.iter().take(2).all(|capture| capture.snapshot.coverage.is_absent()));
    assert_eq!(captures[2].severity(true), Some(Severity::Error));
}

/// A table of sockets beside JSON is not lost: the text is a transcript then.
#[test]
fn a_table_beside_json_is_not_lost() {
    let text = "$ ss -ltn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n$ docker inspect web\n[\n{\"Name\": \"/web\", \"NetworkSettings\": {\"Ports\": {\"80/tcp\": [{\"HostIp\": \"\", \"HostPort\": \"8080\"}]}}}\n]\n$ \n";
    let captures = read_all(text);
    let found: Vec<String> = captures
        .iter()
        .flat_map(|capture| capture.snapshot.sockets().iter().map(|s| capture.snapshot.endpoint(s)))
        .collect();
    assert!(found.contains(&"0.0.0.0:22".to_owned()), "{found:?}");
    let alone = text.split_once("$ docker").unwrap().1;
    let captures = read_all(&format!("root@dock1:~# docker{alone}"));
    assert_eq!(captures[0].snapshot.host.name.as_deref(), Some("dock1"));
    assert_eq!(captures[0].snapshot.sockets().len(), 1);
}

#[test]
fn the_query_of_osquery_tells_what_is_left_out() {
    let table = |query: &str, family: &str| {
        format!(
            "osquery> {query}\n+-----+------+----------+--------+---------+\n| pid | port | protocol | family | address |\n+-----+------+----------+--------+---------+\n| 605 | 22   | 6        | {family}      | 0.0.0.0 |\n+-----+------+----------+--------+---------+\n"
        )
    };
    let cell = |text: &str| read(text).snapshot.coverage.get(Transport::Udp, Family::Ipv6);
    assert_eq!(cell(&table("select * from listening_ports;", "2")), Cell::Presumed);
    let filtered = Cell::Absent(Missing::Filtered);
    assert_eq!(cell(&table("select * from listening_ports where protocol = 6;", "2")), filtered);
    // Rows without a query show what they show.
    let bare = table("", "2").split_once('\n').unwrap().1.to_owned();
    assert_eq!(cell(&bare), Cell::Absent(Missing::TransportNotShown));
    let tcp = read(&bare).snapshot.coverage.get(Transport::Tcp, Family::Ipv4);
    assert_eq!(tcp, Cell::Presumed);
    // A table without its lower edge is cut.
    let cut = bare.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    let tcp = read(&cut).snapshot.coverage.get(Transport::Tcp, Family::Ipv4);
    assert_eq!(tcp, Cell::Absent(Missing::CutOff));
}

#[test]
fn a_scan_without_its_end_is_cut() {
    let (.., text) = documents().into_iter().find(|(_, name, _)| name.contains("xml")).unwrap();
    let cut = text.split("<runstats>").next().unwrap();
    for capture in read_all(cut) {
        assert_eq!(capture.severity(false), Some(Severity::Error));
        assert_eq!(capture.severity(true), Some(Severity::Warning));
    }
    assert!(issues_of(&text.replace("exit=\"success\"", "exit=\"error\"")).contains("ToolError"));
}

/// Names are chosen by processes, hosts and whoever writes a banner.
#[test]
fn hostile_names_are_names_only() {
    let name = r#"a\",\"pid\":1}],\u001b[2J\u202e\n| 1 | 23 | 6 |"#;
    let text = format!(
        "{{\"tcp_listen\": [{{\"address\": \"127.0.0.1\", \"name\": \"{name}\", \"pid\": 7, \"port\": 80, \"protocol\": \"tcp\", \"stime\": \"\", \"user\": \"x\"}}], \"udp_listen\": []}}"
    );
    let capture = read(&text);
    let [socket] = capture.snapshot.sockets() else { panic!("{:?}", capture.issues) };
    let owner = capture.snapshot.owners(socket)[0];
    assert!(capture.snapshot.text(owner.name.unwrap()).starts_with("a\",\"pid\":1}],\u{1b}[2J"));
    let xml = "<?xml version=\"1.0\"?><nmaprun><host><status state=\"up\"/><address addr=\"192.0.2.7\" addrtype=\"ipv4\"/><hostnames><hostname name=\"&lt;port&gt; &#27;[2J\" type=\"user\"/></hostnames><ports><port protocol=\"tcp\" portid=\"22\"><state state=\"open\"/><service banner=\"&quot;/&gt;&lt;port portid=&quot;23&quot;\"/></port></ports></host><runstats><finished exit=\"success\"/></runstats></nmaprun>";
    assert_eq!(read(xml).snapshot.sockets().len(), 1);
    let row = "CONTAINER ID   IMAGE   COMMAND                        CREATED   STATUS   PORTS   NAMES\nabc            x       \"0.0.0.0:23->23/tcp,   1->2/tcp\"   1 d       Up 1 d           w\n";
    assert_eq!(read(row).snapshot.sockets().len(), 0);
}

/// Reading stays linear, and depth, ranges and names without end cost little.
#[test]
fn huge_and_deep_documents_are_read_or_refused() {
    let rows: Vec<String> = (0..20_000)
        .map(|n| format!("{{\"pid\":\"{n}\",\"port\":\"{}\",\"protocol\":\"6\",\"family\":\"2\",\"address\":\"10.0.0.1\"}}", n % 60_000 + 1))
        .collect();
    let capture = read(&format!("[{}]", rows.join(",\n")));
    assert_eq!(capture.snapshot.sockets().len(), 20_000);
    let hosts: Vec<String> = (0..3_000)
        .map(|n| format!("\"h{n}\": {{\"tcp_listen\": [{{\"address\": \"::1\", \"port\": 1, \"protocol\": \"tcp\", \"pid\": 0, \"name\": \"\"}}]}}"))
        .collect();
    assert_eq!(read_all(&format!("{{\"hostvars\": {{{}}}}}", hosts.join(","))).len(), 3_000);
    for deep in ["[", "{\"a\":", "[{\"tcp_listen\":"] {
        let text = format!("[{{\"tcp_listen\":{}", deep.repeat(200_000));
        assert_eq!(read(&text).severity(true), Some(Severity::Error), "{deep}");
    }
    let yaml = format!("tcp_listen:\n{}", "- ".repeat(100_000));
    assert_eq!(read(&yaml).severity(true), Some(Severity::Error));
    let range = "{\"Names\":\"x\",\"Ports\":\"0.0.0.0:0-65535->0-65535/udp\"}\n".repeat(8);
    assert_eq!(read(&range).severity(true), Some(Severity::Warning), "told, and not without end");
    let xml = format!("<nmaprun>{}", "<host>".repeat(100_000));
    assert_eq!(read(&xml).severity(true), Some(Severity::Error));
}

/// Bytes changed anywhere are read without a panic, with spans in the text.
#[test]
fn changed_bytes_are_read() {
    for (_, _, text) in documents() {
        for at in (0..text.len()).step_by(29) {
            for byte in [b'"', b'}', b'\n', 0xFF, b'9'] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = byte;
                let source = Arc::new(SourceFile::decode("x", bytes).unwrap());
                for capture in capture::read(Arc::clone(&source), &Options::default()) {
                    for socket in capture.snapshot.sockets() {
                        assert!(source.text().get(socket.endpoint_span().range()).is_some());
                    }
                }
            }
        }
    }
}

/// A device is known only where a zone is printed; nobody says that there is none.
#[test]
fn devices_come_from_zones() {
    let text = "# Lynis Report\nnetwork_listen[]=raw,ss,v1|udp|127.0.0.53%lo:53|resolved|\nnetwork_listen[]=raw,ss,v1|tcp|0.0.0.0:22|sshd|\nfinish=true\n";
    let capture = read(text);
    let devices: Vec<_> = capture.snapshot.sockets().iter().map(|s| s.device).collect();
    assert!(matches!(devices[..], [Device::Named(_), Device::Missing(Missing::DeviceNotShown)]));
}

/// What a log says was removed is of its own query, and no row of a table is passed over.
#[test]
fn results_of_osquery_hide_nothing_of_each_other() {
    let policy = "[[rule]]\nid = \"docker\"\nmatch = { port = 2375 }\nforbid = true\n";
    let code = |text: &str| {
        let place = Place::with(&[("p.toml", policy), ("x.txt", text)]);
        place
            .run(&[
                "check",
                "-p",
                "p.toml",
                "--command",
                "osqueryi 'select * from listening_ports'",
                "x.txt",
            ])
            .code
    };
    let row = |port: u16| {
        format!(
            "{{\"pid\":\"7\",\"port\":\"{port}\",\"protocol\":\"6\",\"family\":\"2\",\"address\":\"0.0.0.0\"}}"
        )
    };
    let line = |name: &str, action: &str, port| {
        format!("{{\"name\":\"{name}\",\"action\":\"{action}\",\"columns\":{}}}\n", row(port))
    };
    let (added, other) = (line("a", "added", 2375), line("b", "removed", 2375));
    assert_eq!(code(&format!("{}{added}{other}", line("a", "added", 22))), 1);
    let table = "+-----+------+----------+--------+---------+\n\
         | pid | port | protocol | family | address |\n\
         +-----+------+----------+--------+---------+\n\
         | 605 | 22   | 6        | 2      | 0.0.0.0 |\n\
         7   | 2375 | 6        | 2      | 0.0.0.0 |\n\
         +-----+------+----------+--------+---------+\n";
    assert!(matches!(code(table), 1 | 2), "{table}");
}
