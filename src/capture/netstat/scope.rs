//! What a table of netstat covers: by the command, else by what stands in it.

use crate::capture::command::Invocation;
use crate::capture::seen::Seen;
use crate::capture::transcript::Known;
use crate::snapshot::{Cell, Coverage, Family, Transport};
use crate::truth::Missing;

/// What a command line of netstat asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Transports and families whose sockets are listed.
    sockets: Seen,
    /// No transport was named: all that this netstat knows, which for UDP-Lite and SCTP depends on
    /// its version.
    all_transports: bool,
    /// `-l` or `-a`.
    listeners: bool,
    /// Something behind it drops rows, or cuts the screen.
    filtered: bool,
    /// How much the answer is worth.
    cell: Cell,
    /// `-W` or `-T`: addresses are not cut.
    pub(super) wide: bool,
    /// `-p` or `-Z`.
    owners: bool,
}

impl Asked {
    /// Reads the arguments as net-tools does (netstat(8), net-tools 2.10, and the `-T` of the
    /// distributions' 1.60); busybox and toybox know fewer letters and give them the same meaning.
    pub(super) fn of(call: &Invocation, known: Known) -> Self {
        let mut asked = Self {
            sockets: Seen::default(),
            all_transports: false,
            listeners: false,
            filtered: call.filter.is_some() || call.watched,
            cell: match (known, call.netns.as_deref()) {
                (Known::Presumed, _) | (_, Some("*")) => Cell::Presumed,
                (Known::Proven, _) => Cell::Proven,
            },
            wide: false,
            owners: false,
        };
        let mut other = false;
        let mut words = call.args.iter();
        while let Some(word) = words.next() {
            if let Some(long) = word.strip_prefix("--") {
                let (name, value) = long.split_once('=').unwrap_or((long, ""));
                let value = match (is_long(name, "protocol", 2), value.is_empty()) {
                    (true, true) => words.next().map_or("", String::as_str),
                    _ => value,
                };
                other |= asked.long(name, value);
            } else if let Some(cluster) = word.strip_prefix('-') {
                for (at, letter) in cluster.char_indices() {
                    if letter == 'A' {
                        let rest = cluster.get(at + 1..).unwrap_or_default();
                        let family = match rest {
                            "" => words.next().map_or("", String::as_str),
                            rest => rest,
                        };
                        other |= asked.protocols(family);
                        break;
                    }
                    other |= asked.letter(letter);
                }
            }
        }
        if asked.sockets.no_transport() && (!other || !asked.sockets.no_family()) {
            asked.all_transports = true;
            for transport in [Transport::Tcp, Transport::Udp, Transport::Raw] {
                asked.sockets.transport(transport);
            }
        }
        if asked.sockets.no_family() {
            Family::ALL.into_iter().for_each(|family| asked.sockets.family(family));
        }
        asked
    }

    /// One letter; returns whether it asks for something that is no internet socket.
    fn letter(&mut self, letter: char) -> bool {
        match letter {
            't' => self.sockets.transport(Transport::Tcp),
            'u' => self.sockets.transport(Transport::Udp),
            'w' => self.sockets.transport(Transport::Raw),
            'U' => self.sockets.transport(Transport::Udplite),
            'S' => self.sockets.transport(Transport::Sctp),
            '4' => self.sockets.family(Family::Ipv4),
            '6' => self.sockets.family(Family::Ipv6),
            'l' | 'a' => self.listeners = true,
            'W' | 'T' => self.wide = true,
            'p' | 'Z' => self.owners = true,
            // Unix sockets, Bluetooth, multicast groups; routes, interfaces, statistics, masquerading.
            'x' | '2' | 'f' | 'g' | 'r' | 'i' | 's' | 'M' => return true,
            _ => {}
        }
        false
    }

