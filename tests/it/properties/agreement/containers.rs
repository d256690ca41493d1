//! What engines of containers and scanners in other forms tell of a host. Sources: docker/cli `formatter/container.go`,
//! the documents of `docker inspect` and `podman ps --format json`, main-list.c and out-json.c of masscan, output.cc of
//! nmap.

use std::fmt::Write as _;

use serde_json::json;

use super::documents::{TARGET, open};
use super::host::{Host, Listener};

/// Listeners that are published ports: those of postgres.
fn published(host: &Host) -> Vec<&Listener> {
    host.of(&["tcp", "udp"])
        .filter(|one| one.holders.contains(&4) && one.device.is_none() && one.address != "*")
        .collect()
}

fn text(listeners: &[&Listener]) -> String {
    let one = |one: &&Listener| {
        let address =
            if one.is_v6() { format!("[{}]", one.address) } else { one.address.to_owned() };
        format!("{address}:{0}->{0}/{1}", one.port, one.transport)
    };
    listeners.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `docker ps`: the ports stand on the line, however many they are.
pub(super) fn docker(host: &Host) -> Option<String> {
    let ports = text(&published(host));
    let width = ports.len();
    (width > 0).then(|| format!(
        "CONTAINER ID   IMAGE         COMMAND                  CREATED       STATUS       {:<width$}   NAMES\n0d1e2f3a4b5c   postgres:16   \"docker-entrypoint.s..\"  2 weeks ago   Up 2 weeks   {ports}   db\n",
        "PORTS"
    ))
}

/// `docker ps --format json`: an object a line.
pub(super) fn docker_json(host: &Host) -> Option<String> {
    let ports = text(&published(host));
    let line = json!({"Command": "\"x\"", "ID": "0d1e2f3a4b5c", "Names": "db", "Ports": ports, "State": "running"});
    (!ports.is_empty()).then(|| format!("{line}\n"))
}

/// `docker inspect` of a container that runs.
pub(super) fn docker_inspect(host: &Host) -> Option<String> {
    let published = published(host);
    let mut ports = json!({"9000/tcp": null});
    for one in &published {
        let key = format!("{}/{}", one.port, one.transport);
        let entry = json!({"HostIp": one.address, "HostPort": one.port.to_string()});
        match ports[&key].as_array_mut() {
            Some(list) => list.push(entry),
            None => ports[&key] = json!([entry]),
        }
    }
    let document = json!([{
        "Id": "0d1e2f3a4b5c", "Name": "/db", "State": {"Status": "running", "Running": true},
        "HostConfig": {"NetworkMode": "bridge", "PortBindings": {}},
        "NetworkSettings": {"Ports": ports},
    }]);
    (!published.is_empty()).then(|| format!("{document:#}\n"))
}

/// `podman ps --format json`.
pub(super) fn podman(host: &Host) -> Option<String> {
    let published = published(host);
    let port = |one: &&Listener| {
        json!({
            "host_ip": one.address, "container_port": one.port, "host_port": one.port, "range": 1,
            "protocol": one.transport,
        })
    };
    let ports: Vec<_> = published.iter().map(port).collect();
    let document =
        json!([{"Id": "0d1e2f3a4b5c", "Names": ["db"], "State": "running", "Ports": ports}]);
    (!published.is_empty()).then(|| format!("{document:#}\n"))
}

/// `masscan -oL`, `-oJ` and what it prints; `None` where nothing answers, for it is empty then.
pub(super) fn masscan(host: &Host, form: &str) -> Option<String> {
    let mut lines = Vec::new();
    for transport in ["tcp", "udp"] {
        for port in open(host, transport) {
            lines.push(match form {
                "json" => format!(
                    "{{   \"ip\": \"{TARGET}\",   \"timestamp\": \"1700000000\", \"ports\": [ {{\"port\": {port}, \"proto\": \"{transport}\", \"status\": \"open\", \"reason\": \"syn-ack\", \"ttl\": 64}} ] }}\n"
                ),
                "list" => format!("open {transport} {port} {TARGET} 1700000000\n"),
                _ => format!("Discovered open port {port}/{transport} on {TARGET}\n"),
            });
        }
    }
    let text = match form {
        "json" => format!("[\n{}]\n", lines.join(",\n")),
        "list" => format!("#masscan\n{}# end\n", lines.concat()),
        _ => lines.concat(),
    };
    (!lines.is_empty()).then_some(text)
}

/// What nmap prints.
pub(super) fn nmap_printed(host: &Host) -> String {
    let mut text = format!(
        "Starting Nmap 7.93 ( https://nmap.org ) at 2023-11-14 22:13 UTC\nNmap scan report for {TARGET}\nHost is up (0.00012s latency).\nNot shown: 65530 closed tcp ports (reset)\n"
    );
    let ports = open(host, "tcp");
    if !ports.is_empty() {
        text.push_str("PORT      STATE SERVICE\n");
    }
    for port in ports {
        writeln!(text, "{:<9} open  unknown", format!("{port}/tcp")).unwrap();
    }
    text + "\nNmap done: 1 IP address (1 host up) scanned in 0.50 seconds\n"
}
