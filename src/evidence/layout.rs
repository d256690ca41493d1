//! What the path of a file says: which host it is of, and what is in it.
//!
//! Known are the trees of sosreport, the trees that Ansible's `fetch` module makes (`HOST/path/of/the/file`), folders
//! `nodes/NAME` and `hosts/NAME` as must-gather makes them, and folders that hold one host's captures under the
//! names of tools (`ss.txt`, `ip-addr.json`, `netstat_-neopa`). Any other file is a host of its own.
//!
//! Sources: sosreport, `sos/report/plugins/__init__.py` (`_mangle_command`: runs of characters other than
//! `[A-Za-z0-9_-./]` become `_`, and `/` becomes `.`); the documentation of ansible.builtin.fetch.

use super::context::{self, ContextFormat};

/// How the files of a host are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A file that is a host.
    Alone,
    /// Files of one host: in a folder, or in a tree that was fetched.
    Folder,
    /// The tree of a sosreport.
    Sos,
}

/// Where a file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// How its host is laid out.
    pub layout: Layout,
    /// The folder of the host, without a slash at its end; empty for the top. For [`Layout::Alone`] the
    /// folder that the file lies in.
    pub root: &'a str,
    /// The path below it.
    pub inside: &'a str,
}

/// What a file is, as its name says.
#[derive(Debug, Clone)]
pub enum Role {
    /// A capture, or what only its text can tell.
    Capture {
        /// The command that made it, where the name is made from it.
        command: Option<String>,
        /// The network namespace that it was made in.
        netns: Option<String>,
    },
    /// Facts beside the sockets.
    Context {
        /// Its format, where the name tells.
        format: &'static dyn ContextFormat,
        /// The network namespace that it was made in.
        netns: Option<String>,
    },
    /// Nothing that is read.
    Nothing,
}

impl Role {
    /// Of a file of which nothing is known.
    pub const PLAIN: Self = Self::Capture { command: None, netns: None };
}

/// Folders that hold one topic of a host.
const TOPICS: &[&str] =
    &["network", "networking", "net", "process", "processes", "system", "sysinfo", "commands"];

/// Folders at the top of a file system, below which `fetch` keeps the path of a file.
const TOPS: &[&str] =
    &["proc", "etc", "tmp", "var", "home", "root", "opt", "usr", "run", "srv", "mnt"];

/// Where the file at `path` belongs; parts are joined by `/`, and there is no empty one.
#[must_use]
pub fn place(path: &str) -> Place<'_> {
    let cut = |at: usize| {
        let root = path.get(..at.saturating_sub(1)).unwrap_or_default();
        (root, path.get(at..).unwrap_or_default())
    };
    let parts = || {
        path.split('/').scan(0, |at, part| {
            let start = *at;
            *at += part.len() + 1;
            Some((start, part))
        })
    };
    let file = path.rfind('/').map_or(0, |at| at + 1);
    let folder = |at: usize, layout| {
        let (root, inside) = cut(at);
        Place { layout, root, inside }
    };
    for (start, part) in parts() {
        let end = start + part.len() + 1;
        if part.starts_with("sosreport-") && end <= file {
            return folder(end, Layout::Sos);
        }
        if matches!(part, "sos_commands" | "sos_logs" | "sos_reports") && end <= file {
            return folder(start, Layout::Sos);
        }
    }
    let known = |inside: &str| {
        inside.starts_with("proc/net/")
            || matches!(inside, "etc/passwd" | "etc/services" | "etc/hostname")
    };
    let name = path.get(file..).unwrap_or_default();
    let tool = tool(name).is_some();
    for (start, part) in parts().filter(|(start, _)| *start < file) {
        let inside = path.get(start..).unwrap_or_default();
        if known(inside) || (tool && start > 0 && TOPS.contains(&part)) {
            return folder(start, Layout::Folder);
        }
        let end = start + part.len() + 1;
        if tool && matches!(part, "nodes" | "hosts") && end < file {
            let host = path.get(end..).and_then(|rest| rest.find('/')).unwrap_or_default();
            return folder(end + host + 1, Layout::Folder);
        }
    }
    if !tool {
        return folder(file, Layout::Alone);
    }
    let mut at = file;
    while at > 0 {
        let above = path.get(..at - 1).unwrap_or_default();
        let start = above.rfind('/').map_or(0, |at| at + 1);
        if start == 0 || !above.get(start..).is_some_and(|name| TOPICS.contains(&name)) {
            break;
        }
        at = start;
    }
    folder(at, Layout::Folder)
}