    /// One long option, which may be cut short (getopt_long(3)); returns as [`Asked::letter`].
    fn long(&mut self, name: &str, value: &str) -> bool {
        const LONG: &[(&str, usize, char)] = &[
            ("tcp", 2, 't'),
            ("udp", 3, 'u'),
            ("udplite", 4, 'U'),
            ("sctp", 2, 'S'),
            ("raw", 2, 'w'),
            ("unix", 2, 'x'),
            ("listening", 2, 'l'),
            ("all", 2, 'a'),
            ("wide", 1, 'W'),
            ("notrim", 2, 'T'),
            ("programs", 4, 'p'),
            ("context", 4, 'Z'),
            ("l2cap", 2, '2'),
            ("rfcomm", 2, 'f'),
            ("groups", 1, 'g'),
            ("route", 2, 'r'),
            ("interfaces", 3, 'i'),
            ("statistics", 2, 's'),
            ("masquerade", 1, 'M'),
        ];
        if is_long(name, "protocol", 4) {
            return self.protocols(value);
        }
        match name {
            "inet" | "ip" | "tcpip" | "inet6" | "unix" | "ax25" | "x25" | "ipx" | "netrom"
            | "ddp" | "rose" | "econet" | "bluetooth" => self.protocols(name),
            _ => LONG
                .iter()
                .find(|(long, least, _)| is_long(name, long, *least))
                .is_some_and(|&(.., letter)| self.letter(letter)),
        }
    }

    /// The families of `-A`; returns as [`Asked::letter`].
    fn protocols(&mut self, list: &str) -> bool {
        let mut other = false;
        for name in list.split(',') {
            match name {
                "inet" | "ip" | "tcpip" => self.sockets.family(Family::Ipv4),
                "inet6" => self.sockets.family(Family::Ipv6),
                _ => other = true,
            }
        }
        other
    }

    /// Whether a table with these rows, and with owners or not, can be this command's. A capture may
    /// hold another table behind the one that the prompt made.
    fn fits(&self, rows: Seen, owners: bool) -> bool {
        let mut sockets = self.sockets;
        if self.all_transports {
            sockets.transport(Transport::Udplite);
            sockets.transport(Transport::Sctp);
        }
        rows.within(sockets) && (self.owners || !owners)
    }

    /// Whether only IPv4 sockets are asked for.
    pub(super) fn only_ipv4(&self) -> bool {
        !self.sockets.has_family(Family::Ipv6)
    }
}

/// Whether `name` is `long` or its beginning, of `least` letters or more.
fn is_long(name: &str, long: &str, least: usize) -> bool {
    name.len() >= least && long.starts_with(name)
}

/// What is known of a table when it ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// The header was there.
    pub(super) header: bool,
    /// The heading says `(w/o servers)`.
    pub(super) without: bool,
    /// The header has an owner column.
    pub(super) owners: bool,
    /// Transports and families of all rows.
    pub(super) rows: Seen,
    /// Transports of the rows that only `-l` and `-a` print.
    pub(super) listeners: Seen,
    /// The command that was in force where the table began.
    pub(super) asked: Option<Asked>,
    /// Rows may be lost, for this reason.
    pub(super) spoiled: Option<Missing>,
}

impl Evidence {
    /// What the table covers.
    ///
    /// netstat always prints a header, so a table without one has lost its beginning. Without a
    /// command a transport counts only where one of its listeners is there, and a family only where
    /// one of its rows is: whoever takes all rows of one away takes its coverage too.
    pub(super) fn coverage(&self) -> Coverage {
        let coverage = match &self.asked {
            _ if !self.header => Coverage::uniform(Cell::Absent(Missing::HeaderNotShown)),
            _ if self.without => Coverage::uniform(Cell::Absent(Missing::ListenersNotShown)),
            Some(asked) if asked.fits(self.rows, self.owners) => self.answered(asked),
            Some(_) | None => self.listeners.of_families(self.rows).coverage(Cell::Presumed),
        };
        match self.spoiled {
            Some(reason) => coverage.spoiled(reason),
            None => coverage,
        }
    }

    fn answered(&self, asked: &Asked) -> Coverage {
        if !asked.listeners {
            return Coverage::uniform(Cell::Absent(Missing::ListenersNotShown));
        }
        let mut coverage = asked.sockets.coverage(asked.cell);
        if asked.all_transports {
            // net-tools lists UDP-Lite since 2.0 and SCTP where it is built in: rows tell.
            for transport in [Transport::Udplite, Transport::Sctp] {
                if self.listeners.has(transport) {
                    let shown = asked.sockets.only(transport);
                    coverage = coverage.best(shown.coverage(Cell::Presumed));
                }
            }
        }
        match asked.filtered {
            true => coverage.spoiled(Missing::Filtered),
            false => coverage,
        }
    }
}
