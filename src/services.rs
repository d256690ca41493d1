//! Service names and their ports.
//!
//! Source: the IANA Service Name and Transport Protocol Port Number Registry (CC0), with the names
//! and aliases of Debian's `/etc/services` (netbase 6.4) before it where the two differ, since that
//! is what a capture's host resolves by. Hosts can have a table of their own, so a port that was
//! read from a name is presumed, never proven.

use crate::snapshot::Transport;

/// `name`, tab, `port`, tab, letters of `d`ccp, `s`ctp, `t`cp, `u`dp; sorted by name.
static TABLE: &str = include_str!("services.tsv");

/// The port that `name` stands for under `transport`; case does not matter.
///
/// A name that is registered for another transport only gives that port: hosts list many services
/// under one transport and use them with both.
#[must_use]
pub fn port(name: &str, transport: Transport) -> Option<u16> {
    let letter = match transport {
        Transport::Udp | Transport::Udplite => 'u',
        Transport::Sctp => 's',
        Transport::Dccp => 'd',
        Transport::Tcp | Transport::Raw => 't',
    };
    let mut other = None;
    for (port, transports) in entries(name) {
        if transports.contains(letter) {
            return Some(port);
        }
        other = other.or(Some(port));
    }
    other
}

/// Every port that `name` stands for under any transport, sorted.
pub fn ports(name: &str) -> Vec<u16> {
    let mut ports: Vec<u16> = entries(name).map(|(port, _)| port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// All names of the table, in order; for did-you-mean.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(|line| line.split('\t').next())
}

fn entries(name: &str) -> impl Iterator<Item = (u16, &'static str)> + use<> {
    let name = name.to_ascii_lowercase();
    let start = first_line(&name);
    TABLE.get(start..).unwrap_or_default().lines().map_while(move |line| {
        let mut fields = line.split('\t');
        (fields.next()? == name).then_some(())?;
        Some((fields.next()?.parse().ok()?, fields.next()?))
    })
}

/// Offset of the first line whose name is not less than `name`: a binary search over bytes that
/// steps back to a line start, so that nothing is built before a name is asked for.
fn first_line(name: &str) -> usize {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = TABLE
            .as_bytes()
            .get(..middle)
            .and_then(|before| memchr::memrchr(b'\n', before))
            .map_or(0, |end| end + 1);
        let line = TABLE.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let found = line.split('\t').next().unwrap_or_default();
        if found < name {
            low = start + line.len() + 1;
        } else {
            high = start;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        let mut last = "";
        for line in TABLE.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 3, "{line}");
            assert!(fields[1].parse::<u16>().is_ok(), "{line}");
            assert!(last <= fields[0], "{line} after {last}");
            last = fields[0];
        }
    }

    #[test]
    fn names_give_ports() {
        assert_eq!(port("ssh", Transport::Tcp), Some(22));
        assert_eq!(port("SSH", Transport::Tcp), Some(22));
        assert_eq!(port("postgres", Transport::Tcp), Some(5432));
        assert_eq!(port("snapenetio", Transport::Tcp), Some(22000));
        assert_eq!(port("bootpc", Transport::Udp), Some(68));
        assert_eq!(port("http-alt", Transport::Tcp), Some(8080));
        assert_eq!(port("zzz-no-such", Transport::Tcp), None);
        assert_eq!(port("", Transport::Tcp), None);
    }

    #[test]
    fn every_name_is_found() {
        for name in names() {
            assert!(!ports(name).is_empty(), "{name}");
        }
    }
}
