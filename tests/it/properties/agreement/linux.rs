//! What tools of Linux print of a host. Sources: ss.c of iproute2, netstat.c of net-tools, networking/netstat.c of
//! busybox, tcp_ipv4.c and udp.c of Linux, print.c and dsock.c of lsof.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::host::{Host, Listener, Process};

/// How ss of an age prints wildcards and IPv6.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Age {
    /// Before 4.13: `*:80`, `:::80`.
    Old,
    /// 4.13: every wildcard is `*`.
    Star,
    /// The builds of RHEL 7: `*:80` and `[::]:80`.
    El7,
    /// Since 4.14.
    New,
}

/// How ss was called.
#[derive(Clone, Copy)]
pub(super) struct Ss {
    pub(super) age: Age,
    /// Options; only those of them that change what is printed are looked at.
    pub(super) flags: &'static str,
    /// The prompt line is part of the capture.
    pub(super) prompt: bool,
    pub(super) root: bool,
}

/// Whether the user `www` or root sees this process.
fn seen(process: &Process, root: bool) -> bool {
    root || process.uid == 33
}

pub(super) fn ss(host: &Host, call: Ss) -> String {
    let Ss { age, flags, prompt, root } = call;
    let has = |flag: &str| flags.contains(flag);
    let tables: Vec<&str> = [("t", "tcp"), ("u", "udp"), ("w", "raw")]
        .into_iter()
        .filter(|(flag, _)| has(flag))
        .map(|(_, name)| name)
        .collect();
    let mut text = String::new();
    if prompt {
        let who = if root { "root@db-1:~#" } else { "www@db-1:~$" };
        writeln!(text, "{who} ss -{flags}").unwrap();
    }
    if !has("H") {
        let netid = if tables.len() > 1 { "Netid " } else { "" };
        let process = if age == Age::New { "Process" } else { "" };
        writeln!(text, "{netid}State      Recv-Q Send-Q     Local Address:Port       Peer Address:Port{process}").unwrap();
    }
    for one in host.of(&tables) {
        if has("4") && one.is_v6() || has("6") && !one.is_v6() {
            continue;
        }
        if tables.len() > 1 {
            write!(text, "{:<5} ", one.transport).unwrap();
        }
        let state = if one.is_tcp() { "LISTEN" } else { "UNCONN" };
        let (local, peer) = ss_endpoint(one, age);
        write!(text, "{state:<10} 0      128    {local:>24} {peer:>24}").unwrap();
        if has("p") {
            let owners: Vec<String> = one
                .owners()
                .filter(|owner| seen(owner, root))
                .map(|owner| match age {
                    Age::Old => format!("(\"{}\",{},3)", owner.comm, owner.pid),
                    _ => format!("(\"{}\",pid={},fd=3)", owner.comm, owner.pid),
                })
                .collect();
            if !owners.is_empty() {
                write!(text, " users:({})", owners.join(",")).unwrap();
            }
        }
        if has("e") {
            if one.uid() != 0 {
                write!(text, " uid:{}", one.uid()).unwrap();
            }
            write!(text, " ino:{} sk:{:x}", one.inode, one.inode).unwrap();
            if one.is_v6() && age == Age::New {
                let v6only = u8::from(one.address == "::");
                write!(text, " v6only:{v6only}").unwrap();
            }
            text.push_str(" <->");
        }
        text.push('\n');
    }
    text
}

