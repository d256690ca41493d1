//! Evidence bundles: everything that a verdict rests on, in one archive that anyone can judge again.
//!
//! A bundle is a tar archive whose members stand in the order of their names, without owners or times,
//! so that the same audit gives the same bytes:
//!
//! | member | what it is |
//! | --- | --- |
//! | `manifest.json` | a [`Manifest`]: the arguments, the moment, and the SHA-256 of each member below |
//! | `evidence/N` | the bytes of each text of the evidence, as they were read |
//! | `policy/N.toml` | the text of each policy file, those that are extended and built in too |
//! | `report.json` | the report, schema `socklint/report/1` |
//! | `waivers.json` | the waivers that were in force, and what each accepted |
//! | `statement.intoto.json` | an in-toto statement over the manifest and the evidence |
//! | `statement.dsse.json` | the same, signed ([`dsse`]); only with `--sign` |
//!
//! Source of the archive format: POSIX.1-2017, pax, "ustar Interchange Format".

pub mod dsse;
mod replay;
mod texts;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

pub use replay::{Recorder, Replay};
use serde::{Deserialize, Serialize};
pub use texts::{keep, restore};

use crate::source::sha256_hex;

/// The value of `schema` of a manifest.
pub const SCHEMA: &str = "socklint/bundle/1";

/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// The report.
pub const REPORT: &str = "report.json";
/// The waivers.
pub const WAIVERS: &str = "waivers.json";
/// The in-toto statement.
pub const STATEMENT: &str = "statement.intoto.json";
/// The signed statement.
pub const ENVELOPE: &str = "statement.dsse.json";

/// The most members that are read of a bundle.
const MOST_MEMBERS: usize = 1_000_000;

/// The most bytes that the members of a bundle may have together.
const MOST_BYTES: u64 = 1 << 33;

/// What a bundle holds, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The version of socklint that made it.
    pub tool: String,
    /// The options of the audit, as they were given; inputs, policies and outputs are not among them.
    pub arguments: Vec<String>,
    /// The moment by which waivers and reviews were judged, RFC 3339.
    pub judged_at: String,
    /// The exit code of the audit.
    pub exit_code: u8,
    /// The policy.
    pub policy: PolicyPart,
    /// The evidence, in the order in which it was judged.
    pub evidence: Vec<EvidencePart>,
    /// What the audit could not read, as it said: with any of it the exit code is 2.
    pub unread: Vec<String>,
    /// Every other member but the statement and its signature: name to hash and size.
    pub members: BTreeMap<String, MemberPart>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPart {
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// How many they are.
    pub size: u64,
}

impl MemberPart {
    /// That of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: sha256_hex(bytes), size: bytes.len() as u64 }
    }
}

/// The files of a policy and how they belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPart {
    /// The files.
    pub files: Vec<PolicyFilePart>,
    /// Indices of those that the user named, in order.
    pub named: Vec<usize>,
    /// What each `extends` led to.
    pub extends: Vec<ExtendPart>,
}

/// One file of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFilePart {
    /// Its member.
    pub member: String,
    /// What diagnostics call it.
    pub name: String,
}

/// What a file extends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendPart {
    /// The name of the file that extends.
    pub from: String,
    /// What it writes.
    pub name: String,
    /// Index of the file that it means.
    pub file: usize,
}

/// The texts of one host, or one text that may hold several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidencePart {
    /// The name of the host as paths tell it.
    pub host: Option<String>,
    /// What the evidence is called.
    pub path: String,
    /// How its files are laid out: `alone`, `folder`, `sos`.
    pub layout: String,
    /// It was found in a folder or archive.
    pub found: bool,
    /// RFC 3339 moment of the capture, where paths tell.
    pub captured_at: Option<String>,
    /// Its addresses were replaced.
    pub obfuscated: bool,
    /// The texts, in order.
    pub texts: Vec<TextPart>,
}

/// One text of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPart {
    /// Its member.
    pub member: String,
    /// What diagnostics call it.
    pub name: String,
    /// How many lines stand before it in the stream that it was cut from.
    pub lines_before: usize,
    /// What it is.
    pub role: RolePart,
}

/// What a text is, as its path says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolePart {
    /// A capture, by this command.
    Capture {
        /// The command, where the path tells.
        command: Option<String>,
        /// The network namespace, where the path tells.
        netns: Option<String>,
    },
    /// Facts beside the sockets.
    Context {
        /// Name of their format.
        format: String,
        /// The network namespace, where the path tells.
        netns: Option<String>,
    },
}

/// Members by name.
pub type Members = BTreeMap<String, Vec<u8>>;

