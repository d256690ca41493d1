//! Several captures of one host become one snapshot.
//!
//! Every socket that any of them shows is in it: what one leaves out, another proves. A socket that two show is
//! one, with the facts of both where it is surely the same. Where a capture covers a transport and does not
//! show a socket of it that another shows, or shows other facts of it, they contradict each other: that is told,
//! the socket stays as each shows it, and nothing of that transport counts as proven.
//!
//! What answers from outside, or is published by an engine of containers, is part of the host too where nothing
//! that listens can be it: a rule of NAT has no socket.
//!
//! Captures of different network namespaces are of different sockets: they are put side by side, and what is
//! covered is what each of them covers.

mod build;
mod compare;
mod matching;

use build::build;

use super::context::Facts;
use crate::capture::{
    self, Capture, CaptureIssue, IssueKind, Severity, command, same_host, settle,
};
use crate::snapshot::{Cell, Coverage, Family, Snapshot, Socket, Transport, Vantage};

/// What was read of one text.
#[derive(Debug)]
pub struct Part {
    /// Its captures; of several hosts when there are several.
    pub captures: Vec<Capture>,
    /// The network namespace that its path names.
    pub netns: Option<String>,
}

/// What is known of the host beside its texts.
#[derive(Debug, Default)]
pub struct Given {
    /// Its name.
    pub host: Option<String>,
    /// The name counts more than what the texts say.
    pub sure: bool,
    /// What the evidence is called.
    pub path: String,
    /// RFC 3339 moment of the capture.
    pub captured_at: Option<String>,
    /// Addresses were replaced.
    pub obfuscated: bool,
}

/// Which sockets a capture is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    /// The host's own namespace.
    Host,
    /// A namespace of this name.
    Named(String),
    /// Several namespaces, or another place: comparable with nothing. The number tells them apart.
    Own(usize),
}

/// A capture at work.
struct Candidate {
    capture: Capture,
    place: Where,
}

/// Puts the captures of one host together; `refused` are texts that could not be used at all.
#[must_use]
pub fn assemble(
    parts: Vec<Part>,
    refused: Vec<Capture>,
    facts: &Facts,
    given: Given,
) -> Vec<Capture> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut apart = Vec::new();
    let mut aside = refused;
    for Part { mut captures, netns } in parts {
        if captures.len() > 1 {
            apart.append(&mut captures);
        }
        for capture in captures {
            let place = place(&capture.snapshot, netns.clone(), candidates.len());
            candidates.push(Candidate { capture, place });
        }
    }
    // Beside a capture of the host itself, one from inside of it leaves nothing open but what it shows.
    let whole = candidates.iter().any(|one| one.place == Where::Host && !is_void(&one.capture));
    for candidate in &mut candidates {
        let snapshot = &mut candidate.capture.snapshot;
        let own = snapshot.host.name.clone();
        if given.sure || own.is_none() {
            snapshot.host.name = given.host.clone().or(own.clone());
        }
        settle(snapshot);
        snapshot.host.name = own;
        if whole && let Some(inside) = snapshot.origin.inside.take() {
            snapshot.coverage = inside.coverage;
        }
    }
    let usable = candidates.iter().any(|candidate| !is_void(&candidate.capture));
    let mut lost = Vec::new();
    if usable {
        let void = candidates.extract_if(.., |candidate| is_void(&candidate.capture));
        for candidate in void {
            lost.push(candidate.place);
            aside.push(demoted(candidate.capture));
        }
    }
    lost.retain(|place| candidates.iter().all(|one| one.place != *place));
    let vantage = candidates.iter().map(|one| one.capture.snapshot.origin.vantage);
    let vantage = vantage.min_by_key(|vantage| *vantage as u8).unwrap_or_default();
    // A gossfile or a list of units is what should be, and not what is.
    let others = |one: &mut Candidate| {
        let origin = &one.capture.snapshot.origin;
        origin.vantage != vantage
            && origin.vantage == Vantage::Declared
            && origin.format != capture::docker::NAME
    };
    for other in candidates.extract_if(.., others) {
        aside.push(left_aside(other.capture, "what was asked for tells less than what listens"));
    }
    // The snapshot is of the kind of the first.
    candidates.sort_by_key(|one| one.capture.snapshot.origin.vantage as u8);
    if candidates.is_empty() {
        if apart.is_empty() {
            apart.push(nothing(aside, given));
        }
        return apart;
    }
    if let Some(issue) = different_hosts(&candidates, given.sure) {
        apart.extend(candidates.into_iter().map(|mut candidate| {
            candidate.capture.issues.push(issue.clone());
            candidate.capture
        }));
        return apart;
    }
    apart.insert(0, build(candidates, aside, &lost, facts, given));
    apart
}

