//! The evidence as people read it: a row for each socket, in the manner of ss(8).
//!
//! ```text
//! Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
//! tcp   LISTEN 0      128    0.0.0.0:22         0.0.0.0:*         users:(("sshd",pid=812,fd=3)) cgroup:/system.slice/ssh.service
//! ```
//!
//! Diagnostics point into it; what decides are the facts themselves.

use std::net::{IpAddr, Ipv6Addr};

use super::diag::Listener;
use super::holders::{Hold, Process};
use crate::address::{push_in_endpoint, push_number};
use crate::safe::is_harmful;
use crate::snapshot::At;

/// Columns of the local address and of the peer's.
const LOCAL: usize = 22;
const PEER: usize = 18;
/// About how long a row is.
const ROW: usize = 128;

/// The text.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) text: String,
    /// How many rows were passed where they are blank.
    passed: usize,
}

/// Where the parts of one row stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) row: At,
    pub(super) address: At,
    pub(super) port: At,
}

/// What a row shows beside the listener itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extra<'a> {
    /// Name of the bound device.
    pub(super) device: Option<&'a str>,
    pub(super) holds: &'a [Hold],
    pub(super) processes: &'a [Process],
    pub(super) uid: Option<u32>,
    pub(super) cgroup: Option<&'a str>,
    pub(super) netns: Option<&'a str>,
}

impl Rows {
    pub(super) fn new(sockets: usize) -> Self {
        let mut rows = Self::default();
        rows.text.reserve(sockets.saturating_mul(ROW));
        rows.text.push_str("Netid State  Recv-Q Send-Q ");
        rows.cell("Local Address:Port", LOCAL);
        rows.cell("Peer Address:Port", PEER);
        rows.text.push_str("Process\n");
        rows
    }

    /// Lines for so many rows, with nothing in them.
    pub(super) fn blank(sockets: usize) -> Self {
        Self { text: "\n".repeat(sockets.saturating_add(1)), passed: 0 }
    }

    /// The row that comes next where rows are blank; `names` becomes so many places.
    pub(super) fn pass(&mut self, holds: usize, names: &mut Vec<At>) -> Places {
        names.clear();
        names.resize(holds, At::default());
        // The first line is that of the header.
        self.passed += 1;
        let row = At::new(self.passed..self.passed);
        Places { row, address: At::default(), port: At::default() }
    }

    /// Adds a row; `names` becomes the places of the names of its processes.
    pub(super) fn push(
        &mut self,
        listener: &Listener,
        extra: &Extra<'_>,
        names: &mut Vec<At>,
    ) -> Places {
        let start = self.text.len();
        let netid = if listener.mptcp { "mptcp" } else { netid(listener) };
        self.cell(netid, 5);
        self.text.push_str(if listener.transport.is_stream() { "LISTEN " } else { "UNCONN " });
        self.number_cell(listener.waiting, 6);
        self.number_cell(listener.backlog, 6);
        let local = self.text.len();
        self.address(listener);
        if let Some(device) = extra.device {
            self.text.push('%');
            self.harmless(device);
        }
        let address = At::new(local..self.text.len());
        self.text.push(':');
        let port = self.text.len();
        self.number(u32::from(listener.port));
        let port = At::new(port..self.text.len());
        self.fill(local, LOCAL);
        let peer = self.text.len();
        self.text.push_str(match listener.address {
            IpAddr::V4(_) => "0.0.0.0:*",
            IpAddr::V6(_) if is_dual(listener) => "*:*",
            IpAddr::V6(_) => "[::]:*",
        });
        self.fill(peer, PEER);
        self.users(extra, names);
        if let Some(uid) = extra.uid.filter(|&uid| uid != 0) {
            self.text.push_str(" uid:");
            self.number(uid);
        }
        for (key, value) in [(" cgroup:", extra.cgroup), (" netns:", extra.netns)] {
            if let Some(value) = value {
                self.text.push_str(key);
                self.harmless(value);
            }
        }
        let len = self.text.get(start..).unwrap_or_default().trim_end_matches(' ').len();
        self.text.truncate(start + len);
        self.text.push('\n');
        Places { row: At::new(start..start + len), address, port }
    }

    fn users(&mut self, extra: &Extra<'_>, names: &mut Vec<At>) {
        names.clear();
        for (index, hold) in extra.holds.iter().enumerate() {
            self.text.push_str(if index == 0 { "users:((\"" } else { ",(\"" });
            let process = extra.processes.get(hold.process as usize);
            let start = self.text.len();
            let name = process.and_then(|process| process.name.as_deref());
            self.harmless(name.unwrap_or("?"));
            names.push(At::new(start..self.text.len()));
            self.text.push_str("\",pid=");
            self.number(process.map_or(0, |process| process.pid));
            self.text.push_str(",fd=");
            self.number(hold.fd);
            self.text.push(')');
        }
        if !extra.holds.is_empty() {
            self.text.push(')');
        }
    }

    fn address(&mut self, listener: &Listener) {
        match listener.address {
            IpAddr::V6(_) if is_dual(listener) => self.text.push('*'),
            ip => push_in_endpoint(&mut self.text, ip),
        }
    }

    /// Text of others: one line, and nothing that acts on a terminal.
    fn harmless(&mut self, text: &str) {
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return self.text.push_str(text);
        }
        self.text.extend(text.chars().map(|c| if is_harmful(c) { '?' } else { c }));
    }

    fn number(&mut self, number: u32) {
        push_number(&mut self.text, u64::from(number));
    }

    fn number_cell(&mut self, number: u32, width: usize) {
        let start = self.text.len();
        self.number(number);
        self.fill(start, width);
    }

    fn cell(&mut self, text: &str, width: usize) {
        let start = self.text.len();
        self.text.push_str(text);
        self.fill(start, width);
    }

    /// Blanks up to a width, and one behind it. What is wider is bytes here, which only moves columns.
    fn fill(&mut self, start: usize, width: usize) {
        const BLANKS: &str = "                        ";
        let blanks = width.saturating_sub(self.text.len() - start) + 1;
        self.text.push_str(BLANKS.get(..blanks).unwrap_or(BLANKS));
    }
}

/// An IPv6 wildcard that is known to accept IPv4 too: ss writes it as `*`.
pub(super) fn is_dual(listener: &Listener) -> bool {
    listener.v6only == Some(false) && listener.address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// What ss calls the transport.
fn netid(listener: &Listener) -> &'static str {
    use crate::snapshot::Transport;
    match listener.transport {
        Transport::Udplite => "udpl",
        Transport::Raw => "raw",
        other => other.name(),
    }
}
