//! Puts the members of a folder, an archive or a stream together by host, as they come.

use std::borrow::Cow;

use jiff::Timestamp;

use super::layout::{self, Layout, Place, Role, host_of_file, host_of_folder, place, role};
use super::{Evidence, Raw, context};

/// The most texts that one host may have.
const MOST_TEXTS: usize = 20_000;

/// The most bytes that the texts of one host may have together.
const MOST_BYTES: usize = 1 << 30;

/// How much of a text is looked at for what it is.
const HEAD: usize = 1024;

/// One file of a folder, an archive or a stream.
#[derive(Debug, Default)]
pub struct Member {
    /// Its path below the folder or in the archive, parts joined by `/`.
    pub path: String,
    /// What diagnostics call it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many lines stand before it in the stream that it was cut from.
    pub lines_before: usize,
    /// It is a document of a stream of such, and a host for itself.
    pub record: bool,
    /// When it was last changed, in seconds since 1970, where that is told and means something.
    pub modified: Option<i64>,
}

/// A limit that a host of many files ran into; nothing of that host comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The folder of the host.
    pub path: String,
    /// What there is too much of.
    pub message: String,
}

/// Hosts at work.
///
/// What belongs to one host must stand together: a host is done when a member comes that does not lie in
/// its folder. Of a folder in which each file is a host, no more than the first is held back, for facts that
/// may lie beside it.
#[derive(Debug, Default)]
pub struct Gather {
    /// What stands before paths in names: `captures/`, `fleet.tar:`.
    prefix: String,
    /// The name of the host whose files lie at the top.
    top: Option<String>,
    /// Files were named one by one: one alone is what its own name says.
    named: bool,
    /// All of it is one sosreport.
    sos: bool,
    open: Vec<Open>,
    aside: Vec<String>,
}

/// A folder at work.
#[derive(Debug)]
struct Open {
    root: String,
    /// Files of the folder's own host.
    group: Option<Evidence>,
    captures: usize,
    bytes: usize,
    broken: bool,
    /// The first file that is a host for itself.
    alone: Option<Evidence>,
    /// How many such files there were.
    alones: usize,
}

impl Gather {
    /// Members of the folder or archive whose paths come behind `prefix`; `top` names the host whose files
    /// lie at its top.
    #[must_use]
    pub fn new(prefix: &str, top: Option<String>) -> Self {
        Self { prefix: prefix.to_owned(), top, ..Self::default() }
    }

    /// Files that were named one by one.
    #[must_use]
    pub fn named() -> Self {
        Self { named: true, ..Self::default() }
    }

    /// Whether the files were named one by one.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// Members of the folder of a sosreport, whatever its name is.
    #[must_use]
    pub fn sosreport(prefix: &str, top: Option<String>) -> Self {
        Self { sos: true, ..Self::new(prefix, top) }
    }

    /// Whether a file of this path is read at all.
    #[must_use]
    pub fn wants(&self, path: &str) -> bool {
        !matches!(role(&self.place(path)), Role::Nothing)
    }

