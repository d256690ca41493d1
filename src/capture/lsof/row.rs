//! Rows and headers of lsof's columns.

use std::ops::Range;

use super::name::{self, Name};
use crate::snapshot::{Family, Transport};

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Header {
    /// Blanks before `COMMAND`: a row with more has no command.
    pub(super) indent: usize,
    /// `TID`: threads have rows of their own.
    pub(super) threads: bool,
}

/// The most columns behind PID, all options given. Source: lsof `print.c`, `print_file`.
const COLUMNS: usize = 19;

/// Reads a header: `COMMAND PID ... FD TYPE ... NAME`.
pub(super) fn header(line: &str) -> Option<Header> {
    let mut words = line.split_ascii_whitespace();
    if words.next() != Some("COMMAND") || words.next() != Some("PID") {
        return None;
    }
    let rest: Vec<&str> = words.take(COLUMNS).collect();
    let whole = rest.contains(&"FD") && rest.contains(&"TYPE") && rest.last() == Some(&"NAME");
    let indent = line.len() - line.trim_start().len();
    whole.then(|| Header { indent, threads: rest.contains(&"TID") })
}

/// A row of an internet socket, as ranges of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Empty where the process has no name, or only blanks.
    pub(super) command: Range<usize>,
    pub(super) pid: u32,
    pub(super) user: Range<usize>,
    pub(super) fd: Option<u32>,
    pub(super) family: Option<Family>,
    pub(super) device: Range<usize>,
    pub(super) protocol: Protocol,
    /// The endpoint; `None` where the row has none that can be read.
    pub(super) name: Option<Name>,
    /// The first word in the brackets, unless that is no state.
    pub(super) state: Option<Range<usize>>,
    /// The brackets are not closed.
    pub(super) open: bool,
}

/// What the NODE column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    /// One whose sockets are known here.
    Transport(Transport),
    /// ICMP, IGMP and others, by their number: raw sockets.
    Number(u16),
}

/// The protocol of a word in the NODE column or the `P` field. Source: lsof `lsof.h`, `MAXPROTO` and the
/// `Inet` names of the dialects.
pub(super) fn protocol(word: &str) -> Option<Protocol> {
    Some(match word {
        "TCP" | "TCP6" => Protocol::Transport(Transport::Tcp),
        "UDP" | "UDP6" => Protocol::Transport(Transport::Udp),
        "UDPLITE" | "UDPLITE6" | "UDPLITE*" => Protocol::Transport(Transport::Udplite),
        "SCTP" => Protocol::Transport(Transport::Sctp),
        "DCCP" => Protocol::Transport(Transport::Dccp),
        "RAW" => Protocol::Number(255),
        "ICMP" => Protocol::Number(1),
        "IGMP" => Protocol::Number(2),
        "ICMPV6" | "ICMP6" => Protocol::Number(58),
        "ESP" => Protocol::Number(50),
        "AH" => Protocol::Number(51),
        "GRE" => Protocol::Number(47),
        "OSPFIGP" => Protocol::Number(89),
        "RAWIP" => Protocol::Number(255),
        // A number that lsof has no name for.
        _ => Protocol::Number(word.strip_suffix('?')?.parse().ok().filter(|number| *number < 256)?),
    })
}

/// Whether a state is that of a listener; the last one of a text may be cut.
pub(super) fn is_listen(state: &str) -> bool {
    state.len() >= 4 && "LISTEN".starts_with(state)
}

/// The family of a word in the TYPE column.
pub(super) fn family(word: &str) -> Option<Option<Family>> {
    Some(match word {
        "IPv4" => Some(Family::Ipv4),
        "IPv6" => Some(Family::Ipv6),
        // Old BSDs do not tell.
        "inet" => None,
        _ => return None,
    })
}

/// Words of a line with their ranges.
fn words(line: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let base = line.as_ptr() as usize;
    line.split_ascii_whitespace().map(move |word| {
        let start = word.as_ptr() as usize - base;
        start..start + word.len()
    })
}

/// How many words are looked at: a row of an internet socket has fewer.
const WORDS: usize = 28;

