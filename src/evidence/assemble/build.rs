//! The one snapshot of several captures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::super::context::{Facts, Process};
use super::super::layout::names_host;
use super::matching::{Entry, Ref, unite, would_show};
use super::{Candidate, Given, Where, names, same_host};
use crate::address::{Scope, unmapped};
use crate::capture::other_host;
use crate::capture::{Capture, CaptureIssue, IssueKind};
use crate::snapshot::{
    Address, Adopted, Builder, Coverage, Details, Device, NameKind, Namespace, Owner, OwnerDetails,
    Port, Snapshot, Socket, Text,
};
use crate::source::{Span, sha256_hex};
use crate::truth::Missing;

/// How many captures of one place are compared with each other.
const COMPARED: usize = 16;

/// How many contradictions between two captures are told one by one.
const TOLD: usize = 8;

pub(super) fn build(
    candidates: Vec<Candidate>,
    aside: Vec<Capture>,
    lost: &[Where],
    facts: &Facts,
    given: Given,
) -> Capture {
    let strange = of_another_host(&candidates, facts);
    let none = Facts::default();
    let facts = if strange.is_some() { &none } else { facts };
    let mut builder = Builder::default();
    let adopted: Vec<Adopted> =
        candidates.iter().map(|one| builder.adopt(&one.capture.snapshot)).collect();
    let mut work = Work { candidates: &candidates, adopted, builder, issues: Vec::new(), facts };
    work.issues_of_all(&aside);
    work.issues.extend(strange);
    let mut places: BTreeMap<&Where, Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        places.entry(&candidate.place).or_default().push(index);
    }
    let host = places.keys().any(|place| !matches!(place, Where::Named(_)));
    let mut coverage: Option<Coverage> = None;
    for (place, mut order) in places {
        order.sort_by_key(|&index| candidates.get(index).map(|one| std::cmp::Reverse(worth(one))));
        let entries = unite(&candidates, &order);
        let shown = work.coverage(&order, &entries);
        coverage = Some(coverage.map_or(shown, |before| before.worst(shown)));
        for entry in &entries {
            work.socket(entry, place, given.obfuscated);
        }
        if let Where::Named(name) = place {
            let name = name.clone();
            let namespace = Namespace { name, ..Namespace::default() };
            work.builder.snapshot_mut().namespaces.push(namespace);
        }
    }
    if !host {
        coverage = coverage.map(|before| before.spoiled(Missing::HostNamespace));
    }
    for place in lost {
        coverage = coverage.map(|before| before.spoiled(Missing::RowUnread));
        if let Where::Named(name) = place {
            let (name, missing) = (name.clone(), Some(Missing::ToolError));
            let namespace = Namespace { name, missing, ..Namespace::default() };
            work.builder.snapshot_mut().namespaces.push(namespace);
        }
    }
    work.builder.snapshot_mut().coverage = coverage.unwrap_or_default();
    work.interfaces();
    work.finish(given)
}

/// The issue for facts that are of another host than the captures beside them.
fn of_another_host(candidates: &[Candidate], facts: &Facts) -> Option<CaptureIssue> {
    let own = facts.host.as_deref()?;
    let other = names(candidates).find(|name| !same_host(own, name))?;
    let message = format!(
        "the captures are of `{other}`, the files beside them of `{own}`: no fact is taken from those"
    );
    Some(CaptureIssue { kind: IssueKind::Contradiction, at: None, message })
}

/// How much a capture tells: transports and families that it covers, then facts.
fn worth(candidate: &Candidate) -> (usize, usize) {
    let snapshot = &candidate.capture.snapshot;
    let shown = |cell| match cell {
        crate::snapshot::Cell::Proven => 2,
        crate::snapshot::Cell::Presumed => 1,
        crate::snapshot::Cell::Absent(_) => 0,
    };
    let covered = snapshot.coverage.iter().map(|(_, _, cell)| shown(cell)).sum();
    let facts = |socket: &Socket| {
        usize::from(!matches!(socket.address, Address::Missing(_) | Address::Star)) * 4
            + usize::from(matches!(socket.port, Port::Number(_))) * 4
            + usize::from(!matches!(socket.device, Device::Missing(_)))
            + usize::from(socket.v6only.is_some() || socket.address == Address::Dual)
            + usize::from(socket.owners_missing.is_none() || socket.owners_len > 0)
    };
    (covered, snapshot.sockets().iter().map(facts).sum())
}

