//! Texts with a name and a line index, and spans in them.
//!
//! Offsets are bytes of the *decoded* text (`SourceFile::decode`); lines and columns are 1-based and columns
//! count Unicode scalar values. A span is resolved by the [`SourceMap`] of its owner: a snapshot
//! and a policy each carry their own.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

/// The longest text that is read, in bytes: offsets are 31 bits wide, the 32nd tells pooled text.
pub const MAX_TEXT: usize = (1 << 31) - 1;

/// How far into a text the lines are counted rather than looked up, in bytes.
const HEAD: usize = 4096;

/// Names one text of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId(pub u32);

/// A half-open byte range in one decoded text; both ends are character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `source` from a byte range; ends beyond 4 GiB are clamped.
    #[must_use]
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        Self { source, start: to_u32(range.start), end: to_u32(range.end) }
    }

    /// The byte range.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// An offset as 32 bits; clamped, since no text is longer than [`MAX_TEXT`].
#[must_use]
pub fn to_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// Where a span begins and ends, as people and reports count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 1-based line of the first character.
    pub line: usize,
    /// 1-based column of the first character, in Unicode scalar values.
    pub column: usize,
    /// 1-based line of the end.
    pub end_line: usize,
    /// 1-based column one past the last character, in Unicode scalar values.
    pub end_column: usize,
}

/// One decoded text with the name that reports call it by.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    /// The number of its first line in the stream that it was cut from, less one.
    lines_before: usize,
    decoded: Option<&'static str>,
    raw_sha256: Option<String>,
    /// That of the text, computed once: a text may hold thousands of hosts.
    sha256: OnceLock<String>,
    lines: OnceLock<Vec<u32>>,
    /// Unicode scalar values before each line.
    scalars: OnceLock<Vec<u32>>,
}

/// Why bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// More than [`MAX_TEXT`] bytes.
    TooLong,
}

