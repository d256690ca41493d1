//! What the tests share: the program as people run it, and the library as one function.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socklint::audit::{RuleResult, Summary, Threshold, Verdict, audit};
use socklint::capture::{self, Capture, Options, Severity as IssueSeverity};
use socklint::policy::{self, Policy, Severity};
use socklint::snapshot::{Grade, Snapshot};
use socklint::source::SourceFile;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// Panics with everything that was said unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Panics unless standard error holds each of `parts`. Line breaks of wrapped text count as blanks.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        let flat = flat(&self.err);
        for part in parts {
            assert!(flat.contains(part), "`{part}` is not in stderr:\n{}", self.err);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.out))
    }
}

/// Text without the frame that diagnostics are drawn in, each run of blanks and line ends as one blank.
pub(crate) fn flat(text: &str) -> String {
    let bare: String = text
        .chars()
        .map(|c| if matches!(c, '│' | '╰' | '╭' | '─' | '▶' | '┬') { ' ' } else { c })
        .collect();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A directory for one test, removed afterwards; the program runs in it.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The search for `socklint.toml` ends here, whatever lies above.
        std::fs::create_dir(directory.path().join(".git")).unwrap();
        Self { directory }
    }

    /// A place with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Names of everything in it, hidden files too, but for the `.git` that [`Place::new`] makes.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".git").collect();
        names.sort();
        names
    }

    /// The program in this place, with an environment that changes nothing.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_socklint"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for name in [
            "SOCKLINT_POLICY",
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "FORCE_COLOR",
            "COLUMNS",
            "CI",
            "GITHUB_STEP_SUMMARY",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let output = self.command(args).output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A capture that shows and covers TCP and UDP of both families, with owners; everything is on
/// loopback but SSH, the web server and telnet.
pub(crate) const NETSTAT: &str = "\
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    
tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      812/postgres        
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      605/sshd            
tcp        0      0 192.168.100.10:23       0.0.0.0:*               LISTEN      640/inetd           
tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      700/nginx           
tcp6       0      0 ::1:5432                :::*                    LISTEN      812/postgres        
udp        0      0 127.0.0.1:323           0.0.0.0:*                           901/chronyd         
udp6       0      0 ::1:323                 :::*                                901/chronyd         
";

/// The same listeners, with TCP alone asked for.
pub(crate) fn tcp_only() -> String {
    NETSTAT
        .lines()
        .filter(|line| !line.starts_with("udp"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// A text of one name.
pub(crate) fn source(name: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile::new(name, text))
}

/// What is read of a text, one capture a host.
pub(crate) fn read_all(text: &str) -> Vec<Capture> {
    capture::read(source("capture.txt", text), &Options::default())
}

/// What is read of a text of one host.
#[track_caller]
pub(crate) fn read(text: &str) -> Capture {
    let mut captures = read_all(text);
    assert_eq!(captures.len(), 1, "{text}");
    captures.remove(0)
}

/// Reads a text of one host that has nothing wrong with it.
#[track_caller]
pub(crate) fn snapshot(text: &str) -> Snapshot {
    let capture = read(text);
    let wrong = capture.severity(false).is_some_and(|severity| severity >= IssueSeverity::Warning);
    assert!(!wrong, "{text}\n{:#?}", capture.issues);
    capture.snapshot
}

/// Compiles a policy that has nothing wrong with it.
#[track_caller]
pub(crate) fn policy(text: &str) -> Policy {
    let loaded = policy::load(vec![source("policy.toml", text)]);
    let errors: Vec<&str> = loaded.errors.iter().map(|error| error.message.as_str()).collect();
    loaded.policy.unwrap_or_else(|| panic!("{errors:#?} in\n{text}"))
}

/// A verdict for each rule, by id.
pub(crate) fn verdicts(
    policy: &Policy,
    snapshot: &Snapshot,
    grade: Grade,
) -> Vec<(String, Verdict)> {
    let results = audit(policy, snapshot, grade);
    results.iter().map(|result| (result.rule.id(policy).to_owned(), result.verdict)).collect()
}

/// The usual threshold.
pub(crate) const THRESHOLD: Threshold =
    Threshold { fail_on: Severity::Error, allow_unknown: false };

/// What a whole run over a text comes to: verdicts of every host, and the exit code, as `check` has it.
pub(crate) struct Judged {
    pub(crate) results: Vec<(Capture, Option<Vec<RuleResult>>)>,
    pub(crate) exit_code: u8,
}

/// Judges a text as `check` does.
pub(crate) fn judge(policy: &Policy, text: Arc<SourceFile>, grade: Grade, lenient: bool) -> Judged {
    let captures = capture::read(text, &Options::default());
    let (results, exit_code) = judge_read(policy, &captures, grade, lenient);
    Judged { results: captures.into_iter().zip(results).collect(), exit_code }
}

/// Judges what was read as `check` does: the results of each capture, none where it is broken, and the exit
/// code.
pub(crate) fn judge_read(
    policy: &Policy,
    captures: &[Capture],
    grade: Grade,
    lenient: bool,
) -> (Vec<Option<Vec<RuleResult>>>, u8) {
    let mut summary = Summary::default();
    let judged = captures.iter().map(|capture| {
        if capture.severity(lenient) == Some(IssueSeverity::Error) {
            summary.broken += 1;
            return None;
        }
        let results = audit(policy, &capture.snapshot, grade);
        summary.add(&results, policy, capture.snapshot.sockets().len(), THRESHOLD);
        Some(results)
    });
    let results = judged.collect();
    (results, summary.exit_code())
}

/// What `of` makes of each item, in their order, on all cores: for a test that would be the last to end.
pub(crate) fn on_all_cores<T: Sync, R: Send>(items: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<(usize, R)> = std::thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            while let Some(at) =
                Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&at| at < items.len())
            {
                found.push((at, of(&items[at])));
            }
            found
        };
        let crew: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        crew.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, result)| result).collect()
}

/// The folder of fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures")
}

/// Every capture among the fixtures, by name: path and bytes.
pub(crate) fn captures() -> Vec<(String, Vec<u8>)> {
    captures_in(&fixtures())
}

/// Every text in the folders of a folder, by name: path in it and bytes.
pub(crate) fn captures_in(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Every text that has its list of listeners beside it, in the folders `captures*` of a folder.
pub(crate) fn captures_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("captures")) {
            continue;
        }
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "txt")
                && path.with_extension("expected.json").exists()
            {
                found.push((path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