fn number(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

/// Whether a word is what the FD column holds: a number with its mode and lock, or a name.
/// Source: lsof(8), OUTPUT.
fn is_fd(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    match digits {
        0 => {
            // Mode and lock stand behind it too: `memr`, and `-` for no mode where there is a lock, `mem-W`.
            let without =
                |count: usize| word.get(..word.len().saturating_sub(count)).unwrap_or_default();
            is_name(word)
                || match word.as_bytes() {
                    [.., b'r' | b'w' | b'u' | b'-', lock] if b"NrRwWuUxX".contains(lock) => {
                        is_name(without(2)) || is_name(without(1))
                    }
                    [.., b'r' | b'w' | b'u'] => is_name(without(1)),
                    _ => false,
                }
        }
        _ => {
            let rest = word.get(digits..).unwrap_or_default();
            rest.len() <= 2 && rest.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
        }
    }
}

/// Whether a word is what stands for a number in the FD column.
fn is_name(word: &str) -> bool {
    matches!(
        word,
        "cwd"
            | "rtd"
            | "txt"
            | "mem"
            | "mmap"
            | "err"
            | "jld"
            | "ltx"
            | "pd"
            | "tr"
            | "v86"
            | "DEL"
            | "NOFD"
            | "m86"
            | "fp."
            | "twd"
            | "ctty"
            | "Lnn"
            | "rdir"
    ) || word.ends_with("-wd")
        || word.ends_with("-rtd")
        || word.ends_with("-txt")
}

/// Command, process id and what stands first behind it, of a row whose words before FD are `before`.
fn process(
    line: &str,
    before: &[Range<usize>],
    header: Option<Header>,
) -> Option<(Range<usize>, u32, usize)> {
    let word = |at: usize| before.get(at).and_then(|range| line.get(range.clone()));
    let first = before.first()?.clone();
    let indented = header.is_some_and(|header| first.start > header.indent);
    let nameless = first.start > 0 && (indented || before.len() == 2);
    let from = match nameless && word(0).and_then(number).is_some() {
        true => 0,
        false => 1,
    };
    let at = (from..before.len()).find(|&at| word(at).and_then(number).is_some())?;
    let pid = word(at).and_then(number)?;
    let command = match at {
        0 => first.start..first.start,
        _ => first.start..before.get(at - 1)?.end,
    };
    Some((command, pid, at + 1))
}

/// Reads a row of an internet socket: command, process, user, descriptor, `IPv4` or `IPv6`, device, size,
/// protocol, endpoint and state. Columns that only some options show stand between these.
pub(super) fn parse(line: &str, header: Option<Header>) -> Option<Row> {
    if memchr::memmem::find(line.as_bytes(), b"IP").is_none()
        && memchr::memmem::find(line.as_bytes(), b"inet").is_none()
    {
        return None;
    }
    let all: Vec<Range<usize>> = words(line).take(WORDS).collect();
    let word = |at: usize| all.get(at).and_then(|range| line.get(range.clone()));
    for kind in 2..all.len() {
        let Some(family) = word(kind).and_then(family) else { continue };
        let Some(fd) = word(kind - 1).filter(|fd| is_fd(fd)) else { continue };
        let Some(user) = kind.checked_sub(2).and_then(|at| all.get(at)) else { continue };
        let before = all.get(..kind - 1).unwrap_or_default();
        let Some((command, pid, behind)) = process(line, before, header) else { continue };
        if behind > kind - 2 {
            continue;
        }
        let Some((node, protocol)) =
            (kind + 1..(kind + 10).min(all.len())).find_map(|at| Some((at, protocol(word(at)?)?)))
        else {
            continue;
        };
        // Size or offset stand before the protocol, and the device before them.
        let device = match node - kind {
            0 | 1 => 0..0,
            2 => all.get(kind + 1).cloned().unwrap_or_default(),
            _ => all.get(node - 2).cloned().unwrap_or_default(),
        };
        let digits = fd.bytes().take_while(u8::is_ascii_digit).count();
        let place = all.get(node + 1).cloned();
        let brackets = all.get(node + 2).cloned();
        let shown = brackets.as_ref().and_then(|range| line.get(range.clone())).unwrap_or_default();
        let state = shown.strip_prefix('(').map(|rest| {
            let start = brackets.as_ref().map_or(0, |range| range.start) + 1;
            start..start + rest.trim_end_matches(')').len()
        });
        return Some(Row {
            command,
            pid,
            user: user.clone(),
            fd: fd.get(..digits).and_then(number),
            family,
            device,
            protocol,
            name: place.and_then(|range| name::parse(line, range)),
            state: state.filter(|range| {
                line.get(range.clone()).is_some_and(|word| !word.is_empty() && !word.contains('='))
            }),
            open: shown.starts_with('(') && !line.trim_end().ends_with(')'),
        });
    }
    None
}

/// Whether a line is a row of something else that a process holds: a file, a pipe, a socket of another
/// family.
pub(super) fn is_other(line: &str) -> bool {
    let all: Vec<Range<usize>> = words(line).take(WORDS).collect();
    let word =
        |at: usize| all.get(at).and_then(|range| line.get(range.clone())).unwrap_or_default();
    let last = all.len().min(12);
    (2..last).any(|at| {
        is_fd(word(at))
            && number(word(at)).is_none()
            && all.len() > at + 1
            && (0..at).any(|pid| pid <= 1 && number(word(pid)).is_some())
            && family(word(at + 1)).is_none()
            // A beginning of `IPv4`, where a screen or the end of the text cut it.
            && !"IPv".starts_with(word(at + 1))
    })
}

/// Whether a row is of a socket of which lsof knows the protocol and no endpoint: it was not in the tables
/// of lsof's network namespace. Source: lsof Linux `dsock.c`.
pub(super) fn is_unidentified(line: &str) -> bool {
    let line = line.trim_end();
    line.ends_with("can't identify protocol")
        || line.contains("can't identify protocol (")
        || [
            "TCP",
            "TCPv6",
            "UDP",
            "UDPv6",
            "RAW",
            "RAWv6",
            "UDP-Lite",
            "UDPLITEv6",
            "SCTP",
            "SCTPv6",
        ]
        .iter()
        .any(|name| line.strip_suffix(name).is_some_and(|head| head.ends_with("protocol: ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_options() {
        for (line, command, pid, user, fd, device, state) in [
            (
                "java       63 root   87u  IPv6     62992      0t0  TCP *:8282 (LISTEN)",
                "java",
                63,
                "root",
                87,
                "62992",
                Some("LISTEN"),
            ),
            (
                "             463   root  6u  IPv4 5030634      0t0  TCP 127.0.0.1:13068 (LISTEN)",
                "",
                463,
                "root",
                6,
                "5030634",
                Some("LISTEN"),
            ),
            (
                "0.0.0.0:*    547 nobody  7u  IPv4 5030945      0t0  TCP *:2414 (LISTEN)",
                "0.0.0.0:*",
                547,
                "nobody",
                7,
                "5030945",
                Some("LISTEN"),
            ),
            (
                "sshd      605  608 sshd root    7uW IPv4 5027204      0t0  TCP *:22 (LISTEN QR=0 QS=0)",
                "sshd",
                605,
                "root",
                7,
                "5027204",
                Some("LISTEN"),
            ),
            (
                "a  1 2 3 u 8u IPv4 0xd7741fb8371919f3 0t0 UDP *:68 (QR=0 QS=0)",
                "a",
                1,
                "u",
                8,
                "0xd7741fb8371919f3",
                None,
            ),
            (
                "IPv4       12 root   87u  IPv6     62992      0t0  UDP *:8282 ",
                "IPv4",
                12,
                "root",
                87,
                "62992",
                None,
            ),
            (
                "Google Ch  12 me   87u  IPv6     0x1      0t0  UDP *:5353",
                "Google Ch",
                12,
                "me",
                87,
                "0x1",
                None,
            ),
        ] {
            let row = parse(line, None).unwrap_or_else(|| panic!("{line}"));
            let at = |range: Range<usize>| line.get(range).unwrap();
            assert_eq!(at(row.command.clone()), command, "{line}");
            assert_eq!((row.pid, at(row.user.clone()), row.fd), (pid, user, Some(fd)), "{line}");
            assert_eq!(at(row.device.clone()), device, "{line}");
            assert_eq!(row.state.clone().map(at), state, "{line}");
            assert!(row.name.is_some(), "{line}");
        }
    }

    #[test]
    fn what_is_no_row() {
        for line in [
            "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME",
            "IPv4 is on",
            "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"IPv4\",pid=1,fd=3))",
            "sshd 605 root 7u IPv4 5027204",
            "",
        ] {
            assert_eq!(parse(line, None), None, "{line}");
        }
        assert!(is_other(
            "systemd       1                   root  cwd       DIR                8,2     4096          2 /"
        ));
        assert!(is_other(
            "systemd       1                   root   49u     unix 0xffff98e4afa55c00      0t0      27489 /run/x type=STREAM"
        ));
        assert!(!is_other("sshd 605 root 7u IPv4 5027204"));
        assert!(is_other(
            "dockerd-c 1205 root mem-W REG 253,0 32768 34346870 /var/lib/x/metadata.db"
        ));
        assert!(is_other(
            "dockerd-c 1205 root memrR REG 253,0 32768 34346870 /var/lib/x/metadata.db"
        ));
        assert!(!is_other("and then I ran it again"));
    }
}
