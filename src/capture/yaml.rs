//! YAML into a [`Tree`], where it says no more than JSON could.
//!
//! Several documents become one array. Aliases stand for nothing: what they repeat is read where it
//! is written, and a text that repeats itself without end costs nothing.

use granit_parser::{Event, Parser, ScalarStyle};

use super::tree::{DEEPEST, Kind, NONE, Tree};

/// Reads a text in which a line begins with one of `keys` and a colon; its documents are the items of
/// the array at index 0. `None` for a text without such a line and for what is no YAML.
pub(super) fn read(text: &str, keys: &[&str]) -> Option<Tree> {
    let wanted = |line: &str| {
        let line = line.trim_start_matches([' ', '-']);
        keys.iter().any(|key| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
    };
    text.lines().any(wanted).then_some(())?;
    let mut tree = Tree::default();
    let mut open = vec![tree.push(Kind::Array, 0..text.len(), NONE)];
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        let range = span.byte_range()?;
        let parent = open.last().copied().unwrap_or(NONE);
        match event {
            Event::SequenceStart(..) => open.push(tree.push(Kind::Array, range, parent)),
            Event::MappingStart(..) => open.push(tree.push(Kind::Object, range, parent)),
            Event::SequenceEnd | Event::MappingEnd => tree.close(open.pop()?, range.end),
            Event::Alias(_) => drop(tree.push(Kind::Null, range, parent)),
            Event::Scalar(value, style, ..) => {
                let whole = text.get(range.clone())?;
                // What stands between the quotes, where nothing is escaped.
                let bare = whole.len() > value.len() && whole.get(1..=value.len()) == Some(&value);
                let inside =
                    if bare { range.start + 1..range.start + 1 + value.len() } else { range };
                let kind = match style {
                    ScalarStyle::Plain => plain(&value),
                    _ => Kind::String,
                };
                let kind = match text.get(inside.clone()) == Some(&*value) || kind != Kind::String {
                    true => kind,
                    false => {
                        tree.pool.push(value.into_owned());
                        Kind::Pooled(crate::source::to_u32(tree.pool.len() - 1))
                    }
                };
                tree.push(kind, inside, parent);
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_) => {}
            _ => {}
        }
        if open.len() > DEEPEST {
            return None;
        }
    }
    tree.close(0, text.len());
    Some(tree)
}

/// What a scalar without quotes is. Source: YAML 1.2.2, section 10.3.2.
fn plain(value: &str) -> Kind {
    match value {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Kind::Bool,
        _ if value.parse::<f64>().is_ok() && !value.contains(|c: char| c.is_ascii_alphabetic()) => {
            Kind::Number
        }
        _ => Kind::String,
    }
}
