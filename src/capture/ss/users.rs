//! The `users:(...)` text of a row.
//!
//! Entries are `("NAME",pid=N[,tid=N][,proc_ctx=CONTEXT],fd=N[,sock_ctx=CONTEXT])`, before iproute2
//! 3.14 `("NAME",N,N)`. A process chooses its own name, so an entry is read from its end; ss itself
//! reads a name up to the first `)` (`/proc/PID/stat`, `%[^)]`), so no name of its holds one. Source: iproute2, `misc/ss.c`, `user_ent_hash_build` and `find_entry`.

use std::ops::Range;

/// How the text begins.
pub(super) const OPEN: &str = "users:(";

/// The longest name in characters: the kernel's `TASK_COMM_LEN` less its zero; see proc(5).
pub(super) const COMM: usize = 15;

/// Names that hold no line break may be longer: kernel threads and other kernels.
const NAME: usize = 64;

/// The longest entry, with security contexts, in bytes.
const ENTRY: usize = 4096;

/// Where a list of users ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// Just past its `))`.
    Closed(usize),
    /// Not before the text ends; all entries before this offset are whole.
    Open(usize),
    /// It is none from this offset on.
    Bad(usize),
}

/// Looks for the end of the list from an entry on: `from` is the offset of a `(`, or of the end.
pub(super) fn scan(text: &str, from: usize) -> Scan {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.len() < 2 {
            return if rest.is_empty() || rest == b"(" { Scan::Open(at) } else { Scan::Bad(at) };
        }
        if !rest.starts_with(b"(\"") {
            return Scan::Bad(at);
        }
        let first = first_entry(text.get(at + 2..).unwrap_or_default());
        let Some(len) = first.map(|(len, _)| len + 2) else {
            return if rest.len() > ENTRY { Scan::Bad(at) } else { Scan::Open(at) };
        };
        match bytes.get(at + len + 1) {
            Some(b',') if at + len + 2 < bytes.len() => at += len + 2,
            Some(b')') => return Scan::Closed(at + len + 2),
            // Cut between two entries: the last whole one is read again with what follows.
            Some(b',') | None => return Scan::Open(at),
            Some(_) => return Scan::Bad(at),
        }
    }
}

/// Length of what stands between `("` and the `)` that ends the entry, and the entry, where it can be read. ss
/// prints no `)` in a name, but other tools that write its format do: then it is the first `)` before which an
/// entry can be read.
fn first_entry(inside: &str) -> Option<(usize, Option<Entry>)> {
    let mut end = inside.len().min(ENTRY);
    while !inside.is_char_boundary(end) {
        end -= 1;
    }
    let window = inside.get(..end)?;
    let mut ends = memchr::memchr_iter(b')', window.as_bytes());
    let first = ends.next()?;
    let ends_well = |len: usize| matches!(window.as_bytes().get(len + 1), Some(b',' | b')'));
    let read = |len: usize| window.get(..len).and_then(entry);
    let known = read(first);
    if ends_well(first) && known.is_some() {
        return Some((first, known));
    }
    let later = ends.take(COMM).filter(|&len| ends_well(len));
    let mut later = later.filter_map(|len| Some((len, Some(read(len)?))));
    Some(later.next().unwrap_or((first, known)))
}

/// Whether a list that is not closed is cut inside a name; `resume` is from [`Scan::Open`].
pub(super) fn inside_name(text: &str, resume: usize) -> bool {
    let open = text.get(resume..).unwrap_or_default();
    if open.contains(')') {
        return false;
    }
    match open.strip_prefix("(\"") {
        Some(name) => !name.contains("\",") && name.chars().count() <= COMM,
        None => false,
    }
}

/// One holder of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Range of the name in the text.
    pub(super) name: Range<usize>,
    /// Process id.
    pub(super) pid: u32,
    /// File descriptor.
    pub(super) fd: u32,
    /// The name holds what ends names, so that the entry can be read in more than one way.
    pub(super) ambiguous: bool,
    /// The syntax of before iproute2 3.14.
    pub(super) old: bool,
}

/// The entries of a closed list; `None` stands for one that cannot be read. `from` is the offset of
/// the first entry's `(`, `end` just past the closing `))`.
pub(super) fn entries(
    text: &str,
    from: usize,
    end: usize,
) -> impl Iterator<Item = Option<Entry>> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = text.get(at..end)?;
        let (len, entry) = first_entry(rest.strip_prefix("(\"")?)?;
        let start = at + 2;
        at = start + len + 2;
        Some(
            entry.map(|entry| Entry {
                name: entry.name.start + start..entry.name.end + start,
                ..entry
            }),
        )
    })
}

/// Where a sign that begins with a quote stands last. Names are short: this is found sooner than a search for it
/// is made ready.
fn last(content: &str, sign: &str) -> Option<usize> {
    let stands = |at: &usize| content.get(*at..).is_some_and(|rest| rest.starts_with(sign));
    memchr::memrchr_iter(b'"', content.as_bytes()).find(stands)
}

