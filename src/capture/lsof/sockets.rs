//! The sockets of a table, put together from the rows of all processes that hold them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::Lsof;
use super::name::{self, Host};
use super::row::Protocol;
use crate::capture::Transcript;
use crate::capture::command::Invocation;
use crate::services;
use crate::snapshot::{
    Address, At, Cell, Coverage, Details, Device, Family, NameKind, Owner, OwnerDetails, Port,
    Socket, Transport,
};
use crate::source::SourceFile;
use crate::truth::Missing;

/// The process of a row or of a set of fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    pub(super) pid: Option<u32>,
    /// Where the name stands; `None` where it is not shown.
    pub(super) name: Option<Range<usize>>,
    /// The user name or number, as printed.
    pub(super) user: Option<Range<usize>>,
    pub(super) uid: Option<u32>,
}

/// What a row or a set of fields says of an internet socket.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) family: Option<Family>,
    pub(super) protocol: Protocol,
    /// What tells it from other sockets; empty where that is not shown.
    pub(super) device: Range<usize>,
    pub(super) host: Range<usize>,
    pub(super) port: Range<usize>,
    pub(super) connected: bool,
    /// Whether its state is that of a listener; `None` where none is shown.
    pub(super) listens: Option<bool>,
    pub(super) row: Range<usize>,
    pub(super) fd: Option<u32>,
}

/// Whether a socket listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listens {
    Yes,
    /// No state is shown with it: it does unless states are shown with others.
    Perhaps,
}

/// A socket with its holders.
struct Entry {
    shown: Shown,
    listens: Listens,
    holders: Vec<(Process, Option<u32>)>,
}

/// The whole names of commands end here, unless lsof is told otherwise. Source: lsof(8), `+c`.
const COMMAND_WIDTH: usize = 9;

/// The kernel's names of tasks end here. Source: proc(5), `/proc/pid/comm`.
const COMM_WIDTH: usize = 15;

/// What tells a socket from others: device, family, protocol, and its endpoint as printed.
type Key<'a> = (&'a str, Option<Family>, Protocol, &'a str, &'a str);

pub(super) struct Sockets<'a> {
    source: &'a SourceFile,
    /// `-F` prints names whole.
    fields: bool,
    entries: Vec<Entry>,
    known: HashMap<Key<'a>, usize>,
    held: HashSet<(usize, Option<u32>, Option<u32>)>,
    /// Some stream socket is shown with its state.
    states: bool,
    /// A header was seen.
    pub(super) header: bool,
    users: HashSet<&'a str>,
    /// The longest command.
    widest: usize,
    /// Rows so far, listeners or not.
    rows: usize,
    /// Sockets without an endpoint: how many, and the first.
    unidentified: usize,
    first_unidentified: Range<usize>,
}

impl<'a> Sockets<'a> {
    pub(super) fn new(source: &'a SourceFile, fields: bool) -> Self {
        Self {
            source,
            fields,
            entries: Vec::new(),
            known: HashMap::new(),
            held: HashSet::new(),
            states: false,
            header: false,
            users: HashSet::new(),
            widest: 0,
            rows: 0,
            unidentified: 0,
            first_unidentified: 0..0,
        }
    }

