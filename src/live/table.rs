//! Listeners from the files of `/proc/net`, where netlink does not give them.
//!
//! The same sockets with fewer facts: no bound device, no `IPV6_V6ONLY`, no control group. A long
//! file is not read at one moment, so that all listeners stand in it is presumed.
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8124 ...
//!  ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS
//!   ffff8..0 ffff8..8 2   10  1    3868      0 8300 0.0.0.0
//! ```
//!
//! Sources: proc(5), linux-manual 6.03; Linux 6.1 `net/ipv4/tcp_ipv4.c`, `get_tcp4_sock`,
//! `net/ipv6/tcp_ipv6.c`, `net/sctp/proc.c`, `sctp_eps_seq_show`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::diag::{Listener, Table};
use super::files;
use crate::snapshot::Family;

/// States of a listener: `TCP_LISTEN`, and `TCP_CLOSE` for sockets without connections.
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

/// Reads one file; listeners are appended. Whether all of it could be read.
pub(super) fn read(table: &Table, family: Family, found: &mut Vec<Listener>) -> bool {
    let Some(files) = table.files else { return false };
    let Some(name) = files.get(family as usize) else { return false };
    let Ok(text) = files::text(&format!("/proc/thread-self/net/{name}")) else { return false };
    match name.starts_with("sctp") {
        true => endpoints(table, family, &text, found),
        false => rows(table, &text, found),
    }
}

fn rows(table: &Table, text: &str, found: &mut Vec<Listener>) -> bool {
    let mut lines = text.lines();
    if lines.next().is_none_or(|header| !header.contains("local_address")) {
        return false;
    }
    lines.all(|line| match row(table, line) {
        Some(listener) => {
            found.extend(listener);
            true
        }
        None => false,
    })
}

/// One row; `None` when it cannot be read, and no listener where it is of another socket.
fn row(table: &Table, line: &str) -> Option<Option<Listener>> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    if state != if table.transport.is_stream() { LISTEN } else { CLOSE } {
        return Some(None);
    }
    let (_, waiting) = fields.next()?.split_once(':')?;
    let uid = fields.nth(2)?.parse().ok()?;
    // Inode numbers of sockets have 32 bits.
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Some(Listener {
        transport: table.transport,
        mptcp: table.mptcp,
        address: address_of(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        v6only: None,
        device: None,
        uid,
        inode,
        cgroup: None,
        waiting: u32::from_str_radix(waiting, 16).ok()?,
        backlog: 0,
    }))
}

/// Words of 32 bits as the machine reads them, in hex: `0100007F` is 127.0.0.1 where the lowest byte
/// comes first.
fn address_of(text: &str) -> Option<IpAddr> {
    let word =
        |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

/// One file holds the endpoints of both families; each address of an endpoint is a listener.
fn endpoints(table: &Table, family: Family, text: &str, found: &mut Vec<Listener>) -> bool {
    let mut lines = text.lines();
    if lines.next().is_none_or(|header| !header.contains("LADDRS")) {
        return false;
    }
    lines.all(|line| endpoint(table, family, line, found).is_some())
}

fn endpoint(table: &Table, family: Family, line: &str, found: &mut Vec<Listener>) -> Option<()> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let listens = fields.next()? == "10";
    let (port, uid, inode) = (fields.nth(1)?, fields.next()?, fields.next()?);
    let (port, uid, inode) = (port.parse().ok()?, uid.parse().ok()?, inode.parse().ok()?);
    for address in fields.filter(|_| listens) {
        let address: IpAddr = address.parse().ok()?;
        if address.is_ipv4() != (family == Family::Ipv4) {
            continue;
        }
        found.push(Listener {
            transport: table.transport,
            mptcp: false,
            address,
            port,
            v6only: None,
            device: None,
            uid,
            inode,
            cgroup: None,
            waiting: 0,
            backlog: 0,
        });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::diag::TABLES;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    #[test]
    #[cfg(target_endian = "little")]
    fn listeners_of_both_families() {
        let text = format!(
            "{HEADER}\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000   999        0 8124 1 0000000000000000 100 0 0 10 0\n   \
             1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 8125\n   \
             2: 00000000:0050 00000000:0000 06 00000000:00000000 03:00000BB8 00000000     0        0 0\n   \
             3: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77\n"
        );
        let mut found = Vec::new();
        assert!(rows(&TABLES[0], &text, &mut found));
        let seen: Vec<_> = found
            .iter()
            .map(|l| (l.address.to_string(), l.port, l.uid, l.inode, l.waiting, l.device, l.v6only))
            .collect();
        assert_eq!(
            seen,
            [
                ("127.0.0.1".to_owned(), 8080, 999, 8124, 2, None, None),
                ("2001:db8::1".to_owned(), 443, 0, 77, 0, None, None),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut found = Vec::new();
        for text in ["", "no header\n", &format!("{HEADER}\n 0: 0100007F 0A\n")] {
            assert!(!rows(&TABLES[0], text, &mut found), "{text}");
        }
        assert!(rows(&TABLES[0], HEADER, &mut found) && found.is_empty());
    }

    #[test]
    fn an_endpoint_has_many_addresses() {
        let text = " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n \
                    ffff8 ffff8 2   10  1    3868     33 8300 10.0.0.1 2001:db8::2 \n \
                    ffff8 ffff8 2   7   1    9000      0 8301 10.0.0.1 \n";
        let mut found = Vec::new();
        assert!(endpoints(&TABLES[3], Family::Ipv4, text, &mut found));
        assert!(endpoints(&TABLES[3], Family::Ipv6, text, &mut found));
        let seen: Vec<_> =
            found.iter().map(|l| (l.address.to_string(), l.port, l.uid, l.inode)).collect();
        let of = |address: &str| (address.to_owned(), 3868, 33, 8300);
        assert_eq!(seen, [of("10.0.0.1"), of("2001:db8::2")]);
    }
}
