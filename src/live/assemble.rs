//! From what was read to a [`Capture`]: order, names for numbers, and what is missing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::diag::Listener;
use super::holders::{Ask, Hold, Holders, Process};
use super::namespaces::Part;
use super::route::Link;
use super::rows::{Extra, Rows, is_dual};
use super::{Live, NAME, Netns, Wanted, facts, hierarchy};
use crate::capture::Capture;
use crate::snapshot::{
    Address, At, Builder, Cell, Coverage, Details, Device, Interface, NameKind, Namespace, Owner,
    OwnerDetails, Port, Snapshot, Socket, Text, cgroup,
};
use crate::source::{SourceFile, SourceId};
use crate::truth::Missing;

/// `IFF_UP`.
const UP: u32 = 1;
/// What user ids without a name here are shown as in another user namespace. Source:
/// user_namespaces(7), `/proc/sys/kernel/overflowuid`.
const OVERFLOW_UID: u32 = 65534;
/// The control group of the system's first process, which opens sockets for others.
const INIT: &str = "/init.scope";

/// A listener on its way into the order of the snapshot.
#[derive(Clone, Copy)]
struct Entry<'a> {
    /// Namespace, transport, port and MPTCP, in the order of their weight.
    weight: u64,
    listener: &'a Listener,
}

impl<'a> Entry<'a> {
    fn new(listener: &'a Listener, number: usize) -> Self {
        let number = u64::try_from(number).unwrap_or_default();
        let Listener { transport, port, mptcp, .. } = *listener;
        let weight =
            (number << 32) | (transport as u64) << 24 | u64::from(port) << 8 | u64::from(mptcp);
        Self { weight, listener }
    }

    /// Index of the namespace.
    fn number(&self) -> usize {
        usize::try_from(self.weight >> 32).unwrap_or_default()
    }

    fn rest(&self) -> (IpAddr, Option<u32>, u32) {
        (self.listener.address, self.listener.device, self.listener.inode)
    }
}

/// A listener with what is known of it beside.
struct Row<'a> {
    listener: &'a Listener,
    device: Option<&'a Link>,
    cgroup: Option<&'a str>,
    holds: &'a [Hold],
    /// Name of its namespace.
    netns: Option<&'a str>,
}

/// What is looked up once for all sockets.
struct Sight<'a> {
    wanted: Wanted,
    holders: Holders,
    /// Why a socket has no owner here, or may have others than those found.
    without_owner: Option<Missing>,
    others: Option<Missing>,
    cgroups: &'a BTreeMap<u64, String>,
    users: BTreeMap<u32, String>,
    privilege: facts::Privilege,
}

/// The capture of what was read.
pub(super) fn capture(live: &Live, wanted: Wanted) -> Capture {
    let sight = Sight::new(live, wanted);
    let counts = live.parts.iter().filter_map(|part| part.space.as_ref());
    let mut entries = Vec::with_capacity(counts.map(|space| space.listeners.len()).sum());
    for (number, part) in live.parts.iter().enumerate() {
        let listeners = part.space.iter().flat_map(|space| &space.listeners);
        entries.extend(listeners.map(|listener| Entry::new(listener, number)));
    }
    // Numbers are sorted several times as fast as addresses, and few have the same weight.
    entries.sort_unstable_by_key(|entry| entry.weight);
    for same in entries.chunk_by_mut(|a, b| a.weight == b.weight).filter(|same| same.len() > 1) {
        same.sort_unstable_by_key(Entry::rest);
    }
    let names: Vec<Option<String>> =
        live.parts.iter().enumerate().map(|(number, part)| name(part, number, wanted)).collect();
    let mut filler = Filler {
        builder: Builder::default(),
        rows: if wanted.brief { Rows::blank(entries.len()) } else { Rows::new(entries.len()) },
        names: Vec::new(),
        sight: &sight,
        pooled: BTreeMap::new(),
        processes: Vec::new(),
        last: None,
        user: None,
        place: None,
    };
    filler.builder.reserve(entries.len());
    if !wanted.brief {
        filler.builder.reserve_details(entries.len());
    }
    filler.processes();
    for entry in &entries {
        let number = entry.number();
        let links = live.parts.get(number).and_then(|part| part.space.as_ref()?.links.as_deref());
        let netns = names.get(number).and_then(Option::as_deref);
        filler.socket(&sight.row(entry.listener, links.unwrap_or_default(), netns));
    }
    let Filler { mut builder, rows, .. } = filler;
    builder.add_source(Arc::new(SourceFile::new(NAME, rows.text)));
    let mut snapshot = builder.finish();
    describe(&mut snapshot, live, &sight, &names);
    let by_files: u32 =
        live.parts.iter().filter_map(|part| part.space.as_ref()).map(|space| space.by_files).sum();
    let how = match by_files {
        0 => "by netlink".to_owned(),
        tables => format!("{tables} of its tables by /proc/net, since netlink is refused"),
    };
    Capture::new(snapshot, Vec::new(), format!("the live host, {how}"))
}

