//! Network namespaces: which there are, what is in them, and entering them.
//!
//! A namespace lives while a process is in it or a file is bound to it; ip(8) binds files in
//! `/run/netns`. It is entered by a thread that ends when it is read: the others stay where they are.
//!
//! Sources: namespaces(7), network_namespaces(7), setns(2), linux-manual 6.03; ip-netns(8),
//! iproute2 6.1.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, CWD, OFlags, fstat, statat};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::space::{self, Space};
use super::{Fault, Netns, files, hierarchy};
use crate::snapshot::cgroup;

/// Where ip(8) binds namespaces to names.
const NAMED: &str = "/run/netns";

/// How many characters of a container's id make a name.
const SHORT_ID: usize = 12;

/// A network namespace and what was read of it.
#[derive(Debug)]
pub(super) struct Part {
    /// Its name; `None` for that of this process.
    pub(super) name: Option<String>,
    /// Its inode.
    pub(super) inode: Option<u64>,
    /// Containers in it.
    pub(super) containers: Vec<String>,
    /// `None` when it could not be entered.
    pub(super) space: Option<Space>,
}

/// A namespace before it is entered.
#[derive(Debug, Default)]
struct Candidate {
    /// Names in [`NAMED`].
    names: Vec<String>,
    /// Containers of processes in it.
    containers: Vec<String>,
    /// A file that stands for it.
    path: String,
}

/// Reads the namespaces that are asked for, that of this process first, the others by name.
///
/// # Errors
///
/// When a namespace that was named is not there or may not be entered.
pub(super) fn read(netns: &Netns, with_netlink: bool) -> Result<Vec<Part>, Fault> {
    let own = inode_of("/proc/thread-self/ns/net");
    let current = || Part {
        name: None,
        inode: own,
        containers: Vec::new(),
        space: Some(space::read(with_netlink)),
    };
    let path = match netns {
        Netns::Current => return Ok(vec![current()]),
        Netns::All => {
            let mut parts = vec![current()];
            parts.extend(others(own, with_netlink));
            return Ok(parts);
        }
        Netns::Pid(pid) => format!("/proc/{pid}/ns/net"),
        Netns::Name(name) => format!("{NAMED}/{name}"),
    };
    let wrong = |fault: Errno| Fault::Namespace { which: netns.clone(), fault: fault.into() };
    let inode = statat(CWD, path.as_str(), AtFlags::empty()).map_err(wrong)?.st_ino;
    if Some(inode) == own {
        return Ok(vec![current()]);
    }
    let space = enter(&path, with_netlink).map_err(wrong)?;
    let mut candidates = candidates(own);
    let candidate = candidates.remove(&inode).unwrap_or_default();
    let name = match netns {
        Netns::Name(name) => name.clone(),
        _ => name(&candidate, inode),
    };
    let containers = candidate.containers;
    Ok(vec![Part { name: Some(name), inode: Some(inode), containers, space: Some(space) }])
}

fn others(own: Option<u64>, with_netlink: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = candidates(own)
        .into_iter()
        .map(|(inode, candidate)| Part {
            name: Some(name(&candidate, inode)),
            inode: Some(inode),
            space: enter(&candidate.path, with_netlink).ok(),
            containers: candidate.containers,
        })
        .collect();
    parts.sort_by(|a, b| (&a.name, a.inode).cmp(&(&b.name, b.inode)));
    parts
}

/// Every namespace but this process's own, by inode.
fn candidates(own: Option<u64>) -> BTreeMap<u64, Candidate> {
    let mut found: BTreeMap<u64, Candidate> = BTreeMap::new();
    let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
    if let Ok(proc) = files::directory(CWD, c"/proc") {
        let mut pids = Vec::new();
        let _ = files::each_entry(&proc, &mut buffer, |name, _| pids.extend(files::number(name)));
        pids.sort_unstable();
        let mut bytes = Vec::new();
        for pid in pids {
            let Ok(stat) = statat(proc.as_fd(), format!("{pid}/ns/net"), AtFlags::empty()) else {
                continue;
            };
            if Some(stat.st_ino) == own {
                continue;
            }
            let candidate = found.entry(stat.st_ino).or_insert_with(|| Candidate {
                path: format!("/proc/{pid}/ns/net"),
                ..Candidate::default()
            });
            if files::read_into(proc.as_fd(), format!("{pid}/cgroup"), &mut bytes).is_ok()
                && let Some(path) = hierarchy::path_of_process(&String::from_utf8_lossy(&bytes))
                && let Some(container) = cgroup::container(&path)
                && !candidate.containers.iter().any(|known| known == container)
            {
                candidate.containers.push(container.to_owned());
            }
        }
    }
    if let Ok(named) = files::directory(CWD, NAMED) {
        let mut names = Vec::new();
        let _ = files::each_entry(&named, &mut buffer, |name, _| {
            names.push(String::from_utf8_lossy(name).into_owned());
        });
        names.sort_unstable();
        for name in names {
            let path = format!("{NAMED}/{name}");
            // A file that is no longer bound is not of the file system of namespaces.
            let Ok(stat) = statat(CWD, path.as_str(), AtFlags::empty()) else { continue };
            if Some(stat.st_ino) == own || !is_namespace(&path) {
                continue;
            }
            let candidate = found.entry(stat.st_ino).or_default();
            candidate.path = path;
            candidate.names.push(name);
        }
    }
    for candidate in found.values_mut() {
        candidate.containers.sort_unstable();
    }
    found
}

/// `NSFS_MAGIC`.
fn is_namespace(path: &str) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| stat.f_type as u64 == 0x6e73_6673)
}

/// What a namespace is called: the same from run to run where it can be, since fingerprints of
/// violations hold it.
fn name(candidate: &Candidate, inode: u64) -> String {
    match (candidate.names.as_slice(), candidate.containers.as_slice()) {
        ([name, ..], _) => name.clone(),
        ([], [container]) => container.chars().take(SHORT_ID).collect(),
        _ => format!("net:[{inode}]"),
    }
}

fn inode_of(path: &str) -> Option<u64> {
    statat(CWD, path, AtFlags::empty()).ok().map(|stat| stat.st_ino)
}

/// Reads the namespace that a file stands for, in a thread of its own.
fn enter(path: &str, with_netlink: bool) -> Result<Space, Errno> {
    let file: OwnedFd = files::open(CWD, path, OFlags::RDONLY)?;
    fstat(&file)?;
    let read = || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(space::read(with_netlink))
    };
    std::thread::scope(|scope| scope.spawn(read).join().unwrap_or(Err(Errno::FAULT)))
}
