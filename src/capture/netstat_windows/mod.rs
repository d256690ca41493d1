//! `netstat` of Windows: XP to 11, Server 2003 to 2025, in any language.
//!
//! ```text
//!   Proto  Local Address          Foreign Address        State           PID
//!   TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       748
//!   RpcSs
//!  [svchost.exe]
//!   UDP    [fe80::1%3]:1900       *:*                                    1036
//! ```
//!
//! Headers and states are translated, and a code page that is not the text's own leaves U+FFFD in
//! them, so no word of them counts: a TCP socket whose foreign port is 0 listens, unless its state
//! is that of `-q` for sockets that are bound only. What stands above the first row in as many columns
//! is the header.
//!
//! The process id (`-o`) is the socket's owner; `-b` names its program in a line below the row, behind
//! the service or the modules. A dual-stack socket stands in the table of each family it is bound
//! for, so an IPv6 row says nothing of IPv4. Source: Microsoft, `netstat` of the Windows Commands
//! reference; `GetExtendedTcpTable` and `GetExtendedUdpTable` of iphlpapi.h.

mod row;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::row::Row;
use super::command::Invocation;
use super::table::{self, Asked, Place, Rows, Tables};
use super::{CaptureFormat, Known, LineRange, Transcript};
use crate::address::HostText;
use crate::snapshot::{
    Address, At, Details, Device, Family, NameKind, Owner, Port, Socket, Transport,
};
use crate::truth::Missing;

/// The reader of Windows' netstat.
#[derive(Debug)]
pub struct NetstatWindows;

impl CaptureFormat for NetstatWindows {
    fn name(&self) -> &'static str {
        "netstat-windows"
    }

    fn about(&self) -> &'static str {
        "netstat of Windows, in any language"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        is_known_header(line).then_some("`Proto Local Address` without queues: Windows' netstat")
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        row::parse(line).map(|_| "`TCP` or `UDP` and two endpoints: a row of Windows' netstat")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["netstat", "netstat.exe", "NETSTAT", "NETSTAT.EXE", "Netstat", "NetStat"]
    }

    fn tool_error(&self, line: &str) -> bool {
        // What `more` leaves in a copy, and what netstat says where `-b` needs an administrator.
        line.starts_with("-- More") || line == "The requested operation requires elevation."
    }

    fn other_output(&self, line: &str) -> Option<&'static str> {
        Some(match () {
            () if line.starts_with("IPv4 Route Table") => "a routing table",
            () if line == "Interface List" => "a routing table",
            () if line == "Interface Statistics" => "interface statistics",
            () if line.starts_with("IPv4 Statistics") => "protocol statistics",
            () => return None,
        })
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        Some(match missing {
            Missing::DeviceNotShown => "no tool of Windows shows it: write the rule about `bind`",
            Missing::TransportNotShown | Missing::FamilyNotShown | Missing::ListenersNotShown => {
                "capture all sockets: `netstat -ano`"
            }
            Missing::Filtered
            | Missing::HeaderNotShown
            | Missing::RowUnread
            | Missing::ToolError
            | Missing::AddressResolved
            | Missing::PortName
            | Missing::PortResolved => {
                "capture the whole table, in numbers: `netstat -ano > capture.txt`"
            }
            Missing::OwnerNotShown | Missing::OwnerHidden | Missing::OthersNotShown => {
                "capture the programs too, as administrator: `netstat -anob`"
            }
            Missing::NotProven => {
                "keep the prompt line with the command, or name it: `--command 'netstat -ano'`"
            }
            Missing::DualStack => {
                "netstat of Windows does not show it: bind IPv4 and IPv6 addresses apart"
            }
            _ => return None,
        })
    }

    fn read(&self, transcript: &mut Transcript) {
        table::read(transcript, &NetstatWindows, asked, &mut Reader::default());
    }
}

