//! Which sockets of two captures are the same.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Candidate, covers, families};
use crate::address::unmapped;
use crate::snapshot::{Address, Coverage, Device, Family, Port, Snapshot, Socket, Transport};

/// A socket by its capture and its number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ref {
    pub(super) capture: usize,
    pub(super) socket: usize,
}

/// A socket of the host, as one or more captures show it.
#[derive(Debug)]
pub(super) struct Entry {
    /// The first that shows it.
    pub(super) first: Ref,
    /// Others that surely show the same socket.
    pub(super) same: Vec<Ref>,
    /// The captures that show it or one that cannot be told from it, in order.
    pub(super) shown_by: Vec<usize>,
}

/// What tells sockets apart, where it is known: transport, MPTCP or not, port, address. The wildcard of IPv6 is
/// one address, whether it also accepts IPv4 or not, and a mapped address is the IPv4 address in it.
type Key = (Transport, bool, u16, IpAddr);

fn key(socket: &Socket) -> Option<Key> {
    let Port::Number(port) = socket.port else { return None };
    let address = match socket.address {
        Address::Ip(ip) => unmapped(ip),
        Address::Dual => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Address::Reached(_) | Address::Star | Address::Missing(_) => return None,
    };
    Some((socket.transport, socket.mptcp, port, address))
}

/// The device that sets twins apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Unknown,
    None,
    To(String),
}

fn bound(snapshot: &Snapshot, socket: &Socket) -> Bound {
    match socket.device {
        Device::None => Bound::None,
        Device::Named(name) => Bound::To(snapshot.text(name).to_owned()),
        Device::Missing(_) => Bound::Unknown,
    }
}

/// Entries that have one key.
#[derive(Default)]
struct Twins {
    by_inode: BTreeMap<u64, usize>,
    by_device: BTreeMap<Bound, VecDeque<usize>>,
    left: usize,
}

/// The sockets of captures of one place, each once. `order` are the captures, the best first.
pub(super) fn unite(candidates: &[Candidate], order: &[usize]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut covered: Option<Coverage> = None;
    for &index in order {
        let Some(candidate) = candidates.get(index) else { continue };
        let snapshot = &candidate.capture.snapshot;
        match covered {
            None => {
                let sockets = 0..snapshot.sockets().len();
                entries.extend(sockets.map(|socket| Entry::new(index, socket)));
                covered = Some(snapshot.coverage);
            }
            Some(before) => {
                Join { candidates, index, snapshot, before }.add(&mut entries);
                covered = Some(before.best(snapshot.coverage));
            }
        }
    }
    entries
}

impl Entry {
    fn new(capture: usize, socket: usize) -> Self {
        Self { first: Ref { capture, socket }, same: Vec::new(), shown_by: vec![capture] }
    }
}

/// One capture on its way into the entries of others.
struct Join<'a> {
    candidates: &'a [Candidate],
    index: usize,
    snapshot: &'a Snapshot,
    /// What those before it cover.
    before: Coverage,
}

impl<'a> Join<'a> {
    fn socket(&self, at: Ref) -> Option<(&'a Snapshot, &'a Socket)> {
        let snapshot = &self.candidates.get(at.capture)?.capture.snapshot;
        Some((snapshot, snapshot.sockets().get(at.socket)?))
    }

