//! Headings and headers of the sections.

/// The processes that macOS names with `-v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Owners {
    /// No such column.
    #[default]
    None,
    /// `pid` and `epid`.
    Pid,
    /// `process:pid`, since macOS 14 or so.
    Process,
}

/// What a header tells of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Columns {
    /// How many characters an address column holds, where its padding is kept.
    pub(super) width: Option<usize>,
    /// Only listen queues (`-L`).
    pub(super) queues: bool,
    /// `rxbytes` and `txbytes` stand before the buffer sizes.
    pub(super) bytes: bool,
    pub(super) owners: Owners,
    /// One blank between the queues and the addresses: FreeBSD 9 and later.
    pub(super) freebsd: bool,
}

/// Reads a header of internet sockets; `None` where the line is none of the BSDs' and of macOS.
///
/// The words of NetBSD's are those of Linux; its columns are one character narrower.
pub(super) fn columns(line: &str) -> Option<Columns> {
    let line = line.trim();
    let words: Vec<&str> = line.split_ascii_whitespace().take(6).collect();
    let local = line.find("Local Address")?;
    let foreign = line.find("Foreign Address");
    // Words in another order are no header of any netstat.
    if foreign.is_some_and(|foreign| foreign < local) {
        return None;
    }
    let at = words.iter().position(|&word| word == "Proto");
    let after = |count: usize| at.and_then(|at| words.get(at + count)).copied().unwrap_or_default();
    let before = at.is_some_and(|at| {
        words.iter().take(at).all(|word| {
            // The last is that of AIX.
            matches!(*word, "Tcpcb" | "PCB" | "Socket" | "Flowhash" | "PCB/ADDR")
        })
    });
    let queues = match at {
        Some(_) => before && after(1) == "Listen",
        None => matches!(
            words.as_slice(),
            ["Listen", "Local", "Address"] | ["Socket", "Flowhash", "Listen", "Local", "Address"]
        ),
    };
    let known = |list: &[&str]| list.iter().any(|word| line.contains(word));
    let ours = match (after(1), after(2)) {
        _ if queues => true,
        ("Recv-Q", "Send-Q") => {
            at.is_some_and(|at| at > 0)
                || known(&["(state)", "TCP-State", "IP-Proto", "R-MBUF", "flowid"])
                || is_narrow(line)
        }
        ("Rexmit", "OOORcv") => true,
        ("Type", "Local") => line.contains("(state)"),
        _ => false,
    };
    if !ours || at.is_some() && !before {
        return None;
    }
    let owners = match () {
        () if line.contains("process:pid") => Owners::Process,
        () if line.contains(" epid") => Owners::Pid,
        () => Owners::None,
    };
    Some(Columns {
        width: foreign.map(|foreign| foreign - local - 1).filter(|&width| width >= 18),
        queues,
        bytes: line.contains("rxbytes"),
        owners,
        freebsd: line.contains("Send-Q Local"),
    })
}

/// Whether the words of Linux's header stand in columns of NetBSD and OpenBSD: 22 characters and a blank, where
/// Linux has 23 and a blank. NetBSD calls the last column `State`; OpenBSD has none for UDP.
/// Source: NetBSD usr.bin/netstat/inet.c `protoprhdr`; OpenBSD usr.bin/netstat/inet.c `netdomainpr`.
pub(in crate::capture) fn is_narrow(line: &str) -> bool {
    let place = |word: &str| line.find(word);
    let (Some(local), Some(foreign)) = (place("Local Address"), place("Foreign Address")) else {
        return false;
    };
    let behind = line.get(foreign + "Foreign Address".len()..).unwrap_or_default();
    let state = line.get(foreign..).and_then(|rest| rest.find("State"));
    foreign.saturating_sub(local) == 23 && (state == Some(23) || behind.trim().is_empty())
}

/// Whether a line is the header of kernel event or kernel control sockets of macOS, which begins as that of
/// internet sockets does. Source: macOS network_cmds netstat.tproj/systm.c `systmpr`.
pub(in crate::capture) fn is_kernel(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    ["Proto", "Recv-Q", "Send-Q"].iter().all(|name| words.next() == Some(name))
        && matches!(words.next(), Some("vendor" | "unit" | "rxbytes"))
}

/// What the line above a header says of its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    /// Internet sockets; whether those that listen are among them.
    Internet { servers: bool },
    /// Listen queues.
    Queues,
    /// Sockets of another kind.
    Section,
}

/// Reads a heading. Source: inet.c, unix.c, sctp.c, mptcp.c, systm.c of the tools.
pub(super) fn heading(line: &str) -> Option<Heading> {
    let line = line.trim();
    if line.starts_with("Current listen queue sizes") {
        return Some(Heading::Queues);
    }
    if line == "Netgraph sockets" || line.starts_with("Registered kernel control") {
        return Some(Heading::Section);
    }
    let rest = line.strip_prefix("Active ")?;
    let internet =
        ["Internet connections", "Internet6 connections", "SCTP associations"].iter().any(|name| {
            rest.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        });
    if internet {
        // `(including servers)`, `(only servers)`; Linux says `(w/o servers)` and `(servers and ...`.
        let servers = rest.ends_with("(including servers)") || rest.ends_with("(only servers)");
        return Some(Heading::Internet { servers });
    }
    let kinds = [
        "UNIX domain sockets",
        "Unix domain sockets",
        "LOCAL (UNIX) domain sockets",
        "Multipath Internet connections",
        "kernel event sockets",
        "kernel control sockets",
        "Netgraph sockets",
        "network sockets",
    ];
    kinds.iter().any(|kind| rest.contains(kind)).then_some(Heading::Section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_another_order_are_no_header() {
        let header = "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)";
        assert_eq!(columns(header).and_then(|columns| columns.width), Some(22));
        // Found by fuzzing: the width of a column was less than none.
        for line in [
            "Proto Recv-Q Send-Q  Foreign Address        (state)          rxbytes  Local Address",
            "Proto Recv-Q Send-Q  Foreign AddressLocal Address (state)",
        ] {
            assert_eq!(columns(line), None, "{line}");
        }
    }
}
