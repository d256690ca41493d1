//! `ip addr` of iproute2: as text, with `-o`, `-d`, `-s`, `-br`, and `-j`: which interface owns an address.
//!
//! ```text
//! 2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
//!     inet 192.168.100.10/24 brd 192.168.100.255 scope global eth0
//! 2: eth0    inet 192.168.100.10/24 brd 192.168.100.255 scope global eth0\       valid_lft forever
//! eth0@if2         UP             192.168.100.10/24 fe80::10/64
//! ```
//!
//! Source: iproute2, ip/ipaddress.c (`print_linkinfo`, `print_addrinfo`, `print_linkinfo_brief`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr as Ip;
use std::ops::Range;

use serde::Deserialize;

use super::{ContextFormat, Facts, bad, lines};
use crate::snapshot::Interface;

pub(super) struct IpAddr;

impl ContextFormat for IpAddr {
    fn name(&self) -> &'static str {
        "ip addr"
    }

    fn names(&self, name: &str) -> bool {
        let mut words = name.split(['_', '-', ' ']).filter(|word| !word.is_empty());
        let first = words.next();
        // With `-4` or `-6` addresses are left out, and what is left out looks like nobody's.
        if first == Some("ipaddr") || first == Some("ip") && name == "ip-brief" {
            return true;
        }
        first == Some("ip")
            && words.clone().any(|word| matches!(word, "a" | "addr" | "address"))
            && words.all(|word| {
                matches!(
                    word,
                    "a" | "addr"
                        | "address"
                        | "o"
                        | "d"
                        | "s"
                        | "j"
                        | "p"
                        | "br"
                        | "brief"
                        | "c"
                        | "color"
                        | "colour"
                        | "show"
                        | "ls"
                        | "list"
                        | "json"
                        | "oneline"
                        | "details"
                )
            })
    }

    fn begins(&self, head: &str) -> bool {
        let start = head.trim_start();
        if start.starts_with("[{") || start.starts_with('[') {
            let start: String = start.chars().filter(|c| !c.is_whitespace()).take(80).collect();
            return start.starts_with("[{\"ifindex\":") || start.starts_with("[{\"ifname\":");
        }
        lines(head).next().is_some_and(|(_, line)| {
            link(line).is_some() || oneline(line).is_some() || brief(line).is_some()
        })
    }

    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), Range<usize>> {
        let found = match text.trim_start().starts_with('[') {
            true => json(text).ok_or(0..text.len().min(1)).map_err(|_| first(text))?,
            false => plain(text)?,
        };
        add(facts.interfaces.get_or_insert_default(), found);
        Ok(())
    }
}

/// Adds interfaces to those that are known, each once by name and namespace, and their addresses.
pub(super) fn add(known: &mut Vec<Interface>, more: Vec<Interface>) {
    let mut places: BTreeMap<(Option<String>, String), usize> = BTreeMap::new();
    let name = |one: &Interface| (one.netns.clone(), one.name.clone());
    for (at, one) in known.iter().enumerate() {
        places.entry(name(one)).or_insert(at);
    }
    let mut touched = BTreeSet::new();
    for interface in more {
        let at = *places.entry(name(&interface)).or_insert(known.len());
        match known.get_mut(at) {
            Some(own) => {
                own.index = own.index.or(interface.index);
                own.up = own.up.or(interface.up);
                own.addresses.extend(interface.addresses);
                touched.insert(at);
            }
            None => known.push(interface),
        }
    }
    for at in touched {
        if let Some(own) = known.get_mut(at) {
            let mut seen = BTreeSet::new();
            own.addresses.retain(|address| seen.insert(*address));
        }
    }
}

/// The first line of a text.
fn first(text: &str) -> Range<usize> {
    lines(text).next().map_or(0..0, |(start, line)| bad(start, line))
}

