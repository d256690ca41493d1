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

/// `netstat -anv` of macOS 26: the header has wide columns and the rows have not, and sockets of the kernel follow.
pub(super) fn netstat_macos(host: &Host) -> Option<String> {
    let whole = netstat_bsd(host, "netstat -anW")?.replace("netstat -anW", "netstat -anv");
    let mut text = String::new();
    for line in whole.lines() {
        match line {
            _ if line.starts_with("Proto") => writeln!(
                text,
                "Proto Recv-Q Send-Q  {:<45} {:<45} (state)          rxbytes      txbytes  rhiwat  shiwat          \
                 process:pid    state",
                "Local Address", "Foreign Address"
            )
            .unwrap(),
            _ if line.starts_with("tcp") || line.starts_with("udp") => {
                // Addresses end at 16 characters, before the port.
                let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                let (address, port) = words[3].rsplit_once('.').unwrap();
                words[3] = format!("{}.{port}", &address[..address.len().min(16)]);
                let state = words.get(5).cloned().unwrap_or_default();
                writeln!(
                    text,
                    "{:<5}      0      0  {:<22} *.*                    {state:<11}            0            0  131072  \
                     131072                    :0      00100",
                    words[0], words[3]
                )
                .unwrap();
            }
            _ => writeln!(text, "{line}").unwrap(),
        }
    }
    text.push_str(
        "Active Multipath Internet connections\n\
         Proto/ID  Flags      Local Address          Foreign Address        (state)\n\
         Active LOCAL (UNIX) domain sockets\n\
         Address          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr\n\
         Registered kernel control modules\n\
         id       name\n\
         1        com.apple.flow-divert\n\
         Active kernel event sockets\n\
         Proto Recv-Q Send-Q vendor  class  subcl\n\
         kevt       0      0      1      1     11\n\
         Active kernel control sockets\n\
         Proto Recv-Q Send-Q   unit     id name\n\
         kctl       0      0      1      8 com.apple.netsrc\n",
    );
    Some(text)
}

/// `netstat -an` of OpenBSD, or of NetBSD, which has a table for each family. Their IPv6 sockets take no IPv4.
pub(super) fn netstat_open_net(host: &Host, netbsd: bool) -> Option<String> {
    if !host.is_portable() || host.listeners.iter().any(|one| one.address == "*") {
        return None;
    }
    // OpenBSD has a table for each family and transport, and no state of UDP.
    let tables: &[(&str, &str, &str, &[&str])] = match netbsd {
        true => &[
            ("Internet", "State", "4", &["tcp", "udp"]),
            ("Internet6", "(state)", "6", &["tcp", "udp"]),
        ],
        false => &[
            ("Internet", "TCP-State", "4", &["tcp"]),
            ("Internet", "", "4", &["udp"]),
            ("Internet", "TCP-State", "6", &["tcp"]),
            ("Internet", "", "6", &["udp"]),
        ],
    };
    let mut text = "gate# netstat -an\n".to_owned();
    for (name, state, family, transports) in tables {
        let of_family: Vec<&Listener> =
            host.of(transports).filter(|one| (*family == "6") == one.is_v6()).collect();
        if of_family.is_empty() && !netbsd {
            continue;
        }
        writeln!(text, "Active {name} connections (including servers)").unwrap();
        let lead = if netbsd { "Proto Recv-Q Send-Q" } else { "Proto   Recv-Q Send-Q" };
        writeln!(text, "{lead}  {:<22} {:<22} {state}", "Local Address", "Foreign Address")
            .unwrap();
        let pad = if netbsd { 5 } else { 7 };
        for one in of_family {
            let mut endpoint = bsd_endpoint(one);
            endpoint.truncate(22);
            let listens = if one.is_tcp() { "LISTEN" } else { "" };
            let proto = one.proto();
            writeln!(
                text,
                "{proto:<pad$} {:>6} {:>6}  {endpoint:<22} {:<22} {listens}",
                0, 0, "*.*"
            )
            .unwrap();
        }
    }
    Some(text)
}

