//! Finding and reading evidence.

mod archive;
mod crew;
mod cut;
mod limits;
mod stream;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub(super) use crew::Jobs;
use limits::Counted;
use stream::{Item, Sink};

use super::args::InputArgs;
use super::error::{CliError, CliErrorKind};
use super::live::{Closer, LiveHost};
use super::output::Screen;
use crate::capture::{self, Capture, FORMATS, IssueKind, Options, Severity};
use crate::evidence::layout::{self, Layout};
use crate::evidence::{self, Evidence, Gather};
use crate::live::{self, Wanted};
use crate::policy::suggestion;
use crate::report::capture_issue;
use crate::snapshot::Snapshot;

/// Evidence to be read, in order.
pub(super) struct Inputs<'a> {
    paths: Vec<PathBuf>,
    options: Options,
    live: LiveHost<'a>,
    /// How many bytes of files were read, where somebody wants to know.
    meter: Option<Rc<Cell<u64>>>,
}

/// A piece of evidence.
pub(super) enum Piece {
    /// Bytes, which can be read on any thread.
    Evidence(Evidence),
    /// The live host, which is read already.
    Live(Box<Capture>),
}

/// What came of reading.
#[derive(Default)]
pub(super) struct Found {
    /// How many captures there were.
    pub(super) count: usize,
    /// Files of a directory or an archive that are in no known format.
    pub(super) passed_over: Vec<String>,
    /// How many more there are than these.
    pub(super) passed_over_more: usize,
    /// What else is to be said of the input.
    notes: Vec<String>,
}

/// How many files that were passed over are remembered by name.
const NAMED: usize = 100;

impl Found {
    /// Tells of files that were passed over, some by name, and what else is worth knowing.
    pub(super) fn tell(&self, screen: &Screen) {
        for note in &self.notes {
            screen.note(note);
        }
        let Some(first) = self.passed_over.first() else { return };
        let more = match self.passed_over.len() - 1 + self.passed_over_more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        screen.note(&format!("passed over, in no format that socklint knows: {first}{more}"));
    }

    /// Adds what is worth knowing.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Takes what became of one piece of evidence: what counts goes to `each`, in order.
    fn take<T>(&mut self, done: Vec<Done<T>>, each: &mut dyn FnMut(T)) {
        for done in done {
            match done {
                Done::PassedOver(path) if self.passed_over.len() < NAMED => {
                    self.passed_over.push(path);
                }
                Done::PassedOver(_) => self.passed_over_more += 1,
                Done::Capture(result) => {
                    self.count += 1;
                    each(result);
                }
            }
        }
    }

    /// The error that there is nothing but what was passed over, if it is so.
    pub(super) fn nothing(&mut self) -> Option<CliError> {
        if self.count > 0 || self.passed_over.is_empty() {
            return None;
        }
        let count = self.passed_over.len() + self.passed_over_more;
        self.passed_over.clear();
        Some(CliError::new(
            CliErrorKind::NoEvidence,
            format!("none of {count} files is in a format that socklint knows"),
            "a directory of evidence holds captures such as the output of `ss -lntup`",
        ))
    }
}

/// The captures of one piece of evidence.
struct Read {
    captures: Vec<Capture>,
    found: bool,
}

/// What became of a capture.
enum Done<T> {
    /// It is no evidence, and nobody named it: its path.
    PassedOver(String),
    Capture(T),
}

impl Read {
    fn done<T>(self, work: &impl Fn(Capture) -> T) -> Vec<Done<T>> {
        let Self { captures, found } = self;
        let of_capture = |capture: Capture| match found && is_no_evidence(&capture) {
            true => Done::PassedOver(capture.snapshot.origin.path),
            false => Done::Capture(work(capture)),
        };
        captures.into_iter().map(of_capture).collect()
    }
}

/// Where pieces of evidence come from.
pub(super) trait Source {
    /// What the user says of all of it.
    fn options(&self) -> &Options;

    /// The evidence, piece by piece, in order: each is all texts of one host, or one text, as bytes. What
    /// cannot be read goes to `error`, what is worth knowing to `note`, and reading goes on.
    ///
    /// This is the part that takes files, archives and streams apart: it is cheap and holds no more than the
    /// hosts at work. What becomes of a piece is a pure function of it and of the options.
    fn pieces(
        &self,
        each: &mut dyn FnMut(Piece),
        error: &mut dyn FnMut(CliError),
        note: &mut dyn FnMut(String),
    );
}

/// Reads one piece of evidence; a pure function.
fn captures(piece: Piece, options: &Options) -> Read {
    match piece {
        Piece::Evidence(evidence) => {
            let found = evidence.found;
            Read { captures: evidence::read(evidence, options), found }
        }
        Piece::Live(capture) => Read { captures: vec![*capture], found: false },
    }
}

