//! What every JSON document says of the program and of the policy.

use serde::Serialize;

use super::Policy;

/// The program that wrote a document.
#[derive(Debug, Serialize)]
pub struct ToolDocument {
    /// Always `socklint`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl ToolDocument {
    /// This program.
    pub const THIS: Self =
        Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
}

/// The policy that a document is about.
#[derive(Debug, Serialize)]
pub struct PolicyDocument<'a> {
    /// Its name.
    pub name: &'a str,
    /// Names of its files, what they build on included.
    pub sources: Vec<&'a str>,
    /// SHA-256 over its texts, lower-case hex.
    pub sha256: String,
}

impl<'a> PolicyDocument<'a> {
    /// The document of a policy.
    #[must_use]
    pub fn new(policy: &'a Policy) -> Self {
        Self {
            name: &policy.name,
            sources: policy.sources.files().iter().map(|file| file.name()).collect(),
            sha256: policy.sha256(),
        }
    }
}
