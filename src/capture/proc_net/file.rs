//! Names of the files below `/proc/net`.

use crate::snapshot::{Family, Transport};

/// A file with a table of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// `tcp`, `udp6`, `raw`, ...
    Inet(Transport, Family),
    /// `icmp` and `icmp6`: sockets of ping(8), whose "port" is the identifier of the echo request.
    Ping(Family),
    /// `sctp/eps`, both families.
    SctpEndpoints,
}

impl File {
    pub(super) fn transport(self) -> Transport {
        match self {
            Self::Inet(transport, _) => transport,
            Self::Ping(_) => Transport::Raw,
            Self::SctpEndpoints => Transport::Sctp,
        }
    }

    pub(super) fn family(self) -> Option<Family> {
        match self {
            Self::Inet(_, family) | Self::Ping(family) => Some(family),
            Self::SctpEndpoints => None,
        }
    }
}

/// All files, as their paths end.
const FILES: &[(&str, File)] = &[
    ("tcp", File::Inet(Transport::Tcp, Family::Ipv4)),
    ("tcp6", File::Inet(Transport::Tcp, Family::Ipv6)),
    ("udp", File::Inet(Transport::Udp, Family::Ipv4)),
    ("udp6", File::Inet(Transport::Udp, Family::Ipv6)),
    ("udplite", File::Inet(Transport::Udplite, Family::Ipv4)),
    ("udplite6", File::Inet(Transport::Udplite, Family::Ipv6)),
    ("raw", File::Inet(Transport::Raw, Family::Ipv4)),
    ("raw6", File::Inet(Transport::Raw, Family::Ipv6)),
    ("icmp", File::Ping(Family::Ipv4)),
    ("icmp6", File::Ping(Family::Ipv6)),
    ("eps", File::SctpEndpoints),
];

/// The file of a path, and the folder that all tables of one namespace are in: `/proc/net/tcp`,
/// `udp6`, `sctp/eps`.
pub(super) fn of_path(path: &str) -> Option<(File, &str)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let &(_, file) = FILES.iter().find(|(known, _)| *known == name)?;
    let folder = match file {
        File::SctpEndpoints => {
            let (above, sctp) = folder.rsplit_once('/').unwrap_or(("", folder));
            if sctp != "sctp" {
                return None;
            }
            above
        }
        File::Inet(..) | File::Ping(_) => folder,
    };
    let shaped = !path.contains(|c: char| c.is_whitespace() || c == ':')
        && (folder.is_empty() || folder.ends_with("net") || folder.contains('/'));
    shaped.then_some((file, folder))
}

/// The folder of a path with another name: a file that is no table of internet sockets.
fn of_other_path(path: &str) -> bool {
    path.starts_with("/proc/") && path.contains("/net/") && !path.contains(char::is_whitespace)
}

/// What a mark of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// The table of this file follows; the folder.
    Table(File, &'a str),
    /// A file without internet sockets follows.
    Other,
}

/// Reads a mark, a line that is the name of a file with signs around it: `==> /proc/net/tcp <==`,
/// `::: udp6 :::`, `/proc/net/tcp:`, `--- /proc/net/udp ---`, `# /proc/net/tcp`.
///
/// A bare name needs signs on both sides, since `tcp` alone may be anything.
pub(super) fn mark(line: &str) -> Option<Mark<'_>> {
    let line = line.trim();
    let signs = |c: char| "=<>:-*#[]+~_ ".contains(c);
    let path = line.trim_matches(signs);
    if path.is_empty() || path.len() > 300 {
        return None;
    }
    if let Some((file, folder)) = of_path(path) {
        let dressed =
            line.starts_with(signs) && line.ends_with(signs) || line.len() == path.len() + 1;
        return (!folder.is_empty() || dressed).then_some(Mark::Table(file, folder));
    }
    of_other_path(path).then_some(Mark::Other)
}

/// Whether a line is one of the two that more(1) draws around the name of a file.
pub(super) fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() > 2 && line.bytes().all(|byte| byte == b':')
}

/// Takes the name of the file off a line of `grep -H`: `/proc/net/tcp:   0: 0100007F:...`.
pub(super) fn prefix(line: &str) -> (Option<(File, &str)>, &str) {
    let Some((head, rest)) = line.split_once(':') else { return (None, line) };
    if head.starts_with(|c: char| c.is_ascii_digit() || c.is_whitespace()) {
        return (None, line);
    }
    match of_path(head) {
        Some(found)
            if rest.starts_with([' ', '\t'])
                || rest.starts_with(|c: char| c.is_ascii_hexdigit()) =>
        {
            (Some(found), rest)
        }
        _ => (None, line),
    }
}

