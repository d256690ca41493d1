//! `list -f ndjson`: one snapshot document a line.

use std::io;

use super::{Listing, Style};
use crate::safe;
use crate::snapshot::Snapshot;
use crate::snapshot::document::SnapshotDocument;

/// Documents of schema `socklint/snapshot/1`, one a line.
#[derive(Debug)]
pub struct Ndjson;

impl Listing for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn about(&self) -> &'static str {
        "snapshots as JSON, one a line"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        snapshots: &[&Snapshot],
        _style: &Style,
    ) -> io::Result<()> {
        for snapshot in snapshots {
            safe::json(out, &SnapshotDocument::new(snapshot), false)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}
