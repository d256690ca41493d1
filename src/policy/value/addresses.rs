//! Sets of local addresses as a policy writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::error::{PolicyErrorKind, suggestion};
use super::{Data, Reading, Value};
use crate::address::{Scope, unmapped};

/// Local addresses: a scope name, an address, a prefix, `"@set"`, or a list of these.
///
/// IPv4-mapped addresses and prefixes stand for the IPv4 ones. The unspecified address is in
/// `wildcard`, in `0.0.0.0/0` (the IPv4 one), in `::/0` (the IPv6 one), and where it is written out;
/// in no narrower name or prefix. An inexact prefix (`10.0.0.5/8`) is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressSet {
    scopes: u8,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    /// `0.0.0.0` and `::` written out.
    unspecified_v4: bool,
    unspecified_v6: bool,
    /// As written, joined for people.
    words: String,
}

/// The largest 4-byte and 16-byte ranges.
const ALL_V4: (u32, u32) = (0, u32::MAX);
const ALL_V6: (u128, u128) = (0, u128::MAX);

impl AddressSet {
    /// Whether a scope is listed by name.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes & (1 << scope as u8) != 0
    }

    /// Whether the set holds a specific (not the unspecified) address; `scope` is its scope, which
    /// interfaces can narrow to broadcast.
    #[must_use]
    pub fn contains(&self, address: IpAddr, scope: Scope) -> bool {
        if self.has_scope(scope) {
            return true;
        }
        match unmapped(address) {
            IpAddr::V4(address) => {
                let bits = u32::from(address);
                self.v4.iter().any(|&(low, high)| low <= bits && bits <= high)
            }
            IpAddr::V6(address) => {
                let bits = u128::from(address);
                self.v6.iter().any(|&(low, high)| low <= bits && bits <= high)
            }
        }
    }

    /// Whether the set holds the IPv4 wildcard.
    #[must_use]
    pub fn holds_wildcard_v4(&self) -> bool {
        self.has_scope(Scope::Wildcard) || self.unspecified_v4 || self.v4.contains(&ALL_V4)
    }

    /// Whether the set holds what an IPv6 wildcard binds in IPv6.
    #[must_use]
    pub fn holds_wildcard_v6(&self) -> bool {
        self.has_scope(Scope::Wildcard) || self.unspecified_v6 || self.v6.contains(&ALL_V6)
    }

    /// Whether the set holds what a dual-stack IPv6 wildcard binds in IPv4: as [`Self::holds_wildcard_v4`],
    /// and `::` written out means such a socket whole.
    #[must_use]
    pub fn holds_wildcard_v4_of_dual(&self) -> bool {
        self.has_scope(Scope::Wildcard) || self.unspecified_v6 || self.v4.contains(&ALL_V4)
    }

    /// Whether every address is in the set, whatever it is.
    #[must_use]
    pub fn is_full(&self) -> bool {
        (self.v4.contains(&ALL_V4) && self.v6.contains(&ALL_V6))
            || Scope::ALL.into_iter().all(|scope| self.has_scope(scope))
    }

    /// Whether the set holds a specific address at which other hosts reach one host: none of loopback,
    /// multicast or broadcast.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        let is_outside = |address: IpAddr| {
            matches!(
                Scope::of(address),
                Scope::Public | Scope::Private | Scope::Shared | Scope::LinkLocal
            )
        };
        let ends_v4 = self.v4.iter().flat_map(|&(low, high)| [low, high]);
        let ends_v6 = self.v6.iter().flat_map(|&(low, high)| [low, high]);
        [Scope::Public, Scope::Private, Scope::Shared, Scope::LinkLocal]
            .into_iter()
            .any(|scope| self.has_scope(scope))
            || ends_v4.map(|bits| IpAddr::V4(bits.into())).any(is_outside)
            || ends_v6.map(|bits| IpAddr::V6(bits.into())).any(is_outside)
    }

    /// The set as written: `loopback or 10.0.0.0/8`.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    fn add(&mut self, other: &Self) {
        self.scopes |= other.scopes;
        self.v4.extend_from_slice(&other.v4);
        self.v6.extend_from_slice(&other.v6);
        self.unspecified_v4 |= other.unspecified_v4;
        self.unspecified_v6 |= other.unspecified_v6;
    }

    /// Reads a value; every fault is recorded.
    pub fn read(value: Value<'_>, key: &str, reading: &mut Reading) -> Option<Self> {
        let items = value.some_items(reading, key)?;
        let before = reading.errors.len();
        let mut set = Self::default();
        for item in items {
            let wanted = "a scope, an address, a prefix, a set or a list of these";
            let Data::String(text) = item.get() else {
                item.wrong_type(reading, key, wanted);
                continue;
            };
            if !set.words.is_empty() {
                set.words.push_str(" or ");
            }
            set.words.push_str(text);
            set.read_text(text, item, reading);
        }
        (reading.errors.len() == before).then_some(set)
    }

    fn read_text(&mut self, text: &str, item: Value<'_>, reading: &mut Reading) {
        let mut fail = |kind, message: String, label: &str, help: String| {
            reading.error(kind, item.range(), message, label, help);
        };
        if let Some(name) = text.strip_prefix('@') {
            match reading.sets.addresses.get(name) {
                Some(set) => self.add(&set.clone()),
                None => {
                    let known: Vec<&str> =
                        reading.sets.addresses.keys().map(String::as_str).collect();
                    let help = match known.is_empty() {
                        true => {
                            "sets stand in `[sets.addresses]`, as in `admin = [\"10.0.0.0/8\"]`"
                                .to_owned()
                        }
                        false => suggestion(name, &known, "the sets of addresses"),
                    };
                    let message = format!("unknown set of addresses `@{name}`");
                    reading.error(
                        PolicyErrorKind::UnknownSet,
                        item.range(),
                        message,
                        "no such set",
                        help,
                    );
                }
            }
            return;
        }
        if let Some(scope) = Scope::from_name(text) {
            self.scopes |= 1 << scope as u8;
            return;
        }
        if let Some((address, length)) = text.split_once('/') {
            let parsed = address.parse::<IpAddr>().ok().zip(length.parse::<u8>().ok());
            match parsed.map(|(address, length)| prefix(address, length)) {
                Some(Ok(Prefix::V4(range))) => self.v4.push(range),
                Some(Ok(Prefix::V6(range))) => self.v6.push(range),
                Some(Err(PrefixError::TooLong(most))) => fail(
                    PolicyErrorKind::BadValue,
                    format!("`{text}` is no prefix"),
                    "too long",
                    format!("a prefix of this family has at most {most} bits"),
                ),
                Some(Err(PrefixError::HostBits(network))) => fail(
                    PolicyErrorKind::BadValue,
                    format!("`{text}` has bits beyond its prefix length"),
                    "not a network address",
                    format!(
                        "did you mean `{network}/{length}`? A single address is written without a length"
                    ),
                ),
                None => fail(
                    PolicyErrorKind::BadValue,
                    format!("`{text}` is no prefix"),
                    "not an address and a length",
                    "a prefix is written `\"10.0.0.0/8\"` or `\"fd00::/8\"`".to_owned(),
                ),
            }
            return;
        }
        match text.parse::<IpAddr>() {
            Ok(address) => match unmapped(address) {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) => self.unspecified_v4 = true,
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => self.unspecified_v6 = true,
                IpAddr::V4(address) => self.v4.push((address.into(), address.into())),
                IpAddr::V6(address) => self.v6.push((address.into(), address.into())),
            },
            Err(_) => {
                let known = Scope::ALL.map(Scope::name);
                let help = match text {
                    "*" | "any" | "all" => "every address is the scope `wildcard`".to_owned(),
                    "localhost" | "lo" => "this host alone is the scope `loopback`".to_owned(),
                    "global" | "internet" => {
                        "the scope of routable addresses is `public`".to_owned()
                    }
                    _ => suggestion(text, &known, "the scopes"),
                };
                fail(
                    PolicyErrorKind::BadValue,
                    format!("`{text}` is no scope, address or prefix"),
                    "not known",
                    help,
                );
            }
        }
    }
}

enum Prefix {
    V4((u32, u32)),
    V6((u128, u128)),
}

enum PrefixError {
    TooLong(u8),
    HostBits(IpAddr),
}

/// The range of addresses of a prefix; a mapped prefix of at least 96 bits is the IPv4 one.
fn prefix(address: IpAddr, length: u8) -> Result<Prefix, PrefixError> {
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
        && (96..=128).contains(&length)
    {
        return prefix(IpAddr::V4(v4), length - 96);
    }
    match address {
        IpAddr::V4(address) => {
            let rest = 32_u8.checked_sub(length).ok_or(PrefixError::TooLong(32))?;
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let low = u32::from(address);
            debug_assert!(rest <= 32);
            if low & host != 0 {
                return Err(PrefixError::HostBits(Ipv4Addr::from(low & !host).into()));
            }
            Ok(Prefix::V4((low, low | host)))
        }
        IpAddr::V6(address) => {
            if length > 128 {
                return Err(PrefixError::TooLong(128));
            }
            let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let low = u128::from(address);
            if low & host != 0 {
                return Err(PrefixError::HostBits(Ipv6Addr::from(low & !host).into()));
            }
            Ok(Prefix::V6((low, low | host)))
        }
    }
}