pub(super) fn ss_endpoint(one: &Listener, age: Age) -> (String, String) {
    let device = match one.device {
        Some(device) => format!("%{device}"),
        None => String::new(),
    };
    let v6 = one.is_v6();
    let port = one.port;
    let local = match (one.address, age) {
        ("0.0.0.0", Age::New) => format!("0.0.0.0{device}:{port}"),
        ("0.0.0.0", _) | ("*", Age::New) | ("*" | "::", Age::Star) => format!("*{device}:{port}"),
        ("*" | "::", Age::Old) => format!("::{device}:{port}"),
        ("*" | "::", _) => format!("[::]{device}:{port}"),
        (address, Age::Old) => format!("{address}{device}:{port}"),
        (address, _) if v6 => format!("[{address}]{device}:{port}"),
        (address, _) => format!("{address}{device}:{port}"),
    };
    let peer = match (age, v6, one.address) {
        (Age::New, false, _) => "0.0.0.0:*",
        (Age::New, _, "*") => "*:*",
        (Age::New, _, mapped) if mapped.starts_with("::ffff") => "*:*",
        (Age::New | Age::El7, true, _) => "[::]:*",
        (Age::Old, true, _) => ":::*",
        (Age::Star, ..) | (_, false, _) => "*:*",
    };
    (local, peer.to_owned())
}

/// How netstat was called.
#[derive(Clone, Copy)]
pub(super) struct Netstat {
    pub(super) flags: &'static str,
    pub(super) busybox: bool,
    pub(super) prompt: bool,
    pub(super) root: bool,
}

pub(super) fn netstat(host: &Host, call: Netstat) -> String {
    let Netstat { flags, prompt, root, .. } = call;
    let has = |flag: &str| flags.contains(flag);
    let only = if has("l") { "only servers" } else { "servers and established" };
    let mut text = String::new();
    if prompt {
        let who = if root { "root@db-1:~#" } else { "www@db-1:~$" };
        writeln!(text, "{who} netstat -{flags}").unwrap();
    }
    writeln!(text, "Active Internet connections ({only})").unwrap();
    text.push_str(
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State      ",
    );
    if has("e") {
        text.push_str(" User       Inode     ");
    }
    if has("p") {
        text.push_str(" PID/Program name    ");
    }
    text.push('\n');
    for (flag, transport) in [("t", "tcp"), ("u", "udp"), ("w", "raw")] {
        let all = !(has("t") || has("u") || has("w"));
        if !all && !has(flag) {
            continue;
        }
        for one in host.of(&[transport]) {
            netstat_row(&mut text, one, call);
        }
    }
    text
}

fn netstat_row(text: &mut String, one: &Listener, call: Netstat) {
    let Netstat { flags, busybox, root, .. } = call;
    let has = |flag: &str| flags.contains(flag);
    let proto = if busybox { one.transport.to_owned() } else { one.proto() };
    // The mapped form is taken off.
    let mut address = one.plain().trim_start_matches("::ffff:").to_owned();
    let port = one.port.to_string();
    if !busybox && !has("W") && address.len() + port.len() > 22 {
        address.truncate(22 - port.len());
    }
    let local = format!("{address}:{port}");
    let peer = if one.is_v6() { ":::*" } else { "0.0.0.0:*" };
    let state = match one.transport {
        "tcp" => "LISTEN",
        "raw" => "7",
        _ => "",
    };
    write!(text, "{proto:<4}  {:>6} {:>6} {local:<23} {peer:<23} {state:<11}", 0, 0).unwrap();
    if has("e") {
        write!(text, " {:<10} {:<10}", one.uid(), one.inode).unwrap();
    }
    if has("p") {
        let shown = one.owners().find(|owner| seen(owner, root));
        let shown = shown.map_or("-".to_owned(), |owner| {
            let name = owner.argv;
            let name = if name.starts_with('/') { name.rsplit('/').next().unwrap() } else { name };
            let mut shown = format!("{}/{name}", owner.pid);
            shown.truncate(if busybox { 20 } else { 19 });
            shown
        });
        if busybox { write!(text, " {shown}") } else { write!(text, " {shown:<20}") }.unwrap();
    }
    text.push('\n');
}

