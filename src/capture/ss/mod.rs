//! Output of `ss`, iproute2 2.6 to 7.x, on Linux.
//!
//! ```text
//! Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
//! tcp   LISTEN 0      244          0.0.0.0:5432       0.0.0.0:*    users:(("postgres",pid=812,fd=5))
//! ```
//!
//! Every column but the addresses can be missing, `*` changes its meaning with the version, narrow
//! screens break rows anywhere, and process names and unix paths may hold whole rows. Clean rows are
//! read by `fast`, all others by `row` from `logical` lines; `signs` tells how old the ss was,
//! `coverage` what its tables would have shown.
//! Source: iproute2, `misc/ss.c` from 2.6.32 to 7.0; ss(8).

mod coverage;
mod fast;
mod header;
mod logical;
mod protocols;
mod reader;
mod row;
mod signs;
mod users;

pub(in crate::capture) use protocols::number as protocol_number;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::command::Invocation;
use super::{CaptureFormat, Transcript};
use header::Match;
use row::Shape;

/// The format `ss`.
pub struct Ss;

impl CaptureFormat for Ss {
    fn name(&self) -> &'static str {
        "ss"
    }

    fn about(&self) -> &'static str {
        "`ss` of iproute2, any version and options"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        match header::matches(line) {
            Match::Whole(_) => Some("a header of ss"),
            Match::Begun => Some("the beginning of a header of ss"),
            Match::No => None,
        }
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        match row::parse(line, None) {
            Shape::Row(_) | Shape::OpenUsers(_) => Some("a row of ss"),
            Shape::Foreign(..) => Some("a row of ss, of another kind of sockets"),
            Shape::Columns if row::starts(line, None) => Some("the beginning of a row of ss"),
            Shape::Columns | Shape::Forged | Shape::Not => None,
        }
    }

    fn programs(&self) -> &'static [&'static str] {
        &["ss"]
    }

    fn namespace(&self, call: &Invocation) -> Option<String> {
        net_option(&call.args)
    }

    fn chatter(&self, line: &str) -> bool {
        line.starts_with("COLUMNS=")
    }

    fn tool_error(&self, line: &str) -> bool {
        // Source: iproute2 lib/libnetlink.c, misc/ss.c.
        const STARTS: &[&str] = &[
            "RTNETLINK",
            "Cannot open netlink socket",
            "Cannot bind netlink socket",
            "Cannot send dump request",
            "Cannot talk to rtnetlink",
            "Error: ",
            "EOF on netlink",
            "Dump was interrupted",
            "Dump terminated",
            "netlink receive error",
            "ss: ",
            "Failed to open cgroup2",
            "Failed to find cgroup2 mount",
            "TCPDIAG answers",
            "open(\"/proc",
            "fopen(",
        ];
        STARTS.iter().any(|start| line.starts_with(start))
    }

    fn other_output(&self, line: &str) -> Option<&'static str> {
        let total = line
            .strip_prefix("Total: ")
            .is_some_and(|rest| rest.trim_start().starts_with(|c: char| c.is_ascii_digit()));
        match () {
            () if total || line.starts_with("Transport Total") => Some("the summary of `ss -s`"),
            () if line.starts_with("ss utility, iproute2") => Some("the version of ss"),
            () => None,
        }
    }

    fn read(&self, transcript: &mut Transcript) {
        let source = Arc::clone(transcript.source());
        reader::Reader::new(transcript, source.text(), true).run();
    }
}

/// The namespace of `ss -N NAME`.
fn net_option(args: &[String]) -> Option<String> {
    args.iter().enumerate().find_map(|(at, arg)| {
        let value = match arg.strip_prefix("--net") {
            Some(value) => value.strip_prefix('=').unwrap_or(value),
            None if arg.starts_with("--") => return None,
            None => arg.strip_prefix('-')?.split_once('N')?.1,
        };
        let next = args.get(at + 1).map_or("", String::as_str);
        Some(if value.is_empty() { next.to_owned() } else { value.to_owned() })
    })
}
