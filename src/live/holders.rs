//! Which processes hold which sockets: `/proc/PID/fd` joined with the inodes of the sockets.
//!
//! One pass over the descriptors of the host, whatever the number of sockets: a descriptor costs one
//! readlink(2) and, where it is a socket's, one look into a hash table.
//!
//! A pid can be given to another process meanwhile. Everything of a process is therefore read
//! relative to its open directory of descriptors, which stays that of the process that it was opened
//! for, and fails once that is gone. A process can also close a socket and start another program: after its
//! facts are read, a descriptor is looked at again.
//!
//! Sources: proc(5), linux-manual 6.03; Linux 6.1 `fs/proc/fd.c`, `fs/proc/base.c`.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, RawDir, SeekFrom, readlinkat_raw, seek, statat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::files::{directory, each_entry, number, read_into, read_small};
use super::hierarchy;

/// Room for directory entries and for paths.
const ENTRIES: usize = 32 << 10;
const PATH: usize = 4096;

/// What is asked about processes that hold sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    /// Executable, user and control group.
    pub(super) details: bool,
    /// The command line, which may hold secrets.
    pub(super) cmdline: bool,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: u32,
    /// The kernel's name of it; what is not UTF-8 in it is replaced.
    pub(super) name: Option<String>,
    /// The name is as long as the kernel keeps, and so may be a beginning.
    pub(super) cut: bool,
    /// Path of the executable.
    pub(super) exe: Option<String>,
    /// The arguments, joined by blanks.
    pub(super) cmdline: Option<String>,
    /// Effective user id.
    pub(super) uid: Option<u32>,
    /// Path of the control group.
    pub(super) cgroup: Option<String>,
}

/// One descriptor of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hold {
    /// Inode of the socket.
    inode: u32,
    /// Index in [`Holders::processes`].
    pub(super) process: u32,
    /// The descriptor.
    pub(super) fd: u32,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holders {
    /// Processes that hold a socket, by id.
    pub(super) processes: Vec<Process>,
    /// By inode, then process, then descriptor.
    holds: Vec<Hold>,
    /// How many processes there are whose descriptors could not be read.
    pub(super) hidden: u32,
}

impl Holders {
    /// The descriptors of a socket, by its inode.
    pub(super) fn of(&self, inode: u32) -> &[Hold] {
        let start = self.holds.partition_point(|hold| hold.inode < inode);
        let rest = self.holds.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(|hold| hold.inode == inode).count();
        rest.get(..len).unwrap_or_default()
    }

    /// Looks through all processes for the sockets with these inodes.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub(super) fn find(inodes: impl Iterator<Item = u32> + Clone, ask: Ask) -> Result<Self, Errno> {
        let mut search = Search {
            wanted: Inodes::new(inodes),
            ask,
            found: Self::default(),
            entries: vec![MaybeUninit::uninit(); ENTRIES],
            bytes: Vec::new(),
        };
        let proc = directory(CWD, c"/proc")?;
        let mut pids = Vec::new();
        each_entry(&proc, &mut search.entries, |name, _| pids.extend(number(name)))?;
        pids.sort_unstable();
        for pid in pids {
            search.process(proc.as_fd(), pid);
        }
        let mut found = search.found;
        found.holds.sort_unstable();
        Ok(found)
    }
}

struct Search {
    wanted: Inodes,
    ask: Ask,
    found: Holders,
    entries: Vec<MaybeUninit<u8>>,
    bytes: Vec<u8>,
}

impl Search {
    fn process(&mut self, proc: BorrowedFd<'_>, pid: u32) {
        let descriptors = match directory(proc, format!("{pid}/fd")) {
            Ok(descriptors) => descriptors,
            Err(fault) => return self.not_read(fault),
        };
        // A program that starts while it is looked at gets a second look.
        for look in 0..2 {
            if look > 0 && seek(&descriptors, SeekFrom::Start(0)).is_err() {
                break;
            }
            let before = self.found.holds.len();
            if let Err(fault) = self.descriptors(&descriptors) {
                self.found.holds.truncate(before);
                return self.not_read(fault);
            }
            let Some(&first) = self.found.holds.get(before) else { return };
            let process = self.facts(&descriptors, pid);
            if self.still_holds(&descriptors, first) {
                self.found.processes.push(process);
                return;
            }
            self.found.holds.truncate(before);
        }
        // It changes faster than it can be looked at, or just ended: it may hold anything.
        self.found.hidden += 1;
    }

    /// A process that ended hides nothing.
    fn not_read(&mut self, fault: Errno) {
        self.found.hidden += u32::from(!matches!(fault, Errno::NOENT | Errno::SRCH));
    }

