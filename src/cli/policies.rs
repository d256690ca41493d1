//! Finding and reading policies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{CliError, CliErrorKind};
use crate::bundle::{Members, PolicyPart, Recorder};
use crate::policy::packs::{PACKS, pack};
use crate::policy::{Library, Loaded, builtin, load_with};
use crate::source::SourceFile;

/// The file name that is looked for.
const FILE: &str = "socklint.toml";

/// Reads what `--policy` names, else what `$SOCKLINT_POLICY` names, else the nearest `socklint.toml`
/// from the working directory up to the repository's root, else the baseline.
pub(super) fn find(named: &[String]) -> Result<Loaded, CliError> {
    Ok(load_with(files(named)?, &Files))
}

/// The same, with the text of every file that takes part.
pub(super) fn find_for_bundle(
    named: &[String],
    members: &mut Members,
) -> Result<(Loaded, PolicyPart), CliError> {
    let recorder = Recorder::new(&Files);
    let files = files(named)?;
    files.iter().for_each(|file| recorder.name(file));
    let loaded = load_with(files, &recorder);
    Ok((loaded, recorder.finish(members)))
}

fn files(named: &[String]) -> Result<Vec<Arc<SourceFile>>, CliError> {
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
    Ok(files)
}

/// A policy and the tests beside it.
pub(super) struct Pair {
    /// The policy.
    pub(super) policy: Arc<SourceFile>,
    /// Its tests; `None` when there is no file of them.
    pub(super) tests: Option<Arc<SourceFile>>,
    /// Found in a directory that was named: it may have no tests as long as another one has.
    pub(super) found: bool,
}

/// How the names of test files end: `NAME.test.toml` holds the tests of `NAME.toml`.
const TESTS: &str = ".test.toml";

/// Reads policies with their tests, each policy for itself: those that are named, else what
/// [`find`] would use. Of a directory every file that is a policy; a test file in it whose policy is
/// not there is an error.
pub(super) fn with_tests(named: &[String]) -> Result<Vec<Pair>, CliError> {
    let mut names = if named.is_empty() { environment() } else { named.to_vec() };
    if names.is_empty() {
        let first = PACKS.first().map(|pack| format!("builtin:{}", pack.name));
        names.extend(nearest().map(|path| path.to_string_lossy().into_owned()).or(first));
    }
    let mut pairs = Vec::new();
    for name in names {
        // Who names the tests means the policy that they are of.
        let name = match name.strip_suffix(TESTS) {
            Some(stem) if !Path::new(&name).is_dir() => format!("{stem}.toml"),
            _ => name,
        };
        let mut files = Vec::new();
        read(&name, &mut files)?;
        let found = Path::new(&name).is_dir();
        if found {
            check_orphans(&name, &files)?;
        }
        for policy in files {
            let tests = match policy.name().strip_prefix("builtin:").and_then(pack) {
                Some(pack) => {
                    let name = format!("{}{TESTS}", policy.name());
                    Some(Arc::new(SourceFile::new(name, pack.tests)))
                }
                None => tests_beside(policy.name())?,
            };
            pairs.push(Pair { policy, tests, found });
        }
    }
    Ok(pairs)
}

/// Every test file below a directory must be of a policy there: a misspelt name would hide it.
fn check_orphans(directory: &str, policies: &[Arc<SourceFile>]) -> Result<(), CliError> {
    for entry in walkdir::WalkDir::new(directory)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .flatten()
    {
        let path = entry.path().to_string_lossy();
        if let Some(stem) = path.strip_suffix(TESTS)
            && !policies.iter().any(|policy| policy.name() == format!("{stem}.toml"))
        {
            let message = format!("`{path}` holds the tests of a policy that is not there");
            return Err(CliError::new(
                CliErrorKind::Usage,
                message,
                format!("its policy is `{stem}.toml`"),
            ));
        }
    }
    Ok(())
}

fn tests_beside(policy: &str) -> Result<Option<Arc<SourceFile>>, CliError> {
    let path = PathBuf::from(format!("{}{TESTS}", policy.strip_suffix(".toml").unwrap_or(policy)));
    if !path.exists() {
        return Ok(None);
    }
    read_file(&path).map(Some)
}

/// Loads a policy alone, for its tests.
pub(super) fn load_one(file: Arc<SourceFile>) -> Loaded {
    load_with(vec![file], &Files)
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