/// The files that an argument of a command names; braces and `*` are read as a shell does.
pub(super) fn of_argument(argument: &str) -> Vec<File> {
    let mut files = Vec::new();
    for path in braces(argument) {
        if let Some(head) = path.strip_suffix('*') {
            let name = head.rsplit('/').next().unwrap_or_default();
            if head.contains("net/") {
                let mut found: Vec<_> = FILES
                    .iter()
                    .filter(|(known, _)| known.starts_with(name) && *known != "eps")
                    .collect();
                found.sort_unstable_by_key(|(known, _)| *known);
                files.extend(found.into_iter().map(|(_, file)| *file));
            }
        } else if let Some((file, folder)) = of_path(&path)
            && (!folder.is_empty())
        {
            files.push(file);
        }
    }
    files
}

/// The words that `a{b,c}d{,e}` stands for; no more than a few, whatever is written.
fn braces(word: &str) -> Vec<String> {
    const MOST: usize = 64;
    let mut done = Vec::new();
    let mut open = vec![word.to_owned()];
    while let Some(word) = open.pop() {
        let parts = word.find('{').and_then(|start| {
            let end = start + word.get(start..)?.find('}')?;
            Some((word.get(..start)?, word.get(start + 1..end)?, word.get(end + 1..)?))
        });
        match parts {
            Some((head, inner, tail)) if open.len() + done.len() < MOST && word.len() < 1000 => {
                let words: Vec<String> =
                    inner.split(',').map(|part| format!("{head}{part}{tail}")).collect();
                open.extend(words.into_iter().rev());
            }
            _ => done.push(word),
        }
        if done.len() >= MOST {
            break;
        }
    }
    done
}

/// The file that the name of a capture tells of: `.../proc/net/tcp6`, `web01-udp6.txt`,
/// `proc-net-raw.log`. Only where it is one.
pub(super) fn of_capture(path: &str) -> Option<File> {
    if let Some((file, folder)) = of_path(path)
        && folder.ends_with("net")
    {
        return Some(file);
    }
    let name = path.rsplit(['/', '\\']).next()?;
    let mut found = None;
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        if let Some((_, file)) = FILES.iter().find(|(known, _)| *known == word && word != "eps") {
            if found.is_some_and(|known| known != *file) {
                return None;
            }
            found = Some(*file);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: File = File::Inet(Transport::Tcp, Family::Ipv4);
    const UDP6: File = File::Inet(Transport::Udp, Family::Ipv6);

    #[test]
    fn marks() {
        for (line, file, folder) in [
            ("==> /proc/net/tcp <==", TCP, "/proc/net"),
            ("==> tcp <==", TCP, ""),
            ("::: udp6 :::", UDP6, ""),
            ("/proc/net/udp6", UDP6, "/proc/net"),
            ("/proc/1/net/udp6:", UDP6, "/proc/1/net"),
            ("db1/proc/net/tcp", TCP, "db1/proc/net"),
            ("--- /proc/net/sctp/eps ---", File::SctpEndpoints, "/proc/net"),
            ("# /proc/net/icmp6", File::Ping(Family::Ipv6), "/proc/net"),
        ] {
            assert_eq!(mark(line), Some(Mark::Table(file, folder)), "{line}");
        }
        assert_eq!(mark("==> /proc/net/unix <=="), Some(Mark::Other));
        for line in ["tcp", "udp 6", "==> /etc/passwd <==", "----", "", "   0: 0100007F:1538"] {
            assert_eq!(mark(line), None, "{line}");
        }
    }

    #[test]
    fn prefixes() {
        assert_eq!(prefix("/proc/net/tcp:  sl  x"), (Some((TCP, "/proc/net")), "  sl  x"));
        assert_eq!(prefix("tcp:   0: 01"), (Some((TCP, "")), "   0: 01"));
        assert_eq!(prefix("   0: 0100007F:1538"), (None, "   0: 0100007F:1538"));
        assert_eq!(prefix("host: x"), (None, "host: x"));
    }

    #[test]
    fn arguments_and_names_of_captures() {
        assert_eq!(of_argument("/proc/net/{tcp,udp}{,6}").len(), 4);
        assert_eq!(of_argument("/proc/net/udp*").len(), 4);
        assert_eq!(of_argument("/proc/self/net/tcp"), [TCP]);
        assert_eq!(of_argument("/etc/passwd"), []);
        assert_eq!(of_argument("tcp"), []);
        assert!(of_argument(&"{a,b}".repeat(100)).is_empty());
        assert_eq!(of_capture("/x/proc/net/udp6"), Some(UDP6));
        assert_eq!(of_capture("web01-udp6.txt"), Some(UDP6));
        assert_eq!(of_capture("tcp-and-udp.txt"), None);
        assert_eq!(of_capture("capture.txt"), None);
    }
}