/// What a file is, by its place.
#[must_use]
pub fn role(place: &Place<'_>) -> Role {
    let name = place.inside.rsplit('/').next().unwrap_or_default();
    match place.layout {
        Layout::Alone => Role::PLAIN,
        Layout::Sos => sos_role(place.inside, name),
        Layout::Folder if place.inside.starts_with("proc/net/") => match is_table(place.inside) {
            true => Role::PLAIN,
            false => Role::Nothing,
        },
        Layout::Folder => tool(name).unwrap_or(Role::Nothing),
    }
}

/// Files of `/proc/net` that list sockets of the transports that are read. Source: proc(5).
fn is_table(inside: &str) -> bool {
    let name = inside.strip_prefix("proc/net/").unwrap_or_default();
    let name = name.strip_suffix('6').unwrap_or(name);
    matches!(name, "tcp" | "udp" | "udplite" | "raw" | "icmp" | "sctp/eps" | "dccp")
}

/// What a file of a sosreport is.
fn sos_role(inside: &str, name: &str) -> Role {
    if inside.starts_with("proc/net/") {
        return if is_table(inside) { Role::PLAIN } else { Role::Nothing };
    }
    if let Some(path) = inside.strip_prefix("etc/") {
        return match path {
            "passwd" | "services" | "hostname" => tool(path).unwrap_or(Role::Nothing),
            _ => Role::Nothing,
        };
    }
    let Some(path) = inside.strip_prefix("sos_commands/") else { return Role::Nothing };
    let (folder, _) = path.split_once('/').unwrap_or_default();
    if !matches!(
        folder,
        "networking" | "process" | "host" | "general" | "docker" | "podman" | "date"
    ) {
        return Role::Nothing;
    }
    let (netns, name) = netns_of(path, name);
    match tool(name) {
        Some(Role::Capture { .. }) => {
            let command = name.replace('_', " ");
            Role::Capture { command: Some(command), netns }
        }
        Some(Role::Context { format, .. }) => Role::Context { format, netns },
        Some(Role::Nothing) | None => Role::Nothing,
    }
}

/// The namespace of `namespaces/NS/ip_netns_exec_NS_ss_-peaonmi`, or of that file name alone as older
/// versions have it, and the name without it.
fn netns_of<'a>(path: &str, name: &'a str) -> (Option<String>, &'a str) {
    let Some(rest) = name.strip_prefix("ip_netns_exec_") else { return (None, name) };
    let folder = path.split_once("namespaces/").and_then(|(_, rest)| rest.split_once('/'));
    if let Some((netns, _)) = folder
        && let Some(rest) = rest.strip_prefix(netns).and_then(|rest| rest.strip_prefix('_'))
    {
        return (Some(netns.to_owned()), rest);
    }
    let tools = ["_ss_-", "_netstat_-", "_ip_"];
    match tools.iter().filter_map(|tool| rest.find(tool)).min() {
        Some(at) => {
            let netns = rest.get(..at).unwrap_or_default().to_owned();
            (Some(netns), rest.get(at + 1..).unwrap_or_default())
        }
        None => (None, name),
    }
}

/// Options of ss, netstat, sockstat and lsof, as letters, lower case.
const LETTERS: &str = "abcdefhiklmnopqrtuvwxz0123456789";

/// Words that people put into the names of captures.
const WORDS: &[&str] = &[
    "all",
    "full",
    "full",
    "ipv4",
    "ipv6",
    "listen",
    "listening",
    "out",
    "output",
    "root",
    "sudo",
    "tcp",
    "tcp6",
    "udp",
    "udp6",
    "v4",
    "v6",
    "wide",
];

/// Programs whose output is no list of sockets and no context that is read.
const OTHER: &[&str] = &[
    "arp",
    "date",
    "df",
    "dmesg",
    "ethtool",
    "free",
    "ifconfig",
    "ip",
    "ip6",
    "ip6tables",
    "iptables",
    "mount",
    "nft",
    "route",
    "sysctl",
    "uname",
    "uptime",
];

