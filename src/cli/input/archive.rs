//! Tar archives: ustar, pax and GNU, read entry by entry.
//!
//! Nothing is unpacked, so names that lead out of the archive and links do no harm; they are told of. Names
//! that stand in entries of their own are bounded here. Source: POSIX.1-2017, pax, "ustar Interchange Format"
//! and "pax Header Block"; GNU tar manual, "Basic Tar Format".

use std::io::{self, Read};

use tar::{Archive, EntryType};

use super::limits::{self, Counted, Hit};
use super::stream::{Item, Sink, read as read_item};
use super::{CliError, CliErrorKind};
use crate::evidence::{Gather, layout};

/// Whether a file begins with the header of a tar archive: its magic, or as old ones do with a name, numbers in
/// octal and their sum.
pub(super) fn is_tar(head: &[u8]) -> bool {
    if head.get(257..262) == Some(b"ustar") {
        return true;
    }
    let Some(sum) = head.get(148..156) else { return false };
    let digits: Vec<u8> = sum.iter().copied().filter(u8::is_ascii_digit).collect();
    let Some(named) =
        std::str::from_utf8(&digits).ok().and_then(|d| u32::from_str_radix(d, 8).ok())
    else {
        return false;
    };
    let sum = head.iter().take(512).enumerate().map(|(at, &byte)| match at {
        148..156 => 32,
        _ => u32::from(byte),
    });
    head.len() >= 512 && digits.len() >= 4 && sum.sum::<u32>() == named
}

/// What an archive holds that is no file.
#[derive(Default)]
struct Odd {
    links: usize,
    devices: usize,
    outside: usize,
    first: Option<String>,
    /// Files that are hidden, and the first of them.
    hidden: usize,
    first_hidden: Option<String>,
}

impl Odd {
    fn tell(&self, name: &str, sink: &mut Sink<'_>) {
        if let Some(first) = &self.first_hidden {
            let files = if self.hidden == 1 { "file is" } else { "files are" };
            let count = self.hidden;
            (sink.note)(format!("{name}: {count} hidden {files} not read; the first is {first}"));
        }
        let Some(first) = &self.first else { return };
        let counts = [
            (self.links, "links"),
            (self.devices, "devices or pipes"),
            (self.outside, "names that lead out of it"),
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (sink.note)(format!("{name}: harmless here: {}; the first is {first}", parts.join(", ")));
    }
}

/// Reads an archive; its members become evidence on their own, apart from what lies beside it.
pub(super) fn read(
    item: Item<'_>,
    reader: &mut dyn Read,
    sink: &mut Sink<'_>,
) -> Result<(), io::Error> {
    let top = crate::evidence::host_of_archive(item.path);
    let mut gather = Gather::new(&format!("{}:", item.name), top);
    let mut counted = Counted::new(reader);
    let ended = counted.ended();
    let mut walk = Walk { item, last: None, odd: Odd::default() };
    let walked = walk.members(&mut counted, &mut gather, sink);
    let walked = walked.and_then(|()| {
        // Without the mark of the end members may be missing, however whole the last one is.
        if ended.get() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        zeros(&mut counted)
    });
    // The library has no kind of its own for an end in the middle of a header.
    let walked = walked.map_err(|fault| match ended.get() && !limits::is_hit(&fault) {
        true => io::Error::from(io::ErrorKind::UnexpectedEof),
        false => fault,
    });
    let mut out = Vec::new();
    let aside = gather.finish(&mut out);
    sink.take(&mut out);
    super::tell_aside(sink, &aside);
    walk.odd.tell(item.name, sink);
    if let Err(fault) = walked {
        sink.broken(item.name, &fault, walk.last.as_deref());
    }
    Ok(())
}

/// Reads on behind the end of an archive: there is nothing but zeros, or another archive that would be lost.
fn zeros(reader: &mut dyn Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 15];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if buffer.iter().take(read).any(|&byte| byte != 0) {
            return Err(io::Error::other("something follows the end of the archive"));
        }
    }
}