/// `sockstat -46l` of FreeBSD 15, which cuts addresses.
pub(super) fn sockstat_15(host: &Host) -> Option<String> {
    let old = sockstat(host, true)?;
    let rows: Vec<Vec<&str>> = old
        .lines()
        .skip(2)
        .map(|line| {
            let bytes = [0..8, 9..19, 20..25, 26..29, 30..36, 37..line.len() - 4];
            bytes.map(|range| line[range].trim()).to_vec()
        })
        .collect();
    // A user's name or a number that is too long moves what stands behind it.
    if old.lines().skip(2).any(|line| !line[30..].starts_with(['t', 'u'])) {
        return None;
    }
    let width = |at: usize, least: usize| {
        rows.iter().map(|row| row[at].len()).max().unwrap_or_default().max(least)
    };
    let (user, pid, fd) = (width(0, 4), width(2, 3), width(3, 2));
    let mut text = "root@db-1:~ # sockstat -46l\n".to_owned();
    writeln!(
        text,
        "{:<user$} {:<10} {:>pid$} {:>fd$} PROTO {:<21} {:<21}",
        "USER", "COMMAND", "PID", "FD", "LOCAL ADDRESS", "FOREIGN ADDRESS"
    )
    .unwrap();
    for row in rows {
        let [who, command, number, place, proto, local] = row[..] else { continue };
        let mark = |word: &str| if word == "?" { "??".to_owned() } else { word.to_owned() };
        let local = &local[..local.len().min(21)];
        writeln!(
            text,
            "{:<user$} {:<10} {:>pid$} {:>fd$} {proto:<5} {local:<21} {:<21}",
            mark(who),
            mark(command),
            mark(number),
            mark(place),
            "*:*"
        )
        .unwrap();
    }
    Some(text)
}

/// `sockstat -46ls` of FreeBSD, with the states.
pub(super) fn sockstat_states(host: &Host) -> Option<String> {
    let text = sockstat(host, false)?;
    let mut out = "root@db-1:~ # sockstat -46ls\n".to_owned();
    for (number, line) in text.lines().enumerate() {
        let state = match number {
            0 => "CONN STATE",
            _ if line.contains(" tcp") => "LISTEN",
            _ => "",
        };
        writeln!(out, "{line:<76} {state}").unwrap();
    }
    Some(out)
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

/// `netstat -anob` of Windows in German: the program stands below its socket, and some are always known.
pub(super) fn netstat_windows_programs(host: &Host) -> Option<String> {
    host.of(&["tcp", "udp"]).flat_map(Listener::owners).next()?;
    let text = netstat_windows(host, false)?;
    let mut out = String::new();
    let mut listeners = host.of(&["tcp", "udp"]);
    for line in text.lines() {
        let line = line
            .replace("Active Connections", "Aktive Verbindungen")
            .replace("Local Address  ", "Lokale Adresse ")
            .replace("Foreign Address", "Remoteadresse  ")
            .replace("LISTENING", "ABH\u{d6}REN  ");
        write!(out, "{line}\r\n").unwrap();
        if line.starts_with("  TCP") || line.starts_with("  UDP") {
            let owner = listeners.next().unwrap().owners().next();
            match owner {
                Some(owner) => write!(out, " [{}]\r\n", owner.comm).unwrap(),
                None => {
                    out.push_str(" Es konnten keine Besitzerinformationen abgerufen werden.\r\n")
                }
            }
        }
    }
    Some(out)
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

/// `Get-NetTCPConnection | ConvertTo-Json`, and the same of `Get-NetUDPEndpoint`.
pub(super) fn powershell_json(host: &Host, transport: &str) -> Option<String> {
    let rows: Vec<serde_json::Value> = host
        .of(&[transport])
        .map(|one| {
            let mut row = serde_json::json!({
                "LocalAddress": windows_address(one), "LocalPort": one.port,
                "OwningProcess": windows_pid(one),
            });
            let class = if one.is_tcp() { "MSFT_NetTCPConnection" } else { "MSFT_NetUDPEndpoint" };
            row["CimClass"] =
                serde_json::json!({"CimClassName": format!("root/standardcimv2:{class}")});
            if one.is_tcp() {
                let remote = if one.is_v6() { "::" } else { "0.0.0.0" };
                row["RemoteAddress"] = serde_json::json!(remote);
                row["RemotePort"] = serde_json::json!(0);
                row["State"] = serde_json::json!(2);
            }
            row
        })
        .collect();
    (host.is_portable() && !rows.is_empty())
        .then(|| format!("{:#}\n", serde_json::Value::Array(rows)))
}

/// `Get-NetTCPConnection -State Listen | Format-List`.
pub(super) fn powershell_list(host: &Host) -> Option<String> {
    if !host.is_portable() {
        return None;
    }
    let mut text = "PS C:\\> Get-NetTCPConnection -State Listen | Format-List\n\n\n".to_owned();
    for one in host.of(&["tcp"]) {
        let remote = if one.is_v6() { "::" } else { "0.0.0.0" };
        let (address, port, pid) = (windows_address(one), one.port, windows_pid(one));
        write!(text, "LocalAddress   : {address}\nLocalPort      : {port}\nRemoteAddress  : {remote}\nRemotePort     : 0\nState          : Listen\nAppliedSetting : \nOwningProcess  : {pid}\nCreationTime   : 04.03.2024 08:15:02\nOffloadState   : InHost\n\n").unwrap();
    }
    Some(text + "\n\n")
}
