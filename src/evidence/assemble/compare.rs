//! Whether two rows can be of one socket: what both know must not differ.
//!
//! A socket that is taken for another one disappears, and with it what it alone tells. So nothing may be
//! known of it that is otherwise for the one that stays: no rule that it fails passes then.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::address::{Scope, unmapped};
use crate::snapshot::{
    Address, Details, Device, NameKind, Owner, OwnerDetails, Port, Snapshot, Socket, Text,
};
use crate::truth::Missing;

/// A socket and the snapshot that it stands in.
type Row<'a> = (&'a Snapshot, &'a Socket);

/// How many owners are compared one by one; more must have the same names.
const OWNERS: usize = 64;

/// Whether no fact beside transport, address and port is known to differ.
pub(super) fn agree(one: Row<'_>, other: Row<'_>) -> bool {
    let same_device = match (one.1.device, other.1.device) {
        (Device::Missing(_), _) | (_, Device::Missing(_)) => true,
        (Device::Named(_), Device::Named(_)) => {
            same(device(one.0, one.1), device(other.0, other.1))
        }
        (Device::None, mine) | (mine, Device::None) => mine == Device::None,
    };
    let (mine, theirs) = (one.0.details(one.1), other.0.details(other.1));
    same_device
        && same(v6only(one.1), v6only(other.1))
        && details_agree((one.0, &mine), (other.0, &theirs))
        && owners_agree(one, other)
}

/// The name of the bound device. The number of an interface, which some tools print in its place, cannot be
/// compared with a name.
pub(super) fn device<'a>(snapshot: &'a Snapshot, socket: &Socket) -> Option<&'a str> {
    let number =
        |name: &str| name.trim_start_matches('#').bytes().all(|byte| byte.is_ascii_digit());
    snapshot.device(socket).filter(|name| !number(name))
}

/// Whether two facts, where both are known, are one.
fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    !matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// IPV6_V6ONLY of an IPv6 wildcard, as far as it is told.
fn v6only(socket: &Socket) -> Option<bool> {
    match socket.address {
        Address::Dual | Address::Star => Some(false),
        Address::Ip(IpAddr::V6(ip)) if ip.is_unspecified() => socket.v6only,
        Address::Ip(_) | Address::Reached(_) | Address::Missing(_) => None,
    }
}

fn texts_agree(one: (&Snapshot, Option<Text>), other: (&Snapshot, Option<Text>)) -> bool {
    same(one.1.map(|text| one.0.text(text)), other.1.map(|text| other.0.text(text)))
}

/// Users are names or numbers, which cannot be compared with each other.
fn users_agree(one: (&Snapshot, Option<Text>), other: (&Snapshot, Option<Text>)) -> bool {
    let is_number = |(snapshot, text): (&Snapshot, Option<Text>)| {
        text.is_some_and(|text| snapshot.text(text).bytes().all(|byte| byte.is_ascii_digit()))
    };
    is_number(one) != is_number(other) || texts_agree(one, other)
}

fn details_agree(
    (one, mine): (&Snapshot, &Details),
    (other, theirs): (&Snapshot, &Details),
) -> bool {
    same(mine.uid, theirs.uid)
        && users_agree((one, mine.user), (other, theirs.user))
        && same(is_root(one, mine.uid, mine.user), is_root(other, theirs.uid, theirs.user))
        && groups_agree(
            one,
            [mine.cgroup, mine.unit, mine.container],
            other,
            [theirs.cgroup, theirs.unit, theirs.container],
        )
}

/// Whether a user is root, who has the same name and number everywhere, whichever of them is shown.
fn is_root(snapshot: &Snapshot, uid: Option<u32>, user: Option<Text>) -> Option<bool> {
    let by_name = || user.map(|user| matches!(snapshot.text(user), "root" | "0"));
    uid.map(|uid| uid == 0).or_else(by_name)
}

/// Whether control group, unit and container agree. A path in one and a name in the other are joined to facts of
/// one process, so that the name must be in the path.
fn groups_agree(
    one: &Snapshot,
    mine: [Option<Text>; 3],
    other: &Snapshot,
    theirs: [Option<Text>; 3],
) -> bool {
    let names = |(from, [path, ..]): (&Snapshot, [Option<Text>; 3]),
                 (of, [own, unit, container]): (&Snapshot, [Option<Text>; 3])| {
        let Some(path) = path.filter(|_| own.is_none()) else { return true };
        let path = from.text(path);
        unit.into_iter().chain(container).all(|name| path.contains(of.text(name)))
    };
    mine.into_iter().zip(theirs).all(|(mine, theirs)| texts_agree((one, mine), (other, theirs)))
        && names((one, mine), (other, theirs))
        && names((other, theirs), (one, mine))
}

/// Whether the owners can be those of one socket: where all of them are known, each of the others is among them.
fn owners_agree(one: Row<'_>, other: Row<'_>) -> bool {
    let (mine, theirs) = (one.0.owners(one.1), other.0.owners(other.1));
    if mine.len().max(theirs.len()) > OWNERS {
        return names(one.0, mine).is_some_and(|mine| Some(mine) == names(other.0, theirs))
            || mine.is_empty() && one.1.owners_missing.is_some()
            || theirs.is_empty() && other.1.owners_missing.is_some();
    }
    let among = |some: &[Owner], from: &Snapshot, all: &[Owner], of: &Snapshot| {
        some.iter().all(|owner| all.iter().any(|known| is_owner((from, owner), (of, known))))
    };
    (one.1.owners_missing.is_some() || among(theirs, other.0, mine, one.0))
        && (other.1.owners_missing.is_some() || among(mine, one.0, theirs, other.0))
}