fn weight(piece: &Piece) -> usize {
    match piece {
        Piece::Evidence(evidence) => evidence.texts.iter().map(|text| text.bytes.len()).sum(),
        Piece::Live(_) => 0,
    }
}

/// Reads evidence on up to `jobs` threads, does `work` on each capture there, and hands the results to
/// `each` here, in the order of the input. What cannot be read is handed to `error`, and reading goes on.
pub(super) fn read<T: Send>(
    source: &dyn Source,
    jobs: Jobs,
    work: impl Fn(Capture) -> T + Sync,
    mut each: impl FnMut(T),
    mut error: impl FnMut(CliError),
) -> Found {
    let mut found = Found::default();
    let mut notes = Vec::new();
    let mut errors = Vec::new();
    let options = source.options();
    // One host's name is for one host: the first is held back until it is known that no other comes.
    let mut first: Option<Vec<T>> = options.host.is_some().then(Vec::new);
    crew::in_order(
        jobs,
        weight,
        |piece| source.pieces(piece, &mut |fault| errors.push(fault), &mut |note| notes.push(note)),
        |piece| captures(piece, options).done(&work),
        |done| match &mut first {
            Some(held) => found.take(done, &mut |result| held.push(result)),
            None => found.take(done, &mut each),
        },
    );
    match first {
        Some(held) if held.len() > 1 => errors.push(one_host(held.len())),
        Some(held) => held.into_iter().for_each(each),
        None => {}
    }
    found.notes = notes;
    errors.into_iter().for_each(&mut error);
    if let Some(nothing) = found.nothing() {
        error(nothing);
    }
    found
}

impl Source for Inputs<'_> {
    fn options(&self) -> &Options {
        &self.options
    }

    fn pieces(
        &self,
        each: &mut dyn FnMut(Piece),
        error: &mut dyn FnMut(CliError),
        note: &mut dyn FnMut(String),
    ) {
        let mut named = Gather::named();
        for path in &self.paths {
            if path.as_os_str() == live::NAME {
                // What was named before comes before.
                let before = std::mem::replace(&mut named, Gather::named());
                let mut bytes = |evidence| each(Piece::Evidence(evidence));
                finish(before, &mut Sink { each: &mut bytes, error, note, whole: None });
                match self.live.capture(&self.options) {
                    Ok(capture) => each(Piece::Live(Box::new(capture))),
                    Err(fault) => error(fault),
                }
                continue;
            }
            let mut bytes = |evidence| each(Piece::Evidence(evidence));
            let mut sink = Sink { each: &mut bytes, error, note, whole: None };
            if path.is_dir() {
                finish(std::mem::replace(&mut named, Gather::named()), &mut sink);
                self.directory(path, &mut sink);
            } else {
                self.file(path, &mut named, &mut sink);
            }
        }
        let mut bytes = |evidence| each(Piece::Evidence(evidence));
        finish(named, &mut Sink { each: &mut bytes, error, note, whole: None });
    }
}

impl<'a> Inputs<'a> {
    /// Finds out what to read; nothing is read yet.
    pub(super) fn new(args: &InputArgs) -> Result<Self, CliError> {
        let options = options(args)?;
        let mut paths = args.inputs.clone();
        if paths.is_empty() {
            paths.push(PathBuf::from(match std::io::stdin().is_terminal() {
                true => live::NAME,
                false => "-",
            }));
        }
        // Files whose names do not say that they are one host's.
        let hosts = paths.iter().filter(|path| {
            !path.is_dir() && layout::place(&path.to_string_lossy()).layout == Layout::Alone
        });
        let hosts = hosts.count();
        if options.host.is_some() && hosts > 1 {
            return Err(one_host(hosts));
        }
        let directories: Vec<&PathBuf> = paths.iter().filter(|path| path.is_dir()).collect();
        for path in directories {
            let mut files = 0;
            walk(path, &mut |entry| {
                files += 1;
                entry.is_err()
            });
            if files == 0 {
                return Err(no_evidence_in(path));
            }
        }
        let live = LiveHost::new(&args.live)?;
        Ok(Self { paths, options, live, meter: None })
    }