/// The way through one archive.
struct Walk<'a> {
    item: Item<'a>,
    /// The last member that was whole.
    last: Option<String>,
    odd: Odd,
}

/// What entries say of the one behind them.
#[derive(Default)]
struct Ahead {
    name: Option<String>,
    modified: Option<i64>,
}

impl Walk<'_> {
    fn members(
        &mut self,
        reader: &mut dyn Read,
        gather: &mut Gather,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let mut archive = Archive::new(reader);
        let mut ahead = Ahead::default();
        let mut count = 0;
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            count += 1;
            if count > limits::MEMBERS {
                let message = format!("it has more than {} members", limits::MEMBERS);
                return Err(io::Error::other(Hit(message)));
            }
            let kind = entry.header().entry_type();
            match kind {
                EntryType::GNULongName => {
                    let name = small(&mut entry)?;
                    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                    ahead.name = Some(String::from_utf8_lossy(name).into_owned());
                    continue;
                }
                EntryType::GNULongLink | EntryType::XGlobalHeader => {
                    small(&mut entry)?;
                    continue;
                }
                EntryType::XHeader => {
                    ahead.pax(&small(&mut entry)?)?;
                    continue;
                }
                _ => {}
            }
            let ahead = std::mem::take(&mut ahead);
            let name = match ahead.name {
                Some(name) => name,
                None => String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
            };
            if name.len() as u64 > limits::NAME {
                let message = format!("a name is longer than {} bytes", limits::NAME);
                return Err(io::Error::other(Hit(message)));
            }
            let modified =
                ahead.modified.or_else(|| i64::try_from(entry.header().mtime().ok()?).ok());
            let size = entry.header().entry_size()?;
            self.member(&name, kind, modified, size, &mut entry, gather, sink)?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "what one entry is, and where it goes")]
    fn member(
        &mut self,
        name: &str,
        kind: EntryType,
        modified: Option<i64>,
        size: u64,
        entry: &mut dyn Read,
        gather: &mut Gather,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let (path, outside) = inside(name);
        let odd = match kind {
            EntryType::Regular | EntryType::Continuous => outside.then_some(&mut self.odd.outside),
            EntryType::Link => None,
            EntryType::Symlink => {
                // The links of a sosreport lead to files that are in it.
                let sos = layout::place(&path).layout == layout::Layout::Sos;
                (!sos).then_some(&mut self.odd.links)
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => Some(&mut self.odd.devices),
            EntryType::Directory => None,
            _ => {
                let message = format!("`{path}` is of a kind that is not read (sparse?)");
                return Err(io::Error::other(message));
            }
        };
        if let Some(odd) = odd {
            *odd += 1;
            self.odd.first.get_or_insert_with(|| name.to_owned());
        }
        let file = matches!(kind, EntryType::Regular | EntryType::Continuous);
        let wanted = !path.is_empty() && gather.wants(&path) && !hidden(&path);
        let mut counted = Counted::new(entry);
        let count = counted.count();
        if wanted && kind == EntryType::Link {
            // tar writes one of two files that are the same on disk so: a host for itself, whose text was held
            // by an earlier member and is gone.
            (sink.error)(CliError::new(
                CliErrorKind::Unreadable,
                format!(
                    "`{}:{path}` is a hard link to another member and is not read",
                    self.item.name
                ),
                "pack it with `tar --hard-dereference`",
            ));
        }
        if file && hidden(&path) && gather.wants(&path) && !is_apple_double(&path) {
            self.odd.hidden += 1;
            self.odd.first_hidden.get_or_insert_with(|| path.clone());
        }
        if file && wanted {
            let Item { name: archive, depth, most, .. } = self.item;
            let name = format!("{archive}:{path}");
            let item = Item { name: &name, path: &path, modified, depth, most };
            let mut held = Vec::new();
            // A member that is cut off must not come out as if it were whole.
            let fault = self.whole(item, size, &mut counted, &mut held, gather, sink)?;
            if let Some(fault) = fault {
                sink.broken(&name, &fault, None);
            }
        }
        io::copy(&mut counted, &mut io::sink())?;
        if count.get() < size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        if file {
            self.last = Some(path);
        }
        Ok(())
    }

    /// Reads a member. One of no great length is read before anything is made of it, so that one that is cut off
    /// is seen; of a longer one an end that comes too early is a fault.
    fn whole(
        &self,
        item: Item<'_>,
        size: u64,
        entry: &mut dyn Read,
        held: &mut Vec<u8>,
        gather: &mut Gather,
        sink: &mut Sink<'_>,
    ) -> io::Result<Option<io::Error>> {
        /// Longer ones are read as they come.
        const HELD: u64 = 1 << 24;
        if size > HELD {
            let mut entry = Exact { entry, left: size };
            return Ok(read_item(item, &mut entry, gather, sink).err());
        }
        entry.take(HELD).read_to_end(held)?;
        if (held.len() as u64) < size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(read_item(item, &mut held.as_slice(), gather, sink).err())
    }
}

