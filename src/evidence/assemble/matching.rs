//! Which sockets of two captures are the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use super::compare::{agree, can_be, device};
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
    /// All that were taken for it, of which some may be of a twin.
    seen: Vec<Ref>,
    /// The captures that show it or one that cannot be told from it, in order.
    pub(super) shown_by: Vec<usize>,
}

/// What tells sockets apart, where it is known: transport, MPTCP or not, port, address. The wildcard of IPv6 is
/// one address, whether it also accepts IPv4 or not, and a mapped address is the IPv4 address in it.
type Key = (Transport, bool, u16, IpAddr);

fn key(socket: &Socket) -> Option<Key> {
    let Port::Number(port) = socket.port else { return None };
    if socket.transport_unknown {
        return None;
    }
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
    match (socket.device, device(snapshot, socket)) {
        (Device::None, _) => Bound::None,
        (Device::Named(_), Some(name)) => Bound::To(name.to_owned()),
        (Device::Named(_) | Device::Missing(_), _) => Bound::Unknown,
    }
}

/// Where entries are found: by their key, and by transport and port, without the port too.
#[derive(Default)]
struct Index {
    keys: BTreeMap<Key, Vec<usize>>,
    ports: BTreeMap<(Transport, Option<u16>), Vec<usize>>,
    /// Those without a key, by transport and port.
    vague: BTreeMap<(Transport, u16), Vec<usize>>,
}

impl Index {
    fn add(&mut self, at: usize, socket: &Socket) {
        let port = number(socket);
        self.ports.entry((socket.transport, port)).or_default().push(at);
        if port.is_some() {
            self.ports.entry((socket.transport, None)).or_default().push(at);
        }
        match (key(socket), port) {
            (Some(key), _) => self.keys.entry(key).or_default().push(at),
            (None, Some(port)) if !socket.transport_unknown => {
                self.vague.entry((socket.transport, port)).or_default().push(at);
            }
            (None, _) => {}
        }
    }
}

/// Entries that have one key.
#[derive(Default)]
struct Twins {
    by_inode: BTreeMap<u64, usize>,
    by_device: BTreeMap<Bound, VecDeque<usize>>,
    all: Vec<usize>,
}

/// How many entries are looked at for one that a socket can be.
const LOOKED_AT: usize = 64;

/// With how many sockets of an entry another one is compared.
const COMPARED: usize = 16;

/// The sockets of captures of one place, each once. `order` are the captures, the best first.
pub(super) fn unite(candidates: &[Candidate], order: &[usize]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut known = Index::default();
    let mut before = Coverage::default();
    for &index in order {
        let Some(candidate) = candidates.get(index) else { continue };
        let snapshot = &candidate.capture.snapshot;
        let join = Join { candidates, index, snapshot, before };
        if order.first() == Some(&index) {
            let sockets = 0..snapshot.sockets().len();
            entries.extend(sockets.map(|socket| Entry::new(index, socket)));
            before = snapshot.coverage;
            join.index_from(0, &entries, &mut known);
        } else {
            join.add(&mut entries, &mut known);
            before = before.best(snapshot.coverage);
        }
    }
    entries
}

