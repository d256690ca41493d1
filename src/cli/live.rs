//! The live host as input.

use jiff::Timestamp;

use super::args::LiveArgs;
use super::error::{CliError, CliErrorKind};
use crate::capture::{Capture, Options};
use crate::live::{self, Fault, Live, Netns, Wanted};
use crate::policy::Policy;
use crate::snapshot::Snapshot;

/// Says of a first look without processes whether a second with all of them is wanted.
pub(super) type Closer<'a> = Box<dyn Fn(&Snapshot) -> bool + 'a>;

/// Everything that is shown of processes.
pub(super) const ALL: Wanted = Wanted { processes: true, details: true, ..NONE };
const NONE: Wanted = Wanted {
    processes: false,
    groups: false,
    details: false,
    cmdline: false,
    brief: false,
    redact: false,
};

/// How the live host is read, and what is wanted of it.
pub(super) struct LiveHost<'a> {
    options: live::Options,
    processes: bool,
    wanted: Wanted,
    closer: Option<Closer<'a>>,
}

impl<'a> LiveHost<'a> {
    pub(super) fn new(args: &LiveArgs) -> Result<Self, CliError> {
        let netns = Netns::from_text(&args.netns).ok_or_else(|| {
            CliError::new(
                CliErrorKind::Usage,
                format!("`{}` is no network namespace", args.netns),
                "write `all`, `current`, the id of a process or a name that `ip netns list` shows",
            )
        })?;
        Ok(Self {
            options: live::Options { netns, netlink: !args.no_netlink },
            processes: !args.no_processes,
            wanted: ALL,
            closer: None,
        })
    }

    /// What is wanted at first, and when more is.
    pub(super) fn look(&mut self, wanted: Wanted, closer: Option<Closer<'a>>) {
        self.wanted = wanted;
        self.closer = closer;
    }

    /// Reads the host.
    pub(super) fn capture(&self, options: &Options) -> Result<Capture, CliError> {
        if options.from.is_some() || options.command.is_some() {
            return Err(CliError::new(
                CliErrorKind::Usage,
                "`--from` and `--command` are about a capture, and `live` is none",
                "leave them out, or name a file",
            ));
        }
        let live = Live::read(self.options.clone(), Some(now())).map_err(|fault| error(&fault))?;
        let mut wanted = live.settle(self.allowed(self.wanted));
        // A second look goes through all processes once more: rows cost less.
        wanted.brief &= self.closer.is_none() || !wanted.processes;
        let mut capture = live.capture(wanted);
        if self.allowed(ALL) != wanted
            && self.closer.as_ref().is_some_and(|closer| closer(&capture.snapshot))
        {
            drop(capture);
            capture = live.capture(self.allowed(ALL));
        }
        let host = &mut capture.snapshot.host;
        if options.host.is_some() {
            host.name.clone_from(&options.host);
        }
        host.labels.clone_from(&options.labels);
        Ok(capture)
    }

    /// Less what was asked to be left out.
    fn allowed(&self, wanted: Wanted) -> Wanted {
        match self.processes {
            true => wanted,
            false => Wanted { brief: wanted.brief, redact: wanted.redact, ..NONE },
        }
    }
}

/// What the rules of a policy look at. The user id of a socket is always told; a name of a user is one
/// outside of containers only.
pub(super) fn asked(policy: &Policy) -> Wanted {
    let (exe, process) = (policy.asks(&["exe"]), policy.asks(&["process"]));
    let groups = policy.asks(&["user", "cgroup", "unit", "container"]);
    Wanted { processes: exe || process, details: exe, groups, ..NONE }
}

fn now() -> String {
    Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string()
}

fn error(fault: &Fault) -> CliError {
    match fault {
        Fault::Unsupported => CliError::new(
            CliErrorKind::Live,
            "the live host is read on Linux only",
            "capture with a tool of this system and name the file: `netstat -an > capture.txt` and \
             `lsof -nP -i > capture.txt` on macOS and BSD, `netstat -ano > capture.txt` on Windows",
        ),
        Fault::Namespace { which, fault } => CliError::new(
            CliErrorKind::Live,
            format!("the network namespace `{which}` cannot be read: {fault}"),
            match fault.kind() {
                std::io::ErrorKind::NotFound => {
                    "`ip netns list` shows the names; a process id is that of a running process"
                }
                _ => {
                    "namespaces of others are entered as root: `sudo socklint snapshot --netns all`"
                }
            },
        ),
    }
}
