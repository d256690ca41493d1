//! JSON Schemas (draft 7, which editor tooling reads) of what people write and programs read.
//!
//! Tests hold them to the code: every key of the policy language, of snapshots and of reports stands
//! in its schema and the other way round.

/// Policy files (as the JSON that the TOML stands for).
pub static POLICY: &str = include_str!("../../schemas/policy.schema.json");

/// Snapshots: `list -f json` for one input.
pub static SNAPSHOT: &str = include_str!("../../schemas/snapshot.schema.json");

/// Reports: `check -f json`.
pub static REPORT: &str = include_str!("../../schemas/report.schema.json");
