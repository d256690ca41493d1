//! Address text and bind scopes.
//!
//! A scope is a set of addresses; the sets are disjoint and together hold every address. The
//! prefixes are those of the IANA special-purpose address registries (2025-10-09); what no narrower
//! set holds is `public`, reserved and documentation space included: unassigned space proves nothing.
//! Standard library predicates (`is_private`, ...) are not used: they differ from each other and from
//! the registries.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A named set of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 169.254.0.0/16 and fe80::/10.
    LinkLocal,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.
    Private,
    /// 100.64.0.0/10: carrier NAT, also overlay networks.
    Shared,
    /// 224.0.0.0/4 and ff00::/8.
    Multicast,
    /// 255.255.255.255; the directed broadcast of an interface too, when interfaces are known.
    Broadcast,
    /// The unspecified address: 0.0.0.0, `::`, `*`, `::ffff:0.0.0.0`.
    Wildcard,
    /// Every other address.
    Public,
}

impl Scope {
    /// All scopes, narrowest audience first.
    pub const ALL: [Self; 8] = [
        Self::Loopback,
        Self::LinkLocal,
        Self::Private,
        Self::Shared,
        Self::Multicast,
        Self::Broadcast,
        Self::Wildcard,
        Self::Public,
    ];

    /// The name in the policy language and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Wildcard => "wildcard",
            Self::Public => "public",
        }
    }

    /// The scope with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// The scope of an address; an IPv4-mapped one has that of the IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match unmapped(address) {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0, 0, 0, 0] => Self::Wildcard,
            [255, 255, 255, 255] => Self::Broadcast,
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [169, 254, ..] => Self::LinkLocal,
            [100, 64..=127, ..] => Self::Shared,
            [224..=239, ..] => Self::Multicast,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Wildcard,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff, ..] => Self::Private,
            [0xff00..=0xffff, ..] => Self::Multicast,
            _ => Self::Public,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An IPv4-mapped address (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2) as the IPv4 address that it
/// carries; any other as it is. IPv4-compatible `::a.b.c.d` is not unwrapped.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Appends an address as it stands before a port: `127.0.0.1`, `[::1]`.
pub fn push_in_endpoint(text: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => push_v4(text, ip),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => text.push_str("[::]"),
        IpAddr::V6(ip) => {
            // Writing to a String cannot fail.
            let _ = write!(text, "[{ip}]");
        }
    }
}

/// The canonical text of an address.
#[must_use]
pub fn text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let mut text = String::with_capacity("255.255.255.255".len());
            push_v4(&mut text, ip);
            text
        }
        IpAddr::V6(ip) => ip.to_string(),
    }
}

/// Appends an IPv4 address. Tables hold thousands, and the standard library takes several times as long.
pub fn push_v4(text: &mut String, ip: Ipv4Addr) {
    for (index, octet) in ip.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        push_number(text, u64::from(octet));
    }
}

/// Appends a number in decimal digits.
pub fn push_number(text: &mut String, number: u64) {
    const GROUP: u64 = 1000;
    let (above, group) = (number / GROUP, (number % GROUP) as usize);
    let mut skipped = 0;
    match above {
        0 => skipped = usize::from(group < 100) + usize::from(group < 10),
        _ => push_number(text, above),
    }
    text.push_str(DIGITS.get(3 * group + skipped..3 * group + 3).unwrap_or_default());
}

/// The numbers from `000` to `999`, one behind the other: to look three digits up takes less than to make
/// one.
static DIGITS: &str = match std::str::from_utf8(&digits()) {
    Ok(digits) => digits,
    Err(_) => "",
};

#[expect(clippy::indexing_slicing, reason = "computed when this is compiled")]
const fn digits() -> [u8; 3000] {
    let mut digits = [0; 3000];
    let mut number = 0;
    while number < 1000 {
        digits[3 * number] = b'0' + (number / 100) as u8;
        digits[3 * number + 1] = b'0' + (number / 10 % 10) as u8;
        digits[3 * number + 2] = b'0' + (number % 10) as u8;
        number += 1;
    }
    digits
}

/// An address as a tool prints it, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressText<'a> {
    /// What stands for the address.
    pub host: HostText<'a>,
    /// The zone or bound device after `%`, as printed: a name or a number.
    pub zone: Option<&'a str>,
}

/// What stands for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostText<'a> {
    /// An address.
    Ip(IpAddr),
    /// `*`: a wildcard, of which family the format decides.
    Star,
    /// Anything else: a host name, or a cut address.
    Other(&'a str),
}