/// Whether the kernel tells of every socket to which control group it belongs: then its holders have
/// nothing to add to that.
pub(super) fn are_groups_told(live: &Live) -> bool {
    let groups = groups(live);
    // In another user namespace the holders can tell of users that sockets do not.
    facts::Privilege::read().first_user_namespace
        && listeners(live).all(|listener| group(groups, listener).is_some())
}

fn listeners(live: &Live) -> impl Iterator<Item = &Listener> + Clone {
    live.parts.iter().filter_map(|part| part.space.as_ref()).flat_map(|space| &space.listeners)
}

fn groups(live: &Live) -> &BTreeMap<u64, String> {
    live.groups.get_or_init(|| {
        let mut ids: Vec<u64> = listeners(live).filter_map(|listener| listener.cgroup).collect();
        ids.sort_unstable();
        ids.dedup();
        // The root has the first.
        ids.retain(|&id| id > 1);
        if ids.is_empty() { BTreeMap::new() } else { hierarchy::paths(&ids) }
    })
}

/// The control group of a socket. The first process opens sockets for others: theirs is not its group.
fn group<'a>(groups: &'a BTreeMap<u64, String>, listener: &Listener) -> Option<&'a str> {
    let path = groups.get(&listener.cgroup?).map(String::as_str);
    path.filter(|&path| path != INIT)
}

impl<'s> Sight<'s> {
    fn new(live: &'s Live, wanted: Wanted) -> Self {
        let privilege = facts::Privilege::read();
        let ask = Ask { details: wanted.details, cmdline: wanted.cmdline };
        let inodes = listeners(live).map(|listener| listener.inode);
        let holders = wanted.processes.then(|| Holders::find(inodes, ask).ok()).flatten();
        let (without_owner, others) = match &holders {
            None if !wanted.processes => (Some(Missing::OwnerNotShown), None),
            None => (Some(Missing::OwnerHidden), None),
            Some(holders) if holders.hidden > 0 || !privilege.sees_all_processes() => {
                (Some(Missing::OwnerHidden), Some(Missing::OwnerHidden))
            }
            Some(_) => (Some(Missing::OwnerNotFound), None),
        };
        Self {
            wanted,
            holders: holders.unwrap_or_default(),
            without_owner,
            others,
            cgroups: groups(live),
            users: if wanted.redact { BTreeMap::new() } else { facts::users() },
            privilege,
        }
    }

    fn row<'a>(
        &'a self,
        listener: &'a Listener,
        links: &'a [Link],
        netns: Option<&'a str>,
    ) -> Row<'a> {
        let device = listener.device.filter(|&index| index != 0).and_then(|index| {
            let at = links.binary_search_by_key(&index, |link| link.index).ok()?;
            links.get(at)
        });
        Row {
            listener,
            device,
            cgroup: group(self.cgroups, listener),
            holds: self.holders.of(listener.inode),
            netns,
        }
    }

    fn process(&self, hold: &Hold) -> Option<&Process> {
        self.holders.processes.get(hold.process as usize)
    }

    /// The user id of a socket or process, where it is one of the host.
    fn uid(&self, uid: u32) -> Option<u32> {
        let told = self.privilege.first_user_namespace || uid != OVERFLOW_UID;
        (told && !self.wanted.redact).then_some(uid)
    }

    /// The name of a user, of what does not run in a container: that has users of its own.
    fn user(&self, uid: Option<u32>, container: Option<&str>) -> Option<&str> {
        if !self.privilege.first_user_namespace || container.is_some() {
            return None;
        }
        self.users.get(&uid?).map(String::as_str)
    }
}

impl<'a> Row<'a> {
    fn extra(&self, sight: &'a Sight<'a>) -> Extra<'a> {
        Extra {
            device: self.device.map(|link| link.name.as_str()),
            holds: self.holds,
            processes: &sight.holders.processes,
            uid: sight.uid(self.listener.uid),
            cgroup: self.cgroup.filter(|_| !sight.wanted.redact),
            netns: self.netns,
        }
    }

    /// Something that every holder says the same of, when all of them are known. The first process
    /// does not count where it holds a socket for a service.
    fn of_holders<'s>(
        &self,
        sight: &'s Sight<'s>,
        what: impl Fn(&'s str) -> Option<&'s str>,
    ) -> Option<&'s str> {
        if sight.others.is_some() {
            return None;
        }
        let processes = self.holds.iter().filter_map(|hold| sight.process(hold));
        let mut said = processes
            .map(|process| process.cgroup.as_deref())
            .filter(|&path| path != Some(INIT))
            .map(|path| what(path?));
        let first = said.next()??;
        said.all(|other| other == Some(first)).then_some(first)
    }
}