    fn add(&self, entries: &mut Vec<Entry>) {
        let mut twins: BTreeMap<Key, Twins> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let Some((snapshot, socket)) = self.socket(entry.first) else { continue };
            let Some(key) = key(socket) else { continue };
            let twins = twins.entry(key).or_default();
            twins.left += 1;
            if let Some(inode) = snapshot.details(socket).inode {
                twins.by_inode.insert(inode, at);
            }
            twins.by_device.entry(bound(snapshot, socket)).or_default().push_back(at);
        }
        let mut own: BTreeMap<Key, usize> = BTreeMap::new();
        for socket in self.snapshot.sockets() {
            *own.entry(key(socket).unwrap_or(NO_KEY)).or_default() += 1;
        }
        let old = entries.len();
        let mut taken = vec![false; old];
        let mut vague = Vec::new();
        for (number, socket) in self.snapshot.sockets().iter().enumerate() {
            let Some(key) = key(socket) else {
                vague.push(number);
                continue;
            };
            let alone = own.get(&key) == Some(&1);
            let known = twins.get_mut(&key);
            let alone = alone && known.as_ref().is_some_and(|twins| twins.left == 1);
            match known.and_then(|twins| self.partner(twins, socket, &taken)) {
                Some((at, by_inode)) => {
                    if let Some(taken) = taken.get_mut(at) {
                        *taken = true;
                    }
                    self.pair(entries, at, number, by_inode || alone);
                }
                None if self.is_twin(entries, twins.get(&key), socket) => {}
                None => entries.push(Entry::new(self.index, number)),
            }
        }
        self.vague(entries, &vague, &mut taken);
        self.settle(entries, old, &taken);
    }

    /// The entry of this key that a socket of this capture is, and whether the inode tells.
    fn partner(&self, twins: &mut Twins, socket: &Socket, taken: &[bool]) -> Option<(usize, bool)> {
        let free = |at: usize| taken.get(at) == Some(&false);
        let inode = self.snapshot.details(socket).inode;
        let by_inode = inode.and_then(|inode| twins.by_inode.get(&inode).copied());
        if let Some(at) = by_inode.filter(|&at| free(at)) {
            return Some((at, true));
        }
        let next = |queue: &mut VecDeque<usize>| {
            while let Some(at) = queue.pop_front() {
                if free(at) {
                    return Some((at, false));
                }
            }
            None
        };
        let own = bound(self.snapshot, socket);
        for bound in [&own, &Bound::Unknown] {
            if let Some(found) = twins.by_device.get_mut(bound).and_then(next) {
                return Some(found);
            }
        }
        // Bound to nobody knows what: any of them.
        while own == Bound::Unknown
            && let Some(mut queue) = twins.by_device.first_entry()
        {
            match next(queue.get_mut()) {
                Some(found) => return Some(found),
                None => queue.remove(),
            };
        }
        None
    }

    /// Joins a socket to an entry. It is surely the same one when nothing else could be meant and the
    /// inodes, where both are known, are one.
    fn pair(&self, entries: &mut [Entry], at: usize, number: usize, sure: bool) {
        let Some(entry) = entries.get_mut(at) else { return };
        let inode = |(snapshot, socket): (&Snapshot, &Socket)| snapshot.details(socket).inode;
        let own = Ref { capture: self.index, socket: number };
        let (theirs, ours) =
            (self.socket(entry.first).and_then(inode), self.socket(own).and_then(inode));
        if sure && !(theirs.is_some() && ours.is_some() && theirs != ours) {
            entry.same.push(own);
        }
        entry.shown_by.push(self.index);
    }

    /// Whether a socket is one more of those that share an endpoint, and tells nothing new: its owners are
    /// not shown, or are those of one that is there.
    fn is_twin(&self, entries: &[Entry], twins: Option<&Twins>, socket: &Socket) -> bool {
        if twins.is_none_or(|twins| twins.left == 0) || matches!(socket.device, Device::Named(_)) {
            return false;
        }
        let owners = self.snapshot.owners(socket);
        let at = twins.and_then(|twins| twins.by_inode.values().next().copied());
        let known = at.and_then(|at| entries.get(at)).and_then(|entry| self.socket(entry.first));
        owners.is_empty() && socket.owners_missing.is_some()
            || known.is_some_and(|(snapshot, first)| {
                let pids: Vec<Option<u32>> =
                    snapshot.owners(first).iter().map(|owner| owner.pid).collect();
                !owners.is_empty() && owners.iter().all(|owner| pids.contains(&owner.pid))
            })
    }

    /// Sockets whose address or port this capture does not show. Where those before it cover the transport,
    /// such a socket is one of theirs as long as there is one left; else it stays.
    fn vague(&self, entries: &mut Vec<Entry>, vague: &[usize], taken: &mut [bool]) {
        let mut left: BTreeMap<(Transport, Option<u16>), VecDeque<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate().take(taken.len()) {
            let Some((_, socket)) = self.socket(entry.first) else { continue };
            if taken.get(at) == Some(&false) {
                let port = match socket.port {
                    Port::Number(port) => Some(port),
                    Port::Missing(_) => None,
                };
                left.entry((socket.transport, port)).or_default().push_back(at);
                if port.is_some() {
                    left.entry((socket.transport, None)).or_default().push_back(at);
                }
            }
        }
        for &number in vague {
            let Some(socket) = self.snapshot.sockets().get(number) else { continue };
            let port = match socket.port {
                Port::Number(port) => Some(port),
                Port::Missing(_) => None,
            };
            let queue = left.get_mut(&(socket.transport, port));
            let found = queue.and_then(|queue| self.fitting(queue, socket, entries, taken));
            match found {
                Some(at) if covers(&self.before, socket.transport, &Family::ALL) => {
                    if let Some(taken) = taken.get_mut(at) {
                        *taken = true;
                    }
                    self.pair(entries, at, number, false);
                }
                _ => entries.push(Entry::new(self.index, number)),
            }
        }
    }

    /// The first of the entries that a vague socket can be.
    fn fitting(
        &self,
        queue: &mut VecDeque<usize>,
        socket: &Socket,
        entries: &[Entry],
        taken: &[bool],
    ) -> Option<usize> {
        /// How many are looked at for a better one than the first.
        const LOOKED_AT: usize = 64;
        while queue.front().is_some_and(|&at| taken.get(at) != Some(&false)) {
            queue.pop_front();
        }
        let text = self.snapshot.details(socket).address_text.map(|text| self.snapshot.text(text));
        let fits = |&&at: &&usize| {
            let Some((snapshot, other)) = entries.get(at).and_then(|e| self.socket(e.first)) else {
                return false;
            };
            taken.get(at) == Some(&false)
                && match (socket.address, text) {
                    (Address::Star, _) => other.address_is_wildcard(),
                    (Address::Missing(_), Some(text)) => {
                        let whole = snapshot.address_text(other);
                        // A name stands for any address; a cut address for those that begin so.
                        text.starts_with(|c: char| !c.is_ascii_hexdigit() && c != ':')
                            || whole.starts_with(text)
                    }
                    (Address::Ip(_) | Address::Dual, _) => {
                        key_address(socket) == key_address(other)
                    }
                    _ => true,
                }
        };
        queue.iter().take(LOOKED_AT).find(fits).copied()
    }

    /// An entry whose address those before did not show, and a new one with the same port that is the only
    /// one left on either side, are one socket: the new one knows its address.
    fn settle(&self, entries: &mut Vec<Entry>, old: usize, taken: &[bool]) {
        let mut open: BTreeMap<(Transport, u16), Vec<usize>> = BTreeMap::new();
        let mut fresh: BTreeMap<(Transport, u16), Vec<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let Some((_, socket)) = self.socket(entry.first) else { continue };
            let Port::Number(port) = socket.port else { continue };
            let place = (socket.transport, port);
            if at >= old {
                fresh.entry(place).or_default().push(at);
            } else if taken.get(at) == Some(&false) && key(socket).is_none() {
                open.entry(place).or_default().push(at);
            }
        }
        let mut gone = Vec::new();
        for (place, vague) in open {
            if let ([one], Some([new])) = (vague.as_slice(), fresh.get(&place).map(Vec::as_slice))
                && let Some(Ref { socket, .. }) = entries.get(*new).map(|entry| entry.first)
            {
                self.pair(entries, *one, socket, true);
                gone.push(*new);
            }
        }
        gone.sort_unstable();
        let mut at = 0;
        entries.retain(|_| {
            at += 1;
            gone.binary_search(&(at - 1)).is_err()
        });
    }
}

/// Counts together all sockets without a key: none is looked up by it.
const NO_KEY: Key = (Transport::Raw, true, 0, IpAddr::V4(Ipv4Addr::UNSPECIFIED));

fn key_address(socket: &Socket) -> Option<IpAddr> {
    match socket.address {
        Address::Ip(ip) => Some(unmapped(ip)),
        Address::Dual => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        Address::Reached(_) | Address::Star | Address::Missing(_) => None,
    }
}

impl Socket {
    fn address_is_wildcard(&self) -> bool {
        self.scope() == Some(crate::address::Scope::Wildcard)
    }
}

/// Whether a capture would show a socket.
pub(super) fn would_show(coverage: &Coverage, socket: &Socket) -> bool {
    !socket.mptcp
        && !socket.transport_inferred
        && covers(coverage, socket.transport, families(socket))
}