/// Whether a line is the header in a language whose first two columns are known to be called so.
fn is_known_header(line: &str) -> bool {
    const FIRST: &[&str] = &[
        "Proto",
        "Prot.",
        "Protocolo",
        "Protok\u{f3}\u{142}",
        "Protokoll",
        "\u{418}\u{43c}\u{44f}",
        "\u{534f}\u{8bae}",
        "\u{5354}\u{5b9a}",
        "\u{30d7}\u{30ed}\u{30c8}\u{30b3}\u{30eb}",
        "\u{d504}\u{b85c}\u{d1a0}\u{cf5c}",
    ];
    const SECOND: &[&str] = &[
        "Local",
        "Lokale",
        "Lokal",
        "Lokaal",
        "Adresse",
        "Direcci\u{f3}n",
        "Endere\u{e7}o",
        "Indirizzo",
        "Adres",
        "M\u{ed}stn\u{ed}",
        "\u{41b}\u{43e}\u{43a}\u{430}\u{43b}\u{44c}\u{43d}\u{44b}\u{439}",
        "\u{672c}\u{5730}\u{5730}\u{5740}",
        "\u{672c}\u{6a5f}\u{4f4d}\u{5740}",
        "\u{30ed}\u{30fc}\u{30ab}\u{30eb}",
        "\u{b85c}\u{cec8}",
    ];
    // Pages make one blank of several.
    let mut english = line.split_ascii_whitespace();
    if ["Proto", "Local", "Address", "Foreign", "Address"]
        .iter()
        .all(|name| english.next() == Some(name))
    {
        return true;
    }
    let mut words = line.split_ascii_whitespace();
    let known = |word: Option<&str>, list: &[&str]| word.is_some_and(|word| list.contains(&word));
    known(words.next(), FIRST) && known(words.next(), SECOND) && columns(line) >= 3
}

/// How many columns a header has: texts between runs of two blanks and more. Digits are in none.
fn columns(line: &str) -> usize {
    // In a code page that was lost a bracket may be the second byte of a character, a digit never.
    let lost = line.contains('\u{FFFD}');
    let strange = |byte: u8| !lost && matches!(byte, b'[' | b'>' | b'$');
    if line.bytes().any(|byte| byte.is_ascii_digit() || strange(byte)) {
        return 0;
    }
    line.trim().split("  ").filter(|column| !column.trim().is_empty()).count()
}

/// Reads the arguments. Source: `netstat /?` of Windows 11.
fn asked(call: &Invocation, known: Known) -> Asked {
    let mut asked = Asked::around(call, known);
    let (mut listeners, mut other) = (false, false);
    let mut arguments = call.args.iter();
    while let Some(argument) = arguments.next() {
        let Some(cluster) = argument.strip_prefix(['-', '/']) else { continue };
        for letter in cluster.chars() {
            match letter.to_ascii_lowercase() {
                'a' | 'q' => listeners = true,
                'r' | 's' | 'e' | 'x' => other = true,
                'p' => {
                    let (transport, family) =
                        match arguments.next().map(|name| name.to_ascii_lowercase()).as_deref() {
                            Some("tcp") => (Transport::Tcp, Family::Ipv4),
                            Some("tcpv6") => (Transport::Tcp, Family::Ipv6),
                            Some("udp") => (Transport::Udp, Family::Ipv4),
                            Some("udpv6") => (Transport::Udp, Family::Ipv6),
                            _ => {
                                other = true;
                                continue;
                            }
                        };
                    asked.sockets.transport(transport);
                    asked.sockets.family(family);
                }
                _ => {}
            }
        }
    }
    if !other {
        asked.or_all(&[Transport::Tcp, Transport::Udp]);
    }
    if !listeners {
        asked.hidden = asked.hidden.or(Some(Missing::ListenersNotShown));
    }
    asked
}

/// The most lines of `-b` below a row: the modules of XP's call stack and the program.
const BELOW: usize = 40;

#[derive(Debug, Default)]
struct Reader {
    /// A line of the table names a program, as `-b` does.
    programs: bool,
    /// Which socket the lines below belong to; `None` in `Some` where the row is no listener's.
    above: Option<Option<usize>>,
    /// How many lines stand below the row so far.
    below: usize,
    /// The row above begins with no blank.
    bare: bool,
}

