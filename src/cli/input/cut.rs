//! A stream of many hosts, cut into one piece a host as it comes.

use std::io::{self, Read};

use memchr::memmem;

use super::limits::Hit;
use super::stream::{Item, Sink, add, flush};
use crate::evidence::{Gather, Member, layout};

/// How many bytes are read at once.
const WINDOW: usize = 1 << 17;

/// The longest line that is looked at for a name; paths have at most 4096 bytes.
const MARKER: usize = 1 << 13;

/// How a stream of many hosts is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// A document a line, or documents that each begin with `{` at the beginning of a line. Such a line may stand
    /// in a document too, where nothing is indented: see [`begins_document`].
    Documents,
    /// `==> NAME <==` before each file, as head(1) and tail(1) print it. They put a line end before each but the
    /// first, which is a blank line where the file before ends in one of its own.
    Files,
}

/// What is read and not handed on yet.
struct Window {
    bytes: Vec<u8>,
    /// How many of the bytes are read; those behind are room.
    filled: usize,
    /// Where the piece at work begins.
    start: usize,
    /// Up to here the piece has no end.
    searched: usize,
    /// There is no more to read.
    ended: bool,
}

impl Window {
    fn new(head: Vec<u8>) -> Self {
        Self { filled: head.len(), bytes: head, start: 0, searched: 0, ended: false }
    }

    /// Reads what is there to read; what was handed on is forgotten.
    fn fill(&mut self, reader: &mut dyn Read) -> io::Result<()> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.bytes.len() < self.filled + WINDOW / 2 {
            self.bytes.resize((2 * self.filled).max(WINDOW), 0);
        }
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let read = loop {
            match reader.read(room) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.filled += read;
        self.ended = read == 0;
        Ok(())
    }

    /// What is read from `start` on.
    fn from(&self, start: usize) -> &[u8] {
        self.bytes.get(start..self.filled).unwrap_or_default()
    }
}

