//! What auditing tools write of a host. Sources: include/tests_networking of Lynis 2.7 and 3.0 (NETW-3012),
//! docs/gossfile.md and outputs/json.go of goss, lib/inspec/resources/port.rb of InSpec.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::host::{Host, Listener};
use super::linux::{Age, ss_endpoint};

/// `lynis-report.dat` of Lynis 3, which asks ss, or of Lynis 2, which asks netstat.
pub(super) fn lynis(host: &Host, by_ss: bool) -> String {
    let version = if by_ss { "3.0.8" } else { "2.7.5" };
    let mut text = format!("# Lynis Report\nlynis_version={version}\nos=Linux\nhostname=db-1\n");
    for one in host.of(&["udp", "tcp"]) {
        if by_ss {
            let names: Vec<&str> = one.owners().map(|owner| owner.comm).collect();
            let (local, _) = ss_endpoint(one, Age::New);
            let (transport, names) = (one.transport, names.join(","));
            writeln!(text, "network_listen[]=raw,ss,v1|{transport}|{local}|{names}|").unwrap();
        } else {
            let mut address = one.plain().trim_start_matches("::ffff:").to_owned();
            address.truncate(22 - one.port.to_string().len());
            let name = one.owners().next().map_or("-", |owner| {
                let name = owner.argv.split_whitespace().next().unwrap();
                name.rsplit('/').next().unwrap()
            });
            let (port, proto) = (one.port, one.proto());
            writeln!(text, "network_listen_port[]={address}:{port}|{proto}|{name}|").unwrap();
        }
    }
    text + "finish=true\n"
}

/// The listeners of a host by the names that goss gives to ports: `tcp:22`, `udp6:53`.
fn ports(host: &Host) -> BTreeMap<String, Vec<&Listener>> {
    let mut ports: BTreeMap<String, Vec<&Listener>> = BTreeMap::new();
    for one in host.of(&["tcp", "udp"]) {
        ports.entry(format!("{}:{}", one.proto(), one.port)).or_default().push(one);
    }
    ports
}

fn addresses<'a>(listeners: &[&'a Listener]) -> Vec<&'a str> {
    let mut addresses: Vec<&str> = listeners.iter().map(|one| one.plain()).collect();
    addresses.dedup();
    addresses
}

/// A gossfile as `goss add` writes it, as YAML or as JSON; `None` of a host without listeners.
pub(super) fn gossfile(host: &Host, yaml: bool) -> Option<String> {
    let ports = ports(host);
    let mut text = "port:\n".to_owned();
    let mut document = json!({"port": {}});
    for (name, listeners) in &ports {
        let addresses = addresses(listeners);
        document["port"][name] = json!({"listening": true, "ip": addresses});
        write!(text, "  {name}:\n    listening: true\n    ip:\n").unwrap();
        for address in addresses {
            // A plain scalar may not begin so.
            let quote = if address.starts_with(':') { "'" } else { "" };
            writeln!(text, "    - {quote}{address}{quote}").unwrap();
        }
    }
    let text = if yaml { text } else { document.to_string() };
    (!ports.is_empty()).then_some(text)
}

/// `goss validate --format json` of that file and a port on which nothing listens.
pub(super) fn goss_results(host: &Host) -> String {
    let mut results = Vec::new();
    let mut result = |id: &str, property: &str, expected: Value, found: Value| {
        results.push(json!({
            "duration": 1, "expected": expected, "found": found, "property": property,
            "resource-id": id, "resource-type": "Port", "successful": true,
        }));
    };
    result("tcp:9", "listening", json!(["false"]), json!(["false"]));
    for (name, listeners) in ports(host) {
        result(&name, "listening", json!(["true"]), json!(["true"]));
        let addresses = addresses(&listeners);
        result(&name, "ip", json!([json!(addresses).to_string()]), json!(addresses));
    }
    json!({"results": results, "summary": {"failed-count": 0}}).to_string()
}

/// `inspec exec --reporter json` of a profile that asks for everything that a port is.
pub(super) fn inspec(host: &Host) -> String {
    let mut by_port: BTreeMap<u16, Vec<&Listener>> = BTreeMap::new();
    for one in host.of(&["tcp", "udp"]) {
        by_port.entry(one.port).or_default().push(one);
    }
    let mut results = Vec::new();
    let mut result = |status: &str, words: String| {
        results.push(json!({"status": status, "code_desc": words, "run_time": 0.01}));
    };
    result("failed", "Port 9 is expected to be listening".to_owned());
    for (port, listeners) in by_port {
        let mut say = |what: &str| result("passed", format!("Port {port} {what}"));
        say("is expected to be listening");
        let mut all = |property: &str, mut values: Vec<String>| {
            values.sort();
            values.dedup();
            for value in values {
                say(&format!("{property} is expected to include \"{value}\""));
            }
        };
        all("protocols", listeners.iter().map(|one| one.proto()).collect());
        all("addresses", listeners.iter().map(|one| one.plain().to_owned()).collect());
        let names =
            listeners.iter().flat_map(|one| one.owners()).map(|owner| owner.comm.to_owned());
        all("processes", names.collect());
    }
    let controls = json!([{"id": "ports", "results": results}]);
    json!({"platform": {"name": "debian"}, "profiles": [{"controls": controls}], "version": "5.22"})
        .to_string()
}
