//! What is in an input: members out of archives, compressed files and streams, by their first bytes. Nothing is
//! written to disk, and no more than one member is held.

use std::io::{self, BufRead, BufReader, Read};

use super::archive;
use super::cut::Cut;
use super::limits::{self, Counted, Hit, Measured};
use super::{CliError, CliErrorKind};
use crate::evidence::{Evidence, Gather, Limit, Member};

/// How much of a file is read before it is told what it is. A tar archive says so at 257; most captures are
/// shorter than this and take one call.
const HEAD: usize = 1 << 14;

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

/// What follows the first bytes of a file. A fault that was met among them counts when they are read: what is
/// whole before it is still of use.
struct Behind<'a> {
    fault: Option<io::Error>,
    reader: &'a mut dyn Read,
}

impl Read for Behind<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fault.take().map_or_else(|| self.reader.read(buffer), Err)
    }
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
    let mut head = Vec::with_capacity(HEAD);
    let fault = reader.take(HEAD as u64).read_to_end(&mut head).err();
    let whole = head.len() < HEAD && fault.is_none();
    let reader = &mut Behind { fault, reader };
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
        Kind::Gzip => Box::new(Gzip::new(buffered)),
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

/// The members of a gzip file, one after the other. Zeros behind the last are what tapes and block devices are
/// filled up with, and gzip(1) says nothing of them; anything else there is a fault.
struct Gzip<R: BufRead> {
    member: Option<flate2::bufread::GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    fn new(reader: R) -> Self {
        Self { member: Some(flate2::bufread::GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = self.member.as_mut() else { return Ok(0) };
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut reader) = self.member.take().map(flate2::bufread::GzDecoder::into_inner)
            else {
                return Ok(0);
            };
            let mut filler = false;
            loop {
                let rest = reader.fill_buf()?;
                let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
                let (len, next) = (rest.len(), rest.get(zeros).copied());
                reader.consume(zeros);
                filler |= zeros > 0;
                match next {
                    None if len == 0 => return Ok(0),
                    None => {}
                    Some(_) if filler => {
                        let message = "something follows the zeros behind its end";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                    }
                    Some(_) => break,
                }
            }
            self.member = Some(flate2::bufread::GzDecoder::new(reader));
        }
    }
}

/// Whether a file begins as a report does that an earlier run wrote beside the evidence.
fn is_report(head: &[u8]) -> bool {
    let start = head.get(..head.len().min(256)).unwrap_or_default();
    let bare: Vec<u8> = start.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    bare.starts_with(b"{\"schema\":\"socklint/report/")
}

/// Reads what is no archive: one text, or a stream that is cut as it comes.
fn plain(
    item: Item<'_>,
    mut head: Vec<u8>,
    mut whole: bool,
    reader: &mut dyn Read,
    gather: &mut Gather,
    sink: &mut Sink<'_>,
) -> Result<(), io::Error> {
    if !gather.is_named() && is_report(&head) {
        if !whole {
            let left = item.most.saturating_sub(head.len() as u64);
            reader.take(left + 1).read_to_end(&mut head)?;
            whole = head.len() as u64 <= item.most;
        }
        // Evidence may stand behind one.
        if serde_json::from_slice::<serde::de::IgnoredAny>(&head).is_ok() {
            (sink.note)(format!(
                "{} is a report of socklint, and no evidence: passed over",
                item.name
            ));
            return Ok(());
        }
    }
    if let Some(cut) = Cut::of(&head) {
        return cut.read(item, head, reader, gather, sink);
    }
    let mut bytes = head;
    if whole {
        bytes.shrink_to_fit();
    } else {
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
pub(super) fn flush(gather: &mut Gather, sink: &mut Sink<'_>) {
    let mut out = Vec::new();
    gather.flush(&mut out);
    sink.take(&mut out);
}

/// Hands on a file that is one text.
pub(super) fn add(
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
