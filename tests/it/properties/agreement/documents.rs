//! What tools with tables and documents of their own tell of a host. Sources: osquery's schema and
//! listening_ports.cpp, listen_ports_facts.py of community.general, ss.py, netstat.py and lsof.py of jc, nmap.dtd,
//! output.cc of nmap.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::host::{Host, INTERFACES, Listener};

/// A snapshot with every fact.
pub(super) fn snapshot(host: &Host) -> String {
    let sockets: Vec<Value> = host.listeners.iter().map(whole).collect();
    let interfaces: Vec<Value> = INTERFACES
        .iter()
        .map(|(name, addresses)| json!({"name": name, "addresses": addresses}))
        .collect();
    let mut coverage = json!({});
    for transport in ["tcp", "udp", "sctp", "dccp", "udplite", "raw"] {
        for family in ["ipv4", "ipv6"] {
            coverage[format!("{transport}/{family}")] = json!("proven");
        }
    }
    let document = json!({
        "schema": "socklint/snapshot/1",
        "host": {"name": "db-1"},
        "interfaces": interfaces,
        "coverage": coverage,
        "sockets": sockets,
    });
    document.to_string()
}

fn whole(one: &Listener) -> Value {
    let process = |owner: &super::host::Process| {
        let mut process = json!({
            "name": owner.comm, "pid": owner.pid, "fd": 3, "uid": owner.uid, "user": owner.user,
        });
        if owner.comm.len() == 15 {
            process["name_kind"] = json!("comm-cut");
        }
        process
    };
    let mut socket = json!({
        "transport": one.transport,
        "address": one.plain(),
        "port": one.port,
        "interface": one.device,
        "inode": one.inode,
        "processes": one.owners().map(process).collect::<Vec<_>>(),
        "uid": one.uid(),
    });
    if one.is_v6() && one.is_wildcard() {
        socket["v6only"] = json!(one.address == "::");
    }
    if let Some(owner) = one.owners().next() {
        socket["user"] = json!(owner.user);
    }
    socket
}

const COLUMNS: [&str; 9] =
    ["pid", "port", "protocol", "family", "address", "fd", "socket", "path", "net_namespace"];

/// Rows of osquery's `listening_ports`, one process a socket.
fn osquery(host: &Host) -> Vec<[String; 9]> {
    let row = |one: &Listener| {
        let pid = one.owners().next().map_or("-1".to_owned(), |owner| owner.pid.to_string());
        let fd = if one.holders.is_empty() { "-1" } else { "3" };
        let protocol = if one.is_tcp() { "6" } else { "17" };
        let family = if one.is_v6() { "10" } else { "2" };
        [
            pid,
            one.port.to_string(),
            protocol.to_owned(),
            family.to_owned(),
            one.plain().to_owned(),
            fd.to_owned(),
            one.inode.to_string(),
            String::new(),
            "4026531840".to_owned(),
        ]
    };
    host.of(&["tcp", "udp"]).map(row).collect()
}

pub(super) fn osquery_table(host: &Host) -> String {
    let rows = osquery(host);
    let width = |column: usize| {
        rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(COLUMNS[column].len())
    };
    let line = |cells: &[&str]| {
        let cells: Vec<String> =
            cells.iter().enumerate().map(|(at, cell)| format!(" {cell:<0$} ", width(at))).collect();
        format!("|{}|\n", cells.join("|"))
    };
    let dashes: Vec<String> = (0..COLUMNS.len()).map(|at| "-".repeat(width(at) + 2)).collect();
    let rule = format!("+{}+\n", dashes.join("+"));
    let mut text = format!("{rule}{}{rule}", line(&COLUMNS));
    for row in &rows {
        text.push_str(&line(&row.each_ref().map(String::as_str)));
    }
    text + &rule
}

pub(super) fn osquery_csv(host: &Host) -> String {
    let mut text = COLUMNS.join("|") + "\n";
    for row in osquery(host) {
        text.push_str(&row.join("|"));
        text.push('\n');
    }
    text
}