impl Cut {
    /// Whether a text that begins so is such a stream. JSON is when it begins as a snapshot does or names a
    /// host; heads of files are when the first names no table of `/proc/net`, whose reader wants them all.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        if let Some(name) = marker(head.split(|&byte| byte == b'\n').next().unwrap_or_default()) {
            let place = layout::place(name.trim_start_matches('/'));
            return (!place.inside.starts_with("proc/net/")).then_some(Self::Files);
        }
        let mut start = head.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        start = start.strip_prefix(b"\"")?;
        (start.starts_with(b"schema\"") || start.starts_with(b"host\"")).then_some(Self::Documents)
    }

    /// What the first line of a piece begins with, behind the line end before it.
    fn sign(self) -> &'static [u8] {
        match self {
            Self::Documents => b"\n{",
            Self::Files => b"\n==> ",
        }
    }

    /// Where the piece at work ends: at a line that begins the next one. `None` when the window has no such
    /// line, or not all of it; [`Window::searched`] is then how far it surely goes.
    fn end(self, window: &mut Window, sign: &memmem::Finder<'_>) -> Option<usize> {
        loop {
            let from = window.searched;
            let Some(found) = sign.find(window.from(from)) else {
                // A sign may have begun at the end.
                let known = window.filled.saturating_sub(self.sign().len() - 1);
                window.searched = from.max(known);
                return None;
            };
            let line_end = from + found;
            window.searched = line_end;
            let next = line_end + 1;
            if self == Self::Files {
                let rest = window.from(next);
                let line = rest.get(..rest.len().min(MARKER)).unwrap_or_default();
                let line = match memchr::memchr(b'\n', line) {
                    Some(len) => line.get(..len).unwrap_or_default(),
                    None if window.ended || line.len() == MARKER => line,
                    None => return None,
                };
                if marker(line.trim_ascii_end()).is_none() {
                    window.searched = next;
                    continue;
                }
            }
            if self == Self::Documents {
                let piece = window.bytes.get(window.start..line_end).unwrap_or_default();
                match begins_document(piece, window.from(next)) {
                    Some(true) => {}
                    Some(false) => {
                        window.searched = next;
                        continue;
                    }
                    None if window.ended => {}
                    None => return None,
                }
            }
            window.searched = next;
            return Some(next);
        }
    }

    /// Hands on the pieces of a stream that begins with `head`. One document alone is a file like any other and
    /// goes to `beside`.
    ///
    /// Gives the fault that ended the stream too early; the pieces that were whole before are handed on.
    pub(super) fn read(
        self,
        item: Item<'_>,
        head: Vec<u8>,
        reader: &mut dyn Read,
        beside: &mut Gather,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let mut gather = Gather::new(&format!("{}:", item.name), None);
        sink.whole = None;
        let sign = memmem::Finder::new(self.sign());
        let mut window = Window::new(head);
        // Lines before the piece at work.
        let mut lines = 0;
        let mut fault = None;
        loop {
            if let Some(end) = self.end(&mut window, &sign) {
                if lines == 0 {
                    flush(beside, sink);
                }
                let piece = window.bytes.get(window.start..end).unwrap_or_default();
                self.hand_on(item, piece, lines, false, &mut gather, sink);
                lines += memchr::memchr_iter(b'\n', piece).count();
                window.start = end;
                continue;
            }
            if window.ended {
                break;
            }
            if window.from(window.start).len() as u64 >= item.most {
                let message = format!("the piece that begins on line {} is too long", lines + 1);
                return Err(io::Error::other(Hit(message)));
            }
            if let Err(met) = window.fill(reader) {
                (fault, window.ended) = (Some(met), true);
            }
        }
        if fault.is_none() && lines == 0 && self == Self::Documents {
            window.bytes.truncate(window.filled);
            return add(item, window.bytes, beside, sink);
        }
        // What is being read when a fault is met is not whole, unless it says so itself.
        let last = window.from(window.start);
        if fault.is_none() || self.is_document(last) {
            flush(beside, sink);
            self.hand_on(item, last, lines, true, &mut gather, sink);
        }
        let mut out = Vec::new();
        let aside = gather.finish(&mut out);
        sink.take(&mut out);
        match fault {
            Some(fault) => Err(fault),
            None => {
                super::tell_aside(sink, &aside);
                Ok(())
            }
        }
    }

    /// Whether a piece is whole by itself.
    fn is_document(self, piece: &[u8]) -> bool {
        self == Self::Documents
            && serde_json::from_slice::<serde::de::IgnoredAny>(piece.trim_ascii()).is_ok()
    }

    fn hand_on(
        self,
        item: Item<'_>,
        piece: &[u8],
        mut lines_before: usize,
        last: bool,
        gather: &mut Gather,
        sink: &mut Sink<'_>,
    ) {
        if piece.trim_ascii().is_empty() {
            return;
        }
        let (mut path, mut name, mut bytes) = (item.path.to_owned(), item.name.to_owned(), piece);
        let end = memchr::memchr(b'\n', piece).unwrap_or(piece.len());
        if self == Self::Files
            && let Some(file) = marker(piece.get(..end).unwrap_or_default().trim_ascii_end())
        {
            path = file.trim_start_matches('/').to_owned();
            name = format!("{}:{file}", item.name);
            // The line of the name is no part of the file, nor is the line end before the next one.
            bytes = piece.get(end + 1..).unwrap_or_default();
            lines_before += 1;
            if !last {
                bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            }
        }
        let record = self == Self::Documents;
        sink.whole = Some(match record {
            true => format!("{name}:{}", lines_before + 1),
            false => name.clone(),
        });
        let bytes = bytes.to_vec();
        let member = Member { path, name, bytes, lines_before, record, modified: None };
        let mut out = Vec::new();
        let added = gather.add(member, &mut out);
        for evidence in &mut out {
            evidence.found = false;
        }
        sink.take(&mut out);
        if let Err(limit) = added {
            sink.limit(limit);
        }
    }
}

