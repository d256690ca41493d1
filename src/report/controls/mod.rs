//! Output formats of `socklint controls`, one file each.
//!
//! To add one, write `src/report/controls/<name>.rs` with a [`ReportFormat`], and add one line to
//! [`TABLES`].

mod human;
mod json;

use super::ReportFormat;

/// Every format, in the order of the documentation.
pub static TABLES: &[&dyn ReportFormat] = &[&human::Human, &json::Json];
