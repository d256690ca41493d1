//! Outputs of `socklint list`, one file each: snapshots to bytes.
//!
//! To add one, write `src/listing/<name>.rs` with a [`Listing`], and add one line to [`LISTINGS`].

pub mod human;
pub mod json;
pub mod ndjson;

use std::io;

use crate::snapshot::Snapshot;
pub use crate::style::Style;

/// One output of `socklint list`.
pub trait Listing: Sync {
    /// Name for `--format`.
    fn name(&self) -> &'static str;

    /// What it is, for `--help`.
    fn about(&self) -> &'static str;

    /// Writes the listeners of all snapshots, in the order given.
    ///
    /// # Errors
    ///
    /// What `out` says.
    fn write(
        &self,
        out: &mut dyn io::Write,
        snapshots: &[&Snapshot],
        style: &Style,
    ) -> io::Result<()>;
}

/// Every output; the first is the default.
pub static LISTINGS: &[&dyn Listing] = &[&human::Human, &json::Json, &ndjson::Ndjson];

/// The output of this name.
#[must_use]
pub fn listing(name: &str) -> Option<&'static dyn Listing> {
    LISTINGS.iter().copied().find(|listing| listing.name() == name)
}

#[cfg(test)]
mod tests;
