//! Which listeners a table of `ss` would have shown.
//!
//! By the options of the command where it is known, else by the rows and the header. Source of the
//! options: ss(8) and iproute2, `misc/ss.c`, `main` and `default_dbs`.

use super::header::Columns;
use super::row::Foreign;
use crate::capture::Known;
use crate::capture::command::Invocation;
use crate::snapshot::{Cell, Coverage, Family, Transport};
use crate::truth::Missing;

/// The transports of ss; it has no table of UDP-Lite sockets.
const ALL: [Transport; 5] =
    [Transport::Tcp, Transport::Udp, Transport::Raw, Transport::Sctp, Transport::Dccp];

/// A small set of transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Transports(u8);

impl Transports {
    fn of(transports: &[Transport]) -> Self {
        Self(transports.iter().fold(0, |bits, &transport| bits | 1 << transport as u8))
    }

    pub(super) fn add(&mut self, transport: Transport) {
        self.0 |= 1 << transport as u8;
    }

    fn remove(&mut self, transport: Transport) {
        self.0 &= !(1 << transport as u8);
    }

    pub(super) fn contains(self, transport: Transport) -> bool {
        self.0 & (1 << transport as u8) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn to_vec(self) -> Vec<Transport> {
        ALL.into_iter().filter(|&transport| self.contains(transport)).collect()
    }
}

/// What a call of ss asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// IP socket tables.
    pub(super) transports: Transports,
    /// `-M`: MPTCP sockets, which the TCP table shows too.
    pub(super) mptcp: bool,
    /// Any table of no IP sockets.
    foreign: bool,
    /// Families; both unless `-4`, `-6`, `-0` or `-f`, of which the last one counts.
    families: Vec<Family>,
    /// Whether sockets in LISTEN are selected.
    listen: bool,
    /// Whether sockets in UNCONN are selected.
    unconn: bool,
    /// Whether there is a filter in or behind the command.
    filtered: bool,
    /// `-H`.
    pub(super) headerless: bool,
    /// `-p`, or an option that implies it.
    pub(super) processes: bool,
    /// How well the command is known.
    pub(super) known: Known,
}

/// Options whose value is the rest of their cluster or the next argument.
const WITH_VALUE: &str = "fADFN";

/// Long options and the short ones that they stand for (`_`: one that changes nothing here).
const LONG: &[(&str, char)] = &[
    ("numeric", 'n'),
    ("resolve", 'r'),
    ("options", 'o'),
    ("extended", 'e'),
    ("events", 'E'),
    ("memory", 'm'),
    ("info", 'i'),
    ("processes", 'p'),
    ("threads", 'T'),
    ("bpf", 'b'),
    ("bpf-maps", '_'),
    ("bpf-map-id", '_'),
    ("dccp", 'd'),
    ("mptcp", 'M'),
    ("sctp", 'S'),
    ("tcp", 't'),
    ("tipc", 'I'),
    ("udp", 'u'),
    ("raw", 'w'),
    ("unix", 'x'),
    ("packet", '0'),
    ("vsock", 'V'),
    ("xdp", 'X'),
    ("all", 'a'),
    ("listening", 'l'),
    ("bound-inactive", 'B'),
    ("ipv4", '4'),
    ("ipv6", '6'),
    ("family", 'f'),
    ("socket", 'A'),
    ("query", 'A'),
    ("summary", 's'),
    ("diag", 'D'),
    ("filter", 'F'),
    ("version", 'v'),
    ("help", 'h'),
    ("context", 'Z'),
    ("contexts", 'z'),
    ("net", 'N'),
    ("kill", 'K'),
    ("no-header", 'H'),
    ("oneline", 'O'),
    ("no-queues", 'Q'),
    ("tos", '_'),
    ("cgroup", '_'),
    ("tipcinfo", '_'),
    ("inet-sockopt", '_'),
];

/// Whether a call prints a table at all.
pub(super) fn prints_rows(call: &Invocation) -> bool {
    !options(&call.args).0.iter().any(|(letter, _)| matches!(letter, 's' | 'h' | 'v'))
}

