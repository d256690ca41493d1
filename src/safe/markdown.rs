//! Text in GitHub Flavored Markdown.
//!
//! Source: GFM 0.29, sections 2.4 (backslash escapes), 4.10 (tables) and 6.9 (autolinks); CommonMark
//! 0.31.

/// Text that Markdown shows as it is, on one line: in a cell of a table or in a paragraph. Every
/// character that Markdown or HTML gives a meaning to is escaped; no links and no mentions are made.
#[must_use]
pub fn text(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for c in super::line(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                cell.push('\\');
                cell.push(c);
            }
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '&' => cell.push_str("&amp;"),
            '/' if before == ':' => cell.push_str("<span>/</span>"),
            '@' => cell.push_str("<span>@</span>"),
            '.' if ends_with_www(&cell) => cell.push_str("<span>.</span>"),
            // A list or a heading would begin with these.
            '-' | '+' | '=' if cell.is_empty() => {
                cell.push('\\');
                cell.push(c);
            }
            c => cell.push(c),
        }
        before = c;
    }
    cell
}

/// [`text`] for each line, with breaks between them.
#[must_use]
pub fn lines(lines: &str) -> String {
    lines.lines().map(text).collect::<Vec<_>>().join("<br>")
}

fn ends_with_www(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.get(bytes.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case(b"www"))
}

#[cfg(test)]
mod tests {
    use super::{lines, text};

    #[test]
    fn nothing_of_a_text_is_markup() {
        for (given, expected) in [
            ("sshd (700)", "sshd (700)"),
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](http://y)", "\\[x\\](http:<span>/</span>/y)"),
            ("`x`", "\\`x\\`"),
            ("@admin", "<span>@</span>admin"),
            ("www.example.org", "www<span>.</span>example.org"),
            ("WwW.example.org", "WwW<span>.</span>example.org"),
            ("- x", "\\- x"),
            ("a\nb", "a\\\\nb"),
            ("0.0.0.0:22", "0.0.0.0:22"),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
        assert_eq!(lines("a\n|b"), "a<br>\\|b");
    }
}