impl SourceFile {
    /// A text that needs no decoding.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            lines_before: 0,
            decoded: None,
            raw_sha256: None,
            sha256: OnceLock::new(),
            lines: OnceLock::new(),
            scalars: OnceLock::new(),
        }
    }

    /// Decodes `bytes`: UTF-8 with or without a byte-order mark, UTF-16 by its mark or by its
    /// zero bytes, else UTF-8 with U+FFFD for what is none.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] over [`MAX_TEXT`] bytes.
    pub fn decode(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_TEXT {
            return Err(DecodeError::TooLong);
        }
        let (text, decoded, raw_sha256) = decode(bytes);
        if text.len() > MAX_TEXT {
            return Err(DecodeError::TooLong);
        }
        Ok(Self {
            name: name.into(),
            text,
            lines_before: 0,
            decoded,
            raw_sha256,
            sha256: OnceLock::new(),
            lines: OnceLock::new(),
            scalars: OnceLock::new(),
        })
    }

    /// The same file with a text that was cleaned from `what`; the hash stays that of the bytes.
    #[must_use]
    pub fn with_text(&self, text: String, what: &'static str) -> Self {
        Self {
            name: self.name.clone(),
            text,
            lines_before: self.lines_before,
            decoded: Some(what),
            raw_sha256: Some(self.sha256()),
            sha256: OnceLock::new(),
            lines: OnceLock::new(),
            scalars: OnceLock::new(),
        }
    }

    /// The same file as a piece of a longer stream, in which `lines` lines stand before it: lines are
    /// counted from there.
    #[must_use]
    pub fn after_lines(mut self, lines: usize) -> Self {
        self.lines_before = lines;
        self
    }

    /// The name that reports show; not sanitised.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decoded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the bytes were decoded from, when that was not plain UTF-8.
    #[must_use]
    pub fn decoded(&self) -> Option<&'static str> {
        self.decoded
    }

    /// The text in a range, or nothing where the range is not one of this text.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// SHA-256 of the original bytes, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        let hash = || self.sha256.get_or_init(|| sha256_hex(self.text.as_bytes())).clone();
        self.raw_sha256.clone().unwrap_or_else(hash)
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', self.text.as_bytes());
            std::iter::once(0).chain(ends.map(|end| to_u32(end + 1))).collect()
        })
    }

    /// 1-based line of a byte offset.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        // The head of a long text is counted sooner than all of its lines are found.
        let inside = if offset < HEAD && self.lines.get().is_none() {
            let head = self.text.as_bytes().get(..offset).unwrap_or_default();
            memchr::memchr_iter(b'\n', head).count() + 1
        } else {
            self.lines().partition_point(|&start| start as usize <= offset).max(1)
        };
        self.lines_before.saturating_add(inside)
    }

    /// Byte range of a 1-based line, without its line end.
    #[must_use]
    pub fn line_range(&self, line: usize) -> Range<usize> {
        let lines = self.lines();
        let line = line.saturating_sub(self.lines_before);
        let start = lines.get(line.saturating_sub(1)).map_or(self.text.len(), |&at| at as usize);
        let end = lines.get(line).map_or(self.text.len(), |&at| at as usize - 1);
        let text = self.slice(start..end);
        start..start + text.trim_end_matches('\r').len()
    }

    /// How many Unicode scalar values stand before a 1-based line.
    #[must_use]
    pub fn scalars_before(&self, line: usize) -> usize {
        let before = self.scalars.get_or_init(|| {
            let mut before = Vec::with_capacity(self.lines().len());
            let mut count = 0;
            for line in self.text.split_inclusive('\n') {
                before.push(to_u32(count));
                count += line.chars().count();
            }
            before.push(to_u32(count));
            before
        });
        let inside = line.saturating_sub(self.lines_before).saturating_sub(1);
        let at = before.get(inside).or(before.last());
        at.map_or(0, |&count| count as usize)
    }

    fn column(&self, line: usize, offset: usize) -> usize {
        let inside = line.saturating_sub(self.lines_before).saturating_sub(1);
        let start = self.lines().get(inside).map_or(0, |&at| at as usize);
        self.slice(start..offset).chars().count() + 1
    }

    /// Lines and columns of a byte range.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Place {
        let line = self.line(range.start);
        let last = range.end.max(range.start);
        let end_line = self.line(last);
        Place {
            line,
            column: self.column(line, range.start),
            end_line,
            end_column: self.column(end_line, last),
        }
    }
}

/// The texts that one snapshot or one policy was read from.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<Arc<SourceFile>>,
    /// Where each text begins when all of them stand behind one another.
    bases: Vec<u32>,
}

impl SourceMap {
    /// Adds a text and names it.
    pub fn add(&mut self, file: Arc<SourceFile>) -> SourceId {
        let base = match (self.bases.last(), self.files.last()) {
            (Some(&base), Some(last)) => base.saturating_add(to_u32(last.text().len())),
            _ => 0,
        };
        self.bases.push(base);
        self.files.push(file);
        SourceId(to_u32(self.files.len() - 1))
    }

    /// Where a text begins when all of them stand behind one another: one number is then a place in
    /// any of them. Saturates, see [`SourceMap::stretch`].
    #[must_use]
    pub fn base(&self, id: SourceId) -> u32 {
        self.bases.get(id.0 as usize).copied().unwrap_or(u32::MAX)
    }

    /// `len` bytes from `start`, counted over all texts as [`SourceMap::base`] does; empty when they
    /// do not stand in one text.
    #[must_use]
    pub fn stretch(&self, start: u32, len: u32) -> &str {
        let (id, base) = self.holder(start);
        let start = start.saturating_sub(base) as usize;
        self.get(id).map_or("", |file| file.slice(start..start + len as usize))
    }