    fn text(&self, range: &Range<usize>) -> &'a str {
        self.source.text().get(range.clone()).unwrap_or_default()
    }

    /// Whether nothing was read since the last table.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 && !self.header && self.unidentified == 0
    }

    /// Takes note of any row.
    pub(super) fn row(&mut self, process: &Process) {
        self.rows += 1;
        self.widest = self.widest.max(process.name.as_ref().map_or(0, ExactSizeIterator::len));
        if let Some(user) = &process.user {
            let user = self.text(user);
            self.users.insert(user);
        }
    }

    /// Takes note of a socket of which lsof shows no endpoint.
    pub(super) fn unidentified(&mut self, row: Range<usize>) {
        if self.unidentified == 0 {
            self.first_unidentified = row;
        }
        self.unidentified += 1;
    }

    /// Takes a socket with one of its holders.
    pub(super) fn add(&mut self, shown: Shown, process: Process) {
        let stream =
            matches!(shown.protocol, Protocol::Transport(transport) if transport.is_stream());
        self.states |= stream && shown.listens.is_some();
        let unbound =
            self.text(&shown.port) == "*" && matches!(shown.protocol, Protocol::Transport(_));
        if shown.connected || unbound {
            return;
        }
        let listens = match (stream, shown.listens) {
            (true, Some(true)) => Listens::Yes,
            (true, Some(false)) => return,
            (true, None) => Listens::Perhaps,
            (false, _) => Listens::Yes,
        };
        let fd = shown.fd;
        let device = self.text(&shown.device);
        let key =
            (device, shown.family, shown.protocol, self.text(&shown.host), self.text(&shown.port));
        let known = match device.is_empty() {
            true => None,
            false => self.known.get(&key).copied(),
        };
        let at = known.unwrap_or_else(|| {
            self.entries.push(Entry { shown, listens, holders: Vec::new() });
            self.entries.len() - 1
        });
        if !device.is_empty() {
            self.known.insert(key, at);
        }
        // Each thread of a process has a row of its own.
        if self.held.insert((at, process.pid, fd))
            && let Some(entry) = self.entries.get_mut(at)
        {
            entry.holders.push((process, fd));
        }
    }

    /// Ends a table: its sockets go into the snapshot.
    pub(super) fn end_table(&mut self, transcript: &mut Transcript) {
        if self.is_empty() {
            return;
        }
        let command = transcript.command(&Lsof).map(|(call, _)| call.clone());
        let missing = self.others(command.as_ref());
        let width = self.name_width(command.as_ref());
        for entry in std::mem::take(&mut self.entries) {
            if entry.listens == Listens::Yes || !self.states {
                self.socket(entry, missing, width, transcript);
            }
        }
        if self.unidentified > 0 {
            let message = format!(
                "lsof does not tell the endpoints of {} sockets: they are closed, or of another network \
                 namespace",
                self.unidentified
            );
            let message = match self.unidentified {
                1 => "lsof does not tell the endpoint of this socket: it is closed, or of another network \
                      namespace"
                    .to_owned(),
                _ => message,
            };
            let at = self.first_unidentified.clone();
            transcript.issue(crate::capture::IssueKind::Ignored, at, message);
        }
        transcript.end_table(Coverage::uniform(Cell::Absent(Missing::PartialTool)));
        *self = Self::new(self.source, self.fields);
    }

    /// Why other processes than those that are shown may hold a socket; `None` where they are all there.
    ///
    /// Only root sees the descriptors of root and of several users. Source: proc(5), ptrace(2).
    fn others(&self, command: Option<&Invocation>) -> Option<Missing> {
        let all = command.is_some_and(|call| call.root)
            || self.users.len() > 1
            || self.users.iter().any(|user| matches!(*user, "root" | "0"));
        let selected = command.is_some_and(|call| {
            call.filter.is_some()
                || call.watched
                || call.args.iter().any(|arg| {
                    ["-p", "-c", "-u", "-g", "-d", "-k", "+d", "+D"]
                        .iter()
                        .any(|option| arg.starts_with(option))
                })
        });
        let shown = self.header || self.fields || command.is_some();
        (!all || selected || !shown).then_some(Missing::OthersNotShown)
    }

    /// From which length on a name may be cut.
    fn name_width(&self, command: Option<&Invocation>) -> usize {
        let asked = command.and_then(|call| {
            let at = call.args.iter().position(|arg| arg.starts_with("+c"))?;
            let value = match call.args.get(at)?.get(2..)? {
                "" => call.args.get(at + 1)?.as_str(),
                value => value,
            };
            value.parse::<usize>().ok()
        });
        match asked {
            _ if self.fields => COMM_WIDTH,
            Some(0) => COMM_WIDTH,
            Some(width) => width.min(COMM_WIDTH),
            None if self.widest > COMMAND_WIDTH => self.widest.min(COMM_WIDTH),
            None => COMMAND_WIDTH,
        }
    }

    fn socket(
        &self,
        entry: Entry,
        missing: Option<Missing>,
        width: usize,
        transcript: &mut Transcript,
    ) {
        let Entry { shown, holders, .. } = entry;
        let netns = transcript.netns();
        let builder = transcript.builder();
        let (transport, number) = match shown.protocol {
            Protocol::Transport(transport) => (transport, None),
            Protocol::Number(number) => (Transport::Raw, Some(number)),
        };
        let mut socket = Socket::new(transport, builder.source(), At::new(shown.row.clone()));
        socket.owners_missing = match holders.is_empty() {
            true => Some(Missing::OwnerNotShown),
            false => missing,
        };
        socket.address_at = At::new(shown.host.clone());
        socket.port_at = At::new(shown.port.clone());
        let mut details = Details { netns, ..Details::default() };
        let printed = self.text(&shown.host);
        socket.address = match name::host(printed) {
            Host::Ip(ip, zone) => {
                if let Some(zone) = zone {
                    let end = shown.host.start + printed.trim_end_matches(']').len();
                    socket.device = Device::Named(builder.text(At::new(end - zone.len()..end)));
                }
                Address::Ip(ip)
            }
            Host::Scoped(ip, index) => {
                socket.device = Device::Named(builder.pooled(&format!("#{index}")));
                Address::Ip(ip.into())
            }
            Host::Star => match shown.family {
                Some(Family::Ipv4) => Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                Some(Family::Ipv6) => Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
                None => Address::Star,
            },
            Host::Name => {
                details.address_text = Some(builder.text(socket.address_at));
                Address::Missing(Missing::AddressResolved)
            }
        };
        let word = self.text(&shown.port);
        socket.port = match (number, word.parse::<u16>()) {
            (Some(number), _) => Port::Number(number),
            (None, Ok(port)) => Port::Number(port),
            (None, Err(_)) => match services::port(word, transport) {
                Some(port) => {
                    socket.port_resolved = true;
                    Port::Number(port)
                }
                None => {
                    details.port_text = Some(builder.text(socket.port_at));
                    Port::Missing(Missing::PortName)
                }
            },
        };
        let device = self.text(&shown.device);
        details.inode = device.parse().ok();
        builder.details(&mut socket, details);
        for (process, fd) in holders {
            self.holder(&process, fd, width, builder);
        }
        builder.socket(socket);
    }

    fn holder(
        &self,
        process: &Process,
        fd: Option<u32>,
        width: usize,
        builder: &mut crate::snapshot::Builder,
    ) {
        let shown =
            process.name.as_ref().map(|range| self.text(range)).filter(|name| !name.is_empty());
        let plain = shown.and_then(name::unescape);
        let long = shown.is_some_and(|name| name.len() >= width)
            || plain.as_ref().is_some_and(|name| name.len() >= width);
        // `^[` may stand for a control character or for itself, and a cut escape for anything.
        let unclear = plain.is_none() && shown.is_some_and(|name| name.contains(['\\', '^']));
        let name = match (&plain, &process.name) {
            (Some(plain), _) => Some(builder.pooled(plain)),
            (None, Some(range)) if shown.is_some() => Some(builder.text(At::new(range.clone()))),
            (None, _) => None,
        };
        let kind = if long || unclear { NameKind::CommCut } else { NameKind::Comm };
        let at = process.name.clone().map(At::new).unwrap_or_default();
        let mut owner = Owner { name, pid: process.pid, fd, kind, details: None, at };
        let user = process.user.as_ref().map(|range| (self.text(range), range.clone()));
        let number = user.as_ref().and_then(|(text, _)| text.parse::<u32>().ok());
        let details = OwnerDetails {
            uid: process.uid.or(number),
            user: user.filter(|_| number.is_none()).map(|(_, range)| builder.text(At::new(range))),
            ..OwnerDetails::default()
        };
        builder.owner_details(&mut owner, details);
        builder.owner(owner);
    }
}