/// Takes address text apart: `127.0.0.1`, `[::1]`, `[fe80::1]%eth0`, `[fe80::1%eth0]`,
/// `fe80::1%eth0`, `0.0.0.0%eth0`, `*%eth0`, `*`.
///
/// IPv4 is four decimal octets without leading zeros; `127.1`, `0x7f000001` and `010.0.0.1` are
/// [`HostText::Other`]. IPv6 is RFC 4291 text. The zone begins at the last `%`.
#[must_use]
pub fn parse(text: &str) -> AddressText<'_> {
    let (host, zone) = match text.rsplit_once('%') {
        Some((host, zone)) => (host, Some(zone)),
        None => (text, None),
    };
    // `[fe80::1%eth0]`: the bracket closes after the zone.
    let (host, zone) = match (host.strip_prefix('['), zone) {
        (Some(open), Some(zone)) if !open.ends_with(']') => match zone.strip_suffix(']') {
            Some(zone) => (open, Some(zone)),
            None => (host, Some(zone)),
        },
        _ => (host, zone),
    };
    let (bare, bracketed) = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => (inside, true),
        None => (host, false),
    };
    let zone = zone.filter(|zone| !zone.is_empty());
    if bare == "*" && !bracketed {
        return AddressText { host: HostText::Star, zone };
    }
    let ip = match bracketed {
        true => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        false => bare.parse::<IpAddr>().ok(),
    };
    AddressText { host: ip.map_or(HostText::Other(text), HostText::Ip), zone }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Option<Scope> {
        match parse(text).host {
            HostText::Ip(ip) => Some(Scope::of(ip)),
            HostText::Star => Some(Scope::Wildcard),
            HostText::Other(_) => None,
        }
    }

    #[test]
    fn every_odd_spelling_has_its_scope() {
        use Scope::*;
        for (text, expected) in [
            ("0.0.0.0", Wildcard),
            ("::", Wildcard),
            ("[::]", Wildcard),
            ("*", Wildcard),
            ("*%eth0", Wildcard),
            ("0.0.0.0%lo", Wildcard),
            ("::ffff:0.0.0.0", Wildcard),
            ("[::ffff:0:0]", Wildcard),
            ("127.0.0.1", Loopback),
            ("127.0.0.2", Loopback),
            ("127.0.1.1", Loopback),
            ("127.255.255.255", Loopback),
            ("127.0.0.53%lo", Loopback),
            ("::1", Loopback),
            ("[::1]", Loopback),
            ("0:0:0:0:0:0:0:1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("[::ffff:7f00:1]", Loopback),
            ("::FFFF:127.5.6.7", Loopback),
            ("169.254.1.1", LinkLocal),
            ("fe80::1", LinkLocal),
            ("[fe80::1]%eth0", LinkLocal),
            ("[fe80::1%eth0]", LinkLocal),
            ("fe80::1%eth0.100", LinkLocal),
            ("fe80::1%2", LinkLocal),
            ("febf:ffff::1", LinkLocal),
            ("fec0::1", Public),
            ("10.0.0.1", Private),
            ("172.15.255.255", Public),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("172.32.0.0", Public),
            ("192.168.100.10", Private),
            ("fd00::1", Private),
            ("fc00::", Private),
            ("::ffff:10.0.0.1", Private),
            ("100.63.255.255", Public),
            ("100.64.0.0", Shared),
            ("100.127.255.255", Shared),
            ("100.128.0.0", Public),
            ("224.0.0.251", Multicast),
            ("239.255.255.255", Multicast),
            ("ff02::fb", Multicast),
            ("255.255.255.255", Broadcast),
            ("255.255.255.254", Public),
            ("240.0.0.1", Public),
            ("0.0.0.1", Public),
            ("192.0.2.1", Public),
            ("203.0.113.10", Public),
            ("198.18.0.1", Public),
            ("2001:db8::1", Public),
            ("3fff::1", Public),
            ("5f00::1", Public),
            ("::127.0.0.1", Public),
            ("64:ff9b::127.0.0.1", Public),
            ("2002:7f00:1::", Public),
            ("8.8.8.8", Public),
        ] {
            assert_eq!(scope(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn numbers_and_addresses_are_written_as_the_standard_library_does() {
        let mut numbers: Vec<u64> = (0..=2100).collect();
        for power in 0..20 {
            let ten = 10_u64.pow(power);
            numbers.extend([ten - 1, ten, ten + 1, ten.saturating_mul(7).saturating_add(42)]);
        }
        numbers.extend([65535, u64::from(u32::MAX), u64::MAX - 1, u64::MAX]);
        for number in numbers {
            let mut text = String::from("x");
            push_number(&mut text, number);
            assert_eq!(text, format!("x{number}"));
        }
        for ip in
            ["0.0.0.0", "127.0.0.1", "255.255.255.255", "10.99.100.9", "::", "::1", "fe80::a:1"]
        {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(text(ip), ip.to_string());
            let mut text = String::new();
            push_in_endpoint(&mut text, ip);
            let bracketed = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            assert_eq!(text, bracketed);
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "localhost",
            "ip6-localhost",
            "127.1",
            "0x7f000001",
            "010.0.0.1",
            "127.0.0.1.1",
            "",
            "[127.0.0.1]",
            "[*]",
            "[]",
            "::1]",
            "[::1",
            "1.2.3",
            "db.internal",
            "fe80::5054:ff:fe2b:",
        ] {
            assert_eq!(scope(text), None, "{text}");
        }
    }

    #[test]
    fn zones_are_split_off() {
        for (text, zone) in [
            ("[fe80::1]%eth0", Some("eth0")),
            ("[fe80::1%eth0]", Some("eth0")),
            ("fe80::1%br-1.2@x", Some("br-1.2@x")),
            ("*%virbr0", Some("virbr0")),
            ("127.0.0.53%lo", Some("lo")),
            ("0.0.0.0", None),
            ("0.0.0.0%", None),
        ] {
            assert_eq!(parse(text).zone, zone, "{text}");
        }
    }
}