/// What a file name says when it begins with the name of a tool and goes on with its options, as
/// `ss.txt`, `ss-lntup.txt`, `netstat_-neopa` and `ip_-o_addr` do. A name with anything else in it is that
/// of a host: `ss-legacy-server.txt`.
fn tool(name: &str) -> Option<Role> {
    let name = bare(name);
    if let Some(format) = context::by_name(name) {
        return Some(Role::Context { format, netns: None });
    }
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(['_', '-', '.', ' ']).filter(|word| !word.is_empty());
    let program = words.next()?;
    let mut rest = words.clone();
    let cluster = |word: &str| word.len() <= 12 && word.chars().all(|c| LETTERS.contains(c));
    let options = || words.clone().all(|word| WORDS.contains(&word) || cluster(word));
    match program {
        "ss" if words.clone().any(|word| word == "s") => Some(Role::Nothing),
        // Groups, interfaces, routes and statistics; but `netstat-db1-is-here.txt` is some host's.
        "netstat" if options() && words.clone().any(is_other_table) => Some(Role::Nothing),
        "ss" | "netstat" | "sockstat" | "lsof" if options() => Some(Role::PLAIN),
        "proc" if rest.next() == Some("net") => {
            rest.all(|word| WORDS.contains(&word) || word.starts_with("raw")).then_some(Role::PLAIN)
        }
        program if OTHER.contains(&program) => Some(Role::Nothing),
        _ => None,
    }
}

/// Whether these options of netstat ask for a table that is not one of sockets.
fn is_other_table(options: &str) -> bool {
    options.len() <= 4
        && options.contains(['g', 'i', 'r', 's'])
        && options.chars().all(|c| "agirsnev".contains(c))
}

/// A file name without the endings that say how the text is kept.
#[must_use]
pub fn bare(name: &str) -> &str {
    const KEPT: &[&str] =
        &[".gz", ".xz", ".zst", ".zstd", ".txt", ".out", ".log", ".json", ".xml", ".csv"];
    let mut name = name;
    while let Some(shorter) = KEPT.iter().find_map(|ending| name.strip_suffix(ending)) {
        if shorter.is_empty() {
            break;
        }
        name = shorter;
    }
    name
}

/// The name of the host of a file that is one: `db1` of `site/db1.txt.gz` and of `site/db1.ss`.
#[must_use]
pub fn host_of_file(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let packed = [".gz", ".xz", ".zst", ".zstd"];
    let name = packed.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    match name.rfind('.') {
        Some(at) if at > 0 => name.get(..at).unwrap_or(name),
        _ => name,
    }
}

/// Whether a folder is called after its host, as `hosts/NAME` and `nodes/NAME` are.
#[must_use]
pub fn names_host(path: &str) -> bool {
    let above = path.rsplit(['/', ':']).nth(1);
    above.is_some_and(|above| matches!(above, "hosts" | "nodes"))
}

