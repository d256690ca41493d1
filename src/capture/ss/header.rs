//! The header line of a table of `ss`.
//!
//! Source: iproute2, `misc/ss.c`, the `columns` table (since 4.15) and `main` before it. Words never
//! change and are never translated; columns are left out as the columns of rows are.

/// Which columns a header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Columns {
    /// `Netid`: more than one socket table was asked for.
    pub(super) netid: bool,
    /// `State`: more than one state was asked for.
    pub(super) state: bool,
    /// `Recv-Q` and `Send-Q`; missing with `-Q` (iproute2 6.9 and newer).
    pub(super) queues: bool,
    /// `Process`: printed by iproute2 5.4 and newer, in some versions without `-p` too.
    pub(super) process: bool,
}

/// What a text is to a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// A header; `Process` may still follow on the next line.
    Whole(Columns),
    /// The beginning of one, of at least two words: a narrow screen broke it.
    Begun,
    /// None.
    No,
}

/// Matches a line, or several broken ones, against the words of a header; blanks do not count, since
/// compact output glues `Port` and `Process`.
pub(super) fn matches(text: &str) -> Match {
    if !text.trim_start().starts_with(['N', 'S', 'R', 'L']) || text.len() > 4096 {
        return Match::No;
    }
    let mut squeezed = String::with_capacity(text.len());
    squeezed.extend(text.split_whitespace());
    let mut rest = squeezed.as_str();
    let mut columns = Columns::default();
    let mut words = 0;
    let optional = [
        ("Netid", 0, &mut columns.netid),
        ("State", 0, &mut columns.state),
        ("Recv-QSend-Q", 1, &mut columns.queues),
    ];
    for (word, more, there) in optional {
        if let Some(after) = rest.strip_prefix(word) {
            (*there, rest, words) = (true, after, words + 1 + more);
        } else if !rest.is_empty() && word.starts_with(rest) {
            return begun(words);
        }
    }
    for word in ["LocalAddress:Port", "PeerAddress:Port"] {
        let Some(after) = rest.strip_prefix(word) else {
            return if word.starts_with(rest) { begun(words) } else { Match::No };
        };
        (rest, words) = (after, words + 2);
    }
    match rest {
        "" => Match::Whole(columns),
        "Process" => Match::Whole(Columns { process: true, ..columns }),
        cut if "Process".starts_with(cut) => Match::Begun,
        _ => Match::No,
    }
}

fn begun(words: usize) -> Match {
    if words >= 2 { Match::Begun } else { Match::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_ages() {
        let all = Columns { netid: true, state: true, queues: true, process: false };
        for (line, expected) in [
            (
                "Netid State      Recv-Q Send-Q     Local Address:Port       Peer Address:Port ",
                Match::Whole(all),
            ),
            (
                "Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess",
                Match::Whole(Columns { process: true, ..all }),
            ),
            (
                "State Recv-Q Send-Q Local Address:Port Peer Address:Port",
                Match::Whole(Columns { netid: false, ..all }),
            ),
            (
                "Recv-Q Send-Q Local Address:Port Peer Address:Port",
                Match::Whole(Columns { netid: false, state: false, ..all }),
            ),
            ("Local Address:Port Peer Address:Port", Match::Whole(Columns::default())),
            ("Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:", Match::Begun),
            ("Netid State  Recv-Q", Match::Begun),
            ("Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortPro", Match::Begun),
            ("State", Match::No),
            ("State of things", Match::No),
            (
                "Proto Recv-Q Send-Q Local Address           Foreign Address         State",
                Match::No,
            ),
            ("Local Address", Match::No),
            ("", Match::No),
        ] {
            assert_eq!(matches(line), expected, "{line}");
        }
    }
}