struct Work<'a> {
    candidates: &'a [Candidate],
    adopted: Vec<Adopted>,
    builder: Builder,
    issues: Vec<CaptureIssue>,
    facts: &'a Facts,
}

impl<'a> Work<'a> {
    fn capture(&self, index: usize) -> Option<(&'a Snapshot, &Adopted)> {
        let snapshot = &self.candidates.get(index)?.capture.snapshot;
        Some((snapshot, self.adopted.get(index)?))
    }

    fn at(&self, at: Ref) -> Option<(&'a Snapshot, &Adopted, &'a Socket)> {
        let (snapshot, adopted) = self.capture(at.capture)?;
        Some((snapshot, adopted, snapshot.sockets().get(at.socket)?))
    }

    /// The issues of the captures and of the texts left aside, pointing into the new snapshot.
    fn issues_of_all(&mut self, aside: &[Capture]) {
        let own = self
            .candidates
            .iter()
            .zip(&self.adopted)
            .map(|(one, adopted)| (&one.capture.issues, adopted));
        for (issues, adopted) in own {
            self.issues.extend(issues.iter().map(|issue| moved(issue, adopted)));
        }
        for capture in aside {
            let adopted = self.builder.adopt(&capture.snapshot);
            self.issues.extend(capture.issues.iter().map(|issue| moved(issue, &adopted)));
        }
    }

    /// What captures of one place cover together. Where two contradict each other nothing counts as proven.
    fn coverage(&mut self, order: &[usize], entries: &[Entry]) -> Coverage {
        let coverage =
            |index: usize| self.candidates.get(index).map(|one| one.capture.snapshot.coverage);
        let mut all = order
            .iter()
            .filter_map(|&index| coverage(index))
            .reduce(Coverage::best)
            .unwrap_or_default();
        let compared: Vec<(usize, Coverage)> = order
            .iter()
            .take(COMPARED)
            .filter_map(|&index| Some((index, coverage(index)?)))
            .collect();
        let mut told: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut issues = Vec::new();
        for entry in entries {
            let Some((snapshot, adopted, socket)) = self.at(entry.first) else { continue };
            for (index, shown) in &compared {
                if entry.shown_by.contains(index) || !would_show(shown, socket) {
                    continue;
                }
                for family in super::families(socket) {
                    if all.get(socket.transport, *family) == crate::snapshot::Cell::Proven {
                        all.set(socket.transport, *family, crate::snapshot::Cell::Presumed);
                    }
                }
                let count = told.entry((entry.first.capture, *index)).or_default();
                *count += 1;
                if *count > TOLD {
                    continue;
                }
                let other = self.capture(*index).map_or("", |(other, _)| &other.origin.path);
                let message = format!(
                    "{} {} is here and not in `{other}`, which should show it",
                    socket.transport.name(),
                    snapshot.endpoint(socket),
                );
                let at = Some(in_new(socket.span(), adopted));
                issues.push(CaptureIssue { kind: IssueKind::Contradiction, at, message });
            }
        }
        for ((here, there), count) in told.into_iter().filter(|(_, count)| *count > TOLD) {
            let name = |index| self.capture(index).map_or("", |(one, _)| &one.origin.path);
            let more = count - TOLD;
            let message =
                format!("{more} more sockets are in `{}` and not in `{}`", name(here), name(there));
            issues.push(CaptureIssue { kind: IssueKind::Contradiction, at: None, message });
        }
        self.issues.append(&mut issues);
        all
    }