    /// How many bytes there are to read, where that is known, and how many have been, from now on.
    pub(super) fn meter(&mut self) -> (Option<u64>, Rc<Cell<u64>>) {
        let size = |path: &PathBuf| -> Option<u64> {
            if !path.is_dir() {
                return path
                    .metadata()
                    .ok()
                    .filter(std::fs::Metadata::is_file)
                    .map(|data| data.len());
            }
            let mut sum = 0;
            walk(path, &mut |file| {
                let data = file.ok().and_then(|file| file.metadata().ok());
                sum += data.map_or(0, |data| data.len());
                true
            });
            Some(sum)
        };
        let read = Rc::clone(self.meter.get_or_insert_default());
        (self.paths.iter().map(size).sum(), read)
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn std::io::Read>> {
        #[expect(clippy::disallowed_methods, reason = "the command line reads the evidence")]
        let file = std::fs::File::open(path)?;
        Ok(match &self.meter {
            None => Box::new(file),
            Some(read) => Box::new(Counted::into(file, Rc::clone(read))),
        })
    }

    /// What is wanted of the live host beside its sockets, at first, and when more is.
    pub(super) fn look(mut self, wanted: Wanted, closer: Option<Closer<'a>>) -> Self {
        self.live.look(wanted, closer);
        self
    }

    /// Reads all of the evidence and tells of everything that is wrong with it, of notes too when
    /// `verbose`. Gives what can be used, and whether that is all of it.
    pub(super) fn snapshots(
        &self,
        lenient: bool,
        verbose: bool,
        screen: &Screen,
    ) -> (Vec<Snapshot>, bool) {
        let mut snapshots = Vec::new();
        let mut errors = Vec::new();
        let mut whole = true;
        let found = read(
            self,
            Jobs::ONE,
            |capture| capture,
            |Capture { snapshot, issues, detection }| {
                for issue in &issues {
                    if verbose || issue.kind.severity(lenient) > Severity::Note {
                        screen.say(&capture_issue(issue, &snapshot, lenient, screen.style()));
                    }
                }
                if verbose {
                    let origin = &snapshot.origin;
                    screen
                        .note(&format!("{}: read as {}, {detection}", origin.path, origin.format));
                }
                let worst = issues.iter().map(|issue| issue.kind.severity(lenient)).max();
                if worst == Some(Severity::Error) {
                    whole = false;
                } else {
                    snapshots.push(snapshot);
                }
            },
            |error| errors.push(error),
        );
        found.tell(screen);
        for error in &errors {
            screen.complain(error);
        }
        (snapshots, whole && errors.is_empty())
    }

    /// Reads a file that was named, or standard input.
    fn file(&self, path: &Path, gather: &mut Gather, sink: &mut Sink<'_>) {
        let name = path.to_string_lossy();
        let item =
            Item { name: &name, path: &name, modified: None, depth: 0, most: limits::FILE - 1 };
        let read = if path.as_os_str() == "-" {
            stream::read(item, &mut std::io::stdin().lock(), gather, sink)
        } else {
            match self.open(path) {
                Ok(mut file) => stream::read(item, &mut file, gather, sink),
                Err(fault) => return (sink.error)(CliError::unreadable(path, &fault)),
            }
        };
        if let Err(fault) = read {
            self.fault(path, &fault, sink);
        }
    }

    /// Reads every file below a directory, by name; hidden ones are left out.
    fn directory(&self, path: &Path, sink: &mut Sink<'_>) {
        let name = path.canonicalize().ok();
        let name = name.as_deref().and_then(Path::file_name);
        let top = name.map(|name| name.to_string_lossy().into_owned());
        let prefix = format!("{}/", path.to_string_lossy().trim_end_matches('/'));
        let sos = top.as_ref().is_some_and(|name| name.starts_with("sosreport-"))
            || path.join("sos_commands").is_dir();
        let mut gather = match sos {
            true => Gather::sosreport(&prefix, top),
            false => Gather::new(&prefix, top),
        };
        walk(path, &mut |entry| {
            match entry {
                Err(error) => (sink.error)(error),
                Ok(file) => {
                    let inside = file.strip_prefix(path).unwrap_or(&file).to_string_lossy();
                    let inside = inside.replace(std::path::MAIN_SEPARATOR, "/");
                    if gather.wants(&inside) {
                        self.found(&file, &inside, &mut gather, sink);
                    }
                }
            }
            true
        });
        finish(gather, sink);
    }

    fn found(&self, path: &Path, inside: &str, gather: &mut Gather, sink: &mut Sink<'_>) {
        let name = path.to_string_lossy();
        let item =
            Item { name: &name, path: inside, modified: None, depth: 0, most: limits::FILE - 1 };
        let read = self.open(path).and_then(|mut file| stream::read(item, &mut file, gather, sink));
        if let Err(fault) = read {
            self.fault(path, &fault, sink);
        }
    }

    /// Tells why a file cannot be read: the file system's reason, or what is wrong with its bytes.
    #[expect(clippy::unused_self, reason = "one place for what is said of files")]
    fn fault(&self, path: &Path, fault: &std::io::Error, sink: &mut Sink<'_>) {
        match fault.raw_os_error() {
            Some(_) => (sink.error)(CliError::unreadable(path, fault)),
            None => sink.broken(&path.to_string_lossy(), fault, None),
        }
    }
}

/// The evidence in the bytes of one input, as if a file of this name were named: archives, compressed files,
/// streams or a text. What is broken or too much is left out; gives the number of errors too. For fuzzing.
#[must_use]
pub fn evidence_in(name: &str, mut bytes: &[u8]) -> (Vec<Evidence>, usize) {
    let (mut evidence, mut errors) = (Vec::new(), 0);
    let mut sink = Sink {
        each: &mut |found| evidence.push(found),
        error: &mut |_| errors += 1,
        note: &mut |_| {},
        whole: None,
    };
    let item = Item { name, path: name, modified: None, depth: 0, most: limits::MEMBER };
    let mut gather = Gather::named();
    if let Err(fault) = stream::read(item, &mut bytes, &mut gather, &mut sink) {
        sink.broken(name, &fault, None);
    }
    finish(gather, &mut sink);
    (evidence, errors)
}

/// Hands on what is still gathered.
fn finish(gather: Gather, sink: &mut Sink<'_>) {
    let mut out = Vec::new();
    let aside = gather.finish(&mut out);
    sink.take(&mut out);
    tell_aside(sink, &aside);
}

fn one_host(pieces: usize) -> CliError {
    CliError::new(
        CliErrorKind::Usage,
        format!("`--host` names one host, and there are {pieces} pieces of evidence"),
        "leave it out: each host is named by what its evidence says of itself, or by its file or folder",
    )
}

/// Tells of facts of which it is not known whose they are.
fn tell_aside(sink: &mut Sink<'_>, aside: &[String]) {
    let Some(first) = aside.first() else { return };
    let more = match aside.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (sink.note)(format!(
        "facts beside the captures of several hosts belong to none of them: {first}{more}"
    ));
}

fn is_no_evidence(capture: &Capture) -> bool {
    capture
        .issues
        .iter()
        .any(|issue| matches!(issue.kind, IssueKind::UnknownFormat | IssueKind::Binary))
}

fn no_evidence_in(path: &Path) -> CliError {
    CliError::new(
        CliErrorKind::NoEvidence,
        format!("the directory `{}` holds no evidence", path.display()),
        "a directory of evidence holds captures such as the output of `ss -lntup`",
    )
}

/// Every file below a directory, by name; hidden ones are left out. Ends when `each` says false.
fn walk(path: &Path, each: &mut dyn FnMut(Result<PathBuf, CliError>) -> bool) {
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    // Entries of one directory differ in their last part only, so whole paths compare as their names do, and
    // need not be taken apart for it.
    let by_name = |a: &walkdir::DirEntry, b: &walkdir::DirEntry| {
        a.path().as_os_str().cmp(b.path().as_os_str())
    };
    let walk = walkdir::WalkDir::new(path).follow_links(true).sort_by(by_name);
    for entry in walk.into_iter().filter_entry(visible) {
        let file = match entry {
            Ok(entry) if entry.file_type().is_file() => Ok(entry.into_path()),
            Ok(_) => continue,
            Err(fault) => {
                let at = fault.path().unwrap_or(path).to_owned();
                Err(CliError::new(
                    CliErrorKind::Unreadable,
                    format!("`{}` cannot be read: {fault}", at.display()),
                    "look at its permissions and links",
                ))
            }
        };
        if !each(file) {
            return;
        }
    }
}

/// Reads the values of `--label`.
pub(super) fn labels(given: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let mut labels = BTreeMap::new();
    for label in given {
        match label.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                let before = labels.insert(key.to_owned(), value.to_owned());
                if before.is_some_and(|before| before != value) {
                    return Err(CliError::new(
                        CliErrorKind::Usage,
                        format!("the label `{key}` is given twice, with two values"),
                        "a host has one value of a label",
                    ));
                }
            }
            _ => {
                return Err(CliError::new(
                    CliErrorKind::Usage,
                    format!("`{label}` is no label"),
                    "a label is given as `--label env=prod`",
                ));
            }
        }
    }
    Ok(labels)
}

pub(super) fn options(args: &InputArgs) -> Result<Options, CliError> {
    let mut options = Options {
        from: None,
        command: args.command.clone(),
        host: args.host.clone(),
        labels: BTreeMap::new(),
    };
    if let Some(name) = &args.from {
        let known: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
        options.from = Some(capture::format(name).ok_or_else(|| {
            CliError::new(
                CliErrorKind::Usage,
                format!("`{name}` is no input format"),
                suggestion(name, &known, "the input formats"),
            )
        })?);
    }
    options.labels = labels(&args.label)?;
    if let Some(command) = &args.command
        && capture::command::parse(command).is_empty()
    {
        return Err(CliError::new(
            CliErrorKind::Usage,
            format!("`{command}` is no command"),
            "give it as it was typed: `--command 'ss -lntup'`",
        ));
    }
    Ok(options)
}