/// `netstat` of toybox: an address is put into brackets where it is the wildcard, and the column is cut.
pub(super) fn toybox(host: &Host, flags: &str, prompt: bool, root: bool) -> String {
    let mut text = String::new();
    if prompt {
        let who = if root { "root@db-1:~#" } else { "www@db-1:~$" };
        writeln!(text, "{who} toybox netstat -{flags}").unwrap();
    }
    let only = if flags.contains('l') { "only servers" } else { "servers and established" };
    writeln!(text, "Active Internet connections ({only})").unwrap();
    text.push_str(
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State      ",
    );
    text.push_str(if flags.contains('p') { " PID/Program Name\n" } else { "\n" });
    let tables = [("t", "tcp"), ("u", "udp"), ("w", "raw")];
    let asked = |one: &&Listener| {
        tables.iter().any(|(flag, name)| flags.contains(flag) && *name == one.transport)
    };
    for one in host.listeners.iter().filter(asked) {
        let port = one.port.to_string();
        let mut address = one.plain().to_owned();
        if address == "::" {
            address = "[::]".to_owned();
        }
        // What is cut is the address.
        address.truncate(22 - port.len());
        let local = format!("{address}:{port}");
        let peer = if one.is_v6() { "[::]:*" } else { "0.0.0.0:*" };
        let state = match one.transport {
            "tcp" => "LISTEN",
            "raw" => "7",
            _ => "",
        };
        let proto = one.proto();
        write!(text, "{proto:<4}  {:>6} {:>6} {local:<23} {peer:<23} {state:<11}", 0, 0).unwrap();
        if flags.contains('p') {
            let shown = one.owners().find(|owner| seen(owner, root));
            let shown = shown.map_or("-".to_owned(), |owner| {
                format!("{}/{}", owner.pid, owner.argv.rsplit('/').next().unwrap())
            });
            write!(text, " {shown}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// How several files are told apart: by the heads of `tail -n +1` or of `more`, or by the command alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heads {
    Tail,
    More,
    Cat,
}

/// Files of `/proc/net`.
pub(super) fn proc_net(host: &Host, files: &[&str], big_endian: bool, heads: Heads) -> String {
    let mut text = String::new();
    if heads == Heads::Cat {
        let paths: Vec<String> = files.iter().map(|file| format!("/proc/net/{file}")).collect();
        writeln!(text, "root@db-1:~# cat {}", paths.join(" ")).unwrap();
    }
    for file in files {
        match heads {
            Heads::Tail => writeln!(text, "==> /proc/net/{file} <==").unwrap(),
            Heads::More => {
                writeln!(text, "::::::::::::::\n/proc/net/{file}\n::::::::::::::").unwrap();
            }
            Heads::Cat => {}
        }
        let rem = if file.ends_with('6') { "remote_address" } else { "rem_address  " };
        writeln!(text, "  sl  local_address {rem} st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode").unwrap();
        let rows = host.listeners.iter().filter(|one| one.proto() == **file);
        for (number, one) in rows.enumerate() {
            let state = if one.is_tcp() { "0A" } else { "07" };
            let local = hex(one.plain(), big_endian);
            let none = "0".repeat(local.len());
            writeln!(
                text,
                "{number:>4}: {local}:{:04X} {none}:0000 {state} 00000000:00000000 00:00000000 00000000 {:>5}        0 {} 1 0000000000000000 100 0 0 10 0",
                one.port, one.uid(), one.inode
            )
            .unwrap();
        }
        if heads == Heads::Tail {
            text.push('\n');
        }
    }
    text
}

fn hex(address: &str, big_endian: bool) -> String {
    let bytes = match address.parse::<IpAddr>().unwrap() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.chunks(4) {
        let mut word = word.to_vec();
        if !big_endian {
            word.reverse();
        }
        word.iter().for_each(|byte| write!(text, "{byte:02X}").unwrap());
    }
    text
}

/// What lsof calls an endpoint.
fn lsof_name(one: &Listener) -> String {
    match one.address {
        "*" | "::" | "0.0.0.0" => format!("*:{}", one.port),
        address if one.is_v6() => format!("[{address}]:{}", one.port),
        address => format!("{address}:{}", one.port),
    }
}

/// `lsof -nP -i` in columns.
pub(super) fn lsof(host: &Host, width: usize, root: bool) -> String {
    let mut text =
        "COMMAND           PID     USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n".to_owned();
    for one in host.of(&["tcp", "udp"]) {
        for owner in one.owners().filter(|owner| seen(owner, root)) {
            let command = &owner.comm[..owner.comm.len().min(width)];
            let kind = if one.is_v6() { "IPv6" } else { "IPv4" };
            let node = one.transport.to_uppercase();
            let listen = if one.is_tcp() { " (LISTEN)" } else { "" };
            let name = lsof_name(one);
            writeln!(
                text,
                "{command:<15} {:>5} {:>8}    3u  {kind}  {}      0t0  {node} {name}{listen}",
                owner.pid, owner.user, one.inode
            )
            .unwrap();
        }
    }
    text
}

/// `lsof -nP -i -F pcuLftdPnT`, or with `0`.
pub(super) fn lsof_fields(host: &Host, zeros: bool) -> String {
    let text = lsof_lines(host);
    if !zeros {
        return text;
    }
    // Each field ends in a zero byte, each set in a line feed: those of a process and of a file begin one.
    let mut out = String::new();
    for field in text.lines() {
        if field.starts_with(['p', 'f']) && !out.is_empty() {
            out.push('\n');
        }
        write!(out, "{field}\0").unwrap();
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn lsof_lines(host: &Host) -> String {
    let mut text = String::new();
    for process in &super::host::PROCESSES {
        let held =
            host.of(&["tcp", "udp"]).filter(|one| one.owners().any(|owner| owner == process));
        let held: Vec<&Listener> = held.collect();
        if held.is_empty() {
            continue;
        }
        let Process { pid, comm, user, uid, .. } = process;
        write!(text, "p{pid}\nc{comm}\nu{uid}\nL{user}\n").unwrap();
        for (fd, one) in held.iter().enumerate() {
            let kind = if one.is_v6() { "IPv6" } else { "IPv4" };
            let node = one.transport.to_uppercase();
            write!(text, "f{}\nt{kind}\nd{}\nP{node}\nn{}\n", fd + 3, one.inode, lsof_name(one))
                .unwrap();
            if one.is_tcp() {
                text.push_str("TST=LISTEN\n");
            }
        }
    }
    text
}

/// `systemctl list-sockets`: what systemd itself listens on. With a column of types, or without, or as JSON.
pub(super) fn systemctl(host: &Host, form: &str) -> String {
    let mut rows = Vec::new();
    for one in host.of(&["tcp", "udp"]).filter(|one| one.holders.contains(&0)) {
        let address =
            if one.is_v6() { format!("[{}]", one.plain()) } else { one.address.to_owned() };
        let zone = match one.device.filter(|_| one.address.starts_with("fe80")) {
            Some(device) => format!("%{device}"),
            None => String::new(),
        };
        let kind = if one.is_tcp() { "Stream" } else { "Datagram" };
        rows.push((format!("{address}:{}{zone}", one.port), kind));
    }
    let count = rows.len();
    if form == "json" {
        let object = |(number, (local, _)): (usize, &(String, &str))| serde_json::json!({"listen": local, "unit": format!("s{number}.socket"), "activates": format!("s{number}.service")});
        let objects: Vec<_> = rows.iter().enumerate().map(object).collect();
        return format!("{}\n", serde_json::Value::Array(objects));
    }
    let column = |kind: &str| if form == "types" { format!("{kind:<8} ") } else { String::new() };
    let mut text = format!("{:<26} {}UNIT       ACTIVATES\n", "LISTEN", column("TYPE"));
    for (number, (local, kind)) in rows.iter().enumerate() {
        writeln!(text, "{local:<26} {}s{number}.socket  s{number}.service", column(kind)).unwrap();
    }
    writeln!(
        text,
        "\n{count} sockets listed.\nPass --all to see loaded but inactive sockets, too."
    )
    .unwrap();
    text
}