/// Where a socket belongs in the tree of control groups.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: Option<&'a str>,
    unit: Option<&'a str>,
    container: Option<&'a str>,
}

/// Fills the snapshot.
struct Filler<'a> {
    builder: Builder,
    /// The text of the evidence, and where the names of the last row's processes stand in it.
    rows: Rows,
    names: Vec<At>,
    sight: &'a Sight<'a>,
    /// Strings that were copied already.
    pooled: BTreeMap<&'a str, Text>,
    /// Name, what that is, and details of each process of the sight.
    processes: Vec<Owner>,
    /// The rarer facts of the last row, and where they are.
    last: Option<(Details, Option<u32>)>,
    /// The last user that was looked up, by number.
    user: Option<(u32, Option<Text>)>,
    /// The last control group that was taken apart.
    place: Option<Place<'a>>,
}

impl<'a> Filler<'a> {
    fn text(&mut self, text: Option<&'a str>) -> Option<Text> {
        let text = text?;
        if let Some(&known) = self.pooled.get(text) {
            return Some(known);
        }
        let pooled = self.builder.pooled(text);
        self.pooled.insert(text, pooled);
        Some(pooled)
    }

    fn processes(&mut self) {
        let Sight { wanted, ref holders, .. } = *self.sight;
        for process in &holders.processes {
            let open = |text: &'a Option<String>| text.as_deref().filter(|_| !wanted.redact);
            let cgroup = process.cgroup.as_deref().filter(|&path| path != INIT);
            let container = cgroup.and_then(cgroup::container);
            let uid = process.uid.and_then(|uid| self.sight.uid(uid));
            let details = OwnerDetails {
                exe: self.text(open(&process.exe)),
                cmdline: self.text(open(&process.cmdline)),
                uid,
                user: self.text(self.sight.user(uid, container)),
                cgroup: self.text(cgroup.filter(|_| !wanted.redact)),
                unit: self.text(cgroup.and_then(cgroup::unit)),
                container: self.text(container.filter(|_| !wanted.redact)),
            };
            let mut owner = Owner {
                name: self.text(process.name.as_deref()),
                pid: Some(process.pid),
                fd: None,
                kind: if process.cut { NameKind::CommCut } else { NameKind::Comm },
                details: None,
                at: At::default(),
            };
            self.builder.owner_details(&mut owner, details);
            self.processes.push(owner);
        }
    }

    fn socket(&mut self, row: &Row<'a>) {
        let listener = row.listener;
        let places = match self.sight.wanted.brief {
            true => self.rows.pass(row.holds.len(), &mut self.names),
            false => self.rows.push(listener, &row.extra(self.sight), &mut self.names),
        };
        let mut socket = Socket::new(listener.transport, SourceId(0), places.row);
        socket.mptcp = listener.mptcp;
        socket.address =
            if is_dual(listener) { Address::Dual } else { Address::Ip(listener.address) };
        socket.address_at = places.address;
        socket.v6only = listener.v6only;
        socket.port = Port::Number(listener.port);
        socket.port_at = places.port;
        socket.device = match (listener.device, row.device) {
            (None, _) => Device::Missing(Missing::DeviceNotShown),
            (Some(0), _) => Device::None,
            (Some(_), Some(link)) => {
                self.text(Some(&link.name)).map_or(Device::None, Device::Named)
            }
            // An interface that came or went meanwhile: its number stands for it.
            (Some(index), None) => Device::Named(self.builder.pooled(&index.to_string())),
        };
        for (hold, &at) in row.holds.iter().zip(&self.names) {
            if let Some(&process) = self.processes.get(hold.process as usize) {
                self.builder.owner(Owner { fd: Some(hold.fd), at, ..process });
            }
        }
        socket.owners_missing = match row.holds {
            // No file refers to it, so no process does.
            [] if listener.inode == 0 && self.sight.wanted.processes => None,
            [] => self.sight.without_owner,
            _ => self.sight.others,
        };
        let details = self.details(row);
        match self.last {
            Some((last, at)) if last == details => socket.details = at,
            _ => {
                self.builder.details(&mut socket, details);
                self.last = Some((details, socket.details));
            }
        }
        self.builder.socket(socket);
    }