    /// Adds a socket with what all captures that surely show it know.
    fn socket(&mut self, entry: &Entry, place: &Where, obfuscated: bool) {
        let all: Vec<(usize, &Snapshot, &Socket)> = std::iter::once(&entry.first)
            .chain(&entry.same)
            .filter_map(|at| {
                self.at(*at).map(|(snapshot, _, socket)| (at.capture, snapshot, socket))
            })
            .collect();
        let Some(&(first, snapshot, socket)) = all.first() else { return };
        let Some((mut new, mut details)) = self.taken(first, snapshot, socket) else { return };
        for &(index, snapshot, socket) in all.get(1..).unwrap_or_default() {
            let Some((other, more)) = self.taken(index, snapshot, socket) else { continue };
            fill(&mut new, &mut details, &other, &more);
        }
        self.owners(&all, &mut new, place);
        if let Where::Named(name) = place {
            details.netns = Some(self.builder.pooled(name));
        }
        // What runs elsewhere, in a container, may have other users and services.
        if !matches!(place, Where::Own(_)) {
            self.names(&mut details);
            self.port(first, socket, &mut new);
        }
        if new.address == Address::Star && snapshot.origin.format == "ss" {
            new.address = match self.facts.star_is_dual {
                Some(true) => Address::Dual,
                Some(false) => Address::Ip(Ipv4Addr::UNSPECIFIED.into()),
                None => Address::Star,
            };
        }
        if obfuscated
            && let Address::Ip(ip) = new.address
            && !matches!(Scope::of(unmapped(ip)), Scope::Loopback | Scope::Wildcard)
        {
            details.address_text = Some(self.builder.pooled(&ip.to_string()));
            new.address = Address::Missing(Missing::AddressNotShown);
        }
        self.builder.details(&mut new, details);
        self.builder.socket(new);
    }

    fn taken(
        &mut self,
        index: usize,
        snapshot: &Snapshot,
        socket: &Socket,
    ) -> Option<(Socket, Details)> {
        let adopted = self.adopted.get(index)?;
        Some(self.builder.adopt_socket(snapshot, adopted, socket))
    }

    /// Gives the socket that comes next the owners of whichever capture knows most of them.
    fn owners(&mut self, all: &[(usize, &Snapshot, &Socket)], new: &mut Socket, place: &Where) {
        let known = |socket: &Socket| match socket.owners_missing {
            None => 2,
            Some(_) if socket.owners_len > 0 => 1,
            Some(_) => 0,
        };
        let best = all.iter().rev().max_by_key(|(_, _, socket)| known(socket));
        let Some(&(index, snapshot, socket)) = best else { return };
        new.owners_missing = socket.owners_missing;
        // The owners of the other rows by their ids, the first of each.
        let mut theirs: BTreeMap<u32, Vec<(usize, &Snapshot, &Owner)>> = BTreeMap::new();
        for &(other, from, twin) in all.iter().filter(|(other, ..)| *other != index) {
            for owner in from.owners(twin) {
                let Some(pid) = owner.pid else { continue };
                let known = theirs.entry(pid).or_default();
                if known.last().is_none_or(|&(last, ..)| last != other) {
                    known.push((other, from, owner));
                }
            }
        }
        for owner in snapshot.owners(socket) {
            let Some(adopted) = self.adopted.get(index) else { continue };
            let mut details = self.builder.adopt_owner_details(snapshot, adopted, owner);
            let same = owner.pid.and_then(|pid| theirs.get(&pid));
            for &(other, from, same) in same.into_iter().flatten() {
                if let Some(adopted) = self.adopted.get(other) {
                    let more = self.builder.adopt_owner_details(from, adopted, same);
                    fill_owner(&mut details, more);
                }
            }
            if let Some(process) = owner.pid.and_then(|pid| self.facts.processes.get(&pid))
                && !matches!(place, Where::Own(_))
                && agrees(process, owner, snapshot)
            {
                let more = self.process(process);
                fill_owner(&mut details, more);
            }
            if !matches!(place, Where::Own(_)) {
                self.owner_names(&mut details);
            }
            let Some(adopted) = self.adopted.get(index) else { continue };
            self.builder.adopt_owner(snapshot, adopted, owner, details);
        }
    }

    fn process(&mut self, process: &Process) -> OwnerDetails {
        let mut text = |text: &Option<String>| Some(self.builder.pooled(text.as_deref()?));
        OwnerDetails {
            exe: text(&process.exe),
            cmdline: text(&process.cmdline),
            uid: process.uid,
            user: text(&process.user),
            ..OwnerDetails::default()
        }
    }

    fn user(&mut self, uid: &mut Option<u32>, user: &mut Option<Text>) {
        match (*uid, *user) {
            (Some(uid), None) => {
                *user = self.facts.users.get(&uid).map(|name| self.builder.pooled(name));
            }
            (None, Some(name)) => {
                *uid = self.facts.uids.get(self.builder.snapshot().text(name)).copied();
            }
            _ => {}
        }
    }

    fn names(&mut self, details: &mut Details) {
        self.user(&mut details.uid, &mut details.user);
    }

