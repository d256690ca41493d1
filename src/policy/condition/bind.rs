//! `bind`: every address that the socket is bound to is inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ConditionKey, Facts, OfWildcard, Test};
use crate::address::{Scope, unmapped};
use crate::policy::value::{AddressSet, Reading, Value};
use crate::snapshot::{Address, Family, Interface, Socket};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "bind"
    }

    fn about(&self) -> &'static str {
        "every address that the socket is bound to is inside: scopes, addresses, prefixes"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        Some(vec![Box::new(BindTest(AddressSet::read(value, self.name(), reading)?))])
    }
}

#[derive(Debug)]
struct BindTest(AddressSet);

impl Test for BindTest {
    /// A wildcard is never resolved to the addresses of the host: the set that it accepts on changes
    /// with the interfaces. A dual-stack one has an IPv4 and an IPv6 part and both must be inside.
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        let set = &self.0;
        match socket.address {
            Address::Ip(address) => match unmapped(address) {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) => set.holds_wildcard_v4().into(),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => self.holds_v6_wildcard(socket, facts),
                address => set.contains(address, scope(address, facts)).into(),
            },
            Address::Dual => self.holds_v6_wildcard(socket, facts),
            Address::Star => {
                let v4 = Truth::from(set.holds_wildcard_v4());
                let dual = self.holds_v6_wildcard(socket, facts);
                match v4 == dual {
                    true => v4,
                    false => Truth::missing(Missing::AddressStar),
                }
            }
            // What answers may be bound to the address or a wildcard, or stand behind a translation and be
            // bound to anything: only a set of all addresses decides.
            Address::Reached(_) | Address::Missing(_) if set.is_full() => Truth::Yes,
            Address::Reached(_) => Truth::missing(Missing::SeenFromOutside),
            Address::Missing(reason) => Truth::missing(reason),
        }
    }

    fn of_wildcard(&self) -> Option<OfWildcard> {
        Some(match &self.0 {
            set if set.holds_wildcard_v4() || set.holds_wildcard_v6() => OfWildcard::Holds,
            set if set.is_outside() => OfWildcard::Misses,
            _ => OfWildcard::Excludes,
        })
    }

    fn phrase(&self) -> String {
        format!("bind {} only", self.0.words())
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        let text = super::quoted(&facts.snapshot.address_text(socket));
        match socket.scope() {
            Some(Scope::Wildcard) => {
                let accepts = |family| socket.accepts(family, facts.grade) != Truth::No;
                let family = match (accepts(Family::Ipv4), accepts(Family::Ipv6)) {
                    (true, false) => "IPv4 ",
                    (false, true) => "IPv6 ",
                    _ => "",
                };
                format!("bound to {text}, every {family}address of the host")
            }
            Some(scope) => format!("bound to {text} ({scope})"),
            None => format!("bound to {text}"),
        }
    }
}

impl BindTest {
    fn holds_v6_wildcard(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        if !self.0.holds_wildcard_v6() {
            return Truth::No;
        }
        if self.0.holds_wildcard_v4_of_dual() {
            return Truth::Yes;
        }
        match socket.address {
            Address::Star => Truth::No,
            _ => !socket.accepts(Family::Ipv4, facts.grade),
        }
    }
}

/// The scope of a specific address: the directed broadcast of an interface is `broadcast`.
fn scope(address: IpAddr, facts: &Facts<'_>) -> Scope {
    let interfaces = facts.snapshot.interfaces.as_deref().unwrap_or_default();
    match address {
        IpAddr::V4(v4) if interfaces.iter().any(|interface| is_broadcast(v4, interface)) => {
            Scope::Broadcast
        }
        _ => Scope::of(address),
    }
}

/// Whether `address` is the highest of an on-link prefix (RFC 919); prefixes of 31 and 32 bits have
/// no broadcast address (RFC 3021).
fn is_broadcast(address: Ipv4Addr, interface: &Interface) -> bool {
    interface.addresses.iter().any(|&(own, length)| match own {
        IpAddr::V4(own) if length <= 30 => {
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            u32::from(address) == u32::from(own) | host
        }
        _ => false,
    })
}
