//! Hosts as they are: every fact of every listener, from which the writers print what their tools show.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The kernel's name, at most 15 bytes.
    pub(super) comm: &'static str,
    /// The first argument.
    pub(super) argv: &'static str,
    pub(super) user: &'static str,
    pub(super) uid: u32,
}

const fn process(
    pid: u32,
    comm: &'static str,
    argv: &'static str,
    user: &'static str,
    uid: u32,
) -> Process {
    Process { pid, comm, argv, user, uid }
}

/// Those that hold sockets. A script has the kernel's name of its file and the first argument of its
/// interpreter.
pub(super) const PROCESSES: [Process; 8] = [
    process(1, "systemd", "/sbin/init", "root", 0),
    process(605, "sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "root", 0),
    process(700, "nginx", "nginx: master process /usr/sbin/nginx", "root", 0),
    process(512, "systemd-resolve", "/lib/systemd/systemd-resolved", "root", 0),
    process(811, "postgres", "/usr/lib/postgresql/15/bin/postgres", "postgres", 26),
    process(812, "postgres", "postgres: 15/main: walwriter", "postgres", 26),
    process(950, "java", "/usr/bin/python3", "www", 33),
    process(951, "nginx", "nginx: worker process", "www", 33),
];

/// One listener.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listener {
    pub(super) transport: &'static str,
    /// `*` is the IPv6 wildcard that takes IPv4 too, `::` the one that does not.
    pub(super) address: &'static str,
    /// Of a raw socket: the IP protocol.
    pub(super) port: u16,
    pub(super) device: Option<&'static str>,
    /// Numbers in [`PROCESSES`]; none of a socket of the kernel. All are of one user.
    pub(super) holders: Vec<usize>,
    pub(super) inode: u64,
}

impl Listener {
    pub(super) fn is_v6(&self) -> bool {
        self.address == "*" || self.address.contains(':')
    }

    pub(super) fn is_wildcard(&self) -> bool {
        matches!(self.address, "*" | "::" | "0.0.0.0")
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.transport == "tcp"
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = &'static Process> + '_ {
        self.holders.iter().map(|&holder| &PROCESSES[holder])
    }

    /// The user that made the socket.
    pub(super) fn uid(&self) -> u32 {
        self.owners().next().map_or(0, |owner| owner.uid)
    }

    /// The address as tools print it that show the wildcard of IPv6 as `::`.
    pub(super) fn plain(&self) -> &'static str {
        if self.address == "*" { "::" } else { self.address }
    }

    /// `tcp`, or `tcp6` in the table of IPv6.
    pub(super) fn proto(&self) -> String {
        format!("{}{}", self.transport, if self.is_v6() { "6" } else { "" })
    }
}

/// A host. Each is called `db-1`, as the user says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Host {
    pub(super) listeners: Vec<Listener>,
}

impl Host {
    pub(super) fn of(&self, transports: &[&str]) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(move |one| transports.contains(&one.transport))
    }

    /// Whether a system that has neither mapped addresses nor bound devices can be such a host.
    pub(super) fn is_portable(&self) -> bool {
        self.listeners.iter().all(|one| {
            let zone = one.address.starts_with("fe80");
            !one.address.starts_with("::ffff:") && (one.device.is_none() || zone)
        })
    }
}

/// Addresses of interfaces: no other address is bound.
pub(super) const INTERFACES: [(&str, &[&str]); 3] = [
    ("lo", &["127.0.0.1/8", "::1/128"]),
    (
        "eth0",
        &[
            "10.0.0.5/24",
            "192.168.100.10/24",
            "203.0.113.9/24",
            "fd00::5/64",
            "2001:db8::1/64",
            "fe80::10/64",
            "fe80::a00:27ff:fee8:5464/64",
        ],
    ),
    ("wg0", &["169.254.1.1/24"]),
];

const V4: [&str; 7] = [
    "0.0.0.0",
    "127.0.0.1",
    "127.0.0.53",
    "10.0.0.5",
    "192.168.100.10",
    "203.0.113.9",
    "169.254.1.1",
];
const V6: [&str; 6] = ["*", "::", "::1", "fd00::5", "2001:db8::1", "fe80::10"];
const ODD: [&str; 4] =
    ["::ffff:10.0.0.5", "::ffff:127.0.0.1", "fe80::a00:27ff:fee8:5464", "2001:db8::1"];
const PORTS: [u16; 6] = [22, 23, 80, 443, 5432, 40000];

fn holders() -> impl Strategy<Value = Vec<usize>> {
    let root = vec(0..4_usize, 1..3);
    prop_oneof![
        1 => Just(Vec::new()),
        3 => root,
        3 => vec(4..6_usize, 1..3),
        2 => vec(6..8_usize, 1..3),
    ]
    .prop_map(|mut holders| {
        holders.sort_unstable();
        holders.dedup();
        holders
    })
}

pub(super) fn listener(odd: bool) -> impl Strategy<Value = Listener> {
    let transport = if odd {
        prop_oneof![5 => Just("tcp"), 4 => Just("udp"), 1 => Just("raw")].boxed()
    } else {
        select(vec!["tcp", "udp"]).boxed()
    };
    let addresses: Vec<&'static str> =
        V4.into_iter().chain(V6).chain(ODD.into_iter().filter(|_| odd)).collect();
    let device = prop_oneof![
        6 => Just(None),
        1 => select(vec!["eth0", "lo", "wg0"]).prop_map(Some),
    ];
    (
        transport,
        select(addresses),
        select(&PORTS[..]),
        device,
        holders(),
        select(vec![1_u16, 58, 89]),
    )
        .prop_map(move |(transport, address, port, device, holders, protocol)| {
            let device = match address {
                _ if address.starts_with("fe80") => Some("eth0"),
                "0.0.0.0" | "*" | "::" if odd => device,
                _ => None,
            };
            let port = if transport == "raw" { protocol } else { port };
            Listener { transport, address, port, device, holders, inode: 0 }
        })
}

/// Hosts of any kind, and those that any system can be.
pub(super) fn host() -> impl Strategy<Value = Host> {
    prop_oneof![vec(listener(true), 0..7), vec(listener(false), 0..7)].prop_map(|mut listeners| {
        for (number, listener) in listeners.iter_mut().enumerate() {
            listener.inode = 21_000 + number as u64;
        }
        Host { listeners }
    })
}
