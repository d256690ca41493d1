//! How output may look on its medium: widths, colours, columns.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Width and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Columns of the terminal; `None` for a file or a pipe: lines are then as long as what they hold.
    pub width: Option<usize>,
    /// Whether colours are wanted (ECMA-48 SGR).
    pub colour: bool,
}

/// Between two columns.
pub(crate) const GAP: &str = "  ";

/// Where the output has no width, cells are padded to so many columns at most: one odd name must not
/// move every other row apart.
pub(crate) const PADDED: usize = 44;

/// The shortest width that is kept to.
pub(crate) const NARROWEST: usize = 32;

/// How a piece of text is shown where colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
    Magenta,
}

impl Paint {
    /// Parameters of SGR. Source: ECMA-48, 8.3.117.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Green => "32",
            Self::Magenta => "35",
        }
    }
}

/// Writes one line of painted pieces, without blanks at its end.
pub(crate) fn line(text: &mut String, colour: bool, pieces: &[(Paint, &str)]) {
    let last = pieces.len().saturating_sub(1);
    for (index, (paint, piece)) in pieces.iter().enumerate() {
        let piece = if index == last { piece.trim_end_matches(' ') } else { piece };
        match colour && *paint != Paint::Plain && !piece.is_empty() {
            true => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\u{1b}[{}m{piece}\u{1b}[0m", paint.code());
            }
            false => text.push_str(piece),
        }
    }
    text.push('\n');
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    // Most texts are such, and looking up the width of each character costs more than all else.
    if is_plain(text) { text.len() } else { text.width() }
}

/// Whether a text is printable ASCII and nothing else. All bytes are looked at, which is many at a time.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (0x20..0x7F).contains(&byte))
}

/// Appends so many blanks.
pub(crate) fn push_blanks(target: &mut String, count: usize) {
    const BLANKS: &str = "                                                                ";
    let mut rest = count;
    while rest > 0 {
        let some = rest.min(BLANKS.len());
        target.push_str(BLANKS.get(..some).unwrap_or_default());
        rest -= some;
    }
}

/// A text with blanks behind it, `columns` wide.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let mut padded = String::with_capacity(text.len().max(columns));
    padded.push_str(text);
    push_blanks(&mut padded, columns.saturating_sub(width(text)));
    padded
}

/// A text with blanks before it, `columns` wide.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let mut padded = String::with_capacity(text.len().max(columns));
    push_blanks(&mut padded, columns.saturating_sub(width(text)));
    padded.push_str(text);
    padded
}

/// The beginning of a text that takes at most so many columns, with an ellipsis when that is not all.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut short =
        text.get(..prefix(text, columns.saturating_sub(1))).unwrap_or_default().to_owned();
    short.push('…');
    short
}

/// Bytes of the longest beginning that takes at most `width` columns. A character counts at least as
/// much by itself as in its text, but for emoji presentation (U+FE0F), which counts one more.
fn prefix(text: &str, width: usize) -> usize {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += if c == '\u{FE0F}' { 1 } else { c.width().unwrap_or_default() };
        if columns > width {
            return at;
        }
    }
    text.len()
}

/// Breaks a text into lines of at most `width` columns, between words where there are any.
pub(crate) fn wrap(first: &str, next: &str, text: &str, width: Option<usize>) -> Vec<String> {
    let width = width.unwrap_or(usize::MAX);
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        let mut word = word;
        if !empty && line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        if !empty {
            lines.push(std::mem::replace(&mut line, next.to_owned()));
        }
        while line.width() + word.width() > width {
            let room = width.saturating_sub(line.width());
            let end = prefix(word, room);
            let (head, tail) = word.split_at_checked(end).unwrap_or((word, ""));
            // A character that is wider than the room would never fit.
            if head.is_empty() || tail.is_empty() {
                break;
            }
            line.push_str(head);
            lines.push(std::mem::replace(&mut line, next.to_owned()));
            word = tail;
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}