/// Whether a line without its blanks can be one of `-b`: a program, or a single word for a service or a module.
fn is_below(trimmed: &str) -> bool {
    let word =
        !trimmed.contains([' ', '$', '>']) && (!trimmed.contains(':') || trimmed.contains(":\\"));
    word || trimmed.starts_with('[') && trimmed.ends_with(']') || trimmed.starts_with("-- unknown")
}

impl Rows for Reader {
    fn take(&mut self, tables: &mut Tables<'_>, line: LineRange) -> bool {
        let text = tables.text(line).to_owned();
        if let Some(row) = row::parse(&text) {
            self.row(tables, &row, line, &text);
            return true;
        }
        if is_known_header(&text) || self.is_header(tables, line, &text) {
            tables.close(self);
            tables.begin(true);
            if !line.terminated {
                tables.spoil(Missing::CutOff);
            }
            return true;
        }
        self.below_row(tables, line, &text) || self.is_heading(tables, line, &text)
    }

    fn is_rowlike(&self, text: &str) -> bool {
        row::is_rowlike(text)
    }

    fn end(&mut self, _: &mut Tables<'_>) {
        *self = Self::default();
    }
}

impl Reader {
    /// Whether a line outside of a table is a header in whatever language: columns without digits,
    /// and a row in the very next line.
    fn is_header(&self, tables: &Tables<'_>, line: LineRange, text: &str) -> bool {
        tables.place != Place::Table
            && columns(text) >= 3
            && tables.next(line, 1).is_some_and(|next| row::parse(tables.text(next)).is_some())
    }

    /// Whether a line is the heading, two lines above the first row or so.
    fn is_heading(&self, tables: &Tables<'_>, line: LineRange, text: &str) -> bool {
        let plain = !text.trim().is_empty() && columns(text) >= 1 && !text.contains(['\\', ':']);
        let Some(header) = tables.next(line, 3).filter(|_| plain && !tables.is_open()) else {
            return false;
        };
        let text = tables.text(header);
        let row = tables.next(header, 1).map(|next| tables.text(next));
        columns(text) >= 3 && row.is_some_and(|row| row::parse(row).is_some())
            || is_known_header(text)
    }

    fn row(&mut self, tables: &mut Tables<'_>, row: &Row, line: LineRange, text: &str) {
        let slice = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let host = slice(&row.host);
        let read = row::host(host);
        let evidence = tables.evidence();
        evidence.rows.transport(row.transport);
        let peer = slice(&row.peer);
        match read.host {
            HostText::Ip(ip) if ip.is_ipv4() => evidence.rows.family(Family::Ipv4),
            HostText::Ip(_) => evidence.rows.family(Family::Ipv6),
            HostText::Star | HostText::Other(_) if peer.starts_with("[::]") => {
                evidence.rows.family(Family::Ipv6);
            }
            HostText::Star | HostText::Other(_) => {}
        }
        let listens = row.peerless && !row::is_bound(slice(&row.state));
        if listens {
            evidence.listeners.transport(row.transport);
        }
        if !line.terminated {
            tables.spoil(Missing::CutOff);
        }
        (self.above, self.below) = (Some(None), 0);
        self.bare = !text.starts_with([' ', '\t']);
        if !listens || matches!(slice(&row.port), "*" | "0") {
            return;
        }
        let builder = tables.transcript.builder();
        let mut socket =
            Socket::new(row.transport, builder.source(), At::new(line.start..line.end));
        let mut details = Details::default();
        socket.address_at = At::new(table::within(line, &row.host));
        socket.port_at = At::new(table::within(line, &row.port));
        let Some((port, resolved)) = table::port(slice(&row.port), row.transport) else {
            tables.unread(line, "the port is greater than 65535");
            return;
        };
        (socket.port, socket.port_resolved) = (port, resolved);
        if matches!(port, Port::Missing(_)) {
            details.port_text = Some(builder.text(socket.port_at));
        }
        match read.host {
            HostText::Ip(ip) => socket.address = Address::Ip(ip),
            HostText::Star | HostText::Other(_) => {
                socket.address = Address::Missing(Missing::AddressResolved);
                details.address_text = Some(builder.text(socket.address_at));
            }
        }
        if let Some(zone) = read.zone
            && let Some(at) = host.rfind(zone)
        {
            let start = line.start + row.host.start + at;
            // Zone 0 is none.
            if zone != "0" {
                socket.device = Device::Named(builder.text(At::new(start..start + zone.len())));
            }
        }
        let pid = row.pid.as_ref().and_then(|pid| slice(pid).parse::<u32>().ok());
        socket.owners_missing = Some(match pid {
            Some(1..) => Missing::OthersNotShown,
            Some(0) => Missing::OwnerHidden,
            None => Missing::OwnerNotShown,
        });
        if let (Some(pid @ 1..), Some(at)) = (pid, &row.pid) {
            builder.owner(Owner {
                name: None,
                pid: Some(pid),
                fd: None,
                kind: NameKind::Comm,
                details: None,
                at: At::new(table::within(line, at)),
            });
        }
        details.netns = tables.transcript.netns();
        let builder = tables.transcript.builder();
        let index = builder.snapshot().sockets().len();
        builder.details(&mut socket, details);
        builder.socket(socket);
        self.above = Some(Some(index));
    }