/// Where a capture was made. What it says of namespaces is on the lines `netns: NAME`, in its sockets and in its
/// command.
fn place(snapshot: &Snapshot, netns: Option<String>, index: usize) -> Where {
    if let Some(name) = netns {
        return Where::Named(name);
    }
    let marked = snapshot.sources.files().iter().any(|file| {
        let text = file.text();
        text.starts_with("netns: ") || text.contains("\nnetns: ")
    });
    let inside = |socket: &Socket| snapshot.details(socket).netns.is_some();
    let elsewhere = |line: &String| command::parse(line).iter().any(|call| call.place.is_some());
    match marked
        || snapshot.origin.inside.is_some()
        || !snapshot.namespaces.is_empty()
        || snapshot.sockets().iter().any(inside)
        || snapshot.origin.command.as_ref().is_some_and(elsewhere)
    {
        true => Where::Own(index),
        false => Where::Host,
    }
}

/// Whether nothing in a text is of use: it is no list of sockets.
pub(super) fn is_void(capture: &Capture) -> bool {
    let void = |issue: &CaptureIssue| {
        matches!(
            issue.kind,
            IssueKind::Empty | IssueKind::Binary | IssueKind::UnknownFormat | IssueKind::NotSockets
        )
    };
    capture.snapshot.sockets().is_empty() && capture.issues.iter().any(void)
}

/// A text that is of no use beside others: a warning, so that nobody takes it for read.
fn demoted(mut capture: Capture) -> Capture {
    for issue in &mut capture.issues {
        issue.kind = match issue.kind {
            kind if kind.severity(false) == Severity::Error => IssueKind::FileUnread,
            kind => kind,
        };
    }
    capture
}

fn left_aside(mut capture: Capture, message: &str) -> Capture {
    let kind = IssueKind::LeftAside;
    let at = Some(crate::source::Span::default());
    capture.issues = vec![CaptureIssue { kind, at, message: message.to_owned() }];
    capture
}

/// A host without any list of sockets.
fn nothing(aside: Vec<Capture>, given: Given) -> Capture {
    let message = "there are facts of a host here, and no list of sockets".to_owned();
    let issue = CaptureIssue { kind: IssueKind::NotSockets, at: None, message };
    let snapshot = Snapshot::default();
    let first = Capture::new(snapshot, vec![issue], "facts of a host only".to_owned());
    let candidates = vec![Candidate { capture: first, place: Where::Host }];
    build(candidates, aside, &[], &Facts::default(), given)
}

/// What captures call the host. From outside it has an address, which is no name beside others.
fn names(candidates: &[Candidate]) -> impl Iterator<Item = &str> {
    let vantage = |one: &Candidate| one.capture.snapshot.origin.vantage;
    let inside = candidates.iter().any(|one| vantage(one) != Vantage::External);
    let named = candidates.iter().filter(move |one| !inside || vantage(one) != Vantage::External);
    named.filter_map(|one| one.capture.snapshot.host.name.as_deref())
}

/// The issue for captures that name different hosts. Of a host whose name is given for sure, scans may have
/// reached several addresses.
fn different_hosts(candidates: &[Candidate], sure: bool) -> Option<CaptureIssue> {
    let is_address = |name: &str| name.parse::<std::net::IpAddr>().is_ok();
    let mut names = names(candidates).filter(|name| !sure || !is_address(name));
    let first = names.next()?;
    let other = names.find(|name| !same_host(first, name))?;
    Some(CaptureIssue {
        kind: IssueKind::Contradiction,
        at: None,
        message: format!(
            "files that lie together as one host's name two, `{first}` and `{other}`: each is judged alone"
        ),
    })
}

/// The families of sockets among which a socket is: one, or both where its address does not tell.
fn families(socket: &Socket) -> &'static [Family] {
    use crate::snapshot::Address;
    match socket.address {
        Address::Ip(ip) if ip.is_ipv4() => &[Family::Ipv4],
        Address::Ip(_) | Address::Dual => &[Family::Ipv6],
        Address::Star | Address::Reached(_) | Address::Missing(_) => &Family::ALL,
    }
}

/// Whether a coverage says that a socket would be shown.
fn covers(coverage: &Coverage, transport: Transport, families: &[Family]) -> bool {
    let shown = |family: &Family| !matches!(coverage.get(transport, *family), Cell::Absent(_));
    families.iter().all(shown)
}

#[cfg(test)]
mod tests;
