//! JSON in which no text acts on whoever shows it.

use super::{is_command, is_harmful};

/// Writes a value as JSON in which every harmful character is a `\u` escape, where JSON itself asks that
/// of controls only, and so is the second mark of a command of a CI runner. `pretty` indents by two
/// blanks.
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

/// The same on one line behind `text`: values that are many cost less so.
///
/// # Errors
///
/// When the value cannot be JSON.
pub fn push_json<T: serde::Serialize>(text: &mut Vec<u8>, value: &T) -> std::io::Result<()> {
    let formatter = Harmless(serde_json::ser::CompactFormatter);
    value.serialize(&mut serde_json::Serializer::with_formatter(text, formatter))?;
    Ok(())
}

/// Whether JSON holds nothing that [`json()`] would have escaped, and no line break.
#[must_use]
pub fn is_safe_json(text: &str) -> bool {
    let plain = |byte: u8| (0x20..0x7F).contains(&byte) && byte != b'#';
    let command = || memchr::memchr_iter(b'#', text.as_bytes()).any(|at| is_command(text, at));
    text.bytes().all(plain) || !(text.chars().any(is_harmful) || command())
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
        // Most texts are such. All bytes are looked at, which is many at a time.
        let plain = |byte: u8| (0x20..0x7F).contains(&byte) & (byte != b'#');
        if fragment.bytes().fold(true, |all, byte| all & plain(byte)) {
            return out.write_all(fragment.as_bytes());
        }
        if !fragment.chars().any(is_harmful) && !super::has_command(fragment) {
            return out.write_all(fragment.as_bytes());
        }
        for (at, c) in fragment.char_indices() {
            let mut units = [0; 2];
            // A line of JSON never begins with a text, so `::` does nothing.
            if is_harmful(c) || c == '#' && is_command(fragment, at) {
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
    fn runners_obey_nothing_in_json() {
        let mut out = Vec::new();
        json(&mut out, &"a ##[error]b ##vso[x]\"##teamcity[y] ## ::1", true).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r###""a #\u0023[error]b #\u0023vso[x]\"#\u0023teamcity[y] ## ::1""###);
    }
}