impl Entry {
    fn new(capture: usize, socket: usize) -> Self {
        let first = Ref { capture, socket };
        Self { first, same: Vec::new(), seen: vec![first], shown_by: vec![capture] }
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

    /// Takes note of the entries from `first` on.
    fn index_from(&self, first: usize, entries: &[Entry], known: &mut Index) {
        for (at, entry) in entries.iter().enumerate().skip(first) {
            if let Some((_, socket)) = self.socket(entry.first) {
                known.add(at, socket);
            }
        }
    }

    /// The entries that have the keys of this capture.
    fn twins(&self, entries: &[Entry], known: &Index) -> BTreeMap<Key, Twins> {
        let mut all: BTreeMap<Key, Twins> = BTreeMap::new();
        for key in self.snapshot.sockets().iter().filter_map(key) {
            let Some(list) = known.keys.get(&key) else { continue };
            let twins = all.entry(key).or_default();
            if !twins.all.is_empty() {
                continue;
            }
            for &at in list {
                let Some(entry) = entries.get(at) else { continue };
                let Some((snapshot, socket)) = self.socket(entry.first) else { continue };
                twins.all.push(at);
                if let Some(inode) = snapshot.details(socket).inode {
                    twins.by_inode.insert(inode, at);
                }
                twins.by_device.entry(bound(snapshot, socket)).or_default().push_back(at);
            }
        }
        all
    }

    fn add(&self, entries: &mut Vec<Entry>, known: &mut Index) {
        let mut twins = self.twins(entries, known);
        let mut own: BTreeMap<Key, usize> = BTreeMap::new();
        for key in self.snapshot.sockets().iter().filter_map(key) {
            *own.entry(key).or_default() += 1;
        }
        let old = entries.len();
        let mut taken = BTreeSet::new();
        let (vague, order) = self.order();
        let mut fresh = Vec::new();
        for number in order {
            let Some(socket) = self.snapshot.sockets().get(number) else { continue };
            let Some(key) = key(socket) else { continue };
            let known = twins.get_mut(&key);
            let alone = own.get(&key) == Some(&1)
                && known.as_ref().is_some_and(|twins| twins.all.len() == 1);
            match known.and_then(|twins| self.partner(twins, socket, entries, &taken)) {
                Some((at, by_inode)) => {
                    taken.insert(at);
                    self.pair(entries, at, number, by_inode || alone);
                }
                None if self.is_again(entries, twins.get(&key), socket) => {}
                None => fresh.push(number),
            }
        }
        fresh.sort_unstable();
        entries.extend(fresh.into_iter().map(|number| Entry::new(self.index, number)));
        let new = old..entries.len();
        self.vague(entries, &vague, known, &mut taken);
        self.settle(entries, new, known, &taken);
        self.index_from(old, entries, known);
    }

    /// The sockets without a key, and those with one: first those of which most is known, which find
    /// their like while there is a choice.
    fn order(&self) -> (Vec<usize>, Vec<usize>) {
        let sockets = self.snapshot.sockets();
        let (mut order, vague): (Vec<usize>, Vec<usize>) = (0..sockets.len())
            .partition(|&number| sockets.get(number).is_some_and(|socket| key(socket).is_some()));
        let little = |number: &usize| {
            sockets.get(*number).map(|socket| {
                let owned = socket.owners_len > 0 || socket.owners_missing.is_none();
                (self.snapshot.details(socket).inode.is_none(), !owned)
            })
        };
        order.sort_by_key(little);
        (vague, order)
    }

    /// Whether nothing that is known of an entry contradicts what is known of a socket of this capture.
    fn agrees(&self, entry: &Entry, socket: &Socket) -> bool {
        // What is not compared could be otherwise, unless this capture tells nothing of the socket.
        let owners = socket.owners_len > 0 || socket.owners_missing.is_none();
        if entry.seen.len() > COMPARED && (owners || socket.details.is_some()) {
            return false;
        }
        entry
            .seen
            .iter()
            .take(COMPARED)
            .filter_map(|at| self.socket(*at))
            .all(|(snapshot, theirs)| agree((snapshot, theirs), (self.snapshot, socket)))
    }

    /// The entry of this key that a socket of this capture is, and whether the inode tells.
    fn partner(
        &self,
        twins: &mut Twins,
        socket: &Socket,
        entries: &[Entry],
        taken: &BTreeSet<usize>,
    ) -> Option<(usize, bool)> {
        let fits = |at: usize| {
            !taken.contains(&at) && entries.get(at).is_some_and(|entry| self.agrees(entry, socket))
        };
        let inode = self.snapshot.details(socket).inode;
        let by_inode = inode.and_then(|inode| twins.by_inode.get(&inode).copied());
        if let Some(at) = by_inode.filter(|&at| fits(at)) {
            return Some((at, true));
        }
        let next = |queue: &mut VecDeque<usize>| {
            while queue.front().is_some_and(|at| taken.contains(at)) {
                queue.pop_front();
            }
            let found = queue.iter().take(LOOKED_AT).position(|&at| fits(at))?;
            Some((queue.remove(found)?, false))
        };
        let own = bound(self.snapshot, socket);
        for bound in [&own, &Bound::Unknown] {
            if let Some(found) = twins.by_device.get_mut(bound).and_then(next) {
                return Some(found);
            }
        }
        // Bound to nobody knows what: any of them.
        if own == Bound::Unknown {
            return twins.by_device.values_mut().find_map(next);
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
        entry.seen.push(own);
        entry.shown_by.push(self.index);
    }

    /// Whether a socket that may be that of an earlier row is one of those that are there.
    fn is_again(&self, entries: &[Entry], twins: Option<&Twins>, socket: &Socket) -> bool {
        let mut all = twins.into_iter().flat_map(|twins| &twins.all).take(LOOKED_AT);
        socket.again
            && all.any(|&at| entries.get(at).is_some_and(|entry| self.agrees(entry, socket)))
    }

    /// Sockets whose address, port or transport this capture does not show. Where those before it cover the
    /// transport, such a socket is one of theirs as long as there is one left; else it stays.
    fn vague(
        &self,
        entries: &mut Vec<Entry>,
        vague: &[usize],
        known: &Index,
        taken: &mut BTreeSet<usize>,
    ) {
        let mut left: BTreeMap<(Transport, Option<u16>), VecDeque<usize>> = BTreeMap::new();
        for &row in vague {
            let Some(socket) = self.snapshot.sockets().get(row) else { continue };
            let one = [socket.transport];
            let transports: &[Transport] = match socket.transport_unknown {
                true => &[Transport::Tcp, Transport::Udp],
                false => &one,
            };
            let covered = |transport: &Transport| covers(&self.before, *transport, &Family::ALL);
            let found = transports.iter().find_map(|transport| {
                let place = (*transport, number(socket));
                let queue = left.entry(place).or_insert_with(|| {
                    known.ports.get(&place).into_iter().flatten().copied().collect()
                });
                self.fitting(queue, socket, entries, taken)
            });
            match found {
                Some(at) if transports.iter().all(covered) => {
                    taken.insert(at);
                    self.pair(entries, at, row, false);
                }
                _ => entries.push(Entry::new(self.index, row)),
            }
        }
    }

    /// The first of the entries that a vague socket can be.
    fn fitting(
        &self,
        queue: &mut VecDeque<usize>,
        socket: &Socket,
        entries: &[Entry],
        taken: &BTreeSet<usize>,
    ) -> Option<usize> {
        while queue.front().is_some_and(|at| taken.contains(at)) {
            queue.pop_front();
        }
        let fits = |at: &usize| {
            let Some(entry) = entries.get(*at) else { return false };
            let Some(other) = self.socket(entry.first) else { return false };
            !taken.contains(at)
                && can_be((self.snapshot, socket), other)
                && self.agrees(entry, socket)
        };
        let found = queue.iter().take(LOOKED_AT).position(fits)?;
        queue.remove(found)
    }

    /// Entries whose address those before did not show, and new ones of the same port that none of theirs is:
    /// where either side covers the transport they are the same sockets, and the new ones know their
    /// addresses.
    fn settle(
        &self,
        entries: &mut Vec<Entry>,
        new: Range<usize>,
        known: &mut Index,
        taken: &BTreeSet<usize>,
    ) {
        let mut fresh: BTreeMap<(Transport, u16), VecDeque<usize>> = BTreeMap::new();
        for at in new.clone() {
            let Some(entry) = entries.get(at) else { continue };
            let Some((_, socket)) = self.socket(entry.first) else { continue };
            if let Some(port) = number(socket) {
                fresh.entry((socket.transport, port)).or_default().push_back(at);
            }
        }
        let mut gone = BTreeSet::new();
        for (place, mut fresh) in fresh {
            let shown = |coverage| covers(coverage, place.0, &Family::ALL);
            let Some(open) = known.vague.get_mut(&place) else { continue };
            if !shown(&self.before) && !shown(&self.snapshot.coverage) {
                continue;
            }
            let left = |at: &&usize| !taken.contains(at);
            let alone = open.iter().filter(left).take(2).count() == 1 && fresh.len() == 1;
            let mut settled = Vec::new();
            for &one in open.iter().filter(left) {
                if fresh.is_empty() {
                    break;
                }
                let Some(entry) = entries.get(one) else { continue };
                let Some(theirs) = self.socket(entry.first) else { continue };
                let fits = |at: &usize| {
                    let own = entries.get(*at).and_then(|own| self.socket(own.first));
                    own.is_some_and(|own| can_be(theirs, own) && self.agrees(entry, own.1))
                };
                let found = fresh.iter().take(LOOKED_AT).position(fits);
                let Some(at) = found.and_then(|found| fresh.remove(found)) else { continue };
                let Some(first) = entries.get(at).map(|own| own.first) else { continue };
                if let Some(entry) = entries.get_mut(one) {
                    // The new one knows more; which of several it is does not matter.
                    let before = std::mem::replace(&mut entry.first, first);
                    match alone {
                        true => entry.same.push(before),
                        false => entry.same.clear(),
                    }
                    entry.seen.push(first);
                    entry.shown_by.push(self.index);
                }
                if let Some(key) = self.socket(first).and_then(|(_, socket)| key(socket)) {
                    known.keys.entry(key).or_default().push(one);
                }
                settled.push(one);
                gone.insert(at);
            }
            open.retain(|at| settled.binary_search(at).is_err());
        }
        if gone.is_empty() {
            return;
        }
        let tail = entries.split_off(new.start);
        let kept = tail.into_iter().enumerate();
        entries.extend(
            kept.filter(|(at, _)| !gone.contains(&(new.start + at))).map(|(_, entry)| entry),
        );
    }
}

fn number(socket: &Socket) -> Option<u16> {
    match socket.port {
        Port::Number(port) => Some(port),
        Port::Missing(_) => None,
    }
}

/// Whether a capture would show a socket.
pub(super) fn would_show(coverage: &Coverage, socket: &Socket) -> bool {
    !socket.mptcp
        && !socket.transport_inferred
        && !socket.transport_unknown
        && covers(coverage, socket.transport, families(socket))
}
