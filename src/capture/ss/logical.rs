//! Rows that stand on several physical lines.
//!
//! ss prints a row on one line, but a narrow screen breaks it anywhere, mail breaks it at blanks, and
//! a process name or a path may hold a line break. A [`Logical`] line is a row put together again,
//! with the way back to where each piece stands.

use std::borrow::Cow;
use std::ops::Range;

use crate::capture::LineRange;
use crate::snapshot::{At, Builder, Text};

/// Text from one or more physical lines.
#[derive(Debug, Clone)]
pub(super) struct Logical<'a> {
    text: Cow<'a, str>,
    /// Where each piece begins here, where it begins in the source, and its length.
    pieces: Vec<(usize, usize, usize)>,
    first: LineRange,
    /// The last physical line.
    pub(super) last: LineRange,
}

impl<'a> Logical<'a> {
    /// One physical line.
    pub(super) fn new(text: &'a str, line: LineRange) -> Self {
        Self { text: Cow::Borrowed(text), pieces: Vec::new(), first: line, last: line }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a line, with what stands for the line break.
    pub(super) fn push(&mut self, separator: &str, text: &str, line: LineRange) {
        if self.pieces.is_empty() {
            self.pieces.push((0, self.first.start, self.text.len()));
        }
        let whole = self.text.to_mut();
        whole.push_str(separator);
        self.pieces.push((whole.len(), line.start, text.len()));
        whole.push_str(text);
        self.last = line;
    }

    /// The same, with a text of its own.
    pub(super) fn into_owned(self) -> Logical<'static> {
        Logical {
            text: Cow::Owned(self.text.into_owned()),
            pieces: self.pieces,
            first: self.first,
            last: self.last,
        }
    }

    /// The length so far, to come back to.
    pub(super) fn mark(&self) -> (usize, usize, LineRange) {
        (self.text.len(), self.pieces.len(), self.last)
    }

    /// Forgets the lines that were added since a mark.
    pub(super) fn back_to(&mut self, mark: (usize, usize, LineRange)) {
        let (len, pieces, last) = mark;
        if len < self.text.len() {
            self.text.to_mut().truncate(len);
        }
        self.pieces.truncate(pieces.max(1));
        self.last = last;
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> usize {
        self.pieces.len().max(1)
    }

    /// Where a range of the text stands in the source.
    pub(super) fn at(&self, range: &Range<usize>) -> At {
        if self.pieces.is_empty() {
            return At::new(self.first.start + range.start..self.first.start + range.end);
        }
        At::new(self.offset(range.start, false)..self.offset(range.end, true))
    }

    /// The source offset of an offset here; `end` for one past the last byte.
    fn offset(&self, at: usize, end: bool) -> usize {
        let found =
            self.pieces.iter().rev().find(|(begin, ..)| *begin < at || (!end && *begin == at));
        match found.or(self.pieces.first()) {
            Some(&(begin, source, len)) => source + at.saturating_sub(begin).min(len),
            None => self.first.start,
        }
    }

    /// A string of the snapshot for a range of the text.
    pub(super) fn string(&self, range: &Range<usize>, builder: &mut Builder) -> Text {
        let whole = self.pieces.is_empty()
            || self
                .pieces
                .iter()
                .any(|&(begin, _, len)| begin <= range.start && range.end <= begin + len);
        if whole {
            return builder.text(self.at(range));
        }
        builder.pooled(self.text.get(range.clone()).unwrap_or_default())
    }

    /// The whole row, without blanks at its ends.
    pub(super) fn row(&self) -> At {
        let lead = self.text.len() - self.text.trim_start().len();
        self.at(&(lead..self.text.trim_end().len().max(lead)))
    }
}
