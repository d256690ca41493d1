//! What tools of other systems print of a host that can be one of theirs. Sources: inet.c of FreeBSD's netstat,
//! sockstat.c of FreeBSD, netstat of Windows, the cmdlets of NetTCPIP.

use std::fmt::Write as _;

use super::host::{Host, Listener};

fn bsd_endpoint(one: &Listener) -> String {
    match one.address {
        "*" | "::" | "0.0.0.0" => format!("*.{}", one.port),
        address if address.starts_with("fe80") => format!("{address}%eth0.{}", one.port),
        address => format!("{address}.{}", one.port),
    }
}

fn bsd_proto(one: &Listener) -> String {
    let family = match one.address {
        "*" => "46",
        _ if one.is_v6() => "6",
        _ => "4",
    };
    format!("{}{family}", one.transport)
}

/// `netstat -an` of macOS, `-anW` of FreeBSD.
pub(super) fn netstat_bsd(host: &Host, command: &str) -> Option<String> {
    if !host.is_portable() {
        return None;
    }
    let wide = if command.contains('W') { 45 } else { 22 };
    let mut text = String::new();
    if !command.is_empty() {
        writeln!(text, "root@db-1:~ # {command}").unwrap();
    }
    writeln!(text, "Active Internet connections (including servers)").unwrap();
    let (local, foreign) = ("Local Address", "Foreign Address");
    writeln!(text, "Proto Recv-Q Send-Q  {local:<wide$} {foreign:<wide$} (state)").unwrap();
    for one in host.of(&["tcp", "udp"]) {
        let state = if one.is_tcp() { "LISTEN" } else { "" };
        let mut endpoint = bsd_endpoint(one);
        endpoint.truncate(wide);
        writeln!(
            text,
            "{:<5}      0      0  {endpoint:<wide$} {:<wide$} {state}",
            bsd_proto(one),
            "*.*"
        )
        .unwrap();
    }
    Some(text)
}

/// `sockstat -46l` of FreeBSD.
pub(super) fn sockstat(host: &Host, prompt: bool) -> Option<String> {
    if !host.is_portable() {
        return None;
    }
    let mut text = String::new();
    if prompt {
        text.push_str("root@db-1:~ # sockstat -46l\n");
    }
    text.push_str("USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\n");
    for one in host.of(&["tcp", "udp"]) {
        let local = match one.address {
            "*" | "::" | "0.0.0.0" => format!("*:{}", one.port),
            address if address.starts_with("fe80") => format!("{address}%eth0:{}", one.port),
            address => format!("{address}:{}", one.port),
        };
        let mut row = |user: &str, command: &str, pid: &str, fd: &str| {
            let proto = bsd_proto(one);
            writeln!(text, "{user:<8} {command:<10} {pid:<5} {fd:<3} {proto:<6} {local:<21} *:*")
                .unwrap();
        };
        if one.holders.is_empty() {
            row("?", "?", "?", "?");
        }
        for owner in one.owners() {
            let command = &owner.comm[..owner.comm.len().min(10)];
            row(owner.user, command, &owner.pid.to_string(), "3");
        }
    }
    Some(text)
}

fn windows_pid(one: &Listener) -> u32 {
    one.owners().next().map_or(4, |owner| owner.pid)
}

/// `netstat -ano` of Windows.
pub(super) fn netstat_windows(host: &Host, prompt: bool) -> Option<String> {
    if !host.is_portable() {
        return None;
    }
    let mut text = if prompt { "C:\\>netstat -ano\r\n" } else { "" }.to_owned();
    text.push_str("\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State           PID\r\n");
    for one in host.of(&["tcp", "udp"]) {
        let local = match one.address {
            address if address.starts_with("fe80") => format!("[{address}%2]:{}", one.port),
            _ if one.is_v6() => format!("[{}]:{}", one.plain(), one.port),
            address => format!("{address}:{}", one.port),
        };
        let (foreign, state) = match (one.is_tcp(), one.is_v6()) {
            (true, false) => ("0.0.0.0:0", "LISTENING"),
            (true, true) => ("[::]:0", "LISTENING"),
            _ => ("*:*", ""),
        };
        let proto = one.transport.to_uppercase();
        write!(text, "  {proto:<6} {local:<22} {foreign:<22} {state:<15} {}\r\n", windows_pid(one))
            .unwrap();
    }
    Some(text)
}

fn windows_address(one: &Listener) -> String {
    let zone = if one.address.starts_with("fe80") { "%2" } else { "" };
    format!("{}{zone}", one.plain())
}

/// `Get-NetTCPConnection` and `Get-NetUDPEndpoint` as tables.
pub(super) fn powershell(host: &Host) -> Option<String> {
    if !host.is_portable() {
        return None;
    }
    let mut text = "PS C:\\> Get-NetTCPConnection -State Listen\n\nLocalAddress                        LocalPort RemoteAddress                       RemotePort State       AppliedSetting OwningProcess\n------------                        --------- -------------                       ---------- -----       -------------- -------------\n".to_owned();
    for one in host.of(&["tcp"]) {
        let remote = if one.is_v6() { "::" } else { "0.0.0.0" };
        writeln!(
            text,
            "{:<35} {:<9} {remote:<35} 0          Listen                     {}",
            windows_address(one),
            one.port,
            windows_pid(one)
        )
        .unwrap();
    }
    text.push_str("\n\nPS C:\\> Get-NetUDPEndpoint\n\nLocalAddress                             LocalPort\n------------                             ---------\n");
    for one in host.of(&["udp"]) {
        writeln!(text, "{:<40} {}", windows_address(one), one.port).unwrap();
    }
    text.push_str("\n\n");
    Some(text)
}

/// `Get-NetTCPConnection | Export-Csv`.
pub(super) fn powershell_csv(host: &Host) -> Option<String> {
    if !host.is_portable() {
        return None;
    }
    let mut text = "#TYPE Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetTCPConnection\n\"LocalAddress\",\"LocalPort\",\"RemoteAddress\",\"RemotePort\",\"State\",\"OwningProcess\"\n".to_owned();
    for one in host.of(&["tcp"]) {
        let remote = if one.is_v6() { "::" } else { "0.0.0.0" };
        writeln!(
            text,
            "\"{}\",\"{}\",\"{remote}\",\"0\",\"Listen\",\"{}\"",
            windows_address(one),
            one.port,
            windows_pid(one)
        )
        .unwrap();
    }
    Some(text)
}