/// Splits arguments into options with their values, and the rest; as getopt_long does.
fn options(args: &[String]) -> (Vec<(char, String)>, Vec<&str>) {
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            rest.extend(args.by_ref().map(String::as_str));
        } else if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let exact = LONG.iter().find(|(known, _)| *known == name);
            let letter = exact.or_else(|| LONG.iter().find(|(known, _)| known.starts_with(name)));
            // An unknown option: ss prints its usage, but the text says otherwise; see it as a filter.
            let letter = letter.map_or('?', |&(_, letter)| letter);
            let value = match value {
                None if WITH_VALUE.contains(letter) => args.next().cloned(),
                value => value,
            };
            found.push((letter, value.unwrap_or_default()));
        } else if let Some(cluster) = arg.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            let mut letters = cluster.chars();
            while let Some(letter) = letters.next() {
                if WITH_VALUE.contains(letter) {
                    let value = letters.as_str();
                    let value = match value.is_empty() {
                        true => args.next().cloned().unwrap_or_default(),
                        false => value.to_owned(),
                    };
                    found.push((letter, value));
                    break;
                }
                found.push((letter, String::new()));
            }
        } else {
            rest.push(arg.as_str());
        }
    }
    (found, rest)
}

impl Asked {
    /// Reads the options of a call of ss.
    pub(super) fn new(call: &Invocation, known: Known) -> Self {
        let (options, rest) = options(&call.args);
        let mut asked = Self {
            transports: Transports::default(),
            mptcp: false,
            foreign: false,
            families: Vec::new(),
            listen: false,
            unconn: false,
            filtered: call.filter.is_some() || call.watched,
            headerless: false,
            processes: false,
            known: if call.netns.as_deref() == Some("*") { Known::Presumed } else { known },
        };
        // Families do not add up, whatever is said of them: before iproute2 3.19 the last one is all there is,
        // since then only the last one is asked of the kernel. `-0` and `-f unix` leave no IP family in old
        // versions. Source: misc/ss.c, `preferred_family` in `main` and in `inet_show_netlink`.
        let mut family = Some(Family::ALL.to_vec());
        let mut queried = false;
        for (letter, value) in &options {
            match letter {
                't' => asked.transports.add(Transport::Tcp),
                'u' => asked.transports.add(Transport::Udp),
                'w' => asked.transports.add(Transport::Raw),
                'd' => asked.transports.add(Transport::Dccp),
                'S' => asked.transports.add(Transport::Sctp),
                'M' => asked.mptcp = true,
                '0' => (asked.foreign, family) = (true, None),
                'x' | 'V' | 'X' | 'I' => asked.foreign = true,
                'a' | 'l' => (asked.listen, asked.unconn) = (true, true),
                // The last of these options wins.
                'B' => (asked.listen, asked.unconn) = (false, false),
                '4' => family = Some(vec![Family::Ipv4]),
                '6' => family = Some(vec![Family::Ipv6]),
                'f' => {
                    family = match value.as_str() {
                        "inet" => Some(vec![Family::Ipv4]),
                        "inet6" => Some(vec![Family::Ipv6]),
                        _ => None,
                    }
                }
                'A' => {
                    // The first one takes back what letters before it chose (`saw_query`).
                    if !queried {
                        (asked.transports, asked.mptcp) = (Transports::default(), false);
                    }
                    queried = true;
                    asked.query(value);
                }
                'H' => asked.headerless = true,
                'p' | 'T' | 'Z' | 'z' => asked.processes = true,
                // Kills what it prints, prints what ends, writes another format, reads a filter.
                'K' | 'E' | 'D' | 'F' | '?' => asked.filtered = true,
                _ => {}
            }
        }
        asked.families = family.unwrap_or_default();
        if asked.transports.is_empty() && !asked.mptcp && !asked.foreign {
            // `-A 'tcp,!tcp'` takes away what it asked for: what is left is not known to be everything.
            asked.filtered |= options.iter().any(|(letter, _)| *letter == 'A');
            asked.transports = Transports::of(&ALL);
            asked.mptcp = true;
        }
        asked.words(&rest);
        asked
    }

