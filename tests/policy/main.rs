//! The policy language held to what is written about it: JSON Schemas, faulty policies, and the
//! examples of the documentation.

#![expect(
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod bad;
mod commands;
mod pages;
mod schema;

use std::path::{Path, PathBuf};

/// A path of the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file.
#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Every file below a directory whose name has this end, sorted; none where the directory is not.
fn files(directory: &str, end: &str) -> Vec<PathBuf> {
    walkdir::WalkDir::new(project(directory))
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| {
            entry.file_type().is_file() && entry.file_name().to_string_lossy().ends_with(end)
        })
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// The JSON that a TOML text stands for, as editors validate it: dates are strings. `None` when it is
/// no TOML.
fn json_of(text: &str) -> Option<serde_json::Value> {
    fn convert(value: toml::Value) -> serde_json::Value {
        match value {
            toml::Value::String(text) => text.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            toml::Value::Boolean(truth) => truth.into(),
            toml::Value::Datetime(moment) => moment.to_string().into(),
            toml::Value::Array(items) => items.into_iter().map(convert).collect(),
            toml::Value::Table(table) => {
                table.into_iter().map(|(key, value)| (key, convert(value))).collect()
            }
        }
    }
    Some(convert(toml::Value::Table(text.parse().ok()?)))
}
