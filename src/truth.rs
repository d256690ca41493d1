//! Three-valued logic whose third value says what is missing.
//!
//! Kleene's strong logic: `No and Unknown` is `No`, `Yes or Unknown` is `Yes`, every other mix with
//! `Unknown` is `Unknown` of all the facts involved.
//! Source: S. C. Kleene, Introduction to Metamathematics, section 64.

use std::fmt;

/// A kind of fact that evidence can lack, with its cure.
///
/// The order is the order in which people read them: what costs most verdicts comes first. The ids
/// are interface: they stand in JSON and are read back from snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Missing {
    /// The capture does not show sockets of this transport at all.
    TransportNotShown,
    /// The capture does not show sockets of this address family.
    FamilyNotShown,
    /// The command leaves listeners out.
    ListenersNotShown,
    /// The command, or a program behind it, filters the rows.
    Filtered,
    /// The header of the table is not there, and no command is known: rows may be missing.
    HeaderNotShown,
    /// A row could not be read.
    RowUnread,
    /// The tool said that it could not read a table.
    ToolError,
    /// The text is, or may be, cut off.
    CutOff,
    /// Coverage is presumed from what is shown, and proof is asked for.
    NotProven,
    /// A tool that lists only some kinds of sockets (of visible processes, of one scan, ...).
    PartialTool,
    /// The capture has no owner column.
    OwnerNotShown,
    /// Owners were asked for and this one is not shown: another user's, or the kernel's.
    OwnerHidden,
    /// The tool shows one owner of a socket and there may be more.
    OthersNotShown,
    /// The owner's text can be read in more than one way.
    OwnerAmbiguous,
    /// The process name may be cut.
    NameCut,
    /// The address is cut.
    AddressCut,
    /// A host name is shown in place of the address.
    AddressResolved,
    /// `*`, of which the text does not tell whether it is IPv4 or both families.
    AddressStar,
    /// The address could not be read or is not in the evidence.
    AddressNotShown,
    /// Whether an IPv6 wildcard also accepts IPv4.
    DualStack,
    /// A service name that stands for no known port.
    PortName,
    /// The port number was read from a service name, and proof is asked for.
    PortResolved,
    /// The port is cut.
    PortCut,
    /// The port could not be read or is not in the evidence.
    PortNotShown,
    /// The evidence does not tell the transport of a socket.
    TransportNotTold,
    /// The transport is inferred from the layout, and proof is asked for.
    TransportInferred,
    /// The format does not show the bound device.
    DeviceNotShown,
    /// Which interface owns the address.
    InterfaceAddresses,
    /// The capture has no user column.
    UserNotShown,
    /// Only the number of the user is known.
    UserName,
    /// Only the name of the user is known.
    UserNumber,
    /// The capture does not show control groups.
    CgroupNotShown,
    /// The evidence does not show executables.
    ExeNotShown,
    /// The name of the host.
    HostName,
    /// A label of the host.
    Label,
    /// Evidence from another machine shows what answers, not what is bound.
    SeenFromOutside,
    /// Evidence of what was asked for shows nothing else that listens.
    Declared,
    /// A network namespace could not be entered.
    NamespaceNotEntered,
    /// The evidence is of a container or another network namespace, and not of the host's own.
    HostNamespace,
    /// Every visible process was looked at, and none holds the socket.
    OwnerNotFound,
}

impl Missing {
    /// Every kind, in order.
    pub const ALL: [Self; 40] = [
        Self::TransportNotShown,
        Self::FamilyNotShown,
        Self::ListenersNotShown,
        Self::Filtered,
        Self::HeaderNotShown,
        Self::RowUnread,
        Self::ToolError,
        Self::CutOff,
        Self::NotProven,
        Self::PartialTool,
        Self::OwnerNotShown,
        Self::OwnerHidden,
        Self::OthersNotShown,
        Self::OwnerAmbiguous,
        Self::NameCut,
        Self::AddressCut,
        Self::AddressResolved,
        Self::AddressStar,
        Self::AddressNotShown,
        Self::DualStack,
        Self::PortName,
        Self::PortResolved,
        Self::PortCut,
        Self::PortNotShown,
        Self::TransportNotTold,
        Self::TransportInferred,
        Self::DeviceNotShown,
        Self::InterfaceAddresses,
        Self::UserNotShown,
        Self::UserName,
        Self::UserNumber,
        Self::CgroupNotShown,
        Self::ExeNotShown,
        Self::HostName,
        Self::Label,
        Self::SeenFromOutside,
        Self::Declared,
        Self::NamespaceNotEntered,
        Self::HostNamespace,
        Self::OwnerNotFound,
    ];