    /// `-A tcp,udp`.
    fn query(&mut self, value: &str) {
        for name in value.split([',', ' ']) {
            let (name, without) = match name.strip_prefix('!') {
                Some(name) => (name, true),
                None => (name, false),
            };
            let transports: &[Transport] = match name {
                "all" => {
                    (self.mptcp, self.foreign) = (true, true);
                    &ALL
                }
                "inet" => {
                    self.mptcp = true;
                    &ALL
                }
                "tcp" => &[Transport::Tcp],
                "udp" => &[Transport::Udp],
                "raw" => &[Transport::Raw],
                "dccp" => &[Transport::Dccp],
                "sctp" => &[Transport::Sctp],
                "mptcp" => {
                    self.mptcp = true;
                    &[]
                }
                _ => {
                    self.foreign = true;
                    &[]
                }
            };
            for &transport in transports {
                if without {
                    self.transports.remove(transport);
                } else {
                    self.transports.add(transport);
                }
            }
        }
    }

    /// `state listening`, `exclude established`, and filter expressions.
    fn words(&mut self, rest: &[&str]) {
        let mut words = rest.iter().flat_map(|words| words.split_whitespace());
        let mut stated = false;
        while let Some(word) = words.next() {
            let include = match word {
                "state" => true,
                "exclude" | "excl" => false,
                _ => {
                    self.filtered = true;
                    return;
                }
            };
            if !stated {
                (self.listen, self.unconn) = (!include, !include);
                stated = true;
            }
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            let (listen, unconn) = match name.as_str() {
                "all" => (true, true),
                "listening" | "listen" => (true, false),
                "closed" | "close" | "unconnected" | "unconn" => (false, true),
                "established" | "estab" | "syn-sent" | "syn-recv" | "fin-wait-1" | "fin-wait-2"
                | "time-wait" | "close-wait" | "last-ack" | "closing" | "connected"
                | "synchronized" | "bucket" | "big" | "bound-inactive" => (false, false),
                _ => {
                    self.filtered = true;
                    return;
                }
            };
            if include {
                (self.listen, self.unconn) = (self.listen || listen, self.unconn || unconn);
            } else {
                (self.listen, self.unconn) = (self.listen && !listen, self.unconn && !unconn);
            }
            // `bucket` has TIME-WAIT and SYN-RECV, `big` all others; `connected` all but LISTEN and CLOSE.
            if name == "big" {
                (self.listen, self.unconn) = (include, include);
            }
        }
    }