/// Whether a line that begins with `{` begins a document, and not an object within the one at work. `None` when
/// more must be known of the line.
///
/// Behind a comma, a colon or an open bracket an object may follow. There it is still the next document when its
/// first key is that of the document at work: then that one was cut off between two rows, and must not take the
/// hosts behind it with it. JSON has no line end in a string, so the end of the line before says enough.
fn begins_document(piece: &[u8], line: &[u8]) -> Option<bool> {
    if !matches!(piece.trim_ascii_end().last(), Some(b',' | b':' | b'[')) {
        return Some(true);
    }
    let line = line.get(..line.len().min(MARKER)).unwrap_or_default();
    match first_key(line) {
        Some(key) => Some(first_key(piece) == Some(key)),
        None if line.len() == MARKER => Some(false),
        None => None,
    }
}

/// The first key of an object, with its quotes; empty for what has none. `None` when the text ends before.
fn first_key(text: &[u8]) -> Option<&[u8]> {
    let inside = text.trim_ascii_start().strip_prefix(b"{").unwrap_or(text).trim_ascii_start();
    let Some(key) = inside.strip_prefix(b"\"") else {
        return (!inside.is_empty()).then_some(b"");
    };
    let len = memchr::memchr(b'"', key)?;
    inside.get(..len + 2)
}