/// `osqueryi --line`.
pub(super) fn osquery_line(host: &Host) -> String {
    let mut text = String::new();
    for row in osquery(host) {
        for (column, cell) in COLUMNS.iter().zip(row) {
            writeln!(text, "{column:>13} = {cell}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// `osqueryi --json`; with the columns of `processes` joined, rows without a process are not there.
pub(super) fn osquery_json(host: &Host, joined: bool) -> String {
    let rows = osquery(host).into_iter().zip(host.of(&["tcp", "udp"]));
    let rows: Vec<Value> = rows
        .filter(|(_, one)| !joined || !one.holders.is_empty())
        .map(|(row, one)| {
            let mut object = json!({});
            for (column, cell) in COLUMNS.iter().zip(row) {
                object[column] = json!(cell);
            }
            if let Some(owner) = one.owners().next().filter(|_| joined) {
                object["name"] = json!(owner.comm);
                object["uid"] = json!(owner.uid.to_string());
            }
            object
        })
        .collect();
    format!("{:#}\n", Value::Array(rows))
}

/// Facts by way of netstat: one process, addresses cut; by way of ss: each process, addresses as ss has them.
pub(super) fn ansible(host: &Host, by_ss: bool) -> String {
    let list = |transport: &str| -> Vec<Value> {
        let mut list = Vec::new();
        for one in host.of(&[transport]) {
            let mut address = one.plain().trim_start_matches("::ffff:").to_owned();
            address.truncate(22 - one.port.to_string().len());
            if by_ss {
                address = match (one.address, one.device) {
                    (address, Some(device)) if address.starts_with("fe80") => {
                        format!("{address}]%{device}")
                    }
                    (address, Some(device)) => format!("{address}%{device}"),
                    (address, None) => address.to_owned(),
                };
            }
            let mut entry = |pid: u32, name: &str, user: &str| {
                list.push(json!({
                    "address": address, "name": name, "pid": pid, "port": one.port,
                    "protocol": transport, "stime": "Mon Mar  4 08:15:02 2024", "user": user,
                }));
            };
            if one.holders.is_empty() {
                entry(0, "", "");
            }
            for owner in one.owners().take(if by_ss { 9 } else { 1 }) {
                let name = owner.argv.rsplit('/').next().unwrap();
                let name = if by_ss { owner.comm } else { &name[..name.len().min(15)] };
                entry(owner.pid, name, owner.user);
            }
        }
        list
    };
    let facts = json!({"tcp_listen": list("tcp"), "udp_listen": list("udp")});
    format!("{:#}\n", json!({"ansible_facts": facts, "changed": false}))
}

/// The facts in a registered variable, as a play prints it, and for each host of an ad-hoc command.
pub(super) fn ansible_nested(host: &Host, form: &str) -> String {
    let facts: Value = serde_json::from_str(&ansible(host, true)).unwrap();
    match form {
        "results" => format!("{:#}\n", json!({"results": [facts], "msg": "All items completed"})),
        "ad-hoc" => format!("db-1 | SUCCESS => {facts:#}\n"),
        "hostvars" => {
            let mut own = facts["ansible_facts"].clone();
            own["ansible_hostname"] = json!("db-1");
            format!("{}\n", json!({"hostvars": {"db-1": own}}))
        }
        _ => ansible_yaml(&facts["ansible_facts"]),
    }
}

fn ansible_yaml(facts: &Value) -> String {
    let mut text = "ports:\n  ansible_facts:\n".to_owned();
    for list in ["tcp_listen", "udp_listen"] {
        let entries = facts[list].as_array().unwrap();
        let none = if entries.is_empty() { " []" } else { "" };
        writeln!(text, "    {list}:{none}").unwrap();
        for entry in entries {
            for (number, (key, value)) in entry.as_object().unwrap().iter().enumerate() {
                let lead = if number == 0 { "-" } else { " " };
                writeln!(text, "    {lead} {key}: {value}").unwrap();
            }
        }
    }
    text + "  changed: false\n"
}

/// `ss -lntup | jc --ss`.
pub(super) fn jc_ss(host: &Host) -> String {
    let row = |one: &Listener| {
        let address = match one.address {
            address if address.contains(':') => format!("[{address}]"),
            address => address.to_owned(),
        };
        let mut row = json!({
            "netid": one.transport,
            "state": if one.is_tcp() { "LISTEN" } else { "UNCONN" },
            "recv_q": 0, "send_q": 128,
            "local_address": address,
            "local_port": one.port.to_string(), "local_port_num": one.port,
            "peer_address": match one.address { "*" => "*", _ if one.is_v6() => "[::]", _ => "0.0.0.0" },
            "peer_port": "*",
        });
        if let Some(device) = one.device {
            row["interface"] = json!(device);
        }
        if !one.holders.is_empty() {
            let mut processes = json!({});
            for owner in one.owners() {
                let entry = json!({"user": owner.comm, "file_descriptor": "3"});
                processes[owner.pid.to_string()] = entry;
            }
            row["opts"] = json!({"process_id": processes});
        }
        row
    };
    format!("{:#}\n", Value::Array(host.of(&["tcp", "udp"]).map(row).collect()))
}

/// `netstat -lntup | jc --netstat`.
pub(super) fn jc_netstat(host: &Host) -> String {
    let row = |one: &Listener| {
        let mut address = one.plain().trim_start_matches("::ffff:").to_owned();
        address.truncate(22 - one.port.to_string().len());
        let mut row = json!({
            "proto": one.proto(), "recv_q": 0, "send_q": 0, "local_address": address,
            "foreign_address": if one.is_v6() { "::" } else { "0.0.0.0" },
            "state": if one.is_tcp() { json!("LISTEN") } else { Value::Null },
            "kind": "network", "local_port": one.port.to_string(), "foreign_port": "*",
            "transport_protocol": one.transport,
            "network_protocol": if one.is_v6() { "ipv6" } else { "ipv4" },
            "local_port_num": one.port, "program_name": Value::Null,
        });
        if let Some(owner) = one.owners().next() {
            let name = owner.argv.split_whitespace().next().unwrap();
            let name = if name.starts_with('/') { name.rsplit('/').next().unwrap() } else { name };
            row["program_name"] = json!(&name[..name.len().min(15)]);
            row["pid"] = json!(owner.pid);
        }
        row
    };
    format!("{:#}\n", Value::Array(host.of(&["tcp", "udp"]).map(row).collect()))
}

/// `lsof -nP -i | jc --lsof`.
pub(super) fn jc_lsof(host: &Host) -> String {
    let mut rows = Vec::new();
    for one in host.of(&["tcp", "udp"]) {
        for owner in one.owners() {
            let address = match one.address {
                "*" | "::" | "0.0.0.0" => "*".to_owned(),
                address if one.is_v6() => format!("[{address}]"),
                address => address.to_owned(),
            };
            let listen = if one.is_tcp() { " (LISTEN)" } else { "" };
            rows.push(json!({
                "command": &owner.comm[..owner.comm.len().min(9)], "pid": owner.pid, "tid": Value::Null,
                "user": owner.user, "fd": "3u", "type": if one.is_v6() { "IPv6" } else { "IPv4" },
                "device": one.inode.to_string(), "size_off": "0t0", "node": one.transport.to_uppercase(),
                "name": format!("{address}:{}{listen}", one.port),
            }));
        }
    }
    format!("{:#}\n", Value::Array(rows))
}

/// The address at which a scan from the network finds the listeners that take IPv4 at 10.0.0.5.
pub(super) const TARGET: &str = "10.0.0.5";

fn answers(one: &Listener) -> bool {
    let device = one.device.is_none_or(|device| device == "eth0");
    device && matches!(one.address, "0.0.0.0" | "*" | "10.0.0.5" | "::ffff:10.0.0.5")
}

/// Ports that answer, each once.
pub(super) fn open(host: &Host, transport: &'static str) -> Vec<u16> {
    let mut ports: Vec<u16> =
        host.of(&[transport]).filter(|one| answers(one)).map(|one| one.port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

pub(super) fn nmap_xml(host: &Host) -> String {
    let ports: String = open(host, "tcp")
        .iter()
        .map(|port| format!("<port protocol=\"tcp\" portid=\"{port}\"><state state=\"open\" reason=\"syn-ack\" reason_ttl=\"64\"/></port>\n"))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner=\"nmap\" args=\"nmap -p 1-65535 -oX - {TARGET}\" start=\"1700000000\" version=\"7.93\" xmloutputversion=\"1.05\">\n<scaninfo type=\"syn\" protocol=\"tcp\" numservices=\"65535\" services=\"1-65535\"/>\n<host starttime=\"1700000000\" endtime=\"1700000001\"><status state=\"up\" reason=\"arp-response\" reason_ttl=\"0\"/>\n<address addr=\"{TARGET}\" addrtype=\"ipv4\"/>\n<hostnames>\n</hostnames>\n<ports><extraports state=\"closed\" count=\"65530\">\n<extrareasons reason=\"reset\" count=\"65530\"/>\n</extraports>\n{ports}</ports>\n</host>\n<runstats><finished time=\"1700000001\" timestr=\"x\" elapsed=\"0.5\" exit=\"success\"/><hosts up=\"1\" down=\"0\" total=\"1\"/>\n</runstats>\n</nmaprun>\n"
    )
}

pub(super) fn nmap_greppable(host: &Host) -> String {
    let ports: Vec<String> =
        open(host, "tcp").iter().map(|port| format!("{port}/open/tcp/////")).collect();
    let ports =
        if ports.is_empty() { String::new() } else { format!("\tPorts: {}", ports.join(", ")) };
    format!(
        "# Nmap 7.93 scan initiated Tue Nov 14 22:13:20 2023 as: nmap -p 1-65535 -oG - {TARGET}\nHost: {TARGET} ()\tStatus: Up\nHost: {TARGET} (){ports}\tIgnored State: closed (65530)\n# Nmap done at Tue Nov 14 22:13:21 2023 -- 1 IP address (1 host up) scanned in 0.50 seconds\n"
    )
}
