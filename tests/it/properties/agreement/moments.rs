//! A host at two moments: between them listeners go, come, and change hands, addresses and devices.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::host::{Host, Listener, host, listener};

/// What of a listener becomes that of another one.
#[derive(Debug, Clone, Copy)]
enum Change {
    Gone,
    Added,
    Twice,
    Address,
    Device,
    Holders,
    Inode,
    Port,
}

fn change() -> impl Strategy<Value = Change> {
    use Change::{Added, Address, Device, Gone, Holders, Inode, Port, Twice};
    proptest::sample::select(vec![Gone, Added, Twice, Address, Device, Holders, Inode, Port])
}

/// A listener as the kernel lets it be.
fn settled(one: Listener) -> Listener {
    let device = match one.address {
        address if address.starts_with("fe80") => Some("eth0"),
        _ if one.is_wildcard() => one.device,
        _ => None,
    };
    Listener { device, ..one }
}

fn apply(host: &mut Host, change: Change, which: Index, other: Listener) {
    let inode = 22_000 + host.listeners.len() as u64;
    if matches!(change, Change::Added) || host.listeners.is_empty() {
        host.listeners.push(Listener { inode, ..other });
        return;
    }
    let at = which.index(host.listeners.len());
    let one = host.listeners[at].clone();
    let new = match change {
        Change::Gone => {
            host.listeners.remove(at);
            return;
        }
        Change::Twice => {
            host.listeners.insert(at, Listener { inode, holders: other.holders, ..one });
            return;
        }
        Change::Address => Listener { address: other.address, ..one },
        Change::Device => Listener { device: other.device, ..one },
        Change::Holders => Listener { holders: other.holders, ..one },
        Change::Inode => Listener { inode, ..one },
        Change::Port | Change::Added if one.transport == "raw" => one,
        Change::Port | Change::Added => Listener { port: other.port.max(22), ..one },
    };
    host.listeners[at] = settled(new);
}

/// A host and what became of it.
pub(super) fn moments() -> impl Strategy<Value = (Host, Host)> {
    let changes = vec((change(), any::<Index>(), listener(true)), 1..4);
    (host(), changes).prop_map(|(host, changes)| {
        let mut later = host.clone();
        for (change, which, other) in changes {
            apply(&mut later, change, which, other);
        }
        (host, later)
    })
}
