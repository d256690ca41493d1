//! Files that add facts to a host: who owns an address, which user a number is, what a process runs.
//!
//! To add a format, write `src/evidence/context/<name>.rs` with a [`ContextFormat`], and add one line to
//! [`CONTEXTS`].

mod hostname;
mod ip_addr;
mod passwd;
mod ps;
mod services;
mod ss_version;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::snapshot::{Interface, Transport};

/// One format of context files.
pub trait ContextFormat: Sync {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Whether a file name, without endings like `.txt`, is that of such a file.
    fn names(&self, name: &str) -> bool;

    /// Whether a text begins as such a file does. `head` may end anywhere.
    fn begins(&self, head: &str) -> bool;

    /// Takes the facts of a text.
    ///
    /// # Errors
    ///
    /// The byte range of a line that is none of this format; no fact is taken then.
    fn read(&self, text: &str, facts: &mut Facts) -> Result<(), std::ops::Range<usize>>;
}

impl std::fmt::Debug for dyn ContextFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Every format, in the order in which they are tried.
pub static CONTEXTS: &[&dyn ContextFormat] = &[
    &ip_addr::IpAddr,
    &ps::Ps,
    &ss_version::SsVersion,
    &passwd::Passwd,
    &services::Services,
    &hostname::Hostname,
];

/// The format that files of this name have; endings like `.txt` are taken off before.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn ContextFormat> {
    CONTEXTS.iter().copied().find(|format| format.names(name))
}

/// The format that a text begins as.
#[must_use]
pub fn by_text(head: &str) -> Option<&'static dyn ContextFormat> {
    CONTEXTS.iter().copied().find(|format| format.begins(head))
}

/// A process, as ps shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// The kernel's name of it, or its first argument's base name.
    pub name: String,
    /// Whether [`Process::name`] is the kernel's.
    pub is_comm: bool,
    /// Its arguments, joined by blanks, where the column is not cut.
    pub cmdline: Option<String>,
    /// Path of the executable.
    pub exe: Option<String>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// User name.
    pub user: Option<String>,
}

/// What context files say of one host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The name of the host.
    pub host: Option<String>,
    /// The interfaces; `None` when no file tells.
    pub interfaces: Option<Vec<Interface>>,
    /// Processes by id.
    pub processes: BTreeMap<u32, Process>,
    /// The first name of each user id, and the id of each name. Source: getpwuid(3).
    pub users: BTreeMap<u32, String>,
    /// The id of each user name.
    pub uids: BTreeMap<String, u32>,
    /// Ports by service name, aliases too.
    pub services: BTreeMap<(String, Transport), u16>,
    /// Whether `*` of ss is a dual-stack IPv6 wildcard (else the IPv4 wildcard).
    pub star_is_dual: Option<bool>,
    /// Of what two files say different things.
    pub contested: Contested,
}

/// Facts that count as not known, since two files contradict each other in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contested {
    users: BTreeSet<u32>,
    uids: BTreeSet<String>,
    services: BTreeSet<(String, Transport)>,
    processes: BTreeSet<u32>,
    star: bool,
}

impl Facts {
    /// Adds what another file says; interfaces are those of `netns`. What two files say differently is not
    /// known.
    pub(super) fn add(&mut self, other: Self, netns: Option<&str>) {
        self.host = self.host.take().or(other.host);
        if let Some(mut interfaces) = other.interfaces {
            for interface in &mut interfaces {
                interface.netns = netns.map(str::to_owned);
            }
            ip_addr::add(self.interfaces.get_or_insert_default(), interfaces);
        }
        let contested = &mut self.contested;
        join(&mut self.users, other.users, &mut contested.users);
        join(&mut self.uids, other.uids, &mut contested.uids);
        join(&mut self.services, other.services, &mut contested.services);
        for (pid, process) in other.processes {
            match self.processes.entry(pid) {
                Entry::Vacant(_) if contested.processes.contains(&pid) => {}
                Entry::Vacant(place) => {
                    place.insert(process);
                }
                Entry::Occupied(place) if place.get().contradicts(&process) => {
                    place.remove();
                    contested.processes.insert(pid);
                }
                Entry::Occupied(_) => {}
            }
        }
        let differ =
            matches!((self.star_is_dual, other.star_is_dual), (Some(a), Some(b)) if a != b);
        contested.star |= differ;
        self.star_is_dual =
            self.star_is_dual.or(other.star_is_dual).filter(|_| !self.contested.star);
    }
}

impl Process {
    /// Whether what both rows tell differs. Names do where one row has the kernel's.
    fn contradicts(&self, other: &Self) -> bool {
        let differ = |one: &Option<String>, other: &Option<String>| matches!((one, other), (Some(one), Some(other)) if one != other);
        let uids = matches!((self.uid, other.uid), (Some(one), Some(other)) if one != other);
        uids || differ(&self.user, &other.user) || differ(&self.exe, &other.exe)
    }
}

/// Adds facts; those that are known otherwise are taken out, and stay out.
fn join<K: Ord + Clone, V: PartialEq>(
    known: &mut BTreeMap<K, V>,
    more: BTreeMap<K, V>,
    contested: &mut BTreeSet<K>,
) {
    for (key, value) in more {
        match known.get(&key) {
            None if contested.contains(&key) => {}
            None => {
                known.insert(key, value);
            }
            Some(own) if *own != value => {
                known.remove(&key);
                contested.insert(key);
            }
            Some(_) => {}
        }
    }
}

/// The lines of a text that are not blank, each with where it begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n')
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line.trim_end()))
        })
        .filter(|(_, line)| !line.is_empty())
}

/// The range of a line, as an error.
fn bad(start: usize, line: &str) -> std::ops::Range<usize> {
    start..start + line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The facts of a text that is of the format of this name, by its content.
    pub(super) fn facts(format: &str, text: &str) -> Facts {
        let found = by_text(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(found.name(), format, "{text}");
        let mut facts = Facts::default();
        found.read(text, &mut facts).unwrap_or_else(|at| panic!("{:?}", text.get(at)));
        facts
    }

    #[test]
    fn captures_are_no_context() {
        for text in [
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n",
            "Active Internet connections (only servers)\nProto Recv-Q\n",
            "$ ss -ltn\n",
            "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
            "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n",
            "USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\n",
            "{\"schema\": \"socklint/snapshot/1\"}\n",
            "[{\"pid\": \"1\", \"port\": \"22\"}]\n",
            "",
        ] {
            assert!(by_text(text).is_none(), "{text}: {:?}", by_text(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~\\n\\t\u{e9}]{0,200}") {
            for format in CONTEXTS {
                format.begins(&text);
                let mut facts = Facts::default();
                if let Err(at) = format.read(&text, &mut facts) {
                    assert!(text.get(at).is_some());
                }
            }
        }
    }
}