/// An entry whose end is a fault before all of it has come.
struct Exact<'a> {
    entry: &'a mut dyn Read,
    left: u64,
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.entry.read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Ahead {
    /// `LEN KEY=VALUE\n` records.
    fn pax(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let broken = || io::Error::other("a pax header is broken");
            let space = rest.iter().position(|&byte| byte == b' ').ok_or_else(broken)?;
            let len = std::str::from_utf8(rest.get(..space).unwrap_or_default())
                .ok()
                .and_then(|len| len.parse::<usize>().ok())
                .filter(|&len| len > space + 1)
                .ok_or_else(broken)?;
            let record = rest.get(space + 1..len).ok_or_else(broken)?;
            rest = rest.get(len..).unwrap_or_default();
            let record = String::from_utf8_lossy(record);
            let Some((key, value)) = record.trim_end_matches('\n').split_once('=') else {
                return Err(broken());
            };
            match key {
                "path" => self.name = Some(value.to_owned()),
                "mtime" => {
                    self.modified = value.split('.').next().and_then(|whole| whole.parse().ok());
                }
                // The size in the header would then be another one: readers would not agree.
                "size" => {
                    return Err(io::Error::other(Hit("a member is longer than 8 GiB".into())));
                }
                key if key.starts_with("GNU.sparse") => {
                    return Err(io::Error::other("a sparse member is not read"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The bytes of an entry that only describes another one.
fn small(entry: &mut dyn Read) -> io::Result<Vec<u8>> {
    /// More than a name and some attributes.
    const MOST: u64 = 1 << 16;
    let mut bytes = Vec::new();
    entry.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other(Hit("a name is longer than 64 KiB".to_owned())));
    }
    Ok(bytes)
}

/// The path of a member inside the archive, and whether its name leads elsewhere.
fn inside(name: &str) -> (String, bool) {
    let mut outside = name.starts_with('/');
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => outside = true,
            part => parts.push(part),
        }
    }
    (parts.join("/"), outside)
}

/// Hidden files are left out, as in folders: `._db1.txt` and the like are no evidence.
fn hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

/// Whether a file is what macOS keeps beside one of its own: `._db1.txt`. Source: RFC 1740.
fn is_apple_double(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        assert_eq!(inside("./a//b"), ("a/b".to_owned(), false));
        assert_eq!(inside("../../etc/passwd"), ("etc/passwd".to_owned(), true));
        assert_eq!(inside("/etc/passwd"), ("etc/passwd".to_owned(), true));
        assert!(is_tar(tar::Header::new_ustar().as_bytes()));
        assert!(!is_tar(&[b'0'; 512]) && !is_tar(b"LISTEN 0 128"));
    }
}