/// The name in `==> NAME <==`.
fn marker(line: &[u8]) -> Option<&str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let name = line.strip_prefix(b"==> ")?.strip_suffix(b" <==")?;
    std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::limits;
    use super::*;
    use crate::evidence::Evidence;

    /// A text that comes in small pieces.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.0.len().min(buffer.len()).min(self.1);
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    type Piece = (String, usize, Vec<u8>);

    /// What comes out when `head` bytes are known and the rest comes `step` bytes at a time.
    fn cut(text: &[u8], head: usize, step: usize) -> Vec<Piece> {
        let mut found: Vec<Evidence> = Vec::new();
        let mut sink = Sink {
            each: &mut |evidence| found.push(evidence),
            error: &mut |error| panic!("{}", error.message()),
            note: &mut |_| {},
            whole: None,
        };
        let (known, rest) = text.split_at(head.min(text.len()));
        let way = Cut::of(known).expect("a stream");
        let item = Item { name: "s", path: "s", modified: None, depth: 0, most: limits::MEMBER };
        let mut beside = Gather::named();
        way.read(item, known.to_vec(), &mut Drip(rest, step), &mut beside, &mut sink).unwrap();
        super::super::finish(beside, &mut sink);
        let texts = found.into_iter().flat_map(|evidence| evidence.texts);
        texts.map(|text| (text.name, text.lines_before, text.bytes)).collect()
    }

    /// The same, line by line: the first lines of pieces are those of which `begins` says so.
    fn lines(text: &[u8], begins: impl Fn(&[u8], &[u8]) -> bool) -> Vec<(usize, Vec<u8>)> {
        let mut pieces: Vec<(usize, Vec<u8>)> = Vec::new();
        for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            match pieces.last_mut() {
                Some((_, piece)) if !begins(piece, line) => piece.extend(line),
                _ => pieces.push((number, line.to_vec())),
            }
        }
        pieces
    }

    #[test]
    fn files_are_cut_at_their_names_however_they_come() {
        let mut text = Vec::new();
        for number in 0..60 {
            let end = if number % 5 == 0 { "\r\n" } else { "\n" };
            text.extend(format!("==> host{number} <=={end}").bytes());
            for row in 0..number * number {
                text.extend(format!("tcp LISTEN 0 {row} 0.0.0.0:{row} 0.0.0.0:*{end}").bytes());
            }
            // None of these begins a file: no end, another beginning.
            text.extend(format!("==> no{end}{end}=> no <=={end}").bytes());
            if number % 11 == 0 {
                // A file that does not end in a line end.
                text.extend(
                    format!("{end}==> cut{number} <=={end}tcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:*")
                        .bytes(),
                );
            }
            if number % 7 == 0 {
                text.extend(format!("{end}==> {} <=={end}", "x".repeat(MARKER)).bytes());
            }
            text.extend(end.bytes());
        }
        text.extend(b"==> last <==");
        assert!(text.len() > 4 * WINDOW);
        let wanted =
            lines(&text, |_, line| line.len() <= MARKER && marker(line.trim_ascii_end()).is_some());
        assert_eq!(wanted.len(), 67);
        for (head, step) in [(16_384, 65_536), (20, 1_000), (300, 77), (16, WINDOW)] {
            let found = cut(&text, head, step);
            assert_eq!(found.len(), wanted.len(), "{head} {step}");
            for (found, (number, wanted)) in found.iter().zip(&wanted) {
                let first = wanted.split_inclusive(|&byte| byte == b'\n').next().unwrap();
                let mut bytes = wanted[first.len()..].to_vec();
                if bytes.pop() == Some(b'\n') && bytes.ends_with(b"\r") {
                    bytes.pop();
                }
                let name = format!("s:{}", marker(first.trim_ascii_end()).unwrap());
                assert_eq!((&found.0, found.1), (&name, number + 1));
                assert!(found.2 == bytes, "{name}");
            }
        }
    }

    #[test]
    fn documents_are_cut_where_lines_begin_with_a_brace() {
        let mut text = Vec::new();
        for number in 0..3_000 {
            text.extend(format!("{{\"host\": \"h{number}\",").bytes());
            text.extend(
                if number % 3 == 0 { "\n \"x\": {}\n}\n" } else { "\"x\": [{}]}\n" }.bytes(),
            );
        }
        let wanted = lines(&text, |_, line| line.starts_with(b"{"));
        assert_eq!(wanted.len(), 3_000);
        for (head, step) in [(16_384, 65_536), (20, 1), (300, 1_001)] {
            let found = cut(&text, head, step);
            let found: Vec<_> = found.into_iter().map(|(_, line, bytes)| (line, bytes)).collect();
            assert!(found == wanted, "{head} {step}");
        }
    }

    #[test]
    fn objects_of_a_document_without_indents_begin_none() {
        // The rows of every third are at an end too early, behind a comma, a bracket or within a row.
        let document = |number: usize| {
            let text = format!(
                "{{\n\"host\":\r\n{{\n\"name\": \"h{number}\"\n}},\n\"x\": [\n{{\n\"port\": 1\n}},\n\n{{}}\n]\n}}\n"
            );
            let end = match number % 9 {
                3 => text.find(",\n\n").map(|at| at + 2),
                6 => text.find("[\n").map(|at| at + 2),
                8 => text.find("rt\": 1\n").map(|at| at + 1),
                _ => None,
            };
            let mut text = text;
            if let Some(end) = end {
                text.truncate(end);
                text.push('\n');
            }
            text
        };
        let documents: Vec<String> = (0..3_000).map(document).collect();
        let text = documents.concat();
        for (head, step) in [(16_384, 65_536), (20, 1), (300, 1_001)] {
            let found = cut(text.as_bytes(), head, step);
            assert_eq!(found.len(), documents.len(), "{head} {step}");
            let mut lines = 0;
            for (piece, document) in found.iter().zip(&documents) {
                assert_eq!((piece.1, &piece.2), (lines, &document.as_bytes().to_vec()));
                lines += document.lines().count();
            }
        }
        // A single one is no stream, and keeps its name.
        let alone = cut(document(0).as_bytes(), 20, 1);
        assert_eq!(alone.len(), 1);
        assert_eq!(alone[0].0, "s");
        // Blanks behind a brace are looked at so far and no further.
        let wide = format!("{{\"host\": [\n{{{}\"host\": 1}}\n]}}\n", " ".repeat(3 * MARKER));
        assert_eq!(cut(wide.as_bytes(), 20, 100).len(), 1);
    }
}
