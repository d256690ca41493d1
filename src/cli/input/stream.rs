//! What is in an input: members out of archives, compressed files and streams, by their first bytes. Nothing is
//! written to disk, and no more than one member is held.

use std::io::{self, BufRead, BufReader, Read};

use super::archive;
use super::limits::{self, Counted, Hit, Measured};
use super::{CliError, CliErrorKind};
use crate::evidence::{Evidence, Gather, Limit, Member};

/// How many bytes tell what a file is: a tar archive says so at 257.
const HEAD: usize = 512;

/// Buffer of what is read in pieces.
const BUFFER: usize = 1 << 17;

/// Where evidence and errors go.
pub(super) struct Sink<'a> {
    pub(super) each: &'a mut dyn FnMut(Evidence),
    pub(super) error: &'a mut dyn FnMut(CliError),
    pub(super) note: &'a mut dyn FnMut(String),
    /// The last whole part of the stream that is being read.
    pub(super) whole: Option<String>,
}

impl Sink<'_> {
    /// Hands on what is done.
    pub(super) fn take(&mut self, out: &mut Vec<Evidence>) {
        out.drain(..).for_each(&mut self.each);
    }

    pub(super) fn limit(&mut self, limit: Limit) {
        (self.error)(CliError::new(
            CliErrorKind::Limit,
            format!("`{}`: {}; it is not judged", limit.path, limit.message),
            "keep one host's captures in a folder of its own",
        ));
    }

    /// Tells that the rest of `name` cannot be read; `after` is what was whole before, of a stream what it
    /// said last itself.
    pub(super) fn broken(&mut self, name: &str, fault: &io::Error, after: Option<&str>) {
        let whole = self.whole.take();
        let after = match after.or(whole.as_deref()) {
            Some(last) => format!("the last whole part is `{last}`"),
            None => "nothing of it is whole".to_owned(),
        };
        let (kind, what, help) = match () {
            () if limits::is_hit(fault) => {
                (CliErrorKind::Limit, "was not read to its end", "look at what made the file")
            }
            () if fault.kind() == io::ErrorKind::UnexpectedEof => {
                (CliErrorKind::Unreadable, "is cut off", "transfer it again, whole")
            }
            () => (CliErrorKind::Unreadable, "is damaged", "transfer it again"),
        };
        let fault = match fault.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
            _ => fault.to_string(),
        };
        (self.error)(CliError::new(kind, format!("`{name}` {what}: {fault}; {after}"), help));
    }
}

/// What the first bytes say.
enum Kind {
    Gzip,
    Xz,
    Zstd,
    Tar,
    /// An archive or compression that is not read, by name.
    Other(&'static str),
    Plain,
}

fn kind(head: &[u8]) -> Kind {
    match head {
        [0x1F, 0x8B, 0x08, ..] => Kind::Gzip,
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Kind::Xz,
        // A frame, or one of those that are to be skipped. Source: RFC 8878, sections 3.1.1 and 3.1.2.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Kind::Zstd,
        [b'P', b'K', 3, 4, ..] => Kind::Other("a zip archive"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Kind::Other("compressed by bzip2"),
        [b'7', b'z', 0xBC, 0xAF, ..] => Kind::Other("a 7-Zip archive"),
        [0x1F, 0x9D, ..] => Kind::Other("compressed by compress"),
        [0x04, 0x22, 0x4D, 0x18, ..] => Kind::Other("compressed by lz4"),
        _ if archive::is_tar(head) => Kind::Tar,
        _ => Kind::Plain,
    }
}

/// A file in a folder or an archive, or an input itself.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// What diagnostics call it.
    pub(super) name: &'a str,
    /// Its path in the folder or archive that it was found in.
    pub(super) path: &'a str,
    /// When it was last changed.
    pub(super) modified: Option<i64>,
    /// Archives and compressions around it.
    pub(super) depth: usize,
    /// The most bytes that it may have as a text.
    pub(super) most: u64,
}

/// Reads a file: it goes to `gather`, or it is an archive or a stream and its parts go to `sink`.
///
/// Gives the fault that ended it too early. What was whole before has been handed on.
pub(super) fn read(
    item: Item<'_>,
    reader: &mut dyn Read,
    gather: &mut Gather,
    sink: &mut Sink<'_>,
) -> Result<(), io::Error> {
    let mut head = Vec::new();
    reader.take(HEAD as u64).read_to_end(&mut head)?;
    let whole = head.len() < HEAD;
    let known = kind(&head);
    match known {
        Kind::Plain => return plain(item, head, whole, reader, gather, sink),
        Kind::Other(what) => {
            (sink.error)(CliError::new(
                CliErrorKind::Unreadable,
                format!("`{}` is {what}, which is not read", item.name),
                "unpack it, or pack it as tar, gzip, xz or zstd",
            ));
            return Ok(());
        }
        Kind::Gzip | Kind::Xz | Kind::Zstd | Kind::Tar => {}
    }
    if item.depth >= limits::DEPTH {
        let message =
            format!("more than {} archives and compressions lie in one another", limits::DEPTH);
        return Err(io::Error::other(Hit(message)));
    }
    let mut reader = io::Cursor::new(head).chain(reader);
    let inner = Item { depth: item.depth + 1, most: limits::MEMBER, ..item };
    if matches!(known, Kind::Tar) {
        flush(gather, sink);
        return archive::read(inner, &mut reader, sink);
    }
    let counted = Counted::new(reader);
    let went_in = counted.count();
    let buffered = BufReader::with_capacity(BUFFER, counted);
    let unpacked: Box<dyn Read + '_> = match known {
        Kind::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        // A dictionary of more than 256 MiB is no preset of xz. The limit is in KiB.
        Kind::Xz => {
            let decoder = lzma_rust2::XzReader::new_mem_limit(buffered, true, 1 << 18);
            Box::new(limits::Steps(decoder))
        }
        _ => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
    };
    let mut unpacked = Measured::new(unpacked, went_in);
    read(inner, &mut unpacked, gather, sink)
}

