//! What is wrong with a capture, as diagnostics on its lines.

use crate::source::Span;
use crate::truth::Missing;

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing with `--verbose`.
    Note,
    /// Part of the evidence does not count.
    Warning,
    /// The evidence cannot be used as it is: exit code 2.
    Error,
}

/// The kinds of issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssueKind {
    /// No byte, or nothing but blanks.
    Empty,
    /// Not text.
    Binary,
    /// Text of no known capture format.
    UnknownFormat,
    /// Output of a tool that is no list of sockets: statistics, routes, usage, ...
    NotSockets,
    /// A row that cannot be read. With `--lenient` a warning.
    RowUnread,
    /// The last row is cut off. With `--lenient` a warning.
    CutOff,
    /// The tool said that it could not read a table.
    ToolError,
    /// A row inside another row's text: a name or path with a line break made it.
    ForgedRow,
    /// A process name that can be read in more than one way.
    AmbiguousOwner,
    /// Lines that belong to no socket table.
    Ignored,
    /// A JSON document that is broken.
    BadJson,
    /// A JSON document of another schema, or a snapshot with a wrong value.
    BadSnapshot,
    /// A scanner could not tell whether ports are open.
    Uncertain,
    /// Two captures of one host do not show the same.
    Contradiction,
    /// What a name says is not what its text says: the format of a file or a key, or the host.
    Misnamed,
    /// A record of a stream that holds something that is not read, or a key twice.
    BadRecord,
    /// A file beside another capture of its host cannot be used.
    FileUnread,
    /// A capture beside another one of its host does not count.
    LeftAside,
    /// Addresses were replaced before the evidence was handed out.
    Obfuscated,
}

impl IssueKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Empty,
        Self::Binary,
        Self::UnknownFormat,
        Self::NotSockets,
        Self::RowUnread,
        Self::CutOff,
        Self::ToolError,
        Self::ForgedRow,
        Self::AmbiguousOwner,
        Self::Ignored,
        Self::BadJson,
        Self::BadSnapshot,
        Self::Uncertain,
        Self::Contradiction,
        Self::Misnamed,
        Self::BadRecord,
        Self::FileUnread,
        Self::LeftAside,
        Self::Obfuscated,
    ];

    /// The diagnostic code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "socklint::capture::empty",
            Self::Binary => "socklint::capture::binary",
            Self::UnknownFormat => "socklint::capture::unknown_format",
            Self::NotSockets => "socklint::capture::not_sockets",
            Self::RowUnread => "socklint::capture::row_unread",
            Self::CutOff => "socklint::capture::cut_off",
            Self::ToolError => "socklint::capture::tool_error",
            Self::ForgedRow => "socklint::capture::forged_row",
            Self::AmbiguousOwner => "socklint::capture::ambiguous_owner",
            Self::Ignored => "socklint::capture::ignored",
            Self::BadJson => "socklint::capture::bad_json",
            Self::BadSnapshot => "socklint::capture::bad_snapshot",
            Self::Uncertain => "socklint::capture::uncertain",
            Self::Contradiction => "socklint::capture::contradiction",
            Self::Misnamed => "socklint::capture::misnamed",
            Self::BadRecord => "socklint::capture::bad_record",
            Self::FileUnread => "socklint::capture::file_unread",
            Self::LeftAside => "socklint::capture::left_aside",
            Self::Obfuscated => "socklint::capture::obfuscated",
        }
    }

    /// How bad it is; `lenient` reads on where rows are lost.
    #[must_use]
    pub fn severity(self, lenient: bool) -> Severity {
        match self {
            Self::RowUnread | Self::CutOff if lenient => Severity::Warning,
            Self::Empty
            | Self::Binary
            | Self::UnknownFormat
            | Self::NotSockets
            | Self::RowUnread
            | Self::CutOff
            | Self::BadJson
            | Self::BadRecord
            | Self::BadSnapshot => Severity::Error,
            Self::ToolError
            | Self::ForgedRow
            | Self::AmbiguousOwner
            | Self::Contradiction
            | Self::Misnamed
            | Self::FileUnread
            | Self::Obfuscated => Severity::Warning,
            Self::Ignored | Self::LeftAside | Self::Uncertain => Severity::Note,
        }
    }

    /// Why absence proves nothing any more in a capture with such an issue; `None` when no row is
    /// lost by it.
    #[must_use]
    pub fn spoils(self) -> Option<Missing> {
        match self {
            Self::CutOff => Some(Missing::CutOff),
            Self::ToolError => Some(Missing::ToolError),
            Self::Empty
            | Self::Binary
            | Self::UnknownFormat
            | Self::NotSockets
            | Self::RowUnread
            | Self::BadJson
            | Self::BadRecord
            | Self::BadSnapshot => Some(Missing::RowUnread),
            Self::ForgedRow
            | Self::AmbiguousOwner
            | Self::Ignored
            | Self::Contradiction
            | Self::Misnamed
            | Self::FileUnread
            | Self::LeftAside
            | Self::Obfuscated
            | Self::Uncertain => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Empty => "capture the sockets into the file: `ss -lntup > capture.txt`",
            Self::Binary => "socklint reads text; `ss -lntup` prints it",
            Self::UnknownFormat => {
                "socklint reads the output of ss, netstat and many other tools, and its own \
                 snapshots; `socklint check --help` names the formats, and `--from` takes one when \
                 detection is wrong"
            }
            Self::NotSockets => "capture a list of sockets: `ss -lntup`",
            Self::RowUnread => {
                "capture again, or read on with `--lenient`: rules that the row could violate \
                 come out unknown"
            }
            Self::CutOff => {
                "capture again, whole, or read on with `--lenient`: rules that the missing rows \
                 could violate come out unknown"
            }
            Self::ToolError => "what the tool could not read counts as not covered",
            Self::ForgedRow => "no such socket exists: the text is part of a name or a path",
            Self::AmbiguousOwner => "the owner counts as not known: the name was chosen to mislead",
            Self::Ignored => "remove them, or leave them: nothing in them looks like a socket",
            Self::BadJson => "write it again: `socklint list -f json` makes snapshots",
            Self::Uncertain => "what a scan leaves open is decided on the host: `sudo ss -lntup`",
            Self::BadSnapshot => "the shape of a snapshot is that of `socklint list -f json`",
            Self::Contradiction => {
                "the socket counts: capture again when it should not be there, and look closer when \
                 one tool does not see it"
            }
            Self::Misnamed => {
                "the text counts as what it is: name it so, and make sure that it belongs here"
            }
            Self::BadRecord => {
                "a record is `{\"host\": NAME, FORMAT: TEXT, ...}`; `socklint check --help` names \
                 the formats"
            }
            Self::FileUnread => "what the file would tell counts as not known",
            Self::LeftAside => "nothing: the other captures of the host show more",
            Self::Obfuscated => {
                "use the archive as it was before `sos clean`, to judge by addresses"
            }
        }
    }
}

/// Something that a reader could not read, or that a user should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureIssue {
    /// What kind of thing.
    pub kind: IssueKind,
    /// Where; `None` for the whole text.
    pub at: Option<Span>,
    /// What is so, in one clause; may quote the evidence, so it is not sanitised.
    pub message: String,
}