    /// The name of a user, of what does not run in a container.
    fn user(&mut self, uid: Option<u32>) -> Option<Text> {
        let uid = uid?;
        if let Some((_, known)) = self.user.filter(|&(last, _)| last == uid) {
            return known;
        }
        let name = self.text(self.sight.user(Some(uid), None));
        self.user = Some((uid, name));
        name
    }

    /// What a path of a control group says. The next socket is often of the same group.
    fn place(&mut self, path: &'a str) -> Place<'a> {
        if let Some(known) = self.place.filter(|known| known.path == Some(path)) {
            return known;
        }
        let (unit, container) = (cgroup::unit(path), cgroup::container(path));
        let place = Place { path: Some(path), unit, container };
        self.place = Some(place);
        place
    }

    fn details(&mut self, row: &Row<'a>) -> Details {
        let sight = self.sight;
        let place = match row.cgroup.or_else(|| row.of_holders(sight, Some)) {
            Some(path) => self.place(path),
            None => Place {
                path: None,
                unit: row.of_holders(sight, cgroup::unit),
                container: row.of_holders(sight, cgroup::container),
            },
        };
        let Place { path, unit, container } = place;
        let uid = sight.uid(row.listener.uid);
        let open = |text: Option<&'a str>| text.filter(|_| !sight.wanted.redact);
        Details {
            uid,
            user: self.user(uid.filter(|_| container.is_none())),
            inode: (row.listener.inode != 0 && !sight.wanted.brief)
                .then_some(u64::from(row.listener.inode)),
            cgroup: self.text(open(path)),
            unit: self.text(unit),
            container: self.text(open(container)),
            netns: self.text(row.netns),
            ..Details::default()
        }
    }
}

/// What a namespace is called in the snapshot; `None` for that of this process.
fn name(part: &Part, number: usize, wanted: Wanted) -> Option<String> {
    let name = part.name.as_ref()?;
    Some(if wanted.redact { format!("netns-{number}") } else { name.clone() })
}

/// Everything but the sockets.
fn describe(snapshot: &mut Snapshot, live: &Live, sight: &Sight<'_>, names: &[Option<String>]) {
    let redact = sight.wanted.redact;
    let origin = &mut snapshot.origin;
    NAME.clone_into(&mut origin.path);
    NAME.clone_into(&mut origin.format);
    origin.command = Some(match &live.options.netns {
        Netns::Current => "socklint snapshot".to_owned(),
        _ if redact => "socklint snapshot --netns".to_owned(),
        netns => format!("socklint snapshot --netns {netns}"),
    });
    origin.captured_at.clone_from(&live.moment);
    origin.uid = Some(sight.privilege.uid);
    origin.capabilities = sight.privilege.capabilities();
    if !redact {
        snapshot.host.name = facts::host_name();
        snapshot.host.kernel = Some(facts::kernel());
        snapshot.host.boot_id = facts::boot_id();
    }
    let mut coverage: Option<Coverage> = None;
    let mut interfaces: Option<Vec<Interface>> = None;
    for (part, name) in live.parts.iter().zip(names) {
        let of_part = part.space.as_ref().map_or_else(
            || Coverage::uniform(Cell::Absent(Missing::NamespaceNotEntered)),
            |space| space.coverage,
        );
        coverage = Some(coverage.map_or(of_part, |coverage| coverage.worst(of_part)));
        let sysctls = part.space.as_ref().map(|space| space.sysctls.clone()).unwrap_or_default();
        match name {
            None => snapshot.sysctls = sysctls,
            Some(name) => snapshot.namespaces.push(Namespace {
                name: name.clone(),
                inode: part.inode,
                containers: if redact { Vec::new() } else { part.containers.clone() },
                sysctls,
                missing: part.space.is_none().then_some(Missing::NamespaceNotEntered),
            }),
        }
        let links = part.space.as_ref().and_then(|space| space.links.as_ref());
        if let Some(links) = links.filter(|_| !redact) {
            let of_part = links.iter().map(|link| interface(link, name.clone()));
            interfaces.get_or_insert_default().extend(of_part);
        }
    }
    snapshot.coverage = coverage.unwrap_or_default();
    snapshot.interfaces = interfaces;
}

fn interface(link: &Link, netns: Option<String>) -> Interface {
    Interface {
        name: link.name.clone(),
        index: Some(link.index),
        netns,
        up: Some(link.flags & UP != 0),
        addresses: link.addresses.clone(),
    }
}
