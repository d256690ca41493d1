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
mod tests;

use std::sync::Arc;

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

    fn read(&self, transcript: &mut Transcript) {
        let source = Arc::clone(transcript.source());
        reader::Reader::new(transcript, source.text(), true).run();
    }
}