    /// Takes a line of `-b` below a row: a service, a module, a program in brackets, or that there is
    /// no way to know it.
    fn below_row(&mut self, tables: &mut Tables<'_>, line: LineRange, text: &str) -> bool {
        let Some(above) = self.above.filter(|_| tables.place == Place::Table) else { return false };
        let trimmed = text.trim();
        if trimmed.is_empty()
            || row::is_rowlike(trimmed)
            || self.below >= BELOW
            || tables.transcript.ends_table(line)
        {
            return false;
        }
        let asked = tables.command().is_some_and(|call| call.has('b', "") || call.has('B', ""));
        let program = trimmed.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let unknown = trimmed == "Can not obtain ownership information";
        self.programs |=
            asked || unknown || program.is_some() || self.names_program_soon(tables, line, text);
        // A page may take the blanks away that the lines begin with: those of the rows too, then.
        let indented = text.starts_with([' ', '\t']);
        if !self.programs || !indented && !(self.bare && (unknown || is_below(trimmed))) {
            return false;
        }
        self.below += 1;
        let Some(name) = program.filter(|name| !name.is_empty()) else { return true };
        // One program a row: what follows it is of another row.
        self.above = Some(None);
        let Some(index) = above else { return true };
        let start = line.start + text.find('[').unwrap_or_default() + 1;
        let at = At::new(start..start + name.len());
        let builder = tables.transcript.builder();
        let name = Some(builder.text(at));
        let cut = !line.terminated;
        let kind = if cut { NameKind::CommCut } else { NameKind::Comm };
        if let Some(owner) = builder.owners_mut(index).first_mut() {
            (owner.name, owner.at, owner.kind) = (name, at, kind);
        } else if index + 1 == builder.snapshot().sockets().len() {
            builder.owner(Owner { name, pid: None, fd: None, kind, details: None, at });
            builder.own_last(Some(Missing::OthersNotShown));
        }
        true
    }

    /// Whether a program in brackets stands in the lines behind, before any that `-b` does not print:
    /// then so does this one belong to `-b`.
    fn names_program_soon(&self, tables: &Tables<'_>, line: LineRange, text: &str) -> bool {
        if !text.starts_with([' ', '\t']) && !self.bare {
            return false;
        }
        let lines = tables.transcript.lines_from(line.next).take(BELOW);
        for next in lines {
            let text = tables.text(next);
            let trimmed = text.trim();
            if trimmed.starts_with('[') && trimmed.ends_with(']') {
                return true;
            }
            let own = row::is_rowlike(trimmed)
                || text.starts_with([' ', '\t'])
                || self.bare && is_below(trimmed);
            if trimmed.is_empty() || !own {
                return false;
            }
        }
        false
    }
}
