//! `lsof` of Linux, macOS and the BSDs, in columns and as fields (`-F`, `-F0`).
//!
//! ```text
//! COMMAND   PID     USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
//! postgres  351 postgres    5u  IPv6 22174      0t0  TCP [::1]:5432 (LISTEN)
//! ```
//!
//! lsof walks processes, not sockets: it shows a socket only through a process that it may read, and
//! never one of the kernel. So it proves that something listens, and never that nothing else does. One
//! socket has a row for each process, descriptor and thread that holds it: rows of one DEVICE (the inode
//! on Linux, a kernel address elsewhere) are one socket.
//!
//! `*` stands for the wildcard of both families, and TYPE tells which; whether `IPV6_V6ONLY` is set and
//! to which device a socket is bound is not shown. Control characters, blanks and bytes that are no text
//! are written as escapes in all columns, so that a row is always one line.
//! Source: lsof 4.93 to 4.99, lsof(8), `print.c`, `proc.c`, `misc.c` (`safestrprtn`), Linux `dsock.c`.

mod columns;
mod fields;
mod name;
mod row;
mod sockets;
#[cfg(test)]
mod tests;

use super::command::Invocation;
use super::{CaptureFormat, Transcript};
use crate::truth::Missing;

/// The reader of lsof's columns.
#[derive(Debug)]
pub struct Lsof;

/// The reader of lsof's fields.
#[derive(Debug)]
pub struct LsofFields;

impl CaptureFormat for Lsof {
    fn name(&self) -> &'static str {
        "lsof"
    }

    fn about(&self) -> &'static str {
        "lsof, in columns"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        row::header(line).map(|_| "`COMMAND PID ... NAME` is the header of lsof")
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        row::parse(line, None).map(|_| "a process, `IPv4` or `IPv6`, and a protocol: a row of lsof")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["lsof"]
    }

    fn chatter(&self, line: &str) -> bool {
        is_warning(line)
    }

    fn tool_error(&self, line: &str) -> bool {
        line.starts_with("lsof: ") && !is_warning(line)
    }

    fn other_output(&self, line: &str) -> Option<&'static str> {
        let usage = line.starts_with("usage: [-?abhKlnNoOPRtUvVX]")
            || line.starts_with("latest revision: ");
        usage.then_some("usage text of lsof")
    }

    fn echoes(&self, call: &Invocation) -> bool {
        echoes(call)
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        cure(missing)
    }

    fn read(&self, transcript: &mut Transcript) {
        columns::read(transcript);
    }
}

impl CaptureFormat for LsofFields {
    fn name(&self) -> &'static str {
        "lsof-F"
    }

    fn about(&self) -> &'static str {
        "lsof with `-F` or `-F0`: one field a line"
    }

    fn header(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        fields::begins(line).then_some("`p` and a process id: the fields of `lsof -F`")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["lsof"]
    }

    fn echoes(&self, call: &Invocation) -> bool {
        echoes(call)
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        cure(missing)
    }

    fn read(&self, transcript: &mut Transcript) {
        fields::read(transcript);
    }
}

/// What lsof warns of and goes on: file systems that it cannot look at, users without a name, a device
/// cache. None of these costs a socket. Source: lsof `misc.c`, `print.c`, `rdev.c`.
fn is_warning(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "lsof: WARNING",
        "lsof: avoiding ",
        "lsof: no pwd entry for UID",
        "Output information may be incomplete",
        "assuming \"dev=",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// Whether a line is a call of lsof and no sentence: all words are options or what `-i` and `+c` take.
fn echoes(call: &Invocation) -> bool {
    call.args.iter().all(|arg| {
        arg.starts_with(['-', '+', ':'])
            || arg.bytes().all(|byte| byte.is_ascii_digit())
            || arg.starts_with("TCP:")
            || arg.starts_with("UDP:")
    })
}

/// Evidence of lsof is as often of macOS as of Linux, and often of hosts without ss.
fn cure(missing: Missing) -> Option<&'static str> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the common cure fits")]
    match missing {
        Missing::PartialTool
        | Missing::TransportNotShown
        | Missing::FamilyNotShown
        | Missing::ListenersNotShown
        | Missing::NotProven => Some(
            "add a list of all sockets: `ss -lntup` on Linux, `netstat -an` on macOS and the BSDs",
        ),
        Missing::OthersNotShown | Missing::OwnerHidden => {
            Some("capture as root and without a filter: `sudo lsof -nP -i`")
        }
        Missing::RowUnread | Missing::CutOff => {
            Some("capture again, into a file: `sudo lsof -nP -i > capture.txt`")
        }
        Missing::AddressResolved | Missing::PortName | Missing::PortResolved => {
            Some("capture with `-n` and `-P`: `sudo lsof -nP -i`")
        }
        Missing::NameCut => Some(
            "capture whole names, `sudo lsof +c 0 -nP -i`, or match the beginning of the name with a \
             glob that ends in `*`",
        ),
        Missing::DualStack | Missing::DeviceNotShown => {
            Some("lsof does not show it: on Linux capture with `ss -lntupe`")
        }
        _ => None,
    }
}