/// The name without what it is linked to: `eth0` of `eth0@if2`.
fn own(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// `2: eth0@if2: <BROADCAST,UP> mtu 1500 ...`
fn link(line: &str) -> Option<Interface> {
    let (index, rest) = line.split_once(": ")?;
    let (name, rest) = rest.split_once(": <")?;
    let flags = rest.split_once('>')?.0;
    Some(Interface {
        name: own(name).to_owned(),
        index: Some(index.trim_start().parse().ok()?),
        netns: None,
        up: Some(flags.split(',').any(|flag| flag == "UP")),
        addresses: Vec::new(),
    })
}

/// `2: eth0    inet 10.0.0.5/24 ...`
fn oneline(line: &str) -> Option<(u32, &str, (Ip, u8))> {
    let (index, rest) = line.split_once(": ")?;
    let (name, rest) = rest.split_once(' ')?;
    Some((index.trim_start().parse().ok()?, own(name), address(rest.trim_start())?))
}

/// `inet 10.0.0.5/24 brd ...`, `inet 10.8.0.1 peer 10.8.0.2/32 ...`, `inet6 ::1/128 scope host`
fn address(text: &str) -> Option<(Ip, u8)> {
    let mut words = text.split_whitespace();
    let family = words.next()?;
    let ip_and_prefix = network(words.next()?, || match words.next() {
        Some("peer") => words.next(),
        _ => None,
    })?;
    let fits = match family {
        "inet" => ip_and_prefix.0.is_ipv4(),
        "inet6" => ip_and_prefix.0.is_ipv6(),
        _ => false,
    };
    fits.then_some(ip_and_prefix)
}

/// An address with its prefix length, which stands behind the peer's where there is one.
fn network<'a>(text: &'a str, peer: impl FnOnce() -> Option<&'a str>) -> Option<(Ip, u8)> {
    let (ip, prefix) = match text.split_once('/') {
        Some(both) => both,
        None => (text, peer().and_then(|peer| peer.split_once('/')).map_or("", |(_, len)| len)),
    };
    let ip: Ip = ip.parse().ok()?;
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = if prefix.is_empty() { whole } else { prefix.parse().ok()? };
    (prefix <= whole).then_some((ip, prefix))
}

/// `eth0@if2         UP             192.168.100.10/24 fe80::10/64`
fn brief(line: &str) -> Option<Interface> {
    const STATES: &[&str] =
        &["UNKNOWN", "UP", "DOWN", "LOWERLAYERDOWN", "DORMANT", "NOTPRESENT", "TESTING"];
    let mut words = line.split_whitespace();
    let name = own(words.next()?).to_owned();
    if !STATES.contains(&words.next()?) {
        return None;
    }
    let mut addresses = Vec::new();
    while let Some(word) = words.next() {
        match word {
            // `10.8.0.1 peer 10.8.0.2/32`: the address was taken already.
            "peer" | "metric" => {
                words.next()?;
            }
            word => addresses.push(network(word, || None)?),
        }
    }
    Some(Interface { name, index: None, netns: None, up: None, addresses })
}