    /// Notes the wanted sockets among the descriptors.
    fn descriptors(&mut self, descriptors: &OwnedFd) -> Result<(), Errno> {
        let process = u32::try_from(self.found.processes.len()).unwrap_or(u32::MAX);
        let Self { wanted, found, entries, .. } = self;
        let mut entries = RawDir::new(descriptors, entries);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let Some(fd) = number(entry.file_name().to_bytes()) else { continue };
            match socket_inode(descriptors, entry.file_name()) {
                Ok(Some(inode)) if wanted.contains(inode) => {
                    found.holds.push(Hold { inode, process, fd });
                }
                // Closed meanwhile.
                Ok(_) | Err(Errno::NOENT) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn still_holds(&self, descriptors: &OwnedFd, hold: Hold) -> bool {
        let name = hold.fd.to_string();
        let known = std::ffi::CString::new(name).unwrap_or_default();
        socket_inode(descriptors, &known) == Ok(Some(hold.inode))
    }

    /// The facts of a process, beside its descriptors: `..` is the directory of the same process.
    fn facts(&mut self, descriptors: &OwnedFd, pid: u32) -> Process {
        let mut process = Process { pid, ..Process::default() };
        let bytes = &mut self.bytes;
        if read_small(descriptors, c"../comm", bytes).is_ok() {
            let name = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            process.cut = name.len() >= COMM;
            process.name = Some(comm(name));
        }
        if self.ask.details {
            process.exe = executable(descriptors);
            // The directory belongs to the effective user, whatever else hides in it: `task_dump_owner`.
            let home = statat(descriptors, c"..", AtFlags::empty());
            process.uid = home.ok().map(|stat| stat.st_uid);
            if read_into(descriptors, c"../cgroup", bytes).is_ok() {
                process.cgroup = hierarchy::path_of_process(&String::from_utf8_lossy(bytes));
            }
        }
        if self.ask.cmdline && read_into(descriptors, c"../cmdline", bytes).is_ok() {
            process.cmdline = command_line(bytes);
        }
        process
    }
}

/// `TASK_COMM_LEN` less its zero.
const COMM: usize = 15;

/// A name of the kernel's. It keeps 15 bytes, which may end inside of a character: what is left of
/// that is no part of the name.
fn comm(bytes: &[u8]) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(fault) if fault.error_len().is_none() && bytes.len() >= COMM => fault.valid_up_to(),
        _ => bytes.len(),
    };
    String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned()
}

/// The inode of a socket that a descriptor stands for: the link is `socket:[N]`.
fn socket_inode(descriptors: &OwnedFd, name: &CStr) -> Result<Option<u32>, Errno> {
    // Longer links are of other things, and are cut.
    let mut buffer = [0; 32];
    let len = readlinkat_raw(descriptors, name, &mut buffer)?;
    let link = buffer.get(..len).unwrap_or_default();
    let inode = link.strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"));
    Ok(inode.and_then(number))
}

/// The path of the executable. Of one that was removed or replaced the kernel's text goes on with
/// ` (deleted)`, which is no part of the path.
fn executable(descriptors: &OwnedFd) -> Option<String> {
    let mut path = link(descriptors, c"../exe")?;
    if let Some(bare) = path.strip_suffix(" (deleted)")
        && statat(descriptors, c"../exe", AtFlags::empty()).is_ok_and(|stat| stat.st_nlink == 0)
    {
        path.truncate(bare.len());
    }
    Some(path)
}

/// What a link in `/proc` says.
pub(super) fn link<P: Arg>(at: impl AsFd, path: P) -> Option<String> {
    let mut buffer = [0; PATH];
    let len = readlinkat_raw(at, path, &mut buffer).ok()?;
    Some(String::from_utf8_lossy(buffer.get(..len)?).into_owned())
}

/// Arguments end with a zero each; a process may have overwritten them with anything.
fn command_line(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().rposition(|&byte| byte != 0)? + 1;
    let mut line = bytes.get(..end)?.to_vec();
    line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// A set of inodes: a table with open addressing, at most half full; 0 stands for an empty place.
struct Inodes {
    places: Vec<u32>,
    shift: u32,
}

impl Inodes {
    fn new(inodes: impl Iterator<Item = u32> + Clone) -> Self {
        let bits = (inodes.clone().count() * 2).next_power_of_two().trailing_zeros().clamp(4, 31);
        let mut set = Self { places: vec![0; 1 << bits], shift: 32 - bits };
        for inode in inodes.filter(|&inode| inode != 0) {
            let place = set.place(inode);
            if let Some(place) = set.places.get_mut(place) {
                *place = inode;
            }
        }
        set
    }

    /// Where an inode is or would be.
    fn place(&self, inode: u32) -> usize {
        // Fibonacci hashing: inodes are given out one after the other.
        let mut at = (inode.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        while self.places.get(at).is_some_and(|&other| other != 0 && other != inode) {
            at = (at + 1) & (self.places.len() - 1);
        }
        at
    }

    fn contains(&self, inode: u32) -> bool {
        inode != 0 && self.places.get(self.place(inode)) == Some(&inode)
    }
}
