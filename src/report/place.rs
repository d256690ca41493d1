//! Where something stands, as reports count, and paths as CI systems and code hosts want them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::source::{Place, SourceFile, SourceMap, Span};

/// A part of a text. As JSON: `path`, `line`, `column`, `end_column`, and `end_line` when it is another
/// line; lines and columns are 1-based, columns count Unicode scalar values, the end is exclusive.
#[derive(Debug, Clone, Copy)]
pub struct Location<'a> {
    file: &'a SourceFile,
    start: usize,
    end: usize,
    /// Lines and columns.
    pub place: Place,
}

impl<'a> Location<'a> {
    /// The place of a span; `None` when it is of no text in `sources`.
    #[must_use]
    pub fn new(sources: &'a SourceMap, span: Span) -> Option<Self> {
        let file = sources.get(span.source)?;
        Some(Self::of(file, span.range()))
    }

    /// The first line of the first text.
    #[must_use]
    pub fn first_line(sources: &'a SourceMap) -> Option<Self> {
        let file = sources.files().first()?;
        Some(Self::of(file, file.line_range(1)))
    }

    fn of(file: &'a SourceFile, range: Range<usize>) -> Self {
        let place = file.place(range.clone());
        Self { file, start: range.start, end: range.end, place }
    }

    /// The name of the text, as it was given; not made safe.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.file.name()
    }

    /// The text.
    #[must_use]
    pub fn file(&self) -> &'a SourceFile {
        self.file
    }

    /// What stands there; not made safe.
    #[must_use]
    pub fn snippet(&self) -> &'a str {
        self.file.slice(self.start..self.end)
    }

    /// The whole of its first line; not made safe.
    #[must_use]
    pub fn line_text(&self) -> &'a str {
        self.file.slice(self.file.line_range(self.place.line))
    }

    /// 1-based columns of the beginning and the end, in bytes of UTF-8.
    #[must_use]
    pub fn byte_columns(&self) -> (usize, usize) {
        let column = |line, at: usize| at.saturating_sub(self.file.line_range(line).start) + 1;
        (column(self.place.line, self.start), column(self.place.end_line, self.end))
    }

    /// Offset and length in bytes, and in Unicode scalar values; `None` when the text was decoded or
    /// cleaned, so that they are not those of the file.
    #[must_use]
    pub fn offsets(&self) -> Option<[(usize, usize); 2]> {
        if self.file.decoded().is_some() {
            return None;
        }
        let chars = self.file.scalars_before(self.place.line) + self.place.column - 1;
        Some([
            (self.start, self.end.saturating_sub(self.start)),
            (chars, self.snippet().chars().count()),
        ])
    }
}

impl Serialize for Location<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Place { line, column, end_line, end_column } = self.place;
        let mut map = serializer.serialize_struct("place", 5)?;
        map.serialize_field("path", self.path())?;
        map.serialize_field("line", &line)?;
        map.serialize_field("column", &column)?;
        if end_line != line {
            map.serialize_field("end_line", &end_line)?;
        }
        map.serialize_field("end_column", &end_column)?;
        map.end()
    }
}

/// A path as code hosts want it: relative to the root of the repository, with `/`, without `.` and `..`.
///
/// The name of a text is the path as it was given, so this is the path in the repository when the program
/// runs at its root. An absolute path only loses its root: what it is relative to is not for a report to
/// find out. Standard input is `stdin`.
#[must_use]
pub fn relative(path: &str) -> Cow<'_, str> {
    if path == "-" || path.is_empty() {
        return Cow::Borrowed("stdin");
    }
    let odd = |part: &str| matches!(part, "" | "." | "..");
    if !path.contains('\\') && !path.split('/').any(odd) {
        return Cow::Borrowed(path);
    }
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Cow::Owned(if parts.is_empty() { "stdin".to_owned() } else { parts.join("/") })
}

/// [`relative`], as a relative reference of a URI: everything but what RFC 3986 calls unreserved, and
/// `/`, is percent-encoded.
#[must_use]
pub fn uri(path: &str) -> String {
    let path = relative(path);
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

/// The beginning of a text, at most `most` Unicode scalar values long; `…` stands for the rest.
#[must_use]
pub fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let end = text.char_indices().nth(most.saturating_sub(1)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative() {
        for (path, expected) in [
            ("db1.txt", "db1.txt"),
            ("./captures//db1.txt", "captures/db1.txt"),
            ("../captures/../db1.txt", "db1.txt"),
            ("/srv/captures/db1.txt", "srv/captures/db1.txt"),
            ("captures\\db1.txt", "captures/db1.txt"),
            ("builtin:baseline", "builtin:baseline"),
            ("-", "stdin"),
            ("..", "stdin"),
        ] {
            assert_eq!(relative(path), expected);
        }
        assert_eq!(uri("builtin:baseline"), "builtin%3Abaseline");
        assert_eq!(uri("a b/é#?\n.txt"), "a%20b/%C3%A9%23%3F%0A.txt");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("äbcd", 3), "äb…");
    }

    #[test]
    fn offsets_and_columns_are_of_the_same_part() {
        let text = "é one\ntwo ü three\n";
        let mut sources = SourceMap::default();
        let id = sources.add(SourceFile::new("a", text).into());
        let span = Span::new(id, text.find("three").map(|at| at..at + 5).unwrap());
        let location = Location::new(&sources, span).unwrap();
        let [bytes, chars] = location.offsets().unwrap();
        assert_eq!(location.snippet(), "three");
        assert_eq!(text.get(bytes.0..bytes.0 + bytes.1), Some("three"));
        assert_eq!(text.chars().skip(chars.0).take(chars.1).collect::<String>(), "three");
        assert_eq!((location.place.line, location.place.column), (2, 7));
        assert_eq!(location.line_text(), "two ü three");
    }
}