    fn owner_names(&mut self, details: &mut OwnerDetails) {
        self.user(&mut details.uid, &mut details.user);
    }

    /// The port of a service name, by the host's own table.
    fn port(&self, index: usize, socket: &Socket, new: &mut Socket) {
        // Another capture may have shown the number itself.
        let unknown = matches!(new.port, Port::Missing(Missing::PortName));
        if !(unknown || new.port_resolved) || socket.port_at.len == 0 {
            return;
        }
        let Some((snapshot, _)) = self.capture(index) else { return };
        let name = snapshot.sources.slice(socket.span_of(socket.port_at));
        let name = name.trim_start_matches(':');
        let port = self.facts.services.get(&(name.to_owned(), socket.transport));
        if let Some(&port) = port {
            new.port = Port::Number(port);
            new.port_resolved = true;
        }
    }

    /// The interfaces, where they tell of every address that a socket is bound to: an address that no
    /// interface owns says that they are of another moment, or not all.
    fn interfaces(&mut self) {
        let Some(interfaces) = &self.facts.interfaces else { return };
        let snapshot = self.builder.snapshot();
        let mut owned: BTreeSet<(Option<&str>, IpAddr)> = BTreeSet::new();
        for interface in interfaces {
            for &(own, prefix) in &interface.addresses {
                let all = [Some(unmapped(own)), broadcast(unmapped(own), prefix)];
                owned.extend(all.into_iter().flatten().map(|ip| (interface.netns.as_deref(), ip)));
            }
        }
        let stray = snapshot.sockets().iter().find(|socket| {
            let Address::Ip(ip) = socket.address else { return false };
            let ip = unmapped(ip);
            let netns = snapshot.details(socket).netns.map(|name| snapshot.text(name));
            !matches!(
                Scope::of(ip),
                Scope::Wildcard | Scope::Loopback | Scope::Multicast | Scope::Broadcast
            ) && !owned.contains(&(netns, ip))
        });
        if let Some(socket) = stray {
            let message = format!(
                "no interface has the address of {}, so the interfaces count as not known",
                snapshot.endpoint(socket)
            );
            let at = Some(socket.endpoint_span());
            self.issues.push(CaptureIssue { kind: IssueKind::FileUnread, at, message });
        } else if snapshot.interfaces.is_none() {
            self.builder.snapshot_mut().interfaces = Some(interfaces.clone());
        }
    }

    fn finish(mut self, given: Given) -> Capture {
        let all = || self.candidates.iter().map(|one| &one.capture.snapshot);
        // A name with its domain tells more than one without.
        let named = names(self.candidates).max_by_key(|name| name.len()).map(str::to_owned);
        let named = named.or_else(|| self.facts.host.clone());
        if let (Some(host), Some(named), Some(one)) = (&given.host, &named, all().next())
            && (given.sure || names_host(&given.path))
        {
            self.issues.extend(other_host(host, one, named));
        }
        let name = match given.sure {
            true => given.host.or(named),
            false => named.or(given.host),
        };
        let mut formats: Vec<&str> = all().map(|one| one.origin.format.as_str()).collect();
        formats.dedup();
        let mut seen = Vec::new();
        formats.retain(|format| {
            let new = !format.is_empty() && !seen.contains(format);
            seen.push(*format);
            new
        });
        let detection: Vec<String> = self
            .candidates
            .iter()
            .map(|one| {
                let origin = &one.capture.snapshot.origin;
                format!("{} as {} ({})", origin.path, origin.format, one.capture.detection)
            })
            .collect();
        let first = all().next().cloned().unwrap_or_default();
        let labels = all().flat_map(|one| one.host.labels.clone()).collect();
        let interfaces = all().find_map(|one| one.interfaces.clone());
        let namespaces: Vec<Namespace> = all().flat_map(|one| one.namespaces.clone()).collect();
        let format = formats.join(", ");
        let hashes: String = self
            .builder
            .snapshot()
            .sources
            .files()
            .iter()
            .map(|file| format!("{}  {}\n", file.sha256(), file.name()))
            .collect();
        let several = self.builder.snapshot().sources.files().len() > 1;
        let snapshot = self.builder.snapshot_mut();
        snapshot.host.name = name;
        snapshot.host.labels = labels;
        snapshot.origin = first.origin;
        snapshot.origin.format = format;
        if !given.path.is_empty() {
            snapshot.origin.path = given.path;
        }
        snapshot.origin.captured_at = snapshot.origin.captured_at.take().or(given.captured_at);
        if several {
            snapshot.origin.sha256 = Some(sha256_hex(hashes.as_bytes()));
        }
        snapshot.interfaces = snapshot.interfaces.take().or(interfaces);
        snapshot.namespaces.extend(namespaces);
        if given.obfuscated {
            self.issues.push(CaptureIssue {
                kind: IssueKind::Obfuscated,
                at: None,
                message: "sosreport's cleaner has replaced addresses: those that are not loopback count as \
                          not known"
                    .to_owned(),
            });
        }
        let detection = match detection.len() {
            1 => detection.join(""),
            count => format!("{count} captures of one host: {}", detection.join("; ")),
        };
        // What each capture lost is out of its coverage already.
        Capture { snapshot: self.builder.finish(), issues: self.issues, detection }
    }
}