/// Reads what stands between `("` and `)`.
fn entry(content: &str) -> Option<Entry> {
    let new = last(content, "\",pid=").and_then(|end| {
        let (pid, rest) = number(content.get(end + 6..)?)?;
        let rest = match rest.strip_prefix(",tid=") {
            Some(tid) => number(tid)?.1,
            None => rest,
        };
        let rest = match rest.strip_prefix(",proc_ctx=") {
            Some(context) => context.get(context.rfind(",fd=")?..)?,
            None => rest,
        };
        let (fd, rest) = number(rest.strip_prefix(",fd=")?)?;
        (rest.is_empty() || rest.starts_with(",sock_ctx=")).then_some((end, pid, fd, false))
    });
    let found = new.or_else(|| {
        let end = last(content, "\",")?;
        let (pid, rest) = number(content.get(end + 2..)?)?;
        let (fd, rest) = number(rest.strip_prefix(',')?)?;
        rest.is_empty().then_some((end, pid, fd, true))
    });
    let (end, pid, fd, old) = found?;
    let name = content.get(..end)?;
    let longest = if name.contains('\n') { COMM } else { NAME };
    if name.len() > longest && name.chars().count() > longest {
        return None;
    }
    let is_end = |at: usize| {
        let rest = name.get(at..).unwrap_or_default();
        let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        rest.starts_with("),(")
            || rest.strip_prefix("\",").is_some_and(|rest| digit(rest) || rest.starts_with("pid="))
    };
    let ambiguous = memchr::memchr2_iter(b'"', b')', name.as_bytes()).any(is_end);
    Some(Entry { name: 0..end, pid, fd, ambiguous, old })
}

/// Digits at the start of `text`, and what follows them.
fn number(text: &str) -> Option<(u32, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text.get(..len)?.parse().ok()?, text.get(len..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Option<(&str, u32, u32, bool)>> {
        let from = text.find('(').unwrap() + 1;
        let Scan::Closed(end) = scan(text, from) else { panic!("{text}: {:?}", scan(text, from)) };
        assert_eq!(end, text.len(), "{text}");
        entries(text, from, end)
            .map(|entry| {
                entry.map(|e| (text.get(e.name.clone()).unwrap(), e.pid, e.fd, e.ambiguous))
            })
            .collect()
    }

    #[test]
    fn entries_are_read_from_their_end() {
        for (text, expected) in [
            (r#"users:(("sshd",pid=1,fd=3))"#, vec![Some(("sshd", 1, 3, false))]),
            (r#"users:(("sshd",1234,3))"#, vec![Some(("sshd", 1234, 3, false))]),
            (
                r#"users:(("a",pid=1,fd=3",pid=354,fd=15))"#,
                vec![Some(("a\",pid=1,fd=3", 354, 15, true))],
            ),
            (r#"users:(("a",1,3",354,15))"#, vec![Some(("a\",1,3", 354, 15, true))]),
            (
                r#"users:(("pid=1,fd=3",pid=33824,fd=3))"#,
                vec![Some(("pid=1,fd=3", 33824, 3, false))],
            ),
            (r#"users:(("","",pid=521,fd=3))"#, vec![Some(("\",\"", 521, 3, false))]),
            (r#"users:((""",pid=521,fd=3))"#, vec![Some(("\"", 521, 3, false))]),
            (r#"users:(("",pid=521,fd=3))"#, vec![Some(("", 521, 3, false))]),
            (r#"users:(("users:((",pid=5,fd=3))"#, vec![Some(("users:((", 5, 3, false))]),
            (r#"users:(("n",pid=5,tid=6,fd=3))"#, vec![Some(("n", 5, 3, false))]),
            (
                r#"users:(("n",pid=5,proc_ctx=system_u:system_r:x_t:s0-s0:c0.c10,c12,fd=3,sock_ctx=a:b:c:s0))"#,
                vec![Some(("n", 5, 3, false))],
            ),
            (
                r#"users:(("a",pid=1,fd=2),("b c",pid=3,fd=4))"#,
                vec![Some(("a", 1, 2, false)), Some(("b c", 3, 4, false))],
            ),
            (
                "users:((\"\ntcp LISTEN 0\",pid=1,fd=2))",
                vec![Some(("\ntcp LISTEN 0", 1, 2, false))],
            ),
            (r#"users:(("x",pid=99999999999,fd=2))"#, vec![None]),
            (r#"users:(("x"))"#, vec![None]),
            (r#"users:(("a)b",pid=1,fd=2))"#, vec![Some(("a)b", 1, 2, false))]),
            (
                r#"users:(("fd=3),("sh",pid=1,fd=2),("c",pid=3,fd=4))"#,
                vec![Some(("fd=3),(\"sh", 1, 2, true)), Some(("c", 3, 4, false))],
            ),
            (r#"users:(("x",fd=3))"#, vec![None]),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn ends_are_found() {
        for (text, expected) in [
            ("(\"a\",pid=1,fd=2)) ino:3", Scan::Closed(17)),
            ("(\"a\",pid=1,fd=2)", Scan::Open(0)),
            ("(\"a\",pid=1,fd=2),", Scan::Open(0)),
            ("(\"a\",pid=1,fd=2),(\"b", Scan::Open(17)),
            ("(\"a\",pi", Scan::Open(0)),
            ("(", Scan::Open(0)),
            ("", Scan::Open(0)),
            ("x", Scan::Bad(0)),
            ("()", Scan::Bad(0)),
            ("(\"a\",pid=1,fd=2) x", Scan::Bad(0)),
        ] {
            assert_eq!(scan(text, 0), expected, "{text}");
        }
        assert!(inside_name("(\"new", 0) && inside_name("(\"", 0));
        assert!(!inside_name("(\"a\",pid=1", 0) && !inside_name("(\"a\",1,2)", 0));
    }
}