/// Reads what is no archive: one text, or a stream that is cut as it comes.
fn plain(
    item: Item<'_>,
    head: Vec<u8>,
    whole: bool,
    reader: &mut dyn Read,
    gather: &mut Gather,
    sink: &mut Sink<'_>,
) -> Result<(), io::Error> {
    if let Some(cut) = Cut::of(&head) {
        let mut reader = BufReader::with_capacity(BUFFER, io::Cursor::new(head).chain(reader));
        return cut.read(item, &mut reader, gather, sink);
    }
    let mut bytes = head;
    if !whole {
        let left = item.most.saturating_sub(bytes.len() as u64);
        reader.take(left + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > item.most {
        let limit = match item.most {
            limits::MEMBER => "512 MiB",
            _ => "2 GiB",
        };
        (sink.error)(CliError::new(
            CliErrorKind::Limit,
            format!("`{}` is longer than {limit}", item.name),
            "split it: each file is a host",
        ));
        return Ok(());
    }
    add(item, bytes, gather, sink)
}

/// Hands on what came before an archive or a stream.
fn flush(gather: &mut Gather, sink: &mut Sink<'_>) {
    let mut out = Vec::new();
    gather.flush(&mut out);
    sink.take(&mut out);
}

/// Hands on a file that is one text.
fn add(
    item: Item<'_>,
    bytes: Vec<u8>,
    gather: &mut Gather,
    sink: &mut Sink<'_>,
) -> Result<(), io::Error> {
    let member = Member {
        path: item.path.to_owned(),
        name: item.name.to_owned(),
        bytes,
        modified: item.modified,
        ..Member::default()
    };
    let mut out = Vec::new();
    let added = gather.add(member, &mut out);
    sink.take(&mut out);
    if let Err(limit) = added {
        sink.limit(limit);
    }
    Ok(())
}

/// How a stream of many hosts is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// A document a line, or documents that each begin with `{` at the beginning of a line.
    Documents,
    /// `==> NAME <==` before each file and a blank line before that, as head(1) and tail(1) print it.
    Files,
}

impl Cut {
    /// Whether a text that begins so is such a stream. JSON is when it begins as a snapshot does or names a
    /// host; heads of files are when the first names no table of `/proc/net`, whose reader wants them all.
    fn of(head: &[u8]) -> Option<Self> {
        if let Some(name) = marker(head.split(|&byte| byte == b'\n').next().unwrap_or_default()) {
            let place = crate::evidence::layout::place(name.trim_start_matches('/'));
            return (!place.inside.starts_with("proc/net/")).then_some(Self::Files);
        }
        let mut start = head.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        start = start.strip_prefix(b"\"")?;
        (start.starts_with(b"schema\"") || start.starts_with(b"host\"")).then_some(Self::Documents)
    }

    /// Whether a piece begins with this line; `blank` tells whether the line before it is blank.
    fn begins(self, line: &[u8], blank: bool) -> bool {
        match self {
            Self::Documents => line.starts_with(b"{"),
            Self::Files => blank && marker(line.trim_ascii_end()).is_some(),
        }
    }

    fn read(
        self,
        item: Item<'_>,
        reader: &mut dyn BufRead,
        beside: &mut Gather,
        sink: &mut Sink<'_>,
    ) -> Result<(), io::Error> {
        let mut gather = Gather::new(&format!("{}:", item.name), None);
        sink.whole = None;
        let mut piece = Vec::new();
        let (mut first, mut line, mut blank) = (0, 0, true);
        loop {
            let start = piece.len();
            let left = item.most.saturating_sub(start as u64);
            if left == 0 {
                let message = format!("the piece that begins on line {} is too long", first + 1);
                return Err(io::Error::other(Hit(message)));
            }
            let read = match read_line(reader, left, &mut piece) {
                Ok(read) => read,
                Err(fault) => {
                    // What was being read is not whole; what came before it is, and is where the next began.
                    let new = piece.split_off(start);
                    if self.begins(&new, blank) || self.is_document(&piece) {
                        self.hand_on(item, piece, first, &mut gather, sink);
                    }
                    let mut out = Vec::new();
                    gather.finish(&mut out);
                    sink.take(&mut out);
                    return Err(fault);
                }
            };
            let new = piece.get(start..).unwrap_or_default();
            if read == 0 && first == 0 && self == Self::Documents {
                // One document is a file like any other.
                return add(item, piece, beside, sink);
            }
            if start > 0 && (read == 0 || self.begins(new, blank)) {
                flush(beside, sink);
                let next = piece.split_off(start);
                self.hand_on(item, std::mem::replace(&mut piece, next), first, &mut gather, sink);
                first = line;
            }
            if read == 0 {
                break;
            }
            blank = piece.ends_with(b"\n\n") || piece.ends_with(b"\n\r\n") || piece == b"\n";
            line += 1;
        }
        let mut out = Vec::new();
        let aside = gather.finish(&mut out);
        sink.take(&mut out);
        super::tell_aside(sink, &aside);
        Ok(())
    }

    /// Whether a piece is whole by itself.
    fn is_document(self, piece: &[u8]) -> bool {
        self == Self::Documents
            && serde_json::from_slice::<serde::de::IgnoredAny>(piece.trim_ascii()).is_ok()
    }

    fn hand_on(
        self,
        item: Item<'_>,
        mut piece: Vec<u8>,
        lines_before: usize,
        gather: &mut Gather,
        sink: &mut Sink<'_>,
    ) {
        if piece.trim_ascii().is_empty() {
            return;
        }
        let (mut path, mut name) = (item.path.to_owned(), item.name.to_owned());
        let mut lines_before = lines_before;
        if self == Self::Files
            && let Some(end) = memchr::memchr(b'\n', &piece)
            && let Some(file) = marker(piece.get(..end).unwrap_or_default().trim_ascii_end())
        {
            path = file.trim_start_matches('/').to_owned();
            name = format!("{}:{file}", item.name);
            // The line of the name is no part of the file, nor is the blank line before the next one.
            piece.drain(..=end);
            lines_before += 1;
            if piece.ends_with(b"\n\n") {
                piece.pop();
            }
        }
        let record = self == Self::Documents;
        sink.whole = Some(match record {
            true => format!("{name}:{}", lines_before + 1),
            false => name.clone(),
        });
        let member = Member { path, name, bytes: piece, lines_before, record, modified: None };
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

/// Adds a line with its end to `piece`, or as much of it as `most` bytes; gives how many there were. As
/// `read_until` of the standard library, whose search is slower.
fn read_line(reader: &mut dyn BufRead, most: u64, piece: &mut Vec<u8>) -> io::Result<usize> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut read = 0;
    loop {
        let buffered = match reader.fill_buf() {
            Ok(buffered) => buffered,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(fault),
        };
        let buffered = buffered.get(..buffered.len().min(most - read)).unwrap_or_default();
        let end = memchr::memchr(b'\n', buffered);
        let new = buffered.get(..end.map_or(buffered.len(), |end| end + 1)).unwrap_or_default();
        let len = new.len();
        piece.extend_from_slice(new);
        reader.consume(len);
        read += len;
        if end.is_some() || len == 0 {
            return Ok(read);
        }
    }
}

/// The name in `==> NAME <==`.
fn marker(line: &[u8]) -> Option<&str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let name = line.strip_prefix(b"==> ")?.strip_suffix(b" <==")?;
    std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
}
