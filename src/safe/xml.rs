//! Text in XML 1.0 and in HTML.
//!
//! Source: XML 1.0, fifth edition, sections 2.2 (characters) and 2.4 (character data): controls and
//! U+FFFE, U+FFFF may not stand in a document, not even as a reference, so they become visible escapes.

use std::borrow::Cow;

/// Text on one line, for content and for attributes in either quotes.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    match super::line(text) {
        Cow::Borrowed(text) => escape(text),
        Cow::Owned(text) => Cow::Owned(escape(&text).into_owned()),
    }
}

/// Text for content, with its line breaks.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    match super::lines(text) {
        Cow::Borrowed(text) => escape(text),
        Cow::Owned(text) => Cow::Owned(escape(&text).into_owned()),
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::{lines, text};

    #[test]
    fn nothing_of_a_text_is_markup() {
        for (given, expected) in [
            ("sshd", "sshd"),
            ("<script>]]>&'\"", "&lt;script&gt;]]&gt;&amp;&#39;&quot;"),
            ("a\u{1b}\0\u{FFFE}\nb", "a\\x1b\\x00\\u{fffe}\\nb"),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
        assert_eq!(lines("a\r\n<b\u{7}\n::error::x"), "a\n&lt;b\\x07\n:\\x3aerror::x");
    }
}