/// The broadcast address of an interface's network. Source: RFC 919.
fn broadcast(own: IpAddr, prefix: u8) -> Option<IpAddr> {
    let IpAddr::V4(own) = own else { return None };
    let hosts = u32::MAX.checked_shr(prefix.into()).filter(|&hosts| hosts > 1)?;
    Some(Ipv4Addr::from_bits(own.to_bits() | hosts).into())
}

fn in_new(span: Span, adopted: &Adopted) -> Span {
    Span { source: adopted.source(span.source), ..span }
}

fn moved(issue: &CaptureIssue, adopted: &Adopted) -> CaptureIssue {
    // An issue of a whole text is shown at its beginning: the snapshot has several. One of no text has no place.
    let at = issue.at.or_else(|| adopted.has_texts().then(Span::default));
    CaptureIssue { at: at.map(|at| in_new(at, adopted)), ..issue.clone() }
}

/// Adds what another capture knows of the same socket.
fn fill(new: &mut Socket, details: &mut Details, other: &Socket, more: &Details) {
    if matches!(new.address, Address::Missing(_) | Address::Star)
        && matches!(other.address, Address::Ip(_) | Address::Dual)
    {
        new.address = other.address;
    }
    if new.address == Address::Ip(std::net::Ipv6Addr::UNSPECIFIED.into())
        && new.v6only.is_none()
        && other.address == Address::Dual
    {
        new.address = Address::Dual;
    }
    if matches!(new.port, Port::Missing(_)) {
        new.port = other.port;
    }
    new.port_resolved &= other.port_resolved;
    new.v6only = new.v6only.or(other.v6only);
    if matches!(new.device, Device::Missing(_)) {
        new.device = other.device;
    }
    details.uid = details.uid.or(more.uid);
    details.user = details.user.or(more.user);
    details.inode = details.inode.or(more.inode);
    details.cgroup = details.cgroup.or(more.cgroup);
    details.unit = details.unit.or(more.unit);
    details.container = details.container.or(more.container);
    details.netns = details.netns.or(more.netns);
}

fn fill_owner(details: &mut OwnerDetails, more: OwnerDetails) {
    details.exe = details.exe.or(more.exe);
    details.cmdline = details.cmdline.or(more.cmdline);
    details.uid = details.uid.or(more.uid);
    details.user = details.user.or(more.user);
    details.cgroup = details.cgroup.or(more.cgroup);
    details.unit = details.unit.or(more.unit);
    details.container = details.container.or(more.container);
}

/// Whether a process of ps is the owner of that number: ids are used again, so the names must agree. ps shows
/// the first argument, and behind an interpreter the program is the second.
fn agrees(process: &Process, owner: &Owner, snapshot: &Snapshot) -> bool {
    let Some(name) = owner.name.map(|name| snapshot.text(name)) else { return false };
    let cut = matches!(owner.kind, NameKind::CommCut | NameKind::ArgvCut);
    let same = |word: &str| {
        let word = word.trim_start_matches('-').trim_end_matches(':');
        let base = word.rsplit('/').next().unwrap_or(word);
        base == name || cut && base.starts_with(name)
    };
    let first = process.is_comm && process.name == name || same(&process.name);
    let words = process.cmdline.as_deref().unwrap_or_default().split_whitespace();
    !name.is_empty() && (first || words.take(2).any(same))
}