    fn place<'p>(&self, path: &'p str) -> Place<'p> {
        match self.sos {
            true => Place { layout: Layout::Sos, root: "", inside: path },
            false => place(path),
        }
    }

    /// Adds a member; hosts that are done come out.
    ///
    /// # Errors
    ///
    /// When the member's host is larger than `MOST_TEXTS` or `MOST_BYTES`.
    pub fn add(&mut self, member: Member, out: &mut Vec<Evidence>) -> Result<(), Limit> {
        let place = self.place(&member.path);
        while self.open.last().is_some_and(|open| !is_below(&open.root, &member.path)) {
            self.close_last(out);
        }
        let (mut layout, root) = (place.layout, place.root.to_owned());
        let mut role = match role(&place) {
            // Who names a file means it.
            Role::Nothing if self.named => Role::PLAIN,
            role => role,
        };
        if layout == Layout::Alone && !member.record {
            let head = member.bytes.get(..member.bytes.len().min(HEAD)).unwrap_or_default();
            // Nearly all heads are UTF-8, which is told faster than it is replaced.
            let head = match std::str::from_utf8(head) {
                Ok(head) => Cow::Borrowed(head),
                Err(_) => String::from_utf8_lossy(head),
            };
            if let Some(format) = context::by_text(&crate::capture::without_colours(&head)) {
                role = Role::Context { format, netns: None };
                layout = Layout::Folder;
            }
        }
        if member.record {
            out.push(self.alone(member));
            return Ok(());
        }
        if self.open.last().is_none_or(|open| open.root != root) {
            self.flush(out);
            self.open.push(Open {
                root: root.clone(),
                group: None,
                captures: 0,
                bytes: 0,
                broken: false,
                alone: None,
                alones: 0,
            });
        }
        let evidence = match layout {
            Layout::Alone => Some(self.alone(Member { ..member })),
            Layout::Folder | Layout::Sos => {
                let group = self.group(&root, layout, &member);
                let Some(open) = self.open.last_mut() else { return Ok(()) };
                return open.add(member, role, group);
            }
        };
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.alones += 1;
        match open.alones {
            1 => open.alone = evidence,
            _ => out.extend(open.alone.take().into_iter().chain(evidence)),
        }
        Ok(())
    }

    /// Hands on what is held back for facts that may still come: the order of the input counts more.
    pub fn flush(&mut self, out: &mut Vec<Evidence>) {
        out.extend(self.open.iter_mut().filter_map(|open| open.alone.take()));
    }

    /// Ends the input; the hosts that were still open come out. Gives the names of files with facts of which
    /// it is not known whose they are.
    pub fn finish(mut self, out: &mut Vec<Evidence>) -> Vec<String> {
        while !self.open.is_empty() {
            self.close_last(out);
        }
        self.aside
    }

    fn alone(&self, member: Member) -> Evidence {
        let host = Some(host_of_file(&member.path).to_owned());
        Evidence {
            host: host.filter(|host| host != "-" && !member.record),
            path: member.name.clone(),
            layout: Layout::Alone,
            found: !self.named && !member.record,
            captured_at: None,
            obfuscated: false,
            texts: vec![raw(member, Role::PLAIN)],
        }
    }

    /// The host of a folder, without texts yet.
    fn group(&self, root: &str, layout: Layout, first: &Member) -> Evidence {
        let moment = first.modified.filter(|_| layout == Layout::Sos);
        let path = match root.is_empty() {
            false => format!("{}{root}", self.prefix),
            true if self.named => first.name.clone(),
            true => self.prefix.trim_end_matches(['/', ':']).to_owned(),
        };
        Evidence {
            host: host_of_folder(root).or_else(|| self.top.as_deref().and_then(host_of_folder)),
            obfuscated: path.contains("obfuscated"),
            path,
            layout,
            found: !self.named,
            captured_at: moment
                .and_then(|moment| Timestamp::from_second(moment).ok())
                .map(|moment| moment.to_string()),
            texts: Vec::new(),
        }
    }

    fn close_last(&mut self, out: &mut Vec<Evidence>) {
        let Some(open) = self.open.pop() else { return };
        let Some(mut group) = open.group else {
            out.extend(open.alone);
            return;
        };
        if open.broken {
            out.extend(open.alone);
            return;
        }
        match (open.captures, open.alones, open.alone) {
            (0, 1, Some(mut alone)) => {
                alone.texts.append(&mut group.texts);
                out.push(alone);
            }
            (0, 1.., alone) => {
                out.extend(alone);
                self.aside.extend(group.texts.into_iter().map(|text| text.name));
            }
            (_, _, alone) => {
                out.extend(alone);
                // One file, named as such, is called what it was always called.
                if self.named
                    && let [only] = group.texts.as_slice()
                {
                    group.host = Some(host_of_file(&only.name).to_owned());
                    group.path.clone_from(&only.name);
                }
                out.push(group);
            }
        }
    }
}

impl Open {
    fn add(&mut self, member: Member, role: Role, fresh: Evidence) -> Result<(), Limit> {
        if self.broken {
            return Ok(());
        }
        let group = self.group.get_or_insert(fresh);
        self.bytes = self.bytes.saturating_add(member.bytes.len());
        let message = if group.texts.len() >= MOST_TEXTS {
            format!("the host has more than {MOST_TEXTS} files of evidence")
        } else if self.bytes > MOST_BYTES {
            "the evidence of the host is longer than 1 GiB".to_owned()
        } else {
            self.captures += usize::from(matches!(role, Role::Capture { .. }));
            group.texts.push(raw(member, role));
            return Ok(());
        };
        self.broken = true;
        group.texts = Vec::new();
        Err(Limit { path: group.path.clone(), message })
    }
}

