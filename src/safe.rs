//! Text from evidence, policies and file names is hostile: made harmless here for people's eyes.
//!
//! A process chooses its own name, so a capture may hold escape sequences, bidirectional marks and
//! line breaks. Each output format escapes for its own medium; what a terminal shows goes through
//! [`line()`] (one line, visible escapes) or [`same_length`] (offsets stay true).

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character could act on a terminal or mislead the eye: controls (C0, DEL, C1), line and
/// paragraph separators, bidirectional marks, and other invisible format characters.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// One line of text: every harmful character becomes a visible escape such as `\x1b` or `\u{202e}`.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) || !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_harmful(c) && c.is_ascii() => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\x{:02x}", c as u32);
            }
            c if is_harmful(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", c as u32);
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// The text with each harmful character but `\n` and `\t` replaced by one of the same length in
/// bytes, so that offsets into it stay true.
#[must_use]
pub fn same_length(text: &str) -> Cow<'_, str> {
    let keep = |c: char| c == '\n' || c == '\t' || !is_harmful(c);
    if text.chars().all(keep) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| match (keep(c), c.len_utf8()) {
                (true, _) => c,
                // A carriage return before a line feed is a line end, not an attack: show nothing.
                (false, 1) if c == '\r' => ' ',
                (false, 1) => '?',
                (false, 2) => '\u{BF}',
                (false, 3) => '\u{FFFD}',
                (false, _) => '\u{1F6AB}',
            })
            .collect(),
    )
}

/// Writes a value as JSON in which every harmful character is a `\u` escape: JSON itself asks that
/// of controls only. `pretty` indents by two blanks.
///
/// # Errors
///
/// What `out` says.
pub fn json<T: serde::Serialize>(
    out: &mut dyn std::io::Write,
    value: &T,
    pretty: bool,
) -> std::io::Result<()> {
    use serde_json::ser::{CompactFormatter, PrettyFormatter};
    let done = match pretty {
        true => value.serialize(&mut serde_json::Serializer::with_formatter(
            out,
            Harmless(PrettyFormatter::new()),
        )),
        false => value.serialize(&mut serde_json::Serializer::with_formatter(
            out,
            Harmless(CompactFormatter),
        )),
    };
    done.map_err(Into::into)
}

/// A JSON formatter that escapes harmful characters in strings.
struct Harmless<F>(F);

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $name<W: ?Sized + std::io::Write>(&mut self, out: &mut W $(, $arg: $type)*) -> std::io::Result<()> {
            self.0.$name(out $(, $arg)*)
        }
    )*};
}

impl<F: serde_json::ser::Formatter> serde_json::ser::Formatter for Harmless<F> {
    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        if !fragment.chars().any(is_harmful) {
            return out.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            let mut units = [0; 2];
            if is_harmful(c) {
                for unit in c.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                write!(out, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_become_visible_escapes() {
        assert_eq!(line("sshd"), "sshd");
        assert_eq!(line("a\u{1b}[31mb\n"), "a\\x1b[31mb\\n");
        assert_eq!(line("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(line("café ✓"), "café ✓");
    }

    #[test]
    fn json_escapes_what_json_would_let_through() {
        let mut out = Vec::new();
        json(&mut out, &"a\u{1b}\u{202e}\u{7f}\u{E0001}é", false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"a\\u001b\\u202e\\u007f\\udb40\\udc01é\"");
        assert_eq!(
            serde_json::from_str::<String>(&text).unwrap(),
            "a\u{1b}\u{202e}\u{7f}\u{E0001}é"
        );
    }

    #[test]
    fn offsets_stay_true() {
        let hostile = "a\u{1b}\u{85}\u{202e}\u{E0001}z\r\nnext\tcell";
        let shown = same_length(hostile);
        assert_eq!(shown.len(), hostile.len());
        assert_eq!(shown.find('z'), hostile.find('z'));
        assert!(!shown.chars().any(|c| is_harmful(c) && c != '\n' && c != '\t'));
    }
}