    /// The id in JSON: `owner-not-shown`.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.words().0
    }

    /// The kind with this id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// What is missing, as a clause: `the owners of sockets are not shown`.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.words().1
    }

    /// What supplies it, as an instruction: ``capture as root with `-p`: `sudo ss -lntup` ``.
    #[must_use]
    pub fn cure(self) -> &'static str {
        self.words().2
    }

    /// Id, what, cure.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::TransportNotShown => (
                "transport-not-shown",
                "the evidence does not cover this transport",
                "capture it too: `ss -lntup` lists TCP and UDP",
            ),
            Self::FamilyNotShown => (
                "family-not-shown",
                "the evidence shows one address family only",
                "capture without `-4` and `-6`: `ss -lntup`, and keep the prompt line or name the \
                 command with `--command` when the host has one family only",
            ),
            Self::ListenersNotShown => (
                "listeners-not-shown",
                "the command leaves listening sockets out",
                "capture with `-l`: `ss -lntup`",
            ),
            Self::Filtered => (
                "filtered",
                "the capture is filtered, so a row that is not there proves nothing",
                "capture the whole table, without `grep`, `head` or a filter: `ss -lntup`",
            ),
            Self::HeaderNotShown => (
                "header-not-shown",
                "the table has no header and no command is known, so rows may be missing",
                "capture with the header, or name the command: `--command 'ss -Hlntup'`",
            ),
            Self::RowUnread => (
                "row-unread",
                "a row of the evidence could not be read",
                "capture again, into a file: `ss -lntup > capture.txt`",
            ),
            Self::ToolError => (
                "tool-error",
                "the tool said that it could not read a table",
                "capture on a host and with a kernel where the tool runs without errors",
            ),
            Self::CutOff => (
                "cut-off",
                "the capture is, or may be, cut off at its end",
                "capture again, whole; when nothing is cut, end the text with a line feed",
            ),
            Self::NotProven => (
                "not-proven",
                "that the capture shows every listener is presumed, and `--evidence proven` is asked for",
                "keep the prompt line with the command, or name it: `--command 'ss -lntup'`",
            ),
            Self::PartialTool => (
                "partial-tool",
                "the tool does not list every socket",
                "capture with `ss -lntup` as root",
            ),
            Self::OwnerNotShown => (
                "owner-not-shown",
                "the evidence does not show who owns the sockets",
                "capture as root with `-p`: `sudo ss -lntup`",
            ),
            Self::OwnerHidden => (
                "owner-hidden",
                "the owner of a socket is not shown: another user's process, or the kernel",
                "capture as root: `sudo ss -lntup`",
            ),
            Self::OthersNotShown => (
                "others-not-shown",
                "the tool shows one process of a socket and there may be more",
                "capture with ss, which lists them all: `sudo ss -lntup`",
            ),
            Self::OwnerAmbiguous => (
                "owner-ambiguous",
                "the owner's text can be read in more than one way",
                "look at the process itself: its name was chosen to mislead",
            ),
            Self::NameCut => (
                "name-cut",
                "a process name may be cut",
                "match the beginning of the name with a glob that ends in `*`",
            ),
            Self::AddressCut => (
                "address-cut",
                "an address is cut",
                "capture with ss (`ss -lntup`), or netstat with `-W`",
            ),
            Self::AddressResolved => (
                "address-resolved",
                "a host name is shown in place of an address",
                "capture with `-n`: `ss -lntup`",
            ),
            Self::AddressStar => (
                "address-star",
                "`*` may mean IPv4 only or both families, by the age of ss",
                "capture with the rows that tell (`ss -lntup`, unfiltered) or with `-e`: `ss -lntupe`",
            ),
            Self::AddressNotShown => (
                "address-not-shown",
                "an address is not in the evidence",
                "capture with `ss -lntup`",
            ),
            Self::DualStack => (
                "dual-stack",
                "whether an IPv6 wildcard also accepts IPv4 is not shown",
                "capture with ss 4.14 or newer, best with `-e`: `ss -lntupe`",
            ),
            Self::PortName => (
                "port-name",
                "a service name stands for no known port",
                "capture with `-n`: `ss -lntup`",
            ),
            Self::PortResolved => (
                "port-resolved",
                "a port is shown by its service name, and `--evidence proven` is asked for",
                "capture with `-n`: `ss -lntup`",
            ),
            Self::PortCut => (
                "port-cut",
                "a port is cut",
                "capture wider columns: `netstat -anW` on FreeBSD, without `-A` elsewhere",
            ),
            Self::PortNotShown => {
                ("port-not-shown", "a port is not in the evidence", "capture with `ss -lntup`")
            }
            Self::TransportNotTold => (
                "transport-not-told",
                "the evidence does not tell the transport of a socket",
                "capture with `ss -lntup`, which names it in each row",
            ),
            Self::TransportInferred => (
                "transport-inferred",
                "the transport is told by the layout only, and `--evidence proven` is asked for",
                "capture TCP and UDP together, so that each row names its transport: `ss -lntup`",
            ),
            Self::DeviceNotShown => (
                "device-not-shown",
                "the format does not show the device that a socket is bound to",
                "capture with ss: `ss -lntup`",
            ),
            Self::InterfaceAddresses => (
                "interface-addresses",
                "which interface owns an address is not known",
                "add the interfaces of the host, in a snapshot that holds them",
            ),
            Self::UserNotShown => (
                "user-not-shown",
                "the evidence does not show the users of sockets",
                "capture with `-e`: `sudo ss -lntupe`",
            ),
            Self::UserName => (
                "user-name",
                "only the number of a user is known",
                "write the number in the policy beside the name: `user = [\"postgres\", \"26\"]`",
            ),
            Self::UserNumber => (
                "user-number",
                "only the name of a user is known",
                "write the name in the policy: `user = \"postgres\"`, or capture with numbers: `ss -lntupe`",
            ),
            Self::CgroupNotShown => (
                "cgroup-not-shown",
                "the evidence does not show control groups, and so no units and containers",
                "capture with `-e` (iproute2 5.8 or newer): `sudo ss -lntupe`",
            ),
            Self::ExeNotShown => (
                "exe-not-shown",
                "the evidence does not show the executables of processes",
                "match the process name, or use a snapshot that holds executables",
            ),
            Self::HostName => {
                ("host-name", "the name of the host is not known", "name it: `--host NAME`")
            }
            Self::Label => {
                ("label", "a label of the host is not known", "give it: `--label KEY=VALUE`")
            }
            Self::SeenFromOutside => (
                "seen-from-outside",
                "a view from another machine shows what answers there, not what listens on the host",
                "add evidence from the host itself: `sudo ss -lntup`",
            ),
            Self::Declared => (
                "declared",
                "the evidence shows what was asked for, not what listens",
                "add evidence from the running host: `sudo ss -lntup`",
            ),
            Self::NamespaceNotEntered => (
                "namespace-not-entered",
                "a network namespace of the host could not be read",
                "run as root: `sudo socklint snapshot --netns all`",
            ),
            Self::HostNamespace => (
                "host-namespace",
                "the evidence is of a container or a network namespace, and not of the host's own sockets",
                "capture on the host itself too: `sudo ss -lntup`; a container that is judged as a host of \
                 its own is named so: `--host CONTAINER`",
            ),
            Self::OwnerNotFound => (
                "owner-not-found",
                "no process that can be seen holds a socket: it is the kernel's own, or held where this \
                 view does not reach",
                "look from the host itself, outside of containers; sockets of the kernel (NFS, VXLAN, \
                 WireGuard) have no process: judge them by their port",
            ),
        }
    }
}