fn raw(member: Member, role: Role) -> Raw {
    let Member { name, bytes, lines_before, .. } = member;
    Raw { name, bytes, lines_before, role }
}

/// Whether a path lies in a folder.
fn is_below(root: &str, path: &str) -> bool {
    root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// The name of the host whose files lie at the top of an archive: that of the archive, without its endings.
#[must_use]
pub fn host_of_archive(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let bare = layout::bare(name);
    let bare =
        [".tar", ".tgz", ".txz", ".tzst"].iter().find_map(|ending| bare.strip_suffix(ending));
    Some(bare.unwrap_or(layout::bare(name)).to_owned())
        .filter(|name| !name.is_empty() && name != "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: &str = "lo  UNKNOWN  127.0.0.1/8\n";

    /// What comes out for members of these paths, as `host: texts` in order, and what is left aside.
    fn gather(paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut gather = Gather::new("x/", Some("top".to_owned()));
        let mut out = Vec::new();
        for path in paths {
            let text = if path.contains("facts") { IP } else { "LISTEN 0 0 0.0.0.0:1 0.0.0.0:*\n" };
            let member = Member {
                path: (*path).to_owned(),
                name: format!("x/{path}"),
                bytes: text.into(),
                ..Member::default()
            };
            gather.add(member, &mut out).unwrap();
        }
        let aside = gather.finish(&mut out);
        let shown = out.iter().map(|evidence| {
            let texts: Vec<&str> = evidence.texts.iter().map(|text| text.name.as_str()).collect();
            format!("{}: {}", evidence.host.as_deref().unwrap_or_default(), texts.join(" "))
        });
        (shown.collect(), aside)
    }

    #[test]
    fn hosts_come_out_as_they_are_done() {
        let (hosts, aside) = gather(&["a/ip_addr", "a/ss.txt", "b/ss.txt", "c1.txt", "c2.txt"]);
        assert_eq!(aside.len(), 0);
        assert_eq!(
            hosts,
            ["a: x/a/ip_addr x/a/ss.txt", "b: x/b/ss.txt", "c1: x/c1.txt", "c2: x/c2.txt"]
        );
    }

    #[test]
    fn facts_belong_to_the_only_host_beside_them() {
        assert_eq!(gather(&["db1.txt", "facts.txt"]).0, ["db1: x/db1.txt x/facts.txt"]);
        assert_eq!(gather(&["a-facts.txt", "db1.txt"]).0, ["db1: x/db1.txt x/a-facts.txt"]);
        let (hosts, aside) = gather(&["db1.txt", "db2.txt", "facts.txt"]);
        assert_eq!(hosts, ["db1: x/db1.txt", "db2: x/db2.txt"]);
        assert_eq!(aside, ["x/facts.txt"]);
    }

    #[test]
    fn a_host_at_the_top_has_the_name_of_the_archive() {
        assert_eq!(gather(&["ss.txt", "netstat.txt"]).0, ["top: x/ss.txt x/netstat.txt"]);
        assert_eq!(host_of_archive("a/db1.tar.gz").as_deref(), Some("db1"));
        assert_eq!(host_of_archive("a/db1.tgz").as_deref(), Some("db1"));
        assert_eq!(host_of_archive("-"), None);
    }

    #[test]
    fn a_host_that_is_too_large_does_not_come_out() {
        let mut gather = Gather::new("", None);
        let mut out = Vec::new();
        let mut limits = 0;
        for index in 0..=MOST_TEXTS + 1 {
            let path = format!("sosreport-a/sos_commands/networking/ss_-{index}");
            let name = path.clone();
            limits +=
                gather.add(Member { path, name, ..Member::default() }, &mut out).is_err() as usize;
        }
        gather.finish(&mut out);
        assert_eq!((limits, out.len()), (1, 0));
    }
}
