//! Finding and reading policies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{CliError, CliErrorKind};
use crate::policy::packs::PACKS;
use crate::policy::{Library, Loaded, builtin, load_with};
use crate::source::SourceFile;

/// The file name that is looked for.
const FILE: &str = "socklint.toml";

/// Reads what `--policy` names, else what `$SOCKLINT_POLICY` names, else the nearest `socklint.toml`
/// from the working directory up to the repository's root, else the baseline.
pub(super) fn find(named: &[String]) -> Result<Loaded, CliError> {
    let mut files = Vec::new();
    let from_environment = environment();
    let named = if named.is_empty() { from_environment.as_slice() } else { named };
    for name in named {
        read(name, &mut files)?;
    }
    if named.is_empty() {
        match nearest() {
            Some(path) => files.push(read_file(&path)?),
            None => {
                let first = PACKS.first().and_then(|pack| builtin(pack.name).ok());
                files.extend(first.map(|(_, file)| file));
            }
        }
    }
    Ok(load_with(files, &Files))
}

fn environment() -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
    let value = std::env::var("SOCKLINT_POLICY").unwrap_or_default();
    if value.is_empty() { Vec::new() } else { vec![value] }
}

fn nearest() -> Option<PathBuf> {
    let start = std::env::current_dir().ok()?;
    for directory in start.ancestors() {
        let path = directory.join(FILE);
        if path.is_file() {
            return Some(path);
        }
        if directory.join(".git").exists() {
            break;
        }
    }
    None
}

/// Files that policies extend: relative to the file that names them, and the built-in packs.
struct Files;

impl Library for Files {
    fn file(&self, name: &str, from: &SourceFile) -> Result<(String, Arc<SourceFile>), String> {
        if name.starts_with("builtin:") {
            return builtin(name);
        }
        let beside = Path::new(from.name()).parent().unwrap_or(Path::new(""));
        let path = beside.join(name);
        #[expect(clippy::disallowed_methods, reason = "the command line reads the policy")]
        let bytes =
            std::fs::read(&path).map_err(|fault| format!("`{}`: {fault}", path.display()))?;
        let file = SourceFile::decode(path.to_string_lossy().into_owned(), bytes)
            .map_err(|_| "it is too long".to_owned())?;
        Ok((self.key(&file), Arc::new(file)))
    }

    /// The path without links and dots, so that a file is the same under every name.
    fn key(&self, file: &SourceFile) -> String {
        match std::fs::canonicalize(file.name()) {
            Ok(path) => path.to_string_lossy().into_owned(),
            Err(_) => file.name().to_owned(),
        }
    }
}

fn read(name: &str, files: &mut Vec<Arc<SourceFile>>) -> Result<(), CliError> {
    if name.starts_with("builtin:") {
        let (_, file) = builtin(name).map_err(|why| {
            CliError::new(CliErrorKind::Usage, why, "`socklint policy list` shows them")
        })?;
        files.push(file);
        return Ok(());
    }
    let path = Path::new(name);
    if !path.is_dir() {
        files.push(read_file(path)?);
        return Ok(());
    }
    let before = files.len();
    for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|fault| {
            CliError::new(
                CliErrorKind::Unreadable,
                format!("`{name}` cannot be read: {fault}"),
                "look at its permissions and links",
            )
        })?;
        let file = entry.file_name().to_string_lossy();
        if entry.file_type().is_file() && file.ends_with(".toml") && !file.ends_with(".test.toml") {
            files.push(read_file(entry.path())?);
        }
    }
    if files.len() == before {
        return Err(CliError::new(
            CliErrorKind::NoRule,
            format!("the directory `{name}` holds no policy"),
            "policies are files whose names end in `.toml` (and not in `.test.toml`)",
        ));
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Arc<SourceFile>, CliError> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads the policy")]
    let bytes = std::fs::read(path).map_err(|fault| CliError::unreadable(path, &fault))?;
    let name = path.to_string_lossy().into_owned();
    let file = SourceFile::decode(name, bytes).map_err(|_| {
        let message = format!("`{}` is longer than 2 GiB", path.display());
        CliError::new(CliErrorKind::Unreadable, message, "split it")
    })?;
    Ok(Arc::new(file))
}
