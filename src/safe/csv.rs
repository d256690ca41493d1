//! CSV for spreadsheets and scripts.
//!
//! RFC 4180: CRLF after each row, quotes where they are needed. Spreadsheets take cells that begin with
//! `=`, `+`, `-`, `@` or a tab for formulas: these get a `'` before them. Source: OWASP, "CSV
//! Injection".

use std::borrow::Cow;
use std::io;

/// Writes one row.
///
/// # Errors
///
/// What `out` says.
pub fn row<'a>(
    out: &mut dyn io::Write,
    cells: impl IntoIterator<Item = &'a str>,
) -> io::Result<()> {
    for (index, text) in cells.into_iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(cell(text).as_bytes())?;
    }
    out.write_all(b"\r\n")
}

/// One cell, harmless and quoted where it must be.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let mut cell = super::line(text);
    // Fullwidth forms are taken for the plain ones by some spreadsheets.
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n'])
    {
        cell.to_mut().insert(0, '\'');
    }
    if cell.contains([',', '"', ';', '\'']) || cell.starts_with(' ') || cell.ends_with(' ') {
        return Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        for (text, expected) in [
            ("sshd", "sshd"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("\t=1", "\"'\\t=1\""),
            ("a\nb", "a\\nb"),
            ("\u{1b}[2J", "\\x1b[2J"),
            ("##[error]x", "#\\x23[error]x"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
