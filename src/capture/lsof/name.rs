//! The NAME column and the `n` field of internet sockets: `127.0.0.1:22`, `*:ssh`, `[::1]:22->...`.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use crate::address::{self, HostText};

/// An endpoint, as ranges of the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) host: Range<usize>,
    pub(super) port: Range<usize>,
    /// It has a peer.
    pub(super) connected: bool,
}

/// What stands for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// An address with the zone that is printed with it.
    Ip(IpAddr, Option<&'a str>),
    /// An address with the number of its interface in its second group, as macOS and the BSDs keep it
    /// in the kernel. Source: RFC 4291 2.5.6; KAME, `in6_recoverscope`.
    Scoped(Ipv6Addr, u16),
    /// `*`.
    Star,
    /// A host name.
    Name,
}

/// Splits `text` at `start..`; `None` where it is no endpoint.
///
/// Behind a port may stand the name that the portmapper has for it, in brackets: `*:2049[nfs]`.
/// Source: lsof(8), `+M`; `print.c`, `update_portmap`.
pub(super) fn parse(text: &str, range: Range<usize>) -> Option<Name> {
    let whole = text.get(range.clone())?;
    let (local, connected) = match whole.split_once("->") {
        Some((local, _)) => (local, true),
        None => (whole, false),
    };
    let (host, port) = local.rsplit_once(':')?;
    let port = match port.strip_suffix(']').and_then(|port| port.split_once('[')) {
        Some((port, name)) if !name.is_empty() => port,
        Some(_) | None => port,
    };
    let shaped = !host.is_empty()
        && !port.is_empty()
        && !local.contains(char::is_whitespace)
        && (host.starts_with('[') == host.contains(']'))
        && port.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+*/".contains(&byte));
    let colon = range.start + host.len();
    shaped.then(|| Name {
        host: range.start..colon,
        port: colon + 1..colon + 1 + port.len(),
        connected,
    })
}

/// Reads what stands for the address.
pub(super) fn host(text: &str) -> Host<'_> {
    let parsed = address::parse(text);
    match parsed.host {
        HostText::Star => Host::Star,
        HostText::Ip(IpAddr::V6(ip)) if parsed.zone.is_none() => match ip.segments() {
            [first @ (0xfe80..=0xfebf | 0xff01 | 0xff02), index, c, d, e, f, g, h]
                if index != 0 =>
            {
                Host::Scoped(Ipv6Addr::new(first, 0, c, d, e, f, g, h), index)
            }
            _ => Host::Ip(ip.into(), None),
        },
        HostText::Ip(ip) => Host::Ip(ip, parsed.zone),
        HostText::Other(_) => Host::Name,
    }
}

/// Puts a name together that lsof or the kernel wrote with escapes: `\x20`, `\\`, `\n`, `\t`, ...; `None`
/// where there is nothing to do or it cannot be told.
///
/// `^[` may be an escape or itself, so a name with it stays as it is printed.
/// Source: lsof `misc.c`, `safepup`; Linux `fs/proc/array.c`, `proc_task_name`.
pub(super) fn unescape(shown: &str) -> Option<String> {
    if !shown.contains('\\') || shown.contains('^') {
        return None;
    }
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'\\' => b'\\',
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x08,
            b'f' => 0x0C,
            b'x' => {
                let digit = |byte: u8| (byte as char).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}
