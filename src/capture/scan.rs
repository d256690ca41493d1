//! What port scanners share: hosts that are seen from another machine, and states of ports.
//!
//! Only `open` is a listener. `closed` and the states between say nothing that a rule may rest on,
//! since a port can be closed to the scanner and open to others; they are told as one note a host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use super::document::{self, Draft};
use super::{Capture, Document, IssueKind};
use crate::snapshot::{Coverage, Details, Transport, Vantage};
use crate::truth::Missing;

/// The hosts of a scan, in the order in which they are met.
pub(super) struct Scan<'a> {
    document: &'a Document,
    format: &'static str,
    index: BTreeMap<IpAddr, usize>,
    hosts: Vec<Host<'a>>,
    /// What is wrong with the scan as a whole, which is so for each of its hosts.
    faults: Vec<(IssueKind, Range<usize>, String)>,
    /// Ports that were asked for, by transport, as the scanner writes them.
    pub(super) scanned: BTreeMap<String, String>,
    pub(super) command: Option<String>,
}

struct Host<'a> {
    draft: Draft<'a>,
    ip: IpAddr,
    /// Where the address stands first.
    at: Range<usize>,
    /// The ports that were met open: a banner of masscan names its port once more.
    open: BTreeSet<(Transport, u16)>,
    /// How often each state was met that is neither open nor closed.
    uncertain: BTreeMap<String, (u64, Range<usize>)>,
}

/// One port of a scan.
pub(super) struct Found<'a> {
    pub(super) row: Range<usize>,
    pub(super) address_at: Range<usize>,
    pub(super) transport: &'a str,
    pub(super) port: &'a str,
    pub(super) port_at: Range<usize>,
    pub(super) state: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn new(document: &'a Document, format: &'static str) -> Self {
        Self {
            document,
            format,
            index: BTreeMap::new(),
            hosts: Vec::new(),
            faults: Vec::new(),
            scanned: BTreeMap::new(),
            command: None,
        }
    }

    /// Takes note of a host that answered.
    pub(super) fn host(&mut self, ip: IpAddr, at: Range<usize>, name: Option<&str>) {
        let index = *self.index.entry(ip).or_insert(self.hosts.len());
        if index == self.hosts.len() {
            let draft = Draft::new(self.document, self.format, Vantage::External);
            self.hosts.push(Host {
                draft,
                ip,
                at,
                open: BTreeSet::new(),
                uncertain: BTreeMap::new(),
            });
        }
        if let Some(host) = self.hosts.get_mut(index) {
            host.draft.host(name);
        }
    }

    /// Takes note of a port of a host.
    pub(super) fn port(&mut self, ip: IpAddr, found: &Found<'_>) {
        self.host(ip, found.address_at.clone(), None);
        let index = self.index.get(&ip).copied().unwrap_or_default();
        let Some(host) = self.hosts.get_mut(index) else { return };
        if found.state != "open" {
            if found.state != "closed" {
                host.uncertain(found.state, 1, &found.row);
            }
            return;
        }
        let draft = &mut host.draft;
        let transport = match found.transport {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            "sctp" => Transport::Sctp,
            // A protocol scan (`nmap -sO`) finds no ports.
            "ip" | "icmp" | "arp" | "oproto" => return,
            _ => return draft.unread(found.row.clone(), "its protocol is none that is known"),
        };
        let Some(port) = document::port_number(found.port) else {
            return draft.unread(found.row.clone(), "its port is no number up to 65535");
        };
        if !host.open.insert((transport, port)) {
            return;
        }
        let mut socket = draft.new_socket(transport, found.row.clone());
        document::reached(&mut socket, ip, found.address_at.clone());
        Draft::port(&mut socket, port, found.port_at.clone());
        draft.socket(socket, Details::default());
    }

    /// Takes note of ports that are not listed one by one: `Not shown: 995 filtered`.
    pub(super) fn not_shown(&mut self, ip: IpAddr, state: &str, count: u64, at: &Range<usize>) {
        let host = self.index.get(&ip).and_then(|&index| self.hosts.get_mut(index));
        if let Some(host) = host.filter(|_| state != "closed") {
            host.uncertain(state, count, at);
        }
    }

    /// Says what is wrong with the scan as a whole.
    pub(super) fn fault(&mut self, kind: IssueKind, at: Range<usize>, message: &str) {
        self.faults.push((kind, at, message.to_owned()));
    }

    /// One capture a host.
    pub(super) fn captures(self, detection: &str) -> Vec<Capture> {
        let Self { document, format, mut hosts, faults, scanned, command, .. } = self;
        if hosts.is_empty() {
            let mut draft = Draft::new(document, format, Vantage::External);
            let end = document.text().lines().next().map_or(0, str::len);
            let message = "no host answered this scan";
            draft.issue(IssueKind::NotSockets, 0..end, message);
            return vec![draft.capture(Coverage::default(), detection)];
        }
        hosts.sort_by_key(|host| host.at.start);
        let capture = |host: Host<'_>| {
            let Host { mut draft, ip, uncertain, .. } = host;
            draft.host(Some(&ip.to_string()));
            for (state, (count, at)) in uncertain {
                let ports =
                    if count == 1 { "1 port is".to_owned() } else { format!("{count} ports are") };
                let state = document::quote(&state).into_owned();
                let message = format!(
                    "{ports} `{state}`, which says neither that something listens nor that nothing does"
                );
                draft.issue(IssueKind::Uncertain, at, message);
            }
            for (kind, at, message) in &faults {
                draft.issue(*kind, at.clone(), message.clone());
            }
            let snapshot = draft.builder.snapshot_mut();
            snapshot.scanned.clone_from(&scanned);
            snapshot.origin.command.clone_from(&command);
            draft.capture(
                Coverage::uniform(crate::snapshot::Cell::Absent(Missing::SeenFromOutside)),
                detection,
            )
        };
        hosts.into_iter().map(capture).collect()
    }
}

impl Host<'_> {
    fn uncertain(&mut self, state: &str, count: u64, at: &Range<usize>) {
        let met = self.uncertain.entry(state.to_owned()).or_insert((0, at.clone()));
        met.0 = met.0.saturating_add(count);
    }
}