/// The names of many owners, of whom nothing else is known that policies see; `None` when there is more.
fn names<'a>(
    snapshot: &'a Snapshot,
    owners: &[Owner],
) -> Option<BTreeSet<(Option<&'a str>, NameKind)>> {
    let name = |owner: &Owner| {
        let name = owner.name.map(|name| snapshot.text(name));
        owner.details.is_none().then_some((name, owner.kind))
    };
    owners.iter().map(name).collect()
}

/// Whether two owners can be one process, or one that took its place: policies do not see process ids.
fn is_owner((one, mine): (&Snapshot, &Owner), (other, theirs): (&Snapshot, &Owner)) -> bool {
    let (more, less) = (one.owner_details(mine), other.owner_details(theirs));
    let process = mine.pid.is_some() && mine.pid == theirs.pid;
    let names = match (mine.name, theirs.name) {
        (Some(mine_name), Some(theirs_name)) => names_agree(
            (one.text(mine_name), mine.kind),
            (other.text(theirs_name), theirs.kind),
            process,
        ),
        _ => true,
    };
    names && owner_details_agree((one, &more), (other, &less))
}

fn owner_details_agree(
    (one, mine): (&Snapshot, &OwnerDetails),
    (other, theirs): (&Snapshot, &OwnerDetails),
) -> bool {
    same(mine.uid, theirs.uid)
        && users_agree((one, mine.user), (other, theirs.user))
        && same(is_root(one, mine.uid, mine.user), is_root(other, theirs.uid, theirs.user))
        && texts_agree((one, mine.exe), (other, theirs.exe))
        && groups_agree(
            one,
            [mine.cgroup, mine.unit, mine.container],
            other,
            [theirs.cgroup, theirs.unit, theirs.container],
        )
}

/// Whether two names can be of one process. That of the kernel and the first argument differ as they like in
/// one process, and in two processes only where the argument is decorated or cut.
fn names_agree(
    (one, mine): (&str, NameKind),
    (other, theirs): (&str, NameKind),
    process: bool,
) -> bool {
    let kernels = |kind| matches!(kind, NameKind::Comm | NameKind::CommCut);
    let cut = |kind| matches!(kind, NameKind::CommCut | NameKind::ArgvCut);
    let begins = one == other
        || cut(mine) && other.starts_with(one)
        || cut(theirs) && one.starts_with(other);
    if kernels(mine) == kernels(theirs) {
        return begins;
    }
    let argument = if kernels(mine) { (other, theirs) } else { (one, mine) };
    process
        || begins
        || argument.1 == NameKind::ArgvCut
        || argument.0.contains([' ', '\t', '/', ':'])
}

/// Whether a row that does not tell all of its endpoint can be the socket at another one, whose port and
/// transport are its own.
pub(super) fn can_be(vague: Row<'_>, other: Row<'_>) -> bool {
    let ports = match (vague.1.port, other.1.port) {
        (Port::Number(mine), Port::Number(theirs)) => mine == theirs,
        (Port::Missing(_), _) | (_, Port::Missing(_)) => true,
    };
    ports && addresses(vague, other)
}

fn addresses((snapshot, vague): Row<'_>, (others, other): Row<'_>) -> bool {
    let wildcard = other.scope() == Some(Scope::Wildcard);
    let only_v6 = v6only(other) == Some(true);
    match (vague.address, other.address) {
        (_, Address::Missing(_)) => true,
        (Address::Star, _) => wildcard && !only_v6,
        (Address::Reached(ip), Address::Ip(own)) => {
            let takes = match (unmapped(own), unmapped(ip)) {
                (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => true,
                (IpAddr::V6(_), IpAddr::V4(_)) => !only_v6,
                (IpAddr::V4(_), IpAddr::V6(_)) => false,
            };
            unmapped(own) == unmapped(ip) || wildcard && takes
        }
        (Address::Reached(ip), Address::Reached(other)) => unmapped(ip) == unmapped(other),
        (Address::Reached(_), Address::Dual | Address::Star) => true,
        (Address::Missing(reason), _) => {
            let text = snapshot.details(vague).address_text.map(|text| snapshot.text(text));
            match text {
                // What an address begins with.
                Some(text) if reason == Missing::AddressCut => {
                    let shown = text.trim_end_matches(['.', '\u{2026}']);
                    others.address_text(other).starts_with(shown)
                }
                // A name stands for any address.
                _ => true,
            }
        }
        (Address::Ip(mine), Address::Ip(theirs)) => unmapped(mine) == unmapped(theirs),
        (Address::Dual, Address::Ip(ip)) => ip.is_ipv6() && wildcard && !only_v6,
        (Address::Dual, Address::Dual | Address::Star) => true,
        (Address::Ip(_), Address::Dual | Address::Star) => vague.scope() == Some(Scope::Wildcard),
        (Address::Dual | Address::Ip(_), Address::Reached(_)) => true,
    }
}
