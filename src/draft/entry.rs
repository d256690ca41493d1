//! Entries of a draft: the sockets of one service on all hosts together.

use std::collections::{BTreeMap, BTreeSet};

use super::pin::{Bind, Holder, Pin, PortPin, Service, is_ephemeral};
use super::{Coverage, Covered};
use crate::address::Scope;
use crate::snapshot::{Snapshot, Transport};
use crate::truth::Missing;

/// One entry: a rule.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its id, unique in the draft.
    pub(super) id: String,
    pub(super) service: Service,
    /// What its sockets pin, each once.
    pub(super) pins: BTreeSet<Pin>,
    /// Where it was seen: `0.0.0.0:22 (db1.txt:2)`; not made safe.
    pub(super) seen: Vec<String>,
    /// Names of processes where they may not be all.
    pub(super) hints: BTreeSet<String>,
    /// Network namespaces, where the evidence names them.
    pub(super) namespaces: BTreeSet<String>,
    /// A name is as long as the kernel keeps it.
    pub(super) cut: bool,
    /// How many sockets there may be, when they are counted.
    pub(super) most: u64,
}

/// The sections of a draft, in order: whom its listeners let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Open,
    Partly,
    Unknown,
    Host,
    Clients,
}

impl Section {
    pub(super) const ALL: [Self; 5] =
        [Self::Open, Self::Partly, Self::Unknown, Self::Host, Self::Clients];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Open => "Open to every network of the host",
            Self::Partly => "Open to some networks",
            Self::Unknown => "Open to whom is not known",
            Self::Host => "Open to the host alone",
            Self::Clients => "UDP clients: the system gave them their ports, which change",
        }
    }

    fn of(bind: &Bind) -> Self {
        match bind.scope() {
            Some(Scope::Wildcard | Scope::Public) => Self::Open,
            Some(Scope::Loopback) => Self::Host,
            Some(
                Scope::LinkLocal
                | Scope::Private
                | Scope::Shared
                | Scope::Multicast
                | Scope::Broadcast,
            ) => Self::Partly,
            None => Self::Unknown,
        }
    }
}

impl Entry {
    fn new(service: Service) -> Self {
        Self {
            id: String::new(),
            service,
            pins: BTreeSet::new(),
            seen: Vec::new(),
            hints: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            cut: false,
            most: 1,
        }
    }

    /// The section of its most exposed socket.
    pub(super) fn section(&self) -> Section {
        match self.service.clients {
            true => Section::Clients,
            false => {
                self.pins.iter().map(|pin| Section::of(&pin.bind)).min().unwrap_or(Section::Unknown)
            }
        }
    }

    /// Whether the rule can bound the number of its sockets: a bound takes coverage.
    pub(super) fn is_counted(&self, coverage: &Coverage) -> bool {
        self.service.counted
            && self.pins.iter().all(|pin| coverage.get(pin.transport) == Covered::Whole)
    }

    /// Its lowest port, to order entries by.
    fn first_port(&self) -> PortPin {
        self.pins.iter().map(|pin| pin.port).min().unwrap_or(PortPin::Nothing)
    }

    pub(super) fn transports(&self) -> BTreeSet<Transport> {
        self.pins.iter().map(|pin| pin.transport).collect()
    }

    pub(super) fn has_ephemeral_port(&self) -> bool {
        self.pins.iter().any(|pin| is_ephemeral(pin.port))
    }

    /// The pins as few tables of conditions, each a product of its lists: together they say neither
    /// more nor less than the pins.
    pub(super) fn products(&self) -> Vec<Product> {
        type Class = (Option<bool>, Option<String>, bool, bool);
        let class = |pin: &Pin| -> Class {
            let portless = pin.port == PortPin::Nothing;
            (pin.bind.accepts_v4(), pin.device.clone(), pin.bind == Bind::Unknown, portless)
        };
        let mut binds: BTreeMap<(Transport, PortPin, Class), BTreeSet<Bind>> = BTreeMap::new();
        for pin in &self.pins {
            let key = (pin.transport, pin.port, class(pin));
            binds.entry(key).or_default().insert(pin.bind.clone());
        }
        let mut ports: BTreeMap<(Transport, Class, BTreeSet<Bind>), BTreeSet<PortPin>> =
            BTreeMap::new();
        for ((transport, port, class), binds) in binds {
            ports.entry((transport, class, binds)).or_default().insert(port);
        }
        let mut products: BTreeMap<
            (BTreeSet<PortPin>, BTreeSet<Bind>, Class),
            BTreeSet<Transport>,
        > = BTreeMap::new();
        for ((transport, class, binds), ports) in ports {
            products.entry((ports, binds, class)).or_default().insert(transport);
        }
        products
            .into_iter()
            .map(|((ports, binds, (accepts_v4, device, ..)), transports)| Product {
                ports,
                transports,
                binds,
                accepts_v4,
                device,
            })
            .collect()
    }
}

