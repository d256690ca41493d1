//! What is wrong with a call of the program.

use std::io;
use std::path::Path;

use crate::report::diagnostic::{Level, Shown};

/// The kinds of errors of the command line; the codes are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CliErrorKind {
    /// An argument that does not fit.
    Usage,
    /// Nothing to look at.
    NoEvidence,
    /// A file that cannot be read.
    Unreadable,
    /// An input that is larger than any evidence.
    Limit,
    /// A report that cannot be written.
    Unwritable,
    /// A policy of which no rule is asked.
    NoRule,
    /// `--strict`: warnings are errors.
    Strict,
    /// A policy without tests.
    NoTest,
    /// The live host cannot be read.
    Live,
    /// A report that cannot be merged.
    Shard,
    /// Reports of different audits.
    ShardsDiffer,
    /// A bundle that is none, or does not hold what it says.
    Bundle,
}

impl CliErrorKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Usage,
        Self::NoEvidence,
        Self::Unreadable,
        Self::Limit,
        Self::Unwritable,
        Self::NoRule,
        Self::Strict,
        Self::NoTest,
        Self::Live,
        Self::Shard,
        Self::ShardsDiffer,
        Self::Bundle,
    ];

    /// The diagnostic code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Usage => "socklint::cli::usage",
            Self::NoEvidence => "socklint::cli::no_evidence",
            Self::Unreadable => "socklint::cli::unreadable",
            Self::Limit => "socklint::cli::limit",
            Self::Unwritable => "socklint::cli::unwritable",
            Self::NoRule => "socklint::cli::no_rule",
            Self::Strict => "socklint::cli::strict",
            Self::NoTest => "socklint::cli::no_test",
            Self::Live => "socklint::cli::live",
            Self::Shard => "socklint::cli::shard",
            Self::ShardsDiffer => "socklint::cli::shards_differ",
            Self::Bundle => "socklint::cli::bundle",
        }
    }
}

/// One error of the command line: exit code 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CliError {
    kind: CliErrorKind,
    message: String,
    help: String,
}

impl CliError {
    pub(super) fn new(
        kind: CliErrorKind,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { kind, message: message.into(), help: help.into() }
    }

    pub(super) fn unreadable(path: &Path, fault: &io::Error) -> Self {
        let help = match fault.kind() {
            io::ErrorKind::NotFound => "look at the path",
            io::ErrorKind::PermissionDenied => "look at its permissions",
            io::ErrorKind::IsADirectory => "name a file",
            _ => "look at the file and its file system",
        };
        Self::new(
            CliErrorKind::Unreadable,
            format!("`{}` cannot be read: {fault}", path.display()),
            help,
        )
    }

    pub(super) fn unwritable(path: &str, fault: &io::Error) -> Self {
        Self::new(
            CliErrorKind::Unwritable,
            format!("`{path}` cannot be written: {fault}"),
            "look at the path and its permissions; nothing was left half-written",
        )
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn shown(&self) -> Shown {
        Shown::new(Level::Error, self.message.clone())
            .code(self.kind.code())
            .help(self.help.clone())
    }
}