/// A set of kinds of missing facts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct MissingSet(u64);

impl MissingSet {
    /// Nothing is missing.
    pub const NONE: Self = Self(0);

    /// The set of one kind.
    #[must_use]
    pub const fn of(kind: Missing) -> Self {
        Self(1 << kind as u8)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: Missing) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in order.
    pub fn iter(self) -> impl Iterator<Item = Missing> {
        Missing::ALL.into_iter().filter(move |&kind| self.contains(kind))
    }
}

impl fmt::Debug for MissingSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Missing::id)).finish()
    }
}

/// Yes, no, or unknown with the facts that would decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// It depends on facts that are missing.
    Unknown(MissingSet),
}

impl Truth {
    /// Unknown for want of one kind of fact.
    #[must_use]
    pub const fn missing(kind: Missing) -> Self {
        Self::Unknown(MissingSet::of(kind))
    }

    /// Both are so.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, x) | (x, Self::Yes) => x,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(a.union(b)),
        }
    }

    /// At least one is so.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, x) | (x, Self::No) => x,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(a.union(b)),
        }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;
    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(so: bool) -> Self {
        if so { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kleene_tables() {
        let unknown = Truth::missing(Missing::HostName);
        let (yes, no) = (Truth::Yes, Truth::No);
        for (a, b, and, or) in [
            (yes, yes, yes, yes),
            (yes, no, no, yes),
            (no, no, no, no),
            (yes, unknown, unknown, yes),
            (no, unknown, no, unknown),
            (unknown, unknown, unknown, unknown),
        ] {
            assert_eq!((a.and(b), b.and(a)), (and, and));
            assert_eq!((a.or(b), b.or(a)), (or, or));
            assert_eq!(!a.and(b), (!a).or(!b));
        }
        assert_eq!(!unknown, unknown);
    }

    #[test]
    fn ids_are_unique_and_in_order() {
        for (index, kind) in Missing::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            assert_eq!(Missing::from_id(kind.id()), Some(kind));
            assert!(!kind.what().is_empty() && !kind.cure().is_empty());
        }
    }
}