/// The name of the host of a folder, and when the folder was made: of `sosreport-db1-2024-03-07-abcdefg`
/// `db1`, of any other its last part; `None` for a folder without a name.
///
/// sosreport joins host, an optional label or case number, date and a random word by `-`. Source:
/// sosreport, `sos/policies/__init__.py`, `get_archive_name`.
#[must_use]
pub fn host_of_folder(root: &str) -> Option<String> {
    let name = root.rsplit('/').next().filter(|name| !name.is_empty())?;
    let Some(rest) = name.strip_prefix("sosreport-") else { return Some(name.to_owned()) };
    let parts: Vec<&str> = rest.split('-').collect();
    let date = parts.windows(3).position(|three| {
        three
            .iter()
            .zip([4, 2, 2])
            .all(|(part, len)| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    // Old versions put a number or a word behind the host: `sosreport-db1.12345-20140101...`.
    let end = date.unwrap_or(parts.len().saturating_sub(1)).max(1);
    Some(parts.get(..end).unwrap_or_default().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> (Layout, &str) {
        let place = place(path);
        (place.layout, place.root)
    }

    fn command(path: &str) -> (Option<String>, Option<String>) {
        match role(&place(path)) {
            Role::Capture { command, netns } => (command, netns),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn files_find_their_hosts() {
        for (path, layout, root) in [
            ("db1.txt", Layout::Alone, ""),
            ("site/0001/h0000001.ss", Layout::Alone, "site/0001"),
            ("lab/ss-6.1.0__lntup__server.txt", Layout::Alone, "lab"),
            ("lab/netstat-windows-an.txt", Layout::Alone, "lab"),
            ("lab/lsof-stem-ipv4.txt", Layout::Alone, "lab"),
            ("ss.txt", Layout::Folder, ""),
            ("fw/ss-e.txt", Layout::Folder, "fw"),
            ("fw/ip-addr-color.txt", Layout::Folder, "fw"),
            ("fw/proc-net.txt", Layout::Folder, "fw"),
            ("fw/nft.json", Layout::Folder, "fw"),
            ("site/db1/network/ss-lntup.txt", Layout::Folder, "site/db1"),
            ("fetched/db1/tmp/ss.txt", Layout::Folder, "fetched/db1"),
            ("fetched/db1/proc/net/tcp6", Layout::Folder, "fetched/db1"),
            ("proc/net/tcp", Layout::Folder, ""),
            ("fetched/db1/etc/passwd", Layout::Folder, "fetched/db1"),
            ("captures/tmp/db1.txt", Layout::Alone, "captures/tmp"),
            ("mg/quay-io/nodes/w1/sys/ss_-lntup", Layout::Folder, "mg/quay-io/nodes/w1"),
            (
                "sosreport-db1-2024-03-07-abc/proc/net/tcp",
                Layout::Sos,
                "sosreport-db1-2024-03-07-abc",
            ),
            ("sos_commands/networking/ss_-peaonmi", Layout::Sos, ""),
            ("x/db1/sos_commands/networking/ss_-peaonmi", Layout::Sos, "x/db1"),
            ("sosreport-db1-2024-03-07-abc.txt", Layout::Alone, ""),
        ] {
            assert_eq!(at(path), (layout, root), "{path}");
        }
    }

    #[test]
    fn names_of_sosreport_are_commands() {
        let sos = |path: &str| format!("sosreport-x/sos_commands/networking/{path}");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(command(&sos("ss_-peaonmi")), (some("ss -peaonmi"), None));
        assert_eq!(command(&sos("netstat_-W_-neopa")), (some("netstat -W -neopa"), None));
        assert_eq!(
            command(&sos("namespaces/my_ns/ip_netns_exec_my_ns_ss_-peaonmi")),
            (some("ss -peaonmi"), some("my_ns"))
        );
        assert_eq!(
            command(&sos("ip_netns_exec_my_ns_netstat_-W_-neopa")),
            (some("netstat -W -neopa"), some("my_ns"))
        );
        for path in ["netstat_-s", "netstat_-agn", "ss_-s", "ethtool_-i_eth0", "ip_route_show"] {
            assert!(matches!(role(&place(&sos(path))), Role::Nothing), "{path}");
        }
        assert!(matches!(role(&place("sosreport-x/var/log/messages")), Role::Nothing));
        assert!(matches!(role(&place("sosreport-x/proc/net/unix")), Role::Nothing));
        for path in ["ip_-o_addr", "ip_-d_address", "ip_addr"] {
            assert!(matches!(role(&place(&sos(path))), Role::Context { .. }), "{path}");
        }
    }

    #[test]
    fn hosts_are_named() {
        assert_eq!(host_of_file("a/db1.txt.gz"), "db1");
        assert_eq!(host_of_file("h0000001.ss"), "h0000001");
        assert_eq!(host_of_file("web.example.org"), "web.example");
        let folder = |root| host_of_folder(root).unwrap_or_default();
        assert_eq!(folder("x/sosreport-db-1-2024-03-07-abcdefg"), "db-1");
        assert_eq!(folder("sosreport-db1-01234567-2024-03-07-abcdefg"), "db1-01234567");
        assert_eq!(folder("sosreport-db1-20140307"), "db1");
        assert_eq!(folder("site/db1"), "db1");
        assert_eq!(host_of_folder(""), None);
    }
}