    /// The text that a place counted over all texts is in, and where that text begins.
    #[must_use]
    pub fn holder(&self, start: u32) -> (SourceId, u32) {
        let index = match self.bases.get(1) {
            Some(&second) if start >= second => {
                self.bases.partition_point(|&base| base <= start).saturating_sub(1)
            }
            _ => 0,
        };
        (SourceId(to_u32(index)), self.bases.get(index).copied().unwrap_or_default())
    }

    /// The text of an id; `None` for an id of another map.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Arc<SourceFile>> {
        self.files.get(id.0 as usize)
    }

    /// All texts in the order in which they were added.
    #[must_use]
    pub fn files(&self) -> &[Arc<SourceFile>] {
        &self.files
    }

    /// The text that a span covers.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).map_or("", |file| file.slice(span.range()))
    }

    /// Name of the text and place of a span.
    #[must_use]
    pub fn place(&self, span: Span) -> Option<(&str, Place)> {
        self.get(span.source).map(|file| (file.name(), file.place(span.range())))
    }
}

/// SHA-256 of `bytes` in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    sha256_head(bytes, 32)
}

/// The first `count` bytes of the SHA-256 of `bytes` in lower-case hex; all of them from 32 on.
#[must_use]
pub fn sha256_head(bytes: &[u8], count: usize) -> String {
    let digit = |digit: u8| char::from(digit + if digit < 10 { b'0' } else { b'a' - 10 });
    let mut hex = String::with_capacity(2 * count.min(32));
    for byte in Sha256::digest(bytes).into_iter().take(count) {
        hex.push(digit(byte >> 4));
        hex.push(digit(byte & 15));
    }
    hex
}

/// Returns the text, what it was decoded from, and the hash of the bytes when they differ from it.
fn decode(bytes: Vec<u8>) -> (String, Option<&'static str>, Option<String>) {
    let hash = |bytes: &[u8]| Some(sha256_hex(bytes));
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        let text = String::from_utf8_lossy(rest).into_owned();
        return (text, Some("UTF-8 with a byte-order mark"), hash(&bytes));
    }
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks(2).map(|pair| match pair {
            [a, b] => unit([*a, *b]),
            _ => 0xFFFD,
        });
        char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{FFFD}')).collect::<String>()
    };
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return (utf16(rest, u16::from_le_bytes), Some("UTF-16, little endian"), hash(&bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return (utf16(rest, u16::from_be_bytes), Some("UTF-16, big endian"), hash(&bytes));
    }
    match utf16_by_zeros(&bytes) {
        Some(true) => {
            let text = utf16(&bytes, u16::from_le_bytes);
            return (text, Some("UTF-16, little endian, without a mark"), hash(&bytes));
        }
        Some(false) => {
            let text = utf16(&bytes, u16::from_be_bytes);
            return (text, Some("UTF-16, big endian, without a mark"), hash(&bytes));
        }
        None => {}
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, None, None),
        Err(error) => {
            let bytes = error.into_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            (text, Some("bytes that are not all UTF-8"), hash(&bytes))
        }
    }
}

/// Whether a text without a mark is UTF-16: ASCII has a zero in every second byte. `Some(true)` is
/// little endian.
fn utf16_by_zeros(bytes: &[u8]) -> Option<bool> {
    let head = bytes.get(..bytes.len().min(512))?;
    if head.len() < 8 || !bytes.len().is_multiple_of(2) || !head.contains(&0) {
        return None;
    }
    let zeros = |skip: usize| head.iter().skip(skip).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    match () {
        () if odd * 10 >= pairs * 9 && even == 0 => Some(true),
        () if even * 10 >= pairs * 9 && odd == 0 => Some(false),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_stream_counts_the_lines_before_it() {
        let whole = SourceFile::new("s", "a\nbb\nccc\nd");
        let piece = SourceFile::new("s", "ccc\nd").after_lines(2);
        assert_eq!(whole.place(7..8), piece.place(2..3));
        assert_eq!((whole.line_range(3), piece.line_range(3)), (5..8, 0..3));
        assert_eq!((piece.line_range(4), piece.line(4)), (4..5, 4));
    }
}
