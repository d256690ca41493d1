//! The live host: what listens here and now, as a [`Capture`] like any other evidence.
//!
//! Linux only; elsewhere [`Live::read`] says so. Sockets are read from the kernel by netlink
//! ([sock_diag(7)], `/proc/net` where that is refused), interfaces by [rtnetlink(7)], and the
//! processes that hold sockets from `/proc`, in one pass. A fact that this process may not see is
//! missing with its reason, socket by socket.
//!
//! Beside the command line this is the only module that touches the world, and it only reads. Reading
//! is apart from asking for processes: whether these are wanted can be decided after a first look.
//!
//! [sock_diag(7)]: https://man7.org/linux/man-pages/man7/sock_diag.7.html
//! [rtnetlink(7)]: https://man7.org/linux/man-pages/man7/rtnetlink.7.html

#[cfg(target_os = "linux")]
mod assemble;
#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod hierarchy;
#[cfg(target_os = "linux")]
mod holders;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod route;
#[cfg(target_os = "linux")]
mod rows;
#[cfg(target_os = "linux")]
mod space;
#[cfg(target_os = "linux")]
mod table;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
use std::cell::OnceCell;
#[cfg(target_os = "linux")]
use std::collections::BTreeMap;
use std::fmt;

use crate::capture::Capture;

/// What the live host is called where evidence is named: as input, as path and as format.
pub const NAME: &str = crate::capture::LIVE;

/// Which network namespaces are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Netns {
    /// That of this process.
    #[default]
    Current,
    /// Every one that a process is in or that has a name in `/run/netns`.
    All,
    /// That of a process.
    Pid(u32),
    /// The one with this name in `/run/netns`, see ip-netns(8).
    Name(String),
}

impl Netns {
    /// Reads `all`, `current`, a process id or a name; `None` for what cannot be a name.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "current" => Some(Self::Current),
            "" | "." | ".." => None,
            text if text.contains(['/', '\0']) => None,
            text => Some(match text.parse() {
                Ok(pid) => Self::Pid(pid),
                Err(_) => Self::Name(text.to_owned()),
            }),
        }
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("current"),
            Self::All => f.write_str("all"),
            Self::Pid(pid) => write!(f, "{pid}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The network namespaces.
    pub netns: Netns,
    /// By netlink, which is what `/proc/net` is a poorer view of.
    pub netlink: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { netns: Netns::default(), netlink: true }
    }
}

/// What a capture of the live host holds beside its sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The processes that hold sockets.
    pub processes: bool,
    /// The processes and their details too, unless the kernel tells of every socket which control group
    /// it belongs to: see [`Live::settle`].
    pub groups: bool,
    /// Their executables, users and control groups.
    pub details: bool,
    /// Their command lines, which may hold secrets.
    pub cmdline: bool,
    /// What a table for people shows and no more: no text that places point into, only its lines, and
    /// no inodes.
    pub brief: bool,
    /// Nothing that tells which host it is, who uses it or what it runs beyond the names of its
    /// processes and units: see `docs/live.md`.
    pub redact: bool,
}

/// Why the live host cannot be read.
#[derive(Debug)]
pub enum Fault {
    /// This is not Linux.
    Unsupported,
    /// A network namespace that was asked for is not there, or may not be entered.
    Namespace {
        /// What was asked for.
        which: Netns,
        /// What the system says.
        fault: std::io::Error,
    },
}

/// The sockets of the live host at one moment.
#[derive(Debug)]
pub struct Live {
    #[cfg(target_os = "linux")]
    parts: Vec<namespaces::Part>,
    /// Paths of the control groups of the sockets, by the ids that the kernel sends, once they are looked
    /// up.
    #[cfg(target_os = "linux")]
    groups: OnceCell<BTreeMap<u64, String>>,
    options: Options,
    moment: Option<String>,
}

impl Live {
    /// Reads the sockets. `moment` is the present one, as RFC 3339 text, for the record.
    ///
    /// # Errors
    ///
    /// On other systems than Linux, and when a namespace that was named cannot be read. That the
    /// kernel refuses a table is no error: the coverage of the capture shows it.
    pub fn read(options: Options, moment: Option<String>) -> Result<Self, Fault> {
        #[cfg(target_os = "linux")]
        {
            let parts = namespaces::read(&options.netns, options.netlink)?;
            Ok(Self { parts, groups: OnceCell::new(), options, moment })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (options, moment);
            Err(Fault::Unsupported)
        }
    }

    /// What has to be looked for so that as much is known as is wanted: a control group that the kernel
    /// tells of needs no process.
    #[must_use]
    pub fn settle(&self, wanted: Wanted) -> Wanted {
        if !wanted.groups {
            return wanted;
        }
        #[cfg(target_os = "linux")]
        let told = assemble::are_groups_told(self);
        #[cfg(not(target_os = "linux"))]
        let told = false;
        match told {
            true => Wanted { groups: false, ..wanted },
            false => Wanted { groups: false, processes: true, details: true, ..wanted },
        }
    }

    /// The capture of these sockets. Processes are looked for now: a socket that is gone meanwhile
    /// has none, and no other socket's process is taken for its own.
    #[must_use]
    pub fn capture(&self, wanted: Wanted) -> Capture {
        #[cfg(target_os = "linux")]
        {
            assemble::capture(self, self.settle(wanted))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let Self { options, moment } = self;
            let _ = (wanted, options, moment);
            Capture::new(crate::snapshot::Snapshot::default(), Vec::new(), NAME.to_owned())
        }
    }
}