    /// The one family that is asked for.
    pub(super) fn only_family(&self) -> Option<Family> {
        match self.families.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The one transport of rows without a netid, and whether they are MPTCP's.
    pub(super) fn only_transport(&self) -> Option<(Transport, bool)> {
        if self.foreign {
            return None;
        }
        match (self.transports.to_vec().as_slice(), self.mptcp) {
            ([only], false) => Some((*only, false)),
            ([], true) => Some((Transport::Tcp, true)),
            _ => None,
        }
    }

    /// Whether sockets that are no listeners are all that is selected of a transport.
    pub(super) fn leaves_out(&self, transport: Transport) -> bool {
        if transport.is_stream() { !self.listen } else { !self.unconn }
    }

    /// Whether a row of this transport can come from this command.
    pub(super) fn allows(&self, transport: Transport, mptcp: bool) -> bool {
        // Raw rows of protocols 6 and 17 are named `tcp` and `udp`, UDP rows `tcp` by iproute2 3.7 to 3.13.
        if mptcp { self.mptcp } else { self.transports.contains(transport) }
    }

    fn coverage(&self, columns: Option<Columns>) -> Coverage {
        let mut transports = self.transports;
        if let Some(columns) = columns {
            // Before iproute2 3.7 several tables were TCP alone unless more were asked for.
            if !columns.netid && transports.to_vec().len() > 1 {
                transports = Transports::of(&[Transport::Tcp]);
            }
        }
        let mut listen = self.listen;
        let mut unconn = self.unconn;
        if columns.is_some_and(|columns| !columns.state) && listen && unconn {
            // Before iproute2 3.1 `-l` selected LISTEN alone.
            (listen, unconn) = (true, false);
        }
        let mut coverage = Coverage::default();
        for transport in transports.to_vec() {
            let shown = if transport.is_stream() { listen } else { unconn };
            let cell =
                match (shown, self.filtered, columns.is_some() || self.headerless, self.known) {
                    (false, ..) => Cell::Absent(Missing::ListenersNotShown),
                    (_, true, ..) => Cell::Absent(Missing::Filtered),
                    (_, _, false, _) => Cell::Absent(Missing::HeaderNotShown),
                    (.., Known::Proven) => Cell::Proven,
                    (.., Known::Presumed) => Cell::Presumed,
                };
            for family in Family::ALL {
                let cell = match self.families.contains(&family) {
                    true => cell,
                    false => Cell::Absent(Missing::FamilyNotShown),
                };
                coverage.set(transport, family, cell);
            }
        }
        coverage
    }
}

/// What the rows of a table show of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// Transports with a row in LISTEN or UNCONN.
    pub(super) listeners: Transports,
    /// Transports with any row.
    pub(super) any: Transports,
    /// A row with an IPv4 address.
    pub(super) ipv4: bool,
    /// A row with an IPv6 address.
    pub(super) ipv6: bool,
    /// A row with `*`.
    pub(super) star: bool,
    /// A netlink row.
    pub(super) netlink: bool,
    /// A unix row.
    pub(super) unix: bool,
    /// Any other row of a table without IP sockets.
    pub(super) other: bool,
    /// A row without a netid that only a stream transport has.
    pub(super) stream: bool,
    /// Among unconnected rows without a netid: a port above 255, which is no protocol.
    pub(super) above_protocols: bool,
    /// Among them: a protocol that is rarely a UDP port.
    pub(super) protocols: bool,
    /// Among rows without netid and state: one with users.
    pub(super) users_shown: bool,
    /// A row that the known command cannot have printed.
    pub(super) contradiction: bool,
}

impl Seen {
    pub(super) fn foreign(&mut self, foreign: Foreign) {
        match foreign {
            Foreign::Unix => self.unix = true,
            Foreign::Netlink => self.netlink = true,
            Foreign::Packet | Foreign::Newer => self.other = true,
            Foreign::Child => {}
        }
    }

    /// What the table covers. `star` is the family of rows with `*`, where it is known.
    pub(super) fn coverage(
        &self,
        asked: Option<&Asked>,
        columns: Option<Columns>,
        star: Option<Family>,
    ) -> Coverage {
        if let Some(asked) = asked.filter(|_| !self.contradiction) {
            return asked.coverage(columns);
        }
        if columns.is_none() {
            return Coverage::uniform(Cell::Absent(Missing::HeaderNotShown));
        }
        // Netlink and unix rows side by side are those of `-l` or `-a` without any table named, which lists
        // every transport. All the same each counts only where it has a row: else whoever takes the
        // rows of one away would make a clean host.
        let mut coverage = Coverage::default();
        for transport in ALL {
            let shown = self.listeners.contains(transport);
            if !shown && !self.any.contains(transport) {
                continue;
            }
            for family in Family::ALL {
                let seen = match family {
                    Family::Ipv4 => self.ipv4,
                    Family::Ipv6 => self.ipv6,
                } || (self.star && star == Some(family));
                let cell = match (shown, seen) {
                    (true, true) => Cell::Presumed,
                    (true, false) => Cell::Absent(Missing::FamilyNotShown),
                    (false, _) => Cell::Absent(Missing::ListenersNotShown),
                };
                coverage.set(transport, family, cell);
            }
        }
        coverage
    }
}
