//! Evidence to captures: a pure function, for any thread.

use std::borrow::Cow;
use std::sync::Arc;

use super::assemble::{Part, assemble, is_void};
use super::context::Facts;
use super::layout::{Role, names_host};
use super::record::{record, wrapped};
use super::{Evidence, Raw};
use crate::capture::{self, Capture, CaptureIssue, IssueKind, Options};
use crate::snapshot::Snapshot;
use crate::source::{SourceFile, Span};

/// Reads evidence: one capture a host, never none.
#[must_use]
pub fn read(mut evidence: Evidence, options: &Options) -> Vec<Capture> {
    let one = match evidence.texts.as_slice() {
        [text] => matches!(text.role, Role::Capture { command: None, netns: None }),
        _ => false,
    };
    let only = if one && !evidence.obfuscated { evidence.texts.pop() } else { None };
    let Some(only) = only else { return host(evidence, options) };
    let source = match decode(only) {
        Ok(source) => source,
        Err(refused) => return vec![*refused],
    };
    if let Some(record) = record(source.text()) {
        return wrapped(&source, record, options);
    }
    let mut captures = capture::read(source, options);
    if let [capture] = captures.as_mut_slice() {
        let snapshot = &mut capture.snapshot;
        if let (Some(host), Some(said)) = (&evidence.host, &snapshot.host.name)
            && options.host.is_none()
            && names_host(&evidence.path)
        {
            capture.issues.extend(capture::other_host(host, snapshot, said));
        }
        snapshot.host.name = snapshot.host.name.take().or(evidence.host);
        if snapshot.origin.path.is_empty() {
            snapshot.origin.path = evidence.path;
        }
        capture::settle(snapshot);
    }
    captures
}

/// Reads the texts of one host.
fn host(evidence: Evidence, options: &Options) -> Vec<Capture> {
    let Evidence { host, path, captured_at, obfuscated, texts, .. } = evidence;
    let mut parts = Vec::new();
    let mut facts = Facts::default();
    let mut refused = Vec::new();
    for text in texts {
        let role = text.role.clone();
        let source = match decode(text) {
            Ok(source) => source,
            Err(capture) => {
                refused.push(*capture);
                continue;
            }
        };
        match role {
            Role::Capture { command, netns } => {
                let options = Options {
                    command: command.or_else(|| options.command.clone()),
                    host: None,
                    ..options.clone()
                };
                let captures = capture::read(source, &options);
                parts.push(Part { captures, netns });
            }
            Role::Context { format, netns } => {
                let text = capture::without_colours(source.text());
                let mut own = Facts::default();
                match format.read(&text, &mut own) {
                    Ok(()) => facts.add(own, netns.as_deref()),
                    Err(at) => {
                        // Who reads it as what it is loses no row of it.
                        if let Some(captures) = listing(&source, options, format.name()) {
                            parts.push(Part { captures, netns });
                            continue;
                        }
                        let whole = matches!(text, Cow::Borrowed(_));
                        let message = format!("this is no output of `{}`", format.name());
                        let range = whole.then_some(at);
                        let kind = IssueKind::FileUnread;
                        refused.push(stand_in(Arc::clone(&source), kind, range, message));
                    }
                }
            }
            Role::Nothing => {}
        }
    }
    let given = super::assemble::Given { host, sure: false, path, captured_at, obfuscated };
    let mut captures = assemble(parts, refused, &facts, given);
    for capture in &mut captures {
        capture::apply(capture, options);
    }
    captures
}

fn decode(text: Raw) -> Result<Arc<SourceFile>, Box<Capture>> {
    let Raw { name, bytes, lines_before, .. } = text;
    match SourceFile::decode(name.clone(), bytes) {
        Ok(source) => Ok(Arc::new(source.after_lines(lines_before))),
        Err(_) => {
            let source = Arc::new(SourceFile::new(name, ""));
            let message = "the evidence is longer than 2 GiB".to_owned();
            Err(Box::new(stand_in(source, IssueKind::Binary, None, message)))
        }
    }
}

/// A capture that holds an issue and nothing else.
pub(super) fn stand_in(
    source: Arc<SourceFile>,
    kind: IssueKind,
    at: Option<std::ops::Range<usize>>,
    message: String,
) -> Capture {
    let mut snapshot = Snapshot::default();
    snapshot.origin.path = source.name().to_owned();
    let id = snapshot.sources.add(source);
    let at = at.map(|at| Span::new(id, at));
    Capture::new(snapshot, vec![CaptureIssue { kind, at, message }], String::new())
}

/// The captures of a text that is called `name` and is a list of sockets instead, which a warning says;
/// `None` when it is none.
pub(super) fn listing(
    source: &Arc<SourceFile>,
    options: &Options,
    name: &str,
) -> Option<Vec<Capture>> {
    let options = Options { from: None, host: None, ..options.clone() };
    let mut captures = capture::read(Arc::clone(source), &options);
    if captures.iter().all(is_void) {
        return None;
    }
    for capture in &mut captures {
        let format = &capture.snapshot.origin.format;
        let message = format!("this is called `{name}`, and it is `{format}`");
        let at = Some(Span::default());
        capture.issues.push(CaptureIssue { kind: IssueKind::Misnamed, at, message });
    }
    Some(captures)
}
