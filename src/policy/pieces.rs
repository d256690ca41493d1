//! A policy text cut where its rules begin, so that one rule at a time is parsed, read and forgotten.
//!
//! The tree of a TOML text takes some thirty times the memory of the text, and filling that memory most of the
//! time of a large policy. A text is cut before each line that begins with `[[rule]]`. Whether such a line is a
//! header, or stands in a string or a list of several lines, the cutter does not know, and need not: in the
//! second case the piece before it ends too soon, which is a fault of its TOML. Where every piece is whole by
//! itself and [`only_adds`] to the others, the pieces say together what the text says. In all other cases the
//! text is read whole.

use super::value::{Data, Tree};

/// What begins a rule, at the beginning of a line.
const RULE: &str = "[[rule]]";

/// The keys of a policy that are lists of tables, to which any piece may add.
const LISTS: [&str; 3] = ["rule", "override", "waiver"];

/// A stretch of a policy text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Piece<'a> {
    /// Where it begins, in bytes.
    pub(super) start: usize,
    pub(super) text: &'a str,
}

/// The pieces of a text: what stands before its first rule, which may be nothing, then one for each rule.
/// Together they are the text; without `at_rules` it is one piece.
pub(super) fn cut(text: &str, at_rules: bool) -> impl Iterator<Item = Piece<'_>> {
    let first = text.starts_with(RULE).then_some(0);
    let others = memchr::memmem::find_iter(text.as_bytes(), "\n[[rule]]").map(|at| at + 1);
    let rules = at_rules.then(|| first.into_iter().chain(others)).into_iter().flatten();
    let mut ends = rules.chain(std::iter::once(text.len()));
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = ends.next()?;
        let piece = Piece { start, text: text.get(start..end).unwrap_or_default() };
        start = end;
        Some(piece)
    })
}

/// Whether a piece behind the first one does nothing but add to lists that the first one does not begin: a
/// list may be written in another way there (`waiver = []`), and other tables must not come twice.
///
/// Its lists are lists of headers, since a piece behind the first begins with a header. A table below a list
/// (`[rule.match]`) belongs to the last element before it: where that is in another piece, the key is no list.
pub(super) fn only_adds(piece: &Tree<'_>, first: &Tree<'_>) -> bool {
    piece.root.iter().all(|pair| {
        let is_list = LISTS.contains(&&*pair.name) && matches!(pair.value.data, Data::Array(_));
        is_list && first.get(&pair.name).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text() {
        for (text, starts) in [
            ("", vec![0]),
            ("version = 1\n", vec![0]),
            ("[[rule]]\n", vec![0, 0]),
            ("[policy]\n[[rule]]\nid = \"a\"\n\n[[rule]] # b\n", vec![0, 9, 28]),
            (" [[rule]]\nid = 'a[[rule]]'\r\n[[rule]]", vec![0, 28]),
        ] {
            let pieces: Vec<_> = cut(text, true).collect();
            assert_eq!(pieces.iter().map(|piece| piece.start).collect::<Vec<_>>(), starts);
            assert_eq!(pieces.iter().map(|piece| piece.text).collect::<String>(), text);
            assert_eq!(cut(text, false).collect::<Vec<_>>(), [Piece { start: 0, text }]);
        }
    }
}