/// Writes members as an archive.
///
/// # Errors
///
/// What `out` says.
pub fn pack(members: &Members, out: &mut dyn Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    archive.mode(tar::HeaderMode::Deterministic);
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes.as_slice())?;
    }
    archive.into_inner()?.flush()
}

/// Reads an archive that [`pack`] wrote.
///
/// # Errors
///
/// Why it is none, in a clause: it is no tar archive, it is cut off, a member stands twice or is no plain
/// file, or it is larger than any bundle.
pub fn unpack(input: impl Read) -> Result<Members, String> {
    let mut members = Members::new();
    let mut archive = tar::Archive::new(input);
    let mut total: u64 = 0;
    let entries = archive.entries().map_err(|fault| fault.to_string())?;
    for entry in entries {
        let mut entry = entry.map_err(|fault| format!("it is no whole archive: {fault}"))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() {
            return Err(format!("its member `{name}` is no plain file"));
        }
        total = total.saturating_add(entry.size());
        if total > MOST_BYTES || members.len() >= MOST_MEMBERS {
            return Err("it is larger than any bundle".to_owned());
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|fault| format!("it is cut off: {fault}"))?;
        if members.insert(name.clone(), bytes).is_some() {
            return Err(format!("its member `{name}` stands twice"));
        }
    }
    Ok(members)
}

impl Manifest {
    /// The manifest among the members of a bundle, after every hash in it was compared.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, a clause each.
    pub fn check(members: &Members) -> Result<Self, Vec<String>> {
        let Some(bytes) = members.get(MANIFEST) else {
            return Err(vec![format!("there is no `{MANIFEST}`")]);
        };
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|fault| vec![format!("`{MANIFEST}` cannot be read: {fault}")])?;
        let mut faults = Vec::new();
        if manifest.schema != SCHEMA {
            faults.push(format!("its schema is `{}`, and `{SCHEMA}` is known", manifest.schema));
        }
        for (name, part) in &manifest.members {
            match members.get(name) {
                None => faults.push(format!("`{name}` is not there")),
                Some(bytes) if MemberPart::of(bytes) != *part => {
                    faults.push(format!("`{name}` has another hash than the manifest says"));
                }
                Some(_) => {}
            }
        }
        let others = [MANIFEST, STATEMENT, ENVELOPE];
        for name in members.keys() {
            if !others.contains(&name.as_str()) && !manifest.members.contains_key(name) {
                faults.push(format!("the manifest does not know `{name}`"));
            }
        }
        if faults.is_empty() { Ok(manifest) } else { Err(faults) }
    }
}

/// JSON as members have it: two blanks a level, a line feed at the end.
///
/// # Errors
///
/// When the document cannot be written as JSON.
pub fn json(document: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        let mut members = Members::new();
        members.insert("evidence/000001".to_owned(), b"LISTEN".to_vec());
        members.insert(REPORT.to_owned(), b"{}\n".to_vec());
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            tool: "0".to_owned(),
            arguments: Vec::new(),
            judged_at: String::new(),
            exit_code: 0,
            policy: PolicyPart::default(),
            evidence: Vec::new(),
            unread: Vec::new(),
            members: members
                .iter()
                .map(|(name, bytes)| (name.clone(), MemberPart::of(bytes)))
                .collect(),
        };
        members.insert(MANIFEST.to_owned(), json(&manifest).unwrap());
        members
    }

    #[test]
    fn an_archive_reads_back_and_has_no_time_or_owner() {
        let members = members();
        let mut first = Vec::new();
        pack(&members, &mut first).unwrap();
        let mut second = Vec::new();
        pack(&members, &mut second).unwrap();
        assert_eq!(first, second);
        assert_eq!(unpack(first.as_slice()).unwrap(), members);
        for cut in [1, 511, 513, first.len() / 2] {
            let read = unpack(first.get(..cut).unwrap()).map(|members| Manifest::check(&members));
            assert!(!matches!(read, Ok(Ok(_))), "{cut}");
        }
    }

    #[test]
    fn members_that_were_changed_added_or_taken_are_named() {
        assert!(Manifest::check(&members()).is_ok());
        let mut changed = members();
        changed.insert(REPORT.to_owned(), b"{ }\n".to_vec());
        let faults = Manifest::check(&changed).unwrap_err();
        assert_eq!(faults, ["`report.json` has another hash than the manifest says"]);
        let mut added = members();
        added.insert("evidence/000002".to_owned(), Vec::new());
        assert_eq!(
            Manifest::check(&added).unwrap_err(),
            ["the manifest does not know `evidence/000002`"]
        );
        let mut taken = members();
        taken.remove("evidence/000001");
        assert_eq!(Manifest::check(&taken).unwrap_err(), ["`evidence/000001` is not there"]);
    }
}
