//! `interface`: the device that the socket is bound to, or that owns the bound address.

use super::{ConditionKey, Facts, OfWildcard, Test};
use crate::address::{Scope, unmapped};
use crate::policy::value::{Globs, Reading, Value};
use crate::snapshot::{Address, Device, Socket};
use crate::truth::{Missing, Truth};

pub(super) struct Key;

impl ConditionKey for Key {
    fn name(&self) -> &'static str {
        "interface"
    }

    fn about(&self) -> &'static str {
        "the device that the socket is bound to, or that owns the bound address, matches"
    }

    fn read(&self, value: Value<'_>, reading: &mut Reading) -> Option<Vec<Box<dyn Test>>> {
        Some(vec![Box::new(InterfaceTest(Globs::read(value, self.name(), reading)?))])
    }
}

#[derive(Debug)]
struct InterfaceTest(Globs);

impl Test for InterfaceTest {
    /// A wildcard bound to no device is on every interface and so on none in particular: no. A
    /// loopback address is owned by `lo`. Which interface owns another address takes the interfaces.
    fn holds(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        match socket.device {
            Device::Named(name) => match facts.snapshot.text(name) {
                name if self.0.is_match(name) => Truth::Yes,
                // A zone can be the number of an interface, whose name is another fact.
                name if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                    match named(name, facts) {
                        Some(name) => self.0.is_match(name).into(),
                        None => Truth::missing(Missing::DeviceNotShown),
                    }
                }
                _ => Truth::No,
            },
            Device::None => self.owner(socket, facts),
            // Bound to a device or not: where both give the same answer, it is the answer.
            Device::Missing(reason) if self.0.is_full() => match self.owner(socket, facts) {
                Truth::Yes => Truth::Yes,
                Truth::No | Truth::Unknown(_) => Truth::missing(reason),
            },
            Device::Missing(reason) => Truth::missing(reason),
        }
    }

    fn of_wildcard(&self) -> Option<OfWildcard> {
        Some(match self.0.words().as_str() {
            "lo" => OfWildcard::Excludes,
            _ => OfWildcard::Misses,
        })
    }

    fn phrase(&self) -> String {
        format!("be on interface {}", self.0.words())
    }

    fn instead(&self, socket: &Socket, facts: &Facts<'_>) -> String {
        match facts.snapshot.device(socket) {
            Some(name) => format!("bound to device {}", super::quoted(name)),
            None => "bound to no device".to_owned(),
        }
    }
}

/// The name of the interface of this number, where one number is one interface.
fn named<'a>(number: &str, facts: &Facts<'a>) -> Option<&'a str> {
    let index: u32 = number.parse().ok()?;
    let mut with = facts.snapshot.interfaces.iter().flatten();
    let first = with.find(|interface| interface.index == Some(index))?;
    with.all(|interface| interface.index != Some(index)).then_some(first.name.as_str())
}

impl InterfaceTest {
    fn owner(&self, socket: &Socket, facts: &Facts<'_>) -> Truth {
        let address = match socket.address {
            Address::Dual | Address::Star => return Truth::No,
            Address::Missing(reason) => return Truth::missing(reason),
            Address::Reached(_) => return Truth::missing(Missing::SeenFromOutside),
            Address::Ip(address) => unmapped(address),
        };
        let netns = facts.snapshot.details(socket).netns.map(|name| facts.snapshot.text(name));
        match (Scope::of(address), &facts.snapshot.interfaces) {
            (Scope::Wildcard, _) => Truth::No,
            (_, Some(interfaces)) => {
                let mut owners = interfaces.iter().filter(|interface| {
                    interface.netns.as_deref() == netns
                        && interface.addresses.iter().any(|(own, _)| unmapped(*own) == address)
                });
                match owners.next() {
                    Some(owner) => self.0.is_match(&owner.name).into(),
                    // 127.0.0.53 is no address of `lo` by itself: the prefix of 127.0.0.1/8 owns it.
                    None if Scope::of(address) == Scope::Loopback => self.0.is_match("lo").into(),
                    None => Truth::No,
                }
            }
            (Scope::Loopback, None) => self.0.is_match("lo").into(),
            (_, None) if self.0.is_full() => Truth::Yes,
            (_, None) => Truth::missing(Missing::InterfaceAddresses),
        }
    }
}