fn plain(text: &str) -> Result<Vec<Interface>, Range<usize>> {
    let mut found: Vec<Interface> = Vec::new();
    for (start, line) in lines(text) {
        if line.starts_with([' ', '\t']) && link(line).is_none() && oneline(line).is_none() {
            let inside = line.trim_start();
            if inside.starts_with("inet ") || inside.starts_with("inet6 ") {
                let own = address(inside).ok_or_else(|| bad(start, line))?;
                let last = found.last_mut().ok_or_else(|| bad(start, line))?;
                last.addresses.push(own);
            }
            // Other lines tell of the link, its statistics and lifetimes.
            continue;
        }
        if let Some(interface) = link(line) {
            found.push(interface);
        } else if let Some((index, name, own)) = oneline(line) {
            match found.last_mut().filter(|last| last.name == name) {
                Some(last) => last.addresses.push(own),
                None => found.push(Interface {
                    name: name.to_owned(),
                    index: Some(index),
                    addresses: vec![own],
                    ..Interface::default()
                }),
            }
        } else if let Some(interface) = brief(line) {
            found.push(interface);
        } else {
            return Err(bad(start, line));
        }
    }
    Ok(found)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LinkShape {
    ifindex: Option<u32>,
    ifname: String,
    flags: Option<Vec<String>>,
    addr_info: Vec<AddressShape>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AddressShape {
    family: String,
    local: Option<String>,
    prefixlen: Option<u8>,
}

fn json(text: &str) -> Option<Vec<Interface>> {
    let links: Vec<LinkShape> = serde_json::from_str(text).ok()?;
    let mut found = Vec::new();
    // Old versions print an empty object for each link that a filter leaves out.
    for shape in links.into_iter().filter(|shape| !shape.ifname.is_empty()) {
        let mut addresses = Vec::new();
        for address in shape.addr_info {
            let (Some(local), "inet" | "inet6") = (address.local, address.family.as_str()) else {
                continue;
            };
            let ip: Ip = local.parse().ok()?;
            addresses.push((ip, address.prefixlen.unwrap_or(if ip.is_ipv4() { 32 } else { 128 })));
        }
        found.push(Interface {
            name: shape.ifname,
            index: shape.ifindex,
            netns: None,
            up: shape.flags.map(|flags| flags.iter().any(|flag| flag == "UP")),
            addresses,
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;

    const LONG: &str = "\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host
2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP
    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0
    RX: bytes  packets  errors
    123        4        0
3: tun0: <POINTOPOINT,NOARP> mtu 1500 qdisc noop state DOWN
    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0
";
    const SHORT: &str = "\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \\       valid_lft forever
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0
3: tun0    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0
";
    const BRIEF: &str = "\
lo               UNKNOWN        127.0.0.1/8 ::1/128
eth0@if2         UP             10.0.0.5/24 metric 100
tun0             DOWN           10.8.0.1 peer 10.8.0.2/32
";
    const JSON: &str = r#"[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"addr_info":[
        {"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"},
        {"family":"inet6","local":"::1","prefixlen":128}]},{},
        {"ifindex":2,"link_index":2,"ifname":"eth0","flags":["UP"],"addr_info":[
        {"family":"inet","local":"10.0.0.5","prefixlen":24}]},
        {"ifindex":3,"ifname":"tun0","flags":["NOARP"],"addr_info":[
        {"family":"inet","local":"10.8.0.1","address":"10.8.0.2","prefixlen":32}]}]"#;

    #[test]
    fn all_shapes_tell_the_same() {
        for (text, index, up) in
            [(LONG, true, true), (SHORT, true, false), (BRIEF, false, false), (JSON, true, true)]
        {
            let interfaces = facts("ip addr", text).interfaces.unwrap();
            let seen: Vec<String> = interfaces
                .iter()
                .map(|one| {
                    let addresses: Vec<String> =
                        one.addresses.iter().map(|(ip, len)| format!("{ip}/{len}")).collect();
                    format!("{} {}", one.name, addresses.join(" "))
                })
                .collect();
            assert_eq!(seen, ["lo 127.0.0.1/8 ::1/128", "eth0 10.0.0.5/24", "tun0 10.8.0.1/32"]);
            assert_eq!(interfaces[1].index.is_some(), index);
            assert_eq!(interfaces[1].up, up.then_some(true));
            assert_eq!(interfaces[2].up, up.then_some(false));
        }
    }

    #[test]
    fn what_is_none_of_it_is_refused_whole() {
        let mut facts = Facts::default();
        let text = format!("{LONG}and something else\n");
        let at = IpAddr.read(&text, &mut facts).unwrap_err();
        assert_eq!(text.get(at), Some("and something else"));
        assert_eq!(facts.interfaces, None);
    }
}
