//! `list -f json`: one snapshot document, or an array of them.

use std::io;

use super::{Listing, Style};
use crate::safe;
use crate::snapshot::Snapshot;
use crate::snapshot::document::SnapshotDocument;

/// Pretty-printed documents of schema `socklint/snapshot/1`: one for one snapshot, else an array.
#[derive(Debug)]
pub struct Json;

impl Listing for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "one snapshot as JSON, or an array of snapshots"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        snapshots: &[&Snapshot],
        _style: &Style,
    ) -> io::Result<()> {
        match snapshots {
            [snapshot] => safe::json(out, &SnapshotDocument::new(snapshot), true)?,
            snapshots => {
                let documents: Vec<_> =
                    snapshots.iter().map(|snapshot| SnapshotDocument::new(snapshot)).collect();
                safe::json(out, &documents, true)?;
            }
        }
        out.write_all(b"\n")
    }
}