/// Sockets of every one of these ports, transports and addresses.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) ports: BTreeSet<PortPin>,
    pub(super) transports: BTreeSet<Transport>,
    pub(super) binds: BTreeSet<Bind>,
    pub(super) accepts_v4: Option<bool>,
    pub(super) device: Option<String>,
}

/// The entries for all sockets, in the order of the draft.
pub(super) fn entries(snapshots: &[&Snapshot]) -> Vec<Entry> {
    let mut services: BTreeMap<Service, Entry> = BTreeMap::new();
    for snapshot in snapshots {
        for socket in snapshot.sockets() {
            let holder = Holder::of(snapshot, socket);
            let pin = Pin::of(snapshot, socket, &holder);
            let service = Service::of(holder, &pin, socket);
            let entry = services.entry(service.clone()).or_insert_with(|| Entry::new(service));
            entry.pins.insert(pin);
            let path = match (snapshot.origin.path.as_str(), snapshots.len()) {
                ("-", _) | (_, 1) => "line ".to_owned(),
                (path, _) => format!("{}:", path.rsplit('/').next().unwrap_or(path)),
            };
            entry.seen.push(format!(
                "{} ({path}{})",
                snapshot.endpoint(socket),
                snapshot.line(socket)
            ));
            let names = || snapshot.owners(socket).iter().filter_map(|owner| owner.name);
            if socket.owners_missing.is_some() {
                entry.hints.extend(names().map(|name| snapshot.text(name).to_owned()));
            }
            entry.cut |= socket.owners_missing == Some(Missing::NameCut)
                || names().any(|name| snapshot.text(name).len() == KERNEL_NAME);
            let netns = snapshot.details(socket).netns.map(|name| snapshot.text(name).to_owned());
            entry.namespaces.extend(netns);
        }
    }
    let mut entries: Vec<Entry> = services.into_values().collect();
    entries
        .sort_by_cached_key(|entry| (entry.section(), entry.first_port(), entry.service.clone()));
    let mut taken: BTreeSet<String> =
        Transport::ALL.map(|transport| format!("no-other-{}", transport.name())).into();
    taken.insert(crate::policy::UNLISTED.to_owned());
    for entry in &mut entries {
        let base = base_id(entry);
        let mut id = base.clone();
        let mut number = 2_usize;
        while !taken.insert(id.clone()) {
            id = format!("{base}-{number}");
            number += 1;
        }
        entry.id = id;
    }
    entries
}

/// Bytes of a task's name that the kernel keeps. Source: proc(5), `/proc/pid/comm`: TASK_COMM_LEN is
/// 16 with the end mark.
const KERNEL_NAME: usize = 15;

/// An id that says what the entry is, of the characters that ids may have.
fn base_id(entry: &Entry) -> String {
    let mut parts: Vec<String> = Vec::new();
    match &entry.service.holder {
        Holder::Named(names) => parts.extend(names.iter().take(3).map(|name| slug(name))),
        Holder::Nobody => parts.push("kernel".to_owned()),
        Holder::Uid(uid) => parts.push(format!("uid-{uid}")),
        Holder::Unknown => {}
    }
    if entry.service.clients {
        parts.push("clients".to_owned());
    }
    if let Some(port) = entry.service.port {
        parts.extend(entry.transports().into_iter().map(|transport| transport.name().to_owned()));
        match port {
            PortPin::Number(port) => parts.push(port.to_string()),
            PortPin::Ephemeral | PortPin::Nothing => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() { "service".to_owned() } else { parts.join("-") }
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().take(40) {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() { "process".to_owned() } else { slug }
}
