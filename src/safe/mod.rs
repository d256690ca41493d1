//! Text from evidence, policies and file names is hostile: made harmless here for people's eyes.
//!
//! A process chooses its own name, so a capture may hold escape sequences, bidirectional marks and
//! line breaks. Each output format escapes for its own medium; what a terminal shows goes through
//! [`line()`] (one line, visible escapes) or [`same_length`] (offsets stay true). A CI runner reads what
//! a program prints and obeys commands in it, so these two leave none whole, and so does [`json()`].

pub mod csv;
mod json;
pub mod markdown;
pub mod xml;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use json::{is_safe_json, json, push_json};

/// Whether a character could act on a terminal or mislead the eye: controls (C0, DEL, C1), line and
/// paragraph separators, bidirectional marks, and other invisible format characters.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}'
            | '\u{E0000}'..='\u{E007F}')
}

/// Whether the character at a byte offset is the second mark of what a CI runner takes for a command.
///
/// GitHub's runner, Azure Pipelines and TeamCity look for `##[`, `##vso[` and `##teamcity[` anywhere in a
/// line; GitHub's runner takes a line that begins with `::name` for one, blanks before it or not. An IPv6
/// address is none: each name of a command has a letter that is no hex digit. In a path of Rust such as
/// `socklint::cli` the name does not stand at a beginning.
/// Source: actions/runner, `ActionCommand.cs`; Azure Pipelines, "Logging commands"; TeamCity, "Service
/// messages".
#[must_use]
pub fn is_command(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let byte = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied();
    let rest = bytes.get(at + 1..).unwrap_or_default();
    match (byte(at.checked_sub(1)), byte(Some(at))) {
        (Some(b'#'), Some(b'#')) => {
            rest.first().is_some_and(|&next| next == b'[' || next.is_ascii_alphabetic())
        }
        (Some(b':'), Some(b':')) => {
            let before = byte(at.checked_sub(2));
            let inside = before.is_some_and(|before| before.is_ascii_alphanumeric());
            !inside && begins_name(rest)
        }
        _ => false,
    }
}

fn begins_name(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-');
    name.filter(|byte| byte.is_ascii_alphabetic()).any(|byte| !byte.is_ascii_hexdigit())
}

fn has_command(text: &str) -> bool {
    memchr::memchr2_iter(b'#', b':', text.as_bytes()).any(|at| is_command(text, at))
}

/// One line of text: every harmful character becomes a visible escape such as `\x1b` or `\u{202e}`, and
/// so does the second mark of a command of a CI runner.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    if (plain || !text.chars().any(is_harmful)) && !has_command(text) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if (is_harmful(c) || is_command(text, at)) && c.is_ascii() => {
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

/// Several lines of text, each as [`line()`] makes it, with a line feed between them.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) && !has_command(text) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text.lines().map(line).collect();
    Cow::Owned(lines.join("\n"))
}

/// Lines that were wrapped, in which a break may have put the name of a command at a beginning: broken
/// up there once more.
#[must_use]
pub fn wrapped(text: &str) -> Cow<'_, str> {
    let commands = |line: &str| {
        let start = line.trim_start();
        start.starts_with("::") && begins_name(start.as_bytes().get(2..).unwrap_or_default())
    };
    if !text.lines().any(commands) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        match commands(line) {
            true => safe.push_str(&line.replacen("::", ":\\x3a", 1)),
            false => safe.push_str(line),
        }
    }
    Cow::Owned(safe)
}

/// The text with each harmful character but `\n` and `\t` replaced by one of the same length in
/// bytes, so that offsets into it stay true. For what does not stand at the beginning of a line: `::` is
/// kept.
#[must_use]
pub fn same_length(text: &str) -> Cow<'_, str> {
    let keep = |c: char| c == '\n' || c == '\t' || !is_harmful(c);
    if text.chars().all(keep) && !has_command(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.char_indices()
            .map(|(at, c)| match (keep(c), c.len_utf8()) {
                (true, _) if c == '#' && is_command(text, at) => '?',
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
    fn runners_obey_nothing() {
        for (text, expected) in [
            ("##[error]x", "#\\x23[error]x"),
            ("a ##vso[task] ##teamcity[x", "a #\\x23vso[task] #\\x23teamcity[x"),
            ("###[x", "##\\x23[x"),
            ("## heading ###", "## heading ###"),
            ("::error::x", ":\\x3aerror::x"),
            ("  ::add-mask::x", "  :\\x3aadd-mask::x"),
            ("socklint::cli::usage", "socklint::cli::usage"),
            (
                "`::`, ::1 and ::ffff:10.0.0.1, fe80::1, [::]:22",
                "`::`, ::1 and ::ffff:10.0.0.1, fe80::1, [::]:22",
            ),
        ] {
            assert_eq!(line(text), expected);
        }
        assert_eq!(same_length("a ##[error] ::x"), "a #?[error] ::x");
        assert_eq!(lines("a\r\n::error::b\n"), "a\n:\\x3aerror::b");
        assert_eq!(wrapped("a\n  ::error::b\n::1\n"), "a\n  :\\x3aerror::b\n::1\n");
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
